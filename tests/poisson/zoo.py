"""Masks of every kind that has ever broken a solver, at any size."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]


def blob(side: int) -> Flags:
    """A round thing with a wavy rim, clear of the border."""
    y, x = np.mgrid[:side, :side] / (side - 1) * 2 - 1
    angle, radius = np.arctan2(y, x), np.hypot(y, x)
    inside: Flags = radius < 0.82 + 0.08 * np.cos(3 * angle + 1) + 0.05 * np.cos(7 * angle)
    return inside


def polygon(side: int) -> Flags:
    """A lozenge."""
    y, x = np.mgrid[:side, :side] / (side - 1) * 2 - 1
    inside: Flags = np.abs(x) + 1.3 * np.abs(y) < 0.95
    return inside


def holes(side: int) -> Flags:
    """A blob with many square holes, some of one pixel."""
    mask, random = blob(side), np.random.default_rng(1)
    for y, x, size in random.integers(0, side, (40, 3)):
        reach = 1 + size % max(1, side // 25)
        mask[y : y + reach, x : x + reach] = False
    return mask


def components(side: int) -> Flags:
    """Many discs, apart and overlapping."""
    y, x = np.mgrid[:side, :side]
    random = np.random.default_rng(2)
    mask = np.zeros((side, side), bool)
    for cy, cx, size in random.integers(0, side, (40, 3)):
        mask |= (y - cy) ** 2 + (x - cx) ** 2 < (1 + size % max(2, side // 10)) ** 2
    mask[0, 0] = False
    return mask


def border(side: int) -> Flags:
    """A region that leaves the picture on two sides."""
    mask = np.roll(blob(side), -side // 4, axis=1)
    mask[side // 3 : side // 2] = True
    mask[:, -2:] = False
    return mask


def lines(side: int) -> Flags:
    """A grid of strokes one pixel wide, from border to border."""
    mask = np.zeros((side, side), bool)
    mask[::7] = True
    mask[:, ::11] = True
    return mask


def checkerboard(side: int) -> Flags:
    """Every second pixel."""
    y, x = np.mgrid[:side, :side]
    inside: Flags = (y + x) % 2 == 0
    return inside


def coarse_checkerboard(side: int) -> Flags:
    """Two by two pixels, touching at their corners."""
    y, x = np.mgrid[:side, :side]
    inside: Flags = (y // 2 + x // 2) % 2 == 0
    return inside


def interior(side: int) -> Flags:
    """All but the border."""
    mask = np.zeros((side, side), bool)
    mask[1:-1, 1:-1] = True
    return mask


def one_known(side: int) -> Flags:
    """The whole picture but one pixel: the hardest, nearly singular."""
    mask = np.ones((side, side), bool)
    mask[side // 2, side // 3] = False
    return mask


def whole(side: int) -> Flags:
    """The whole picture: nothing is known but the mean."""
    return np.ones((side, side), bool)


def noise(side: int) -> Flags:
    """Pixels at random, 95 in 100."""
    inside: Flags = np.random.default_rng(3).random((side, side)) < 0.95
    return inside


MASKS: dict[str, Callable[[int], Flags]] = {
    maker.__name__: maker
    for maker in (
        blob,
        polygon,
        holes,
        components,
        border,
        lines,
        checkerboard,
        coarse_checkerboard,
        interior,
        one_known,
        whole,
        noise,
    )
}
