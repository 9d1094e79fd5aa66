"""Fréchet and kernel distances against closed forms, scipy, and the definition written out."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from torch import Tensor

from retouch.errors import InputError, SizeMismatch
from retouch.metrics import features_of, frechet_distance, frechet_distance_of_features, kernel_distance
from retouch.metrics.frechet import mean_and_covariance

FEW = settings(max_examples=25, deadline=None)
positive = st.lists(st.floats(0, 9), min_size=3, max_size=3)


def features(seed: int, count: int, dimensions: int = 8) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, dimensions, generator=generator, dtype=torch.float64)


@FEW
@given(positive, positive, positive, positive)
def test_diagonal_gaussians(m1: list[float], m2: list[float], v1: list[float], v2: list[float]) -> None:
    # Independent coordinates: the sum of (m1 − m2)² + (σ1 − σ2)².
    expected = sum(
        (a - b) ** 2 + (math.sqrt(x) - math.sqrt(y)) ** 2 for a, b, x, y in zip(m1, m2, v1, v2, strict=True)
    )
    means = (torch.tensor(m, dtype=torch.float64) for m in (m1, m2))
    covariances = (torch.diag(torch.tensor(v, dtype=torch.float64)) for v in (v1, v2))
    (a, b), (x, y) = means, covariances
    assert frechet_distance(a, x, b, y) == pytest.approx(expected, abs=1e-5)


def test_agrees_with_the_matrix_root_of_the_product() -> None:
    (ma, ca), (mb, cb) = mean_and_covariance(features(0, 40)), mean_and_covariance(features(1, 30) * 2 + 1)
    root = sqrtm((ca @ cb).numpy())
    expected = float((ma - mb).square().sum() + ca.trace() + cb.trace()) - 2 * float(root.trace().real)
    assert frechet_distance(ma, ca, mb, cb) == pytest.approx(expected, rel=1e-9)


def test_fewer_pictures_than_dimensions() -> None:
    # In the span of two points, both along the first axis: variances 2 and 8 (sample), means 0 and 0.
    a, b = torch.zeros(2, 300), torch.zeros(2, 300)
    a[:, 0] = torch.tensor([1.0, -1.0])
    b[:, 0] = torch.tensor([2.0, -2.0])
    assert frechet_distance_of_features(a, b) == pytest.approx((math.sqrt(8) - math.sqrt(2)) ** 2)
    many = features(2, 10, 500)
    assert frechet_distance_of_features(many, many) == pytest.approx(0, abs=1e-7)


@FEW
@given(st.integers(0, 2**31))
def test_frechet_is_symmetric_and_does_not_mind_rotation(seed: int) -> None:
    a, b = features(seed, 12), features(seed + 1, 20) * 1.5 + 0.3
    rotation, _ = torch.linalg.qr(features(seed + 2, 8))
    expected = frechet_distance_of_features(a, b)
    assert frechet_distance_of_features(b, a) == pytest.approx(expected, rel=1e-8)
    assert frechet_distance_of_features(a @ rotation, b @ rotation) == pytest.approx(expected, rel=1e-8)
    assert expected > 0


def test_covariance_by_hand() -> None:
    mean, covariance = mean_and_covariance(torch.tensor([[0.0, 1.0], [2.0, 5.0]]))
    assert mean.tolist() == [1, 3]
    assert covariance.tolist() == [[2, 4], [4, 8]]


def test_kernel_distance_by_the_definition() -> None:
    a, b = features(0, 5, 3), features(1, 5, 3) + 0.5

    def kernel(x: Tensor, y: Tensor) -> float:
        return float((x @ y / 3 + 1) ** 3)

    within = [
        sum(kernel(one[i], one[j]) for i, j in itertools.permutations(range(5), 2)) / 20 for one in (a, b)
    ]
    between = sum(kernel(x, y) for x in a for y in b) / 25
    found = kernel_distance(a, b)
    assert found.mean == pytest.approx(sum(within) - 2 * between)
    assert (found.subsets, found.size) == (1, 5)
    assert math.isnan(found.deviation)


def test_kernel_distance_is_unbiased() -> None:
    # Of one distribution, small sets: the mean over many is 0 within its own error, and both signs occur.
    found = torch.tensor(
        [kernel_distance(features(2 * i, 6), features(2 * i + 1, 6)).mean for i in range(600)]
    )
    assert abs(float(found.mean())) < 4 * float(found.std()) / math.sqrt(600)
    assert float(found.min()) < 0 < float(found.max())


def test_kernel_distance_over_subsets() -> None:
    a, b = features(0, 60), features(1, 80) + 1
    found = kernel_distance(a, b, subsets=20, size=30, seed=5)
    assert found == kernel_distance(a, b, subsets=20, size=30, seed=5)
    assert found != kernel_distance(a, b, subsets=20, size=30, seed=6)
    assert (found.subsets, found.size) == (20, 30)
    assert found.deviation > 0
    whole = kernel_distance(a[:60], b[:60], subsets=1, size=60).mean
    assert found.mean == pytest.approx(whole, abs=4 * found.deviation)
    assert kernel_distance(a, b, size=1000).size == 60


def test_features_of_a_network() -> None:
    seen: list[int] = []

    def network(pictures: Tensor) -> Tensor:
        seen.append(len(pictures))
        return pictures.mean(dim=(2, 3))

    stacks = [torch.full((3, 3, 4, 4), 0.5), torch.full((1, 3, 6, 2), 0.25)]
    found = features_of(network, stacks, batch=2)
    assert seen == [2, 1, 1]
    assert found.tolist() == [[0.5] * 3] * 3 + [[0.25] * 3]


def test_what_does_not_fit_is_refused() -> None:
    a = features(0, 4)
    with pytest.raises(InputError, match="at least two features"):
        frechet_distance_of_features(a, a[:1])
    with pytest.raises(SizeMismatch, match="of one D"):
        frechet_distance_of_features(a, a[:, :3])
    with pytest.raises(InputError, match="two features in each set"):
        kernel_distance(a, a[:1])
    with pytest.raises(InputError, match="at least one subset"):
        kernel_distance(a, a, subsets=0)
    with pytest.raises(SizeMismatch, match=r"\(4, 8\) and \(4, 3\)"):
        kernel_distance(a, a[:, :3])
    with pytest.raises(InputError, match="average over H and W"):
        features_of(lambda pictures: pictures, torch.zeros(1, 3, 4, 4))
    with pytest.raises(InputError, match="no pictures"):
        features_of(lambda pictures: pictures, [])
