"""Every degradation: seeded, of the strength that it says, and leaving alone what it should."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from retouch.data.degradations import Degradation, Spoiled, parse
from retouch.data.degradations.kinds import (
    JPEG,
    Area,
    Bicubic,
    Blur,
    ChannelNoise,
    EightBits,
    Lanczos,
    MappedNoise,
    Noise,
    Poisson,
)
from retouch.errors import InputError

Planes = NDArray[np.float32]

EVERY: Sequence[Degradation] = (
    Bicubic(4),
    Area(2),
    Lanczos(2),
    Noise((5, 50)),
    ChannelNoise((5, 50)),
    MappedNoise((5, 50)),
    Poisson((5, 50)),
    Blur((0.5, 3)),
    JPEG((10, 95)),
    EightBits(),
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def ramp(height: int = 64, width: int = 64, channels: int = 3) -> Planes:
    """Smooth, away from black and white, so that nothing is clipped."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    found = np.stack([0.4 + 0.2 * x / width, 0.6 - 0.1 * y / height, 0.5 + 0.1 * x / width][:channels])
    return np.asarray(found, np.float32)


def gray(level: float, side: int = 256) -> Spoiled:
    return Spoiled.clean(np.full((3, side, side), level, np.float32))


@pytest.mark.parametrize("one", EVERY, ids=lambda one: one.name)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_same_seed_does_the_same_and_the_input_stays(one: Degradation, channels: int) -> None:
    planes = ramp(channels=channels)
    before = planes.copy()
    first = one.apply(Spoiled.clean(planes), rng(3))
    again = one.apply(Spoiled.clean(planes), rng(3))
    assert np.array_equal(planes, before)
    assert np.array_equal(first.planes, again.planes)
    assert np.array_equal(first.noise, again.noise)
    assert first.planes.dtype == first.noise.dtype == np.float32
    assert first.planes.shape == (channels, 64 // one.scale, 64 // one.scale)
    assert first.noise.shape == (1, 64 // one.scale, 64 // one.scale)


@pytest.mark.parametrize("one", [one for one in EVERY if one.scale == 1 and one.name != "8-bit"])
def test_another_seed_does_something_else(one: Degradation) -> None:
    first, other = (one.apply(Spoiled.clean(ramp()), rng(seed)) for seed in (3, 4))
    assert not np.array_equal(first.planes, other.planes)


@pytest.mark.parametrize("sigma", [5.0, 25.0, 75.0])
def test_white_noise_is_as_strong_as_it_says_and_not_clipped(sigma: float) -> None:
    made = Noise((sigma, sigma)).apply(gray(0.98), rng())
    found = (made.planes - np.float32(0.98)) * 255
    assert found.std() == pytest.approx(sigma, rel=0.01)
    assert found.mean() == pytest.approx(0, abs=sigma / 50)
    assert made.planes.max() > 1
    assert np.allclose(made.noise * 255, sigma, rtol=1e-5)
    # Neighbours, and channels, know nothing of each other.
    assert (found[:, 1:] * found[:, :-1]).mean() / sigma**2 == pytest.approx(0, abs=0.01)
    assert (found[0] * found[1]).mean() / sigma**2 == pytest.approx(0, abs=0.02)


def test_a_range_is_drawn_evenly() -> None:
    drawn = [
        255 * float(Noise((10, 30)).apply(gray(0.5, 1), rng(seed)).noise[0, 0, 0]) for seed in range(400)
    ]
    assert min(drawn) >= 10
    assert max(drawn) <= 30
    assert np.mean(drawn) == pytest.approx(20, abs=1)
    assert np.std(drawn) == pytest.approx(20 / np.sqrt(12), abs=0.5)


def test_noise_of_each_channel_has_its_own_strength_and_the_map_their_mean_square() -> None:
    made = ChannelNoise((5, 50)).apply(gray(0.5), rng(1))
    each = (made.planes - np.float32(0.5)).std(axis=(1, 2))
    assert len({round(float(255 * one)) for one in each}) == 3
    assert np.sqrt((each**2).mean()) == pytest.approx(float(made.noise[0, 0, 0]), rel=0.01)


def test_noise_with_a_map_is_as_strong_as_the_map_says_at_each_place() -> None:
    made = MappedNoise((5, 50)).apply(gray(0.5), rng(2))
    assert np.ptp(made.noise) * 255 > 10
    found = (made.planes - np.float32(0.5)) ** 2
    for top in range(0, 256, 64):
        for left in range(0, 256, 64):
            here = slice(top, top + 64), slice(left, left + 64)
            local = np.sqrt(found[(slice(None), *here)].mean())
            assert local == pytest.approx(np.sqrt((made.noise[(0, *here)] ** 2).mean()), rel=0.05)


@pytest.mark.parametrize("level", [0.1, 0.5, 1.0])
def test_photon_noise_has_a_variance_in_proportion_to_the_light(level: float) -> None:
    made = Poisson((30, 30)).apply(gray(level), rng())
    found = 255 * (made.planes - np.float32(level))
    assert found.mean() == pytest.approx(0, abs=0.3)
    assert found.std() == pytest.approx(30 * np.sqrt(level), rel=0.01)
    assert np.allclose(made.noise * 255, 30 * np.sqrt(level), rtol=1e-4)
    # Counts are whole photons of (30/255)² each.
    counts = made.planes / (30 / 255) ** 2
    assert np.allclose(counts, np.rint(counts), atol=1e-3)


def test_photon_noise_of_no_strength_is_none() -> None:
    planes = ramp()
    for sigma in (0.0, 1e-12, 1e-6):
        made = Poisson((sigma, sigma)).apply(Spoiled.clean(planes), rng())
        assert made.planes == pytest.approx(planes, abs=1e-6)


@pytest.mark.parametrize(
    "after", ["bicubic(4)", "bicubic(2)", "area(3)", "lanczos(4)", "blur(0.4)", "blur(0.8)", "blur(2)"]
)
def test_the_map_says_how_much_noise_a_later_step_leaves(after: str) -> None:
    side = 768
    made = parse(f"noise(20),{after}").apply(np.full((3, side, side), 0.5, np.float32), rng())
    found = (made.planes - np.float32(0.5)).std()
    assert found == pytest.approx(float(made.noise.mean()), rel=0.02)
    assert np.ptp(made.noise) < 1e-6


def test_noise_upon_noise_adds_its_squares() -> None:
    made = parse("noise(30),poisson(40)").apply(np.full((3, 256, 256), 0.5, np.float32), rng())
    assert (made.planes - np.float32(0.5)).std() == pytest.approx(float(made.noise.mean()), rel=0.02)
    assert float(made.noise.mean()) * 255 == pytest.approx(np.hypot(30, 40 * np.sqrt(0.5)), rel=0.02)


def test_a_map_that_changes_is_smoothed_with_the_picture() -> None:
    chain = parse("mapped-noise(5..50),blur(1)")
    made = chain.apply(np.full((3, 256, 256), 0.5, np.float32), rng(2))
    near = ndimage.uniform_filter(((made.planes - np.float32(0.5)) ** 2).mean(axis=0), 65)[32:-32, 32:-32]
    said = ndimage.uniform_filter(made.noise[0] ** 2, 65)[32:-32, 32:-32]
    assert np.allclose(np.sqrt(near / said), 1, atol=0.08)


@pytest.mark.parametrize("kind", [Bicubic, Area, Lanczos])
def test_smaller_pictures_are_rounded_to_files_levels_unless_they_are_noisy(
    kind: type[Bicubic | Area | Lanczos],
) -> None:
    planes = ramp()
    made = kind(4).apply(Spoiled.clean(planes), rng()).planes * 255
    assert made == pytest.approx(np.rint(made), abs=1e-4)
    noisy = kind(4).apply(Noise((10, 10)).apply(Spoiled.clean(planes), rng()), rng()).planes * 255
    assert np.abs(noisy - np.rint(noisy)).mean() > 0.2


def test_area_is_the_mean_of_blocks_and_bicubic_keeps_a_ramp() -> None:
    planes = np.random.default_rng(0).random((3, 12, 16), np.float32)
    blocks = planes.reshape(3, 3, 4, 4, 4).mean(axis=(2, 4))
    assert Area(4).apply(Spoiled.clean(planes), rng()).planes == pytest.approx(blocks, abs=1.01 / 255)
    line = np.tile(np.linspace(0.1, 0.9, 64, dtype=np.float32), (3, 8, 1))
    found = Bicubic(4).apply(Spoiled.clean(line), rng()).planes[0, 1, 2:-2]
    assert found == pytest.approx(line[0, 0].reshape(16, 4).mean(axis=1)[2:-2], abs=0.51 / 255)


@pytest.mark.parametrize("kind", [Bicubic, Area, Lanczos])
def test_sides_that_are_no_multiples_are_refused(kind: type[Bicubic | Area | Lanczos]) -> None:
    with pytest.raises(InputError, match=r"10×8.*multiples of 4"):
        kind(4).apply(Spoiled.clean(ramp(8, 10)), rng())


def test_blur_is_scipys_and_of_no_radius_none() -> None:
    planes = ramp()
    planes[:, 30:34] = 1
    made = Blur((1.5, 1.5)).apply(Spoiled.clean(planes), rng()).planes
    assert made[1] == pytest.approx(ndimage.gaussian_filter(planes[1], 1.5), abs=1e-6)
    assert Blur((0, 0)).apply(Spoiled.clean(planes), rng()).planes == pytest.approx(planes, abs=1e-7)


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_is_what_pillow_writes(channels: int) -> None:
    planes = np.random.default_rng(0).random((channels, 24, 40), np.float32)
    made = JPEG((35, 35)).apply(Spoiled.clean(planes), rng()).planes
    samples = np.rint(planes * 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(samples[0] if channels == 1 else samples.transpose(1, 2, 0)).save(
        file, "JPEG", quality=35
    )
    read = np.asarray(Image.open(file), np.float32) / 255
    assert made == pytest.approx(read[None] if channels == 1 else read.transpose(2, 0, 1), abs=1e-6)


def test_worse_jpegs_are_worse() -> None:
    planes = np.random.default_rng(0).random((3, 64, 64), np.float32)
    errors = [
        float(np.abs(JPEG((q, q)).apply(Spoiled.clean(planes), rng()).planes - planes).mean())
        for q in (10, 50, 95)
    ]
    assert errors[0] > errors[1] > errors[2]


def test_eight_bits_clip_and_round() -> None:
    planes = np.array([[[-0.3, 0.0, 0.3 / 255, 0.7 / 255, 1.0, 1.7]]], np.float32)
    made = EightBits().apply(Spoiled.clean(planes), rng()).planes
    assert (made * 255).tolist() == [[[0, 0, 0, 1, 255, 255]]]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Bicubic(0), "factor 0"),
        (lambda: Area(65), "factor 65"),
        (lambda: Noise((-1, 5)), r"\(-1\.\.5\)"),
        (lambda: Noise((0, 256)), r"\(0\.\.256\)"),
        (lambda: ChannelNoise((9, 5)), r"\(9\.\.5\)"),
        (lambda: MappedNoise((float("nan"), 5)), r"\(nan\.\.5\)"),
        (lambda: Poisson((0, float("inf"))), r"\(0..inf\)"),
        (lambda: Blur((0, 51)), r"\(0\.\.51\)"),
        (lambda: JPEG((0, 50)), r"\(0\.\.50\)"),
        (lambda: JPEG((50, 96)), r"\(50\.\.96\)"),
    ],
)
def test_numbers_out_of_range_are_refused(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(InputError, match=message):
        make()
