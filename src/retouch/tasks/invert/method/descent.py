"""Several searches at once: each asks for the loss at a point of its own; one batch answers all."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from retouch.errors import NotConverged
from retouch.nn.quasinewton import QuasiNewton

Asked = Callable[[Tensor, list[int]], tuple[Tensor, Tensor]]
"""Points (K, n) of these searches → their losses (K,) and slopes (K, n)."""

Answer = tuple[float, Tensor]

Way = Generator[Tensor, Answer, None]
"""A search: gives a point, (n,), and hears its loss and slope; ends when it finds no better one."""

MEMORY = 150

FIRST = 0.5
"""Root mean square of the first step of L-BFGS, which is made longer where the slope allows it."""

_FALL = 1e-4
"""Part of the fall that the slope promises with which a step is content: Armijo's condition."""

_FLAT = 0.9
"""Part of the slope that may remain after a step: Wolfe's condition; more, and it was too short."""

_TRIALS = 8
_ROUNDING = 1e-6


@dataclass
class Best:
    """The best that a search has seen.

    Attributes:
        point: (n,).
        loss: there.
        evaluations: how often the search asked.
        over: whether the search has ended.
    """

    point: Tensor
    loss: float = math.inf
    evaluations: int = 0
    over: bool = False


@dataclass(frozen=True)
class Patience:
    """When a search has become hopeless.

    Attributes:
        evaluations: without progress, after which it ends; 0: never.
        progress: part of the loss that must be lost in so many evaluations.
    """

    evaluations: int = 0
    progress: float = 0.002


def descend(
    start: Tensor,
    asked: Asked,
    way: Callable[[Tensor], Way],
    *,
    evaluations: int,
    patience: Patience | None = None,
    pruning: Mapping[int, int] | None = None,
    told: Callable[[int], None] | None = None,
) -> list[Best]:
    """Follow one search from each start, all in step.

    Args:
        start: (N, n).
        asked: gives losses and slopes.
        way: begins a search at a point.
        evaluations: how often each may ask.
        patience: when one ends before.
        pruning: after so many evaluations of each → how many go on, those of least loss.
        told: hears after each batch how often each search that goes on has asked.

    Returns:
        The best point of each.

    Raises:
        NotConverged: the loss of a start is not a number.
    """
    patience = patience or Patience()
    ways = [way(point.detach().clone()) for point in start]
    points = [next(each) for each in ways]
    best = [Best(point) for point in points]
    known: list[list[float]] = [[] for _ in ways]
    for turn in range(1, evaluations + 1):
        active = [number for number, each in enumerate(best) if not each.over]
        if not active:
            break
        losses, slopes = asked(torch.stack([points[number] for number in active]), active)
        for number, loss, slope in zip(active, losses.tolist(), slopes, strict=True):
            own = best[number]
            own.evaluations = turn
            if not math.isfinite(loss) and turn == 1:
                raise NotConverged(
                    f"the loss of the start is {loss}; take smaller weights, or precision float32"
                )
            if loss < own.loss:
                own.point, own.loss = points[number], loss
            known[number].append(own.loss)
            own.over = _hopeless(known[number], patience)
            if own.over or turn == evaluations:
                continue
            try:
                points[number] = ways[number].send((loss, slope))
            except StopIteration:
                own.over = True
        _prune(best, (pruning or {}).get(turn, len(best)))
        if told is not None:
            told(turn)
    return best


def quasi_newton(point: Tensor, *, memory: int = MEMORY, first: float = FIRST) -> Way:
    """Search by L-BFGS with a line search for Wolfe's conditions.

    Args:
        point: (n,), from which.
        memory: how many steps are remembered.
        first: root mean square of the first step.

    Yields:
        Points at which the loss is asked for.

    Source: Nocedal, Wright, "Numerical Optimization", 2nd edition, algorithms 7.5 and 3.5; the weak form of
        Wolfe's conditions.
    """
    loss, slope = yield point
    stepper = QuasiNewton(memory, first=first)
    fresh = True
    while True:
        trial = stepper.step(point, slope, 1.0)
        found: tuple[Tensor, float, Tensor] | None = None
        if float(slope @ (trial - point)) < 0:
            found = yield from _along(stepper, point, trial, loss, slope)
        if found is not None:
            point, loss, slope = found
            fresh = False
        elif fresh:
            return
        else:
            stepper, fresh = QuasiNewton(memory, first=first * 0.1), True


def _along(
    stepper: QuasiNewton, point: Tensor, trial: Tensor, loss: float, slope: Tensor
) -> Generator[Tensor, Answer, tuple[Tensor, float, Tensor] | None]:
    """Look along a step for a point that is lower and flatter; None: there is none."""
    steep = float(slope @ (trial - point))  # of the loss, per step
    low, high = _Mark(0.0, loss, steep), math.inf
    found: tuple[Tensor, float, Tensor] | None = None
    length = 1.0
    for _ in range(_TRIALS):
        value, sloped = yield trial
        here = _Mark(length, value, float(sloped @ (trial - point)) / length)
        if not here.finite or value > loss + _FALL * length * steep + _ROUNDING * abs(loss):
            high = length
            following = _between(low, here)
        else:
            if found is None or value <= found[1]:
                found = trial, value, sloped
                low = here
            if here.slope >= _FLAT * steep or math.isfinite(high):
                break
            following = min(_beyond(here, steep), 10.0 * length)
        trial = stepper.again(point, following / length)
        length = following
    if found is not None and found[0] is not trial:
        stepper.again(point, low.length / length)
    return found


@dataclass(frozen=True)
class _Mark:
    """The loss at a part of a step, and its slope along it."""

    length: float
    loss: float
    slope: float

    @property
    def finite(self) -> bool:
        return math.isfinite(self.loss) and math.isfinite(self.slope)


def _between(low: _Mark, high: _Mark) -> float:
    """Give a length between one that was fine and one that was too long: the minimum of a cubic."""
    span = high.length - low.length
    if not high.finite:
        return low.length + 0.1 * span
    first = low.slope + high.slope - 3.0 * (low.loss - high.loss) / (low.length - high.length)
    under = first * first - low.slope * high.slope
    if under < 0:
        return low.length + 0.5 * span
    second = math.sqrt(under)
    part = (high.slope + second - first) / (high.slope - low.slope + 2.0 * second or 1.0)
    return low.length + min(max(1.0 - part, 0.1), 0.6) * span


def _beyond(here: _Mark, steep: float) -> float:
    """Give a longer length: where the slope would be 0 if it fell on as it did."""
    gained = here.slope - steep
    if gained <= 0:
        return 4.0 * here.length
    return here.length * min(max(-steep / gained, 1.5), 4.0)


def _prune(best: Sequence[Best], stay: int) -> None:
    for each in sorted((each for each in best if not each.over), key=lambda each: each.loss)[stay:]:
        each.over = True


def _hopeless(known: Sequence[float], patience: Patience) -> bool:
    span = patience.evaluations
    if not span or len(known) <= span:
        return False
    return known[-1] > known[-1 - span] * (1.0 - patience.progress)
