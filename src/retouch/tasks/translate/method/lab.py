"""Between sRGB and CIE L*a*b*: colours for a lightness that must stay."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from retouch.image.colour import linear_from_srgb, srgb_from_linear

Floats = NDArray[np.float32]

LIGHTNESS = np.float32(50)
"""A network's input is L / 50 − 1."""

CHROMA = np.float32(110)
"""Its output is a / 110 and b / 110."""

_XYZ_OF_RGB = np.array(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
)
_WHITE = _XYZ_OF_RGB.sum(axis=1)  # so that gray has no colour at all
_RELATIVE = (_XYZ_OF_RGB / _WHITE[:, None]).astype(np.float32)
_TO_RGB = np.linalg.inv(_XYZ_OF_RGB / _WHITE[:, None]).astype(np.float32)
_BEND = np.float32(6 / 29)


def lightness(rgb: Floats) -> Floats:
    """Measure the lightness of colours.

    Args:
        rgb: ``(…, 3)`` sRGB-encoded.

    Returns:
        ``(…)`` L*, 0 for black and 100 for white.

    Source: CIE 15:2004, section 8.2.1; the primaries and white of sRGB (D65).
    """
    relative = linear_from_srgb(rgb) @ _RELATIVE[1]
    return np.float32(116) * _bent(relative) - np.float32(16)


def coloured(light: Floats, chroma: Floats) -> Floats:
    """Give a lightness colours.

    Args:
        light: ``(…)`` L*, 0 … 100.
        chroma: ``(…, 2)`` a* and b*.

    Returns:
        ``(…, 3)`` sRGB-encoded, in [0, 1].

    Source: CIE 15:2004, section 8.2.1.
    Departs: a colour that sRGB does not have is mixed with the gray of its luminance until it has;
        clipping red, green and blue, as scikit-image does, would change the lightness.
    """
    rgb = _linear(light, chroma)
    gray = rgb @ _RELATIVE[1][:, None]
    over, under = rgb.max(axis=-1, keepdims=True), rgb.min(axis=-1, keepdims=True)
    share = np.ones_like(gray)
    np.divide(1 - gray, over - gray, out=share, where=over > 1)
    np.minimum(share, np.divide(gray, gray - under, out=np.ones_like(gray), where=under < 0), out=share)
    return np.clip(srgb_from_linear(gray + share * (rgb - gray)), 0, 1)


def _linear(light: Floats, chroma: Floats) -> Floats:
    y = (light + np.float32(16)) / np.float32(116)
    f = np.stack([y + chroma[..., 0] / np.float32(500), y, y - chroma[..., 1] / np.float32(200)], axis=-1)
    relative = np.where(f > _BEND, f**3, 3 * _BEND**2 * (f - np.float32(4 / 29)))
    found: Floats = (relative @ _TO_RGB.T).astype(np.float32, copy=False)
    return found


def _bent(relative: Floats) -> Floats:
    line = relative / (3 * _BEND**2) + np.float32(4 / 29)
    found: Floats = np.where(relative > _BEND**3, np.cbrt(relative), line).astype(np.float32, copy=False)
    return found
