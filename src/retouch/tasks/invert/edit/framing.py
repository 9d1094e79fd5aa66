"""From a photo of any kind to the square that a generator could have made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from retouch.errors import InputError, UnknownName
from retouch.image import Box, Picture, resample
from retouch.image.convert import is_opaque
from retouch.tasks.invert.edit.settings import Crop

if TYPE_CHECKING:
    from retouch.weights.card import JSON

Floats = NDArray[np.float32]

_ROOM = 4
"""The whole photo is kept for the search for its place at no more than so many times the generator's side."""


@dataclass(frozen=True)
class Framed:
    """A photo as it is looked for.

    Args:
        target: (1, 3, R, R) in [0, 1].
        where: (1, 1, R, R) in [0, 1], what of it counts; None for all.
        whole: (1, 3, h, w) in [0, 1], the whole photo, reduced.
        seen: (1, 1, h, w), what of the whole counts; None for all.
        crop: how it was made square.
        box: what of the photo the square shows; it leaves a photo that was padded.
        size: height and width of the photo.
    """

    target: Tensor
    where: Tensor | None
    whole: Tensor
    seen: Tensor | None
    crop: Crop
    box: Box
    size: tuple[int, int]

    def facts(self) -> dict[str, JSON]:
        """Say it, for a latent file."""
        box = self.box
        return {"photo": list(self.size), "crop": self.crop, "box": [box.x0, box.y0, box.x1, box.y1]}


def framed(photo: Picture, side: int, crop: Crop = "centre") -> Framed:
    """Make a photo square, and as small as a generator's pictures.

    What is transparent does not count; under it the nearest visible colours go on. Gray, palettes, 16 bits
    and profiles are read as the colours they mean.

    Args:
        photo: any.
        side: of the generator's pictures.
        crop: "centre" takes the middle; "pad" takes all, and what is beside the photo does not count.

    Returns:
        What is looked for.

    Raises:
        UnknownName: there is no such crop.
        InputError: nothing of it can be seen.
    """
    if crop not in get_args(Crop):
        raise UnknownName("crop", crop, get_args(Crop))
    pixels, alpha = _shown(photo)
    box = _square(photo.size, crop)
    square, counts = _cut(pixels, box), None if alpha is None else _cut(alpha, box)
    if crop == "pad" and box != photo.box:
        inside = np.ones(photo.size, np.float32) if alpha is None else alpha
        counts = _cut(inside, box, beyond=0.0)
    if counts is not None and not (counts > 0).any():
        raise InputError(
            "nothing of the photo can be seen where it is looked for; lay it on a background, or crop it"
        )
    factor = min(1.0, _ROOM * side / min(photo.size))
    size = max(round(photo.height * factor), 1), max(round(photo.width * factor), 1)
    return Framed(
        target=_planes(square, (side, side)),
        where=None if counts is None else _planes(counts[..., None], (side, side)),
        whole=_planes(pixels, size),
        seen=None if alpha is None else _planes(alpha[..., None], size),
        crop=crop,
        box=box,
        size=photo.size,
    )


def _shown(photo: Picture) -> tuple[Floats, Floats | None]:
    pixels = np.clip(photo.pixels, 0, 1)
    alpha = None if is_opaque(photo) else photo.alpha
    if alpha is None:
        return pixels, None
    if not (alpha > 0).any():
        raise InputError("nothing of the photo can be seen, all of it is transparent; give another one")
    from scipy import ndimage

    nearest = ndimage.distance_transform_edt(alpha <= 0, return_distances=False, return_indices=True)
    return pixels[tuple(nearest)], alpha


def _square(size: tuple[int, int], crop: Crop) -> Box:
    """Give the square in the middle, or the one around all."""
    height, width = size
    side = min(size) if crop == "centre" else max(size)
    left, top = (width - side) // 2, (height - side) // 2
    return Box(left, top, left + side, top + side)


def _cut(values: Floats, box: Box, beyond: float | None = None) -> Floats:
    """Cut a square out, and go on beyond the rim with a value, or with the nearest pixels."""
    height, width = values.shape[:2]
    rows, columns = np.arange(box.y0, box.y1), np.arange(box.x0, box.x1)
    cut: Floats = values[rows.clip(0, height - 1)][:, columns.clip(0, width - 1)]
    if beyond is None:
        return cut
    outside = ((rows < 0) | (rows >= height))[:, None] | ((columns < 0) | (columns >= width))[None]
    return np.where(outside, np.float32(beyond), cut)


def _planes(values: Floats, size: tuple[int, int]) -> Tensor:
    """Bring (H, W, C) to (1, C, h, w): reduced by Lanczos, as data sets are, or enlarged by a cubic."""
    shrinks = values.shape[0] >= size[0]
    planes = resample.resize(np.moveaxis(values, 2, 0), size, kernel="lanczos" if shrinks else "bicubic")
    return torch.from_numpy(np.ascontiguousarray(planes.clip(0, 1)))[None]
