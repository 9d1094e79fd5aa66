"""Transparency of a picture that is restored: what colours lie under it, and how it is enlarged."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from retouch.image import resample
from retouch.tasks.restore.method.rows import Rows

Floats = NDArray[np.float32]

_STRIP = 256
_LEAST = 1e-6


def bled(pixels: Floats, seen: NDArray[np.bool_]) -> Floats:
    """Let colours go on under what is transparent, so that no rim appears there.

    Args:
        pixels: (H, W, 3).
        seen: (H, W), True where a pixel's colour is to be kept.

    Returns:
        (H, W, 3): elsewhere means of the colours around, of ever wider surroundings. Where no pixel is
        seen, the pixels as they are.

    Source: Gortler et al. 1996, "The Lumigraph", section 3.4 (pull and push).
    """
    if seen.all() or not seen.any():
        return pixels
    return _pulled(np.where(seen[..., None], pixels, np.float32(0)), seen.astype(np.float32))


def enlarged(alpha: Floats, size: tuple[int, int]) -> Iterator[tuple[int, Floats]]:
    """Bring an opacity to another size.

    Args:
        alpha: (H, W) in [0, 1].
        size: height and width that are wanted.

    Yields:
        The first row and the rows from there, (h, width) in [0, 1]. A rim that was hard stays as sharp as the
        new pixels allow.
    """
    hard = bool(((alpha == 0) | (alpha == 1)).all())
    factor = np.float32(max(size[0] / alpha.shape[0], size[1] / alpha.shape[1], 1.0))
    rows = Rows((alpha.shape[0], alpha.shape[1]), size)
    for top in range(0, alpha.shape[0], _STRIP):
        for first, (strip,) in rows.push(alpha[None, top : top + _STRIP]):
            sharp = (strip - np.float32(0.5)) * factor + np.float32(0.5) if hard else strip
            yield first, np.clip(sharp, 0, 1, dtype=np.float32)


def _pulled(weighted: Floats, weight: Floats) -> Floats:
    """The colours ``weighted / weight``, filled where the weight is 0."""
    found: Floats = np.divide(weighted, np.maximum(weight, _LEAST)[..., None], dtype=np.float32)
    unknown = weight <= 0
    if not unknown.any() or max(weight.shape) == 1:
        return found
    coarse = _pulled(_halved(weighted), _halved(weight[..., None])[..., 0])
    # Nearest neighbours would show as blocks.
    twice = (2 * coarse.shape[0], 2 * coarse.shape[1])
    smooth = np.moveaxis(resample.resize(np.moveaxis(coarse, 2, 0), twice, kernel="bilinear"), 0, 2)
    filled: Floats = np.where(unknown[..., None], smooth[: weight.shape[0], : weight.shape[1]], found)
    return filled


def _halved(values: Floats) -> Floats:
    height, width = values.shape[:2]
    if height % 2 or width % 2:
        values = np.pad(values, ((0, height % 2), (0, width % 2), (0, 0)))
    rows = values[0::2] + values[1::2]
    halved: Floats = rows[:, 0::2] + rows[:, 1::2]
    return halved
