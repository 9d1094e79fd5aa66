"""Fold batch normalisation into the convolution before it: one layer that computes what two did."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from retouch.features.folding import folded

_NAMES = ("weight", "bias", "running_mean", "running_var")


def fold(tensors: dict[str, Tensor], conv: str, norm: str, *, eps: float, biased: bool = True) -> None:
    """Fold one normalisation; nothing is changed when the two layers do not belong together.

    Args:
        tensors: changed in place; the normalisation's tensors are taken out.
        conv: what stands before ``.weight`` of the convolution.
        norm: the same of the normalisation.
        eps: what the normalisation adds to the variance.
        biased: whether the convolution has a bias of its own; else one is made.
    """
    weight = tensors.get(f"{conv}.weight")
    if weight is None or weight.dim() != 4 or not _belongs(tensors, norm, len(weight)):
        return
    bias = tensors.get(f"{conv}.bias", None if biased else torch.zeros(len(weight)))
    if bias is None or bias.shape != weight.shape[:1] or (not biased and f"{conv}.bias" in tensors):
        return
    scale, shift, mean, variance = (tensors.pop(f"{norm}.{name}") for name in _NAMES)
    tensors.pop(f"{norm}.num_batches_tracked", None)
    joined = folded(weight, bias, (scale, shift, mean, variance), eps=eps)
    tensors[f"{conv}.weight"], tensors[f"{conv}.bias"] = joined


def _belongs(tensors: Mapping[str, Tensor], norm: str, width: int) -> bool:
    found = [tensors.get(f"{norm}.{name}") for name in _NAMES]
    return all(tensor is not None and tensor.shape == (width,) for tensor in found)
