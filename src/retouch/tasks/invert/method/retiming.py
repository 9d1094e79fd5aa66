"""Times at which a film's frames lie so that what is seen changes by even steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from retouch.errors import InputError

Distances = Callable[[Tensor], Tensor]
"""Times (N,) → how far the picture at each is from that at the next, (N − 1,)."""

EVEN = 0.01
"""Unevenness that is not worth another round."""

_DENSE = 2
_FEWEST = 48
_ROUNDS = 2


@dataclass(frozen=True)
class Timing:
    """When frames are.

    Attributes:
        times: (N,), rising, of float64; a way's keys are among them.
        before: how uneven the steps of evenly spaced times are.
        after: how uneven the steps of these times are.
    """

    times: Tensor
    before: float
    after: float


def spaced(segments: int, frames: int, *, closed: bool = False) -> Tensor:
    """Space frames evenly in time, with the keys among them.

    Args:
        segments: of the way, from key to key.
        frames: how many; more than segments, or as many on a closed way.
        closed: the frame after the last is the first again, and is not repeated.

    Returns:
        (frames,), from 0; the last one is at the end of an open way.

    Raises:
        InputError: there are too few frames for the keys.
    """
    steps = _steps(segments, frames, closed=closed)
    times = _placed([torch.ones(1, dtype=torch.float64)] * segments, shared([1.0] * segments, steps))
    return times[:frames]


def retimed(segments: int, frames: int, distances: Distances, *, closed: bool = False) -> Timing:
    """Place frames so that each differs from the next by as much.

    The length of the way, as it is seen, is measured at many times; frames are laid along it at even lengths,
    and moved again by what is between them then. Keys stay frames.

    Args:
        segments: of the way, from key to key.
        frames: how many; more than segments, or as many on a closed way.
        distances: says how unlike the pictures at neighbouring times are.
        closed: the frame after the last is the first again, and is not repeated.

    Returns:
        The times, and how even their steps are. They are never less even than evenly spaced ones.

    Raises:
        InputError: there are too few frames for the keys.
    """
    steps = _steps(segments, frames, closed=closed)
    counts = shared([1.0] * segments, steps)
    plain = _placed([torch.ones(1, dtype=torch.float64)] * segments, counts)
    measured = distances(plain)
    before = unevenness(measured)
    if before <= EVEN:
        return Timing(plain[:frames], before, before)
    each = max(math.ceil(_DENSE * steps / segments), math.ceil(_FEWEST / segments))
    dense = torch.linspace(0, segments, segments * each + 1, dtype=torch.float64)
    lengths = list(torch.split(distances(dense).double(), each))
    counts = shared([float(length.sum()) for length in lengths], steps)
    times = _placed(lengths, counts)
    best, after = plain, before
    for number in range(_ROUNDS + 1):
        measured = distances(times)
        found = unevenness(measured)
        if found < after:
            best, after = times, found
        if found <= EVEN or number == _ROUNDS:
            break
        times = _moved(times, list(torch.split(measured.double(), counts)), counts)
    return Timing(best[:frames], before, after)


def even(times: Tensor, lengths: Tensor, count: int) -> Tensor:
    """Find the times that cut a way into parts of one length.

    Args:
        times: (M + 1,), rising, float64.
        lengths: (M,), of the way between them, none negative.
        count: of parts.

    Returns:
        (count + 1,), from the first time to the last; evenly spaced where the way has no length.
    """
    total = float(lengths.sum())
    if not math.isfinite(total) or total <= 0:
        return torch.linspace(float(times[0]), float(times[-1]), count + 1, dtype=torch.float64)
    reached = torch.cat([torch.zeros(1, dtype=torch.float64), lengths.double().cumsum(0)])
    wanted = torch.arange(count + 1, dtype=torch.float64) * (float(reached[-1]) / count)
    place = torch.searchsorted(reached, wanted, right=True).clamp(1, len(lengths)) - 1
    share = ((wanted - reached[place]) / lengths.double()[place].clamp_min(1e-300)).clamp(0, 1)
    found = torch.lerp(times[place], times[place + 1], share)
    found[0], found[-1] = times[0], times[-1]
    return found


def shared(lengths: Sequence[float], steps: int) -> list[int]:
    """Share steps among parts of a way by their lengths, at least one to each.

    Args:
        lengths: of the parts.
        steps: at least one for each part.

    Returns:
        As many whole numbers, with that sum; by the largest remainder, the first of equals.
    """
    total = sum(lengths)
    spare = steps - len(lengths)
    if not math.isfinite(total) or total <= 0:
        lengths, total = [1.0] * len(lengths), float(len(lengths))
    # What a part would get of all steps, less the one that it has.
    due = [max(steps * length / total - 1, 0.0) for length in lengths]
    scale = spare / sum(due) if sum(due) > 0 else 0.0
    exact = [scale * share for share in due]
    counts = [math.floor(share + 1e-9) for share in exact]
    order = sorted(range(len(exact)), key=lambda number: counts[number] - exact[number])
    for number in order[: spare - sum(counts)]:
        counts[number] += 1
    return [1 + count for count in counts]


def unevenness(lengths: Tensor) -> float:
    """Say how unlike steps are.

    Args:
        lengths: (N,), of steps.

    Returns:
        Their standard deviation, relative to their mean: 0 where all are the same.
    """
    mean = float(lengths.double().mean())
    return float(lengths.double().std(correction=0)) / mean if mean > 0 else 0.0


def _steps(segments: int, frames: int, *, closed: bool) -> int:
    steps = frames if closed else frames - 1
    if steps < segments:
        least = segments if closed else segments + 1
        raise InputError(f"{frames} frames cannot show every picture of the way; give at least {least}")
    return steps


def _placed(lengths: Sequence[Tensor], counts: Sequence[int]) -> Tensor:
    """Cut each segment into parts of one length; known are the lengths of some parts, even in time."""
    parts = [torch.zeros(1, dtype=torch.float64)]
    for number, (own, count) in enumerate(zip(lengths, counts, strict=True)):
        times = torch.linspace(number, number + 1, len(own) + 1, dtype=torch.float64)
        parts.append(even(times, own, count)[1:])
    return torch.cat(parts)


def _moved(times: Tensor, lengths: Sequence[Tensor], counts: Sequence[int]) -> Tensor:
    """Cut each segment anew, by the lengths that its parts were found to have."""
    parts, first = [times[:1]], 0
    for own, count in zip(lengths, counts, strict=True):
        parts.append(even(times[first : first + count + 1], own, count)[1:])
        first += count
    return torch.cat(parts)
