"""From coarse to fine, with ways of filling whose results can be written down."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from retouch.image import Box, Picture
from retouch.tasks.inpaint.method.canvas import Canvas
from retouch.tasks.inpaint.method.crops import Limits, Piece, pieces_of
from retouch.tasks.inpaint.method.pyramid import (
    Method,
    Pixels,
    Plane,
    crops_of,
    doubled,
    fill_piece,
    halved,
    merged,
)


def random_pixels(height: int, width: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).random((height, width, 3)).astype(np.float32)


def ramp(height: int, width: int) -> Pixels:
    """A plane in each channel: halving, doubling and extrapolation keep it."""
    down, across = np.mgrid[0:height, 0:width] + 0.5
    planes = [across / width, down / height, 0.2 + 0.3 * across / width + 0.4 * down / height]
    return np.stack(planes, axis=-1).astype(np.float32)


def plane_through(pixels: Pixels, unknown: Plane, guide: Pixels | None) -> Pixels:
    """Fill with the plane through what is known, by least squares."""
    y, x = np.nonzero(~unknown)
    known = np.stack([y, x, np.ones(len(y))], axis=1)
    slopes, *_ = np.linalg.lstsq(known, pixels[y, x].astype(np.float64), rcond=None)
    down, across = np.indices(unknown.shape)
    whole = np.stack([down, across, np.ones_like(down)], axis=-1)
    return np.asarray(whole @ slopes, np.float32)


def keep(pixels: Pixels, filled: Pixels, unknown: Plane) -> Pixels:
    return np.where(unknown[..., None], filled, pixels)


def filled(
    picture: NDArray[np.float32], hole: Plane, method: Method
) -> tuple[Picture, list[tuple[int, int]]]:
    """All pieces of a hole filled, and the sizes of the crops."""
    canvas = Canvas(Picture.of(picture), hole)
    sizes: list[tuple[int, int]] = []
    expected = 0
    for piece in pieces_of(hole, method.limits):
        expected += crops_of(piece, method)
        fill_piece(canvas, piece, method, lambda height, width: sizes.append((height, width)))
    assert len(sizes) == expected
    return canvas.finished(None, {}), sizes


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_halved_is_the_mean(height: int, width: int, seed: int) -> None:
    pixels = random_pixels(height, width, seed)
    found = halved(pixels)
    assert found.shape == (-(-height // 2), -(-width // 2), 3)
    for y in range(found.shape[0]):
        for x in range(found.shape[1]):
            block = pixels[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].mean(axis=(0, 1))
            assert np.abs(found[y, x] - block).max() < 1e-6


def test_doubled_by_hand() -> None:
    row = np.array([0.0, 1.0, 0.0], np.float32)[None, :, None] * np.ones((1, 1, 3), np.float32)
    # between centres a quarter of the way and three quarters; the ends stay
    assert np.allclose(doubled(row)[0, :, 0], [0, 0.25, 0.75, 0.75, 0.25, 0])
    one = np.full((1, 1, 3), 0.3, np.float32)
    assert np.allclose(doubled(one), np.full((2, 2, 3), 0.3))
    plane = ramp(20, 32)
    assert np.abs(doubled(halved(plane)) - plane)[1:-1, 1:-1].max() < 1e-6


def test_merged_takes_low_and_high_frequencies() -> None:
    fine = 0.4 + 0.2 * random_pixels(40, 48)
    # the same low frequencies: nothing changes
    assert np.abs(merged(doubled(halved(fine)), fine) - fine).max() < 1e-6
    # a constant is a low frequency: it comes from the guide alone
    assert np.abs(merged(doubled(halved(fine)) + 0.1, fine - 0.25) - (fine + 0.1)).max() < 1e-6
    # a checkerboard is the highest frequency: it comes from the fine one alone
    board = np.indices((40, 48)).sum(axis=0)[..., None] % 2 * np.float32(0.5)
    found = merged(np.full((40, 48, 3), 0.5, np.float32), np.repeat(board, 3, axis=2))
    assert np.abs(found - (board + 0.25)).max() < 1e-6


def test_merged_does_not_leave_the_range_of_colours() -> None:
    fine = np.round(random_pixels(40, 48))
    guide = np.full((40, 48, 3), 0.9, np.float32)
    assert merged(guide, fine).max() == 1
    assert merged(guide * 3, fine).max() == pytest.approx(2.7)
    assert merged(guide * 0, fine).min() == 0


@pytest.mark.parametrize("budget", [30_000, 80_000, 1_000_000])
def test_a_plane_goes_on_at_every_size(budget: int) -> None:
    picture = ramp(401, 523)
    hole = np.zeros((401, 523), bool)
    hole[101:305, 120:377] = True
    hole[20:30, 20:500] = True
    broken = np.where(hole[..., None], np.float32(0), picture)
    method = Method(plane_through, keep, Limits(budget=budget, widest=50))
    found, sizes = filled(broken, hole, method)
    assert np.abs(found.pixels - picture).max() < 2e-3
    assert max(height * width for height, width in sizes) < 1.25 * budget
    assert np.array_equal(found.pixels[~hole], picture[~hole])


def test_a_wide_hole_has_the_coarse_structure_and_the_fine_texture() -> None:
    """The coarse fill is gray 0.25; the fine ones are noise around 0.75, of which only the noise is used."""
    hole = np.zeros((256, 256), bool)
    hole[64:192, 64:192] = True

    def fill(pixels: Pixels, unknown: Plane, guide: Pixels | None) -> Pixels:
        if guide is None:
            return np.full_like(pixels, 0.25)
        assert np.abs(guide[unknown] - 0.25).max() < 0.2
        return 0.65 + 0.2 * random_pixels(*pixels.shape[:2])

    method = Method(fill, keep, Limits(widest=64))
    inside = filled(np.full((256, 256, 3), 0.25, np.float32), hole, method)[0].pixels[64:192, 64:192]
    assert abs(float(inside.mean()) - 0.25) < 0.01
    # noise over 0.2 has a deviation of 0.2 / √12 = 0.058; averaging takes some of it
    assert 0.04 < inside.std() < 0.058


def test_the_first_fill_sees_as_much_around_the_hole_as_it_is_wide() -> None:
    hole = np.zeros((1000, 1000), bool)
    hole[400:600, 400:600] = True
    seen: list[tuple[tuple[int, ...], int, bool]] = []

    def fill(pixels: Pixels, unknown: Plane, guide: Pixels | None) -> Pixels:
        seen.append((pixels.shape[:2], int(unknown.sum()), guide is None))
        return pixels

    _, sizes = filled(np.zeros((1000, 1000, 3), np.float32), hole, Method(fill, keep, Limits(widest=100)))
    # 200 px halved once: 100 and 100 on each side, 300, and the next quick side is 320
    # then 200 + 2 · 24 = 248 → 256
    assert seen == [((320, 320), 100 * 100, True), ((256, 256), 200 * 200, False)]
    assert sizes == [(320, 320), (256, 256)]


def test_later_parts_go_by_earlier_ones() -> None:
    """A way of filling that counts up: each part sees the number of the one before it."""
    hole = np.zeros((100, 600), bool)
    hole[40:60, 20:580] = True
    highest: list[float] = []

    def fill(pixels: Pixels, unknown: Plane, guide: Pixels | None) -> Pixels:
        highest.append(float(pixels[~unknown].max()))
        return np.full_like(pixels, 0.1 * len(highest))

    method = Method(fill, keep, Limits(budget=25_000))
    found, sizes = filled(np.zeros((100, 600, 3), np.float32), hole, method)
    assert len(sizes) > 2
    assert np.allclose(highest, 0.1 * np.arange(len(sizes)), atol=1e-6)
    assert len(np.unique(np.round(found.pixels[50, 20:580, 0], 4))) == len(sizes)


def test_parts_of_one_size_go_by_earlier_ones() -> None:
    hole = np.zeros((400, 400), bool)
    hole[100:300, 100:300] = True
    unknown_in: list[int] = []

    def fill(pixels: Pixels, unknown: Plane, guide: Pixels | None) -> Pixels:
        if guide is not None:
            unknown_in.append(int(unknown.sum()))
        return np.full_like(pixels, 0.5)

    method = Method(fill, keep, Limits(budget=15_000, widest=100))
    found, _ = filled(np.zeros((400, 400, 3), np.float32), hole, method)
    assert len(unknown_in) > 4
    assert unknown_in[-1] < unknown_in[0]
    # at the very rim the coarse fill, enlarged, goes over into the photo
    assert np.abs(found.pixels[103:297, 103:297] - 0.5).max() < 1e-6


def test_the_canvas_knows_what_was_filled() -> None:
    hole = np.zeros((40, 50), bool)
    hole[10:20, 10:30] = True
    canvas = Canvas(Picture.of(random_pixels(40, 50)), hole)
    box = Box(10, 10, 20, 20)
    canvas.fill(box, np.full((10, 10, 3), 0.5, np.float32), np.ones((10, 10), bool))
    pixels, unknown = canvas.read(Box(5, 5, 35, 25))
    left = hole.copy()
    left[10:20, 10:20] = False
    assert np.array_equal(unknown, left[5:25, 5:35])
    assert (pixels[5:15, 5:15] == 0.5).all()
    assert np.array_equal(canvas.hole(Box(0, 0, 50, 40)), left)
    reduced, missing = canvas.read(Box(0, 0, 25, 20), 1)
    assert np.abs(reduced[5:10, 5:10] - 0.5).max() < 1e-6
    assert np.array_equal(missing, left[::2, ::2])
    assert (canvas.size(), canvas.size(1), canvas.size(4)) == ((40, 50), (20, 25), (3, 4))


def test_what_was_filled_is_known_though_it_is_transparent() -> None:
    rgba = np.random.default_rng(0).random((20, 20, 4)).astype(np.float32)
    rgba[:10, :, 3] = 0
    hole = np.zeros((20, 20), bool)
    hole[5:15, 5:15] = True
    canvas = Canvas(Picture.of(rgba), hole)
    canvas.fill(Box(5, 5, 15, 15), np.full((10, 10, 3), 0.5, np.float32), hole[5:15, 5:15])
    whole = Box(0, 0, 20, 20)
    _, unknown = canvas.read(whole)
    assert np.array_equal(unknown, (rgba[..., 3] == 0) & ~hole)
    assert not canvas.hole(whole).any()


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 3), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_a_reduced_pixel_is_the_mean_of_what_is_known(height: int, width: int, level: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    rgba = random.random((height, width, 4)).astype(np.float32)
    rgba[..., 3] = random.random((height, width)) < 0.6
    hole = random.random((height, width)) < 0.1
    known = (rgba[..., 3] > 0) & ~hole
    canvas = Canvas(Picture.of(rgba), hole)
    rows, columns = canvas.size(level)
    pixels, unknown = canvas.read(Box(0, 0, columns, rows), level)
    for y in range(rows):
        for x in range(columns):
            cell = slice(y << level, (y + 1) << level), slice(x << level, (x + 1) << level)
            if known[cell].any():
                assert np.abs(pixels[y, x] - rgba[cell][known[cell]][:, :3].mean(axis=0)).max() < 1e-5
            if known.any():
                assert unknown[y, x] == (hole[cell].any() or not known[cell].any()) or not unknown.any()
    assert np.array_equal(canvas.hole(Box(0, 0, columns, rows), level).any(), hole.any())


def test_a_reduced_photo_is_read_in_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = Picture.of(random_pixels(333, 217))
    hole = np.zeros((333, 217), bool)
    hole[100:140, 50:80] = True
    box = Box(3, 5, 50, 80)
    whole = Canvas(picture, hole).read(box, 2)
    monkeypatch.setattr("retouch.tasks.inpaint.method.canvas._STRIP", 2000)
    strips = Canvas(picture, hole).read(box, 2)
    assert all(np.array_equal(one, other) for one, other in zip(whole, strips, strict=True))


def test_counted_in_advance() -> None:
    method = Method(plane_through, keep, Limits(budget=40_000, widest=100))
    piece = Piece(Box(100, 100, 500, 500), 400, 2)
    # 400 at full size: 40,000 pixels are 200², less 24 on each side 152, so 3 × 3
    # 200 at half the size: 148 × 248 are enough, 1 × 2; once at a quarter
    assert crops_of(piece, method) == 9 + 2 + 1
