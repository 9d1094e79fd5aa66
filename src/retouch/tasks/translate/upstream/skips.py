"""Tell the order in which an old U-Net's skips were joined from the statistics it stores.

Until October 2017 the project put the map from below first and the skip second; since then the
skip comes first. Nothing in the keys or shapes says which. But the stored mean of every
normalised map follows from the weights before it and from what those are applied to, so one of
the two orders predicts the stored means and the other does not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor

from retouch.tasks.translate.upstream.parts import unet_levels

FEWEST = 64
"""So many stored means are needed to decide anything."""

SHARE = 0.7
"""The old order must miss full correlation by less than this share of what today's misses it by."""


def joined_in_old_order(tensors: Mapping[str, Tensor], depth: int) -> bool:
    """Say whether the network was trained with the skip behind the map from below.

    Args:
        tensors: a U-Net's tensors under their keys.
        depth: how often it halves the size.

    Returns:
        True only on clear evidence: files of PyTorch 0.4.1 and later, files without running
        statistics, and tiny networks are taken to have today's order.
    """
    if any(key.endswith(".num_batches_tracked") for key in tensors):
        return False
    levels = list(unet_levels(depth))
    stored: list[Tensor] = []
    predicted: dict[bool, list[Tensor]] = {False: [], True: []}
    for inside, deeper in pairwise(levels):
        last = 4 if deeper == levels[-1] else 6
        if f"{inside}.6.running_mean" not in tensors or f"{inside}.6.weight" not in tensors:
            return False
        stored.append(_standardised(tensors[f"{inside}.6.running_mean"].double()))
        skip = _mean_after_relu(tensors, f"{inside}.2")
        below = _mean_after_relu(tensors, f"{deeper}.{last}")
        # Of the 4×4 taps, a stride of 2 lets 4 meet in each sample: a quarter of their sum on average.
        taps = tensors[f"{inside}.5.weight"].double().sum((2, 3)) / 4
        bias = tensors.get(f"{inside}.5.bias", torch.zeros(())).double()
        for old, inputs in ((False, (skip, below)), (True, (below, skip))):
            predicted[old].append(_standardised(torch.cat(inputs) @ taps + bias))
    if sum(map(torch.numel, stored)) < FEWEST:
        return False
    now, then = (
        float((torch.cat(predicted[old]) * torch.cat(stored)).mean()) for old in (False, True)
    )  # mean products of standardised values: correlations
    return 1 - then < SHARE * (1 - now)


def in_todays_order(weight: Tensor) -> Tensor:
    """Swap the halves of what an up-convolution is applied to.

    Args:
        weight: ``(2C, outer, 4, 4)``.

    Returns:
        The weight of the same layer for an input whose halves are swapped.
    """
    below, skip = weight.chunk(2)
    return torch.cat([skip, below])


def _mean_after_relu(tensors: Mapping[str, Tensor], norm: str) -> Tensor:
    # The mean of max(z, 0) for z normal with mean b and standard deviation |w|.
    deviation = tensors[f"{norm}.weight"].double().abs().clamp_min(1e-12)
    mean = tensors[f"{norm}.bias"].double()
    ratio = mean / deviation
    density = torch.exp(-0.5 * ratio**2) / math.sqrt(2 * math.pi)
    expected: Tensor = mean * torch.special.ndtr(ratio) + deviation * density
    return expected


def _standardised(values: Tensor) -> Tensor:
    centred = values - values.mean()
    return centred / centred.square().mean().sqrt().clamp_min(1e-12)
