"""Distances between two sets of pictures in a feature space: Fréchet (FID) and kernel (KID).

The features come from a network that is passed in; :mod:`retouch.metrics.inception` has the one
that FID and KID are named after.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from retouch.errors import InputError, SizeMismatch

Features = Callable[[Tensor], Tensor]
"""(B, 3, H, W) in [0, 1] → (B, D)."""

KID_SUBSETS = 100
KID_SUBSET_SIZE = 1000


@dataclass(frozen=True, slots=True)
class KernelDistance:
    """The kernel distance of two sets, estimated on random subsets.

    Args:
        mean: over the subsets; about 0, and possibly below, for sets of one distribution.
        deviation: standard deviation over the subsets; NaN when a subset is the whole set.
        subsets: how many were drawn.
        size: pictures in each.
    """

    mean: float
    deviation: float
    subsets: int
    size: int


def features_of(network: Features, pictures: Tensor | Iterable[Tensor], *, batch: int = 16) -> Tensor:
    """Run pictures through a feature network.

    Args:
        network: (B, 3, H, W) in [0, 1] → (B, D); in eval mode.
        pictures: (N, 3, H, W) in [0, 1], or an iterable of such stacks, each of its own size.
        batch: pictures at once.

    Returns:
        (N, D) float32, on the CPU.

    Raises:
        InputError: There are no pictures, or the network does not return (B, D).
    """
    found = []
    with torch.inference_mode():
        for stack in _batches(pictures, batch):
            features = network(stack)
            if features.ndim != 2 or len(features) != len(stack):
                raise InputError(
                    f"the feature network made {tuple(features.shape)} of {len(stack)} pictures; "
                    "it must return (B, D): average over H and W first"
                )
            found.append(features.float().cpu())
    if not found:
        raise InputError("no pictures to take features of; give at least one")
    return torch.cat(found)


def mean_and_covariance(features: Tensor) -> tuple[Tensor, Tensor]:
    """Fit a Gaussian to features.

    Args:
        features: (N, D), N at least 2.

    Returns:
        Mean (D,) and sample covariance (D, D), float64.

    Raises:
        InputError: There are fewer than two features.
    """
    if features.ndim != 2 or len(features) < 2:
        raise InputError(f"a covariance needs at least two features (N, D), got {tuple(features.shape)}")
    values = features.double()
    mean = values.mean(dim=0)
    centred = values - mean
    return mean, centred.T @ centred / (len(values) - 1)


def frechet_distance(mean_a: Tensor, covariance_a: Tensor, mean_b: Tensor, covariance_b: Tensor) -> float:
    """The squared Fréchet distance of two Gaussians.

    Args:
        mean_a: (D,).
        covariance_a: (D, D), symmetric, positive semi-definite; singular ones are fine.
        mean_b: (D,).
        covariance_b: (D, D).

    Returns:
        |μ_a − μ_b|² + tr(Σ_a + Σ_b − 2 (Σ_a Σ_b)^½), never below 0.

    Raises:
        SizeMismatch: The Gaussians do not have the same dimension.

    Source:
        Heusel et al., arXiv:1706.08500, equation 6. Departs: the trace of the root is the sum of
        the roots of the eigenvalues of Σ_a^½ Σ_b Σ_a^½, which is symmetric, so nothing becomes
        complex and no multiple of the identity is added when there are fewer pictures than
        dimensions.
    """
    shapes = {tuple(covariance_a.shape), tuple(covariance_b.shape), 2 * tuple(mean_a.shape)}
    if len(shapes | {2 * tuple(mean_b.shape)}) != 1:
        raise SizeMismatch(
            f"means {tuple(mean_a.shape)}, {tuple(mean_b.shape)} and covariances "
            f"{tuple(covariance_a.shape)}, {tuple(covariance_b.shape)}; they must be (D,) and (D, D) of one D"
        )
    root = _root(covariance_a.double())
    product = root @ covariance_b.double() @ root
    eigenvalues = _without_noise(torch.linalg.eigvalsh((product + product.T) / 2))
    traces = torch.trace(covariance_a.double()) + torch.trace(covariance_b.double())
    apart = (mean_a.double() - mean_b.double()).square().sum()
    return max(float(apart + traces - 2 * eigenvalues.sqrt().sum()), 0.0)


def frechet_distance_of_features(a: Tensor, b: Tensor) -> float:
    """The Fréchet distance of the Gaussians through two sets of features: FID for Inception's.

    It falls with the number of pictures, so only sets of the same size compare.

    Args:
        a: (N, D), N at least 2.
        b: (M, D), M at least 2.

    Returns:
        The distance, 0 for identical sets (up to rounding).

    Raises:
        InputError: A set has fewer than two features.
        SizeMismatch: The features differ in D.
    """
    return frechet_distance(*mean_and_covariance(a), *mean_and_covariance(b))


def kernel_distance(
    a: Tensor, b: Tensor, *, subsets: int = KID_SUBSETS, size: int = KID_SUBSET_SIZE, seed: int = 0
) -> KernelDistance:
    """The squared maximum mean discrepancy of two sets of features: KID for Inception's.

    Unlike the Fréchet distance it is unbiased: its expectation does not depend on how many
    pictures there are.

    Args:
        a: (N, D), N at least 2.
        b: (M, D), M at least 2.
        subsets: random subsets to average over.
        size: features in each; sets smaller than that are used whole, once.
        seed: chooses the subsets.

    Returns:
        Mean and spread over the subsets, not multiplied by anything.

    Raises:
        InputError: A set has fewer than two features, or a count is too small.
        SizeMismatch: The features differ in D.

    Source:
        Bińkowski, Sutherland, Arbel, Gretton, "Demystifying MMD GANs", ICLR 2018,
        arXiv:1801.01401, section 4: kernel (x·y / D + 1)³. Departs: none.
    """
    if min(len(a), len(b), size) < 2 or subsets < 1:
        raise InputError(
            f"a kernel distance of {len(a)} and {len(b)} features in {subsets} subsets of {size}; "
            "it needs two features in each set and subset, and at least one subset"
        )
    if a.ndim != 2 or a.shape[1:] != b.shape[1:]:
        raise SizeMismatch(f"features are {tuple(a.shape)} and {tuple(b.shape)}; they must be (N, D), (M, D)")
    used = min(size, len(a), len(b))
    if used == len(a) == len(b):
        return KernelDistance(_squared_discrepancy(a.double(), b.double()), math.nan, 1, used)
    generator = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(subsets):
        some = [one[torch.randperm(len(one), generator=generator)[:used]].double() for one in (a, b)]
        found.append(_squared_discrepancy(*some))
    values = torch.tensor(found, dtype=torch.float64)
    return KernelDistance(float(values.mean()), float(values.std(correction=0)), subsets, used)


def _batches(pictures: Tensor | Iterable[Tensor], batch: int) -> Iterator[Tensor]:
    for stack in (pictures,) if isinstance(pictures, Tensor) else pictures:
        for start in range(0, len(stack), batch):
            yield stack[start : start + batch]


def _root(covariance: Tensor) -> Tensor:
    eigenvalues, vectors = torch.linalg.eigh(covariance)
    root: Tensor = (vectors * _without_noise(eigenvalues).sqrt()) @ vectors.T
    return root


def _without_noise(eigenvalues: Tensor) -> Tensor:
    """Zero those that rounding made: the roots of thousands of them would add up."""
    noise = eigenvalues.abs().amax() * len(eigenvalues) * torch.finfo(eigenvalues.dtype).eps
    return torch.where(eigenvalues > noise, eigenvalues, 0)


def _squared_discrepancy(a: Tensor, b: Tensor) -> float:
    """Without the terms of a feature with itself, which would make it biased; a and b equally many."""
    count, dimensions = a.shape
    within = 0.0
    for one in (a, b):
        kernel = (one @ one.T / dimensions + 1) ** 3
        within += float(kernel.sum() - kernel.trace()) / (count * (count - 1))
    between = (a @ b.T / dimensions + 1) ** 3
    return within - 2 * float(between.mean())
