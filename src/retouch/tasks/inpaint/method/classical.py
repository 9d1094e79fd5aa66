"""Filling holes without a network: for scratches and dust, and as baselines.

The four methods carry colours in from the rim and invent no texture. OpenCV's two run on float32
planes, the only deep ones it takes.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from retouch.errors import InputError, SizeMismatch, UnknownName

Method = Literal["telea", "navier-stokes", "biharmonic", "membrane"]
"""How a hole is filled without a network."""

Pixels = NDArray[np.float32]
Flags = NDArray[np.bool_]

SCALE = np.float32(65535)  # OpenCV's form of Telea's method adds up to 1.4 to a value, whatever its size
FARTHEST = 100.0  # OpenCV cuts larger radii to this without a word
WORK = 2e7  # sum over regions of pixels^1.5 that a biharmonic solve may cost: about 3 s on one core
APART = 2  # pixels that the biharmonic stencil reaches


def fill(method: Method, pixels: Pixels, hole: Flags, *, radius: float = 4.0) -> Pixels:
    """Fill a hole from its rim.

    Args:
        method: "telea" marches from the rim inwards and averages along the way; "navier-stokes"
            carries lines of equal brightness in; "biharmonic" continues slopes as well as
            values; "membrane" is the smoothest surface through the rim.
        pixels: (H, W, 3), any range; what lies in the hole is not used.
        hole: (H, W) True where to fill.
        radius: pixels around each filled pixel that Telea's and the Navier–Stokes method look at, 1 … 100.

    Returns:
        (H, W, 3): bit for bit ``pixels`` outside the hole; inside, values between the smallest and
        the largest known value of each channel. Large holes are filled by "biharmonic" at the size that
        :func:`reduction` says, then enlarged and fitted to the rim.

    Raises:
        UnknownName: no such method.
        SizeMismatch: hole and pixels do not fit.
        InputError: nothing is known, a known value is not finite, or the radius is out of range.

    Source: A. Telea, J. Graphics Tools 9 (2004); M. Bertalmio, A. Bertozzi, G. Sapiro, CVPR 2001;
        S. Damelin, N. Hoang, arXiv:1707.04937 (biharmonic); Pérez et al. 2003, equation 2 (membrane).
    Departs: the first two are OpenCV's, the third is scikit-image's. Telea's gradient term is in effect
        left out: OpenCV gives it a fixed size of 1.4 levels, a checkerboard on smooth 8-bit pictures.
    """
    known_low, known_high = _check(method, pixels, hole, radius)
    result = np.array(pixels, np.float32)
    if not hole.any():
        return result
    box = _around(hole, math.ceil(radius) + 3)
    part, inside = result[box], np.ascontiguousarray(hole[box])
    part[inside] = ((known_low + known_high) / 2).astype(np.float32)
    if method == "membrane":
        new = _membrane(part, inside)
    elif method == "biharmonic":
        new = _biharmonic(part, inside)
    else:
        new = _opencv(method, part, inside, radius)
    np.copyto(part, np.clip(new, known_low, known_high), where=inside[..., None])
    return result


def reduction(hole: Flags) -> int:
    """The factor by which "biharmonic" makes a picture smaller before it fills this hole, 1 for not at all.

    The cost of a biharmonic solve grows with the 3/2th power of a region's pixels: half a
    megapixel in one piece would take a minute and gigabytes.

    Args:
        hole: (H, W).
    """
    import cv2

    reached = cv2.dilate(hole.astype(np.uint8), np.ones((2 * APART + 1, 2 * APART + 1), np.uint8))
    _, regions = cv2.connectedComponents(reached)
    work = float((np.bincount(regions[hole]) ** 1.5).sum())
    return max(1, math.ceil(math.cbrt(work / WORK)))


def _check(
    method: Method, pixels: Pixels, hole: Flags, radius: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Refuse what cannot be filled; the smallest and largest known values, (3,) each."""
    if method not in get_args(Method):
        raise UnknownName("method", method, get_args(Method))
    if pixels.shape != (*hole.shape, 3):
        raise SizeMismatch(
            f"pixels {pixels.shape} and hole {hole.shape} do not fit; pass (H, W, 3) and (H, W)"
        )
    if not 1 <= radius <= FARTHEST:
        raise InputError(f"radius={radius!r}; pass a number of pixels from 1 to {FARTHEST:g}")
    known = pixels[~hole]
    if not len(known):
        raise InputError("the hole covers the whole picture; leave some of it to fill from")
    if not np.isfinite(known).all():
        raise InputError("the picture has values outside the hole that are not finite; replace them first")
    return known.min(axis=0).astype(np.float32), known.max(axis=0).astype(np.float32)


def _around(hole: Flags, margin: int) -> tuple[slice, slice]:
    """The box of a hole and a margin."""
    rows, columns = np.flatnonzero(hole.any(axis=1)), np.flatnonzero(hole.any(axis=0))
    return (
        slice(max(int(rows[0]) - margin, 0), int(rows[-1]) + 1 + margin),
        slice(max(int(columns[0]) - margin, 0), int(columns[-1]) + 1 + margin),
    )


def _opencv(method: Method, pixels: Pixels, hole: Flags, radius: float) -> Pixels:
    import cv2

    flag = cv2.INPAINT_TELEA if method == "telea" else cv2.INPAINT_NS
    marked = hole.astype(np.uint8)
    planes = [
        cv2.inpaint(np.ascontiguousarray(pixels[..., c] * SCALE), marked, radius, flag) for c in range(3)
    ]
    filled = np.asarray(np.stack(planes, axis=-1) / SCALE, np.float32)
    # Navier-Stokes divides by the lengths of gradients, and gives NaN in pictures one pixel wide.
    broken = ~np.isfinite(filled)
    if broken.any():
        np.copyto(filled, _membrane(pixels, hole), where=broken)
    return filled


def _membrane(pixels: Pixels, hole: Flags) -> Pixels:
    from retouch.poisson.solver import PoissonSolver

    solver = PoissonSolver(hole)
    box = solver.rows, solver.columns
    surface = np.zeros((*solver.unknown.shape, 3), np.float32)
    solver.correct(surface, solver.right_side(surface, np.ascontiguousarray(pixels[box])))
    result = pixels.copy()
    result[box] = surface
    return result


def _biharmonic(pixels: Pixels, hole: Flags) -> Pixels:
    from skimage.restoration import inpaint_biharmonic

    factor = reduction(hole)
    if factor == 1:
        return np.asarray(inpaint_biharmonic(pixels.astype(np.float64), hole, channel_axis=-1), np.float32)
    import cv2

    from retouch.tasks.inpaint.method import rim

    height, width = (-(-side // factor) for side in hole.shape)
    padding = ((0, height * factor - hole.shape[0]), (0, width * factor - hole.shape[1]))
    blocks = (height, factor, width, factor)
    known = np.pad(~hole, padding).reshape(blocks).sum(axis=(1, 3))
    sums = (
        np.pad(np.where(hole[..., None], 0, pixels), (*padding, (0, 0))).reshape(*blocks, 3).sum(axis=(1, 3))
    )
    small = sums / np.maximum(known, 1)[..., None]
    # A block with even one known pixel is known: whatever the hole, something then is.
    filled = _biharmonic(small.astype(np.float32), known == 0) if (known == 0).any() else small
    large = cv2.resize(
        filled.astype(np.float32), (width * factor, height * factor), interpolation=cv2.INTER_CUBIC
    )
    guess = np.asarray(large[: hole.shape[0], : hole.shape[1]], np.float32)
    return rim.blended(pixels, guess, hole, level=False)
