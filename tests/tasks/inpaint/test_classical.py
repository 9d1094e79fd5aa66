"""Filling without a network: what the methods must reproduce, and that nothing breaks them."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from retouch.errors import InputError, SizeMismatch, UnknownName
from retouch.tasks.inpaint.method import classical, rim

Pixels = NDArray[np.float32]
Flags = NDArray[np.bool_]
METHODS: tuple[classical.Method, ...] = get_args(classical.Method)
every_method = pytest.mark.parametrize("method", METHODS)


def surface(kind: str, height: int = 60, width: int = 70) -> Pixels:
    y, x = np.mgrid[:height, :width] / 70
    plane: NDArray[np.float64] = {
        "flat": 0.3 + 0 * x,
        "ramp": 0.1 + 0.4 * x + 0.3 * y,
        "bowl": 0.2 + 0.6 * (x - 0.5) ** 2,
        "waves": 0.5 + 0.2 * np.sin(9 * x + 2 * y) + 0.1 * np.cos(7 * y),
    }[kind]
    colours = plane[..., None] * np.array([1.0, 0.8, 0.5]) + np.array([0, 0.1, 0.3])
    return np.asarray(colours, np.float32)


def square(height: int = 60, width: int = 70, side: int = 20) -> Flags:
    hole = np.zeros((height, width), bool)
    hole[15 : 15 + side, 25 : 25 + side] = True
    return hole


def emptied(pixels: Pixels, hole: Flags) -> Pixels:
    """The picture with what no method may look at."""
    return np.where(hole[..., None], np.float32(np.nan), pixels)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_picture_and_any_hole(data: st.DataObject) -> None:
    method = data.draw(st.sampled_from(METHODS))
    height, width = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 12))
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    hole = random.random((height, width)) < data.draw(st.sampled_from([0.05, 0.5, 0.95]))
    hole[random.integers(height), random.integers(width)] = False
    scale = data.draw(st.sampled_from([1.0, 1e-4, 1e4]))
    pixels = ((random.random((height, width, 3)) - 0.3) * scale).astype(np.float32)
    result = classical.fill(
        method, emptied(pixels, hole), hole, radius=data.draw(st.sampled_from([1, 4, 30]))
    )
    assert result.dtype == np.float32
    assert np.array_equal(result[~hole], pixels[~hole])
    known = pixels[~hole]
    assert (result >= known.min(axis=0)).all()
    assert (result <= known.max(axis=0)).all()


@every_method
def test_a_flat_picture_is_filled_flat(method: classical.Method) -> None:
    flat, hole = surface("flat"), square()
    assert np.abs(classical.fill(method, emptied(flat, hole), hole) - flat).max() < 1e-6


@every_method
def test_a_ramp_goes_on_through_a_hole(method: classical.Method) -> None:
    ramp, hole = surface("ramp"), square(side=6)
    largest = 255 * np.abs(classical.fill(method, emptied(ramp, hole), hole) - ramp).max()
    # membrane and biharmonic surfaces hold every ramp; the marching methods bend it a little
    assert largest < {"membrane": 0.5, "biharmonic": 0.01}.get(method, 8)


def test_only_the_biharmonic_surface_continues_slopes() -> None:
    bowl, hole = surface("bowl"), square()
    off = {
        method: 255 * np.abs(classical.fill(method, emptied(bowl, hole), hole) - bowl).max()
        for method in METHODS
    }
    assert off.pop("biharmonic") < 0.1  # ΔΔ of a parabola is 0
    assert min(off.values()) > 2


@pytest.mark.parametrize("method", ["telea", "navier-stokes"])
def test_steps_below_eight_bits_survive(method: classical.Method) -> None:
    fine = (0.5 + surface("waves") / 255).astype(np.float32)  # all within one 8-bit level
    hole = square(side=8)
    result = classical.fill(method, emptied(fine, hole), hole)
    assert len(np.unique(result[hole][:, 0])) > 30
    assert np.abs(result - fine).max() < 0.5 / 255


@every_method
def test_what_lies_far_from_the_hole_does_not_matter(method: classical.Method) -> None:
    waves, hole = surface("waves"), square()
    alone = classical.fill(method, waves, hole)
    wide = np.pad(waves, ((40, 50), (60, 30), (0, 0)), mode="edge")
    there = classical.fill(method, wide, np.pad(hole, ((40, 50), (60, 30))))
    assert np.abs(there[40:100, 60:130] - alone)[hole].max() < 1e-3


def test_pictures_one_pixel_wide() -> None:
    for size in ((1, 7), (7, 1)):
        pixels = np.random.default_rng(0).random((*size, 3)).astype(np.float32)
        hole = np.ones(size, bool)
        hole[-1, -1] = False
        for method in METHODS:
            result = classical.fill(method, pixels, hole)
            assert np.abs(result - pixels[-1, -1]).max() < 1e-5


def test_the_methods_differ() -> None:
    waves, hole = surface("waves"), square()
    results = [classical.fill(method, waves, hole) for method in METHODS]
    for i, one in enumerate(results):
        for other in results[:i]:
            assert np.abs(one - other).max() > 1e-3


def test_radius_is_used() -> None:
    noisy = np.random.default_rng(0).random((60, 70, 3)).astype(np.float32)
    hole = square()
    for method in ("telea", "navier-stokes"):
        near, far = (classical.fill(method, noisy, hole, radius=radius) for radius in (1, 12))
        assert near[hole].std() > 1.3 * far[hole].std()


def test_large_regions_are_solved_small() -> None:
    assert classical.reduction(np.zeros((9, 9), bool)) == 1
    scratches = np.zeros((1200, 1200), bool)
    scratches[::30, 20:-20] = True
    assert scratches.sum() > 40_000
    assert classical.reduction(scratches) == 1  # 40 regions of 1160: 40 · 1160^1.5 = 1.6e6
    block = np.zeros((1200, 1200), bool)
    block[100:700, 100:700] = True
    # 360000^1.5 / 2e7 = 10.8, whose cube root is 2.2
    assert classical.reduction(block) == 3
    grid = np.zeros((1200, 1200), bool)
    grid[::4] = True  # lines that the stencil of four pixels couples
    assert classical.reduction(grid) == 3


def test_the_small_solution_is_nearly_the_large_one(monkeypatch: pytest.MonkeyPatch) -> None:
    waves, hole = surface("waves"), square(side=33)
    hole[17, 27] = False
    whole = classical.fill("biharmonic", emptied(waves, hole), hole)
    monkeypatch.setattr(classical, "WORK", 3e3)
    assert classical.reduction(hole) == 3
    small = classical.fill("biharmonic", emptied(waves, hole), hole)
    assert np.array_equal(small[~hole], waves[~hole])
    assert 255 * np.abs(small - whole)[hole].mean() < 2
    assert 255 * np.abs(small - waves)[hole].mean() < 6
    assert abs(rim.seam(small, hole)) < 1
    holes = np.ones((60, 70), bool)
    holes[::7, ::5] = False  # every block of 3 × 3 is partly unknown, some hold nothing known
    dotted = classical.fill("biharmonic", emptied(waves, holes), holes)
    assert 255 * np.abs(dotted - waves).mean() < 5


@every_method
def test_what_is_refused(method: classical.Method) -> None:
    waves, hole = surface("waves"), square()
    with pytest.raises(InputError, match="whole picture"):
        classical.fill(method, waves, np.ones((60, 70), bool))
    with pytest.raises(SizeMismatch, match="do not fit"):
        classical.fill(method, waves, hole[1:])
    with pytest.raises(UnknownName, match="telea"):
        classical.fill("tela", waves, hole)  # type: ignore[arg-type]
    for radius in (0.5, 101, np.nan):
        with pytest.raises(InputError, match="radius"):
            classical.fill(method, waves, hole, radius=radius)
    broken = waves.copy()
    broken[0, 0, 0] = np.inf
    with pytest.raises(InputError, match="not finite"):
        classical.fill(method, broken, hole)
    assert np.array_equal(classical.fill(method, waves, np.zeros((60, 70), bool)), waves)
