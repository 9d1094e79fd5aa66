"""A photo while its hole is being filled: what is known so far, at any size, without a copy of the photo."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from retouch.image import Box, Picture, native
from retouch.tasks.inpaint.method.crops import pooled

Pixels = NDArray[np.float32]
Plane = NDArray[np.bool_]

_STRIP = 1 << 20  # pixels of the photo that are decoded at a time, to be reduced
_BANDS = 8  # parts in which a finished photo gets its fills; each costs a copy of the samples


class Canvas:
    """A photo, its hole, and what was filled so far.

    Args:
        photo: the photo; it is not changed.
        hole: (H, W), True where it is to be filled; not changed.
    """

    def __init__(self, photo: Picture, hole: Plane) -> None:
        self._photo = photo
        self._hole = hole
        self._boxes = np.empty((0, 4), np.int64)
        self._fills: list[tuple[Box, Pixels, Plane]] = []
        channel = native.alpha_channel(photo.samples, photo.file)
        self._alpha = None if channel is None else photo.samples[..., channel]

    def size(self, level: int = 0) -> tuple[int, int]:
        """Height and width of the photo after some halvings, each rounded up.

        Args:
            level: halvings.
        """
        height, width = self._photo.size
        return -(-height >> level), -(-width >> level)

    def read(self, box: Box, level: int = 0) -> tuple[Pixels, Plane]:
        """See a part of the photo.

        Args:
            box: inside the photo as it is after ``level`` halvings.
            level: halvings.

        Returns:
            (h, w, 3) the colours, means over what is known; and (h, w), True where a part or all of a
            pixel is to be filled still, or is transparent throughout. Where nothing else is known,
            the colours of transparent pixels are.
        """
        if level == 0:
            pixels, unknown = self._exactly(box)
        else:
            pixels, unknown = np.empty((*box.size, 3), np.float32), np.empty(box.size, np.bool_)
            import torch  # here, since whoever only reads the verb's signature needs none

            strips = list(_strips(box, level))
            # Not more than the network computes with: other work may have the other cores.
            with ThreadPoolExecutor(max(min(torch.get_num_threads(), len(strips)), 1)) as threads:
                seen = threads.map(lambda rows: self._reduced(box.rows(rows), level), strips)
                for rows, found in zip(strips, seen, strict=True):
                    pixels[rows], unknown[rows] = found
        return pixels, self.hole(box, level) if unknown.all() else unknown

    def hole(self, box: Box, level: int = 0) -> Plane:
        """Say what is to be filled still.

        Args:
            box: inside the photo as it is after ``level`` halvings.
            level: halvings.

        Returns:
            (h, w), True where a part or all of a pixel is.
        """
        return pooled(self._unfilled(self._whole(box, level)), 1 << level)

    def fill(self, box: Box, pixels: Pixels, where: Plane) -> None:
        """Put in what was filled.

        Args:
            box: inside the photo.
            pixels: (h, w, 3).
            where: (h, w), True where they belong.
        """
        self._boxes = np.vstack([self._boxes, (box.x0, box.y0, box.x1, box.y1)])
        self._fills.append((box, pixels, where))

    def finished(self, fade: Pixels | None, report: dict[str, float | int | str]) -> Picture:
        """Give the photo with all fills in it.

        Args:
            fade: (H, W), how much of the fill is wanted; None for all of it.
            report: what was done.

        Returns:
            The same kind of file; outside the fills, bit for bit the same.
        """
        done = self._photo
        order = sorted(range(len(self._fills)), key=lambda number: self._fills[number][0].y0)
        for band in np.array_split(order, min(_BANDS, len(order))):
            boxes = self._boxes[band]
            low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
            box = Box(int(low[0]), int(low[1]), int(high[0]), int(high[1]))
            pixels, where = np.array(done.decode(box)), np.zeros(box.size, np.bool_)
            for number in band:
                place, values, own = self._fills[number]
                inside = place.shifted(-box.x0, -box.y0).slices
                if fade is not None:
                    known = pixels[inside]
                    values = known + fade[place.slices][..., None] * (values - known)
                np.copyto(pixels[inside], values, where=own[..., None])
                where[inside] |= own
            done = done.edited_box(box, pixels, where, report=report, copy=False)
        return done

    def _exactly(self, box: Box) -> tuple[Pixels, Plane]:
        pixels = np.array(self._photo.decode(box))
        unknown = self._unfilled(box)
        if self._alpha is not None:
            unknown |= self._alpha[box.slices] == 0
        for place, values, own in self._touching(box):
            here, there = _common(box, place)
            np.copyto(pixels[here], values[there], where=own[there][..., None])
            unknown[here] &= ~own[there]
        return pixels, unknown

    def _unfilled(self, box: Box) -> Plane:
        unfilled = self._hole[box.slices].copy()
        for place, _, own in self._touching(box):
            here, there = _common(box, place)
            unfilled[here] &= ~own[there]
        return unfilled

    def _touching(self, box: Box) -> Iterator[tuple[Box, Pixels, Plane]]:
        boxes = self._boxes
        touching = (
            (boxes[:, 0] < box.x1) & (boxes[:, 2] > box.x0) & (boxes[:, 1] < box.y1) & (boxes[:, 3] > box.y0)
        )
        return (self._fills[number] for number in np.flatnonzero(touching))

    def _reduced(self, box: Box, level: int) -> tuple[Pixels, Plane]:
        whole = self._whole(box, level)
        pixels, unknown = self._exactly(whole)
        known = ~unknown
        total = _summed(pixels * known[..., None], level)
        count = _summed(known[..., None].astype(np.float32), level)
        hidden = count[..., 0] == 0
        if hidden.any():
            blocks = _around(hidden)
            inside = hidden[blocks]
            rest = _summed(
                pixels[tuple(slice(one.start << level, one.stop << level) for one in blocks)], level
            )
            total[blocks][inside] = (rest / _areas(whole, level)[blocks])[inside]
            count[hidden] = 1
        missing = pooled(self._unfilled(whole), 1 << level)
        return total / count, missing | hidden

    def _whole(self, box: Box, level: int) -> Box:
        height, width = self._photo.size
        return Box(
            box.x0 << level, box.y0 << level, min(box.x1 << level, width), min(box.y1 << level, height)
        )


def _summed(values: Pixels, level: int) -> Pixels:
    """The sums over blocks of 2 ** level pixels; those at the right and below may have fewer."""
    for _ in range(level):
        height, width = values.shape[:2]
        if height % 2 or width % 2:
            values = np.pad(values, ((0, height % 2), (0, width % 2), (0, 0)))
        rows = values[0::2] + values[1::2]
        values = rows[:, 0::2] + rows[:, 1::2]
    return values


def _around(marked: Plane) -> tuple[slice, slice]:
    """The smallest rows and columns that hold all that is marked."""
    rows, columns = np.flatnonzero(marked.any(axis=1)), np.flatnonzero(marked.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _areas(box: Box, level: int) -> Pixels:
    """How many pixels the blocks of a box have, (H, W, 1); those at the right and below may have fewer."""
    starts = (np.arange(0, size, 1 << level) for size in box.size)
    rows, columns = (
        np.minimum(size - start, 1 << level) for size, start in zip(box.size, starts, strict=True)
    )
    return np.multiply.outer(rows, columns)[..., None].astype(np.float32)


def _strips(box: Box, level: int) -> Iterator[slice]:
    height, width = box.size
    step = max(_STRIP // (width << 2 * level), 1)
    return (slice(top, min(top + step, height)) for top in range(0, height, step))


def _common(box: Box, place: Box) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The pixels of two boxes that meet, as slices of each."""
    both = box.intersection(place) or box
    return both.shifted(-box.x0, -box.y0).slices, both.shifted(-place.x0, -place.y0).slices
