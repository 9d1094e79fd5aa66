"""Pixels picked by what a picture shows: by colour, by transparency, by what has changed.

Colours are compared as the eye does, roughly: by the distance ΔE of CIE 1976 L*a*b* (D50). Black and
white are 100 apart; 2.3 is just noticeable.

Source: CIE 15:2004, section 8.2.1; for 2.3: M. Mahy et al., Color Research & Application 19 (1994).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from retouch.errors import InputError, SizeMismatch
from retouch.image.colour import XYZ_OF_SRGB, linear_from_srgb
from retouch.image.native import Floats
from retouch.image.shapes import Box

if TYPE_CHECKING:
    from retouch.image.picture import Picture

Flags = NDArray[np.bool_]

AT_ONCE = 1 << 20  # pixels whose colours are converted together


def lab(rgb: Floats) -> Floats:
    """Turn sRGB-encoded colours into CIE L*a*b* under D50.

    Args:
        rgb: (…, 3), nominally in [0, 1].

    Returns:
        (…, 3): L* 0 … 100, a* and b* about −128 … 127.
    """
    relative = linear_from_srgb(rgb) @ (XYZ_OF_SRGB / XYZ_OF_SRGB.sum(axis=1, keepdims=True)).T
    bent = np.where(relative > (6 / 29) ** 3, np.cbrt(relative), relative * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = np.moveaxis(bent, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)


def near_colour(picture: Picture, colour: Sequence[float], tolerance: float) -> Flags:
    """Find the pixels within a distance of a colour; see :meth:`retouch.image.Mask.colour`."""
    check_tolerance(tolerance)
    try:
        wanted = np.asarray([float(channel) for channel in colour], np.float32)
    except (TypeError, ValueError):
        wanted = np.zeros(0, np.float32)
    if wanted.shape != (3,) or not np.isfinite(wanted).all():
        raise InputError(f"a colour is three numbers (red, green, blue) in [0, 1], got {colour!r}")
    if np.abs(wanted).max() > 2:
        raise InputError(f"a colour is (red, green, blue) in [0, 1], got {colour!r}; divide by 255")
    found = np.zeros(picture.size, np.bool_)
    for box in _strips(picture.size):
        apart = lab(picture.decode(box)) - lab(wanted)
        found[box.slices] = np.square(apart).sum(axis=-1) <= tolerance**2
    if picture.alpha is not None:
        # what cannot be seen has no colour
        found &= picture.alpha > 0
    return found


def near_pixel(picture: Picture, at: tuple[int, int], tolerance: float, *, contiguous: bool) -> Flags:
    """Find what has the colour of one pixel; see :meth:`retouch.image.Mask.wand`."""
    x, y = at
    if not (0 <= x < picture.width and 0 <= y < picture.height):
        raise InputError(
            f"the point {x},{y} lies outside the picture, which is {picture.width} wide and "
            f"{picture.height} high; count from 0 at the top-left corner"
        )
    colour = picture.decode(Box(x, y, x + 1, y + 1))[0, 0]
    found = near_colour(picture, colour.tolist(), tolerance)
    if not contiguous or not found[y, x]:
        return found
    from skimage.segmentation import flood

    return np.asarray(flood(found, (y, x), connectivity=1), np.bool_)  # type: ignore[no-untyped-call]


def changed(before: Picture, after: Picture, tolerance: float) -> Flags:
    """Find the pixels in which two pictures differ; see :meth:`retouch.image.Mask.difference`."""
    check_tolerance(tolerance)
    if before.size != after.size:
        raise SizeMismatch(
            f"the pictures are {before.height}×{before.width} and {after.height}×{after.width}; "
            "give two versions of one picture, of the same size"
        )
    found = np.zeros(before.size, np.bool_)
    for box in _strips(before.size):
        apart = lab(before.decode(box)) - lab(after.decode(box))
        found[box.slices] = np.square(apart).sum(axis=-1) > tolerance**2
    if before.alpha is not None or after.alpha is not None:
        old, new = (
            np.ones(before.size, np.float32) if one.alpha is None else one.alpha for one in (before, after)
        )
        found &= np.maximum(old, new) > 0
        found |= 100 * np.abs(old - new) > tolerance
    return found


def check_tolerance(tolerance: float) -> None:
    """Refuse a distance that is negative or not a number."""
    if not isinstance(tolerance, int | float) or not 0 <= tolerance < math.inf:
        raise InputError(
            f"tolerance={tolerance!r}; pass a distance of colours (ΔE) of 0 or more, 100 is black to white"
        )


def _strips(size: tuple[int, int]) -> Iterator[Box]:
    """Boxes of whole rows that cover a picture."""
    height, width = size
    rows = max(1, AT_ONCE // width)
    for y in range(0, height, rows):
        yield Box(0, y, width, min(y + rows, height))
