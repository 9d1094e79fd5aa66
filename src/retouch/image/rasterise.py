"""Polygons and brush strokes to pixels, by the even-odd rule and by distance, many sides at once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from retouch.errors import InputError
from retouch.image.shapes import Box, Ring

if TYPE_CHECKING:
    from retouch.image.drawing import Stroke

SUBROWS = 16
"""Scan lines per pixel row for antialiasing; along a scan line the coverage is exact."""

AT_ONCE = 2**20
"""Meetings of sides and rows that are worked out at a time."""

MOST_EFFORT = 2.0**28
"""Meetings of sides and rows that a drawing may need."""


def inside_rings(
    rings: Sequence[Ring], size: tuple[int, int], window: Box | None = None
) -> NDArray[np.bool_]:
    """Select the pixels whose centre lies inside a set of rings.

    Args:
        rings: closed lines of (x, y) corners, in pixels.
        size: height and width of the picture.
        window: the part of the picture to answer for, inside it; None for all of it.

    Returns:
        (H, W) of the window, True inside.
    """
    frame = Box(0, 0, size[1], size[0]) if window is None else window
    height, width = frame.size
    lines = np.arange(frame.y0, frame.y1, dtype=np.float64) + 0.5
    flips = np.zeros((height, width + 1), np.bool_)
    inside = np.zeros((height, width), np.bool_)
    top, bottom, left, right = height, 0, width, 0
    for rows, x in _crossings(rings, lines):
        # A pixel is right of a crossing when its centre is: first such column = ceil(x − 0.5).
        columns = np.ceil(np.clip(x, frame.x0, frame.x1) - 0.5).astype(np.intp) - frame.x0
        columns = columns.clip(0, width)
        np.logical_xor.at(flips, (rows, columns), True)
        top, bottom = min(top, int(rows.min())), max(bottom, int(rows.max()) + 1)
        left, right = min(left, int(columns.min())), max(right, int(columns.max()) + 1)
    if bottom:
        parity = np.bitwise_xor.accumulate(flips[top:bottom, left:right].view(np.uint8), axis=1)
        end = min(right, width)
        inside[top:bottom, left:end] = parity.view(np.bool_)[:, : end - left]
    return inside


def inside_brush(points: Sequence[tuple[float, float]], radius: float, window: Box) -> NDArray[np.bool_]:
    """Select the pixels whose centre is within a distance of a line through points.

    Every part of the line, widened by the radius, is convex and so meets a row of pixel centres in one
    interval: the ends of all intervals are counted, and what is inside of any is selected.

    Args:
        points: (x, y), at least 1, in pixels.
        radius: the distance, above 0; it belongs to the area.
        window: the pixels to answer for.

    Returns:
        (H, W) of the window, True within the distance.
    """
    height, width = window.size
    ends = np.asarray(points, np.float64)
    starts = ends[: max(len(ends) - 1, 1)]
    ends = ends[1:] if len(ends) > 1 else ends
    lines = np.arange(window.y0, window.y1, dtype=np.float64) + 0.5
    upper = np.minimum(starts[:, 1], ends[:, 1]) - radius
    lower = np.maximum(starts[:, 1], ends[:, 1]) + radius
    steps = np.zeros((height, width + 1), np.int32)
    for side, rows in _rows_of(upper, lower, lines, closed=True):
        first, last = _capsules_on(starts[side], ends[side], radius, lines[rows])
        kept = last >= first
        enter = np.ceil(np.clip(first[kept], window.x0, window.x1) - 0.5).astype(np.intp) - window.x0
        leave = np.floor(np.clip(last[kept], window.x0 - 1, window.x1) + 0.5).astype(np.intp) - window.x0
        enter, leave = enter.clip(0, width), leave.clip(0, width)
        flat = rows[kept] * (width + 1)
        met = leave > enter
        np.add.at(steps.reshape(-1), (flat + enter)[met], 1)
        np.add.at(steps.reshape(-1), (flat + leave)[met], -1)
    return np.cumsum(steps[:, :width], axis=1, out=steps[:, :width]) > 0


def inside_strokes(strokes: Sequence[Stroke], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Select what strokes add and do not take away again, one after the other.

    Args:
        strokes: of a drawing.
        size: height and width of the picture.

    Returns:
        (H, W), True inside.

    Raises:
        InputError: The strokes are so many and so wide that it would take minutes.
    """
    inside = np.zeros(size, np.bool_)
    effort = 0.0
    for index, stroke in enumerate(strokes):
        window = _window(stroke, size)
        if window is None:
            continue
        effort += _effort(stroke, window)
        if effort > MOST_EFFORT:
            raise InputError(
                f"the drawing is too intricate: its first {index + 1} strokes cross {size[0]}×{size[1]} "
                "pixels too often; draw it with fewer or smaller strokes, or give the mask as a picture"
            )
        if stroke.kind == "brush" and stroke.radius is not None:
            met = inside_brush(stroke.points, stroke.radius, window)
        elif stroke.kind == "polygon":
            met = inside_rings([stroke.points], size, window)
        else:
            met = np.ones(window.size, np.bool_)
        if stroke.erase:
            inside[window.slices] &= ~met
        else:
            inside[window.slices] |= met
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
    lines = (np.arange(height * SUBROWS, dtype=np.float64) + 0.5) / SUBROWS
    covered = np.zeros((height, width), np.float32)
    found = list(_crossings(rings, lines))
    if not found:
        return covered
    rows, x = (np.concatenate(part) for part in zip(*found, strict=True))
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


def _window(stroke: Stroke, size: tuple[int, int]) -> Box | None:
    """The pixels of the picture whose centres may lie in a stroke; exactly those that do, for a rectangle."""
    reach = stroke.radius or 0.0
    columns, rows = zip(*stroke.points, strict=True)
    x0, y0 = math.ceil(min(columns) - reach - 0.5), math.ceil(min(rows) - reach - 0.5)
    x1, y1 = math.ceil(max(columns) + reach - 0.5), math.ceil(max(rows) + reach - 0.5)
    if stroke.kind == "brush":
        # The distance belongs to the area.
        x1, y1 = x1 + 1, y1 + 1
    return Box(x0, y0, x1, y1).clipped(size) if x1 > x0 and y1 > y0 else None


def _effort(stroke: Stroke, window: Box) -> float:
    """How many times a side meets a row, about; what is done for each pixel costs less."""
    rows = np.asarray(stroke.points, np.float64)[:, 1].clip(window.y0, window.y1)
    meetings = float(np.abs(np.diff(rows)).sum())
    if stroke.radius is not None:
        meetings += len(rows) * min(2 * stroke.radius, window.y1 - window.y0)
        meetings *= 4  # a widened side costs that many plain ones
    return meetings + window.size[0] * window.size[1] / 32


def _crossings(
    rings: Sequence[Ring], lines: NDArray[np.float64]
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float64]]]:
    """Where the sides cross horizontal lines.

    Args:
        rings: closed lines of (x, y) corners.
        lines: (N,) ascending y of the lines, evenly spaced.

    Yields:
        The index of the line and the x of some crossings, never of none.
    """
    starts = np.concatenate([np.asarray(ring, np.float64) for ring in rings])
    ends = np.concatenate([np.roll(np.asarray(ring, np.float64), -1, axis=0) for ring in rings])
    # A side holds its upper end and not its lower one, so a corner is crossed once.
    downwards = (ends[:, 1] >= starts[:, 1])[:, None]
    upper, lower = np.where(downwards, starts, ends), np.where(downwards, ends, starts)
    for side, rows in _rows_of(upper[:, 1], lower[:, 1], lines):
        run, rise = (lower - upper)[side].T
        yield rows, upper[side, 0] + run * ((lines[rows] - upper[side, 1]) / rise)


def _rows_of(
    upper: NDArray[np.float64],
    lower: NDArray[np.float64],
    lines: NDArray[np.float64],
    *,
    closed: bool = False,
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Pair things that reach from one height to another with the lines that they meet.

    Args:
        upper: (M,) y where each begins.
        lower: (M,) y where each ends.
        lines: (N,) ascending y of the lines.
        closed: the lower end belongs to it, too.

    Yields:
        Indices of things and of lines, about ``AT_ONCE`` pairs at a time so that memory stays bounded.
    """
    first = np.searchsorted(lines, upper, side="left")
    counts = np.searchsorted(lines, lower, side="right" if closed else "left") - first
    done = np.cumsum(counts)
    begin = 0
    while begin < len(counts):
        before = int(done[begin - 1]) if begin else 0
        end = max(begin + 1, int(np.searchsorted(done, before + AT_ONCE, side="right")))
        part = counts[begin:end]
        thing = np.repeat(np.arange(begin, end), part)
        offset = np.arange(len(thing)) - np.repeat(np.cumsum(part) - part, part)
        if len(thing):
            yield thing, first[thing] + offset
        begin = end


def _capsules_on(
    starts: NDArray[np.float64], ends: NDArray[np.float64], radius: float, y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where horizontal lines enter and leave widened line segments.

    Args:
        starts: (N, 2) of the segments, as (x, y).
        ends: (N, 2).
        radius: by which they are widened.
        y: (N,) of the lines, one per segment, none farther above or below it than the radius.

    Returns:
        The first and the last x, (N,) each; the first is larger where a line and a segment do not meet.
    """
    first, last = np.full(len(y), np.inf), np.full(len(y), -np.inf)
    for disk in (starts, ends):
        away = np.abs(y - disk[:, 1])
        half = np.sqrt(np.maximum((radius - away) * (radius + away), 0.0))
        met = away <= radius
        first = np.where(met, np.minimum(first, disk[:, 0] - half), first)
        last = np.where(met, np.maximum(last, disk[:, 0] + half), last)
    along = ends - starts
    length = np.hypot(along[:, 0], along[:, 1])
    below = y - starts[:, 1]
    with np.errstate(all="ignore"):
        ux, uy = along[:, 0] / length, along[:, 1] / length
        # Of x − start: within the ends −below·uy … length − below·uy over ux, within the sides
        # below·ux ± radius over uy; a direction of 0 leaves every x or none.
        near, far = _ordered(-below * uy / ux, (length - below * uy) / ux)
        left, right = _ordered((below * ux - radius) / uy, (below * ux + radius) / uy)
    level, upright = uy == 0, ux == 0
    left, right = np.where(level, -np.inf, left), np.where(level, np.inf, right)
    near, far = np.where(upright, -np.inf, near), np.where(upright, np.inf, far)
    near, far = np.maximum(near, left), np.minimum(far, right)
    met = (near <= far) & ~(upright & ((below * uy < 0) | (below * uy > length)))
    first = np.where(met, np.minimum(first, starts[:, 0] + near), first)
    last = np.where(met, np.maximum(last, starts[:, 0] + far), last)
    return first, last


def _ordered(
    one: NDArray[np.float64], other: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.minimum(one, other), np.maximum(one, other)
