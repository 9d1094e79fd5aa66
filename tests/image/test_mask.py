"""Masks from anything, and what is done to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from retouch.errors import InputError, OutputExists, SizeMismatch, UnknownName
from retouch.image import Box, Mask, Picture, Polygon, Region
from tests.image import made
from tests.image.test_round_trips import FEW

SHAPE = np.zeros((12, 16), np.bool_)
SHAPE[3:9, 4:13] = True
SHAPE[5:7, 6:9] = False


@pytest.mark.parametrize("top", [1, 2, 128, 255])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int64", "float32", "float64"])
def test_any_values_in_an_array(top: int, dtype: str) -> None:
    array = (SHAPE * top).astype(dtype)
    np.testing.assert_array_equal(Mask.of(array).inside, SHAPE)
    np.testing.assert_array_equal(Mask.of(array[..., None]).inside, SHAPE)
    np.testing.assert_array_equal(Mask.of(array[..., None].repeat(3, axis=2)).inside, SHAPE)
    assert not Mask.of(array).is_soft


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "I;16", "F"])
@pytest.mark.parametrize("top", [255, 128])
def test_any_mode_in_a_file(mode: str, top: int, tmp_path: Path) -> None:
    gray = Image.fromarray(SHAPE.astype(np.uint8) * np.uint8(top))
    suffix = "tif" if mode in ("CMYK", "F") else "png"
    if mode == "1":
        image = Image.fromarray(SHAPE)
    elif mode == "I;16":
        image = Image.fromarray(SHAPE.astype(np.uint16) * np.uint16(top * 257))
    elif mode == "CMYK":
        image = Image.merge("CMYK", [Image.new("L", gray.size)] * 3 + [gray.point(lambda v: 255 - v)])
    else:
        image = gray.convert(mode)
    path = tmp_path / f"mask.{suffix}"
    image.save(path)
    np.testing.assert_array_equal(Mask.of(path).inside, SHAPE)
    np.testing.assert_array_equal(Mask.of(image).inside, SHAPE)


def test_jpeg_ringing_is_cut_away(tmp_path: Path) -> None:
    big = SHAPE.repeat(8, axis=0).repeat(8, axis=1)
    path = tmp_path / "mask.jpg"
    Image.fromarray(big.astype(np.uint8) * np.uint8(255)).save(path, quality=60)
    np.testing.assert_array_equal(Mask.of(path).inside, big)


def test_one_strong_colour_is_enough() -> None:
    red = np.zeros((*SHAPE.shape, 3), np.uint8)
    red[SHAPE] = (255, 0, 0)
    np.testing.assert_array_equal(Mask.of(red).inside, SHAPE)


def test_alpha_is_used_when_it_says_something() -> None:
    rgba = made.noise((*SHAPE.shape, 4))
    rgba[..., 3] = SHAPE * 255
    np.testing.assert_array_equal(Mask.of(rgba).inside, SHAPE)
    np.testing.assert_array_equal(Mask.of(Picture.of(rgba)).inside, SHAPE)
    opaque = np.full((*SHAPE.shape, 4), 255, np.uint8)
    opaque[..., :3] = SHAPE[..., None] * 200
    np.testing.assert_array_equal(Mask.of(opaque).inside, SHAPE)
    gray_alpha = np.stack([np.zeros_like(SHAPE), SHAPE], axis=-1).astype(np.uint16) * np.uint16(65535)
    np.testing.assert_array_equal(Mask.of(gray_alpha).inside, SHAPE)


def test_orientation_of_a_mask_file(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    Image.fromarray(SHAPE.astype(np.uint8) * np.uint8(255)).save(path, exif=made.exif(6))
    assert Mask.of(path).size == (16, 12)
    np.testing.assert_array_equal(Mask.of(path).inside, np.rot90(SHAPE, -1))


def test_tensors_and_bools_and_masks() -> None:
    tensor = torch.from_numpy(SHAPE)
    for form in (tensor, tensor[None], tensor[None, None], tensor.float(), SHAPE, SHAPE[..., None]):
        np.testing.assert_array_equal(Mask.of(form).inside, SHAPE)
    mask = Mask.of(SHAPE)
    assert Mask.of(mask) is mask
    assert mask.values.dtype == np.float32
    assert mask.coverage == SHAPE.mean()
    with pytest.raises(ValueError, match="read-only"):
        mask.values[0, 0] = 1
    mask.numpy()[0, 0] = 1
    assert mask.values[0, 0] == 0


def test_soft_masks() -> None:
    ramp = np.linspace(0, 255, 12 * 16).astype(np.uint8).reshape(12, 16)
    soft = Mask.of(ramp, soft=True)
    assert soft.is_soft
    np.testing.assert_allclose(soft.values, ramp / 255, atol=1e-7)
    np.testing.assert_array_equal(soft.inside, ramp > 0)
    np.testing.assert_allclose(Mask.of(ramp.astype(np.uint16) * 257, soft=True).values, ramp / 255, atol=1e-7)
    np.testing.assert_allclose(Mask.of((ramp / 255), soft=True).values, ramp / 255, atol=1e-7)
    np.testing.assert_array_equal(Mask.of(ramp).inside, ramp >= 127.5)
    with pytest.raises(InputError, match="scale it"):
        Mask.of(ramp.astype(np.float32), soft=True)
    with pytest.raises(InputError, match="0…255"):
        Mask.of(ramp.astype(np.int64) * 1000, soft=True)


def test_empty_masks_are_empty() -> None:
    for array in (np.zeros((3, 4)), np.zeros((3, 4), np.uint8), np.full((3, 4), -1.0)):
        mask = Mask.of(array)
        assert not mask.inside.any()
        assert mask.bounds() is None
        assert mask.coverage == 0
        assert mask.grow(3).bounds() is None
        assert mask.feather(3).bounds() is None


def test_size_mismatch_says_both_sizes() -> None:
    with pytest.raises(SizeMismatch, match=r"mask is 12×16 but image is 10×20; resize"):
        Mask.of(SHAPE, (10, 20))
    assert Mask.of(SHAPE, (12, 16)).size == (12, 16)


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (np.full((3, 4), np.nan), "NaN"),
        (np.zeros((3, 4, 5)), r"\(H, W\)"),
        (np.zeros((0, 4)), r"\(H, W\)"),
        (np.zeros((3, 4), np.complex64), "complex64"),
        (np.array([["a"]]), "numbers"),
        (7, "int"),
        (Box(0, 0, 1, 1), "size="),
        (Polygon.parse("0,0 1,0 1,1"), "size="),
    ],
)
def test_what_is_no_mask(value: Any, hint: str) -> None:
    with pytest.raises(InputError, match=hint):
        Mask.of(value)


def distances(inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """To the nearest selected pixel, one by one."""
    rows, columns = np.nonzero(inside)
    y, x = np.mgrid[: inside.shape[0], : inside.shape[1]]
    if not len(rows):
        return np.full(inside.shape, np.inf)
    return np.asarray(np.sqrt(((y[..., None] - rows) ** 2 + (x[..., None] - columns) ** 2).min(axis=-1)))


@FEW
@given(st.integers(0, 999), st.sampled_from([1, 1.4142135, 1.5, 2, 2.236068, 3.5, 6]), st.booleans())
def test_grow_is_euclidean(seed: int, radius: float, soft: bool) -> None:
    generator = np.random.default_rng(seed)
    inside = generator.random((14, 18)) < generator.choice([0.02, 0.3, 0.9])
    if soft:
        values = (inside * generator.uniform(0.1, 0.9, inside.shape)).astype(np.float32)
        mask = Mask(values)
    else:
        mask = Mask.of(inside)
    grown, shrunk = mask.grow(radius), mask.grow(-radius)
    np.testing.assert_array_equal(grown.inside, distances(inside) <= radius + 1e-4)
    np.testing.assert_array_equal(shrunk.inside, distances(~inside) > radius + 1e-4)
    assert (grown.values >= mask.values).all()
    assert (shrunk.values <= mask.values).all()
    if soft and inside.any():
        assert grown.values.max() == mask.values.max()


def test_growing_from_the_edge_of_the_picture() -> None:
    everything = Mask.of(np.ones((5, 6), np.bool_))
    assert everything.grow(-3).coverage == 1
    assert everything.feather(3).coverage == 1
    left = Mask.box(0, 0, 3, 5, (5, 6))
    assert left.grow(-1).bounds() == Box(0, 0, 2, 5)
    assert left.grow(100).coverage == 1
    assert left.grow(0) is left


def test_feather_is_a_ramp_inside_of_the_documented_width() -> None:
    mask = Mask.box(5, 0, 30, 10, (10, 40))
    soft = mask.feather(4)
    row = soft.values[5]
    t = np.arange(1, 5) / 5
    np.testing.assert_allclose(row[5:9], t * t * (3 - 2 * t), atol=1e-6)
    assert (row[9:26] == 1).all()
    assert not row[:5].any()
    assert not row[30:].any()
    np.testing.assert_array_equal(soft.inside, mask.inside)
    assert (np.diff(row[4:10]) > 0).all()
    np.testing.assert_allclose(row[5:30], row[5:30][::-1], atol=1e-6)
    assert mask.feather(0) is mask
    with pytest.raises(InputError, match="0 or more"):
        mask.feather(-1)
    with pytest.raises(InputError, match="number of pixels"):
        mask.feather(np.nan)
    with pytest.raises(InputError, match="number of pixels"):
        mask.grow(np.inf)


def test_invert() -> None:
    np.testing.assert_array_equal(Mask.of(SHAPE).invert().inside, ~SHAPE)
    soft = Mask(np.array([[0.25, 1.0, 0.0]], np.float32))
    np.testing.assert_array_equal(soft.invert().values, [[0.75, 0.0, 1.0]])


def test_region_runs_its_steps_in_order() -> None:
    region = Region(Box(5, 5, 15, 15), grow=3, feather=2)
    mask = Mask.of(region, (30, 30))
    direct = Mask.box(5, 5, 15, 15, (30, 30)).grow(3).feather(2)
    np.testing.assert_array_equal(mask.values, direct.values)
    inverted = Mask.of(Region(SHAPE, invert=True, grow=-1), SHAPE.shape)
    np.testing.assert_array_equal(inverted.inside, Mask.of(~SHAPE).grow(-1).inside)
    soft = Mask.of(Region(np.full((2, 2), 51, np.uint8), soft=True))
    np.testing.assert_allclose(soft.values, 0.2)
    with pytest.raises(SizeMismatch):
        Mask.of(Region(SHAPE), (3, 3))


def test_threshold() -> None:
    picture = Picture.of(np.array([[[0, 0, 0, 255], [100, 0, 0, 10], [255, 255, 255, 255]]], np.uint8))
    assert Mask.threshold(picture, 0.5).inside.tolist() == [[False, False, True]]
    assert Mask.threshold(picture, 100 / 255, 100 / 255, channel="red").inside.tolist() == [
        [False, True, False]
    ]
    assert Mask.threshold(picture, 0, 0.5, channel="alpha").inside.tolist() == [[False, True, False]]
    assert Mask.threshold(picture, 0, 0.1).inside.tolist() == [[True, True, False]]
    bright = Picture.of(np.full((1, 1, 3), 1.5, np.float32))
    assert Mask.threshold(bright, 0.5).inside.all()
    with pytest.raises(InputError, match="selects nothing"):
        Mask.threshold(picture, 0.6, 0.5)
    with pytest.raises(InputError, match="selects nothing"):
        Mask.threshold(picture, np.nan)
    with pytest.raises(UnknownName, match="alpha"):
        Mask.threshold(picture, 0.5, channel="luma")  # type: ignore[arg-type]


def test_saving_and_reading_back(tmp_path: Path) -> None:
    path = Mask.of(SHAPE).save(tmp_path / "mask.png")
    np.testing.assert_array_equal(Mask.of(path).inside, SHAPE)
    soft = Mask.of(SHAPE).feather(3)
    np.testing.assert_allclose(
        Mask.of(soft.save(tmp_path / "soft.png"), soft=True).values, soft.values, atol=0.51 / 255
    )
    with pytest.raises(OutputExists):
        soft.save(path, overwrite=False)
    assert repr(Mask.of(SHAPE)) == "Mask(12×16, binary, 25.0% selected)"


def test_drawing_on_the_array_afterwards_does_not_change_the_mask() -> None:
    for array in (SHAPE.copy(), SHAPE[..., None].copy(), torch.from_numpy(SHAPE.copy())[None]):
        mask = Mask.of(array)
        array[...] = False
        np.testing.assert_array_equal(mask.inside, SHAPE)


@pytest.mark.parametrize("px", [1e308, 10**9, 2.0**31])
def test_enormous_radii(px: float) -> None:
    mask = Mask.of(SHAPE)
    soft = Mask.of(np.where(SHAPE, 0.5, 0).astype(np.float32), soft=True)
    assert mask.grow(px).inside.all()
    assert (soft.grow(px).values == 0.5).all()
    assert not mask.grow(-px).inside.any()
    assert not soft.grow(-px).inside.any()


def test_enormous_feather() -> None:
    np.testing.assert_array_equal(Mask.of(SHAPE).feather(2.0**31).inside, SHAPE)
    with pytest.raises(InputError, match="at most"):
        Mask.of(SHAPE).feather(1e308)


@pytest.mark.parametrize("px", [None, "wide", 10**400, float("nan"), float("inf")])
def test_a_radius_that_is_no_number(px: Any) -> None:
    with pytest.raises(InputError, match="grow must be a number of pixels"):
        Mask.of(SHAPE).grow(px)
    with pytest.raises(InputError, match="feather must be a number of pixels"):
        Mask.of(SHAPE).feather(px)


@pytest.mark.parametrize("size", [(-4, 5), (0, 5), (4.5, 5), (4, 5, 3), "ab", 40])
def test_a_size_that_is_none(size: Any) -> None:
    for value in (Box(0, 0, 5, 5), Polygon([(0, 0), (5, 0), (5, 5)]), Region(Box(0, 0, 5, 5)), SHAPE):
        with pytest.raises(InputError, match="size must be a height and a width"):
            Mask.of(value, size)
