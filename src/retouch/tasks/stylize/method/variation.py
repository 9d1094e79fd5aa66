"""What a picture is to be like whatever its manner is: without noise, and within [0, 1]."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

_SIDE = math.sqrt(1 / 12)
_MIDDLE = math.sqrt(4 / 3)


def variation(picture: Tensor) -> Tensor:
    """Compute how much neighbouring pixels differ: 2 (h + v) / 3 + 2 (d + e) / 12.

    Here h, v, d and e are the sums of squared differences between neighbours, along rows, columns and both
    diagonals, divided by the number of samples.

    Args:
        picture: (B, C, H, W).

    Returns:
        At least 0, with a slope, which is the nine-point Laplacian.

    Source: crowsonkb, style-transfer-pytorch, whose scale this is.
    Departs: pixels at the rim have fewer neighbours, where the original repeats the rim.
    """
    found: Tensor = _Variation.apply(picture)
    return found


def excess(picture: Tensor) -> Tensor:
    """Compute by how much samples leave [0, 1]: their mean squared distance from it.

    Args:
        picture: of any shape.

    Returns:
        At least 0, with a slope: unlike clamping, it leaves the optimiser a smooth function.
    """
    found: Tensor = _Excess.apply(picture)
    return found


class _Variation(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, picture: Tensor) -> Tensor:
        slope = _laplacian(picture)
        ctx.save_for_backward(slope)
        return torch.dot(picture.flatten(), slope.flatten()) * (2 / picture.numel())

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (slope,) = ctx.saved_tensors
        along: Tensor = slope * (grads[0] * (4 / slope.numel()))
        return along


class _Excess(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, picture: Tensor) -> Tensor:
        beyond = picture - picture.clamp(0, 1)
        ctx.save_for_backward(beyond)
        return torch.dot(beyond.flatten(), beyond.flatten()) / beyond.numel()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (beyond,) = ctx.saved_tensors
        along: Tensor = beyond * (grads[0] * (2 / beyond.numel()))
        return along


def _laplacian(picture: Tensor) -> Tensor:
    """Sum over the neighbours, a third for those beside and a twelfth for those across, of the difference."""
    around = _smeared(_smeared(picture, 2), 3)
    ones = [torch.ones(side, dtype=picture.dtype, device=picture.device) for side in picture.shape[2:]]
    many = torch.outer(*(_smeared(each, 0) for each in ones))
    # Both hold the pixel itself, _MIDDLE² times.
    return picture * many - around


def _smeared(values: Tensor, dim: int) -> Tensor:
    found = values * _MIDDLE
    size = values.shape[dim]
    found.narrow(dim, 1, size - 1).add_(values.narrow(dim, 0, size - 1), alpha=_SIDE)
    found.narrow(dim, 0, size - 1).add_(values.narrow(dim, 1, size - 1), alpha=_SIDE)
    return found
