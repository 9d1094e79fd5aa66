from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import color

from retouch.tasks.translate.method.lab import coloured, lightness

GRID = np.stack(np.meshgrid(*[np.linspace(0, 1, 12, dtype=np.float32)] * 3), axis=-1).reshape(-1, 3)


def test_lightness_is_that_of_scikit_image() -> None:
    assert np.abs(lightness(GRID) - color.rgb2lab(GRID)[:, 0]).max() < 1e-3


def test_colours_of_srgb_come_back() -> None:
    lab = color.rgb2lab(GRID.astype(np.float64)).astype(np.float32)
    # its white is rounded to 5 digits, ours is the sum of the primaries
    assert np.abs(coloured(lab[:, 0], lab[:, 1:]) - GRID).max() < 2e-3


def test_gray_without_chroma_stays_gray() -> None:
    gray = np.repeat(np.linspace(0, 1, 65536, dtype=np.float32)[:, None], 3, axis=1)
    found = coloured(lightness(gray), np.zeros((65536, 2), np.float32))
    assert np.array_equal(np.rint(found * 65535), np.rint(gray * 65535))


@given(st.floats(0, 100, width=32), st.floats(-110, 110, width=32), st.floats(-110, 110, width=32))
@settings(max_examples=300, deadline=None)
def test_lightness_stays_and_colours_exist(light: float, a: float, b: float) -> None:
    found = coloured(np.array([light], np.float32), np.array([[a, b]], np.float32))
    assert 0 <= found.min() <= found.max() <= 1
    assert lightness(found)[0] == pytest.approx(light, abs=2e-3)


def test_a_colour_that_does_not_exist_is_grayed() -> None:
    # L* 50 with a* 100, b* 50 lies outside sRGB: its red is 1 then, and it still is a red
    found = coloured(np.array([50], np.float32), np.array([[100, 50]], np.float32))[0]
    light, a, b = color.rgb2lab(found)
    assert light == pytest.approx(50, abs=0.01)
    assert 40 < a < 100
    assert 10 < b < 50
    assert min(found.min(), 1 - found.max()) == pytest.approx(0, abs=1e-4)
