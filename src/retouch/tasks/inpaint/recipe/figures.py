"""What an evaluation finds: figures over many pictures, and the values of single ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Better = Literal["higher", "lower", "nearest"]
"""Which of two figures is better; ``nearest``: the one nearer to that of the true pictures."""

TOTAL = "total"
"""The name of the row over holes of every size."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a comparison.

    Args:
        method: what filled the holes.
        holes: of which kind they were.
        area: their part of the picture, ``"10-20%"``, or ``"total"``.
        metric: its name.
        value: the number; None when it is missing.
        better: which of two is better.
        n: over how many pictures.
        protocol: how it is computed.
        circumstances: of which pictures and holes, and how networks were applied: two figures compare when
            these and their protocols are the same.
        low: lower end of its 95 % interval over pictures.
        high: upper end.
        deviation: standard deviation over pictures.
        ideal: the figure of the true pictures, where that is not known beforehand.
        missing: why there is no value.
    """

    method: str
    holes: str
    area: str
    metric: str
    value: float | None
    better: Better
    n: int
    protocol: str
    circumstances: str
    low: float | None = None
    high: float | None = None
    deviation: float | None = None
    ideal: float | None = None
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """What was measured of one picture, filled by one method.

    Args:
        name: the picture.
        holes: the kind of its hole.
        area: the hole's part of the picture.
        method: what filled it.
        values: metric → value, of those that have one for a single picture.
    """

    name: str
    holes: str
    area: float
    method: str
    values: dict[str, float]


@dataclass(frozen=True, slots=True)
class Difference:
    """By how much a method differs from another on the same pictures.

    Args:
        method: the one.
        other: what is subtracted.
        holes: the kind of the holes.
        metric: what is compared.
        value: the mean over pictures.
        low: lower end of its 95 % interval over pictures.
        high: upper end.
        n: over how many pictures.
    """

    method: str
    other: str
    holes: str
    metric: str
    value: float
    low: float
    high: float
    n: int
