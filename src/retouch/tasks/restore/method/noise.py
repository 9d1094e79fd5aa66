"""How strong the noise of a photo is, found from the photo alone."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv, ndtr

Floats = NDArray[np.float32]

PATCHES = 60_000
"""Patches that are looked at in each channel at most; more do not change the answer."""

_SIDES = (8, 6, 5, 4, 3)
_PER_DIMENSION = 3  # patches for each of their dimensions, without which eigenvalues mean little
_FAR = 3.0  # standard deviations from black and white within which noise is cut off
_WIDEST_MARGIN = 0.25  # so that strong noise leaves something to look at
_MARGINS = (1.0, 0.6, 0.3, 0.0)  # of a dark or bright picture not all is left out
_SURE = 0.99
_TURNS = 12
_CLOSE = 0.01


def estimated(planes: Floats) -> tuple[float, ...]:
    """Estimate the standard deviation of white Gaussian noise.

    Args:
        planes: (C, H, W), 0 black and 1 white. Values outside are taken as cut off.

    Returns:
        For each channel, in the units of the planes; 0 for one that is flat; NaN
        where the picture is too small to tell.

    Source: Chen, Zhu, Heng 2015, "An Efficient Statistical Method for Image Noise Level Estimation", ICCV,
        algorithm 1 (which eigenvalues are noise); Liu, Tanaka, Okutomi 2013, "Single-Image Noise Level
        Estimation for Blind Denoising", IEEE TIP 22(12), section III (patches without texture, by turns).
    Departs: texture is the whole energy of the differences, not its larger eigenvalue. Patches near black and
        white are left out, and what the cut tails take from the variance is given back. Of large pictures an
        even sample of patches is taken.
    """
    return tuple(_of_plane(plane) for plane in planes)


def combined(levels: tuple[float, ...]) -> float:
    """Give one standard deviation for all channels.

    Args:
        levels: of each channel, as :func:`estimated` gives them.

    Returns:
        The root of the mean square; NaN when a channel's is.
    """
    return math.sqrt(sum(level * level for level in levels) / len(levels))


def _of_plane(plane: Floats) -> float:
    values = np.clip(plane, 0, 1)
    for side in _SIDES:
        patches = _patches(values, side)
        if len(patches) >= _PER_DIMENSION * side * side:
            return _of_patches(patches, side)
    return math.nan


def _of_patches(patches: Floats, side: int) -> float:
    # A patch of one value says nothing: its noise was cut off, or it is a border, or transparent.
    patches = patches[np.ptp(patches, axis=1) > 0]
    if not len(patches):
        return 0.0
    texture = _texture(patches, side)
    means = patches.mean(axis=1)
    most = _most_texture(side)
    found = _of_covariance(patches)
    for _ in range(_TURNS):
        smooth = texture < most * found * found
        for part in _MARGINS:
            margin = part * min(_FAR * found, _WIDEST_MARGIN)
            fit = smooth & (means > margin) & (means < 1 - margin)
            if np.count_nonzero(fit) >= _PER_DIMENSION * side * side:
                break
        else:
            break
        before, found = found, _of_covariance(patches[fit])
        if found > 0:
            found /= math.sqrt(_left_of_variance(means[fit], max(before, found)))
        if abs(found - before) <= _CLOSE * before:
            break
    return found


def _texture(patches: Floats, side: int) -> Floats:
    """The energy of the differences between neighbours in each patch, (n,)."""
    squares = patches.reshape(-1, side, side)
    across, down = np.diff(squares, axis=2), np.diff(squares, axis=1)
    energy: Floats = np.einsum("nij,nij->n", across, across) + np.einsum("nij,nij->n", down, down)
    return energy


def _most_texture(side: int) -> float:
    """The energy that nearly no patch of nothing but noise of variance 1 exceeds (Liu et al., equation 9)."""
    step = np.diff(np.eye(side), axis=0)
    one = step.T @ step
    form = np.kron(one, np.eye(side)) + np.kron(np.eye(side), one)
    mean, variance = np.trace(form), 2 * np.trace(form @ form)
    return float(gammaincinv(mean * mean / variance, _SURE) * variance / mean)


def _left_of_variance(means: Floats, deviation: float) -> float:
    """The part of the noise's variance that is left where its tails are cut off at 0 and 1."""
    low, high = -means.astype(np.float64) / deviation, (1 - means.astype(np.float64)) / deviation
    below, above = ndtr(low), ndtr(-high)
    at_low, at_high = (np.exp(-end * end / 2) / math.sqrt(2 * math.pi) for end in (low, high))
    first = at_low - at_high + low * below + high * above
    second = 1 - below - above + low * at_low - high * at_high + low * low * below + high * high * above
    return float((second - first * first).mean())


def _of_covariance(patches: Floats) -> float:
    """The noise of patches (n, d), by the lower end of the eigenvalues of their covariance."""
    if len(patches) < 2:
        return 0.0
    centred = patches - patches.mean(axis=0)
    eigenvalues = np.linalg.eigvalsh((centred.T @ centred).astype(np.float64) / len(patches))
    # What is left after the signal's eigenvalues are taken away is noise when its mean is its median.
    for count in range(len(eigenvalues), 0, -1):
        kept = eigenvalues[:count]
        mean = kept.mean()
        if mean <= (kept[(count - 1) // 2] + kept[count // 2]) / 2:
            break
    return math.sqrt(max(float(mean), 0.0))


def _patches(plane: Floats, side: int) -> Floats:
    """An even sample of the patches of a plane, (n, side²)."""
    rows, columns = (size - side + 1 for size in plane.shape)
    if min(rows, columns) < 1:
        return np.empty((0, side * side), np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(plane, (side, side))
    step = math.ceil(math.sqrt(rows * columns / PATCHES))
    # An odd step meets every phase of the 8 × 8 blocks of a JPEG.
    step += 1 - step % 2
    return np.ascontiguousarray(windows[::step, ::step]).reshape(-1, side * side)
