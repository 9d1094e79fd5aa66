"""How far features are from a wanted mean and covariance: the Wasserstein distance between two Gaussians.

With means m, n and covariances S, T = F Fᵀ, the squared distance is |m − n|² + tr S + tr T − 2 tr (FᵀSF)^½.
One symmetric eigendecomposition FᵀSF = Q diag(l) Qᵀ gives the last term and its slope along S, which is
F Q diag(l)^-½ Qᵀ Fᵀ / 2. Where there are fewer positions than columns of F, the eigenvalues other than 0
are those of a matrix of positions, which is smaller.

Source: Olkin, Pukelsheim, "The distance between two random vectors with given dispersion matrices", Linear
    Algebra and its Applications 48, 1982. As a style loss: Vacher, Davila, Kohn, Coen-Cagli, "Texture
    interpolation for probing visual perception", NeurIPS 2020, arXiv:2006.03698; crowsonkb,
    style-transfer-pytorch.
Departs:
    crowsonkb finds the matrix square root by twelve Newton-Schulz steps and its slope by a Lyapunov equation;
        the eigendecomposition gives both, exactly, at a tenth of the cost.
    Where either covariance vanishes the slope is not defined; it is that of a direction in which they nearly
        do, in place of a small number that is added to the covariances.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from retouch.features.judging import Onto, Verdict
from retouch.tasks.stylize.method.moments import Moments, averages, by_position, shares

_FLAT = 1e-7
"""Share of the largest eigenvalue that a slope takes smaller ones for: float32 does not tell them from 0."""

_ROOTLESS = 1e-7
"""Likewise for the wanted covariance, whose eigenvalues are found in float64."""


@dataclass(frozen=True)
class Gaussian:
    """What is wanted of features: a mean and a covariance, with what the distance needs of them.

    Attributes:
        mean: (C,).
        covariance: (C, C).
        root: (C, r), whose product with its transpose is the covariance; r < C where that is singular.
        spread: the covariance's trace.
        energy: mean of the squared features, over positions and channels, at least a tiny number.
    """

    mean: Tensor
    covariance: Tensor
    root: Tensor
    spread: float
    energy: float

    @classmethod
    def of(cls, wanted: Moments) -> Gaussian:
        """Prepare a mean and a covariance.

        Args:
            wanted: symmetric, no negative eigenvalues but for rounding.
        """
        values, vectors = torch.linalg.eigh(wanted.covariance.double())
        large = values >= values[-1] * _ROOTLESS
        root = vectors[:, large] * values[large].clamp(min=0).sqrt()
        spread = float(wanted.covariance.double().trace())
        energy = (spread + float(wanted.mean.double().square().sum())) / len(wanted.mean)
        return cls(
            wanted.mean, wanted.covariance, root.to(wanted.mean).contiguous(), spread, max(energy, 1e-12)
        )


def squared_wasserstein(features: Tensor, wanted: Gaussian, weights: Tensor | None = None) -> Verdict:
    """Compute the squared Wasserstein distance between features, taken for a Gaussian, and a Gaussian.

    Args:
        features: (1, C, h, w) of any floating type.
        wanted: of as many channels.
        weights: (1, 1, h, w), what each position counts; none counts all alike.

    Returns:
        A number of at least 0 but for rounding, in the target's type, and its slope.
    """
    rows, counts = by_position(features), shares(weights)
    if len(rows) < wanted.root.shape[1]:
        value, along = _by_positions(rows, wanted, counts)
        return Verdict(value, partial(_added, as_features(along.to(features.dtype), features.shape)))
    mean, second = averages(rows, counts)
    away = mean - wanted.mean
    covariance = second.addr_(mean, mean, alpha=-1)
    trace, turn = _overlap(covariance, wanted.root)
    value = torch.dot(away, away) + covariance.trace() + wanted.spread - 2 * trace
    # d/dS = 1 − F (FᵀSF)^-½ Fᵀ, and S = mean (x − m)(x − m)ᵀ; the mean itself adds 2 (m − n).
    matrix = turn.neg_()
    matrix.diagonal().add_(1)
    return Verdict(value, linear(features, 2 * matrix, 2 * (away - mean @ matrix), counts))


def linear(features: Tensor, matrix: Tensor, shift: Tensor | None, counts: Tensor | None) -> Onto:
    """Give a slope that is linear in the features: the mean over positions of x A + b.

    Args:
        features: (1, C, h, w).
        matrix: A, (C, C).
        shift: b, (C,).
        counts: (h·w,), what each position counts, with a sum of 1; none counts all alike.

    Returns:
        What adds it to a slope.
    """
    rows = by_position(features)

    def onto(slope: Tensor | None, factor: float) -> Tensor:
        scale = factor if counts is not None else factor / len(rows)
        along = (matrix * scale).to(rows.dtype)
        beside = None if shift is None else (shift * scale).to(rows.dtype)
        if counts is None and slope is not None and slope.stride() == features.stride():
            into = by_position(slope).addmm_(rows, along)
            if beside is not None:
                into.add_(beside)
            return slope
        made = rows @ along if beside is None else torch.addmm(beside, rows, along)
        if counts is not None:
            made *= counts[:, None].to(made.dtype)
        found = as_features(made, features.shape)
        return found if slope is None else found.add_(slope)

    return onto


def as_features(rows: Tensor, shape: torch.Size) -> Tensor:
    """Lay a row for each position out as features.

    Args:
        rows: (h·w, C).
        shape: (1, C, h, w).

    Returns:
        Features of this shape, a view with the channels last.
    """
    _, channels, height, width = shape
    return rows.view(1, height, width, channels).permute(0, 3, 1, 2)


def _added(along: Tensor, slope: Tensor | None, factor: float) -> Tensor:
    return along * factor if slope is None else slope.add_(along, alpha=factor)


def _overlap(covariance: Tensor, root: Tensor) -> tuple[Tensor, Tensor]:
    """The trace of (FᵀSF)^½, and twice its slope along S."""
    trace, inverse, vectors = _roots(root.T @ covariance @ root)
    turned = root @ vectors
    return trace, (turned * inverse) @ turned.T


def _by_positions(rows: Tensor, wanted: Gaussian, counts: Tensor | None) -> tuple[Tensor, Tensor]:
    """The distance and its slope along the rows, by a matrix of positions."""
    moved = rows.to(wanted.mean.dtype) - wanted.mean
    weigh = moved.new_full((len(rows),), 1 / len(rows)) if counts is None else counts.to(moved.dtype)
    away = weigh @ moved
    centred = (moved - away) * weigh.sqrt()[:, None]
    seen = centred @ wanted.root  # (N, r)
    trace, inverse, vectors = _roots(seen @ seen.T)
    value = away.square().sum() + centred.square().sum() + wanted.spread - 2 * trace
    slope = centred - ((vectors * inverse) @ (vectors.T @ seen)) @ wanted.root.T
    slope *= weigh.sqrt()[:, None]
    return value, 2 * (slope + weigh[:, None] * away)


def _roots(matrix: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Trace of the root of a symmetric matrix; inverse roots of its eigenvalues, and its eigenvectors."""
    if not len(matrix):  # what is wanted is of one colour
        return matrix.new_zeros(()), matrix.new_zeros(0), matrix
    # The roots of small eigenvalues, of which there are many, are not small: float32 would lose them.
    values, vectors = torch.linalg.eigh(matrix.double())
    largest = values[-1].clamp(min=1e-30)
    trace = torch.where(values > _FLAT**2 * largest, values, 0).sqrt().sum()
    least = largest * (_FLAT if matrix.dtype == torch.float32 else _FLAT**2)
    return trace.to(matrix.dtype), values.clamp(min=least).rsqrt().to(matrix.dtype), vectors.to(matrix.dtype)
