"""Adam with the schedule of StyleGAN2's projection."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from retouch.tasks.invert.method.descent import Way

RATE = 0.1
RAMP_UP, RAMP_DOWN = 0.05, 0.25
"""Parts of the run in which the rate rises from 0, and in which it falls to 0."""

JITTER, QUIET = 0.05, 0.75
"""Size of the noise of the code, of the code's own spread; the part of the run after which there is none."""

_BETAS = (0.9, 0.999)


def adam(
    point: Tensor,
    *,
    evaluations: int,
    rate: float = RATE,
    jitter: Tensor | None = None,
    generator: torch.Generator | None = None,
    settled: Callable[[Tensor], Tensor] = lambda point: point,
) -> Way:
    """Search by Adam, from bold to careful.

    Args:
        point: (n,), from which.
        evaluations: how often the loss will be asked for.
        rate: the largest.
        jitter: (n,), standard deviation of the noise that is added to the point at first.
        generator: of the CPU, where that noise comes from.
        settled: brings a point back to where it is allowed to be, after each step.

    Yields:
        Points at which the loss is asked for.

    Source: Karras et al. 2020, arXiv:1912.04958, appendix D: its rates and its noise.
    Departs: the first step has a rate above 0.
    """
    first, second = torch.zeros_like(point), torch.zeros_like(point)
    for step in range(evaluations):
        time = step / evaluations
        seen = point
        if jitter is not None and time < QUIET:
            drawn = torch.randn(point.shape, generator=generator).to(point)
            seen = point + drawn * jitter * (1.0 - time / QUIET) ** 2
        _, slope = yield seen
        first.lerp_(slope, 1 - _BETAS[0])
        second.mul_(_BETAS[1]).addcmul_(slope, slope, value=1 - _BETAS[1])
        size = (second / (1 - _BETAS[1] ** (step + 1))).sqrt_().add_(1e-8)
        speed = scheduled(rate, (step + 1) / evaluations) / (1 - _BETAS[0] ** (step + 1))
        point = settled(torch.addcdiv(point, first, size, value=-speed))


def scheduled(rate: float, time: float) -> float:
    """Give the rate at a time of the run, from 0 to 1."""
    down = 0.5 - 0.5 * math.cos(math.pi * min(1.0, (1.0 - time) / RAMP_DOWN))
    return rate * down * min(1.0, time / RAMP_UP)
