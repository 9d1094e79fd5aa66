"""Distances between statistics are those of the formulas, and their slopes those of the distances."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from retouch.errors import InputError, UnknownName
from retouch.tasks.stylize.method.moments import Moments, moments
from retouch.tasks.stylize.method.sliced import Quantiles, apart
from retouch.tasks.stylize.method.statistics import (
    STATISTICS,
    Statistic,
    distance,
    mixed,
    target,
)
from retouch.tasks.stylize.method.wasserstein import Gaussian, squared_wasserstein


def features(channels: int, height: int, width: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(channels, channels, generator=generator, dtype=torch.float64)
    drawn = torch.randn(1, channels, height, width, generator=generator, dtype=torch.float64)
    return torch.einsum("oc,bchw->bohw", mixing, drawn).add(0.5)


def square_root(matrix: Tensor) -> Tensor:
    """By forty Newton-Schulz steps in float64."""
    size, eye = matrix.norm(), torch.eye(len(matrix), dtype=matrix.dtype)
    y, z = matrix / size, eye
    for _ in range(40):
        t = (3 * eye - z @ y) / 2
        y, z = y @ t, t @ z
    root: Tensor = y * size.sqrt()
    return root


def plain_wasserstein(one: Moments, other: Moments) -> float:
    root = square_root(other.covariance)
    middle = square_root(root @ one.covariance @ root)
    spread = (one.covariance + other.covariance - 2 * middle).trace()
    return float(((one.mean - other.mean).square().sum() + spread) / len(one.mean))


@pytest.mark.parametrize("size", [(9, 8), (3, 3)])
def test_wasserstein_is_that_of_the_matrix_square_root(size: tuple[int, int]) -> None:
    # 9 × 8 positions are more than the channels, 3 × 3 are fewer: then a matrix of positions is used.
    one, other = features(12, *size, seed=1), features(12, 9, 8, seed=2)
    found = float(distance("wasserstein", one, target("wasserstein", other)))
    regular = 1e-9 * torch.eye(12, dtype=torch.float64)
    known = [Moments(each.mean, each.covariance + regular) for each in (moments(one), moments(other))]
    assert found == pytest.approx(plain_wasserstein(*known), rel=1e-3)


def test_wasserstein_by_hand() -> None:
    # Means 3 apart in one of two channels; deviations 1 and 2 against 4 and 2: 9 + 9 = 18, over 2 channels.
    gaussian = Gaussian.of(Moments(torch.tensor([3.0, 0.0]), torch.diag(torch.tensor([16.0, 4.0]))))
    rows = torch.tensor([[1.0, 2.0], [1.0, -2.0], [-1.0, 2.0], [-1.0, -2.0]])
    found = squared_wasserstein(rows.T.reshape(1, 2, 2, 2), gaussian).value
    assert float(found) == pytest.approx(18.0, rel=1e-5)


def test_what_is_the_target_is_not_far_from_it() -> None:
    for statistic in STATISTICS:
        seen = features(6, 10, 9, seed=4).float()
        assert float(distance(statistic, seen, target(statistic, seen))) == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("size", [(7, 6), (2, 3)])
@pytest.mark.parametrize("weighed", [False, True])
def test_slopes_are_those_of_differences(statistic: Statistic, size: tuple[int, int], weighed: bool) -> None:
    if statistic == "patches":
        pytest.skip("computed in float32 throughout; its slope is automatic")
    wanted = target(statistic, features(8, 9, 9, seed=5))
    seen = features(8, *size, seed=6).requires_grad_()
    generator = torch.Generator().manual_seed(9)
    weights = torch.rand(1, 1, *size, generator=generator, dtype=torch.float64) if weighed else None
    assert torch.autograd.gradcheck(
        lambda asked: distance(statistic, asked, wanted, weights), seen, eps=1e-6, atol=1e-5, rtol=1e-3
    )


@pytest.mark.parametrize("size", [(7, 6), (2, 3)])
def test_slopes_in_float32_and_bfloat16_are_near_those_in_float64(size: tuple[int, int]) -> None:
    style, photo = features(8, 9, 9, seed=5), features(8, *size, seed=6)
    slopes = {}
    for kind in (torch.float64, torch.float32, torch.bfloat16):
        asked = photo.detach().to(kind).clone().requires_grad_()
        distance("wasserstein", asked, target("wasserstein", style.to(kind))).backward()  # type: ignore[no-untyped-call]
        assert asked.grad is not None
        slopes[kind] = asked.grad.double()
    size_of = slopes[torch.float64].norm()
    assert float((slopes[torch.float32] - slopes[torch.float64]).norm() / size_of) < 1e-3
    assert float((slopes[torch.bfloat16] - slopes[torch.float64]).norm() / size_of) < 3e-2


def test_singular_covariances_have_finite_slopes() -> None:
    seen = features(8, 9, 9, seed=5).float()
    flat = torch.cat((seen[:, :4], seen[:, :4]), dim=1)
    for one, other in ((seen, flat), (flat, seen), (flat, flat), (seen * 0, seen), (seen, seen * 0)):
        asked = one.clone().requires_grad_()
        value = distance("wasserstein", asked, target("wasserstein", other))
        value.backward()  # type: ignore[no-untyped-call]
        assert asked.grad is not None
        assert bool(asked.grad.isfinite().all())
        assert float(value.detach()) > -1e-4


def test_gram_by_hand() -> None:
    # One channel whose mean square is 4 against 1: (4 − 1)² / (2 · 1 · 1).
    found = distance("gram", torch.full((1, 1, 2, 2), 2.0), target("gram", torch.ones(1, 1, 3, 3)))
    assert float(found) == pytest.approx(4.5)


def test_mean_and_deviation_by_hand() -> None:
    # Mean 0 and deviation 1 against mean 2 and deviation 3: 4 + 4.
    seen = torch.tensor([1.0, -1.0]).view(1, 1, 1, 2)
    assert float(distance("mean-std", seen, target("mean-std", 3 * seen + 2))) == pytest.approx(8.0)


def test_patches_by_hand() -> None:
    # Quantiles 0 and 1 at levels 1/4 and 3/4, and four numbers at levels 1/8, 3/8, 5/8, 7/8: they should be
    # 0, 1/4, 3/4 and 1, and the outer two are 1/4 off.
    wanted = Quantiles(torch.ones(1, 1, 1, 1), torch.tensor([[0.0, 1.0]]))
    seen = torch.tensor([0.75, -0.25, 1.25, 0.25]).view(1, 1, 2, 2)
    assert float(apart(seen, wanted)) == pytest.approx(2 / 16 / 4)


def test_patches_do_not_ask_where_they_are() -> None:
    # The same patches in another order are as near as can be; with the pixels shuffled they are not.
    seen = features(3, 24, 24, seed=8).float()
    seen[..., ::2] += 3
    wanted = target("patches", seen)
    shuffled = seen.flatten(2)[:, :, torch.randperm(576, generator=torch.Generator().manual_seed(0))]
    moved = float(distance("patches", seen.roll(8, dims=3), wanted))
    assert moved < 0.2 * float(distance("patches", shuffled.view_as(seen), wanted))
    again = target("patches", seen)
    assert float(distance("patches", seen.flip(0), again)) == pytest.approx(0, abs=1e-6)


def test_patches_follow_their_weights() -> None:
    left, right = features(3, 20, 20, seed=1).float(), features(3, 20, 20, seed=2).float() + 4
    both = torch.cat((left, right), dim=3)
    weights = torch.zeros(1, 1, 20, 40)
    weights[..., :16] = 1
    wanted = target("patches", left)
    asked = both.clone().requires_grad_()
    value = distance("patches", asked, wanted, weights)
    assert float(value.detach()) < 0.1 * float(distance("patches", both, wanted))
    value.backward()  # type: ignore[no-untyped-call]
    assert asked.grad is not None
    assert float(asked.grad[..., 24:].abs().max()) == 0
    assert float(asked.grad[..., :16].abs().max()) > 0


@pytest.mark.parametrize("statistic", STATISTICS)
def test_mixtures_lie_between(statistic: Statistic) -> None:
    one, other = features(4, 12, 12, seed=1).float(), 2 * features(4, 12, 12, seed=2).float() + 1
    ends = [target(statistic, one), target(statistic, other)]
    assert mixed(ends[:1], [3.0]) is ends[0]
    far = float(distance(statistic, one, ends[1]))
    steps = [float(distance(statistic, one, mixed(ends, [1 - part, part]))) for part in (0.0, 0.3, 0.6, 1.0)]
    assert steps == sorted(steps)
    assert steps[0] == pytest.approx(0, abs=1e-4 * far)
    assert steps[-1] == pytest.approx(far, rel=1e-3)
    assert mixed(ends, [1.0, 1.0]).energy == pytest.approx((ends[0].energy + ends[1].energy) / 2)


def test_what_cannot_be_meant_is_refused() -> None:
    seen = torch.ones(1, 2, 4, 4)
    with pytest.raises(UnknownName):
        target("colour", seen)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="gram"):
        distance("wasserstein", seen, target("gram", seen))
    with pytest.raises(InputError, match="no position"):
        target("gram", seen, torch.zeros(1, 1, 4, 4))
    with pytest.raises(InputError, match="each position"):
        target("gram", seen, torch.ones(1, 1, 3, 4))
    with pytest.raises(InputError):
        target("gram", torch.ones(2, 2, 4, 4))
    for parts in ([], [1.0, 1.0], [-1.0], [0.0]):
        with pytest.raises(InputError):
            mixed([target("gram", seen)], parts)
    assert math.isfinite(float(distance("gram", seen, target("gram", seen * 0))))
