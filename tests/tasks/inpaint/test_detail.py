"""Texture for a smooth fill."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retouch.tasks.inpaint.method.detail import CELL, PATCH, detailed


def scene(size: int = 128, grain: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    """A grainy photo whose left half is bright and coarse-grained, and a hole in its middle."""
    random = np.random.default_rng(0)
    photo = np.full((size, size, 3), 0.3, np.float32)
    photo[:, : size // 2] = 0.7
    photo += random.normal(0, grain, (size, size, 1)).astype(np.float32)
    hole = np.zeros((size, size), bool)
    hole[size // 4 : -size // 4, size // 4 : -size // 4] = True
    return photo, hole


def smooth(photo: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """The photo without grain inside the hole."""
    size = len(photo)
    flat = np.where(np.arange(size)[None, :, None] < size // 2, 0.7, 0.3)
    return np.where(hole[..., None], flat, photo).astype(np.float32)


def grain_of(picture: np.ndarray) -> float:
    return float(np.abs(np.diff(picture[..., 0], axis=0)).mean())


def test_a_fill_gets_the_grain_beside_it() -> None:
    photo, hole = scene()
    fill = smooth(photo, hole)
    found = detailed(photo, fill, hole, 1.0)
    assert np.array_equal(found[~hole], photo[~hole])
    middle = (slice(48, 80), slice(48, 60))
    wanted = grain_of(photo[:24])
    assert grain_of(fill[middle]) == 0
    assert grain_of(found[middle]) == pytest.approx(wanted, rel=0.25)
    # texture only: the colours stay
    assert found[middle].mean() == pytest.approx(0.7, abs=0.03)
    half = detailed(photo, fill, hole, 0.5)
    np.testing.assert_allclose(half - fill, 0.5 * (found - fill), atol=1e-6)
    assert np.array_equal(found, detailed(photo, fill, hole, 1.0))


def test_grain_comes_from_where_the_colours_are_alike() -> None:
    photo, hole = scene(grain=0.0)
    random = np.random.default_rng(1)
    photo[:, :64] += random.normal(0, 0.05, (128, 64, 1)).astype(np.float32)
    found = detailed(photo, smooth(photo, hole), hole, 1.0)
    bright, dark = found[44:84, 40:52], found[44:84, 76:88]
    assert grain_of(bright) > 5 * grain_of(dark)


def test_the_rim_is_left_to_the_fill() -> None:
    photo, hole = scene()
    fill = smooth(photo, hole)
    change = np.abs(detailed(photo, fill, hole, 1.0) - fill)[..., 0]
    assert change[32, 32:96].mean() < 0.5 * change[40:88, 40:88].mean()


def test_nothing_to_take_it_from() -> None:
    photo, hole = scene(PATCH)
    assert np.array_equal(detailed(photo, photo, hole, 1.0), photo)
    photo, _ = scene()
    nearly = np.ones((128, 128), bool)
    nearly[:8] = False
    assert np.array_equal(detailed(photo, smooth(photo, nearly), nearly, 1.0), smooth(photo, nearly))
    nothing = np.zeros((128, 128), bool)
    assert np.array_equal(detailed(photo, photo, nothing, 1.0), photo)


@given(
    st.integers(1, 150), st.integers(1, 150), st.integers(0, 99), st.floats(0, 1), st.sampled_from([0.1, 0.9])
)
@settings(max_examples=25, deadline=None)
def test_any_size_and_hole(height: int, width: int, seed: int, amount: float, share: float) -> None:
    random = np.random.default_rng(seed)
    photo = random.random((height, width, 3)).astype(np.float32)
    cells = random.random((height // CELL + 1, width // CELL + 1)) < share
    hole = np.repeat(np.repeat(cells, CELL, 0), CELL, 1)[:height, :width]
    found = detailed(photo, np.zeros_like(photo), hole, amount)
    assert found.shape == photo.shape
    assert np.isfinite(found).all()
    assert np.array_equal(found[~hole], photo[~hole])
