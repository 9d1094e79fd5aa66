"""Doubling and halving of maps with the low-pass filter [1, 3, 3, 1], by operations that every device has."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

TAPS = (1.0, 3.0, 3.0, 1.0)
"""The filter along one axis; over both it is their outer product, with sum 1."""


def filter_like(x: Tensor, gain: float = 1.0) -> Tensor:
    """Give the filter as a weight of a convolution, channel by channel.

    Args:
        x: (B, C, H, W), of whose type, device and channels it shall be.
        gain: its sum.

    Returns:
        (C, 1, 4, 4).
    """
    taps = torch.tensor(TAPS, dtype=torch.float32, device=x.device)
    square = torch.outer(taps, taps) * (gain / sum(TAPS) ** 2)
    return square.to(x.dtype).expand(x.shape[1], 1, len(TAPS), len(TAPS))


def doubled(x: Tensor) -> Tensor:
    """Double a picture's size.

    Args:
        x: (B, C, H, W), few channels.

    Returns:
        (B, C, 2H, 2W): zeros between the pixels, then the filter. Over a border of zeros, bilinear doubling
        does exactly this.

    Source: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020,
        arXiv:1912.04958, section 4.1.
    Departs: none.
    """
    larger = F.interpolate(F.pad(x, (1, 1, 1, 1)), scale_factor=2, mode="bilinear", align_corners=False)
    return larger[:, :, 2:-2, 2:-2]


def doubling_conv(x: Tensor, weight: Tensor) -> Tensor:
    """Double maps and convolve them by 3×3, in one.

    Args:
        x: (B, I, H, W).
        weight: (O, I, 3, 3).

    Returns:
        (B, O, 2H, 2W).
    """
    larger = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)  # (B, O, 2H + 1, 2W + 1)
    return F.conv2d(larger, filter_like(larger, gain=4.0), padding=1, groups=larger.shape[1])


def halved(x: Tensor) -> Tensor:
    """Halve maps.

    Args:
        x: (B, C, H, W), even sides.

    Returns:
        (B, C, H/2, W/2).
    """
    # The gradient of a strided filter of single channels is slow on CPUs: it is applied everywhere instead.
    return F.conv2d(x, filter_like(x), padding=1, groups=x.shape[1])[:, :, ::2, ::2]


def halving_conv(x: Tensor, weight: Tensor) -> Tensor:
    """Filter maps and convolve them by 3×3 at every second place.

    Args:
        x: (B, I, H, W), even sides.
        weight: (O, I, 3, 3).

    Returns:
        (B, O, H/2, W/2).
    """
    smooth = F.conv2d(x, filter_like(x), padding=2, groups=x.shape[1])  # (B, I, H + 1, W + 1)
    return F.conv2d(smooth, weight, stride=2)
