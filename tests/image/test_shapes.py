"""Shapes, and the polygon rasteriser against a slow one that is obviously right."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from retouch.errors import InputError
from retouch.image import Box, Mask, Polygon
from tests.image.test_round_trips import FEW

Corner = tuple[float, float]


def inside_one_by_one(rings: Sequence[Sequence[Corner]], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Count, for every pixel centre, the sides to its left."""
    inside = np.zeros(size, np.bool_)
    for row in range(size[0]):
        for column in range(size[1]):
            x, y = column + 0.5, row + 0.5
            for ring in rings:
                for (x0, y0), (x1, y1) in zip(ring, [*ring[1:], ring[0]], strict=True):
                    if (y0 <= y) != (y1 <= y) and x0 + (y - y0) * (x1 - x0) / (y1 - y0) <= x:
                        inside[row, column] ^= True
    return inside


# Multiples of 1/4 hit centres and corners exactly and stay exact in floating point.
quarters = st.integers(-40, 120).map(lambda n: n / 4)
corners = st.lists(st.tuples(quarters, quarters), min_size=3, max_size=8)


@FEW
@given(corners, st.lists(corners, max_size=2))
def test_rasteriser_equals_brute_force(points: list[Corner], holes: list[list[Corner]]) -> None:
    mask = Mask.polygon(points, (17, 23), holes=holes)
    expected = inside_one_by_one([points, *holes], (17, 23))
    differs = mask.inside != expected
    # A centre exactly on a slanted side may fall either way by a rounding.
    for row, column in np.argwhere(differs):
        assert on_a_side([points, *holes], column + 0.5, row + 0.5)


def on_a_side(rings: Sequence[Sequence[Corner]], x: float, y: float) -> bool:
    for ring in rings:
        for (x0, y0), (x1, y1) in zip(ring, [*ring[1:], ring[0]], strict=True):
            if y0 != y1 and abs(x0 + (y - y0) * (x1 - x0) / (y1 - y0) - x) < 1e-9:
                return True
    return False


@FEW
@given(corners)
def test_coverage_is_close_to_fine_sampling(points: list[Corner]) -> None:
    fine = 16
    covered = Mask.polygon(points, (12, 14), antialias=True).values
    scaled = [(x * fine, y * fine) for x, y in points]
    sampled = Mask.polygon(scaled, (12 * fine, 14 * fine)).values
    mean = sampled.reshape(12, fine, 14, fine).mean(axis=(1, 3))
    assert np.abs(covered - mean).max() <= len(points) / fine + 1e-6
    assert np.abs(covered - mean).mean() <= 0.02
    assert ((covered >= 0) & (covered <= 1)).all()


def test_the_documented_square() -> None:
    for antialias in (False, True):
        mask = Mask.of(Polygon.parse("0,0 10,0 10,10 0,10", antialias=antialias), (20, 30))
        assert mask.values.sum() == 100
        assert mask.bounds() == Box(0, 0, 10, 10)
        assert not mask.is_soft
    half = Mask.polygon([(0.5, 0), (2, 0), (2, 1), (0.5, 1)], (1, 3), antialias=True)
    np.testing.assert_allclose(half.values, [[0.5, 1, 0]])


def test_neighbours_share_no_pixel_and_leave_no_gap() -> None:
    middle = [(10.5, 0), (7.25, 9.5), (12.5, 20)]
    left = Mask.polygon([(0, 0), *middle, (0, 20)], (20, 20)).inside
    right = Mask.polygon([(20, 0), *middle, (20, 20)], (20, 20)).inside
    assert (left ^ right).all()


def test_even_odd_holes_and_crossings() -> None:
    ring = Mask.polygon([(0, 0), (9, 0), (9, 9), (0, 9)], (9, 9), holes=[[(3, 3), (6, 3), (6, 6), (3, 6)]])
    assert ring.values.sum() == 81 - 9
    assert not ring.inside[4, 4]
    parsed = Polygon.parse("0,0 9,0 9,9 0,9; 3,3 6,3 6,6 3,6")
    np.testing.assert_array_equal(Mask.of(parsed, (9, 9)).inside, ring.inside)
    star = [
        (50 + 45 * math.sin(i * 4 * math.pi / 5), 50 - 45 * math.cos(i * 4 * math.pi / 5)) for i in range(5)
    ]
    inside = Mask.polygon(star, (100, 100)).inside
    assert not inside[50, 50]  # the middle of a pentagram is crossed twice
    assert inside[15, 50]


@pytest.mark.parametrize("antialias", [False, True])
def test_polygons_outside_the_picture_are_clipped(antialias: bool) -> None:
    size = (30, 40)
    everything = Mask.polygon([(-1e9, -1e9), (1e9, -1e9), (1e9, 1e9), (-1e9, 1e9)], size, antialias=antialias)
    assert everything.values.min() == 1
    beside = Mask.polygon([(100, 0), (200, 0), (200, 30)], size, antialias=antialias)
    above = Mask.polygon([(0, -50), (40, -50), (20, -1)], size, antialias=antialias)
    left = Mask.polygon([(-9, 0), (-1, 0), (-1, 30)], size, antialias=antialias)
    for nothing in (beside, above, left):
        assert not nothing.inside.any()
        assert nothing.bounds() is None
    partly = Mask.polygon([(-10, -10), (5, -10), (5, 5), (-10, 5)], size, antialias=antialias)
    assert partly.bounds() == Box(0, 0, 5, 5)
    flat = Mask.polygon([(0, 0), (10, 0), (20, 0)], size, antialias=antialias)
    assert not flat.inside.any()


@pytest.mark.parametrize(
    ("points", "hint"),
    [
        ([(0, 0), (1, 1)], "at least 3 corners, got 2"),
        ([], "got 0"),
        ([(0, 0), (1, math.nan), (2, 2)], "finite"),
        ([(0, 0), (1, math.inf), (2, 2)], "finite"),
        ([(0, 0), (1, 1e300), (2, 2)], "within"),
        ([(0, 0, 0), (1, 1, 1), (2, 2, 2)], "pairs"),
        ([0, 1, 2], "pairs"),
        ([("a", "b"), (1, 1), (2, 2)], "pairs"),
    ],
)
def test_bad_corners(points: list[Corner], hint: str) -> None:
    with pytest.raises(InputError, match=hint):
        Polygon(points)
    with pytest.raises(InputError, match=hint):
        Polygon([(0, 0), (1, 0), (1, 1)], [points])


@pytest.mark.parametrize(
    "text", ["", "1,2", "1,2 3,4 5", "1,2 3,4 a,b", "1,2,3 4,5,6 7,8,9", "0,0 1,nan 1,1", ";"]
)
def test_bad_polygon_text(text: str) -> None:
    with pytest.raises(InputError):
        Polygon.parse(text)


def test_box() -> None:
    box = Box(2, 3, 12, 8)
    assert box.size == (5, 10)
    assert Box.parse(" 2, 3,12 ,8 ") == box
    assert box.clipped((6, 5)) == Box(2, 3, 5, 6)
    assert box.clipped((2, 5)) is None
    assert box.shifted(-2, 1) == Box(0, 4, 10, 9)
    assert box.intersection(Box(0, 0, 3, 4)) == Box(2, 3, 3, 4)
    assert box.intersection(Box(0, 0, 2, 3)) is None
    assert Box(np.int64(0), 0, np.int32(2), 1).x1 == 2  # type: ignore[arg-type]
    mask = Mask.box(-5, 2, 4, 100, (10, 10))
    assert mask.bounds() == Box(0, 2, 4, 10)
    assert not Mask.of(Box(20, 20, 30, 30), (10, 10)).inside.any()


@pytest.mark.parametrize(
    "corner", [(3, 0, 3, 5), (5, 0, 2, 5), (0, 5, 2, 1), (0.5, 0, 2, 2), (True, 0, 2, 2)]
)
def test_bad_boxes(corner: tuple[int, int, int, int]) -> None:
    with pytest.raises(InputError):
        Box(*corner)


@pytest.mark.parametrize(
    "text", ["", "1,2,3", "1,2,3,4,5", "a,b,c,d", "1.5,2,3,4", "5,5,1,1", "1,2,3,99999999999999"]
)
def test_bad_box_text(text: str) -> None:
    with pytest.raises(InputError):
        Box.parse(text)
