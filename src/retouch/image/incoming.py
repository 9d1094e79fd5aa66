"""Every form in which a program may hand over a picture."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from retouch.errors import Cancelled, InputError
from retouch.image.facts import BitDepth, FileFacts, Mode
from retouch.image.native import Samples
from retouch.image.picture import MAX_BYTES, Picture
from retouch.image.quiet import no_pillow_warnings

if TYPE_CHECKING:
    import torch
    from PIL import Image

_LIKELY_255 = 32.0
"""A float array that reaches this was meant to reach 255, not 1."""

_MODES: dict[int, Mode] = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def picture_of(value: object, max_pixels: int) -> Picture:
    """Take a picture in any form; see :meth:`retouch.image.Picture.of`."""
    if isinstance(value, Picture):
        return value
    if isinstance(value, str | Path | bytes):
        return Picture.open(value, max_pixels=max_pixels, max_bytes=MAX_BYTES)
    if isinstance(value, np.ndarray):
        return _from_array(value)
    if is_tensor(value):
        return _from_array(channels_last(cast("torch.Tensor", value)))
    if is_pillow(value):
        return _from_pillow(cast("Image.Image", value))
    raise InputError(
        f"cannot take a picture from {type(value).__name__}; give a path, the bytes of a file, "
        "a Pillow image, a numpy array or a torch tensor"
    )


def is_tensor(value: object) -> bool:
    """Whether a value is a torch tensor, found out without importing torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def is_pillow(value: object) -> bool:
    """Whether a value is a Pillow image, found out without importing Pillow."""
    image = sys.modules.get("PIL.Image")
    return image is not None and isinstance(value, image.Image)


def channels_last(tensor: torch.Tensor) -> NDArray[Any]:
    """Turn a tensor (C, H, W) or (1, C, H, W) into an array (H, W, C).

    Raises:
        InputError: the tensor has another shape.
    """
    shape = tuple(tensor.shape)
    if len(shape) == 4 and shape[0] == 1:
        tensor = tensor[0]
    if tensor.ndim != 3 or tensor.shape[0] not in (1, 3, 4):
        advice = (
            "pick one picture of the batch: tensor[i]"
            if len(shape) == 4 and shape[0] != 1
            else _advice(shape)
        )
        raise InputError(f"a picture tensor must be (1|3|4, H, W) or (1, 1|3|4, H, W), got {shape}; {advice}")
    values = tensor.detach().cpu()
    if not values.is_floating_point():
        return np.asarray(values.permute(1, 2, 0).numpy())
    return np.asarray(values.float().permute(1, 2, 0).numpy())


def turned_pillow(image: Image.Image) -> tuple[Samples, Mode, BitDepth]:
    """The samples of a Pillow image, upright."""
    from retouch.image import exif, pillow

    with no_pillow_warnings():
        samples, mode, depth = pillow.samples_of(image)
    block = exif.bare(image.info.get("exif") or b"")
    return exif.turned(samples, exif.orientation(block)), mode, depth


def _from_pillow(image: Image.Image) -> Picture:
    from retouch.image import exif, read, sniff

    if not image.width or not image.height:
        raise InputError(f"the Pillow image is {image.height}×{image.width}; give one with pixels")
    try:
        samples, mode, depth = turned_pillow(image)
    except (InputError, Cancelled):
        raise
    except Exception as error:
        # A Pillow image may still be an undecoded file, and decoders raise anything.
        reason = " ".join(str(error).split())[:120]
        raise InputError(
            f"the Pillow image cannot be decoded ({reason}); load it first: image.load()"
        ) from error
    if samples.dtype == np.float32:
        _check_floats(samples)
    kind = image.format if image.format in sniff.READABLE else None
    block = exif.upright(exif.bare(image.info.get("exif") or b""))
    facts = FileFacts(
        kind, mode, depth, read.profile_of(image), block, kind not in ("JPEG", "AVIF"), read.dpi_of(image)
    )
    return Picture(samples, facts)


def _from_array(array: NDArray[Any]) -> Picture:
    shape = array.shape
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in _MODES or not array.size:
        raise InputError(f"a picture array must be (H, W) or (H, W, 1|2|3|4), got {shape}; {_advice(shape)}")
    mode = _MODES[array.shape[2]]
    if array.dtype == np.bool_ and mode == "L":
        return Picture(array.astype(np.uint8) * np.uint8(255), FileFacts(mode="1", bit_depth=1))
    if array.dtype == np.uint8:
        return Picture(array.astype(np.uint8), FileFacts(mode=mode))
    if array.dtype == np.uint16:
        return Picture(array.astype(np.uint16), FileFacts(mode=mode, bit_depth=16))
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite, and is refused
            floats = array.astype(np.float32)
        _check_floats(floats)
        return Picture(floats, FileFacts(mode=mode, bit_depth=32))
    raise InputError(
        f"a picture array must be bool, uint8, uint16 or float in [0, 1], got {array.dtype}; "
        "convert it, e.g. array.astype('uint8') for 0…255"
    )


def _check_floats(array: NDArray[np.float32]) -> None:
    if not np.isfinite(array).all():
        raise InputError("the array holds NaN or infinity; replace them, e.g. with numpy.nan_to_num")
    top = float(array.max())
    if top >= _LIKELY_255:
        raise InputError(
            f"the float array reaches {top:g} but 1 is white; divide it by its full scale, "
            "e.g. array / 255, or give uint8"
        )


def _advice(shape: tuple[int, ...]) -> str:
    if len(shape) == 3 and shape[0] in _MODES and shape[2] not in _MODES:
        return "channels come last: numpy.moveaxis(array, 0, -1)"
    if len(shape) == 3 and shape[2] in _MODES and shape[0] not in _MODES:
        return "channels come first: tensor.permute(2, 0, 1)"
    if len(shape) == 4:
        return "give one picture, not a batch"
    return "give height, width and channels"
