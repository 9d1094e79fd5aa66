"""How close a picture is to the one it should be, pixel by pixel: PSNR, SSIM, MS-SSIM, mean |difference|.

All of them take two stacks of pictures and return one number for each pair. They are computed in
float64 unless asked otherwise, because SSIM subtracts squares that are nearly equal.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from retouch.errors import InputError
from retouch.nn.stacks import check_pair

SIGMA = 1.5
RADIUS = 5
WINDOW = 2 * RADIUS + 1

_C1 = 0.01**2
_C2 = 0.03**2

SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""The exponents of the five scales of MS-SSIM, finest first."""


def psnr(a: Tensor, b: Tensor, *, crop: int = 0) -> Tensor:
    """Peak signal-to-noise ratio in decibels, of each pair.

    Args:
        a: (B, C, H, W) in [0, 1].
        b: like ``a``.
        crop: pixels left out along each side.

    Returns:
        (B,) float64, 10·log₁₀(1 / mean squared difference); infinite where a pair is identical.

    Raises:
        SizeMismatch: The stacks have different shapes.
        InputError: A stack is not (B, C, H, W), or ``crop`` leaves nothing.
    """
    a, b = _pair(a, b, crop, torch.float64)
    return -10 * torch.log10((a - b).square().mean(dim=(1, 2, 3)))


def mean_absolute_difference(a: Tensor, b: Tensor, *, crop: int = 0) -> Tensor:
    """Mean absolute difference (L1) of each pair.

    Args:
        a: (B, C, H, W) in [0, 1].
        b: like ``a``.
        crop: pixels left out along each side.

    Returns:
        (B,) float64, in [0, 1].

    Raises:
        SizeMismatch: The stacks have different shapes.
        InputError: A stack is not (B, C, H, W), or ``crop`` leaves nothing.
    """
    a, b = _pair(a, b, crop, torch.float64)
    return (a - b).abs().mean(dim=(1, 2, 3))


def ssim(a: Tensor, b: Tensor, *, crop: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Structural similarity of each pair, averaged over the channels.

    The window is an 11×11 Gaussian of σ = 1.5, variances are the population's, and only windows
    that lie inside the picture count (a border of 5 pixels has none of its own). This is
    scikit-image's ``structural_similarity(gaussian_weights=True, sigma=1.5,
    use_sample_covariance=False, data_range=1)``.

    Args:
        a: (B, C, H, W) in [0, 1], at least 11×11 after cropping.
        b: like ``a``.
        crop: pixels left out along each side before anything is computed.
        dtype: the arithmetic; float32 is a little faster and right to about 1e-5.

    Returns:
        (B,) in [-1, 1], of ``dtype``; 1 where a pair is identical.

    Raises:
        SizeMismatch: The stacks have different shapes.
        InputError: A stack is not (B, C, H, W), or less than 11×11 is left of it.

    Source:
        Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to
        structural similarity", IEEE TIP 2004, section III.B. Departs: colour channels are
        averaged; the paper's are luminance only.
    """
    a, b = _pair(a, b, crop, dtype)
    _check_at_least(a, WINDOW, "SSIM's window")
    luminance, structure = ssim_maps(a, b)
    return (luminance * structure).mean(dim=(1, 2, 3))


def ms_ssim(
    a: Tensor,
    b: Tensor,
    *,
    crop: int = 0,
    weights: tuple[float, ...] = SCALE_WEIGHTS,
    dtype: torch.dtype = torch.float64,
) -> Tensor:
    """Structural similarity over several scales, of each pair, averaged over the channels.

    Args:
        a: (B, C, H, W) in [0, 1], at least 11·2^(scales − 1) on each side: 176 for five scales.
        b: like ``a``.
        crop: pixels left out along each side before anything is computed.
        weights: the exponent of each scale, finest first; fewer of them suit smaller pictures.
        dtype: the arithmetic.

    Returns:
        (B,) in [0, 1], of ``dtype``; 1 where a pair is identical.

    Raises:
        SizeMismatch: The stacks have different shapes.
        InputError: A stack is not (B, C, H, W), or is too small for that many scales.

    Source:
        Wang, Simoncelli, Bovik, "Multi-scale structural similarity for image quality
        assessment", Asilomar 2003, equation 7. Departs: means of contrast and structure below 0
        count as 0, where the paper's power has no real value; each scale is the 2×2 mean of the
        one before (an odd last row or column is dropped).
    """
    a, b = _pair(a, b, crop, dtype)
    if not weights:
        raise InputError("MS-SSIM got no weights; pass one exponent for each scale, finest first")
    _check_at_least(a, WINDOW * 2 ** (len(weights) - 1), f"MS-SSIM over {len(weights)} scales")
    product = torch.ones(a.shape[:2], dtype=dtype, device=a.device)
    for scale, weight in enumerate(weights):
        luminance, structure = ssim_maps(a, b)
        last = scale == len(weights) - 1
        factor = (luminance * structure if last else structure).mean(dim=(2, 3))
        product = product * factor.clamp(min=0) ** weight
        if not last:
            a, b = avg_pool2d(a, 2), avg_pool2d(b, 2)
    return product.mean(dim=1)


def _pair(a: Tensor, b: Tensor, crop: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    check_pair(a, b)
    height, width = a.shape[2:]
    if crop < 0 or 2 * crop >= min(height, width):
        raise InputError(
            f"crop={crop} leaves nothing of {height}×{width} pixels; "
            f"use 0 … {max((min(height, width) - 1) // 2, 0)}"
        )
    inside = (..., slice(crop, height - crop), slice(crop, width - crop))
    return a[inside].to(dtype), b[inside].to(dtype)


def _check_at_least(stack: Tensor, side: int, what: str) -> None:
    height, width = stack.shape[2:]
    if min(height, width) < side:
        raise InputError(
            f"{what} needs at least {side}×{side} pixels, got {height}×{width}; "
            "crop less, or compare larger pictures"
        )


def ssim_maps(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """The luminance term and the contrast-structure term of every window inside the picture."""
    maps = _blur(torch.stack((a, b, a * a, b * b, a * b)))
    mean_a, mean_b, square_a, square_b, product = maps.unbind()
    both = mean_a * mean_b
    squares = mean_a.square() + mean_b.square()
    luminance = (2 * both + _C1) / (squares + _C1)
    structure = (2 * (product - both) + _C2) / (square_a + square_b - squares + _C2)
    return luminance, structure


def _blur(stack: Tensor) -> Tensor:
    """Average over the Gaussian window, one direction after the other; the sides shrink by 10."""
    offsets = torch.arange(-RADIUS, RADIUS + 1, dtype=torch.float64)
    window = torch.exp(-0.5 * (offsets / SIGMA) ** 2)
    weights: list[float] = (window / window.sum()).tolist()
    for axis in (-2, -1):
        length = stack.shape[axis] - 2 * RADIUS
        total = stack.narrow(axis, RADIUS, length) * weights[RADIUS]
        for step in range(RADIUS):
            sides = stack.narrow(axis, step, length) + stack.narrow(axis, 2 * RADIUS - step, length)
            total.add_(sides, alpha=weights[step])
        stack = total
    return stack
