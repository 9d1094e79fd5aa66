"""The noise of a photo, found from the photo alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from retouch.image import samples
from retouch.tasks.restore.method.noise import combined, estimated

PHOTOS = ("cat", "coffee", "rocket", "bricks")
Floats = NDArray[np.float32]


def photo(name: str) -> Floats:
    """Planes (3, H, W) of the middle of a photo."""
    return np.moveaxis(samples.open(name).pixels, 2, 0)[:, 20:280, 60:400]


def noisy(planes: Floats, levels: float | tuple[float, ...], depth: int = 255, seed: int = 1) -> Floats:
    """As a file would hold it: noise added, cut off, rounded."""
    deviations = np.broadcast_to(np.asarray(levels, float), len(planes)) / 255
    noise = np.random.default_rng(seed).normal(size=planes.shape) * deviations[:, None, None]
    return np.asarray(np.rint(np.clip(planes + noise, 0, 1) * depth) / depth, np.float32)


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("level", [5, 10, 25, 50])
def test_within_a_tenth_on_photos(name: str, level: float) -> None:
    found = 255 * combined(estimated(noisy(photo(name), level)))
    # the photos have some noise of their own, by JPEG, which adds up in squares
    own = 255 * combined(estimated(photo(name)))
    assert own < 2.5
    assert found == pytest.approx(math.hypot(level, own), rel=0.1)


def test_every_channel_has_its_own() -> None:
    found = np.array(estimated(noisy(photo("cat"), (5, 30, 12)))) * 255
    assert found == pytest.approx([5, 30, 12], rel=0.1)


def test_noise_that_is_cut_off_is_still_seen() -> None:
    ramp = np.broadcast_to(np.linspace(0, 1, 300, dtype=np.float32), (1, 200, 300))
    for level in (25, 50, 80):
        assert 255 * combined(estimated(noisy(ramp, level))) == pytest.approx(level, rel=0.1)


@pytest.mark.parametrize("brightness", [0.06, 0.15, 0.9])
def test_a_dark_or_bright_picture_is_measured(brightness: float) -> None:
    flat = np.full((1, 120, 150), brightness, np.float32)
    assert 255 * combined(estimated(noisy(flat, 25))) == pytest.approx(25, rel=0.2)


def test_borders_and_what_is_transparent_do_not_count() -> None:
    framed = np.full((3, 600, 500), 0.2, np.float32)
    framed[:, 100:360, 80:420] = noisy(photo("cat"), 15)
    assert 255 * combined(estimated(framed)) == pytest.approx(15, rel=0.1)


def test_sixteen_bits_show_less_than_a_level() -> None:
    smooth = np.broadcast_to(np.linspace(0.2, 0.8, 300, dtype=np.float32), (1, 200, 300))
    found = 255 * combined(estimated(noisy(smooth, 0.5, depth=65535)))
    assert found == pytest.approx(0.5, rel=0.1)


def test_nothing_where_nothing_is() -> None:
    assert estimated(np.zeros((1, 50, 60), np.float32)) == (0,)
    assert estimated(np.full((3, 50, 60), 0.3, np.float32)) == (0, 0, 0)
    assert estimated(np.full((1, 50, 60), 7.0, np.float32)) == (0,)
    # drawings have edges, and no noise
    rings = np.hypot(*np.mgrid[-100:100, -150:150]) % 40 < 20
    assert 255 * combined(estimated(rings[None].astype(np.float32))) < 1
    boxes = np.full((1, 200, 300), 0.5, np.float32)
    for y, x, height, width, gray in np.random.default_rng(0).random((60, 5)):
        boxes[0, int(200 * y) :, int(300 * x) :][: int(70 * height), : int(70 * width)] = gray
    assert 255 * combined(estimated(boxes)) < 1


def test_a_large_picture_is_sampled() -> None:
    large = np.tile(photo("cat"), (1, 4, 4))
    assert 255 * combined(estimated(noisy(large, 20))) == pytest.approx(20, rel=0.05)


@pytest.mark.parametrize("size", [(1, 1), (2, 200), (200, 2), (5, 5)])
def test_too_small_to_tell(size: tuple[int, int]) -> None:
    assert math.isnan(combined(estimated(noisy(np.full((3, *size), 0.5, np.float32), 20))))


@given(st.integers(1, 24), st.integers(1, 24), st.integers(0, 2**32), st.sampled_from([0.0, 0.01, 0.2, 3.0]))
@settings(max_examples=60, deadline=None)
def test_any_size_has_an_answer(height: int, width: int, seed: int, deviation: float) -> None:
    values = np.random.default_rng(seed).normal(0.5, deviation, (2, height, width)).astype(np.float32)
    for found in estimated(values):
        assert math.isnan(found) or 0 <= found < 2


def test_small_pictures_are_measured_roughly() -> None:
    gray = np.full((1, 14, 14), 0.5, np.float32)
    found = [255 * combined(estimated(noisy(gray, 20, seed=seed))) for seed in range(20)]
    assert np.median(found) == pytest.approx(20, rel=0.3)
