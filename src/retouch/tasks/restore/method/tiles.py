"""A picture computed in pieces that overlap, given row of pieces by row of pieces."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retouch.image import Box
from retouch.progress import Progress, ProgressCallback

Planes = NDArray[np.float32]
"""(C, H, W)."""

Read = Callable[[Box], Planes]
"""Gives the planes of a box of the picture, (C, h, w)."""

Compute = Callable[[Planes], Planes]
"""(C, h, w) → (C, scale · h, scale · w)."""

BAND = 1 << 29
"""Bytes of a row of pieces at most."""

_SMALLEST = 16
_PER_PIXEL = 12  # bytes of a pixel of the result


@dataclass(frozen=True)
class Tiling:
    """How a picture is cut into pieces; all numbers are pixels of the picture before it is enlarged.

    Args:
        height: of a piece, a multiple of ``multiple``; 0 for the whole picture.
        width: likewise.
        margin: what the network sees around a piece, a multiple of ``multiple``.
        fade: how far two neighbours are mixed on both sides of the line between them, a multiple of
            ``multiple``; 0 where pieces agree exactly.
        multiple: what the network gets has sides that are multiples of it, and begins at such places.
        scale: new pixels per old one.
    """

    height: int
    width: int
    margin: int
    fade: int
    multiple: int
    scale: int

    def pieces(self, size: tuple[int, int]) -> int:
        """Count the pieces of a picture.

        Args:
            size: of the picture.
        """
        down, across = (
            len(_cuts(length, side, self)) - 1
            for length, side in zip(size, (self.height, self.width), strict=True)
        )
        return down * across


def chosen(
    size: tuple[int, int], pixels: float, *, margin: int, fade: int, multiple: int, scale: int
) -> Tiling:
    """Choose the largest pieces that the memory allows.

    Args:
        size: of the picture.
        pixels: that the network can look at at once.
        margin: as in :class:`Tiling`.
        fade: likewise.
        multiple: likewise.
        scale: likewise.

    Returns:
        The tiling. Pieces are never smaller than a few pixels, whatever the memory.
    """
    framed = [math.ceil(side / multiple) * multiple for side in size]
    least = side_of(0, fade, multiple)
    highest = max(BAND // (_PER_PIXEL * scale * scale * framed[1]), least)
    best: tuple[float, Tiling] | None = None
    for parts in range(math.ceil(framed[0] / highest), framed[0] // least + 2):
        height = max(math.ceil(framed[0] / (parts * multiple)) * multiple, least)
        # There is no margin beyond the picture.
        tall = min(height + 2 * (margin + fade), framed[0])
        width = side_of(int(pixels / tall) - 2 * (margin + fade), fade, multiple)
        if tall * framed[1] <= pixels or width + 2 * (margin + fade) >= framed[1]:
            width = framed[1]
        # As many pieces as that takes, but none larger than it must be.
        columns = math.ceil(framed[1] / width)
        width = max(math.ceil(framed[1] / (columns * multiple)) * multiple, least)
        seen = tall * min(width + 2 * (margin + fade), framed[1])
        tiling = Tiling(height, width, margin, fade, multiple, scale)
        # Rather too much work than too much memory; then as little work as can be.
        cost = max(seen / pixels, 1.0) * 1e9 + tiling.pieces(size) * seen / (framed[0] * framed[1])
        if best is None or cost < best[0]:
            best = cost, tiling
        if seen < pixels / 4:
            break
    if best is None:
        raise AssertionError("there is at least one way to cut")
    return best[1]


def side_of(wanted: int, fade: int, multiple: int) -> int:
    """Round the side of a piece to what a tiling can have.

    Args:
        wanted: pixels; 0 or less for the smallest.
        fade: as in :class:`Tiling`.
        multiple: likewise.
    """
    least = math.ceil(max(_SMALLEST, 2 * fade) / multiple) * multiple
    return max(wanted // multiple * multiple, least)


def bands(
    compute: Compute,
    read: Read,
    size: tuple[int, int],
    tiling: Tiling,
    tell: Callable[[], None],
    *,
    channels: int = 3,
) -> Iterator[tuple[int, Planes]]:
    """Compute a picture.

    Args:
        compute: the network.
        read: the picture.
        size: its height and width.
        tiling: the pieces.
        tell: called after every piece.
        channels: of the picture.

    Yields:
        The first row, and the rows from there, (C, h, scale · W), from top to bottom without gaps.
    """
    height, width = size
    scale, fade = tiling.scale, tiling.fade
    down, across = _cuts(height, tiling.height, tiling), _cuts(width, tiling.width, tiling)
    carried: Planes | None = None
    for row in range(len(down) - 1):
        top, bottom = _reached(down, row, fade)
        band = np.zeros((channels, (min(bottom, height) - top) * scale, width * scale), np.float32)
        for column in range(len(across) - 1):
            left, right = _reached(across, column, fade)
            _add(band, compute, read, size, tiling, Box(left, top, right, bottom), len(across) - 1, column)
            tell()
        if fade:
            band *= _ramps(band.shape[1], row > 0, row < len(down) - 2, fade * scale)[:, None]
            if carried is not None:
                band[:, : carried.shape[1]] += carried
            kept = 2 * fade * scale if row < len(down) - 2 else 0
            whole = band.shape[1] - kept
            carried = band[:, whole:].copy()
            band = band[:, :whole]
        yield top * scale, band


def teller(stage: str, total: int, progress: ProgressCallback | None) -> Callable[[], None]:
    """Count pieces for a progress callback.

    Args:
        stage: what is being done.
        total: how many there will be.
        progress: who is told, at once and after every piece; may be nobody.

    Returns:
        To be called after every piece.
    """
    done = 0

    def tell() -> None:
        nonlocal done
        done += 1
        if progress:
            progress(Progress(stage, done, total))

    if progress:
        progress(Progress(stage, 0, total))
    return tell


def _add(
    band: Planes,
    compute: Compute,
    read: Read,
    size: tuple[int, int],
    tiling: Tiling,
    box: Box,
    columns: int,
    column: int,
) -> None:
    """Compute a piece and put it into its band."""
    scale, margin = tiling.scale, tiling.margin
    height, width = size
    x0, y0 = max(box.x0 - margin, 0), max(box.y0 - margin, 0)
    x1, y1 = (
        min(end + margin, math.ceil(length / tiling.multiple) * tiling.multiple)
        for end, length in ((box.x1, width), (box.y1, height))
    )
    made = compute(_framed(read, size, Box(x0, y0, x1, y1)))
    right = min(box.x1, width)
    inside = made[
        :,
        (box.y0 - y0) * scale : (box.y0 - y0) * scale + band.shape[1],
        (box.x0 - x0) * scale : (right - x0) * scale,
    ]
    place = band[:, :, box.x0 * scale : right * scale]
    if tiling.fade:
        place += inside * _ramps(inside.shape[2], column > 0, column < columns - 1, tiling.fade * scale)
    else:
        place[...] = inside


def _cuts(length: int, side: int, tiling: Tiling) -> list[int]:
    """The places where pieces begin and end, nearly equally far apart."""
    units = math.ceil(length / tiling.multiple)
    count = 1 if side <= 0 else math.ceil(units * tiling.multiple / side)
    if tiling.fade:
        # Nearly equal pieces may be a unit shorter than wanted, and must hold two fades.
        count = max(min(count, units * tiling.multiple // (2 * tiling.fade + tiling.multiple)), 1)
    return [units * number // count * tiling.multiple for number in range(count + 1)]


def _reached(cuts: list[int], number: int, fade: int) -> tuple[int, int]:
    first = cuts[number] - (fade if number else 0)
    return first, cuts[number + 1] + (fade if number < len(cuts) - 2 else 0)


def _ramps(length: int, before: bool, after: bool, fade: int) -> Planes:
    """Weights along a side of a piece: they rise over what it shares with its neighbours."""
    weights = np.ones(length, np.float32)
    if fade:
        ramp = ((np.arange(2 * fade) + 0.5) / (2 * fade)).astype(np.float32)
        if before:
            weights[: 2 * fade] = ramp
        if after:
            weights[length - 2 * fade :] = 1 - ramp
    return weights


def _framed(read: Read, size: tuple[int, int], box: Box) -> Planes:
    """Read a box; beyond the picture, below and to the right, is its mirror image."""
    if box.x1 <= size[1] and box.y1 <= size[0]:
        return read(box)
    rows, columns = (
        _mirrored(first, last, length)
        for first, last, length in ((box.y0, box.y1, size[0]), (box.x0, box.x1, size[1]))
    )
    held = Box(int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
    return read(held)[:, (rows - held.y0)[:, None], columns - held.x0]


def _mirrored(first: int, last: int, length: int) -> NDArray[np.int64]:
    """Number rows from first to last where they are mirrored at the end, the outermost not repeated."""
    places = np.arange(first, last)
    if length == 1:
        return np.zeros_like(places)
    places %= 2 * (length - 1)
    return np.minimum(places, 2 * (length - 1) - places)
