"""The float conversion agrees with LittleCMS, keeps what lies outside sRGB, and goes back."""

from __future__ import annotations

import io
import logging
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from retouch.image.colour import SRGB, Gray, Matrix, Table, colour_of, linear_from_srgb, srgb_from_linear
from retouch.image.icc import SampledCurve
from tests.image import made

STEPS = np.linspace(0, 255, 18).round().astype(np.uint8)
GRID: NDArray[Any] = np.stack(np.meshgrid(STEPS, STEPS, STEPS), axis=-1).reshape(-1, 1, 3)
UNIT = np.asarray(GRID.reshape(-1, 3) / 255, np.float32)


def by_littlecms(samples: NDArray[Any], icc: bytes, mode: str = "RGB") -> NDArray[Any]:
    image = Image.fromarray(samples if mode == "RGB" else samples[..., 0])
    converted = ImageCms.profileToProfile(
        image,
        ImageCms.getOpenProfile(io.BytesIO(icc)),
        ImageCms.createProfile("sRGB"),
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        "RGB",
    )
    assert converted is not None
    return np.asarray(converted, np.float32) / 255


@pytest.mark.parametrize("primaries", ["p3", "adobe"])
@pytest.mark.parametrize("kind", ["para3", "gamma", "table"])
def test_matrix_profiles_agree_with_littlecms(primaries: str, kind: str) -> None:
    icc = made.rgb_profile(primaries, kind)
    colour = colour_of(icc, "RGB")
    assert isinstance(colour, Matrix)
    ours = colour.decode(UNIT)
    theirs = by_littlecms(GRID, icc).reshape(-1, 3)
    inside = ((ours >= 0) & (ours <= 1)).all(axis=1)
    assert inside.sum() > 1000
    assert np.abs(ours - theirs)[inside].max() <= 1 / 255


def test_colours_outside_srgb_are_kept_and_come_back() -> None:
    colour = colour_of(made.rgb_profile("p3"), "RGB")
    samples = UNIT
    decoded = colour.decode(samples)
    assert decoded.min() < -0.1
    assert decoded.max() > 1.05
    np.testing.assert_allclose(colour.encode(decoded), samples, atol=2e-5)


@pytest.mark.parametrize("kind", ["para3", "gamma", "table"])
def test_16_bit_precision_survives(kind: str) -> None:
    colour = colour_of(made.rgb_profile("adobe", kind), "RGB")
    samples = np.linspace(0.02, 1, 65536, dtype=np.float32)[:, None].repeat(3, axis=1)
    back = np.rint(colour.encode(colour.decode(samples)) * 65535)
    assert np.abs(back - np.rint(samples * 65535)).max() <= 1


def test_extended_values_survive_a_matrix_profile() -> None:
    colour = colour_of(made.rgb_profile("p3", "table"), "RGB")
    samples = np.array([[-0.3, 0.5, 1.7], [2.0, -0.1, 0.0]], np.float32)
    np.testing.assert_allclose(colour.encode(colour.decode(samples)), samples, atol=1e-4)


def test_srgb_profiles_take_the_fast_path() -> None:
    pillows = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert isinstance(colour_of(pillows, "RGB"), SRGB)
    assert isinstance(colour_of(made.rgb_profile("srgb"), "RGB"), SRGB)
    assert colour_of(pillows, "GRAY") == Gray()


def test_gray_profile_agrees_with_littlecms() -> None:
    icc = made.gray_profile()
    ramp = np.arange(256, dtype=np.uint8)[:, None, None]
    colour = colour_of(icc, "GRAY")
    assert isinstance(colour, Gray)
    ours = colour.decode(np.asarray(ramp.reshape(-1, 1) / 255, np.float32))
    # The darkest steps of a pure power curve are the least exact.
    assert np.abs(ours - by_littlecms(ramp, icc, "L").reshape(-1, 3)).max() <= 1.1 / 255
    np.testing.assert_allclose(colour.encode(ours)[:, 0] * 255, np.arange(256), atol=1e-2)


def test_gray_of_a_colour_keeps_its_luminance() -> None:
    encoded = Gray().encode(np.array([[1, 0, 0], [0, 1, 0], [0.4, 0.4, 0.4]], np.float32))
    np.testing.assert_allclose(linear_from_srgb(encoded)[:2, 0], [0.2126, 0.7152], atol=1e-5)
    assert encoded[2, 0] == np.float32(0.4)


def test_table_profile_goes_through_littlecms_both_ways() -> None:
    colour = colour_of(made.lab_table_profile(), "CMYK")
    assert isinstance(colour, Table)
    white, red = np.zeros((1, 4), np.float32), np.array([[0, 1, 1, 0]], np.float32)
    np.testing.assert_allclose(colour.decode(white), [[1, 1, 1]], atol=0.02)
    decoded = colour.decode(red)
    assert decoded[0, 0] > 0.9
    assert decoded[0, 1:].max() < 0.2
    np.testing.assert_allclose(colour.encode(decoded), red, atol=0.12)


def test_plain_inks_go_back_exactly_enough() -> None:
    colour = colour_of(None, "CMYK")
    rgb = UNIT
    np.testing.assert_allclose(colour.decode(colour.encode(rgb)), rgb, atol=1e-6)


@pytest.mark.parametrize(
    "icc",
    [
        b"nonsense",
        made.rgb_profile("p3")[:200],
        made.rgb_profile("p3").replace(b"para", b"zzzz"),
        made.rgb_profile("p3").replace(b"XYZ \0\0\0\0", b"abcd\0\0\0\0"),
        made.gray_profile(),
        made.lab_table_profile()[:2000] + bytes(3000),
    ],
)
def test_damaged_or_foreign_profile_means_srgb_and_says_so(
    icc: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert isinstance(colour_of(icc, "RGB"), SRGB)
    assert "taken for sRGB" in caplog.text


def test_black_and_white_survive_a_curve_with_flat_ends() -> None:
    curve = SampledCurve(np.array([0, 0, 0, 0.2, 0.5, 1, 1, 1]))
    ends = np.array([0, 1], np.float32)
    np.testing.assert_array_equal(curve.samples(curve.light(ends)), ends)


def test_srgb_curve_is_odd_and_inverts() -> None:
    values = np.linspace(-2, 3, 1001, dtype=np.float32)
    np.testing.assert_allclose(srgb_from_linear(linear_from_srgb(values)), values, atol=1e-6)
    np.testing.assert_array_equal(linear_from_srgb(-values), -linear_from_srgb(values))
