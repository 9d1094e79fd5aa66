"""Ways through codes, by closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from retouch.errors import InputError, UnknownName
from retouch.tasks.invert.method.paths import Route, along, around, smooth

ROUTES: list[Route] = ["linear", "spherical", "cubic"]
every_route = pytest.mark.parametrize("route", ROUTES)


def keys(count: int, *shape: int, seed: int = 0) -> Tensor:
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(seed))


def times(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@every_route
@pytest.mark.parametrize("closed", [False, True])
def test_every_way_passes_through_its_keys_bit_for_bit(route: Route, closed: bool) -> None:
    codes = keys(4, 6, 32)
    end = 4 if closed else 3
    found = along(codes, torch.arange(end + 1, dtype=torch.float64), route, closed=closed, centre=codes[0, 0])
    assert torch.equal(found, codes[[0, 1, 2, 3, 0][: end + 1]])


def test_the_straight_way() -> None:
    codes = torch.tensor([[0.0, 0.0], [4.0, 2.0], [4.0, 10.0]])
    found = along(codes, times(0.25, 1.5, 2.75), "linear", closed=True)
    # a quarter of the first part; half of the second; three quarters of the way back
    assert found.tolist() == [[1.0, 0.5], [4.0, 6.0], [1.0, 2.5]]


def test_the_way_around_keeps_its_distance_and_turns_evenly() -> None:
    # A quarter of a circle of radius 2 about (1, 1): at 1/3 of the time 30° are done.
    centre = torch.tensor([1.0, 1.0], dtype=torch.float64)
    codes = centre + torch.tensor([[2.0, 0.0], [0.0, 2.0]], dtype=torch.float64)
    found = along(codes, times(1 / 3), "spherical", centre=centre)[0]
    wanted = centre + 2 * torch.tensor([math.cos(math.pi / 6), math.sin(math.pi / 6)], dtype=torch.float64)
    assert torch.allclose(found, wanted, atol=1e-12)


def test_the_way_around_changes_the_length_evenly() -> None:
    first, second = torch.tensor([1.0, 0, 0]), torch.tensor([0, 0, 5.0])
    found = around(first, second, torch.tensor([[0.25], [0.5]]))
    assert torch.allclose(found.norm(dim=1), torch.tensor([2.0, 3.0]))


@pytest.mark.parametrize(
    ("first", "second"),
    [([1.0, 0], [3.0, 0]), ([1.0, 0], [-1.0, 0]), ([0.0, 0], [2.0, 2]), ([0.0, 0], [0.0, 0])],
)
def test_where_there_is_nothing_to_turn_the_way_is_straight(first: list[float], second: list[float]) -> None:
    ends = torch.tensor(first), torch.tensor(second)
    found = around(*ends, torch.tensor([0.25]))
    assert torch.allclose(found, torch.lerp(*ends, 0.25), atol=1e-6)


def test_the_cubic_way_has_half_the_neighbours_slopes() -> None:
    # p(0) = 0, p'(0) = (1 − (−1)) / 2 = 1, p(1) = 1, p'(1) = (4 − 0) / 2 = 2:
    # p(t) = t + (3·1 − 2·1 − 2) t² + (1 + 2 − 2·1) t³ = t − t² + t³
    before, first, second, after = torch.tensor([-1.0, 0.0, 1.0, 4.0], dtype=torch.float64)
    for t in (0.25, 0.5, 0.9):
        assert float(
            smooth(before, first, second, after, torch.tensor(t, dtype=torch.float64))
        ) == pytest.approx(t - t**2 + t**3)


def test_the_cubic_way_is_smooth_at_a_key() -> None:
    codes, step = keys(4, 5, seed=3).double(), 1e-4
    for key in (1.0, 2.0):
        found = along(codes, times(key - step, key, key + step), "cubic")
        assert torch.allclose(found[1] - found[0], found[2] - found[1], atol=20 * step**2)
        straight = along(codes, times(key - step, key, key + step), "linear")
        assert not torch.allclose(straight[1] - straight[0], straight[2] - straight[1], atol=20 * step**2)


def test_a_closed_cubic_way_is_smooth_where_it_closes() -> None:
    codes, step = keys(3, 5, seed=3).double(), 1e-4
    found = along(codes, times(0, step, 3 - step, 3), "cubic", closed=True)
    assert torch.allclose(found[1] - found[0], found[3] - found[2], atol=20 * step**2)


def test_a_cubic_way_of_two_keys_is_straight() -> None:
    codes = keys(2, 3, 4).double()
    moments = times(0.1, 0.5, 0.8)
    assert torch.allclose(along(codes, moments, "cubic"), along(codes, moments, "linear"))


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 1000),
    count=st.integers(2, 5),
    moment=st.floats(0, 1),
    closed=st.booleans(),
    scale=st.sampled_from([1e-20, 1e-3, 1.0, 1e6]),
)
def test_a_way_stays_finite_and_near_its_keys(
    seed: int, count: int, moment: float, closed: bool, scale: float
) -> None:
    codes = scale * keys(count, 3, 4, seed=seed)
    end = count if closed else count - 1
    for route in ROUTES:
        found = along(codes, times(moment * end), route, closed=closed)
        assert torch.isfinite(found).all()
        assert float(found.norm()) <= 4 * float(codes.flatten(1).norm(dim=1).max())


def test_what_is_no_way() -> None:
    codes = keys(2, 3)
    with pytest.raises(UnknownName, match="did you mean"):
        along(codes, times(0.5), "lineer")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="at least two"):
        along(codes[:1], times(0))
    for outside in (-0.1, 1.01, math.nan):
        with pytest.raises(InputError, match="give 0 to 1"):
            along(codes, times(outside))
    assert along(codes, times()).shape == (0, 3)
