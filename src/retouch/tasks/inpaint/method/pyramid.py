"""Filling a piece of a hole: as it is, or small first and then finer and finer.

A network knows holes up to a certain width. A wider one is filled in the photo reduced by halvings until it
is narrow enough. At each finer size the network fills it again, and the result takes the low frequencies of
the coarser fill, which sees the large structures, and the high frequencies of the finer one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from retouch.image import Box
from retouch.tasks.inpaint.method.canvas import Canvas
from retouch.tasks.inpaint.method.crops import Limits, Piece, cells
from retouch.tasks.inpaint.method.frame import context

Pixels = NDArray[np.float32]
Plane = NDArray[np.bool_]

_AROUND = 2  # a level's frame has so many margins around the hole, for the crops at the next finer one


class Fill(Protocol):
    """A way of filling."""

    def __call__(self, pixels: Pixels, unknown: Plane, guide: Pixels | None) -> Pixels:
        """Fill a crop.

        Args:
            pixels: (h, w, 3); what is unknown has any value.
            unknown: (h, w).
            guide: (h, w, 3), what a coarser fill came to; None for the first one.

        Returns:
            (h, w, 3), where it is known as well: that is not used.
        """


class Blend(Protocol):
    """A way of joining a fill to what is around it."""

    def __call__(self, pixels: Pixels, filled: Pixels, unknown: Plane) -> Pixels:
        """Join.

        Args:
            pixels: (h, w, 3) the photo.
            filled: (h, w, 3); where the photo is known, what the fill has there.
            unknown: (h, w).

        Returns:
            (h, w, 3), equal to the photo where that is known.
        """


@dataclass(frozen=True)
class Method:
    """How pieces are filled.

    Args:
        fill: a crop.
        blend: a fill into a crop.
        limits: what ``fill`` can do.
        multiple: pixels that a crop's sides shall be a multiple of, even; 2 when any will do.
        finish: what the joined fill gets at full size; None for nothing.
    """

    fill: Fill
    blend: Blend
    limits: Limits
    multiple: int = 8
    finish: Blend | None = None


def crops_of(piece: Piece, method: Method) -> int:
    """Count the crops that a piece will be filled in.

    Args:
        piece: of a hole.
        method: how it is filled.
    """
    finer = (len(_parts(piece, level, method)) for level in range(piece.levels))
    return 1 + sum(finer)


@dataclass(frozen=True)
class Filled:
    """A piece and what is around it, before and after the fill was joined to the photo.

    Args:
        unknown: (h, w).
        before: (h, w, 3), the photo and the fill as it was made.
        after: (h, w, 3), the photo and the fill as it is used.
    """

    unknown: Plane
    before: Pixels
    after: Pixels


def fill_piece(canvas: Canvas, piece: Piece, method: Method, done: Callable[[int, int], None]) -> Filled:
    """Fill a piece of a photo's hole.

    Args:
        canvas: the photo; gets the fill.
        piece: bounds, width and levels.
        method: how it is filled.
        done: called after each crop with its height and width; what it raises ends the work.

    Returns:
        What was done.
    """
    inner = _reduced(piece.box, piece.levels)
    frame = context(inner, piece.margin(method.limits), canvas.size(piece.levels), method.multiple)
    pixels, unknown = canvas.read(frame, piece.levels)
    guess = method.fill(pixels, unknown, None)
    field = method.blend(pixels, guess, unknown)
    done(*frame.size)
    for level in reversed(range(piece.levels)):
        coarse, held = field, frame
        frame = _around(_reduced(piece.box, level), _AROUND * method.limits.margin, canvas.size(level))
        part = _reduced(frame, 1).shifted(-held.x0, -held.y0)
        guide = doubled(coarse[part.slices])[: frame.size[0], : frame.size[1]]
        pixels, unknown = canvas.read(frame, level)
        guess = _finer(guide, pixels, unknown, frame, _parts(piece, level, method), method, done)
        field = _composed(pixels, guess, unknown) if level else method.blend(pixels, guess, unknown)
    if method.finish is not None:
        field = method.finish(pixels, field, unknown)
    inside = piece.box.shifted(-frame.x0, -frame.y0).slices
    canvas.fill(piece.box, np.ascontiguousarray(field[inside]), canvas.hole(piece.box))
    return Filled(unknown, _composed(pixels, guess, unknown), field)


def halved(pixels: Pixels) -> Pixels:
    """Reduce a picture to half its size.

    Args:
        pixels: (h, w, 3).

    Returns:
        (⌈h / 2⌉, ⌈w / 2⌉, 3), the means of 2 × 2 pixels, or of those there are.
    """
    height, width = pixels.shape[:2]
    whole = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    rows = whole[0::2] + whole[1::2]
    return (rows[:, 0::2] + rows[:, 1::2]) * np.float32(0.25)


def doubled(pixels: Pixels) -> Pixels:
    """Enlarge a picture to twice its size.

    Args:
        pixels: (h, w, 3).

    Returns:
        (2h, 2w, 3), between the pixels' centres interpolated linearly, beyond them constant.
    """
    return _doubled_rows(_doubled_rows(pixels).swapaxes(0, 1)).swapaxes(0, 1)


def merged(guide: Pixels, fine: Pixels) -> Pixels:
    """Put the low frequencies of one fill and the high frequencies of another together.

    Args:
        guide: (h, w, 3), a coarser fill, enlarged by :func:`doubled`.
        fine: (h, w, 3); its first pixel is the first of a pair that the coarser fill has as one.

    Returns:
        (h, w, 3), not beyond [0, 1] except as far as the guide goes.
    """
    height, width = fine.shape[:2]
    found = doubled(halved(fine))[:height, :width]
    np.subtract(fine, found, out=found)
    found += guide
    low, high = min(0.0, float(guide.min())), max(1.0, float(guide.max()))
    return np.clip(found, low, high, out=found)


def _finer(
    guide: Pixels,
    pixels: Pixels,
    unknown: Plane,
    frame: Box,
    parts: list[Box],
    method: Method,
    done: Callable[[int, int], None],
) -> Pixels:
    """Fill at one size, part by part, each going by those before it; around the hole as well."""
    seen = _composed(pixels, guide, unknown)
    guess = guide.copy()
    missing = unknown.copy()
    half = _reduced(frame, 1)
    height, width = unknown.shape
    for part in parts:
        # At half the size, so that crops begin where pairs of pixels do.
        near = context(
            _reduced(part, 1).shifted(-half.x0, -half.y0),
            method.limits.near // 2,
            half.size,
            method.multiple // 2,
        )
        crop = Box(2 * near.x0, 2 * near.y0, min(2 * near.x1, width), min(2 * near.y1, height))
        view, rough = crop.slices, guide[crop.slices]
        fine = merged(rough, method.fill(seen[view], missing[view], rough))
        inside = part.shifted(-frame.x0, -frame.y0)
        here = inside.shifted(-crop.x0, -crop.y0).slices
        own = missing[inside.slices][..., None]
        np.copyto(guess[view], fine, where=~unknown[view][..., None])
        for field in (guess, seen):
            np.copyto(field[inside.slices], fine[here], where=own)
        missing[inside.slices] = False
        done(*crop.size)
    return guess


def _parts(piece: Piece, level: int, method: Method) -> list[Box]:
    return cells(_reduced(piece.box, level), method.limits.near, method.limits.budget)


def _composed(pixels: Pixels, filled: Pixels, unknown: Plane) -> Pixels:
    return np.where(unknown[..., None], filled, pixels)


def _reduced(box: Box, level: int) -> Box:
    """The box after halvings, with all pixels that it has a part of."""
    return Box(box.x0 >> level, box.y0 >> level, -(-box.x1 >> level), -(-box.y1 >> level))


def _around(box: Box, margin: int, size: tuple[int, int]) -> Box:
    """A box with a margin, beginning at an even row and column."""
    return Box(
        max(box.x0 - margin, 0) & ~1,
        max(box.y0 - margin, 0) & ~1,
        min(box.x1 + margin, size[1]),
        min(box.y1 + margin, size[0]),
    )


def _doubled_rows(pixels: Pixels) -> Pixels:
    found = np.empty((2 * pixels.shape[0], *pixels.shape[1:]), np.float32)
    quarter = pixels * np.float32(0.25)
    most = pixels - quarter
    found[0::2] = most
    found[1::2] = most
    found[2::2] += quarter[:-1]
    found[1:-1:2] += quarter[1:]
    found[0] += quarter[0]
    found[-1] += quarter[-1]
    return found
