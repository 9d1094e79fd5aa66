"""Masks from what a picture shows, and what is said of masks that are not black and white."""

from __future__ import annotations

import io
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from retouch.errors import InputError, SizeMismatch, UnknownName
from retouch.image import Mask, Picture, Polygon, Region, selecting
from tests.image.test_round_trips import FEW

SHAPE = np.zeros((30, 40), np.bool_)
SHAPE[8:20, 10:28] = True


def drawn(inside: NDArray[Any], on: tuple[int, ...], off: tuple[int, ...]) -> NDArray[np.uint8]:
    return np.where(inside[..., None], np.array(on, np.uint8), np.array(off, np.uint8))


def jpeg(mask: NDArray[np.uint8], quality: int = 75) -> bytes:
    file = io.BytesIO()
    Image.fromarray(mask).save(file, "JPEG", quality=quality)
    return file.getvalue()


# Bruce Lindbloom's calculator (sRGB, Bradford to D50): the ICC colours of the sRGB primaries.
@pytest.mark.parametrize(
    ("rgb", "wanted"),
    [
        ((0, 0, 0), (0, 0, 0)),
        ((1, 1, 1), (100, 0, 0)),
        ((1, 0, 0), (54.29, 80.81, 69.89)),
        ((0, 1, 0), (87.82, -79.27, 80.99)),
        ((0, 0, 1), (29.57, 68.30, -112.03)),
        ((0.5, 0.5, 0.5), (53.39, 0, 0)),
        ((0.02, 0.02, 0.02), (1.40, 0, 0)),
    ],
)
def test_lab_by_table(rgb: tuple[float, ...], wanted: tuple[float, ...]) -> None:
    found = selecting.lab(np.array(rgb, np.float32))
    assert np.abs(found - wanted).max() < 0.03


def test_a_colour_within_a_tolerance() -> None:
    # grays 100, 105 and 120 have L* 42.37, 44.41 and 50.43 (CIE 15:2004 of the sRGB curve)
    ramp = np.repeat(np.array([[100, 105, 120, 255]], np.uint8), 3, axis=0)
    picture = Picture.of(ramp[..., None].repeat(3, axis=2))
    gray = (100 / 255,) * 3
    for tolerance, count in ((0.5, 1), (1.9, 1), (2.2, 2), (7.9, 2), (8.2, 3), (100, 4)):
        assert Mask.colour(picture, gray, tolerance).inside[0].sum() == count
    red = Picture.of(drawn(SHAPE, (220, 30, 30), (30, 220, 30)))
    assert np.array_equal(Mask.colour(red, (220 / 255, 30 / 255, 30 / 255)).inside, SHAPE)
    assert Mask.colour(red, (0.0, 0.0, 1.0)).bounds() is None


def test_what_is_transparent_has_no_colour() -> None:
    rgba = drawn(SHAPE, (220, 30, 30, 255), (220, 30, 30, 0))
    assert np.array_equal(Mask.colour(Picture.of(rgba), (0.86, 0.12, 0.12)).inside, SHAPE)


def test_the_wand_takes_what_hangs_together() -> None:
    two = SHAPE.copy()
    two[2:5, 2:5] = True
    two[20, 28] = True  # touches the shape by a corner only
    picture = Picture.of(drawn(two, (200, 60, 60), (20, 20, 20)))
    assert np.array_equal(Mask.wand(picture, (15, 10)).inside, SHAPE)
    assert np.array_equal(Mask.wand(picture, (15, 10), contiguous=False).inside, two)
    assert np.array_equal(Mask.wand(picture, (0, 29)).inside, ~two)
    with pytest.raises(InputError, match="40 wide and 30 high"):
        Mask.wand(picture, (40, 0))
    with pytest.raises(InputError, match="outside"):
        Mask.wand(picture, (0, -1))


def test_strips_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (31, 17, 3)).astype(np.uint8)
    other = np.random.default_rng(1).integers(0, 255, (31, 17, 3)).astype(np.uint8)
    whole = Mask.colour(pixels, (0.5, 0.4, 0.6), 60).inside, Mask.difference(pixels, other, 60).inside
    monkeypatch.setattr(selecting, "AT_ONCE", 5)
    assert np.array_equal(Mask.colour(pixels, (0.5, 0.4, 0.6), 60).inside, whole[0])
    assert np.array_equal(Mask.difference(pixels, other, 60).inside, whole[1])


def test_the_difference_of_two_versions() -> None:
    before = np.random.default_rng(0).integers(60, 120, (30, 40, 3)).astype(np.uint8)
    after = before.copy()
    after[SHAPE] += 60
    assert np.array_equal(Mask.difference(before, after).inside, SHAPE)
    assert np.array_equal(Mask.difference(after, before).inside, SHAPE)
    assert Mask.difference(before, before).bounds() is None
    smooth = np.repeat(np.linspace(40, 200, 40).astype(np.uint8)[None, :, None], 30, axis=0).repeat(3, axis=2)
    assert Mask.difference(smooth, jpeg(smooth)).bounds() is None
    with pytest.raises(SizeMismatch, match="30×40"):
        Mask.difference(before, after[1:])


def test_a_difference_of_opacity() -> None:
    opaque = np.full((30, 40, 3), 90, np.uint8)
    rubbed = drawn(SHAPE, (10, 250, 10, 0), (90, 90, 90, 255))
    assert np.array_equal(Mask.difference(opaque, rubbed).inside, SHAPE)
    faded = drawn(SHAPE, (90, 90, 90, 200), (90, 90, 90, 255))
    assert np.array_equal(Mask.difference(opaque, faded).inside, SHAPE)
    assert Mask.difference(opaque, faded, 25).bounds() is None
    hidden = drawn(SHAPE, (200, 0, 200, 0), (90, 90, 90, 255))
    assert Mask.difference(rubbed, hidden).bounds() is None


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha(mode: Literal["RGBA", "LA"]) -> None:
    image = Image.fromarray(drawn(SHAPE, (90, 90, 90, 100), (90, 90, 90, 200))).convert(mode)
    assert np.array_equal(Mask.alpha(image).inside, SHAPE)
    assert np.array_equal(Mask.alpha(image, part="opaque").inside, ~SHAPE)
    with pytest.raises(InputError, match="no alpha"):
        Mask.alpha(image.convert("RGB"))
    with pytest.raises(UnknownName, match="opaque"):
        Mask.alpha(image, part="opaqe")  # type: ignore[arg-type]


@FEW
@given(px=st.floats(0, 60), seed=st.integers(0, 50))
def test_shrinking_is_growing_the_other_way(px: float, seed: int) -> None:
    mask = Mask(np.random.default_rng(seed).random((9, 14)) < 0.8)
    assert np.array_equal(mask.shrink(px).values, mask.grow(-px).values)
    assert np.array_equal(mask.shrink(-px).values, mask.grow(px).values)


def test_shrink_by_hand() -> None:
    wanted = np.zeros((30, 40), np.bool_)
    wanted[10:18, 12:26] = True
    assert np.array_equal(Mask(SHAPE).shrink(2).inside, wanted)
    with pytest.raises(InputError, match="shrink must be"):
        Mask(SHAPE).shrink(float("nan"))


def test_clean_masks_say_nothing() -> None:
    full = SHAPE.astype(np.uint8) * np.uint8(255)
    for value in (SHAPE, full, full // 255, full.astype(np.float32), full.astype(np.uint16) * 257, full * 0):
        assert Mask.of(value).hygiene is None
    assert Mask.of(Polygon.parse("0,0 9,0 9,9", antialias=True), (30, 40)).hygiene is None
    faint = full.copy()
    faint[::2] ^= 3  # 3 and 252: nothing that a cut could get wrong
    assert Mask.of(faint).hygiene is None


def test_jpeg_and_soft_masks_are_noticed() -> None:
    full = np.roll(SHAPE.repeat(4, axis=0).repeat(4, axis=1).astype(np.uint8) * np.uint8(255), (3, 3), (0, 1))
    rough = Mask.of(jpeg(full))
    assert rough.hygiene is not None
    assert "% of the mask lies between black and white" in rough.hygiene
    soft = Mask(SHAPE).grow(6).feather(6).values
    said = Mask.of(soft).hygiene
    assert said is not None
    assert said.startswith(f"{((soft > 0.02) & (soft < 0.98)).mean():.1%} of the mask")
    assert Mask.of(soft, soft=True).hygiene is None
    # what is made of such a mask remembers it
    for made in (rough.invert(), rough.grow(2), rough.shrink(1), rough.feather(3), rough.feather(3).grow(1)):
        assert made.hygiene == rough.hygiene
    assert Mask.of(Region(jpeg(full), grow=2), rough.size).hygiene == rough.hygiene


def test_maps_of_labels_are_noticed() -> None:
    labels = np.zeros((30, 40), np.uint8)
    labels[:10], labels[12:20], labels[22:] = 1, 7, 12
    mask = Mask.of(labels)
    assert np.array_equal(mask.inside, labels >= 6)
    assert mask.hygiene is not None
    assert "3 values above 0" in mask.hygiene
    assert "only 7, 12 count" in mask.hygiene
    assert Mask.of(labels > 0).hygiene is None


@pytest.mark.parametrize("colour", [(1, 2), "red", (0.1, 0.2, float("nan")), (255, 0, 0), None])
def test_colours_that_are_none(colour: Any) -> None:
    with pytest.raises(InputError, match="colour is"):
        Mask.colour(np.zeros((3, 3, 3), np.uint8), colour)


@pytest.mark.parametrize("tolerance", [-1, float("nan"), float("inf"), "2"])
def test_tolerances_that_are_none(tolerance: Any) -> None:
    picture = np.zeros((3, 3, 3), np.uint8)
    with pytest.raises(InputError, match="tolerance"):
        Mask.colour(picture, (0, 0, 0), tolerance)
    with pytest.raises(InputError, match="tolerance"):
        Mask.wand(picture, (0, 0), tolerance)
    with pytest.raises(InputError, match="tolerance"):
        Mask.difference(picture, picture, tolerance)
