"""Lightness and colours as operations that a graph can hold.

They are those of :mod:`retouch.tasks.translate.method.lab`.
"""

from __future__ import annotations

import torch
from torch import Tensor

_XYZ_OF_RGB = torch.tensor(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]],
    dtype=torch.float64,
)
_RELATIVE = _XYZ_OF_RGB / _XYZ_OF_RGB.sum(1, keepdim=True)
_TO_RGB = torch.linalg.inv(_RELATIVE)
_BEND = 6 / 29


def lightness(rgb: Tensor) -> Tensor:
    """Measure the lightness of colours.

    Args:
        rgb: ``(B, 3, H, W)``, sRGB in [0, 1].

    Returns:
        ``(B, 1, H, W)`` L*, 0 for black and 100 for white.
    """
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055).pow(2.4))
    relative = _mixed(_RELATIVE[1:2], linear)
    line = relative / (3 * _BEND**2) + 4 / 29
    curve = relative.clamp_min(_BEND**3).pow(1 / 3)
    return 116.0 * torch.where(relative > _BEND**3, curve, line) - 16.0


def coloured(light: Tensor, chroma: Tensor) -> Tensor:
    """Give a lightness colours; one that sRGB lacks is mixed with the gray of its luminance until it has it.

    Args:
        light: ``(B, 1, H, W)`` L*.
        chroma: ``(B, 2, H, W)`` a* and b*.

    Returns:
        ``(B, 3, H, W)``, sRGB in [0, 1].
    """
    y = (light + 16.0) / 116.0
    f = torch.cat([y + chroma[:, :1] / 500.0, y, y - chroma[:, 1:] / 200.0], 1)
    relative = torch.where(f > _BEND, f * f * f, 3 * _BEND**2 * (f - 4 / 29))
    rgb = _mixed(_TO_RGB, relative)
    gray = _mixed(_RELATIVE[1:2], rgb)
    over, under = rgb.amax(1, keepdim=True), rgb.amin(1, keepdim=True)
    whole = torch.ones_like(gray)
    share = torch.where(over > 1, (1 - gray) / torch.where(over > 1, over - gray, whole), whole)
    dark = torch.where(under < 0, gray / torch.where(under < 0, gray - under, whole), whole)
    linear = gray + torch.minimum(share, dark) * (rgb - gray)
    curve = 1.055 * linear.clamp_min(0.0031308).pow(1 / 2.4) - 0.055
    return torch.where(linear <= 0.0031308, 12.92 * linear, curve).clamp(0.0, 1.0)


def _mixed(matrix: Tensor, channels: Tensor) -> Tensor:
    return torch.nn.functional.conv2d(channels, matrix.float()[:, :, None, None])
