"""Frames at even steps."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from retouch.errors import InputError
from retouch.tasks.invert.method.retiming import even, retimed, shared, spaced, unevenness


def walked(place: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Distances along a curve in the plane, or on a line."""

    def distances(times: Tensor) -> Tensor:
        points = place(times)
        points = points if points.dim() == 2 else points[:, None]
        found: Tensor = torch.linalg.vector_norm(points[1:] - points[:-1], dim=1)
        return found

    return distances


def test_a_known_curve_is_cut_into_even_parts() -> None:
    # At time t the place is t³: five even steps are at the cube roots of 0, 0.25, 0.5, 0.75, 1.
    timing = retimed(1, 5, walked(lambda times: times**3))
    wanted = torch.linspace(0, 1, 5, dtype=torch.float64) ** (1 / 3)
    assert torch.allclose(timing.times, wanted, atol=2e-3)
    assert timing.after < 0.01
    # steps (1, 7, 19, 37) / 64: mean 16, deviation √(189) = 13.75
    assert timing.before == pytest.approx(189**0.5 / 16)


def test_steps_of_a_curve_that_turns_are_made_even_by_what_is_between_frames() -> None:
    def corner(times: Tensor) -> Tensor:
        return torch.stack([times.clamp(max=0.3) ** 2, (times - 0.3).clamp(min=0)], dim=1)

    timing = retimed(1, 8, walked(corner))
    assert timing.before > 0.3
    assert timing.after < 0.03
    assert timing.times[0] == 0
    assert timing.times[-1] == 1


@pytest.mark.parametrize("closed", [False, True])
def test_keys_are_frames(closed: bool) -> None:
    # The first part is nine times as long as the second.
    def place(times: Tensor) -> Tensor:
        return torch.where(times <= 1, 9 * times**2, 9 + (times - 1))

    timing = retimed(2, 11, walked(place), closed=closed)
    assert len(timing.times) == 11
    assert {0.0, 1.0} <= set(timing.times.tolist())
    assert (2.0 in timing.times.tolist()) is not closed
    assert timing.after < 0.1
    # open: 9 of the 10 steps in the first part; closed: 10 of 11 of them
    assert int((timing.times < 1).sum()) == (10 if closed else 9)


def test_what_is_even_already_stays() -> None:
    asked: list[int] = []

    def distances(times: Tensor) -> Tensor:
        asked.append(len(times))
        return times[1:] - times[:-1]

    timing = retimed(1, 5, distances)
    assert timing.times.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert (timing.before, timing.after, asked) == (0, 0, [5])


def test_steps_that_cannot_be_made_even_are_not_made_worse() -> None:
    # A jump between two pictures, of which neither changes: no time is better than any other.
    timing = retimed(1, 6, walked(lambda times: (times > 0.5).double()))
    assert timing.after <= timing.before
    assert timing.times.tolist() == sorted(timing.times.tolist())


def test_what_moving_makes_worse_stays_as_it_was() -> None:
    plain = spaced(1, 6)

    def distances(times: Tensor) -> Tensor:
        if len(times) == 6 and torch.equal(times, plain):
            return torch.tensor([1.0, 1, 1, 1, 1.2])
        return torch.tensor([1.0, 3.0]).repeat(len(times))[: len(times) - 1]

    timing = retimed(1, 6, distances)
    assert torch.equal(timing.times, plain)
    assert timing.after == timing.before


@pytest.mark.parametrize("dead", [0.0, float("nan"), float("inf")])
def test_a_way_without_length_is_spaced_by_time(dead: float) -> None:
    timing = retimed(1, 5, lambda times: torch.full((len(times) - 1,), dead))
    assert timing.times.tolist() == [0, 0.25, 0.5, 0.75, 1]


def test_spaced() -> None:
    assert spaced(2, 5).tolist() == [0, 0.5, 1, 1.5, 2]
    assert spaced(2, 4, closed=True).tolist() == [0, 0.5, 1, 1.5]
    assert spaced(2, 4).tolist() == [0, 0.5, 1, 2]
    for make in (lambda: spaced(3, 3), lambda: retimed(3, 2, lambda times: times, closed=True)):
        with pytest.raises(InputError, match="give at least"):
            make()


def test_shares_follow_the_lengths() -> None:
    assert shared([1, 1], 10) == [5, 5]
    assert shared([3, 1], 8) == [6, 2]
    assert shared([1000, 1], 5) == [4, 1]
    assert shared([0, 0, 0], 7) == [3, 2, 2]
    assert shared([1], 4) == [4]


@settings(max_examples=100, deadline=None)
@given(lengths=st.lists(st.floats(0, 1e6), min_size=1, max_size=6), spare=st.integers(0, 50))
def test_all_steps_are_shared_and_none_is_left_out(lengths: list[float], spare: int) -> None:
    counts = shared(lengths, len(lengths) + spare)
    assert sum(counts) == len(lengths) + spare
    assert min(counts) >= 1


@settings(max_examples=60, deadline=None)
@given(lengths=st.lists(st.floats(0, 10), min_size=1, max_size=20), count=st.integers(1, 30))
def test_parts_of_one_length(lengths: list[float], count: int) -> None:
    known = torch.tensor(lengths, dtype=torch.float64)
    moments = torch.linspace(2, 3, len(lengths) + 1, dtype=torch.float64)
    found = even(moments, known, count)
    assert found.shape == (count + 1,)
    assert (float(found[0]), float(found[-1])) == (2, 3)
    assert (found.diff() >= 0).all()
    if known.sum() > 0.1:
        reached = torch.cat([torch.zeros(1, dtype=torch.float64), known.cumsum(0)])
        place = torch.searchsorted(moments, found, right=True).clamp(1, len(lengths)) - 1
        at = reached[place] + known[place] * (found - moments[place]) / (moments[place + 1] - moments[place])
        assert torch.allclose(at.diff(), known.sum() / count, atol=1e-6 * float(known.sum()))


def test_unevenness() -> None:
    assert unevenness(torch.tensor([2.0, 2.0])) == 0
    assert unevenness(torch.tensor([1.0, 3.0])) == 0.5
    assert unevenness(torch.zeros(3)) == 0
