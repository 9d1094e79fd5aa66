"""Change a picture until little is left to wish."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import torch
from torch import Tensor

from retouch.errors import InputError, NotConverged, UnknownName
from retouch.nn.quasinewton import QuasiNewton

Optimiser = Literal["lbfgs", "adam"]
OPTIMISERS: tuple[Optimiser, ...] = get_args(Optimiser)

RATES: Mapping[Optimiser, float] = {"lbfgs": 1.0, "adam": 0.02}
"""How far a step goes: of L-BFGS's own step, or in the unit of the picture."""

Told = Callable[[int, Tensor, dict[str, float]], None]
"""Hears of each picture: its number from 0, itself, (1, 3, H, W), which is not to be kept, and its losses."""

Asked = Callable[[Tensor], tuple[Tensor, dict[str, Tensor]]]
"""A picture → its loss, with a slope, and its terms."""

_BETAS = (0.9, 0.99)
_AVERAGE = 0.99
_WORSE = 10.0
"""A loss so many times that of the start means that a step went astray."""

_NOTHING = 1e-4
"""A start with less loss counts as having so much: of a loss of 0, every step would be astray."""

_TRIALS = 12


@dataclass(frozen=True)
class Descended:
    """What came of it.

    Attributes:
        picture: (1, 3, H, W) in [0, 1]: that of the least loss.
        losses: of each picture on the way, its terms and their sum, "loss".
        steps: how many pictures were looked at.
        restarts: how often a step went astray and was taken back; after twelve times nothing more is tried.
    """

    picture: Tensor
    losses: list[dict[str, float]]
    steps: int
    restarts: int = 0


class _Stepper(Protocol):
    def step(self, picture: Tensor, slope: Tensor, rate: float) -> Tensor:
        """Give the next picture."""
        ...


def descend(
    start: Tensor,
    objective: Asked,
    *,
    steps: int,
    optimiser: Optimiser = "lbfgs",
    rate: float | None = None,
    average: bool = True,
    told: Told | None = None,
) -> Descended:
    """Change a picture so that an objective falls.

    The same start and objective give the same picture. A step after which the loss is not a number, or ten
    times that of the start, is taken back, the optimiser forgets what it knew, and steps become half as long.

    Args:
        start: (1, 3, H, W).
        objective: gives a picture's loss and its terms; keeps it within [0, 1] by a term of its own.
        steps: how many pictures are looked at, at least 1.
        optimiser: L-BFGS with the last ten steps and without a line search, or Adam.
        rate: how long a step is; that of ``RATES`` when None.
        average: with Adam, return the running mean of the pictures when that is better than each of them.
        told: hears of each picture; may raise to stop.

    Returns:
        The best picture, clamped, and the losses.

    Raises:
        UnknownName: there is no such optimiser.
        InputError: there are no steps, or the rate is not above 0.
        NotConverged: not even the start has a loss that is a number.

    Source: Liu, Nocedal, "On the limited memory BFGS method for large scale optimization", Mathematical
        Programming 45, 1989; Kingma, Ba, "Adam", ICLR 2015, arXiv:1412.6980, with the second moment's decay
        and the mean of the pictures of crowsonkb's style-transfer-pytorch.
    """
    if optimiser not in OPTIMISERS:
        raise UnknownName("optimiser", optimiser, OPTIMISERS)
    rate = RATES[optimiser] if rate is None else rate
    if steps < 1 or not 0 < rate < math.inf:
        raise InputError(
            f"{steps} steps of rate {rate} were asked for; take at least 1 step, of a rate above 0"
        )
    picture = start.detach().clone(memory_format=torch.contiguous_format)
    stepper = _stepper(optimiser, picture)
    best, least = picture, math.inf
    good: tuple[Tensor, Tensor] | None = None
    losses: list[dict[str, float]] = []
    mean = _Mean(_AVERAGE, picture) if optimiser == "adam" and average else None
    restarts = 0
    while len(losses) < steps:
        loss, terms, slope = _look(objective, picture)
        bad = not math.isfinite(loss) or (bool(losses) and loss > _WORSE * max(losses[0]["loss"], _NOTHING))
        # Every 0 · ∞ or ∞ − ∞ of a slope is in its sum.
        if bad or not math.isfinite(float(slope.sum())):
            if good is None:
                raise NotConverged(
                    f"the loss of the start is {loss:g}; take smaller weights, or precision float32"
                )
            if restarts >= _TRIALS:
                break
            restarts += 1
            rate /= 2
            stepper = _stepper(optimiser, picture)
            picture = stepper.step(*good, rate)
            continue
        if loss < least:
            best, least = picture, loss
        losses.append({"loss": loss, **terms})
        if told is not None:
            told(len(losses) - 1, picture, losses[-1])
        if mean is not None:
            mean.add(picture)
        good = picture, slope
        if len(losses) < steps:
            picture = stepper.step(picture, slope, rate)
    if mean is not None:
        averaged = mean.value()
        with torch.no_grad():
            found = float(objective(averaged)[0])
        best = averaged if found < least else best
    return Descended(best.clamp(0, 1), losses, len(losses), restarts)


def _look(objective: Asked, picture: Tensor) -> tuple[float, dict[str, float], Tensor]:
    asked = picture.detach().requires_grad_()
    with torch.enable_grad():
        loss, terms = objective(asked)
        (slope,) = torch.autograd.grad(loss, asked)
    return float(loss.detach()), {name: float(term) for name, term in terms.items()}, slope


def _stepper(optimiser: Optimiser, like: Tensor) -> _Stepper:
    return QuasiNewton() if optimiser == "lbfgs" else _Adam(like)


class _Adam:
    """Adam with its own moments of one picture."""

    def __init__(self, like: Tensor) -> None:
        self._first = torch.zeros_like(like)
        self._second = torch.zeros_like(like)
        self._count = 0

    def step(self, picture: Tensor, slope: Tensor, rate: float) -> Tensor:
        """Give the next picture."""
        self._count += 1
        one, two = _BETAS
        self._first.lerp_(slope, 1 - one)
        self._second.mul_(two).addcmul_(slope, slope, value=1 - two)
        size = (self._second / (1 - two**self._count)).sqrt_().add_(1e-8)
        return torch.addcdiv(picture, self._first, size, value=-rate / (1 - one**self._count))


class _Mean:
    """A running mean in which old pictures fade."""

    def __init__(self, keep: float, like: Tensor) -> None:
        self._keep = keep
        self._sum = torch.zeros_like(like)
        self._weight = 0.0

    def add(self, picture: Tensor) -> None:
        """Take one in."""
        self._weight = self._weight * self._keep + (1 - self._keep)
        self._sum.lerp_(picture, 1 - self._keep)

    def value(self) -> Tensor:
        """The mean; the first picture alone when there is but one."""
        return self._sum / self._weight
