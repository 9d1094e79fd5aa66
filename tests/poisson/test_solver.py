"""The solver against a direct solution, on every kind of mask."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from retouch import PoissonSolver, Progress, solve_poisson
from retouch.errors import Cancelled, EmptyMask, InputError, NotConverged, SizeMismatch
from retouch.poisson import conjugate, threads
from retouch.poisson.planes import right_side
from tests.poisson import direct, zoo

SIDE = 115  # about 10 000 unknowns
LARGE = 365  # about 100 000


def differences(picture: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    gx, gy = np.zeros_like(picture), np.zeros_like(picture)
    gx[..., :-1] = np.diff(picture, axis=-1)
    gy[..., :-1, :] = np.diff(picture, axis=-2)
    return gx, gy


def noisy(side: int) -> tuple[NDArray[np.float64], tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """White noise for the boundary and, independently, for the guidance: nothing is rougher."""
    random = np.random.default_rng(0)
    return random.random((side, side)), differences(random.random((side, side)))


def solved_directly(
    boundary: NDArray[np.float64],
    mask: NDArray[np.bool_],
    guidance: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> NDArray[np.float64]:
    u = direct.solve(mask, right_side(np.where, boundary, mask, *guidance))
    return u + boundary.mean() if mask.all() else np.where(mask, u, boundary)


@pytest.mark.parametrize("name", zoo.MASKS)
@pytest.mark.parametrize("side", [SIDE, pytest.param(LARGE, marks=pytest.mark.slow)])
def test_visual_is_within_half_a_level_of_the_direct_solution(name: str, side: int) -> None:
    mask = zoo.MASKS[name](side)
    boundary, guidance = noisy(side)
    expected = solved_directly(boundary, mask, guidance)
    found = solve_poisson(boundary, mask, guidance)
    assert np.abs(found.values - expected).max() <= 0.5 / 255
    assert np.array_equal(found.values[~mask], boundary[~mask])


@pytest.mark.parametrize("name", zoo.MASKS)
@pytest.mark.parametrize("side", [SIDE, pytest.param(LARGE, marks=pytest.mark.slow)])
def test_exact_meets_its_residual(name: str, side: int) -> None:
    mask = zoo.MASKS[name](side)
    boundary, guidance = noisy(side)
    b = right_side(np.where, boundary, mask, *guidance)
    found = solve_poisson(boundary, mask, guidance, tolerance="exact")
    missing = b[mask] - direct.matrix_of(mask) @ found.values[mask]
    residual = np.linalg.norm(missing) / np.linalg.norm(b)
    assert residual <= 1e-6
    assert found.residual == pytest.approx(residual, rel=1e-3, abs=1e-12)
    assert np.abs(found.values - solved_directly(boundary, mask, guidance)).max() < 1e-4


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    mask=arrays.arrays(bool, st.tuples(st.integers(1, 14), st.integers(1, 14))),
    seed=st.integers(0, 99),
)
def test_any_mask_of_any_shape(mask: NDArray[np.bool_], seed: int) -> None:
    assume(mask.any())
    random = np.random.default_rng(seed)
    boundary, guidance = random.random(mask.shape), differences(random.random(mask.shape))
    expected = solved_directly(boundary, mask, guidance)
    assert np.abs(solve_poisson(boundary, mask, guidance, tolerance=1e-10).values - expected).max() < 1e-8
    assert np.abs(solve_poisson(boundary, mask, guidance).values - expected).max() < 0.5 / 255


@pytest.mark.parametrize("shape", [(1, 3000), (3000, 1), (2, 500), (3, 3), (1, 2), (4, 5)])
def test_long_and_tiny_pictures(shape: tuple[int, int]) -> None:
    mask = np.ones(shape, bool)
    mask.flat[0] = False
    boundary, guidance = np.zeros(shape), differences(np.random.default_rng(1).random(shape))
    expected = direct.solve(mask, right_side(np.where, boundary, mask, *guidance))
    assert np.abs(solve_poisson(boundary, mask, guidance, tolerance=1e-12).values - expected).max() < 1e-6


def test_membrane_between_two_columns_is_a_ramp() -> None:
    # f'' = 0 between 0 and 1 over five steps: 0, 1/5, 2/5, 3/5, 4/5, 1; rows end naturally
    boundary = np.repeat([[0.0, 9.0, 9.0, 9.0, 9.0, 1.0]], 3, axis=0)
    mask = boundary == 9.0
    found = solve_poisson(boundary, mask, tolerance="exact").values
    assert np.allclose(found, np.repeat([[0.0, 0.2, 0.4, 0.6, 0.8, 1.0]], 3, axis=0), atol=1e-6)


def test_one_unknown_pixel_is_the_mean_of_its_neighbours() -> None:
    # 4 f − (1 + 2 + 3 + 6) = 0 → f = 3
    boundary = np.array([[0.0, 1.0, 0.0], [2.0, 0.0, 3.0], [0.0, 6.0, 0.0]])
    mask = np.zeros((3, 3), bool)
    mask[1, 1] = True
    assert solve_poisson(boundary, mask, tolerance="exact").values[1, 1] == pytest.approx(3.0)


def test_whole_picture_keeps_the_mean() -> None:
    boundary, guidance = noisy(33)
    found = solve_poisson(boundary, np.ones((33, 33), bool), guidance, tolerance="exact").values
    gx, gy = differences(found)
    assert found.mean() == pytest.approx(boundary.mean())
    # the guidance is a gradient, so a free solution has exactly this gradient
    assert np.abs(gx - guidance[0]).max() < 1e-5
    assert np.abs(gy - guidance[1]).max() < 1e-5


def test_solutions_add_and_scale() -> None:
    mask = zoo.holes(64)
    first, v = noisy(64)
    second, w = first[::-1].copy(), (v[0] * 0.5, v[1] * 2)
    one = solve_poisson(first, mask, v, tolerance=1e-10).values
    two = solve_poisson(second, mask, w, tolerance=1e-10).values
    both = solve_poisson(2 * first + second, mask, (2 * v[0] + w[0], 2 * v[1] + w[1]), tolerance=1e-10).values
    assert np.abs(both - 2 * one - two).max() < 1e-8


@pytest.mark.parametrize("offset", [(0, 1), (3, 2), (8, 5)])
def test_moving_the_scene_moves_the_solution(offset: tuple[int, int]) -> None:
    mask = zoo.holes(48)
    boundary, guidance = noisy(48)
    pad = tuple((n, 20 - n) for n in offset)
    moved = [np.pad(a, pad) for a in (boundary, mask, *guidance)]
    here = solve_poisson(boundary, mask, guidance, tolerance=1e-10).values
    there = solve_poisson(moved[0], moved[1], (moved[2], moved[3]), tolerance=1e-10).values
    y, x = offset
    assert np.abs(there[y : y + 48, x : x + 48] - here)[mask].max() < 1e-8


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turning_the_scene_turns_the_solution(turns: int) -> None:
    mask = zoo.border(50)[:, :41]
    random = np.random.default_rng(4)
    boundary, wanted = random.random(mask.shape), random.random(mask.shape)
    here = solve_poisson(boundary, mask, differences(wanted), tolerance=1e-10).values
    turned = [np.rot90(a, turns).copy() for a in (boundary, wanted)]
    region = np.rot90(mask, turns).copy()
    there = solve_poisson(turned[0], region, differences(turned[1]), tolerance=1e-10).values
    assert np.abs(there - np.rot90(here, turns)).max() < 1e-8


def test_threads_do_not_change_a_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    boundary, guidance = noisy(LARGE)
    mask = zoo.holes(LARGE)
    monkeypatch.setattr(threads, "cores", lambda: 1)
    alone = solve_poisson(boundary, mask, guidance).values
    monkeypatch.setattr(threads, "cores", lambda: 5)
    shared = solve_poisson(boundary, mask, guidance).values
    assert np.array_equal(alone, shared)


def test_planes_of_a_batch_share_a_mask_or_have_their_own() -> None:
    random = np.random.default_rng(5)
    boundary = random.random((2, 3, 40, 30)).astype(np.float32)
    masks = np.stack([zoo.blob(40)[:, :30], zoo.lines(40)[:, :30]])[:, None]
    own = solve_poisson(boundary, masks).values
    shared = solve_poisson(boundary, masks[0, 0]).values
    for i in range(2):
        assert np.allclose(own[i], solve_poisson(boundary[i], masks[i, 0]).values, atol=1e-6)
    assert np.allclose(shared[0], own[0], atol=1e-3)
    assert own.dtype == np.float32


def test_progress_is_reported_and_can_cancel() -> None:
    boundary, guidance = noisy(SIDE)
    events: list[Progress] = []
    solve_poisson(boundary, zoo.noise(SIDE), guidance, tolerance=1e-9, progress=events.append)
    assert [event.done for event in events] == list(range(1, len(events) + 1))
    assert events[-1].facts["residual"] <= 1e-9

    def stop(event: Progress) -> None:
        raise Cancelled("stopped by the test")

    with pytest.raises(Cancelled):
        solve_poisson(boundary, zoo.noise(SIDE), guidance, progress=stop)


def test_unreachable_tolerance_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conjugate, "ITERATIONS", 3)
    boundary, guidance = noisy(40)
    with pytest.raises(NotConverged, match="larger tolerance"):
        solve_poisson(boundary, zoo.one_known(40), guidance, tolerance=1e-14)


@pytest.mark.parametrize("tolerance", ["exakt", 0, 1, -1e-3, float("nan"), None])
def test_bad_tolerance(tolerance: float) -> None:
    with pytest.raises(InputError, match="tolerance"):
        solve_poisson(np.zeros((5, 5)), zoo.interior(5), tolerance=tolerance)


def test_bad_shapes_and_values() -> None:
    boundary, mask = np.zeros((3, 6, 5)), np.ones((6, 5), bool)
    with pytest.raises(SizeMismatch, match=r"5×6 .* 6×5"):
        solve_poisson(boundary, mask.T)
    with pytest.raises(SizeMismatch, match="gx"):
        solve_poisson(boundary, mask, (boundary[0], boundary[0]))
    with pytest.raises(SizeMismatch, match="first axis"):
        solve_poisson(boundary, np.stack([mask, mask]))
    with pytest.raises(EmptyMask):
        solve_poisson(boundary, ~mask)
    with pytest.raises(InputError, match="float32"):
        solve_poisson(boundary.astype(np.uint8), mask)
    with pytest.raises(InputError, match="finite"):
        solve_poisson(boundary, mask, (boundary + np.nan, boundary))
    with pytest.raises(InputError, match=r"\(H, W\)"):
        solve_poisson(boundary[0, 0], mask)
    with pytest.raises(InputError, match="one plane"):
        PoissonSolver(np.ones((2, 6, 5)))


def test_a_solver_serves_many_pictures_and_refuses_misfits() -> None:
    mask = zoo.blob(30)
    solver = PoissonSolver(mask)
    known = np.random.default_rng(6).random((30, 30, 2)).astype(np.float32)[solver.rows, solver.columns]
    for seed in (1, 2):
        guess = np.random.default_rng(seed).random(known.shape).astype(np.float32)
        side = solver.right_side(guess, known)
        start = guess.copy()
        solver.correct(guess, side, tolerance="exact")
        wanted = direct.clone(start[..., 0].astype(float), known[..., 0].astype(float), solver.unknown)
        assert np.abs(guess[..., 0] - wanted)[solver.unknown].max() < 1e-5
        assert np.array_equal(guess[~solver.unknown], start[~solver.unknown])
    with pytest.raises(SizeMismatch, match="known"):
        solver.right_side(guess, known[1:])
    with pytest.raises(SizeMismatch, match="guess"):
        solver.right_side(guess[:, 1:], known[:, 1:])
    with pytest.raises(SizeMismatch, match="made from"):
        solver.correct(guess[..., :1], side)
    with pytest.raises(SizeMismatch, match="planes"):
        solver.solve_system(np.zeros((30, 30)))
