"""Any picture-like thing to the values of a mask."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from retouch.errors import InputError
from retouch.image import incoming, native
from retouch.image.colour import LUMINANCE
from retouch.image.drawing import MAX_BYTES as MAX_DRAWING_BYTES
from retouch.image.drawing import Drawing
from retouch.image.facts import FileFacts
from retouch.image.native import Floats
from retouch.image.picture import Picture

if TYPE_CHECKING:
    import torch
    from PIL import Image


LEAST = 0.001
"""The part of a mask's pixels that may lie between 0 and full before it counts as unclean."""

FAINT = 0.02
"""The part of full by which a value may miss 0 or full: compression alone does that."""

LABELS = 64
"""Different values up to which a mask may be a map of labels."""


def mask_values(value: object, *, soft: bool) -> tuple[NDArray[np.bool_] | Floats, str | None]:
    """Turn a file, image, array, tensor or picture into the values of a mask.

    Args:
        value: as for :meth:`retouch.image.Mask.of`, but no shape.
        soft: keep values between 0 and 1.

    Returns:
        (H, W): bool, or float32 in [0, 1] when soft; and what was lost when values between 0 and
        full were cut at half, as one clause, or None.

    Raises:
        InputError: it is none of these, or holds NaN.
    """
    if incoming.is_tensor(value):
        value = _of_tensor(cast("torch.Tensor", value))
    if isinstance(value, np.ndarray):
        channels = _channels(value)
    elif incoming.is_pillow(value):
        # Not a Picture: a mask may hold floats of any size.
        samples, mode, _ = incoming.turned_pillow(cast("Image.Image", value))
        channels = Picture(samples, FileFacts(mode=mode)).pixels if mode == "CMYK" else samples
    elif isinstance(value, Picture | str | Path | bytes):
        picture = Picture.of(value)
        if picture.file.mode == "CMYK":
            channels = picture.decode(picture.box)
        else:
            channels = picture.samples
            if picture.file.bit_depth == 1:
                channels = channels >= 128
    else:
        raise InputError(
            f"cannot take a mask from {type(value).__name__}; give a file, an array, a Picture, "
            "a Polygon, a Box or a Region"
        )
    chosen = _strongest(channels)
    if chosen.dtype == np.bool_:
        # a copy: the caller may go on drawing on the array
        return chosen.astype(np.float32) if soft else chosen.astype(np.bool_), None
    if not np.isfinite(chosen).all():
        raise InputError("the mask holds NaN or infinity; 0 leaves a pixel alone, anything larger changes it")
    return (_unit(chosen), None) if soft else (_halved(chosen), _hygiene(chosen))


def drawing_in(file: str | Path | bytes) -> Drawing | None:
    """Read a drawing from a file that holds one instead of a picture.

    Args:
        file: a path, or the bytes of a file.

    Returns:
        The drawing; None when the file is not JSON, or cannot be opened.

    Raises:
        InputError: It is JSON, but not a drawing.
    """
    if isinstance(file, bytes):
        return Drawing.parse(file) if _begins_json(file) else None
    path = Path(file)
    try:
        # A pipe would wait for a writer; whoever opens the picture says what is wrong with it.
        if not path.is_file():
            return None
        with path.open("rb") as opened:
            if not _begins_json(opened.read(64)):
                return None
            opened.seek(0)
            text = opened.read(MAX_DRAWING_BYTES + 1)
    except (OSError, ValueError):
        return None
    try:
        return Drawing.parse(text)
    except InputError as error:
        raise InputError(f"{path!s:.200}: {error}") from None


def _begins_json(data: bytes) -> bool:
    return data[:64].removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")


def seen_in(picture: Picture, channel: str) -> Floats:
    """One channel of a picture, (H, W), sRGB-encoded; see :meth:`retouch.image.Mask.threshold`."""
    if channel == "alpha":
        return np.ones(picture.size, np.float32) if picture.alpha is None else picture.alpha
    pixels = picture.decode(picture.box)
    if channel == "gray":
        return np.asarray(pixels @ LUMINANCE, np.float32)
    return pixels[..., ("red", "green", "blue").index(channel)]


def _of_tensor(tensor: torch.Tensor) -> NDArray[Any]:
    if tensor.ndim == 2:
        tensor = tensor[None]
    elif tensor.ndim == 4 and tensor.shape[0] == 1 and tensor.shape[1] == 1:
        tensor = tensor[0]
    return incoming.channels_last(tensor)


def _channels(array: NDArray[Any]) -> NDArray[Any]:
    shape = array.shape
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 2, 3, 4) or not array.size:
        raise InputError(
            f"a mask array must be (H, W) or (H, W, 1|2|3|4), got {shape}; give one picture's mask"
        )
    if array.dtype.kind not in "buif":
        raise InputError(f"a mask array must hold bools or numbers, got {array.dtype}")
    return array


def _strongest(channels: NDArray[Any]) -> NDArray[Any]:
    """The alpha when it says something, else the largest colour channel, (H, W)."""
    count = channels.shape[2]
    if count in (2, 4):
        alpha = channels[..., -1]
        top = native.full_scale(channels) if channels.dtype.kind in "uf" else alpha.max()
        if (alpha < top).any():
            return alpha
        channels = channels[..., :-1]
    return channels.max(axis=2) if channels.shape[2] > 1 else channels[..., 0]


def _halved(values: NDArray[Any]) -> NDArray[np.bool_]:
    top = float(values.max())
    if top <= 0:
        return np.zeros(values.shape, np.bool_)
    return np.asarray(values >= top / 2, np.bool_)


def _hygiene(values: NDArray[Any]) -> str | None:
    """Say what cutting at half did to a mask that holds more than 0 and its largest value."""
    top = float(values.max())
    if top <= 0:
        return None
    between = (values > FAINT * top) & (values < (1 - FAINT) * top)
    share = float(between.mean())
    if share <= LEAST:
        return None
    flat = between[:, 1:] & (values[:, 1:] == values[:, :-1])
    if np.count_nonzero(flat) > np.count_nonzero(between) / 2:
        levels = np.unique(values[values > 0])
        kept = levels[levels >= top / 2]
        if len(levels) <= LABELS:
            return (
                f"the mask has {len(levels)} values above 0, each over an area, like a map of labels; only "
                f"{', '.join(f'{value:g}' for value in kept)} count as selected; save the labels that are "
                "meant as white on black"
            )
    return (
        f"{share:.1%} of the mask lies between black and white, as JPEG, soft brushes and smooth edges leave "
        "it, and was cut at half; if a rim of the object stays, grow the mask by a few pixels, and "
        "save masks as PNG in black and white"
    )


def _unit(values: NDArray[Any]) -> Floats:
    low, top = float(values.min()), float(values.max())
    if values.dtype.kind == "f":
        if low < 0 or top > 1:
            raise InputError(
                f"a soft mask of floats must lie in [0, 1], got {low:g} to {top:g}; scale it first"
            )
        return values.astype(np.float32)
    if low < 0 or top > 65535:
        raise InputError(f"a soft mask of whole numbers must lie in 0…255 or 0…65535, got {low:g} to {top:g}")
    if values.dtype == np.uint16:
        scale = 65535
    elif values.dtype == np.uint8:
        scale = 255
    else:
        scale = 1 if top <= 1 else 255 if top <= 255 else 65535
    return np.asarray(values / np.float32(scale), np.float32)
