"""Texture for a smooth fill, taken from the photo around it.

A network that was trained for the least difference fills with what is likely on average, which has no
grain. The photo has it: beside the hole there are mostly places that look alike when both are blurred, and
what blurring takes from them is the texture that the fill lacks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]
Flags = NDArray[np.bool_]

FINE = 3.0
"""Pixels, standard deviation of the average that tells texture from shapes."""

PATCH = 32
"""Side of the patches that are copied, in pixels; they overlap by half."""

CELL = 4
"""Side of the cells whose mean colours are compared, in pixels."""

MOST = 4000
"""The most places that are compared with each patch."""

NEAR = 0.02
"""What the whole width of the crop between two places counts, as a squared difference of colour."""

RAMP = 4.0
"""Pixels from the rim over which the texture begins, where the fill goes on with the photo's own."""

CHOICE = 6
"""Of so many places that look most alike one is taken by lot, lest neighbours repeat one another."""

_TOGETHER = 256  # patches that are compared at once, which bounds the memory


def detailed(photo: Pixels, filled: Pixels, hole: Flags, amount: float) -> Pixels:
    """Add the photo's texture to a fill.

    Args:
        photo: (H, W, 3).
        filled: (H, W, 3), a smooth fill that is joined to the photo.
        hole: (H, W) True where the fill is.
        amount: how much of the texture, 0…1; 1 for as much as there is beside the hole.

    Returns:
        (H, W, 3): the photo outside the hole; inside, the fill and texture. The fill as it is where the
        known part is too small to take texture from.

    Source: the idea of taking high frequencies of a wide hole from its context, by likeness of the coarse
        picture, is Yi et al. 2020, arXiv:2005.09704, section 3.2.
    Departs: patches are matched by their blurred colours and nearness, not by an attention that is learned,
        and joined so that their variance stays.
    """
    result = np.where(hole[..., None], filled, photo).astype(np.float32)
    if amount <= 0 or not hole.any() or min(hole.shape) < 2 * PATCH:
        return result
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    low = gaussian_filter(result, (FINE, FINE, 0), mode="nearest")
    places, sources = _matched(low, hole)
    if not len(sources):
        return result
    texture = _joined(result - low, places * CELL, sources * CELL)
    begun = np.minimum(distance_transform_edt(hole) / RAMP, 1.0).astype(np.float32)
    result += np.float32(amount) * texture * (begun * hole)[..., None]
    return result


def _matched(low: Pixels, hole: Flags) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find for every patch that touches the hole the known one that looks most like it; (N, 2) cells each."""
    height, width = (side // CELL for side in hole.shape)
    inside = (slice(height * CELL), slice(width * CELL))
    cells = low[inside].reshape(height, CELL, width, CELL, 3).mean((1, 3))
    taken = hole[inside].reshape(height, CELL, width, CELL).any((1, 3))
    side = PATCH // CELL
    window = np.lib.stride_tricks.sliding_window_view
    touched = window(taken, (side, side)).any((2, 3))
    looks = window(cells, (side, side), (0, 1))
    known = np.argwhere(~touched)
    if len(known) > MOST:
        known = known[np.random.default_rng(0).choice(len(known), MOST, replace=False)]
    wanted = np.argwhere(touched)
    wanted = wanted[(wanted % (side // 2) == 0).all(1)]
    if not len(known) or not len(wanted):
        return wanted, known[:0]
    there = looks[known[:, 0], known[:, 1]].reshape(len(known), -1)
    squares = (there**2).mean(1)
    longest = np.float32(max(height, width))
    random = np.random.default_rng(1)
    choice = min(CHOICE, len(known))
    best = np.empty(len(wanted), np.int64)
    for start in range(0, len(wanted), _TOGETHER):
        part = wanted[start : start + _TOGETHER]
        here = looks[part[:, 0], part[:, 1]].reshape(len(part), -1)
        unlike = squares - (2 / there.shape[1]) * (here @ there.T)
        away = (part[:, None] - known[None]).astype(np.float32) / longest
        nearest = np.argpartition(unlike + NEAR * (away**2).sum(2), choice - 1)[:, :choice]
        drawn = random.integers(choice, size=len(part))
        best[start : start + _TOGETHER] = nearest[np.arange(len(part)), drawn]
    return wanted, known[best]


def _joined(texture: Pixels, places: NDArray[np.int64], sources: NDArray[np.int64]) -> Pixels:
    """Copy patches from their sources to their places, where they overlap."""
    fade = np.hanning(PATCH + 2)[1:-1]
    weight = np.outer(fade, fade).astype(np.float32)[..., None]
    sums = np.zeros_like(texture)
    # Patches have little to do with each other: the root keeps the variance that a mean would lose.
    squares = np.full((*texture.shape[:2], 1), 1e-6, np.float32)
    for (y, x), (v, u) in zip(places.tolist(), sources.tolist(), strict=True):
        sums[y : y + PATCH, x : x + PATCH] += weight * texture[v : v + PATCH, u : u + PATCH]
        squares[y : y + PATCH, x : x + PATCH] += weight**2
    joined: Pixels = np.divide(sums, np.sqrt(squares), dtype=np.float32)
    return joined
