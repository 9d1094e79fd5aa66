"""Which crops a hole is filled in: all of it, none too large, together what is near."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from retouch.image import Box
from retouch.tasks.inpaint.method.crops import (
    MARGIN,
    Limits,
    Piece,
    cells,
    islands,
    margin_of,
    pieces_of,
    pooled,
    tight,
)
from retouch.tasks.inpaint.method.frame import context, continued, quick_side

LIMITS = Limits(budget=400_000, widest=100)


def mask_of(size: tuple[int, int], *boxes: tuple[int, int, int, int]) -> NDArray[np.bool_]:
    made = np.zeros(size, np.bool_)
    for x0, y0, x1, y1 in boxes:
        made[y0:y1, x0:x1] = True
    return made


def first_crop(piece: Piece, size: tuple[int, int], limits: Limits) -> int:
    """Pixels of the crop in which a piece is filled first."""
    reduced = tuple(math.ceil(side / 2**piece.levels) for side in size)
    box = piece.box
    x0, y0, x1, y1 = (value >> piece.levels for value in (box.x0, box.y0, box.x1 - 1, box.y1 - 1))
    inner = Box(x0, y0, x1 + 1, y1 + 1)
    height, width = context(inner, piece.margin(limits), (reduced[0], reduced[1])).size
    return height * width


@given(
    height=st.integers(1, 500),
    width=st.integers(1, 500),
    boxes=st.integers(0, 6),
    dots=st.floats(0, 0.02),
    budget=st.sampled_from([25_000, 60_000, 1e6]),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=40, deadline=None)
def test_pieces_cover_the_hole_within_their_budget(
    height: int, width: int, boxes: int, dots: float, budget: float, seed: int
) -> None:
    random = np.random.default_rng(seed)
    hole = random.random((height, width)) < dots
    for _ in range(boxes):
        y, x = random.integers(height), random.integers(width)
        hole[y : y + random.integers(1, 200), x : x + random.integers(1, 200)] = True
    if not hole.any():
        assert pieces_of(hole, LIMITS) == []
        return
    limits = Limits(budget=budget, widest=100)
    pieces = pieces_of(hole, limits)
    left = hole.copy()
    for piece in pieces:
        assert tight(hole, piece.box) == piece.box
        assert (piece.width <= 100) == (piece.levels == 0) or piece.levels > 0
        # quick sides are up to a ninth longer
        assert first_crop(piece, (height, width), limits) <= budget * 1.25
        left[piece.box.slices] = False
    assert not left.any()
    boxes_of = [piece.box for piece in pieces]
    assert not any(a.intersection(b) for i, a in enumerate(boxes_of) for b in boxes_of[:i])


def test_what_is_near_is_filled_together_and_what_is_far_apart() -> None:
    # together 298 × 178 = 53,044 pixels, alone twice 178 × 178 = 63,368
    near = pieces_of(mask_of((800, 800), (300, 300, 350, 350), (420, 300, 470, 350)), LIMITS)
    assert [piece.box for piece in near] == [Box(300, 300, 470, 350)]
    far = pieces_of(mask_of((800, 800), (100, 100, 150, 150), (620, 600, 670, 650)), LIMITS)
    assert [piece.box for piece in far] == [Box(100, 100, 150, 150), Box(620, 600, 670, 650)]


def test_a_long_scratch_is_cut() -> None:
    hole = np.zeros((2000, 2000), np.bool_)
    for x in range(2000):
        hole[x, x : x + 4] = True
    pieces = pieces_of(hole, Limits(budget=math.inf, widest=100))
    work = sum(math.prod(side + 2 * MARGIN for side in piece.box.size) for piece in pieces)
    assert len(pieces) > 4
    assert work < 2000 * 2000 / 3
    assert all(piece.levels == 0 for piece in pieces)
    assert len(pieces_of(hole, Limits(through=False))) == 1


def test_wide_holes_begin_at_a_reduced_size() -> None:
    for side, levels in ((90, 0), (102, 1), (210, 2), (390, 2), (420, 3)):
        at = 300
        (piece,) = pieces_of(mask_of((1000, 1000), (at, at, at + side, at + side)), Limits(widest=100))
        # the middle of an even square is half its side from what is known
        assert piece == Piece(Box(at, at, at + side, at + side), side, levels)
    (narrow,) = pieces_of(mask_of((1000, 1000), (100, 500, 900, 540)), Limits(widest=100))
    assert narrow.levels == 0
    assert narrow.width == 40


def test_beyond_the_photo_nothing_is_known() -> None:
    (inside,) = pieces_of(mask_of((600, 300), (100, 0, 160, 600)), Limits(widest=100))
    (beside,) = pieces_of(mask_of((600, 300), (0, 0, 60, 600)), Limits(widest=100))
    assert (inside.width, beside.width) == (60, 120)


def test_a_large_mask_is_planned_in_blocks_and_cut_exactly() -> None:
    hole = mask_of((3001, 2999), (101, 203, 108, 207), (2500, 2801, 2521, 2810))
    pieces = pieces_of(hole, LIMITS)
    assert [piece.box for piece in pieces] == [Box(101, 203, 108, 207), Box(2500, 2801, 2521, 2810)]
    assert [piece.levels for piece in pieces] == [0, 0]


def test_fine_noise_is_not_one_wide_hole() -> None:
    noise = np.random.default_rng(1).random((1500, 1500)) < 0.3
    assert all(piece.levels == 0 for piece in pieces_of(noise, LIMITS))


def test_a_smaller_budget_begins_at_a_smaller_size() -> None:
    hole = mask_of((4000, 4000), (1000, 1000, 2000, 2000))
    (large,) = pieces_of(hole, Limits(budget=1e6, widest=100))
    (small,) = pieces_of(hole, Limits(budget=30_000, widest=100))
    assert large.levels == 4
    assert small.levels > large.levels


def test_margins() -> None:
    limits = Limits(widest=100)
    assert margin_of(20, 0, limits) == MARGIN
    assert margin_of(90, 0, limits) == 90
    assert margin_of(600, 3, limits) == 75
    assert margin_of(600, 0, Limits(margin=16)) == 16


@given(
    height=st.integers(1, 3000),
    width=st.integers(1, 3000),
    margin=st.integers(0, 64),
    budget=st.integers(25_000, 3_000_000),
)
@settings(max_examples=60, deadline=None)
def test_cells_cover_a_box_within_a_budget(height: int, width: int, margin: int, budget: int) -> None:
    box = Box(7, 9, 7 + width, 9 + height)
    found = cells(box, margin, budget)
    assert sum(math.prod(cell.size) for cell in found) == height * width
    assert all(box.contains(cell) for cell in found)
    assert not any(a.intersection(b) for i, a in enumerate(found) for b in found[:i])
    assert all(math.prod(side + 2 * margin for side in cell.size) <= budget for cell in found)


def test_islands_do_not_touch_and_cover() -> None:
    random = np.random.default_rng(4)
    hole = random.random((1500, 1500)) < 2e-5
    hole[200:260, 300:420] = True
    found = islands(hole, 20)
    assert len(found) > 10
    left = hole.copy()
    for inner, around in found:
        rim = np.zeros_like(hole)
        rim[around.slices] = True
        assert around == Box(inner.x0 - 20, inner.y0 - 20, inner.x1 + 20, inner.y1 + 20).clipped(hole.shape)
        left[inner.slices] = False
        beside = Box(inner.x0 - 1, inner.y0 - 1, inner.x1 + 1, inner.y1 + 1).clipped((1500, 1500))
        assert beside is not None
        assert hole[beside.slices].sum() == hole[inner.slices].sum()
    assert not left.any()


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 2, 4, 8]), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_pooled_keeps_what_is_selected_in_part(height: int, width: int, block: int, seed: int) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < 0.1
    found = pooled(mask, block)
    rows, columns = (range(0, side, block) for side in mask.shape)
    wanted = [[mask[y : y + block, x : x + block].any() for x in columns] for y in rows]
    assert np.array_equal(found, wanted)


@given(st.integers(1, 5000), st.sampled_from([2, 4, 8, 16]))
def test_quick_sides(least: int, multiple: int) -> None:
    side = quick_side(least, multiple)
    assert side >= max(least, 16, 2 * multiple)
    assert side % multiple == 0
    assert side <= max(least * 1.3 + multiple, 24, 2 * multiple)
    rest = side // multiple
    for factor in (2, 3, 5, 7):
        while rest % factor == 0:
            rest //= factor
    assert rest == 1


@given(
    x0=st.integers(0, 300),
    y0=st.integers(0, 300),
    width=st.integers(1, 99),
    height=st.integers(1, 99),
    right=st.integers(0, 200),
    below=st.integers(0, 200),
    margin=st.integers(0, 80),
)
@settings(max_examples=60)
def test_a_context_holds_the_margin_and_has_a_quick_size(
    x0: int, y0: int, width: int, height: int, right: int, below: int, margin: int
) -> None:
    size = (y0 + height + below, x0 + width + right)
    found = context(Box(x0, y0, x0 + width, y0 + height), margin, size)
    wanted = Box(x0 - margin, y0 - margin, x0 + width + margin, y0 + height + margin).clipped(size)
    assert wanted is not None
    assert found.contains(wanted)
    assert found.clipped(size) == found
    for side, most in zip(found.size, size, strict=True):
        assert side == most or side == quick_side(side)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 30), (15, 16), (16, 24), (33, 90)])
def test_continued_by_the_mirror_image(height: int, width: int) -> None:
    random = np.random.default_rng(0)
    pixels = random.random((height, width, 3)).astype(np.float32)
    unknown = random.random((height, width)) < 0.3
    whole, missing = continued(pixels, unknown)
    assert whole.shape == (quick_side(height), quick_side(width), 3)
    assert np.array_equal(whole[:height, :width], pixels)
    assert np.array_equal(missing[:height, :width], unknown)
    if width > 8 and whole.shape[1] > width:
        assert np.array_equal(whole[:height, width], pixels[:, width - 2])
        assert np.array_equal(missing[:height, width], unknown[:, width - 2])
