"""Cycles themselves: how fast they are, and that every part of them does its share."""

from __future__ import annotations

import multiprocessing
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

import retouch
from retouch import PoissonSolver, Progress, solve_poisson
from retouch.poisson import threads
from retouch.poisson.hierarchy import Hierarchy
from retouch.poisson.kernels import fine, sides
from retouch.poisson.multigrid import Multigrid
from retouch.poisson.planes import right_side
from retouch.poisson.solver import Convergence
from retouch.tasks.blend.edit.region import pieces_of
from tests.poisson import direct, zoo
from tests.poisson.test_solver import LARGE, differences, noisy, solved_directly

Planes = NDArray[np.float64]


def halves_of(hierarchy: Hierarchy, plane: Planes) -> NDArray[np.float32]:
    halves = hierarchy.halves(1)
    pixels = np.ascontiguousarray(plane[..., None], np.float32)
    sides.split(halves[0], halves[1], pixels, hierarchy.inside, 0, hierarchy.height)
    return halves


def plane_of(hierarchy: Hierarchy, halves: NDArray[np.float32]) -> NDArray[np.float32]:
    plane = np.zeros((hierarchy.height, hierarchy.width, 1), np.float32)
    sides.add_to(plane, halves[0], halves[1], hierarchy.inside, 0, hierarchy.height)
    return plane[..., 0]


@pytest.mark.parametrize("name", ["blob", "interior", "holes", "border"])
def test_large_grids_converge_fast_and_right(name: str) -> None:
    # three planes of 365²: large enough that the first coarse grids run in threads
    mask, (boundary, guidance) = zoo.MASKS[name](LARGE), noisy(LARGE)
    planes = np.stack([boundary, boundary, boundary])
    fields = np.stack([guidance[0]] * 3), np.stack([guidance[1]] * 3)
    found = solve_poisson(planes, mask, fields)
    assert found.cycles <= 5
    assert np.abs(found.values[1] - solved_directly(boundary, mask, guidance)).max() <= 0.5 / 255


@pytest.mark.parametrize("threaded", [False, True])
def test_the_start_and_one_cycle_come_close(threaded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "SMALLEST_SHARE", 1 if threaded else 10**9)
    monkeypatch.setattr("retouch.poisson.multigrid.SMALLEST_SHARE", 1 if threaded else 10**9)
    mask, (boundary, guidance) = zoo.interior(257), noisy(257)
    b = right_side(np.where, boundary, mask, *guidance)
    expected = direct.solve(mask, b)
    hierarchy = Hierarchy(mask)
    halves, grids = halves_of(hierarchy, b), Multigrid(hierarchy, 1)
    grids.start(halves)
    first = grids.cycle(halves)
    error = np.abs(plane_of(hierarchy, grids.u) - expected).max()
    second = grids.cycle(halves)
    assert error < 0.045  # 0.035 measured, 0.089 without a start
    assert np.abs(plane_of(hierarchy, grids.u) - expected).max() < 0.15 * error
    assert second < 0.15 * first


def test_the_start_solves_what_is_smooth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retouch.poisson.multigrid.SMALLEST_SHARE", 1)
    mask = zoo.interior(257)
    y, x = np.mgrid[:257, :257] / 257
    b = right_side(np.where, 0 * x, mask, np.sin(3 * x + 2 * y), np.cos(2 * x - y))
    expected = direct.solve(mask, b)
    hierarchy = Hierarchy(mask)
    halves, grids = halves_of(hierarchy, b), Multigrid(hierarchy, 1)
    grids.start(halves)
    once = grids.u[1].copy()
    grids.start(halves)
    assert np.array_equal(grids.u[1], once)
    grids.cycle(halves)
    error = np.abs(plane_of(hierarchy, grids.u) - expected).max() / np.abs(expected).max()
    assert error < 1e-4  # 1e-5 measured, 2e-2 without a start


@pytest.mark.parametrize("threaded", [False, True])
def test_preconditioner_is_symmetric_and_forgets_its_past(
    threaded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "SMALLEST_SHARE", 1 if threaded else 10**9)
    monkeypatch.setattr("retouch.poisson.multigrid.SMALLEST_SHARE", 1 if threaded else 10**9)
    hierarchy = Hierarchy(zoo.holes(200))
    grids = Multigrid(hierarchy, 1)
    random = np.random.default_rng(0)
    a, b = (halves_of(hierarchy, random.standard_normal((200, 200))) for _ in range(2))
    of_a = grids.precondition(a).copy()
    of_b = grids.precondition(b).copy()
    assert np.vdot(of_a, b) == pytest.approx(np.vdot(of_b, a), rel=1e-3)
    assert np.vdot(of_a, a) > 0
    assert np.array_equal(grids.precondition(a), of_a)


@pytest.mark.parametrize("row", [0, 1, 30, 31])
@pytest.mark.parametrize("cores", [1, 4])
def test_the_largest_correction_is_seen_in_every_row(
    row: int, cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a coarse point at fine row 2Y gives its value to that row and half of it to the rows beside
    monkeypatch.setattr(threads, "cores", lambda: cores)
    monkeypatch.setattr(threads, "SMALLEST_SHARE", 1)
    hierarchy = Hierarchy(np.ones((32, 32), bool))
    coarse = np.zeros((1, 19, 19), np.float32)
    mask = np.zeros((2, 34, 18), np.uint8)
    mask[:, row + 1, 1:-1] = 3  # only this row is unknown, so only it can report
    coarse[0, (row + 1) // 2 + 1, 5] = 8.0
    red = np.zeros((1, 34, 18), np.float32)
    largest = threads.over_rows(fine.correct_red, 32, 16, red, coarse, mask[0], hierarchy.row)
    assert largest == pytest.approx(2.0 if row % 2 else 8.0)


def test_the_reported_residual_is_the_true_one() -> None:
    mask, (boundary, guidance) = zoo.border(115), noisy(115)
    planes = np.stack([boundary, boundary * 0])
    fields = np.stack([guidance[0], guidance[0] * 0]), np.stack([guidance[1], guidance[1] * 0])
    b = right_side(np.where, boundary, mask, *guidance)
    found = solve_poisson(planes, mask, fields)
    missing = b[mask] - direct.matrix_of(mask) @ found.values[0][mask]
    assert found.residual == pytest.approx(np.linalg.norm(missing) / np.linalg.norm(b), rel=0.05)


@pytest.mark.parametrize("shape", [(34, 34), (66, 5), (130, 10), (259, 19), (515, 40), (514, 514), (2, 3000)])
def test_whole_pictures_of_any_shape(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(1)
    boundary, guidance = random.random(shape), (random.random(shape) - 0.5, random.random(shape) - 0.5)
    mask = np.ones(shape, bool)
    found = solve_poisson(boundary, mask, guidance)
    expected = solved_directly(boundary, mask, guidance)
    assert found.cycles <= 8
    assert np.abs(found.values - expected).max() <= 0.5 / 255
    assert found.values.mean() == pytest.approx(boundary.mean(), abs=1e-6)


def one_row_known(shape: tuple[int, int]) -> zoo.Flags:
    mask = np.ones(shape, bool)
    mask[-1] = False
    return mask


def scattered(shape: tuple[int, int], known: int) -> zoo.Flags:
    mask = np.ones(shape, bool)
    mask.flat[np.random.default_rng(known).integers(0, mask.size, known)] = False
    return mask


@pytest.mark.parametrize(
    "mask",
    [
        one_row_known((1030, 40)),
        one_row_known((3000, 30)),
        one_row_known((99, 99)),
        scattered((118, 118), 1),
        scattered((300, 300), 2),
        np.pad(np.ones((1, 9000), bool), ((0, 0), (5, 9))),
        np.pad(np.ones((9000, 1), bool), ((5, 9), (0, 0))),
    ],
    ids=["1030×40", "3000×30", "99×99", "one known", "two known", "1×9000", "9000×1"],
)
def test_loosely_held_masks(mask: zoo.Flags) -> None:
    random = np.random.default_rng(2)
    boundary, guidance = random.random(mask.shape), differences(random.random(mask.shape))
    found = solve_poisson(boundary, mask, guidance)
    assert np.abs(found.values - solved_directly(boundary, mask, guidance)).max() <= 0.5 / 255
    assert found.cycles <= 15


def test_large_values_are_solved_to_their_own_scale() -> None:
    mask, (boundary, guidance) = zoo.blob(115), noisy(115)
    large = 1e4 * boundary, (1e4 * guidance[0], 1e4 * guidance[1])
    found = solve_poisson(large[0], mask, large[1])
    assert np.abs(found.values - solved_directly(large[0], mask, large[1])).max() <= 0.5 / 255


def test_a_batch_reports_its_worst() -> None:
    masks = np.stack([zoo.blob(60), zoo.one_known(60)])[:, None]
    random = np.random.default_rng(3)
    boundary = random.random((2, 1, 60, 60))
    guidance = differences(random.random((2, 1, 60, 60)))
    both = solve_poisson(boundary, masks, guidance)
    alone = [solve_poisson(boundary[i], masks[i, 0], (guidance[0][i], guidance[1][i])) for i in (0, 1)]
    assert both.residual == max(one.residual for one in alone)
    assert both.cycles == max(one.cycles for one in alone)


def test_pieces_hold_every_unknown_once_and_keep_a_rim() -> None:
    random = np.random.default_rng(4)
    mask = np.zeros((1200, 1300), bool)
    for y, x, size in zip(*random.integers(0, 1290, (2, 25)), random.integers(1, 9, 25), strict=True):
        mask[y % 1200 : y % 1200 + size, x : x + size] = True
    pieces = pieces_of(mask)
    assert 5 < len(pieces) <= 25
    seen = np.zeros(mask.shape, int)
    for rows, columns in pieces:
        seen[rows, columns] += mask[rows, columns]
        cut = mask[rows, columns]
        for side, at_border in (
            (cut[0], rows.start == 0),
            (cut[-1], rows.stop == 1200),
            (cut[:, 0], columns.start == 0),
            (cut[:, -1], columns.stop == 1300),
        ):
            assert at_border or not side.any()
    assert np.array_equal(seen, mask.astype(int))
    assert pieces_of(zoo.blob(50)) == [(slice(0, 50), slice(0, 50))]
    few = np.zeros((50, 50), bool)
    few[[3, 40], [4, 30]] = True
    assert pieces_of(few) == [(slice(0, 50), slice(0, 50))]


def test_specks_are_filled_as_if_together() -> None:
    random = np.random.default_rng(5)
    picture = random.random((300, 400, 3)).astype(np.float32)
    mask = np.zeros((300, 400), bool)
    for y, x in random.integers(0, 295, (6, 2)):
        mask[y : y + 4, x : x + 5] = True
    mask[0, :9] = mask[250:, 399] = True
    assert len(pieces_of(mask)) > 1
    events: list[Progress] = []
    found = retouch.fill(picture, mask, tolerance=1e-7, progress=events.append)
    for c in range(3):
        plane = picture[..., c].astype(float)
        wanted = direct.clone(np.zeros_like(plane), plane, mask)
        assert np.abs(found.pixels[..., c] - wanted).max() < 1e-5
    assert events[-1].fraction == 1.0


def test_pieces_report_the_worst_of_each_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = np.zeros((300, 400), bool)
    mask[[5, 290], [7, 380]] = True
    ended = iter([Convergence(1e-3, 1), Convergence(1e-5, 9)])
    monkeypatch.setattr(PoissonSolver, "correct", lambda *_, **__: next(ended))
    report = retouch.fill(np.zeros((300, 400, 3), np.float32), mask).report
    assert (report["residual"], report["cycles"]) == (1e-3, 9)


def _fill_in_a_child() -> float:
    boundary, guidance = noisy(LARGE)
    return float(solve_poisson(boundary, zoo.blob(LARGE), guidance).values.sum())


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not fork")
def test_a_forked_process_does_not_wait_for_threads_it_has_not_got(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "cores", lambda: 3)
    here = _fill_in_a_child()
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply_async(_fill_in_a_child).get(timeout=60) == here
