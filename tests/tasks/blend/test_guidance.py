"""Guidance fields and colour arithmetic, by hand."""

from __future__ import annotations

import numpy as np

import retouch
from retouch.tasks.blend.method import guidance
from tests.tasks.blend.test_clone import photo


def test_linear_light_is_odd_and_undone() -> None:
    values = np.linspace(-2, 2, 41, dtype=np.float32)
    assert np.allclose(guidance.to_linear(-values), -guidance.to_linear(values))
    assert np.allclose(guidance.to_encoded(guidance.to_linear(values)), values, atol=1e-5)
    # IEC 61966-2-1: 0.5 encoded is ((0.5 + 0.055) / 1.055)^2.4 = 0.21404 linear
    assert np.isclose(guidance.to_linear(np.full(1, 0.5, np.float32))[0], 0.21404, atol=1e-5)


def test_blur_keeps_ramps_and_spreads_a_point_by_its_sigma() -> None:
    ramp = np.repeat(np.arange(40, dtype=np.float32)[:, None], 30, axis=1)
    for plane in (ramp, ramp.T):
        assert np.abs(guidance._blurred(plane, 2.0) - plane)[8:-8, 8:-8].max() < 1e-4
    point = np.zeros((41, 41), np.float32)
    point[20, 20] = 1
    spread = guidance._blurred(point, 2.0)
    y, x = np.mgrid[-20:21, -20:21]
    assert np.isclose(spread.sum(), 1, atol=1e-4)
    assert np.isclose((spread * x**2).sum(), 4, rtol=0.05)
    assert np.isclose((spread * y**2).sum(), 4, rtol=0.05)
    assert np.array_equal(guidance._blurred(point, 1e-200), point)


def test_illumination_field_by_hand() -> None:
    logarithm = np.random.default_rng(0).random((9, 8, 3)).astype(np.float32)
    inside = np.zeros((9, 8), bool)
    inside[2:5, 2:5] = True
    gx, gy = guidance.illumination_field(logarithm, inside, 0.3, 0.4)
    padded = np.pad(logarithm.mean(2), 1, mode="edge")
    dx, dy = (padded[1:-1, 2:] - padded[1:-1, :-2]) / 2, (padded[2:, 1:-1] - padded[:-2, 1:-1]) / 2
    size = np.maximum(np.hypot(dx, dy), 1e-4)
    weight = (0.3 * size[inside].mean() / size) ** 0.4 - 1
    for c in range(3):
        plane = logarithm[..., c]
        assert np.allclose(gy[c, :-1], np.diff(plane, axis=0) * (weight[:-1] + weight[1:]) / 2, atol=1e-5)
        across = np.diff(plane, axis=1) * (weight[:, :-1] + weight[:, 1:]) / 2
        assert np.allclose(gx[c, :, :-1], across, atol=1e-5)


def test_relight_takes_what_is_below_black_as_black() -> None:
    picture = photo(30, 30) - np.float32(0.4)
    box = retouch.Box(5, 5, 25, 25)
    one, two = retouch.relight(picture, box), retouch.relight(np.maximum(picture, 0), box)
    assert np.abs(one.pixels - two.pixels)[5:25, 5:25].max() < 1e-6


def test_recolor_turns_red_to_green() -> None:
    picture = np.full((30, 30, 3), 0.5, np.float32)
    picture[8:22, 8:22] = (0.8, 0.2, 0.2)
    found = retouch.recolor(picture, retouch.Box(5, 5, 25, 25), hue=120).pixels
    assert found[15, 15].argmax() == 1


def test_edges_near_the_rim_are_those_of_the_whole_photo() -> None:
    from retouch.tasks.blend.edit.gradients import _edges_in

    picture = retouch.Picture.of(photo(60, 60))
    whole = guidance.strong_edges(picture.pixels, 0.03, 0.03, 1.5)
    box = retouch.Box(10, 12, 40, 50)
    assert np.array_equal(_edges_in(picture, box, 0.03, 0.03, 1.5), whole[box.slices])


def test_mono_takes_its_luma_before_linear_light() -> None:
    source, gray = photo(30, 30, 1), np.full((30, 30, 3), 0.5, np.float32)
    mask = retouch.Box(4, 4, 26, 26)
    one = retouch.blend(source, gray, mask, gradients="mono", linear_light=True)
    two = retouch.blend(guidance.monochrome(source), gray, mask, linear_light=True)
    assert np.abs(one.pixels - two.pixels).max() < 1e-5
