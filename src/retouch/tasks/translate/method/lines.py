"""Line drawings of pictures: what sketch-to-picture networks learn from, and are given."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

PAPER = 128
"""The side, in pixels, of the picture that line widths are measured at."""


def drawn(
    picture: Tensor,
    *,
    width: float = 0.9,
    darkness: float = 0.5,
    sharpness: float = 10.0,
    contrast: float = 16.0,
) -> Tensor:
    """Draw a picture as black lines on white paper.

    Args:
        picture: ``(B, 3, H, W)`` in [0, 1].
        width: of the lines: standard deviation of the finer Gaussian in pixels, at a picture of 128
            pixels on its shorter side; larger pictures get lines as much wider.
        darkness: the level, 0 to 1, below which a filtered pixel becomes ink.
        sharpness: how steeply paper turns to ink; high for a pen, low for a pencil.
        contrast: how much a difference to the surroundings counts beside the pixel's own lightness.

    Returns:
        ``(B, 1, H, W)`` in [0, 1]; 1 is paper.

    Source: Winnemöller, Kyprianidis, Olsen 2012, "XDoG", doi:10.1016/j.cag.2012.03.004, equations 5 to 7.
    Departs: lightness is sRGB-encoded luma (BT.601), not CIE L*.
    """
    weights = torch.tensor([0.299, 0.587, 0.114], device=picture.device).view(1, 3, 1, 1)
    luma = (picture.float() * weights).sum(dim=1, keepdim=True)
    sigma = width * min(luma.shape[-2:]) / PAPER
    # The contrast would multiply the rounding of bfloat16 too.
    with torch.autocast(picture.device.type, enabled=False):
        fine, coarse = _blurred(luma, sigma), _blurred(luma, 1.6 * sigma)
    level = (1.0 + contrast) * fine - contrast * coarse
    return torch.where(level >= darkness, 1.0, 1.0 + torch.tanh(sharpness * (level - darkness)))


def _blurred(x: Tensor, sigma: float) -> Tensor:
    reach = max(1, math.ceil(3.0 * sigma))
    offsets = torch.arange(-reach, reach + 1, device=x.device, dtype=torch.float32)
    row = torch.exp(-0.5 * (offsets / sigma) ** 2)
    row = row / row.sum()
    x = F.pad(x, (reach, reach, reach, reach), mode="replicate")
    return F.conv2d(F.conv2d(x, row.view(1, 1, 1, -1)), row.view(1, 1, -1, 1))
