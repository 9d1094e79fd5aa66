"""The holes that LaMa was trained and measured with."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from retouch.data.holes.kind import Count, Holes, pick, picks, scale
from retouch.data.holes.raster import Hole, Size, capsules
from retouch.data.holes.rectangles import Boxes


@dataclass(frozen=True)
class Table:
    """One configuration: broad strokes or rectangles.

    Attributes:
        side: shorter side of the picture it was written for.
        strokes: how many strokes.
        length: of a straight part of a stroke, in pixels.
        width: of a straight part of a stroke, in pixels.
        share: how often rectangles are drawn instead, as a part of all.
        boxes: those rectangles.
    """

    side: int
    strokes: Count
    length: Count
    width: Count
    share: float = 0.0
    boxes: Boxes = field(default_factory=Boxes)


PRESETS = {
    "large": (Table(256, (1, 6), (10, 209), (5, 104), 1 / 2, Boxes((30, 150), (1, 4), 10)),),
    "small": (Table(256, (4, 13), (10, 89), (5, 44), 1 / 2, Boxes((30, 128), (1, 1), 0)),),
    "thin": (Table(256, (4, 51), (10, 49), (5, 14)), Table(512, (4, 71), (10, 109), (5, 24))),
    "medium": (
        Table(256, (4, 6), (10, 109), (5, 54), 0.3 / 1.3, Boxes((10, 50), (1, 5), 0)),
        Table(512, (4, 11), (10, 209), (5, 104), 0.3 / 1.3, Boxes((30, 150), (1, 5), 0)),
    ),
    "thick": (
        Table(256, (1, 6), (10, 209), (5, 104), 0.3 / 1.3, Boxes((30, 150), (1, 3), 10)),
        Table(512, (1, 6), (10, 459), (5, 254), 0.3 / 1.3, Boxes((30, 300), (1, 4), 10)),
    ),
}
"""Name → its tables, by side. One stroke more than the configurations say can be drawn, as there."""

_BENDS = (1, 5)
_TURNS = 4
_PEN = 1.5
"""Pixels by which the lines of the released generator, OpenCV's, are wider than their number."""


class Preset(Holes):
    """Holes of one of LaMa's configurations; lengths grow with the shorter side of the picture.

    Args:
        name: one of :data:`PRESETS`. Where LaMa has a second table for 512 pixels, pictures whose
            shorter side is nearer to 512 than to 256 use that one.

    Source: Suvorov et al., arXiv 2109.07161, section 3.3, and the released configurations.
    Departs: lengths scale with the picture; rectangles stay inside pictures smaller than they are.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._tables = PRESETS[name]

    @property
    def spec(self) -> str:
        """The name."""
        return self._name

    def _drawn(self, size: Size, random: np.random.Generator) -> Hole:
        table = min(self._tables, key=lambda one: abs(one.side - min(size)))
        if random.random() < table.share:
            return table.boxes.at(size, random, scale(size, table.side))
        ends, widths = _strokes(table, size, random)
        return capsules(ends, widths / 2, size)


def _strokes(
    table: Table, size: Size, random: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ends (N, 4) and widths (N,) of all straight parts."""
    height, width = size
    factor = scale(size, table.side)
    ends, widths = [], []
    for stroke in range(pick(table.strokes, random)):
        parts = pick(_BENDS, random)
        angles = 0.01 + random.integers(_TURNS, size=parts)
        lengths = factor * picks(table.length, parts, random)
        widths.append(factor * (_PEN + picks(table.width, parts, random)))
        x, y = random.random() * width, random.random() * height
        for run, fall in zip(
            lengths * np.sin(angles) * (1 if stroke % 2 else -1), lengths * np.cos(angles), strict=True
        ):
            next_x, next_y = min(max(x + run, 0.0), width), min(max(y + fall, 0.0), height)
            ends.append((x, y, next_x, next_y))
            x, y = next_x, next_y
    return np.array(ends, np.float64), np.concatenate(widths).astype(np.float64)
