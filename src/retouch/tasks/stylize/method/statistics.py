"""What of a style's features is kept, its statistics, and how far other features are from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from retouch.errors import InputError, UnknownName
from retouch.features.judging import Judge, Verdict, differentiated, judged
from retouch.tasks.stylize.method.moments import Moments, averages, by_position, moments, shares
from retouch.tasks.stylize.method.sliced import Quantiles, apart, quantiles
from retouch.tasks.stylize.method.wasserstein import Gaussian, linear, squared_wasserstein

Statistic = Literal["wasserstein", "gram", "mean-std", "patches"]
"""Mean and covariance by the Wasserstein distance; products of channels; mean and deviation of each channel;
or patches, by the Wasserstein distance along random directions."""

STATISTICS: tuple[Statistic, ...] = get_args(Statistic)


@dataclass(frozen=True)
class Target:
    """The statistics of a style's features at a layer.

    Attributes:
        statistic: which.
        found: the statistics themselves: a Gaussian for "wasserstein", the mean product of each pair of
            channels, (C, C), for "gram", mean and standard deviation, (2, C), for "mean-std", and sorted
            projections for "patches".
        energy: the mean of the squared features, over positions and channels: distances are in its unit.
    """

    statistic: Statistic
    found: Gaussian | Tensor | Quantiles
    energy: float


def target(statistic: Statistic, features: Tensor, weights: Tensor | None = None) -> Target:
    """Take the statistics of a style's features.

    Args:
        statistic: which.
        features: (1, C, h, w).
        weights: (1, 1, h, w), what each position counts; none counts all alike.

    Returns:
        What :func:`distance` compares with.

    Raises:
        UnknownName: there is no such statistic.
        InputError: no position counts.
    """
    _check(statistic, features, weights)
    features = features.detach()
    known = moments(features, weights)
    energy = _energy(known)
    if statistic == "wasserstein":
        return Target(statistic, Gaussian.of(known), energy)
    if statistic == "gram":
        return Target(statistic, known.covariance + torch.outer(known.mean, known.mean), energy)
    if statistic == "mean-std":
        return Target(statistic, torch.stack((known.mean, _deviation(known.covariance.diagonal()))), energy)
    return Target(statistic, quantiles(features, weights), energy)


def mixed(targets: Sequence[Target], parts: Sequence[float]) -> Target:
    """Mix the statistics of several styles.

    Args:
        targets: of one statistic and one layer, at least one.
        parts: how much of each, at least 0, not all 0; only their ratios count.

    Returns:
        Their weighted mean; of patches, that of their quantiles.

    Raises:
        InputError: the numbers differ, a part is below 0, or all are 0.
    """
    if len(targets) != len(parts) or not targets or min(parts) < 0 or sum(parts) <= 0:
        raise InputError(
            f"{len(targets)} styles got the shares {list(parts)}; give each a number of at least 0, "
            "one of them above 0"
        )
    if len(targets) == 1:
        return targets[0]
    each = [(one.found, part / sum(parts)) for one, part in zip(targets, parts, strict=True) if part > 0]
    energy = sum(one.energy * part for one, part in zip(targets, parts, strict=True)) / sum(parts)
    statistic = targets[0].statistic
    first = each[0][0]
    if isinstance(first, Gaussian):
        gaussians = [(found, part) for found, part in each if isinstance(found, Gaussian)]
        mean = sum((found.mean * part for found, part in gaussians), torch.zeros_like(first.mean))
        spread = sum(
            (found.covariance * part for found, part in gaussians), torch.zeros_like(first.covariance)
        )
        return Target(statistic, Gaussian.of(Moments(mean, spread)), energy)
    if isinstance(first, Quantiles):
        levels = [(found.values, part) for found, part in each if isinstance(found, Quantiles)]
        values = sum((found * part for found, part in levels), torch.zeros_like(first.values))
        return Target(statistic, Quantiles(first.directions, values), energy)
    tensors = [(found, part) for found, part in each if isinstance(found, Tensor)]
    return Target(statistic, sum((found * part for found, part in tensors), torch.zeros_like(first)), energy)


def distance(statistic: Statistic, features: Tensor, wanted: Target, weights: Tensor | None = None) -> Tensor:
    """Say how far features are from a style's statistics.

    Args:
        statistic: which; that of the target.
        features: (1, C, h, w), of as many channels as the style's.
        wanted: as :func:`target` made it.
        weights: (1, 1, h, w), what each position counts; none counts all alike.

    Returns:
        A number in the unit of the features' square, the mean over the C channels, float32, with a slope:

        * wasserstein: W₂² / C;
        * gram: |G − H|² / (2 C |H|), the mean products G and H being taken over the positions and | | being
          the root of the sum of squares. Divided by |H| it is in the unit of the other statistics;
        * mean-std: (|m − n|² + |s − t|²) / C;
        * patches: the mean squared difference of sorted projections on random directions of length 1.

    Raises:
        UnknownName: there is no such statistic.
        InputError: the target is of another, or no position counts.
    """
    _check(statistic, features, weights)
    if wanted.statistic != statistic:
        raise InputError(
            f"the distance of {statistic!r} was asked for, but the target is of {wanted.statistic!r}; make "
            "the target with the statistic that is compared"
        )
    return judged(features, judging(wanted, weights))


def judging(wanted: Target, weights: Tensor | None = None, *, factor: float = 1.0) -> Judge:
    """Make a judge of a style's statistics.

    Args:
        wanted: as :func:`target` made it.
        weights: (1, 1, h, w), what each position counts; none counts all alike.
        factor: of the distance.

    Returns:
        The judge, whose verdict is factor × :func:`distance`.
    """

    def judge(features: Tensor) -> Verdict:
        found, channels = wanted.found, features.shape[1]
        if isinstance(found, Gaussian):
            return _scaled(squared_wasserstein(features, found, weights), factor / channels)
        if isinstance(found, Quantiles):
            return _scaled(differentiated(lambda asked: apart(asked, found, weights))(features), factor)
        if wanted.statistic == "gram":
            size = max(float(found.norm()), 1e-30)
            return _scaled(_products_apart(features, found, shares(weights)), factor / (2 * channels * size))
        counts = shares(weights)
        return _scaled(
            differentiated(lambda asked: _spread_apart(asked, found, counts))(features), factor / channels
        )

    return judge


def _scaled(verdict: Verdict, by: float) -> Verdict:
    return Verdict(verdict.value * by, lambda slope, factor: verdict.onto(slope, factor * by))


def _products_apart(features: Tensor, wanted: Tensor, counts: Tensor | None) -> Verdict:
    """|G − H|² of the mean products G of channels, whose slope is the mean of 4 x (G − H)."""
    _, found = averages(by_position(features), counts)
    found -= wanted
    return Verdict(found.square().sum(), linear(features, 4 * found, None, counts))


def _spread_apart(features: Tensor, wanted: Tensor, counts: Tensor | None) -> Tensor:
    rows = by_position(features).to(wanted.dtype)
    weigh = rows.new_full((len(rows),), 1 / len(rows)) if counts is None else counts.to(rows.dtype)
    mean = weigh @ rows
    deviation = _deviation(weigh @ (rows - mean).square())
    return (mean - wanted[0]).square().sum() + (deviation - wanted[1]).square().sum()


def _deviation(variance: Tensor) -> Tensor:
    # The root of 0 has no slope.
    return (variance.clamp(min=0) + 1e-12).sqrt()


def _energy(known: Moments) -> float:
    squares = known.covariance.diagonal().sum() + known.mean.square().sum()
    return max(float(squares) / len(known.mean), 1e-12)


def _check(statistic: Statistic, features: Tensor, weights: Tensor | None) -> None:
    if statistic not in STATISTICS:
        raise UnknownName("statistic", statistic, STATISTICS)
    if features.dim() != 4 or len(features) != 1:
        raise InputError(
            f"statistics got features of {tuple(features.shape)}; they are taken of (1, C, h, w)"
        )
    if weights is not None and weights.shape[-2:] != features.shape[-2:]:
        raise InputError(
            f"weights are {tuple(weights.shape[-2:])} but features {tuple(features.shape[-2:])}; give a "
            "weight for each position"
        )
    if weights is not None and not bool((weights > 0).any()):
        raise InputError("no position of the features counts; mark some part of the picture")
