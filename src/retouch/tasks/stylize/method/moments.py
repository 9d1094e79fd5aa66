"""Mean and covariance of features, exact to float32 or nearly so whatever the features' own type."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

_STRIP = 1 << 21
"""Entries that are turned to float32 at once: they stay in the processor's cache."""

_WIDE = 64
"""Columns of a matrix from which on its products are fast."""

_EXACT = 3e-5
"""Share of itself by which a product may be off that is computed in bfloat16 and its rest added."""


@dataclass(frozen=True)
class Moments:
    """Mean and covariance of features over the positions of a picture.

    Attributes:
        mean: (C,).
        covariance: (C, C).
    """

    mean: Tensor
    covariance: Tensor


def moments(features: Tensor, weights: Tensor | None = None) -> Moments:
    """Compute mean and covariance over the positions.

    Args:
        features: (1, C, h, w) of any floating type.
        weights: (1, 1, h, w), what each position counts, at least 0; none counts all alike.

    Returns:
        Both in float32 (float64 for features in float64); no gradient passes through them.
    """
    rows = by_position(features.detach())
    mean, second = averages(rows, shares(weights))
    return Moments(mean, second.addr_(mean, mean, alpha=-1))


def by_position(features: Tensor) -> Tensor:
    """Lay features out as a row for each position.

    Args:
        features: (1, C, h, w).

    Returns:
        (h·w, C), a view where there can be one.
    """
    return features[0].flatten(1).T


def shares(weights: Tensor | None) -> Tensor | None:
    """Scale weights of positions to a sum of 1.

    Args:
        weights: (1, 1, h, w), at least 0, not all 0.

    Returns:
        (h·w,).
    """
    return None if weights is None else weights.flatten() / weights.sum()


def averages(rows: Tensor, counts: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Compute the mean of rows, and of the products of each with itself.

    Args:
        rows: (N, C) of any floating type.
        counts: (N,), what each row counts, with a sum of 1; none counts all alike.

    Returns:
        (C,) and (C, C), float32, or float64 for rows of that type.
    """
    if rows.dtype == torch.bfloat16 and counts is None and _exact_in_halves(rows.device):
        return _averages_in_halves(rows)
    kind = torch.float64 if rows.dtype == torch.float64 else torch.float32
    channels = rows.shape[1]
    first = torch.zeros(channels, dtype=kind, device=rows.device)
    second = torch.zeros(channels, channels, dtype=kind, device=rows.device)
    for strip, part in _strips(rows, kind):
        weighed = part if counts is None else part * counts[strip, None]
        first += weighed.sum(dim=0)
        second.addmm_(weighed.T, part)
    many = len(rows) if counts is None else 1
    return first.div_(many), second.div_(many)


def _averages_in_halves(rows: Tensor) -> tuple[Tensor, Tensor]:
    """The same for rows in bfloat16."""
    many, channels = rows.shape
    # Few channels leave most of a processor's tile of a matrix empty, so rows are laid side by side.
    beside = next((count for count in range(_WIDE // channels, 1, -1) if many % count == 0), 1)
    rows = rows.reshape(many // beside, beside * channels)
    first = _product(rows.new_ones(1, len(rows)), rows).view(beside, channels).sum(dim=0)
    second = _product(rows.T, rows).view(beside, channels, beside, channels)
    return first.div_(many), second.diagonal(dim1=0, dim2=2).sum(dim=2).div_(many)


def _product(left: Tensor, right: Tensor) -> Tensor:
    """The product of two matrices in bfloat16, in float32.

    Inside a product, bfloat16 sums in float32 and rounds at the end. What the rounding took is the product
    less the rounded one, which a second product gives, itself rounded, but of so much smaller a number.
    """
    rounded = left @ right
    return torch.addmm(rounded, left, right, beta=-1).float().add_(rounded)


@cache
def _exact_in_halves(device: torch.device) -> bool:
    """Whether a product and its rest are as exact on a device as they should be."""
    available: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if device.type != "cpu" or not available:
        return False
    left = torch.rand(64, 1024, generator=torch.Generator().manual_seed(0)).bfloat16()
    wanted = left.double() @ left.double().T
    return bool(((_product(left, left.T) - wanted).abs() < _EXACT * wanted).all())


def _strips(rows: Tensor, kind: torch.dtype) -> Iterator[tuple[slice, Tensor]]:
    """Go over rows in another type, so many at a time that they stay in the cache."""
    height = max(1, _STRIP // rows.shape[1]) if rows.dtype != kind else len(rows)
    for start in range(0, len(rows), height):
        part = rows[start : start + height]
        yield slice(start, start + len(part)), part.to(kind)
