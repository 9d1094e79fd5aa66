"""A photo brought to a larger size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from retouch.image import Box, Picture, resample
from retouch.tasks.restore.edit.running import Wish, attempted
from retouch.tasks.restore.edit.sheet import Original, Sheet, with_report
from retouch.tasks.restore.method import sizes, tiles
from retouch.tasks.restore.method.rows import Rows

if TYPE_CHECKING:
    from retouch.tasks.restore.method.forward import Forward
    from retouch.tasks.restore.method.sizes import Size
    from retouch.tasks.restore.method.tiles import Compute, Planes, Read
    from retouch.weights import Card

Strips = Iterator[tuple[int, "Planes"]]
"""The first row, and the rows from there, (C, h, W), from top to bottom."""

_AT_ONCE = 1 << 20  # pixels that are reduced at a time


def enlarged(forward: Forward, card: Card, picture: Picture, goal: Size, wish: Wish) -> Picture:
    """Bring a photo to a larger size; see :func:`retouch.upscale`.

    Args:
        forward: a network that enlarges.
        card: its card.
        picture: the photo.
        goal: height and width.
        wish: what else is asked for.

    Returns:
        The same kind of file.
    """
    if goal == picture.size:
        note = "the photo has that size already, and is left as it is"
        return with_report(picture, {"model": card.name, "passes": 0, "note": note})
    original = Original(picture)
    if all(new <= old for old, new in zip(original.size, goal, strict=True)):
        sheet = Sheet(original, goal)
        _put(_resized(_strips(original), original.size, goal), sheet)
        note = "the size is smaller than the photo's, so no network was used"
        return sheet.finished({"model": card.name, "passes": 0, "note": note})
    plan = sizes.steps(original.size, goal, forward.scale)

    def attempt(pixels: float) -> Picture:
        befores = [original.size, *plan[:-1]]
        tilings = [wish.pieces.tiling(forward, size, pixels) for size in befores]
        count = sum(tiling.pieces(size) for tiling, size in zip(tilings, befores, strict=True))
        tell = tiles.teller("enlarging", count, wish.progress)
        compute = _enlarging(forward, ensemble=wish.ensemble)
        sheet = Sheet(original, goal)
        source: Read = original.read
        for before, after, tiling in zip(befores, plan, tilings, strict=True):
            bands = tiles.bands(compute, source, before, tiling, tell, channels=original.channels)
            strips = _resized(bands, (before[0] * forward.scale, before[1] * forward.scale), after)
            if after == goal:
                _put(strips, sheet)
            else:
                source = _kept(strips, original.channels, after)
        return sheet.finished({"model": card.name, "passes": len(plan), "pieces": count})

    return attempted(attempt, wish.pieces.pixels(forward), fixed=wish.pieces.tile is not None)


def _enlarging(forward: Forward, *, ensemble: bool) -> Compute:
    def compute(planes: Planes) -> Planes:
        seen = planes.clip(0, 1)
        made = forward.planes(seen, noise=None, ensemble=ensemble)
        np.clip(made, 0, 1, out=made)
        # Light and colours that the network does not know stay what they are beyond its range.
        if not np.array_equal(seen, planes):
            made += resample.resize(planes - seen, (made.shape[1], made.shape[2]))
        return made

    return compute


def _resized(strips: Strips, old: Size, new: Size) -> Strips:
    """Bring rows to another size while they come; colours stay within what they were."""
    if old == new:
        yield from strips
        return
    rows = Rows(old, new)
    for _, strip in strips:
        low, high = min(0.0, float(strip.min())), max(1.0, float(strip.max()))
        for top, made in rows.push(strip):
            yield top, np.clip(made, low, high, out=made)


def _strips(original: Original) -> Strips:
    height, width = original.size
    step = max(_AT_ONCE // width, 1)
    for top in range(0, height, step):
        yield top, np.ascontiguousarray(original.read(Box(0, top, width, min(top + step, height))))


def _kept(strips: Strips, channels: int, size: Size) -> Read:
    whole = np.empty((channels, *size), np.float32)
    for top, strip in strips:
        whole[:, top : top + strip.shape[1]] = strip
    return lambda box: whole[:, *box.slices]


def _put(strips: Strips, sheet: Sheet) -> None:
    for top, strip in strips:
        sheet.put(top, strip)
