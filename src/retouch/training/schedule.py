"""How the learning rate changes over a run, as a pure function of the images seen."""

from __future__ import annotations

import math
from typing import Literal

Schedule = Literal["constant", "linear", "cosine"]
"""``linear``: constant for the first part of a run, then down to 0, as pix2pix and CycleGAN train."""


def rate(schedule: Schedule, seen: int, total: int, *, hold: float = 0.5, warmup: int = 0) -> float:
    """Say by what the learning rate is multiplied.

    Args:
        schedule: how it falls.
        seen: images seen so far.
        total: images of the whole run.
        hold: the part of the run, 0 to 1, before it falls.
        warmup: images over which it first rises from 0.

    Returns:
        A factor, 0 to 1.

    >>> [rate("linear", seen, 100) for seen in (0, 50, 75, 100)]
    [1.0, 1.0, 0.5, 0.0]
    """
    rising = min(1.0, (seen + 1) / warmup) if warmup else 1.0
    start = hold * total
    if schedule == "constant" or seen <= start:
        return rising
    part = min(1.0, (seen - start) / max(total - start, 1))
    return rising * (1.0 - part if schedule == "linear" else 0.5 * (1.0 + math.cos(math.pi * part)))
