"""Between Pillow images and samples; the only place that knows Pillow's modes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from retouch.errors import InputError
from retouch.image.facts import BitDepth, Mode
from retouch.image.native import Samples

_DIRECT: tuple[Mode, ...] = ("L", "LA", "RGB", "RGBA", "CMYK")
_THROUGH = {"PA": "RGBA", "RGBX": "RGB", "RGBa": "RGBA", "La": "LA", "YCbCr": "RGB", "HSV": "RGB"}


def samples_of(image: Image.Image) -> tuple[Samples, Mode, BitDepth]:
    """Take the samples out of a Pillow image.

    A colour that is declared transparent becomes an alpha channel; a palette becomes the
    colours it names; YCbCr, HSV and Lab become RGB.

    Args:
        image: loaded or not.

    Returns:
        Samples (H, W, C), and the mode and bit depth that they had.

    Raises:
        InputError: the mode is unknown, or 32-bit integers do not fit 16 bits.
    """
    mode = image.mode
    if mode == "1" and not image.has_transparency_data:
        return np.asarray(image, np.uint8)[..., None] * np.uint8(255), "1", 1
    if mode == "P":
        return _array(image.convert("RGBA" if image.has_transparency_data else "RGB")), "P", 8
    if mode in ("1", "L", "RGB") and image.has_transparency_data:
        image = image.convert("RGBA" if mode == "RGB" else "LA")
    elif mode in _THROUGH:
        image = image.convert(_THROUGH[mode])
    elif mode == "LAB":
        image = _rgb_of_lab(image)
    for direct in _DIRECT:
        if image.mode == direct:
            return _array(image), direct, 8
    if mode.startswith("I;16"):
        return _array(image).astype(np.uint16), "L", 16
    if mode == "I":
        values = _array(image)
        if values.min() < 0 or values.max() > 65535:
            raise InputError(
                f"the picture holds 32-bit numbers from {values.min()} to {values.max()}; "
                "scale them to 0…65535"
            )
        return values.astype(np.uint16), "L", 16
    if mode == "F":
        return _array(image).astype(np.float32), "L", 32
    raise InputError(f"the Pillow mode {mode!r} is unknown; convert the image to RGB first")


def image_of(samples: Samples, mode: Mode) -> Image.Image:
    """Make a Pillow image.

    Args:
        samples: (H, W, C) uint8, or gray uint16 or float32.
        mode: what they are; for ``"1"`` 0 and 255, for ``"P"`` the colours.
    """
    height, width, channels = samples.shape
    if mode == "1":
        return Image.fromarray(samples[..., 0] >= 128)
    if channels == 1:
        return Image.fromarray(np.ascontiguousarray(samples[..., 0]))
    name = "CMYK" if mode == "CMYK" else {2: "LA", 3: "RGB", 4: "RGBA"}[channels]
    return Image.frombytes(name, (width, height), np.ascontiguousarray(samples).data)


def _array(image: Image.Image) -> NDArray[Any]:
    array = np.asarray(image)
    return array if array.ndim == 3 else array[..., None]


def _rgb_of_lab(image: Image.Image) -> Image.Image:
    from PIL import ImageCms

    transform = ImageCms.buildTransform(
        ImageCms.createProfile("LAB"),
        ImageCms.createProfile("sRGB"),
        "LAB",
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    return transform.apply(image)
