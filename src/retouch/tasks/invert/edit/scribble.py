"""From a coloured scribble of any kind to the strokes that a generator is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np
import torch
from numpy.typing import NDArray

from retouch.errors import EmptyMask, InputError, UnknownName
from retouch.image import Box, Mask, MaskLike, Picture, resample
from retouch.image.selecting import lab
from retouch.tasks.invert.edit.settings import Crop
from retouch.tasks.invert.method.strokes import Strokes

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

NEAR = 10.0
"""ΔE up to which a pixel has the colour of the background; JPEG compression reaches as much."""

MOST_OF_BORDER = 0.5
"""Part of the border that must have one colour for it to be a background."""

WHITE_ENOUGH = 0.25
"""Part of the whole that must be white for white to be the background, whatever the border has."""

_FINE = 8
"""A scribble is looked at with about so many points for each pixel of the generator, along each side."""

_FAINTEST = 0.05
_OPAQUE = 0.5


@dataclass(frozen=True)
class Scribble:
    """A scribble that was read.

    Attributes:
        strokes: at the generator's size.
        rule: by what strokes were told from the rest: "mask", "alpha", or the background's colour.
        coverage: the part of the scribble that is strokes, 0 … 1.
        box: what of the scribble the square shows; it leaves one that was padded.
        note: what should be known, or None.
    """

    strokes: Strokes
    rule: str
    coverage: float
    box: Box
    note: str | None


def read(scribble: Picture, side: int, *, mask: MaskLike | None = None, crop: Crop = "pad") -> Scribble:
    """Find the strokes of a scribble.

    With a mask, they are where it is, and the scribble is not transparent. Without one, where the scribble's
    opacity is at least one half. Without transparency, where its colour is not the background's: that which
    has most of the border, or else white, if there is much of it; smooth rims of strokes do not count.

    Args:
        scribble: any.
        side: of the generator's pictures.
        mask: where the strokes are.
        crop: "pad" for all of it, with nothing beside it; "centre" for its middle.

    Returns:
        The strokes. A pixel that they cover by half or more counts in full, one with less in proportion.

    Raises:
        EmptyMask: there is no stroke.
        SizeMismatch: the mask has another size.
        UnknownName: there is no such crop.
        InputError: there is neither transparency nor a background.
    """
    if crop not in get_args(Crop):
        raise UnknownName("crop", crop, get_args(Crop))
    step = max(1, max(scribble.size) // (_FINE * side))
    colours = np.clip(_thinned(scribble, step), 0, 1)
    drawn, rule, note = _drawn(scribble, colours, mask, step)
    if not drawn.any():
        raise EmptyMask(_missing(rule))
    height, width = drawn.shape
    box = _square((height, width), crop)
    planes = np.concatenate([colours * drawn[..., None], drawn[..., None]], axis=2).astype(np.float32)
    square = np.zeros((*box.size, 4), np.float32)
    inside = box.clipped((height, width)) or box
    square[inside.shifted(-box.x0, -box.y0).slices] = planes[inside.slices]
    small = resample.resize(np.moveaxis(square, 2, 0), (side, side), kernel="area")
    cover = small[3]
    if cover.max() < _FAINTEST:
        raise EmptyMask(
            f"the strokes cover {cover.max():.1%} of a pixel of the generator's {side}×{side} at most; "
            "draw broader ones"
            + ("" if crop == "pad" else ', or pass crop="pad" to take in all of the scribble')
        )
    means = small[:3] / np.maximum(cover, np.float32(1e-6))
    strokes = Strokes(
        torch.from_numpy(np.ascontiguousarray(means.clip(0, 1)))[None],
        torch.from_numpy(np.ascontiguousarray((2 * cover).clip(0, 1)))[None, None],
    )
    whole = Box(box.x0 * step, box.y0 * step, box.x1 * step, box.y1 * step)
    return Scribble(strokes, rule, float(drawn.mean()), whole, note)


def background(colours: Floats) -> Floats:
    """Find what a scribble without transparency was drawn on.

    Args:
        colours: (H, W, 3) in [0, 1].

    Returns:
        (3,), the colour that at least half of the border has; else white, if a quarter of all is white.

    Raises:
        InputError: there is neither.
    """
    border = np.concatenate([colours[0], colours[-1], colours[1:-1, 0], colours[1:-1, -1]])
    bins = np.floor(border * 15.999).astype(np.int64) @ np.array([256, 16, 1])
    commonest = np.bincount(bins).argmax()
    colour: Floats = np.median(border[bins == commonest], axis=0).astype(np.float32)
    share = float((_apart(border, colour) <= NEAR).mean())
    if share >= MOST_OF_BORDER:
        return colour
    white = np.ones(3, np.float32)
    if float((_apart(colours, white) <= NEAR).mean()) >= WHITE_ENOUGH:
        return white
    raise InputError(
        f"there is no transparency, the border has no one colour (the commonest has {share:.0%}), and "
        "it is not on white, so strokes cannot be told from the rest; save it as PNG with a transparent "
        "background, draw it on one colour, or pass a mask of the strokes"
    )


def _drawn(
    scribble: Picture, colours: Floats, mask: MaskLike | None, step: int
) -> tuple[Flags, str, str | None]:
    """Tell strokes from the rest: where they are, by which rule, and what should be known."""
    alpha = None if scribble.alpha is None else scribble.alpha[::step, ::step] >= _OPAQUE
    if mask is not None:
        found = Mask.of(mask, scribble.size)
        inside = found.inside[::step, ::step]
        return (inside if alpha is None else inside & alpha), "mask", found.hygiene
    if alpha is not None and not alpha.all():
        return alpha, "alpha", None
    colour = background(colours)
    red, green, blue = (round(255 * float(part)) for part in colour)
    return _on(colours, colour), f"background #{red:02x}{green:02x}{blue:02x}", None


def _on(colours: Floats, colour: Floats) -> Flags:
    """Find what lies on a background, without rims that are more than half of it."""
    seen, ground = lab(colours), lab(colour)
    apart = seen - ground
    far = np.square(apart).sum(axis=-1)
    drawn = np.asarray(far > NEAR**2, np.bool_)
    filled = np.pad(apart, ((1, 1), (1, 1), (0, 0)), mode="edge")
    height, width = drawn.shape
    rim = np.zeros_like(drawn)
    for dy in range(3):
        for dx in range(3):
            beside = filled[dy : dy + height, dx : dx + width]
            full = np.square(beside).sum(axis=-1)
            part = (apart * beside).sum(axis=-1) / np.maximum(full, 1e-6)
            off = np.square(apart - part[..., None] * beside).sum(axis=-1)
            rim |= (full > NEAR**2) & (part < _OPAQUE) & (off <= NEAR**2)
    return drawn & ~rim


def _apart(colours: Floats, colour: Floats) -> Floats:
    return np.asarray(np.sqrt(np.square(lab(colours) - lab(colour)).sum(axis=-1)), np.float32)


def _thinned(picture: Picture, step: int) -> Floats:
    """Every so many-th pixel of every so many-th row, (h, w, 3), without decoding all at once."""
    if step == 1:
        return picture.pixels
    rows = [
        picture.decode(Box(0, y, picture.width, y + 1))[0, ::step] for y in range(0, picture.height, step)
    ]
    return np.stack(rows)


def _square(size: tuple[int, int], crop: Crop) -> Box:
    height, width = size
    side = max(size) if crop == "pad" else min(size)
    left, top = (width - side) // 2, (height - side) // 2
    return Box(left, top, left + side, top + side)


def _missing(rule: str) -> str:
    if rule == "mask":
        return "the mask selects nothing of the scribble that can be seen; mark the strokes in white"
    if rule == "alpha":
        return "nothing of the scribble is at least half opaque; draw with an opaque brush"
    return (
        f"the scribble is nothing but {rule}; draw in another colour, save it with transparency, or pass a "
        "mask of the strokes"
    )
