"""What every kind of hole promises, and how its parameters are written and checked."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import Field, dataclass, fields
from typing import Any, ClassVar

import numpy as np

from retouch.data.holes.raster import Hole, Size
from retouch.errors import InputError, UnknownName

SIDE = 256
"""Lengths are in pixels of a picture whose shorter side is this long, and grow with it."""

Count = tuple[int, int]
"""The least and the most of something counted; both can be drawn."""

Span = tuple[float, float]
"""The least and the most of something measured."""


_SPECIAL = ",:;=()'\" \t"
"""Characters of a text that make quotes around it necessary."""


Limits = tuple[float, float]
"""What a parameter can be, both ends included."""


class Holes(ABC):
    """A way to draw holes."""

    @property
    @abstractmethod
    def spec(self) -> str:
        """What :func:`retouch.data.holes.parse` makes the same holes of."""

    def draw(self, size: Size, random: np.random.Generator) -> Hole:
        """Draw a hole.

        Args:
            size: height and width of the picture.
            random: decides everything that is random; nothing else does.

        Returns:
            (H, W), True in the hole; at least one pixel is and at least one is not.

        Raises:
            InputError: the picture has fewer than two pixels.
            DataError: shapes are taken from label maps, and those cannot be read.
        """
        height, width = size
        if min(height, width) < 1 or height * width < 2:
            raise InputError(
                f"a picture of {height}×{width} pixels has no room for a hole beside known pixels; "
                "give a picture of at least two pixels"
            )
        hole = self._drawn(size, random)
        count = int(np.count_nonzero(hole))
        if count in (0, hole.size):
            hole = hole.copy()
            hole.flat[int(random.integers(hole.size))] = count == 0
        return hole

    def describe(self) -> dict[str, object]:
        """Say what is drawn, for the record of a run."""
        return {"holes": self.spec}

    @abstractmethod
    def _drawn(self, size: Size, random: np.random.Generator) -> Hole:
        """Draw a hole that may be empty or cover everything."""


@dataclass(frozen=True)
class Kind(Holes):
    """Holes of one kind: a frozen dataclass of parameters, all with defaults.

    Attributes:
        name: how a spec calls it.
        limits: parameter → the least and the most it can be.
        choices: parameter → the words it can be.
    """

    name: ClassVar[str]
    limits: ClassVar[Mapping[str, Limits]] = {}
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    def __post_init__(self) -> None:
        for name, limits in self.limits.items():
            _check_number(f"{self.name}({name}=…)", getattr(self, name), *limits)
        for name, choices in self.choices.items():
            if getattr(self, name) not in choices:
                raise UnknownName(f"{self.name}({name}=…)", getattr(self, name), choices)

    @property
    def spec(self) -> str:
        """The name, with the parameters that are not the default."""
        changed = [
            f"{item.name}={written(getattr(self, item.name))}"
            for item in parameters(type(self))
            if getattr(self, item.name) != item.default
        ]
        return self.name + (f"({','.join(changed)})" if changed else "")


def parameters(kind: type[Kind]) -> tuple[Field[Any], ...]:
    """Give what can be said about a kind, in order."""
    return tuple(item for item in fields(kind) if item.init)


def written(value: object) -> str:
    """Write a parameter as it stands in a spec."""
    if isinstance(value, str) and set(value) & set(_SPECIAL):
        quote = "'" if '"' in value else '"'
        return quote + value + quote
    if isinstance(value, tuple):
        low, high = value
        return written(low) if low == high else f"{written(low)}..{written(high)}"
    return repr(value) if isinstance(value, int | float) else str(value)


def scale(size: Size, side: int = SIDE) -> float:
    """Pixels of a picture per pixel of one whose shorter side is ``side``."""
    return min(size) / side


def pick(limits: Count, random: np.random.Generator) -> int:
    """Draw a whole number, both ends included."""
    return int(random.integers(limits[0], limits[1] + 1))


def picks(limits: Count, size: int, random: np.random.Generator) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Draw several whole numbers, both ends included."""
    return random.integers(limits[0], limits[1] + 1, size=size)


def _check_number(what: str, value: float | Span, least: float, most: float) -> None:
    low, high = value if isinstance(value, tuple) else (value, value)
    if not least <= low <= high <= most or not math.isfinite(high):
        wanted = f"from {least:g} to {most:g}" if math.isfinite(most) else f"at least {least:g}"
        order = " and low..high" if isinstance(value, tuple) else ""
        raise InputError(f"{what} is {written(value)} but must be {wanted}{order}")
