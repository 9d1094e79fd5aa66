"""How far the patches of features are from those of a style, along random directions.

Source: Rabin, Peyré, Delon, Bernot, "Wasserstein barycenter and its application to texture mixing", SSVM
    2011; Heitz, Vanhoey, Chambon, Belcour, "A sliced Wasserstein loss for neural texture synthesis", CVPR
    2021, arXiv:2006.07229.
Departs: the directions are drawn once and kept, so that the loss is one function, which L-BFGS needs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

_DIRECTIONS = 64
_LEVELS = 4096
"""Most quantiles that are kept of a style."""

_RAW, _DEEP = 7, 3
"""Sides of a patch, of the picture itself and of features, which have looked around already."""

_SEED = 20260721


@dataclass(frozen=True)
class Quantiles:
    """The patches of a style, as numbers sorted along directions.

    Attributes:
        directions: (K, C, p, p), each of length 1.
        values: (K, Q), ascending, evenly spaced quantiles.
    """

    directions: Tensor
    values: Tensor


def quantiles(features: Tensor, weights: Tensor | None = None) -> Quantiles:
    """Sort a style's patches along random directions, the same ones at every call.

    Args:
        features: (1, C, h, w).
        weights: (1, 1, h, w), what the patch around each position counts.

    Returns:
        Directions and values, in float32.
    """
    side = _RAW if features.shape[1] == 3 else _DEEP
    drawn = torch.randn(
        _DIRECTIONS, features.shape[1], side, side, generator=torch.Generator().manual_seed(_SEED)
    ).to(features.device)
    directions = drawn / drawn.flatten(1).norm(dim=1)[:, None, None, None]
    found, _, levels = _sorted(features, directions, weights)
    count = min(_LEVELS, found.shape[1])
    wanted = (torch.arange(count, device=found.device, dtype=torch.float32) + 0.5) / count
    if levels is None:
        place = wanted * found.shape[1] - 0.5
        return Quantiles(directions, _between(found, place.expand(_DIRECTIONS, -1)))
    after = torch.searchsorted(levels, wanted.expand(_DIRECTIONS, -1).contiguous())
    return Quantiles(directions, found.gather(1, after.clamp(max=found.shape[1] - 1)))


def apart(features: Tensor, wanted: Quantiles, weights: Tensor | None = None) -> Tensor:
    """Compute the squared Wasserstein distance between patches, the mean over the directions.

    Args:
        features: (1, C, h, w).
        wanted: of as many channels.
        weights: (1, 1, h, w), what the patch around each position counts.

    Returns:
        At least 0, float32, with a slope along the features.
    """
    found, counts, levels = _sorted(features, wanted.directions, weights)
    count, kept = found.shape[1], wanted.values.shape[1]
    if levels is None:
        even = (torch.arange(count, device=found.device, dtype=torch.float32) + 0.5) / count
        levels = even.expand(len(found), -1)
    with torch.no_grad():
        aims = (
            wanted.values
            if kept == count and counts is None
            else _between(wanted.values, levels * kept - 0.5)
        )
    squares = (found - aims).square()
    return squares.mean() if counts is None else (squares * counts).sum() / len(found)


def _sorted(
    features: Tensor, directions: Tensor, weights: Tensor | None
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Projections in ascending order, (K, N), and where weights are given what each counts, and its level."""
    reach = directions.shape[-1] // 2
    seen = F.conv2d(F.pad(features.float(), (reach,) * 4, mode="replicate"), directions)[0].flatten(1)
    if weights is None:
        return seen.sort(dim=1).values, None, None
    counting = weights.flatten() > 0
    values, order = seen[:, counting].sort(dim=1)
    counts = weights.flatten()[counting].float()
    counts = (counts / counts.sum())[order]
    return values, counts, counts.cumsum(dim=1) - counts / 2


def _between(values: Tensor, place: Tensor) -> Tensor:
    """Look values up between their places, linearly."""
    place = place.clamp(0, values.shape[1] - 1)
    low = place.floor().long().clamp(max=max(values.shape[1] - 2, 0))
    high = (low + 1).clamp(max=values.shape[1] - 1)
    return torch.lerp(values.gather(1, low), values.gather(1, high), place - low)
