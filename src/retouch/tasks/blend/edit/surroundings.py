"""Edits of what surrounds a region: recolouring against it, tiling, filling from it."""

from __future__ import annotations

from typing import Literal

import numpy as np

from retouch.errors import InputError
from retouch.image import MaskLike, Picture, PictureLike
from retouch.progress import ProgressCallback
from retouch.tasks.blend.edit.region import (
    Tolerance,
    area_of,
    check_choice,
    check_range,
    clone,
    finished,
    report_of,
)
from retouch.tasks.blend.method import guidance

Axes = Literal["both", "horizontal", "vertical"]
Background = Literal["keep", "gray"]


def recolor(
    photo: PictureLike,
    mask: MaskLike,
    *,
    red: float = 1.0,
    green: float = 1.0,
    blue: float = 1.0,
    hue: float = 0.0,
    background: Background = "keep",
    tolerance: Tolerance = "visual",
    progress: ProgressCallback | None = None,
) -> Picture:
    """Change the colour of an object, or take the colour out of everything around it.

    The mask may be loose: the new colours fade into the surroundings at its rim.

    Args:
        photo: the photo.
        mask: a loose selection of the object.
        red: factor for the object's red, 0 or more.
        green: factor for its green.
        blue: factor for its blue.
        hue: turn of its hue in degrees; 120 takes red to green.
        background: "keep" leaves the rest alone; "gray" makes it black and white.
        tolerance: "visual" for at most half an 8-bit level of error, "exact" for a relative
            residual of 1e-7, or a relative residual.
        progress: called after every cycle of the solver.

    Returns:
        The photo with the object recoloured; outside the mask identical, or gray.

    Raises:
        EmptyMask: the region is empty.
        SizeMismatch: the mask does not have the photo's size.
        InputError: a negative factor.
        UnknownName: a background that does not exist.

    Source: Pérez et al. 2003, section 4, local colour changes.
    Departs: none.
    """
    check_choice("background", background, Background)
    for name, factor in (("red", red), ("green", green), ("blue", blue)):
        check_range(name, factor, 0, 100)
    check_range("hue", hue, -360, 360)
    picture = Picture.of(photo)
    area = area_of(picture, mask)
    guess = picture.decode(area.box) * np.array([red, green, blue], np.float32)
    if hue:
        guess = guidance.rotate_hue(guess, hue)
    rest = picture
    if background == "gray":
        rest = picture.edited(guidance.monochrome(picture.pixels))
    convergence = clone(
        guess, lambda: rest.decode(area.box), area.inside, tolerance=tolerance, progress=progress
    )
    return finished(rest, area, guess, convergence)


def tile(
    photo: PictureLike,
    *,
    axes: Axes = "both",
    tolerance: Tolerance = "visual",
    progress: ProgressCallback | None = None,
) -> Picture:
    """Make a picture that repeats without a visible seam.

    Args:
        photo: the photo, best one without strong structure across its sides.
        axes: "both" for repeats in both directions, "horizontal" for side by side, "vertical"
            for one above the other.
        tolerance: "visual" for at most half an 8-bit level of error, "exact" for a relative
            residual of 1e-7, or a relative residual.
        progress: called after every cycle of the solver.

    Returns:
        A picture of the same size whose opposite sides are equal.

    Raises:
        InputError: the photo has fewer than three pixels in a direction that is to repeat.
        UnknownName: axes that do not exist.

    Source: Pérez et al. 2003, section 4, seamless tiling.
    Departs: the outermost row of pixels is replaced by the next one in before anything else, because
        photos often carry a frame or a codec's fault there, which would become a line at every seam.
    """
    check_choice("axes", axes, Axes)
    picture = Picture.of(photo)
    columns, rows = axes in ("both", "horizontal"), axes in ("both", "vertical")
    if (columns and picture.width < 3) or (rows and picture.height < 3):
        raise InputError(
            f"the photo is {picture.height}×{picture.width} and a direction that repeats needs 3 pixels; "
            "pass a larger photo or other axes"
        )
    guess = picture.pixels.copy()
    unknown = np.ones(picture.size, bool)
    if columns:
        guess[:, [0, -1]] = guess[:, [1, -2]]
        unknown[:, [0, -1]] = False
    if rows:
        guess[[0, -1]] = guess[[1, -2]]
        unknown[[0, -1]] = False
    known = guess.copy()
    if columns:
        known[:, [0, -1]] = (known[:, :1] + known[:, -1:]) / 2
    if rows:
        known[[0, -1]] = (known[:1] + known[-1:]) / 2
    convergence = clone(guess, lambda: known, unknown, tolerance=tolerance, progress=progress)
    np.copyto(guess, known, where=~unknown[..., None])
    return picture.edited(guess, report=report_of(convergence, int(np.count_nonzero(unknown))))


def fill(
    photo: PictureLike,
    mask: MaskLike,
    *,
    tolerance: Tolerance = "visual",
    progress: ProgressCallback | None = None,
) -> Picture:
    """Fill a hole with the smoothest surface through its rim.

    Good for dust, thin scratches and blemishes on smooth ground; it invents no texture.

    Args:
        photo: the photo; what it shows inside the hole is not used.
        mask: the hole.
        tolerance: "visual" for at most half an 8-bit level of error, "exact" for a relative
            residual of 1e-7, or a relative residual.
        progress: called after every cycle of the solver.

    Returns:
        The photo with the hole filled, identical outside it.

    Raises:
        EmptyMask: the hole is empty.
        SizeMismatch: the mask does not have the photo's size.
        InputError: the hole covers the whole photo.

    Source: Pérez et al. 2003, section 2, equation 2 (membrane interpolation).
    Departs: none.
    """
    picture = Picture.of(photo)
    area = area_of(picture, mask)
    if area.inside.all():
        raise InputError("the hole covers the whole photo; leave some of it to fill from")
    guess = np.zeros((*area.box.size, 3), np.float32)
    convergence = clone(
        guess, lambda: picture.decode(area.box), area.inside, tolerance=tolerance, progress=progress
    )
    return finished(picture, area, guess, convergence)
