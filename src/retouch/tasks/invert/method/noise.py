"""The generator's noise maps as further numbers that are looked for."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from retouch.tasks.invert.network import StyleGAN2

SMALLEST = 8
"""Side at which the likeness of neighbours is looked at last, in pixels."""

_LEAST = 1e-8


def given(network: StyleGAN2) -> list[Tensor]:
    """Give the maps of noise that a network's file holds, (S, S) each, from the coarsest."""
    return [conv.noise_const for conv in network.synthesis.convolutions()]


def drawn(network: StyleGAN2, seed: int) -> list[Tensor]:
    """Draw maps of noise, (S, S) each, from the coarsest.

    Args:
        network: which takes them.
        seed: of the CPU's generator, so that every device gets the same.
    """
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(like.shape, generator=generator).to(like) for like in given(network)]


def normalised(maps: Sequence[Tensor]) -> list[Tensor]:
    """Shift and scale maps to mean 0 and mean square 1.

    Args:
        maps: (…, S, S) each.

    Returns:
        The same shapes.
    """
    found: list[Tensor] = []
    for each in maps:
        centred = each - each.mean(dim=(-2, -1), keepdim=True)
        size = centred.square().mean(dim=(-2, -1), keepdim=True)
        found.append(centred * torch.rsqrt(size + _LEAST))
    return found


def likeness(maps: Sequence[Tensor]) -> Tensor:
    """Say how much neighbours in maps are alike, which noise is not and a picture is.

    Args:
        maps: (N, 1, S, S) each, normalised.

    Returns:
        (N,), the sum over maps and their halvings of the squared correlations with the neighbour below and
        with the neighbour to the right, around the border.

    Source: Karras et al. 2020, arXiv:1912.04958, appendix D.
    """
    parts: list[Tensor] = []
    for each in maps:
        level = each
        while True:
            beside = (level * level.roll(1, axis) for axis in (2, 3))
            parts.extend(products.flatten(1).mean(dim=1).square() for products in beside)
            if level.shape[-1] <= SMALLEST:
                break
            # The mean of four independent numbers has a quarter of their variance.
            level = F.avg_pool2d(level, 2) * 2.0
    return torch.stack(parts).sum(dim=0)


def sizes(maps: Sequence[Tensor]) -> list[int]:
    """Give how many numbers each map has."""
    return [math.prod(each.shape[-2:]) for each in maps]


def flattened(maps: Sequence[Tensor], count: int) -> Tensor:
    """Write maps as one row for each candidate.

    Args:
        maps: (S, S) or (N, 1, S, S) each.
        count: candidates N.

    Returns:
        (N, all their numbers).
    """
    rows = [each.reshape(-1, math.prod(each.shape[-2:])).expand(count, -1) for each in maps]
    return torch.cat(rows, dim=1)


def restored(flat: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """Read maps from such rows, the inverse of :func:`flattened`.

    Args:
        flat: (N, all numbers).
        like: maps of the same sizes.

    Returns:
        (N, 1, S, S) each.
    """
    parts = torch.split(flat, sizes(like), dim=1)
    return [part.reshape(-1, 1, *each.shape[-2:]) for part, each in zip(parts, like, strict=True)]
