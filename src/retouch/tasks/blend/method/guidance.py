"""The fields that an edit asks the picture's gradient to follow. Pictures are (H, W, 3) float32."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]
Plane = NDArray[np.float32]

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # Rec. 601, the weights meant for encoded values


def luminance(pixels: Pixels) -> Plane:
    """The gray value (H, W) of sRGB-encoded pixels: Rec. 601 luma."""
    plane: Plane = pixels @ LUMA
    return plane


def monochrome(pixels: Pixels) -> Pixels:
    """The luminance in all three channels."""
    gray: Pixels = np.repeat(luminance(pixels)[..., None], 3, axis=2)
    return gray


def rotate_hue(pixels: Pixels, degrees: float) -> Pixels:
    """Turn every colour around the gray axis at constant luma; 120 takes red towards green."""
    angle = np.deg2rad(-degrees)
    to_yiq = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    matrix = (np.linalg.inv(to_yiq) @ turn @ to_yiq).astype(np.float32)
    turned: Pixels = pixels @ matrix.T
    return turned


def to_linear(pixels: Pixels) -> Pixels:
    """sRGB-encoded values to linear light, odd in sign so that values below 0 survive."""
    size = np.abs(pixels)
    linear = np.where(size <= 0.04045, size / 12.92, ((size + 0.055) / 1.055) ** 2.4)
    return np.copysign(linear, pixels).astype(np.float32)


def to_encoded(pixels: Pixels) -> Pixels:
    """The inverse of :func:`to_linear`."""
    size = np.abs(pixels)
    encoded = np.where(size <= 0.0031308, size * 12.92, 1.055 * size ** (1 / 2.4) - 0.055)
    return np.copysign(encoded, pixels).astype(np.float32)


def strong_edges(pixels: Pixels, low: float, high: float, sigma: float) -> NDArray[np.bool_]:
    """Flag the pixels (H, W) on edges of the luminance.

    Args:
        pixels: (H, W, 3).
        low: gradient, in value per pixel, that continues an edge.
        high: gradient that starts one.
        sigma: standard deviation in pixels of the Gaussian that takes out the texture first; 0 for none.

    Source: J. Canny, "A Computational Approach to Edge Detection", IEEE PAMI 8 (1986), section VII.
    Departs: edges keep their width (no thinning), because guidance is wanted on the whole ramp of an edge.
    """
    from retouch.poisson.kernels.edges import hysteresis

    gy, gx = _central_differences(_blurred(luminance(pixels), sigma))
    return hysteresis(np.hypot(gx, gy), low, high)


def flattening_field(
    pixels: Pixels, keep: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What to add to the picture's own gradient so that only the differences at kept pixels are left.

    Args:
        pixels: (H, W, 3).
        keep: (H, W) pixels on edges; a difference stays when one of its two pixels is kept.

    Returns:
        Forward differences (3, H, W), (3, H, W).

    Source: Pérez et al. 2003, equation 14.
    """
    gx, gy = forward_differences(pixels)
    gx[:, :, :-1] *= (keep[:, :-1] | keep[:, 1:]) - np.float32(1)
    gy[:, :-1] *= (keep[:-1] | keep[1:]) - np.float32(1)
    return gx, gy


def illumination_field(
    logarithm: Pixels, inside: NDArray[np.bool_], alpha: float, beta: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What to add to the gradient of a log picture to compress its large steps: (w − 1) ∇L.

    The weight w = (α m)^β |∇L|^−β, with m the mean of |∇L| inside the mask, is one number for
    the three channels, so that hues stay.

    Args:
        logarithm: (H, W, 3) the logarithm of the picture.
        inside: (H, W) the mask.
        alpha: the step that stays as it is, in units of m.
        beta: strength, 0 leaves the light as it is.

    Returns:
        Forward differences (3, H, W), (3, H, W).

    Source: Pérez et al. 2003, equation 15, after R. Fattal et al. 2002.
    Departs: |∇L| is that of the channels' mean, not of each channel.
    """
    gx, gy = forward_differences(logarithm)
    dy, dx = _central_differences(logarithm.mean(axis=2))
    size = np.maximum(np.hypot(dx, dy), np.float32(1e-4))
    weight = (np.float32(alpha * float(size[inside].mean())) / size) ** np.float32(beta) - np.float32(1)
    gx[:, :, :-1] *= (weight[:, :-1] + weight[:, 1:]) / 2
    gy[:, :-1] *= (weight[:-1] + weight[1:]) / 2
    return gx, gy


def forward_differences(pixels: Pixels) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Horizontal and vertical forward differences of (H, W, 3) as planes (3, H, W), zero at the far side."""
    planes = np.moveaxis(pixels, -1, 0)
    gx, gy = np.zeros(planes.shape, np.float32), np.zeros(planes.shape, np.float32)
    np.subtract(planes[:, :, 1:], planes[:, :, :-1], out=gx[:, :, :-1])
    np.subtract(planes[:, 1:], planes[:, :-1], out=gy[:, :-1])
    return gx, gy


def _central_differences(plane: Plane) -> tuple[Plane, Plane]:
    """Central differences (vertical, horizontal), with the border repeated."""
    padded = np.pad(plane, 1, mode="edge")
    half = np.float32(0.5)
    return (padded[2:, 1:-1] - padded[:-2, 1:-1]) * half, (padded[1:-1, 2:] - padded[1:-1, :-2]) * half


def _blurred(plane: Plane, sigma: float) -> Plane:
    """A Gaussian blur with the border repeated, cut at three standard deviations."""
    if sigma < 0.1:
        return plane  # a neighbour's weight would be below exp(−50)
    radius = max(1, round(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    for axis in (0, 1):
        width = [(0, 0), (0, 0)]
        width[axis] = (radius, radius)
        padded = np.pad(plane, width, mode="edge")
        size = plane.shape[axis]
        plane = np.zeros_like(plane)
        for i, share in enumerate(kernel):
            plane += np.float32(share) * (padded[i : i + size] if axis == 0 else padded[:, i : i + size])
    return plane
