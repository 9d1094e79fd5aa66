"""Seamless cloning: against the equations written out, and every way to place a region."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

import retouch
from retouch import Box, Mask, Picture, Polygon
from retouch.errors import EmptyMask, InputError, SizeMismatch, UnknownName
from tests.poisson import direct, zoo

Pixels = NDArray[np.float32]


def photo(height: int, width: int, seed: int = 0) -> Pixels:
    """Smooth colours with detail on top."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / 20
    waves = np.stack([np.sin(y + x + c + seed) + np.cos(x * (1 + c) - y) for c in range(3)], axis=-1)
    return (0.5 + 0.15 * waves + 0.05 * random.standard_normal((height, width, 3))).astype(np.float32)


def expected(
    source: Pixels, target: Pixels, mask: zoo.Flags, gradients: Literal["source", "mixed"] = "source"
) -> NDArray[np.float64]:
    planes = [
        direct.clone(source[..., c].astype(float), target[..., c].astype(float), mask, gradients)
        for c in range(3)
    ]
    return np.stack(planes, axis=-1)


@pytest.mark.parametrize("gradients", ["source", "mixed"])
@pytest.mark.parametrize("name", ["blob", "holes", "border", "lines"])
def test_pixels_solve_the_papers_equation(name: str, gradients: Literal["source", "mixed"]) -> None:
    mask = zoo.MASKS[name](40)
    source, target = photo(40, 40, 1), photo(40, 40, 2)
    found = retouch.blend(source, target, mask, gradients=gradients)
    exact = retouch.blend(source, target, mask, gradients=gradients, tolerance="exact")
    wanted = expected(source, target, mask, gradients)
    assert np.abs(found.pixels - wanted).max() <= 0.5 / 255
    assert np.abs(exact.pixels - wanted).max() <= 1e-5
    assert float(exact.report["residual"]) <= 1e-6


def test_average_is_the_solution_of_the_averaged_gradients() -> None:
    mask, source, target = zoo.blob(30), photo(30, 30, 1), photo(30, 30, 2)
    found = retouch.blend(source, target, mask, gradients="average", source_weight=0.25, tolerance="exact")
    wanted = expected(0.25 * source + 0.75 * target, target, mask)
    assert np.abs(found.pixels - wanted).max() < 1e-5


def test_mono_takes_no_colour() -> None:
    mask, source = zoo.blob(30), photo(30, 30, 1)
    gray = np.full((30, 30, 3), 0.5, np.float32)
    found = retouch.blend(source, gray, mask, gradients="mono").pixels
    luma = source @ np.array([0.299, 0.587, 0.114], np.float32)
    wanted = expected(np.repeat(luma[..., None], 3, axis=2), gray, mask)
    assert np.abs(found[..., 0] - found[..., 2]).max() < 1e-6
    assert np.abs(found - wanted).max() < 0.5 / 255
    assert found[mask].std() > 0.01


def test_a_copy_into_itself_changes_nothing() -> None:
    picture = photo(30, 40)
    for gradients in ("source", "mixed", "average"):
        found = retouch.blend(picture, picture, zoo.noise(40)[:30], gradients=gradients)
        assert np.abs(found.pixels - picture).max() < 1e-6


def test_a_constant_added_to_the_source_changes_nothing() -> None:
    mask, source, target = zoo.holes(40), photo(40, 40, 1), photo(40, 40, 2)
    one = retouch.blend(source, target, mask, tolerance="exact").pixels
    two = retouch.blend(source + np.float32(0.2), target, mask, tolerance="exact").pixels
    assert np.abs(one - two).max() < 1e-5


@pytest.mark.parametrize("at", [(0, 0), (7, 3), (-6, -4), (25, 18), (-6, 18)])
def test_what_falls_outside_is_left_out_and_the_rest_does_not_move(at: tuple[int, int]) -> None:
    source, target = photo(20, 24, 1), photo(30, 40, 2)
    mask = zoo.polygon(24)[2:22]
    found = retouch.blend(source, target, mask, at=at, tolerance="exact").pixels
    x, y = at
    placed, region = target.copy(), np.zeros((30, 40), bool)
    for sy in range(20):
        for sx in range(24):
            if 0 <= sy + y < 30 and 0 <= sx + x < 40:
                placed[sy + y, sx + x] = source[sy, sx]
                region[sy + y, sx + x] = mask[sy, sx]
    # the mask keeps clear of the source's own sides except where the target cuts it off
    wanted = expected(placed, target, region)
    assert region.any()
    assert np.abs(found - wanted).max() < 1e-5


def test_center_places_the_sources_middle() -> None:
    source, target, mask = photo(20, 25, 1), photo(40, 40, 2), zoo.blob(25)[2:22]
    one = retouch.blend(source, target, mask, center=(19, 21))
    two = retouch.blend(source, target, mask, at=(19 - 12, 21 - 10))
    assert np.array_equal(one.pixels, two.pixels)


def test_a_region_up_to_the_sources_rim_repeats_the_rim() -> None:
    source, target = photo(10, 12, 1), photo(30, 30, 2)
    found = retouch.blend(source, target, np.ones((10, 12), bool), at=(5, 6), tolerance="exact").pixels
    placed = target.copy()
    placed[5:17, 4:18] = np.pad(source, ((1, 1), (1, 1), (0, 0)), mode="edge")
    region = np.zeros((30, 30), bool)
    region[6:16, 5:17] = True
    assert np.abs(found - expected(placed, target, region)).max() < 1e-5


def test_the_mask_may_be_drawn_on_either_photo() -> None:
    source, target = photo(20, 25, 1), photo(40, 50, 2)
    on_source = zoo.blob(25)[2:22]
    on_target = np.zeros((40, 50), bool)
    on_target[8:28, 6:31] = on_source
    one = retouch.blend(source, target, on_source, at=(6, 8))
    two = retouch.blend(source, target, on_target, at=(6, 8))
    assert np.array_equal(one.pixels, two.pixels)
    shape = Polygon([(4, 4), (18, 5), (12, 15)])
    moved = Polygon([(x + 6, y + 8) for x, y in shape.points])
    three = retouch.blend(source, target, shape, at=(6, 8))
    four = retouch.blend(source, target, moved, at=(6, 8), mask_on="target")
    assert np.array_equal(three.pixels, four.pixels)


def test_same_size_photos_take_the_mask_as_drawn_on_the_source() -> None:
    source, target = photo(30, 30, 1), photo(30, 30, 2)
    mask = zoo.blob(30)
    moved = retouch.blend(source, target, mask, at=(4, 0)).pixels != target
    columns = np.nonzero(moved.any(axis=2))[1]
    assert columns.min() == np.nonzero(mask)[1].min() + 4
    still = retouch.blend(source, target, mask, at=(4, 0), mask_on="target").pixels != target
    assert not (still.any(axis=2) & ~mask).any()


def test_transparency_takes_the_place_of_a_mask() -> None:
    source, target, mask = photo(20, 25, 1), photo(40, 50, 2), zoo.blob(25)[2:22]
    cut_out = np.concatenate([source, mask[..., None].astype(np.float32)], axis=2)
    one = retouch.blend(cut_out, target, at=(3, 3))
    two = retouch.blend(source, target, mask, at=(3, 3))
    assert np.array_equal(one.pixels, two.pixels)
    with pytest.raises(InputError, match="no transparency"):
        retouch.blend(source, target)


def test_a_soft_mask_fades() -> None:
    source, target = photo(40, 40, 1), photo(40, 40, 2)
    soft = Mask.of(zoo.blob(40)).feather(6)
    hard = retouch.blend(source, target, soft.inside)
    found = retouch.blend(source, target, soft)
    values = soft.numpy()[..., None]
    assert np.abs(found.pixels - (target + values * (hard.pixels - target))).max() < 1e-6


def test_a_whole_picture_keeps_the_targets_mean() -> None:
    source, target = photo(30, 31, 1), photo(30, 31, 2)
    found = retouch.blend(source, target, np.ones((30, 31), bool)).pixels
    shift = found - source
    assert np.abs(shift - shift.mean(axis=(0, 1))).max() < 1e-5
    assert np.abs(found.mean(axis=(0, 1)) - target.mean(axis=(0, 1))).max() < 1e-5


def test_results_are_not_clipped_before_they_are_finished() -> None:
    dark, bright = photo(20, 20) * 0.1, np.full((20, 20, 3), 0.98, np.float32)
    found = retouch.blend(photo(20, 20, 3), bright, zoo.blob(20))
    assert found.pixels.max() > 1.0
    back = retouch.blend(found, dark, zoo.blob(20))
    assert back.pixels.max() < 1.0
    assert found.numpy("uint8").max() == 255


def test_linear_light_differs_and_agrees_where_both_are_flat() -> None:
    source, target, mask = photo(30, 30, 1), photo(30, 30, 2), zoo.blob(30)
    encoded = retouch.blend(source, target, mask)
    linear = retouch.blend(source, target, mask, linear_light=True)
    assert np.abs(encoded.pixels - linear.pixels)[mask].max() > 2 / 255
    assert np.array_equal(encoded.pixels[~mask], linear.pixels[~mask])
    same = retouch.blend(target, target, mask, linear_light=True)
    assert np.abs(same.pixels - target).max() < 1e-5


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_pixels_outside_the_mask_come_back_bit_for_bit(mode: str, tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 256, (32, 40, 4)).astype(np.uint8)
    if mode == "I;16":
        target = Image.fromarray(values[..., 0].astype(np.uint16) * 257)
    else:
        target = Image.fromarray(values, "CMYK" if mode == "CMYK" else "RGBA").convert(mode)
    suffix = ".tif" if mode == "CMYK" else ".png"
    target.save(tmp_path / f"target{suffix}")
    mask = zoo.blob(40)[4:36]
    found = retouch.blend(photo(32, 40), tmp_path / f"target{suffix}", mask)
    found.save(tmp_path / f"out{suffix}")
    with Image.open(tmp_path / f"out{suffix}") as after, Image.open(tmp_path / f"target{suffix}") as before:
        # two values, or 256 colours, cannot hold what a blend makes: the mode widens and loses nothing
        assert after.mode == {"1": "L", "P": "RGBA"}.get(mode, target.mode)
        one, two = np.asarray(before.convert(after.mode)), np.asarray(after)
    assert np.array_equal(one[~mask], two[~mask])
    assert not np.array_equal(one[mask], two[mask])


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    source=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    target=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    at=st.tuples(st.integers(-14, 14), st.integers(-14, 14)),
    seed=st.integers(0, 9),
)
def test_any_sizes_and_places(
    source: tuple[int, int], target: tuple[int, int], at: tuple[int, int], seed: int
) -> None:
    mask = np.random.default_rng(seed).random(source) < 0.7
    patch, picture = photo(*source, seed), photo(*target, seed + 1)
    region = np.zeros(target, bool)
    for y, x in zip(*np.nonzero(mask), strict=True):
        if 0 <= y + at[1] < target[0] and 0 <= x + at[0] < target[1]:
            region[y + at[1], x + at[0]] = True
    if not region.any():
        with pytest.raises(EmptyMask):
            retouch.blend(patch, picture, Mask.of(mask), at=at)
        return
    found = retouch.blend(patch, picture, Mask.of(mask), at=at)
    assert np.array_equal(found.pixels[~region], picture[~region])
    assert np.isfinite(found.pixels).all()
    assert found.report["pixels"] == region.sum()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"at": (0, 0), "center": (3, 3)}, InputError, "both at and center"),
        ({"at": (0.5, 1)}, InputError, "whole numbers"),
        ({"at": 5}, InputError, "whole numbers"),
        ({"at": (100, 0)}, EmptyMask, r"20×20.*100,0.*30×30"),
        ({"gradients": "mix"}, UnknownName, "mixed"),
        ({"mask_on": "both"}, UnknownName, "source"),
        ({"source_weight": 1.5}, InputError, "from 0 to 1"),
        ({"source_weight": float("nan")}, InputError, "from 0 to 1"),
        ({"tolerance": 2}, InputError, "tolerance"),
        ({"mask": np.ones((9, 9))}, SizeMismatch, r"9×9.*20×20.*30×30"),
        ({"mask": np.zeros((20, 20), bool)}, EmptyMask, "mask"),
        ({"mask": Box(2, 2, 4, 4), "at": (-10, -10)}, EmptyMask, "falls on the target"),
    ],
)
def test_mistakes(options: dict[str, Any], error: type[Exception], message: str) -> None:
    options.setdefault("mask", Box(2, 2, 18, 18))
    with pytest.raises(error, match=message):
        retouch.blend(photo(20, 20), photo(30, 30), **options)


def test_the_result_is_the_target_in_kind() -> None:
    target = Picture.of((photo(30, 30) * 255).astype(np.uint8))
    found = retouch.blend(photo(20, 20), target, Box(3, 3, 12, 12))
    assert found.size == target.size
    assert found.file == target.file
    assert set(found.report) == {"residual", "cycles", "pixels"}
