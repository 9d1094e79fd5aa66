"""Every form in which a program may want a picture back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from retouch.errors import UnknownName
from retouch.image import native
from retouch.image.colour import SRGB, colour_of
from retouch.image.picture import Picture

if TYPE_CHECKING:
    import torch
    from PIL import Image


def pillow_image(picture: Picture) -> Image.Image:
    """Give a Pillow image; see :meth:`retouch.image.Picture.to_pil`."""
    from retouch.image import pillow

    samples = picture.samples
    if samples.shape[2] > 1:
        samples = native.as_depth(samples, 8)
    image = pillow.image_of(samples, picture.file.mode)
    if picture.file.icc:
        image.info["icc_profile"] = picture.file.icc
    if picture.file.exif:
        image.info["exif"] = b"Exif\0\0" + picture.file.exif
    if picture.file.dpi:
        image.info["dpi"] = picture.file.dpi
    return image


def array(picture: Picture, dtype: str) -> NDArray[Any]:
    """Give an sRGB array; see :meth:`retouch.image.Picture.numpy`."""
    if dtype not in ("float32", "uint8", "uint16"):
        raise UnknownName("dtype", dtype, ("float32", "uint8", "uint16"))
    samples = picture.samples
    plain = samples.shape[2] >= 3 and picture.file.mode != "CMYK"
    if plain and samples.dtype == dtype and dtype != "float32" and _is_srgb(picture):
        return samples.copy()
    channel = native.alpha_channel(samples, picture.file)
    height, width = picture.size
    out = np.empty((height, width, 3 if channel is None else 4), dtype)
    for rows in native.strips(height, width):
        colours = picture.decode(picture.box.rows(rows))
        out[rows, :, :3] = native.quantised(colours, out.dtype)
    if picture.alpha is not None:
        out[..., 3] = native.quantised(picture.alpha, out.dtype)
    return out


def tensor(picture: Picture) -> torch.Tensor:
    """Give a tensor; see :meth:`retouch.image.Picture.tensor`."""
    import torch

    planes = np.ascontiguousarray(picture.decode(picture.box).transpose(2, 0, 1)[None])
    return torch.from_numpy(planes if planes.flags.writeable else planes.copy())


def _is_srgb(picture: Picture) -> bool:
    return isinstance(colour_of(picture.file.icc, "RGB"), SRGB)
