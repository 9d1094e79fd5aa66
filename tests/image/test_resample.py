"""Resizing: weights by hand, what must not change, and other programs where they agree."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from retouch.errors import InputError, UnknownName
from retouch.image.resample import KERNELS, Kernel, resize, weights_along

FEW = settings(max_examples=30, deadline=None)
SIDES = st.integers(1, 40)


def row(*values: float) -> NDArray[np.float32]:
    return np.array([values], np.float32)


def keys(x: float) -> float:
    """Keys' cubic with a = −1/2, written down from the paper."""
    x = abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0


def noise(height: int, width: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random((3, height, width), np.float32)


def test_twice_as_many_samples_by_hand() -> None:
    # New sample 3 of 8 lies at (3 + 1/2)/2 − 1/2 = 1.25: weights k(1.25), k(0.25), k(0.75), k(1.75) of
    # samples 0 … 3 are −9/128, 111/128, 29/128, −3/128.
    indices, weights = weights_along(4, 8)
    found = {int(i): float(w) for i, w in zip(indices[3], weights[3], strict=True) if abs(w) > 1e-12}
    assert found == pytest.approx({0: -9 / 128, 1: 111 / 128, 2: 29 / 128, 3: -3 / 128})
    assert resize(row(0, 0, 1, 0), (1, 8))[0, 3] == pytest.approx(29 / 128)


def test_the_border_is_mirrored_with_its_last_sample_repeated() -> None:
    # New sample 0 lies at −0.25, between −1, which is sample 0 again, and 0; −2 is sample 1:
    # 111/128 + 29/128 of sample 0, (−3/128 at −2) + (−9/128 at 1) of sample 1.
    assert resize(row(1, 0, 0, 0), (1, 8))[0, 0] == pytest.approx(140 / 128)
    assert resize(row(0, 1, 0, 0), (1, 8))[0, 0] == pytest.approx(-12 / 128)


def test_half_as_many_samples_have_a_kernel_twice_as_wide() -> None:
    # Sample 2 of 4 lies at 4.5 among 8: eight samples at ±0.5, ±1.5, ±2.5, ±3.5, weighed by k(x / 2) / 2.
    indices, weights = weights_along(8, 4)
    expected = {place: keys((4.5 - place) / 2) / 2 for place in range(1, 8)}
    expected[7] += keys(3.5 / 2) / 2  # the mirror image of sample 8
    found: dict[int, float] = {}
    for i, w in zip(indices[2], weights[2], strict=True):
        found[int(i)] = found.get(int(i), 0.0) + float(w)
    assert found == pytest.approx(expected)
    assert sum(expected.values()) == pytest.approx(1)


def test_a_quarter_of_a_ramp_is_a_ramp_away_from_the_border() -> None:
    # The middle of block i of four lies at 4 i + 1.5.
    found = resize(np.arange(64, dtype=np.float32)[None], (1, 16))[0]
    assert found[2:-2] == pytest.approx(4 * np.arange(2, 14) + 1.5, abs=1e-4)


@pytest.mark.parametrize("kernel", ["bicubic", "lanczos", "bilinear"])
def test_without_antialiasing_a_smaller_picture_skips_samples(kernel: Kernel) -> None:
    # The middles of thirds lie on samples 1, 4, 7, …, which are 1, 0, 1, …
    stripes = np.tile(row(0, 1), (1, 30))
    found = resize(stripes, (1, 20), kernel=kernel, antialias=False)[0]
    assert found[2:-2] == pytest.approx(np.tile([1, 0], 8), abs=1e-6)
    assert resize(stripes, (1, 20), kernel=kernel)[0, 2:-2] == pytest.approx(0.5, abs=0.12)


@given(SIDES, SIDES, st.sampled_from(KERNELS), st.booleans())
@FEW
def test_weights_sum_to_one_and_name_samples_that_exist(
    old: int, new: int, kernel: Kernel, antialias: bool
) -> None:
    indices, weights = weights_along(old, new, kernel=kernel, antialias=antialias)
    assert indices.shape == weights.shape
    assert len(indices) == new
    assert indices.min() >= 0
    assert indices.max() < old
    assert weights.sum(axis=1) == pytest.approx(1)


@given(SIDES, SIDES, SIDES, SIDES, st.sampled_from(KERNELS), st.floats(-3, 3))
@FEW
def test_flat_pictures_stay_flat_at_any_size(
    height: int, width: int, tall: int, wide: int, kernel: Kernel, value: float
) -> None:
    flat = np.full((2, height, width), value, np.float32)
    found = resize(flat, (tall, wide), kernel=kernel)
    assert found.shape == (2, tall, wide)
    assert found.dtype == np.float32
    assert np.allclose(found, np.float32(value), atol=1e-5)


@given(SIDES, SIDES, SIDES, SIDES, st.sampled_from(KERNELS), st.integers(0, 9))
@FEW
def test_mirroring_turning_and_resizing_commute(
    height: int, width: int, tall: int, wide: int, kernel: Kernel, seed: int
) -> None:
    picture = noise(height, width, seed)
    found = resize(picture, (tall, wide), kernel=kernel)
    turned = resize(picture.transpose(0, 2, 1), (wide, tall), kernel=kernel).transpose(0, 2, 1)
    assert np.allclose(turned, found, atol=1e-5)
    if kernel != "nearest":  # which must choose one of two that are equally near
        mirrored = resize(picture[:, ::-1, ::-1], (tall, wide), kernel=kernel)[:, ::-1, ::-1]
        assert np.allclose(mirrored, found, atol=1e-5)


@given(SIDES, SIDES, SIDES)
@FEW
def test_area_keeps_the_mean_of_any_size(height: int, width: int, tall: int) -> None:
    picture = noise(height, width)
    found = resize(picture, (tall, width), kernel="area")
    assert found.mean() == pytest.approx(picture.mean(), abs=1e-5)
    assert found.min() >= picture.min() - 1e-6
    assert found.max() <= picture.max() + 1e-6


def test_area_of_odd_sizes_by_hand() -> None:
    # Three samples to two: each covers one and a half.
    assert resize(row(0, 3, 9), (1, 2), kernel="area")[0] == pytest.approx([(0 + 1.5) / 1.5, (1.5 + 9) / 1.5])
    # Two samples to three: the middle one has half of each.
    assert resize(row(0, 6), (1, 3), kernel="area")[0] == pytest.approx([0, 3, 6])


def test_area_by_a_whole_factor_is_the_mean_of_blocks() -> None:
    picture = noise(12, 20)[0]
    expected = picture.reshape(3, 4, 4, 5).mean(axis=(1, 3))
    assert resize(picture, (3, 4), kernel="area") == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("kernel", "theirs"),
    [
        ("bicubic", Image.Resampling.BICUBIC),
        ("lanczos", Image.Resampling.LANCZOS),
        ("bilinear", Image.Resampling.BILINEAR),
    ],
)
@pytest.mark.parametrize("size", [(20, 24), (80, 96), (23, 61)])
def test_pillow_agrees_where_no_border_is_near(
    kernel: Kernel, theirs: Image.Resampling, size: tuple[int, int]
) -> None:
    # Pillow leaves out what lies beyond the border, and has the same kernels.
    picture = noise(40, 48)[0]
    expected = np.asarray(Image.fromarray(picture, "F").resize(size[::-1], theirs))
    found = resize(picture, size, kernel=kernel)
    margin = [int(np.ceil(3 * max(1, new / old))) + 1 for new, old in zip(size, (40, 48), strict=True)]
    inside = slice(margin[0], -margin[0]), slice(margin[1], -margin[1])
    assert found[inside].size
    assert found[inside] == pytest.approx(expected[inside], abs=2e-5)


@pytest.mark.parametrize("size", [(20, 24), (80, 96), (10, 12), (120, 144), (32, 64)])
def test_the_nearest_sample_is_pillows(size: tuple[int, int]) -> None:
    picture = noise(40, 48)[0]
    expected = np.asarray(Image.fromarray(picture, "F").resize(size[::-1], Image.Resampling.NEAREST))
    assert np.array_equal(resize(picture, size, kernel="nearest"), expected)


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_same_size_gives_the_same_samples(kernel: Kernel) -> None:
    picture = noise(7, 9)
    assert np.array_equal(resize(picture, (7, 9), kernel=kernel), picture)


def test_what_overshoots_is_kept_unless_there_are_levels() -> None:
    edge = np.repeat(row(0, 1), 8, axis=1)
    free = resize(edge, (1, 64))
    assert free.min() < -0.03
    assert free.max() > 1.03
    stepped = resize(edge, (1, 64), levels=255)
    assert stepped.min() == 0
    assert stepped.max() == 1
    assert stepped * 255 == pytest.approx(np.rint(stepped * 255), abs=1e-4)


def test_levels_are_rounded_after_the_rows_and_again_after_the_columns() -> None:
    # Over the rows the means are 1/2, 1/2, 0, which become 1, 1, 0; their mean 2/3 becomes 1. The other way
    # round 1/3 becomes 0 and stays so.
    picture = np.array([[1, 0, 0], [0, 1, 0]], np.float32) / 255
    assert resize(picture, (1, 1), kernel="area", levels=255)[0, 0] * 255 == pytest.approx(1)
    assert resize(picture.T, (1, 1), kernel="area", levels=255)[0, 0] == 0
    assert resize(picture, (1, 1), kernel="area")[0, 0] * 255 == pytest.approx(1 / 3)


def test_large_pictures_are_resized_without_large_matrices() -> None:
    # A dense matrix of 40,000 × 30,000 would be 4.8 GB.
    tracemalloc.start()
    found = resize(np.linspace(0, 1, 40_000, dtype=np.float32)[None], (1, 30_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6
    assert found[0, 15_000] == pytest.approx(0.5, abs=1e-4)
    tall = resize(np.linspace(0, 1, 40_000, dtype=np.float32)[:, None], (30_000, 1))
    assert tall[:, 0] == pytest.approx(found[0], abs=1e-6)


def test_small_and_large_matrices_do_the_same() -> None:
    # 700 · 400 entries are kept sparse, 350 · 400 dense.
    picture = noise(4, 700)
    whole = resize(picture, (4, 400))
    assert whole[0, 1, :180] == pytest.approx(resize(picture[..., :350], (4, 200))[0, 1, :180], abs=1e-5)


@pytest.mark.parametrize("size", [(0, 3), (3, -1)])
def test_sides_below_one_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="at least 1×1"):
        resize(noise(4, 4), size)
    with pytest.raises(InputError, match="at least 1×1"):
        resize(np.zeros((3, 0, 4), np.float32), (2, 2))


def test_an_unknown_kernel_is_refused() -> None:
    with pytest.raises(UnknownName, match="bicubic"):
        resize(noise(4, 4), (2, 2), kernel="bicubix")  # type: ignore[arg-type]
