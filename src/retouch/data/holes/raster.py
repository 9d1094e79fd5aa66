"""Shapes to pixels: everything a hole is drawn with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Hole = NDArray[np.bool_]
"""(H, W), True where the picture is to be filled."""

Size = tuple[int, int]
"""Height and width in pixels."""

Box = tuple[int, int, int, int]
"""x0, y0, x1, y1, half-open, in pixels."""

_THINNEST = 0.71
"""The least radius of a line: half the diagonal of a pixel."""


def capsules(ends: NDArray[np.float64], radii: NDArray[np.float64], size: Size) -> Hole:
    """Draw straight lines with round ends, so that lines which share an end make a round joint.

    Args:
        ends: (N, 4), x and y of one end and of the other, in pixels; may lie outside.
        radii: (N,), half the width in pixels; a line thinner than a pixel's diagonal is drawn that
            wide, so that it has no gaps.
        size: of the picture.

    Returns:
        The pixels whose centre is nearer than the radius to a line.
    """
    height, width = size
    radii = np.maximum(radii, _THINNEST)
    swap = ends[:, 3] < ends[:, 1]
    xa, ya, xb, yb = np.where(swap[:, None], ends[:, [2, 3, 0, 1]], ends).T
    first = np.clip(np.ceil(ya - radii - 0.5), 0, height).astype(np.intp)
    counts = np.clip(np.floor(yb + radii - 0.5) + 1, 0, height).astype(np.intp) - first
    counts = np.maximum(counts, 0)
    line = np.repeat(np.arange(len(ends)), counts)
    rows = first[line] + np.arange(len(line)) - np.repeat(np.cumsum(counts) - counts, counts)
    dx, dy = xb - xa, np.maximum(yb - ya, 1e-9)
    slant = radii * dx / np.hypot(dx, dy)
    # Along a row, the edge of a capsule is that of the disc around one point of its line: where
    # the circle's tangent has the line's direction, or an end.
    dx, dy, slant, radius = dx[line], dy[line], slant[line], radii[line]
    below = rows + 0.5 - ya[line]
    left, right = (
        xa[line] + along * dx + side * np.sqrt(np.maximum(radius**2 - (below - along * dy) ** 2, 0.0))
        for side, along in (
            (-1.0, np.clip((below - slant) / dy, 0.0, 1.0)),
            (1.0, np.clip((below + slant) / dy, 0.0, 1.0)),
        )
    )
    starts = np.clip(np.ceil(left - 0.5), 0, width).astype(np.intp)
    stops = np.clip(np.floor(right - 0.5) + 1, 0, width).astype(np.intp)
    return spans(rows, starts, np.maximum(starts, stops), size)


def spans(rows: NDArray[np.intp], starts: NDArray[np.intp], stops: NDArray[np.intp], size: Size) -> Hole:
    """Draw parts of rows.

    Args:
        rows: (N,), from 0 to the height − 1.
        starts: (N,), the first column, from 0 to the width.
        stops: (N,), the column after the last one, not before the start.
        size: of the picture.

    Returns:
        The pixels in at least one part.
    """
    height, width = size
    steps = np.zeros((height, width + 1), np.int32)
    np.add.at(steps, (rows, starts), 1)
    np.subtract.at(steps, (rows, stops), 1)
    return np.cumsum(steps, axis=1, dtype=np.int32)[:, :width] > 0


def rectangles(boxes: list[Box], size: Size) -> Hole:
    """Draw rectangles.

    Args:
        boxes: inside the picture.
        size: of the picture.

    Returns:
        The pixels in at least one of them.
    """
    hole = np.zeros(size, np.bool_)
    for x0, y0, x1, y1 in boxes:
        hole[y0:y1, x0:x1] = True
    return hole


def shrunk(hole: Hole, room: int) -> Hole:
    """Make a hole smaller about its middle, until it has no more than a number of pixels.

    Args:
        hole: with at least one pixel.
        room: the most pixels, at least 1.

    Returns:
        A hole of the same form; the same one when it is small enough.
    """
    ys, xs = np.nonzero(hole)
    middle = ys[len(ys) // 2], xs[len(ys) // 2]
    centre = (ys.min() + ys.max()) / 2, (xs.min() + xs.max()) / 2
    smaller, factor = hole, 1.0
    while (area := int(smaller.sum())) > room and factor > 1e-6:
        factor *= 0.99 * float(np.sqrt(room / area))
        sources = [
            np.rint(place + (np.arange(length) - place) / factor).astype(np.intp)
            for place, length in zip(centre, hole.shape, strict=True)
        ]
        kept = [
            np.flatnonzero((source >= 0) & (source < length))
            for source, length in zip(sources, hole.shape, strict=True)
        ]
        smaller = np.zeros_like(hole)
        smaller[np.ix_(*kept)] = hole[
            np.ix_(*(source[line] for source, line in zip(sources, kept, strict=True)))
        ]
    if not smaller.any():
        smaller[middle] = True
    return smaller
