"""At which sizes a painting is made, and with how many steps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retouch.tasks.stylize.edit.painting import Size, Stage, shared_out
from retouch.tasks.stylize.edit.settings import Preset, Settings
from retouch.tasks.stylize.method.scales import scales

if TYPE_CHECKING:
    import torch

    from retouch.features import Features
    from retouch.tasks.stylize.edit.settings import Precision
    from retouch.tasks.stylize.method.wish import Wish

STEPS: Mapping[Preset, Mapping[int, int]] = {
    "draft": {},
    "fast": {128: 30, 256: 20, 512: 12, 1024: 8},
    "best": {128: 100, 256: 80, 512: 60, 1024: 30},
}
"""Longer side → steps there: what is large is arranged while that is cheap."""

FEWEST = 3


def stages(size: Size, settings: Settings, *, least: int) -> list[Stage]:
    """Plan a painting.

    Args:
        size: height and width of the last stage.
        settings: what is asked for.
        least: rows and columns that the network needs.

    Returns:
        Sizes and steps, from the smallest; one of no steps when nothing is to be optimised.
    """
    table = STEPS[settings.preset]
    if settings.steps == 0 or (settings.steps is None and not table):
        return [Stage(size, 0)]
    sizes = scales(size, least_side=least)
    usual = [steps_at(max(each), table or STEPS["fast"]) for each in sizes]
    steps = usual if settings.steps is None else shared_out(settings.steps, usual)
    return [Stage(each, count) for each, count in zip(sizes, steps, strict=True)]


def steps_at(longest: int, table: Mapping[int, int]) -> int:
    """Say how many steps a size gets.

    Args:
        longest: its longer side, in pixels.
        table: longer side → steps.

    Returns:
        What lies between those of the table; beyond it fewer, in proportion to the pixels, so that a larger
        picture takes no longer at any further size.
    """
    sides = sorted(table)
    if longest <= sides[0]:
        return table[sides[0]]
    if longest >= sides[-1]:
        return max(FEWEST, round(table[sides[-1]] * (sides[-1] / longest) ** 2))
    above = next(index for index, side in enumerate(sides) if side >= longest)
    low, high = sides[above - 1], sides[above]
    part = math.log(longest / low) / math.log(high / low)
    between: float = table[low] * (table[high] / table[low]) ** part
    return round(between)


@dataclass(frozen=True)
class Room:
    """What a painting can take.

    Args:
        size: height and width at which it is made; smaller than the result where that would take too much.
        checkpoint: compute features twice rather than keep them all.
        bytes: that it takes, about.
        seconds: that a step takes for each pixel, about; 0 when nobody asks.
        note: what a person should know, or "".
    """

    size: Size
    checkpoint: bool
    bytes: int
    seconds: float
    note: str

    def took(self, planned: Sequence[Stage]) -> dict[str, float]:
        """Say beforehand what a plan takes.

        Args:
            planned: what is done.
        """
        seconds = self.seconds * sum(stage.work for stage in planned)
        return {"megabytes": float(round(self.bytes / 1e6)), "seconds_left": round(seconds, 1)}


def room(
    size: Size,
    network: Features,
    wish: Wish,
    *,
    precision: Precision,
    device: torch.device,
    timed: bool,
    budget: float | None = None,
) -> Room:
    """Find out what can be painted at once, on this machine, now.

    Args:
        size: height and width of the result.
        network: looks at the pictures.
        wish: what is wanted.
        precision: of the features.
        device: where it is computed.
        timed: find out how long it takes, too.
        budget: megapixels that are computed at once at most; by the free memory when None.
    """
    from retouch.tasks.stylize.method.memory import fit, step_seconds

    smaller, note = size, ""
    if budget is not None and budget * 1e6 < size[0] * size[1]:
        factor = math.sqrt(budget * 1e6 / (size[0] * size[1]))
        smaller = max(1, int(size[0] * factor)), max(1, int(size[1] * factor))
        note = f"made at {smaller[1]}×{smaller[0]}, as the budget says, and enlarged to {size[1]}×{size[0]}"
    found = fit(network, wish, smaller, precision=precision, device=device)
    seconds = step_seconds(network, wish, (1, 1), precision=precision) if timed else 0.0
    return Room(found.size, found.checkpoint, found.bytes, seconds, found.note or note)
