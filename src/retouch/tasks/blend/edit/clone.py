"""Seamless cloning: a region of one photo put into another."""

from __future__ import annotations

from typing import Literal

import numpy as np

from retouch.errors import EmptyMask, InputError, SizeMismatch
from retouch.image import Box, Mask, MaskLike, Picture, PictureLike, Point
from retouch.progress import ProgressCallback
from retouch.tasks.blend.edit.region import (
    Area,
    Pixels,
    Tolerance,
    check_choice,
    check_range,
    clone,
    cut,
    finished,
)
from retouch.tasks.blend.method import guidance

Gradients = Literal["source", "mixed", "average", "mono"]
MaskFrame = Literal["auto", "source", "target"]


def blend(
    source: PictureLike,
    target: PictureLike,
    mask: MaskLike | None = None,
    *,
    at: Point | None = None,
    center: Point | None = None,
    gradients: Gradients = "source",
    source_weight: float = 0.5,
    mask_on: MaskFrame = "auto",
    linear_light: bool = False,
    tolerance: Tolerance = "visual",
    progress: ProgressCallback | None = None,
) -> Picture:
    """Clone a region of one photo into another so that no seam shows.

    Args:
        source: the photo that the region is taken from.
        target: the photo that it is put into; the result is this photo, changed inside the region.
        mask: the region; without one, the source's transparency says what to take.
        at: where the source's top-left corner lands in the target, (x, y) in pixels; negative and
            far values are fine, what falls outside the target is left out. Default 0,0.
        center: where the source's middle lands instead: the same as at = center − (W // 2, H // 2).
        gradients: "source" keeps the source's detail; "mixed" takes the stronger of the two photos'
            gradients on every edge and channel (text, glass, smoke); "average" weighs them;
            "mono" takes the source's detail without its colour.
        source_weight: the source's part in "average", 0…1.
        mask_on: the photo on which the mask was drawn; "auto" finds out by its size, and takes a
            shape (polygon, box) as drawn on the source.
        linear_light: solve in linear light instead of encoded values: differences then add as light
            does, which suits glows and reflections, but can push dark detail below black.
        tolerance: "visual" for at most half an 8-bit level of error, "exact" for a relative
            residual of 1e-7, or a relative residual.
        progress: called after every cycle of the solver.

    Returns:
        The target with the region in it: its size, mode, bit depth, alpha and profile; pixels
        outside the mask bit-identical. The report has residual, cycles and pixels.

    Raises:
        EmptyMask: the region is empty, or nothing of it falls on the target.
        SizeMismatch: the mask has neither the source's nor the target's size.
        InputError: both at and center, no mask and no transparency, or a bad value.
        UnknownName: a choice that does not exist.

    Source: Pérez et al. 2003, equations 7 and 9 (source), 12 and 13 (mixed); section 3 (mono).
    Departs: mixed compares the two differences on each edge between two pixels, as equation 13 does,
        not the two gradient vectors; a neighbour outside the source adds no gradient.
    """
    check_choice("gradients", gradients, Gradients)
    check_choice("mask frame", mask_on, MaskFrame)
    check_range("source_weight", source_weight, 0, 1)
    patch, photo = Picture.of(source), Picture.of(target)
    corner = _corner(patch, at, center)
    area = _region(patch, photo, mask, mask_on, corner)
    guess = _decoded_around(patch, area.box, corner)
    if gradients == "mono":
        guess = guidance.monochrome(guess)
    to_working = guidance.to_linear if linear_light else _unchanged

    def known() -> Pixels:
        return to_working(photo.decode(area.box))

    guess = to_working(guess)
    if gradients == "average":
        guess = np.float32(source_weight) * guess + np.float32(1 - source_weight) * known()
    mixed = gradients == "mixed"
    convergence = clone(guess, known, area.inside, mixed=mixed, tolerance=tolerance, progress=progress)
    return finished(photo, area, guidance.to_encoded(guess) if linear_light else guess, convergence)


def _unchanged(pixels: Pixels) -> Pixels:
    return pixels


def _corner(source: Picture, at: Point | None, center: Point | None) -> Point:
    """Where the source's top-left corner lands in the target."""
    if at is not None and center is not None:
        raise InputError("both at and center were given; pass one of them")
    x, y = _point("at", at if at is not None else (0, 0))
    if center is not None:
        x, y = _point("center", center)
        x, y = x - source.width // 2, y - source.height // 2
    return x, y


def _point(name: str, value: Point) -> Point:
    try:
        x, y = (int(v) for v in value)
        whole = all(float(v) == int(v) for v in value)
    except (TypeError, ValueError, OverflowError):
        whole = False
    if not whole:
        raise InputError(f"{name}={value!r}; pass two whole numbers (x, y) in pixels")
    return x, y


def _region(source: Picture, target: Picture, mask: MaskLike | None, frame: MaskFrame, corner: Point) -> Area:
    """Where the region lies in the target."""
    if mask is None:
        if source.alpha is None:
            raise InputError(
                "no mask was given and the source has no transparency to take its place; pass a mask"
            )
        region, on_source = Mask.of(source.alpha), True
    else:
        region, on_source = _rasterised(mask, source, target, frame)
    x, y = corner
    left, top = max(x, 0), max(y, 0)
    right, bottom = min(x + source.width, target.width), min(y + source.height, target.height)
    if left >= right or top >= bottom:
        raise EmptyMask(
            f"the source ({source.height}×{source.width}) placed at {x},{y} lies outside the target "
            f"({target.height}×{target.width}); move it inside"
        )
    shift = corner if on_source else (0, 0)
    overlap = (slice(top - shift[1], bottom - shift[1]), slice(left - shift[0], right - shift[0]))
    if not region.inside[overlap].any():
        raise EmptyMask(
            f"the mask selects nothing of the source that falls on the target when its corner is at {x},{y}; "
            "move the source or mark another region"
        )
    fade = region.numpy()[overlap] if region.is_soft else None
    return cut(region.inside[overlap], fade, (left, top), target.size)


def _rasterised(mask: MaskLike, source: Picture, target: Picture, frame: MaskFrame) -> tuple[Mask, bool]:
    """The mask as pixels, and whether it lies on the source (else on the target)."""
    sizes = {"source": source.size, "target": target.size}
    if frame != "auto":
        return Mask.of(mask, sizes[frame]), frame == "source"
    try:
        return Mask.of(mask, source.size), True
    except SizeMismatch:
        try:
            return Mask.of(mask, target.size), False
        except SizeMismatch as mismatch:
            raise SizeMismatch(
                f"{mismatch} (the source is {source.height}×{source.width}, the target "
                f"{target.height}×{target.width}; the mask must have the size of one of them)"
            ) from None


def _decoded_around(source: Picture, box: Box, corner: Point) -> Pixels:
    """The source's pixels under a box of the target; beyond the source its border is repeated."""
    x0, y0, x1, y1 = box.x0 - corner[0], box.y0 - corner[1], box.x1 - corner[0], box.y1 - corner[1]
    inner = Box(max(x0, 0), max(y0, 0), min(x1, source.width), min(y1, source.height))
    pixels = source.decode(inner)
    missing = ((inner.y0 - y0, y1 - inner.y1), (inner.x0 - x0, x1 - inner.x1), (0, 0))
    if any(side for pair in missing for side in pair):
        return np.pad(pixels, missing, mode="edge")
    return pixels.copy()
