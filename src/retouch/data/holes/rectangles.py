"""Holes with straight edges along the picture's: boxes, squares, missing sides, grids."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np

from retouch.data.holes.kind import Count, Kind, Limits, Span, pick, scale
from retouch.data.holes.raster import Box, Hole, Size, rectangles

Place = Literal["any", "centre"]
"""Where a square is."""

Sides = Literal["any", "left", "right", "top", "bottom", "horizontal", "vertical", "all"]
"""What is missing around a picture; ``horizontal`` is left and right."""


@dataclass(frozen=True)
class Boxes(Kind):
    """Rectangles.

    Attributes:
        side: length of each side, in pixels of a 256-pixel picture.
        count: how many.
        margin: distance from the picture's edges, in pixels of a 256-pixel picture.
    """

    name: ClassVar[str] = "box"
    limits: ClassVar[Mapping[str, Limits]] = {
        "side": (1, math.inf),
        "count": (1, 1000),
        "margin": (0, math.inf),
    }
    side: Count = (30, 150)
    count: Count = (1, 4)
    margin: int = 10

    def _drawn(self, size: Size, random: np.random.Generator) -> Hole:
        return self.at(size, random, scale(size))

    def at(self, size: Size, random: np.random.Generator, factor: float) -> Hole:
        """Draw them with lengths multiplied by a factor instead of by the picture's size."""
        return rectangles([self._box(size, random, factor) for _ in range(pick(self.count, random))], size)

    def _box(self, size: Size, random: np.random.Generator, factor: float) -> Box:
        corners = []
        for whole in (size[1], size[0]):
            margin = min(round(self.margin * factor), (whole - 1) // 2)
            room = whole - 2 * margin
            most = max(1, min(round(self.side[1] * factor), room))
            least = max(1, min(round(self.side[0] * factor), most))
            length = pick((least, most), random)
            start = margin + pick((0, room - length), random)
            corners.append((start, start + length))
        (x0, x1), (y0, y1) = corners
        return x0, y0, x1, y1


@dataclass(frozen=True)
class Square(Kind):
    """One square.

    Attributes:
        area: part of the picture, 0 … 1; less where the shorter side does not allow it.
        place: anywhere inside the picture, or in its middle.
    """

    name: ClassVar[str] = "square"
    limits: ClassVar[Mapping[str, Limits]] = {"area": (0.0, 1.0)}
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"place": get_args(Place)}
    area: Span = (0.1, 0.35)
    place: Place = "any"

    def _drawn(self, size: Size, random: np.random.Generator) -> Hole:
        height, width = size
        part = random.uniform(*self.area)
        side = max(1, min(round(float(np.sqrt(part * height * width))), height, width))
        y, x = (pick((0, whole - side), random) for whole in size)
        if self.place == "centre":
            y, x = (height - side) // 2, (width - side) // 2
        return rectangles([(x, y, x + side, y + side)], size)


@dataclass(frozen=True)
class Outpaint(Kind):
    """Whole sides of the picture, as if it were to be continued there.

    Attributes:
        pad: width of what is missing at a side, as a part of the picture's width or height.
        sides: any draws each side with a chance of one half, and at least one.
    """

    name: ClassVar[str] = "outpaint"
    limits: ClassVar[Mapping[str, Limits]] = {"pad": (0.0, 1.0)}
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"sides": get_args(Sides)}
    pad: Span = (0.04, 0.25)
    sides: Sides = "any"

    def _drawn(self, size: Size, random: np.random.Generator) -> Hole:
        height, width = size
        chosen = _SIDES.get(self.sides)
        if chosen is None:
            chosen = random.random(4) < 0.5
            if not chosen.any():
                chosen[int(random.integers(4))] = True
        parts = random.uniform(*self.pad, size=4) * np.array([width, width, height, height])
        left, right, top, bottom = (np.ceil(parts).astype(int) * chosen).tolist()
        hole = np.ones(size, np.bool_)
        hole[top : max(height - bottom, 0), left : max(width - right, 0)] = False
        return hole


_SIDES = {
    "left": np.array([1, 0, 0, 0]),
    "right": np.array([0, 1, 0, 0]),
    "top": np.array([0, 0, 1, 0]),
    "bottom": np.array([0, 0, 0, 1]),
    "horizontal": np.array([1, 1, 0, 0]),
    "vertical": np.array([0, 0, 1, 1]),
    "all": np.array([1, 1, 1, 1]),
}


@dataclass(frozen=True)
class Grid(Kind):
    """Rows and columns at even distances, as if the picture were to get more pixels.

    Attributes:
        step: from one line to the next, in pixels of the picture itself.
        width: of a line, in pixels of the picture itself; always below the step.
    """

    name: ClassVar[str] = "grid"
    limits: ClassVar[Mapping[str, Limits]] = {"step": (2, math.inf), "width": (1, math.inf)}
    step: Count = (2, 4)
    width: Count = (1, 3)

    def _drawn(self, size: Size, random: np.random.Generator) -> Hole:
        lines = []
        for whole in size:
            step = pick(self.step, random)
            most = min(self.width[1], step - 1)
            width = pick((min(self.width[0], most), most), random)
            lines.append((np.arange(whole) + pick((0, step - 1), random)) % step < width)
        return lines[0][:, None] | lines[1][None, :]
