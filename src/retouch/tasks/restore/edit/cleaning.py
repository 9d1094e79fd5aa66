"""Noise taken out of a photo."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from retouch.image import Picture
from retouch.tasks.restore.edit.running import Wish, attempted
from retouch.tasks.restore.edit.sheet import Original, Sheet, with_report
from retouch.tasks.restore.method import tiles

if TYPE_CHECKING:
    from retouch.tasks.restore.method.forward import Forward
    from retouch.tasks.restore.method.tiles import Compute, Planes
    from retouch.weights import Card

CLEAN = 1.0
"""Levels of 255 below which a photo is left as it is; rounding to 8 bits alone makes 0.3."""

_APART = 1.5  # how many times off the noise that a network is for may be before that is said


def cleaned(
    forward: Forward, card: Card, picture: Picture, noise: float | None, strength: float, wish: Wish
) -> Picture:
    """Take the noise out of a photo; see :func:`retouch.restore`.

    Args:
        forward: a network of scale 1.
        card: its card.
        picture: the photo.
        noise: its standard deviation in levels of 255; None to estimate it.
        strength: how much is taken out, 0 to 1.
        wish: what else is asked for.

    Returns:
        The same kind of file.
    """
    original = Original(picture)
    level = original.noise() if noise is None else noise
    report: dict[str, float | int | str] = {
        "model": card.name,
        "noise_is": "estimated" if noise is None else "given",
    }
    if math.isfinite(level):
        report["noise"] = round(level, 2)
    if note := _remark(card, level, given=noise is not None):
        report["note"] = note
    if 0 in (strength, noise) or (noise is None and level < CLEAN):
        return with_report(picture, report)
    # Of an estimate the network is not told: it finds out for itself, as well as we do.
    compute = _cleaning(forward, noise=noise, strength=strength, ensemble=wish.ensemble)

    def attempt(pixels: float) -> Picture:
        tiling = wish.pieces.tiling(forward, original.size, pixels)
        count = tiling.pieces(original.size)
        tell = tiles.teller("cleaning", count, wish.progress)
        sheet = Sheet(original, original.size)
        channels = original.channels
        for top, band in tiles.bands(compute, original.read, original.size, tiling, tell, channels=channels):
            sheet.put(top, band)
        return sheet.finished({**report, "pieces": count})

    return attempted(attempt, wish.pieces.pixels(forward), fixed=wish.pieces.tile is not None)


def _cleaning(forward: Forward, *, noise: float | None, strength: float, ensemble: bool) -> Compute:
    def compute(planes: Planes) -> Planes:
        seen = planes.clip(0, 1)
        made = forward.planes(seen, noise=noise, ensemble=ensemble)
        if strength != 1:
            made = seen + np.float32(strength) * (made - seen)
        np.clip(made, 0, 1, out=made)
        # Light and colours that the network does not know stay what they are beyond its range.
        if not np.array_equal(seen, planes):
            made += planes - seen
        return made

    return compute


def _remark(card: Card, level: float, *, given: bool) -> str:
    """What a person should know about the noise, if anything."""
    if not math.isfinite(level):
        return (
            "the photo is too small to measure its noise; "
            "say how strong it is when the photo changes too much or too little"
        )
    if not given and level < CLEAN:
        return (
            f"hardly any noise was found ({level:.1f} levels of 255), and the photo is left as it is; "
            "say how strong the noise is to clean it all the same"
        )
    meant = card.settings.get("sigma")
    if not isinstance(meant, int | float) or isinstance(meant, bool) or meant <= 0:
        return ""
    if meant <= level * _APART and level <= meant * _APART:
        return ""
    return (
        f"{card.name} is for noise of {meant:g} levels of 255 and this is {level:.1f}; "
        "the model “denoise” is for any"
    )
