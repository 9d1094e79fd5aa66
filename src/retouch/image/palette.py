"""Colours to a palette and back, without losing one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MOST_COLOURS = 256

_STRIP = 1 << 18


def palette_of(samples: NDArray[np.uint8]) -> NDArray[np.uint32] | None:
    """List the distinct colours of a picture.

    Args:
        samples: (H, W, 3 | 4).

    Returns:
        (N,) ascending, each colour packed into 32 bits; None when there are more than 256.
    """
    flat = samples.reshape(-1, samples.shape[2])
    found = np.empty(0, np.uint32)
    for start in range(0, len(flat), _STRIP):
        found = np.union1d(found, _packed(flat[start : start + _STRIP]))
        if len(found) > MOST_COLOURS:
            return None
    return found


def indices_of(samples: NDArray[np.uint8], palette: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Replace each colour by its place in a palette.

    Args:
        samples: (H, W, 3 | 4).
        palette: what :func:`palette_of` found.

    Returns:
        (H, W).
    """
    height, width, channels = samples.shape
    flat = samples.reshape(-1, channels)
    indices = np.empty(len(flat), np.uint8)
    for start in range(0, len(flat), _STRIP):
        strip = slice(start, start + _STRIP)
        indices[strip] = np.searchsorted(palette, _packed(flat[strip]))
    return indices.reshape(height, width)


def channels_of(palette: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Unpack a palette to (N, 4) red, green, blue, alpha (0 when there is none)."""
    return (palette[:, None] >> np.array([24, 16, 8, 0], np.uint32) & 255).astype(np.uint8)


def image_with(samples: NDArray[np.uint8], palette: NDArray[np.uint32]) -> tuple[Image.Image, bytes | None]:
    """Make a Pillow palette image.

    Args:
        samples: (H, W, 3 | 4).
        palette: what :func:`palette_of` found.

    Returns:
        The image, and the opacity of each palette entry (None without an alpha channel).
    """
    colours = channels_of(palette)
    indices = indices_of(samples, palette)
    image = Image.frombytes("P", (samples.shape[1], samples.shape[0]), indices.tobytes())
    image.putpalette(colours[:, :3].tobytes())
    return image, colours[:, 3].tobytes() if samples.shape[2] == 4 else None


def _packed(flat: NDArray[np.uint8]) -> NDArray[np.uint32]:
    packed = np.zeros(len(flat), np.uint32)
    for channel in range(flat.shape[1]):
        packed |= flat[:, channel].astype(np.uint32) << np.uint32(24 - 8 * channel)
    return packed
