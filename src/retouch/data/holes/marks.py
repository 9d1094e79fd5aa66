"""Thin and wiry holes: brush strokes, lettering, and the scratches and dust of old photos."""

from __future__ import annotations

import math
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from retouch.data.holes.kind import Count, Kind, Limits, Span, pick, scale
from retouch.data.holes.raster import Hole, Size, capsules

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True)
class Strokes(Kind):
    """Strokes of a round brush, in any direction.

    Attributes:
        count: how many strokes.
        parts: straight parts of a stroke.
        length: of a part, in pixels of a 256-pixel picture.
        width: of the brush, in pixels of a 256-pixel picture.
    """

    name: ClassVar[str] = "strokes"
    limits: ClassVar[Mapping[str, Limits]] = {
        "count": (1, 1000),
        "parts": (1, 1000),
        "length": (0.0, math.inf),
        "width": (0.0, math.inf),
    }
    count: Count = (1, 6)
    parts: Count = (2, 8)
    length: Span = (15.0, 80.0)
    width: Span = (8.0, 40.0)

    def _drawn(self, size: Size, random: np.random.Generator) -> Hole:
        height, width = size
        factor = scale(size)
        ends, radii = [], []
        for _ in range(pick(self.count, random)):
            parts = pick(self.parts, random)
            # A hand turns to and fro rather than on and on.
            angles = random.uniform(0.0, 2 * np.pi) + random.normal(0.0, 1.0, parts)
            lengths = factor * random.uniform(*self.length, size=parts)
            line = _polyline(random.random(2) * (width, height), angles, lengths)
            ends.append(_reflected(line, width, height))
            radii.append(np.full(parts, factor * random.uniform(*self.width) / 2))
        return capsules(np.concatenate(ends), np.concatenate(radii), size)


@dataclass(frozen=True)
class Scratches(Kind):
    """Long curved scratches, and specks and hairs of dust.

    Attributes:
        count: how many scratches.
        width: of a scratch, in pixels of a 256-pixel picture.
        dust: how many specks and hairs.
    """

    name: ClassVar[str] = "scratches"
    limits: ClassVar[Mapping[str, Limits]] = {
        "count": (0, 1000),
        "width": (0.0, math.inf),
        "dust": (0, 10000),
    }
    count: Count = (1, 8)
    width: Span = (1.0, 3.5)
    dust: Count = (0, 40)

    def _drawn(self, size: Size, random: np.random.Generator) -> Hole:
        height, width = size
        factor = scale(size)
        ends, radii = [np.zeros((0, 4))], [np.zeros(0)]
        for _ in range(pick(self.count, random)):
            length = random.uniform(0.3, 1.3) * max(size)
            bend = random.normal(0.0, 0.6 / length)
            ends.append(_curve(random.random(2) * (width, height), length, bend, 6 * factor, random))
            thick = factor * random.uniform(*self.width) / 2
            # Worn in places, but never thinner than half.
            radii.append(thick * random.uniform(0.5, 1.0, len(ends[-1])))
        for _ in range(pick(self.dust, random)):
            length = factor * random.choice([0.0, 0.0, 12.0, 30.0]) * random.random()
            bend = random.normal(0.0, 0.08 / factor)
            ends.append(_curve(random.random(2) * (width, height), length, bend, 3 * factor, random))
            thick = random.uniform(0.4, 0.9) if length else random.uniform(0.5, 2.5)
            radii.append(np.full(len(ends[-1]), factor * thick))
        return capsules(np.concatenate(ends), np.concatenate(radii), size)


@dataclass(frozen=True)
class Text(Kind):
    """Lines of lettering, as captions and watermarks are; in Pillow's own font.

    Attributes:
        count: how many lines.
        height: of the letters, in pixels of a 256-pixel picture.
        stroke: how much the letters are made fatter on each side, in pixels of a 256-pixel picture.
        turn: the most a line is turned to either side, in degrees.
    """

    name: ClassVar[str] = "text"
    limits: ClassVar[Mapping[str, Limits]] = {
        "count": (1, 1000),
        "height": (1.0, 512.0),
        "stroke": (0.0, 20.0),
        "turn": (0.0, 180.0),
    }
    count: Count = (1, 5)
    height: Span = (14.0, 56.0)
    stroke: Span = (0.0, 2.0)
    turn: float = 30.0

    def _drawn(self, size: Size, random: np.random.Generator) -> Hole:
        from PIL import Image

        height, width = size
        factor = scale(size)
        hole = Image.new("1", (width, height))
        for _ in range(pick(self.count, random)):
            letters = _letters(
                " ".join(_word(random) for _ in range(pick((1, 4), random))),
                max(1.0, factor * random.uniform(*self.height)),
                round(factor * random.uniform(*self.stroke)),
            )
            letters = letters.rotate(
                random.uniform(-self.turn, self.turn), Image.Resampling.BICUBIC, expand=True
            ).point(_at_half)
            # Long lines run out of the picture; their middle does not.
            x, y = random.random(2) * (width, height) - np.array(letters.size) / 2
            hole.paste(1, (round(x), round(y)), letters)
        return np.array(hole)


def _polyline(
    start: NDArray[np.float64], angles: NDArray[np.float64], lengths: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Corners (N + 1, 2) of a line with N straight parts."""
    steps = lengths[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return np.concatenate([start[None], start + np.cumsum(steps, axis=0)])


def _reflected(line: NDArray[np.float64], width: int, height: int) -> NDArray[np.float64]:
    """Ends (N, 4) of the parts of a line that is thrown back by the picture's edges."""
    sides = np.array([width, height], np.float64)
    inside = sides - np.abs(sides - line % (2 * sides))
    return np.concatenate([inside[:-1], inside[1:]], axis=1)


def _curve(
    middle: NDArray[np.float64], length: float, bend: float, step: float, random: np.random.Generator
) -> NDArray[np.float64]:
    """Ends (N, 4) of the parts of a wavering arc around a point; ``bend`` in radians per pixel."""
    parts = max(1, round(length / step))
    angles = random.uniform(0.0, 2 * np.pi) + np.cumsum(
        bend * length / parts + random.normal(0.0, 0.05, parts)
    )
    line = _polyline(np.zeros(2), angles, np.full(parts, length / parts))
    line += middle - line[parts // 2]
    return np.concatenate([line[:-1], line[1:]], axis=1)


_ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits


def _word(random: np.random.Generator) -> str:
    return "".join(_ALPHABET[place] for place in random.integers(len(_ALPHABET), size=pick((2, 8), random)))


def _at_half(value: int) -> int:
    return 255 if value >= 128 else 0


def _letters(text: str, height: float, stroke: int) -> Image.Image:
    """A line of text, white on black, cut close."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(height)
    left, top, right, bottom = ImageDraw.Draw(Image.new("L", (1, 1))).textbbox(
        (0, 0), text, font=font, stroke_width=stroke
    )
    letters = Image.new("L", (max(1, round(right - left)), max(1, round(bottom - top))))
    ImageDraw.Draw(letters).text((-left, -top), text, fill=255, font=font, stroke_width=stroke)
    return letters
