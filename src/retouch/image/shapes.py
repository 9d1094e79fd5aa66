"""Shapes drawn on a picture before it is known how big the picture is.

Coordinates are image coordinates: x to the right, y down, the top-left corner of the picture
is (0, 0), and the centre of pixel (x, y) is at (x + 0.5, y + 0.5). The polygon
``0,0 10,0 10,10 0,10`` therefore holds exactly 10 × 10 pixels.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from retouch.errors import InputError

if TYPE_CHECKING:
    from retouch.image.mask import MaskLike

Point = tuple[int, int]
"""A pixel, as (x, y)."""

Ring = tuple[tuple[float, float], ...]
"""A closed line, as (x, y) corners; the last joins the first."""

FARTHEST = 2.0**31
"""The largest coordinate a corner may have; beyond it sub-pixel positions lose their meaning."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of whole pixels: columns x0 … x1 − 1 and rows y0 … y1 − 1.

    Args:
        x0: first column.
        y0: first row.
        x1: one past the last column.
        y1: one past the last row.

    Raises:
        InputError: a corner is not a whole number, or the box holds no pixel.

    >>> Box(2, 3, 12, 8).size
    (5, 10)
    """

    x0: int
    y0: int
    x1: int
    y1: int

    def __post_init__(self) -> None:
        for name in ("x0", "y0", "x1", "y1"):
            value = getattr(self, name)
            if not hasattr(value, "__index__") or isinstance(value, bool):
                raise InputError(f"a box corner must be a whole number, got {name}={value!r}; round it first")
            object.__setattr__(self, name, int(value))
        if self.x1 <= self.x0 or self.y1 <= self.y0:
            raise InputError(
                f"box {self.x0},{self.y0},{self.x1},{self.y1} holds no pixel; "
                "give x0,y0,x1,y1 with x1 > x0 and y1 > y0"
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a box written as ``"x0,y0,x1,y1"``.

        Raises:
            InputError: the text is not four whole numbers, or the box holds no pixel.

        >>> Box.parse("2,3,12,8")
        Box(x0=2, y0=3, x1=12, y1=8)
        """
        numbers = [part for part in re.split(r"[\s,]+", text.strip()) if part]
        if len(numbers) != 4 or not all(re.fullmatch(r"[+-]?\d{1,10}", number) for number in numbers):
            raise InputError(f'cannot read the box {text[:80]!r}; write four whole numbers "x0,y0,x1,y1"')
        x0, y0, x1, y1 = map(int, numbers)
        return cls(x0, y0, x1, y1)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.y1 - self.y0, self.x1 - self.x0

    @property
    def slices(self) -> tuple[slice, slice]:
        """The rows and columns, to index an (H, W, …) array with a box that lies inside it."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    def clipped(self, size: tuple[int, int]) -> Box | None:
        """The part that lies inside a picture, or None when no pixel does.

        Args:
            size: height and width of the picture.
        """
        x0, y0 = max(self.x0, 0), max(self.y0, 0)
        x1, y1 = min(self.x1, size[1]), min(self.y1, size[0])
        return Box(x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None

    def rows(self, rows: slice) -> Box:
        """Some of the rows, counted from the top of the box."""
        return Box(self.x0, self.y0 + rows.start, self.x1, self.y0 + rows.stop)

    def contains(self, other: Box) -> bool:
        """Whether every pixel of another box is in this one."""
        return self.x0 <= other.x0 and self.y0 <= other.y0 and self.x1 >= other.x1 and self.y1 >= other.y1

    def intersection(self, other: Box) -> Box | None:
        """The pixels that both boxes hold, or None when they hold none together."""
        x0, y0 = max(self.x0, other.x0), max(self.y0, other.y0)
        x1, y1 = min(self.x1, other.x1), min(self.y1, other.y1)
        return Box(x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None

    def shifted(self, dx: int, dy: int) -> Box:
        """The same box moved right by dx and down by dy pixels."""
        return Box(self.x0 + dx, self.y0 + dy, self.x1 + dx, self.y1 + dy)


@dataclass(frozen=True, slots=True)
class Polygon:
    """An area with straight sides; it may cross itself, have holes, and leave the picture.

    A pixel belongs to it when a ray from the pixel's centre crosses its sides (holes included)
    an odd number of times (the even-odd rule). A centre exactly on a side belongs to the area
    to its right or below, so that two polygons with a common side share no pixel.

    Args:
        points: corners as (x, y), at least 3; whole or fractional.
        holes: more rings of corners, cut out of the area by the even-odd rule.
        antialias: give pixels on a side the part of them that is covered, 0 … 1, instead of 0 or 1.

    Raises:
        InputError: fewer than 3 corners, or a corner that is not two finite numbers within ±2³¹.
    """

    points: Ring
    holes: tuple[Ring, ...] = ()
    antialias: bool = False

    def __init__(
        self,
        points: Sequence[Sequence[float]],
        holes: Sequence[Sequence[Sequence[float]]] = (),
        antialias: bool = False,
    ) -> None:
        object.__setattr__(self, "points", _ring(points, "polygon"))
        object.__setattr__(self, "holes", tuple(_ring(hole, "hole") for hole in holes))
        object.__setattr__(self, "antialias", bool(antialias))

    @classmethod
    def parse(cls, text: str, *, antialias: bool = False) -> Self:
        """Read a polygon written as ``"x,y x,y x,y"``; rings after a ``;`` are holes.

        Args:
            text: corners separated by spaces, x and y by a comma.
            antialias: as for the class.

        Raises:
            InputError: the text is not such a list, or has fewer than 3 corners.

        >>> Polygon.parse("0,0 10,0 10,10 0,10").points[2]
        (10.0, 10.0)
        """
        rings = [[_corner(pair, text) for pair in part.split()] for part in text.split(";")]
        return cls(rings[0], rings[1:], antialias)

    @property
    def rings(self) -> tuple[Ring, ...]:
        """The outline and the holes; the even-odd rule treats them alike."""
        return (self.points, *self.holes)


@dataclass(frozen=True, slots=True)
class Region:
    """A mask as it was asked for: what it is made of, and what is then done to it.

    It becomes a :class:`retouch.image.Mask` when the size of the picture is known:
    ``Mask.of(region, picture.size)``. The steps run in the order of the arguments.

    Args:
        shape: a file, array, mask, polygon or box.
        soft: keep the values between 0 and 1 of a file or an array instead of cutting at half.
        invert: select what the shape does not.
        grow: Euclidean radius in pixels by which the area grows (negative: shrinks).
        feather: width in pixels of the ramp inside the edge, 0 for none.
    """

    shape: MaskLike
    soft: bool = False
    invert: bool = False
    grow: float = 0.0
    feather: float = 0.0


def _corner(pair: str, text: str) -> tuple[float, float]:
    try:
        x, y = pair.split(",")
        return float(x), float(y)
    except ValueError:
        raise InputError(
            f'cannot read the corner {pair[:40]!r} of the polygon {text[:60]!r}; write "x,y x,y x,y"'
        ) from None


def _ring(points: Sequence[Sequence[float]], kind: str) -> Ring:
    try:
        ring = tuple((float(x), float(y)) for x, y in points)
    except (TypeError, ValueError):
        raise InputError(f"the corners of a {kind} must be (x, y) pairs of numbers") from None
    if len(ring) < 3:
        raise InputError(f"a {kind} needs at least 3 corners, got {len(ring)}")
    for x, y in ring:
        if not (math.isfinite(x) and math.isfinite(y)) or max(abs(x), abs(y)) > FARTHEST:
            raise InputError(f"corner ({x:g}, {y:g}) of a {kind} is not a finite position within ±2³¹ pixels")
    return ring
