"""Sliced Wasserstein distance: identical sets, known shifts, one dimension against scipy."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance
from torch import Tensor

from retouch.errors import InputError
from retouch.metrics import sliced_wasserstein, sliced_wasserstein_by_level
from retouch.metrics.sliced import PATCH, PatchSet, _along, laplacian_pyramid

FEW = settings(max_examples=15, deadline=None)


def pictures(seed: int, count: int = 4, size: tuple[int, int] = (32, 32)) -> Tensor:
    return torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(seed))


@FEW
@given(st.integers(0, 2**31), st.integers(16, 40), st.integers(16, 40))
def test_bands_add_up_to_the_picture(seed: int, height: int, width: int) -> None:
    from retouch.metrics.sliced import _doubled

    whole = pictures(seed, 2, (height, width))
    *bands, rest = laplacian_pyramid(whole)
    for band in reversed(bands):
        rest = band + _doubled(rest, (band.shape[2], band.shape[3]))
    torch.testing.assert_close(rest, whole, atol=1e-5, rtol=0)


def test_levels_go_down_to_16_pixels() -> None:
    bands = laplacian_pyramid(torch.zeros(1, 3, 128, 150))
    assert [tuple(band.shape[2:]) for band in bands] == [(128, 150), (64, 75), (32, 38), (16, 19)]
    levels = sliced_wasserstein_by_level(pictures(0, 1, (64, 70)), pictures(1, 1, (64, 70)), projections=4)
    assert list(levels) == [64, 32, 16]


def test_the_detail_of_a_flat_picture_is_nothing() -> None:
    detail, rest = laplacian_pyramid(torch.full((1, 3, 32, 32), 0.3))
    assert float(detail.abs().max()) < 1e-6
    torch.testing.assert_close(rest, torch.full((1, 3, 16, 16), 0.3))


def test_identical_sets_are_at_zero_in_any_order_of_batches() -> None:
    a = pictures(0, 5)
    assert sliced_wasserstein(a, a) == 0
    assert sliced_wasserstein(a, [a[:2], a[2:]]) == 0
    assert sliced_wasserstein(torch.cat((a, a)), torch.cat((a, a))) == 0


def test_deterministic_under_a_seed() -> None:
    a, b = pictures(0), pictures(1)
    state = torch.random.get_rng_state()
    first = sliced_wasserstein(a, b, seed=3)
    assert first == sliced_wasserstein(a, b, seed=3)
    assert first != sliced_wasserstein(a, b, seed=4)
    assert first == pytest.approx(sliced_wasserstein(b, a, seed=3), rel=1e-5)
    assert torch.equal(state, torch.random.get_rng_state())


def test_patches_are_cut_at_the_same_places_for_a_seed() -> None:
    first, same, other = (PatchSet(patches=8, seed=seed) for seed in (1, 1, 2))
    for found in (first, same, other):
        found.add(pictures(0, 2))
    assert [tuple(level.shape) for level in first.levels()] == [(16, 3, 49), (16, 3, 49)]
    assert all(map(torch.equal, first.levels(), same.levels()))
    assert not any(map(torch.equal, first.levels(), other.levels()))


def test_own_statistics_do_not_see_brightness_and_contrast() -> None:
    a = pictures(0)
    assert sliced_wasserstein(a, 0.25 + 0.5 * a) == pytest.approx(0, abs=1e-2)


def test_the_distance_of_a_shift() -> None:
    # All channels of the reference at one level have deviation σ_c; a shift by d moves every normalised
    # patch by v = (d/σ_c) in each of its 49 values, so W1 along a direction θ is |v·θ|. Over directions
    # of the 147-dimensional sphere its mean is about |v| √(2/π/147). Detail bands do not see a shift.
    b = pictures(0, 6)
    levels = sliced_wasserstein_by_level(b + 0.25, b, normalise="reference", projections=1024)
    rest = laplacian_pyramid(b)[-1]
    length = (0.25 / rest.std(dim=(0, 2, 3))).square().sum().mul(PATCH**2).sqrt()
    assert levels[32] == pytest.approx(0, abs=1e-2)
    assert levels[16] / 1000 == pytest.approx(float(length) * math.sqrt(2 / math.pi / 147), rel=0.1)


def test_farther_is_farther() -> None:
    a = pictures(0)
    blurred = torch.nn.functional.avg_pool2d(a, 3, stride=1, padding=1)
    mixed = (a + blurred) / 2
    assert 0 < sliced_wasserstein(mixed, a) < sliced_wasserstein(blurred, a)


@FEW
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**31))
def test_one_direction_agrees_with_scipy(n: int, m: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    a, b = torch.randn(n, 1, generator=generator), torch.randn(m, 1, generator=generator)
    expected = wasserstein_distance(a[:, 0].numpy(), b[:, 0].numpy())
    assert _along(a, b, torch.ones(1, 1)) == pytest.approx(expected, abs=1e-6)


def test_what_does_not_fit_is_refused() -> None:
    a = pictures(0, 1)
    with pytest.raises(InputError, match="set without pictures"):
        sliced_wasserstein(a, a[:0])
    with pytest.raises(InputError, match="at least 16×16"):
        sliced_wasserstein(a, a[..., :15])
    with pytest.raises(InputError, match=r"\(32, 32\) with \(32, 20\)"):
        sliced_wasserstein(a, a[..., :20])
    with pytest.raises(InputError, match="in one set"):
        sliced_wasserstein([a, a[..., :20]], a)
    with pytest.raises(InputError, match="patches=0"):
        sliced_wasserstein(a, a, patches=0)
    with pytest.raises(InputError, match="projections=0"):
        sliced_wasserstein(a, a, projections=0)
