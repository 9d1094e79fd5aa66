"""Boxes of sizes that a network takes, and transforms quickly."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from retouch.image import Box

_QUICK = (2, 3, 5, 7)  # the prime factors for which Fourier transforms have fast steps
_SMALLEST = 16  # pixels of the smallest crop


def quick_side(least: int, multiple: int = 8) -> int:
    """Choose the side of a crop.

    Args:
        least: pixels it must have.
        multiple: pixels it must be a multiple of; the network transforms maps so many times smaller.

    Returns:
        The next side that is large enough, at least 16 pixels and two of the smallest map, which is as
        few as can be mirrored, and whose map has no prime factor above 7.

    >>> [quick_side(least) for least in (1, 17, 88, 89)]
    [16, 24, 96, 96]
    """
    side = math.ceil(max(least, _SMALLEST, 2 * multiple) / multiple)
    while not _is_quick(side):
        side += 1
    return side * multiple


def context(inner: Box, margin: int, size: tuple[int, int], multiple: int = 8) -> Box:
    """Put a box around what is to be filled.

    Args:
        inner: what is to be filled, in a picture.
        margin: pixels of the picture to see on each side.
        size: height and width of the picture.
        multiple: as for :func:`quick_side`.

    Returns:
        The box, of a quick size where the picture is large enough, else as large as the picture.
    """
    x0, x1 = _span(inner.x0, inner.x1, margin, size[1], multiple)
    y0, y1 = _span(inner.y0, inner.y1, margin, size[0], multiple)
    return Box(x0, y0, x1, y1)


def continued(
    pixels: NDArray[np.float32], unknown: NDArray[np.bool_], multiple: int = 8
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Continue a crop by its mirror image to a size that the network takes.

    Args:
        pixels: (h, w, 3).
        unknown: (h, w).
        multiple: as for :func:`quick_side`.

    Returns:
        Both, larger on the right and below where they need to be.
    """
    height, width = unknown.shape
    rim = [(0, quick_side(side, multiple) - side) for side in (height, width)]
    if not any(after for _, after in rim):
        return pixels, unknown
    return np.pad(pixels, [*rim, (0, 0)], mode="reflect"), np.pad(unknown, rim, mode="reflect")


def _span(start: int, stop: int, margin: int, length: int, multiple: int) -> tuple[int, int]:
    start, stop = max(start - margin, 0), min(stop + margin, length)
    wanted = min(quick_side(stop - start, multiple), length)
    start = max(start - (wanted - (stop - start)) // 2, 0)
    stop = min(start + wanted, length)
    return stop - wanted, stop


def _is_quick(number: int) -> bool:
    for factor in _QUICK:
        while number % factor == 0:
            number //= factor
    return number == 1
