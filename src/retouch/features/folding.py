"""Fold a batch normalisation into the convolution before it: one layer that computes what two did."""

from __future__ import annotations

from torch import Tensor

EPSILON = 1e-5
"""What batch normalisation adds to a variance unless its authors say otherwise."""


def folded(
    weight: Tensor,
    bias: Tensor | None,
    norm: tuple[Tensor, Tensor, Tensor, Tensor],
    *,
    eps: float = EPSILON,
) -> tuple[Tensor, Tensor]:
    """Join a convolution with the batch normalisation behind it.

    Args:
        weight: (outputs, inputs, side, side).
        bias: (outputs,), or None for a convolution without.
        norm: its weight, bias, running mean and running variance, (outputs,) each.
        eps: what it adds to the variance.

    Returns:
        The weight and bias of the one convolution, float32.
    """
    scale, shift, mean, variance = (item.double() for item in norm)
    factor = scale / (variance + eps).sqrt()
    before = -mean if bias is None else bias.double() - mean
    joined = weight.double() * factor[:, None, None, None]
    return joined.float(), (before * factor + shift).float()
