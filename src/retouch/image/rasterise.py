"""Polygons to pixels, by the even-odd rule, all sides at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from retouch.image.shapes import Ring

SUBROWS = 16
"""Scan lines per pixel row for antialiasing; along a scan line the coverage is exact."""


def inside_rings(rings: Sequence[Ring], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Select the pixels whose centre lies inside a set of rings.

    Args:
        rings: closed lines of (x, y) corners, in pixels.
        size: height and width of the picture.

    Returns:
        (H, W), True inside.
    """
    height, width = size
    rows, x = _crossings(rings, np.arange(height, dtype=np.float64) + 0.5)
    # A pixel is right of a crossing when its centre is: first such column = ceil(x − 0.5).
    columns = np.ceil(np.clip(x, 0.0, width) - 0.5).astype(np.intp).clip(0, width)
    flips = np.zeros((height, width + 1), np.bool_)
    inside = np.zeros((height, width), np.bool_)
    if not rows.size:
        return inside
    np.logical_xor.at(flips, (rows, columns), True)
    top, bottom = int(rows.min()), int(rows.max()) + 1
    left, right = int(columns.min()), int(columns.max()) + 1
    window = flips[top:bottom, left:right]
    parity = np.bitwise_xor.accumulate(window.view(np.uint8), axis=1).view(np.bool_)
    inside[top:bottom, left : min(right, width)] = parity[:, : min(right, width) - left]
    return inside


def covered_by_rings(rings: Sequence[Ring], size: tuple[int, int]) -> NDArray[np.float32]:
    """Measure how much of each pixel lies inside a set of rings.

    Args:
        rings: closed lines of (x, y) corners, in pixels.
        size: height and width of the picture.

    Returns:
        (H, W), 0 … 1; exact along x, 16 samples along y.
    """
    height, width = size
    rows, x = _crossings(rings, (np.arange(height * SUBROWS, dtype=np.float64) + 0.5) / SUBROWS)
    covered = np.zeros((height, width), np.float32)
    if not rows.size:
        return covered
    order = np.lexsort((x, rows))
    rows, x = rows[order], np.clip(x[order], 0.0, width)
    # Closed lines cross every scan line an even number of times, so entering and leaving
    # alternate through the whole sorted list.
    sign = np.where(np.arange(len(x)) % 2 == 0, 1.0, -1.0) / SUBROWS
    column = np.floor(x).astype(np.intp)
    part = x - column
    row = rows // SUBROWS
    top, bottom = int(row.min()), int(row.max()) + 1
    steps = np.zeros((bottom - top, width + 2), np.float64)
    np.add.at(steps, (row - top, column), sign * (1.0 - part))
    np.add.at(steps, (row - top, column + 1), sign * part)
    sums = np.cumsum(steps[:, :width], axis=1, out=steps[:, :width])
    sums[np.abs(sums) < 1e-9] = 0.0  # the rounding of the running sum must not select a pixel
    covered[top:bottom] = np.clip(sums, 0.0, 1.0)
    covered[covered > 1.0 - 1e-6] = 1.0
    return covered


def _crossings(
    rings: Sequence[Ring], lines: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Where the sides cross horizontal lines.

    Args:
        rings: closed lines of (x, y) corners.
        lines: (N,) ascending y of the lines, evenly spaced.

    Returns:
        The index of the line and the x of every crossing.
    """
    starts = np.concatenate([np.asarray(ring, np.float64) for ring in rings])
    ends = np.concatenate([np.roll(np.asarray(ring, np.float64), -1, axis=0) for ring in rings])
    # A side holds its upper end and not its lower one, so a corner is crossed once.
    downwards = (ends[:, 1] >= starts[:, 1])[:, None]
    upper, lower = np.where(downwards, starts, ends), np.where(downwards, ends, starts)
    first = np.searchsorted(lines, upper[:, 1], side="left")
    counts = np.searchsorted(lines, lower[:, 1], side="left") - first
    side = np.repeat(np.arange(len(starts)), counts)
    offset = np.arange(len(side)) - np.repeat(np.cumsum(counts) - counts, counts)
    rows = first[side] + offset
    run, rise = (lower - upper)[side].T
    x = upper[side, 0] + run * ((lines[rows] - upper[side, 1]) / rise)
    return rows, x
