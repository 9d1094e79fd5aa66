"""Holes made of other holes: mixed, kept below an area, spread evenly over areas."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retouch.data.holes.kind import Holes, Span, written
from retouch.data.holes.raster import Hole, Size, shrunk
from retouch.errors import InputError

LARGEST = 0.5
"""The largest part of a picture that LaMa's evaluation leaves to be filled."""

_TRIES = 50


@dataclass(frozen=True)
class Mixture(Holes):
    """Each hole is of one of several kinds.

    Args:
        parts: the kinds, with how often each is drawn relative to the others.

    Raises:
        InputError: there is no part, or a weight is not a positive number.
    """

    parts: tuple[tuple[Holes, float], ...]

    def __post_init__(self) -> None:
        if not self.parts:
            raise InputError('no holes are named; write some, such as "thin,thick" or "large"')
        for part, weight in self.parts:
            if not (weight > 0 and math.isfinite(weight)):
                raise InputError(
                    f"{part.spec} has the weight {weight:g}; weights are above 0, such as 2 or 0.5"
                )

    @property
    def spec(self) -> str:
        """The parts with their weights."""
        return ",".join(
            _one_term(part) + ("" if weight == 1 else f":{written(weight)}") for part, weight in self.parts
        )

    def _drawn(self, size: Size, random: np.random.Generator) -> Hole:
        reached = np.cumsum([weight for _, weight in self.parts])
        chosen = int(np.searchsorted(reached, random.random() * reached[-1], side="right"))
        return self.parts[min(chosen, len(self.parts) - 1)][0].draw(size, random)


@dataclass(frozen=True)
class AtMost(Holes):
    """Holes that cover no more than a part of the picture; larger ones are drawn again.

    Where 50 in a row are too large, the smallest of them is made smaller.

    Args:
        holes: what is drawn.
        largest: part of the picture, above 0 and below 1; one pixel is never too large.

    Raises:
        InputError: the part is not between 0 and 1.
    """

    holes: Holes
    largest: float = LARGEST

    def __post_init__(self) -> None:
        if not 0 < self.largest < 1:
            raise InputError(
                f"largest is {self.largest} but must be above 0 and below 1; LaMa's is {LARGEST}"
            )

    @property
    def spec(self) -> str:
        """The holes' own, with the limit."""
        return with_argument(self.holes, f"largest={written(float(self.largest))}")

    def _drawn(self, size: Size, random: np.random.Generator) -> Hole:
        room = max(1, math.floor(self.largest * size[0] * size[1]))
        smallest = self.holes.draw(size, random)
        for _ in range(_TRIES - 1):
            if np.count_nonzero(smallest) <= room:
                return smallest
            smallest = min(smallest, self.holes.draw(size, random), key=np.count_nonzero)
        return shrunk(smallest, room)


@dataclass(frozen=True)
class Evenly(Holes):
    """Holes whose areas are spread evenly over a range.

    The range is cut into buckets of equal width. Each hole belongs to a bucket drawn beforehand;
    holes are drawn until one does. After 50 tries the smallest that is too large is made smaller,
    and if all were too small the largest is taken: thin kinds cannot fill every bucket.

    Args:
        holes: what is drawn.
        area: the least and the most, as parts of the picture.
        buckets: how many.

    Raises:
        InputError: the range is empty or leaves 0 … 1, or there is no bucket.
    """

    holes: Holes
    area: Span = (0.0, LARGEST)
    buckets: int = 5

    def __post_init__(self) -> None:
        low, high = self.area
        if not 0 <= low < high <= 1:
            raise InputError(
                f"area is {written(self.area)} but must be low..high, from 0 to 1, such as 0.05..0.5"
            )
        if self.buckets < 1:
            raise InputError(f"buckets is {self.buckets} but must be at least 1")

    @property
    def spec(self) -> str:
        """The holes' own, with the range."""
        low, high = self.area
        area = f"{written(float(low))}..{written(float(high))}"
        return f"evenly({self.holes.spec},area={area},buckets={self.buckets})"

    def _drawn(self, size: Size, random: np.random.Generator) -> Hole:
        pixels = size[0] * size[1]
        low, high = self.area
        bucket = int(random.integers(self.buckets))
        edges = [low + (high - low) * (bucket + step) / self.buckets for step in (0, 1)]
        wanted = max(1, math.ceil(edges[0] * pixels)), max(1, math.ceil(edges[1] * pixels) - 1)
        over, under = np.ones(size, np.bool_), np.zeros(size, np.bool_)
        for _ in range(_TRIES):
            hole = self.holes.draw(size, random)
            area = np.count_nonzero(hole)
            if wanted[0] <= area <= wanted[1]:
                return hole
            if area > wanted[1]:
                over = min(over, hole, key=np.count_nonzero)
            else:
                under = max(under, hole, key=np.count_nonzero)
        return under if over.all() else shrunk(over, wanted[1])


def mixed(parts: Sequence[tuple[Holes, float]]) -> Holes:
    """Put kinds together; a single one stays what it is.

    Args:
        parts: the kinds with their weights.

    Raises:
        InputError: there is none, or a weight is not a positive number.
    """
    whole = Mixture(tuple(parts))
    return parts[0][0] if len(parts) == 1 else whole


def at_most(holes: Holes, largest: float) -> Holes:
    """Keep holes below an area; those that are kept below a smaller one stay what they are.

    Args:
        holes: what is drawn.
        largest: part of the picture; from 1 on there is no limit.

    Raises:
        InputError: the part is not above 0.
    """
    if largest >= 1 or (isinstance(holes, AtMost) and 0 < holes.largest <= largest):
        return holes
    return AtMost(holes.holes if isinstance(holes, AtMost) else holes, largest)


def with_argument(holes: Holes, argument: str) -> str:
    """Write holes with one more argument in their parentheses."""
    spec = holes.spec
    if isinstance(holes, Mixture | AtMost | Evenly):
        return f"mix({spec},{argument})"
    return f"{spec[:-1]},{argument})" if spec.endswith(")") else f"{spec}({argument})"


def _one_term(holes: Holes) -> str:
    return f"mix({holes.spec})" if isinstance(holes, Mixture) else holes.spec
