"""The rim: what blending leaves alone, what it takes out, and what the measure of a seam says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from retouch.errors import InputError, SizeMismatch
from retouch.poisson.solve import solve_poisson
from retouch.tasks.inpaint.method import rim

Pixels = NDArray[np.float32]
Flags = NDArray[np.bool_]
LEVEL = 1 / 255


def photo(height: int = 120, width: int = 130, seed: int = 0) -> Pixels:
    """Shading, an edge and texture."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    shade = 0.4 + 0.15 * np.sin(x / 37 + seed) + 0.1 * np.cos(y / 23)
    edge = 0.15 * (x + 0.4 * y > 90)
    texture = random.normal(0, 0.02, (height, width, 3))
    texture[1:] += 0.6 * texture[:-1]
    texture[:, 1:] += 0.6 * texture[:, :-1]
    colours = (shade + edge)[..., None] * [1.0, 0.9, 0.8] + texture
    return np.asarray(colours, np.float32)


def disk(height: int = 120, width: int = 130, radius: float = 35) -> Flags:
    y, x = np.mgrid[:height, :width]
    return np.asarray(np.hypot(y - height / 2, x - width / 2) < radius)


def gap(result: Pixels, wanted: Pixels, hole: Flags) -> float:
    """Mean absolute difference in the hole, in 8-bit levels."""
    return float(np.abs(result - wanted)[hole].mean()) * 255


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_only_the_hole_changes(data: st.DataObject) -> None:
    height, width = data.draw(st.integers(1, 14)), data.draw(st.integers(1, 14))
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    scale = data.draw(st.sampled_from([1.0, 1e-3, 300.0]))
    hole = random.random((height, width)) < data.draw(st.sampled_from([0.0, 0.05, 0.5, 0.95, 1.0]))
    known, filled = (scale * random.random((2, height, width, 3)) - scale / 3).astype(np.float32)
    known[hole] = np.nan
    reach = data.draw(st.sampled_from([0.0, 2.0, math.inf]))
    result = rim.blended(known, filled, hole, reach=reach)
    assert result.dtype == np.float32
    assert np.array_equal(result[~hole], known[~hole])
    assert np.isfinite(result).all()
    # the membrane lies between the differences at the rim; solving and levelling leave a little
    assert np.abs(result - filled)[hole].max(initial=0) <= 4.1 * scale


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("radius", [5, 35])
def test_a_right_filling_stays(seed: int, radius: int) -> None:
    picture, hole = photo(seed=seed), disk(radius=radius)
    assert np.abs(rim.blended(picture, picture, hole) - picture).max() < 0.1 * LEVEL


def test_nothing_known_and_nothing_missing() -> None:
    picture, filled = photo(), photo(seed=1)
    assert np.array_equal(rim.blended(picture, filled, np.ones((120, 130), bool)), filled)
    assert np.array_equal(rim.blended(picture, filled, np.zeros((120, 130), bool)), picture)


def test_colours_that_drift_are_put_right() -> None:
    picture, hole = photo(), disk()
    y, x = np.mgrid[:120, :130]
    drift = 0.05 + 0.05 * np.stack([x / 130, y / 120, 1 - x / 130], axis=-1)
    noise = np.random.default_rng(0).normal(0, 0.02, picture.shape)
    filled = (picture + drift).astype(np.float32)
    assert gap(filled, picture, hole) > 15
    assert gap(rim.blended(picture, filled, hole), picture, hole) < 0.3
    assert gap(rim.blended(picture, filled, hole, reach=0), picture, hole) < 0.5
    noisy = (filled + noise).astype(np.float32)
    wanted = (picture + noise).astype(np.float32)
    assert gap(rim.blended(picture, noisy, hole), wanted, hole) < 1
    assert gap(rim.blended(picture, noisy, hole, reach=0), wanted, hole) < 0.5


def test_a_hole_at_the_edge_of_the_picture() -> None:
    picture = photo()
    filled = picture + np.float32(0.07)
    for part in (np.s_[:40, 30:80], np.s_[:, 60:], np.s_[1:, 1:], np.s_[:-1, :]):
        hole = np.zeros((120, 130), bool)
        hole[part] = True
        assert gap(rim.blended(picture, filled, hole), picture, hole) < 0.5


def test_holes_of_single_pixels() -> None:
    picture = photo()
    hole = np.random.default_rng(0).random((120, 130)) < 0.02
    assert gap(rim.blended(picture, picture - np.float32(0.07), hole), picture, hole) < 0.5


def test_without_a_limit_it_is_poisson_blending() -> None:
    picture, filled, hole = photo(), photo(seed=3), disk()
    gx, gy = np.zeros((2, 3, 120, 130), np.float32)
    planes = np.moveaxis(filled, -1, 0)
    gx[..., :-1], gy[..., :-1, :] = np.diff(planes), np.diff(planes, axis=1)
    boundary = np.ascontiguousarray(np.moveaxis(picture, -1, 0))
    wanted = np.moveaxis(solve_poisson(boundary, hole, (gx, gy), tolerance="exact").values, 0, -1)
    result = rim.blended(picture, filled, hole, reach=math.inf, level=False)
    assert np.abs(result - wanted).max() < 0.5 * LEVEL
    assert np.abs(rim.blended(picture, filled, hole, level=False) - wanted).max() > 3 * LEVEL


def test_mispredicted_pixels_do_not_bleed_into_the_hole(monkeypatch: pytest.MonkeyPatch) -> None:
    picture, hole = photo(), disk()
    filled = picture.copy()
    y, x = np.mgrid[:120, :130]
    filled[(np.hypot(y - 60, x - 30) < 6) & ~hole] += np.float32(0.3)
    deep = disk(radius=29)
    with_limit = rim.blended(picture, filled, hole, level=False)
    without = rim.blended(picture, filled, hole, level=False, reach=math.inf)
    assert gap(with_limit, picture, deep) < 0.4 * gap(without, picture, deep)
    monkeypatch.setattr(rim, "TRIMMING", 0)
    averaged = rim.blended(picture, filled, hole, level=False)
    assert gap(with_limit, picture, deep) < 0.7 * gap(averaged, picture, deep)


def test_a_step_at_the_rim_is_levelled() -> None:
    picture, hole = photo(), disk()
    shift = np.array([0.05, -0.04, 0.03], np.float32)
    filled = np.where(hole[..., None], picture + shift, picture)
    assert rim.seam(filled, hole) > 2
    levelled = rim.blended(picture, filled, hole)
    assert gap(levelled, picture, hole) < 0.5 * gap(filled, picture, hole)
    assert abs(rim.seam(levelled, hole) - rim.seam(picture, hole)) < 0.3
    assert np.array_equal(rim.blended(picture, filled, hole, level=False), filled)


def test_no_step_is_found_where_only_the_texture_differs() -> None:
    for seed in range(1, 6):
        hole = disk()
        flat = np.full((120, 130, 3), 0.5, np.float32)
        texture = np.random.default_rng(seed).normal(0, 0.05, flat.shape).astype(np.float32)
        filled = np.where(hole[..., None], flat + texture, flat)
        assert np.abs(rim.blended(flat, filled, hole) - filled).max() < 1 * LEVEL


def test_a_remainder_of_the_object_is_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    picture, hole = photo(), disk()
    remains = np.where((disk(radius=37) & ~hole)[..., None], picture * np.float32(0.6), picture)
    # the network gives the remainder back outside the hole, and what belongs there inside
    assert np.abs(rim.blended(remains, remains, hole) - remains).max() < 2 * LEVEL
    monkeypatch.setattr(rim, "SURE", {0: 4.0, 1: 0.0})
    assert np.abs(rim.blended(remains, remains, hole) - remains).max() > 10 * LEVEL


def test_a_remainder_that_the_network_removes_stays_at_the_rim() -> None:
    picture, hole = photo(), disk()
    remains = np.where((disk(radius=37) & ~hole)[..., None], picture * np.float32(0.6), picture)
    with_limit = rim.blended(remains, picture, hole)
    without = rim.blended(remains, picture, hole, reach=math.inf)
    assert gap(with_limit, picture, disk(radius=25)) < 0.2 * gap(without, picture, disk(radius=25))


def test_no_step_is_looked_for_at_few_places() -> None:
    picture, hole = photo(), np.zeros((120, 130), bool)
    hole[50:64, 50:64] = True  # 4 sides of 14, less than FEWEST
    filled = np.where(hole[..., None], picture + np.float32(0.2), picture)
    assert np.array_equal(rim.blended(picture, filled, hole), filled)


def test_seam_by_hand() -> None:
    picture = np.zeros((1, 6, 3), np.float32)
    picture[0, :, 0] = [0, 0.03, 0.09, 0.39, 0.42, 0.48]
    hole = np.zeros((1, 6), bool)
    hole[0, 3:] = True
    # means over channels: across 0.30/3, inside 0.03/3, outside 0.06/3
    assert math.isclose(rim.seam(picture, hole), 255 * (0.30 - (0.03 + 0.06) / 2) / 3, rel_tol=1e-4)
    assert math.isclose(rim.seam(picture.transpose(1, 0, 2), hole.T), rim.seam(picture, hole), rel_tol=1e-6)
    assert math.isclose(rim.seam(picture[:, ::-1], hole[:, ::-1]), rim.seam(picture, hole), rel_tol=1e-6)
    hole[0, 4:] = False
    # one pixel wide: across 0.30 and 0.03, nothing inside, outside 0.06 twice (left and right of it)
    assert math.isclose(rim.seam(picture, hole), 255 * (0.33 / 2 - (0.06 + 0.06) / 2) / 3, rel_tol=1e-4)
    between = np.array([[True, True, True, False, True, True]])
    # across 0.30 and 0.03, inside 0.06 twice, and nothing outside that is not the other hole
    assert math.isclose(rim.seam(picture, between), 255 * (0.33 / 2 - 0.06) / 3, rel_tol=1e-4)
    assert math.isnan(rim.seam(picture, np.zeros((1, 6), bool)))
    assert math.isnan(rim.seam(picture, np.ones((1, 6), bool)))
    assert math.isclose(rim.seam(picture[:, 2:4], np.array([[False, True]])), 255 * 0.30 / 3, rel_tol=1e-4)


def test_seam_of_untouched_pictures_averages_nothing() -> None:
    seams = [rim.seam(photo(seed=seed), disk(radius=20 + seed)) for seed in range(12)]
    assert abs(np.mean(seams)) < 0.15


def test_what_is_refused() -> None:
    picture, hole = photo(), disk()
    with pytest.raises(SizeMismatch, match="do not fit"):
        rim.blended(picture, picture[1:], hole)
    with pytest.raises(SizeMismatch, match="hole is"):
        rim.seam(picture, hole[1:])
    for bad in (0.0, math.nan, 1e9):
        with pytest.raises(InputError, match="radius"):
            rim.blended(picture, picture, hole, radius=bad)
    for bad in (-1.0, math.nan):
        with pytest.raises(InputError, match="reach"):
            rim.blended(picture, picture, hole, reach=bad)
    broken = picture.copy()
    broken[0, 0] = np.nan
    with pytest.raises(InputError, match="not finite"):
        rim.blended(broken, picture, hole)
    with pytest.raises(InputError, match="not finite"):
        rim.blended(picture, broken, hole)


def test_a_filling_is_mixed_with_the_membrane() -> None:
    flat = np.full((60, 60, 3), 0.5, np.float32)
    hole = np.zeros((60, 60), bool)
    hole[10:50, 10:50] = True
    filled = np.where(hole[..., None], np.random.default_rng(0).random((60, 60, 3)), flat).astype(np.float32)
    assert np.array_equal(rim.restrained(flat, filled, hole, 1.0), filled)
    for trust in (0.0, 0.25, 0.6):
        found = rim.restrained(flat, filled, hole, trust)
        assert np.array_equal(found[~hole], flat[~hole])
        # the membrane through a flat rim is flat
        np.testing.assert_allclose(found[hole], 0.5 + trust * (filled[hole] - 0.5), atol=2e-3)
    whole = np.ones((60, 60), bool)
    assert np.array_equal(rim.restrained(flat, filled, whole, 0.0), filled)
