"""Y of colour pictures, as the papers on super-resolution compare it."""

from __future__ import annotations

from torch import Tensor

from retouch.errors import InputError

WEIGHTS = (65.481, 128.553, 24.966)
"""Of R, G and B in [0, 1], in levels of 255; black has 16 levels more."""

BLACK = 16.0
_SPAN = 219.0


def luma(pictures: Tensor, *, full: bool = False) -> Tensor:
    """Take Y of R'G'B', as MATLAB's ``rgb2ycbcr`` does.

    Args:
        pictures: (B, 3, H, W) in [0, 1].
        full: spread over all of [0, 1], instead of the 16 … 235 levels of 255 that papers compare.

    Returns:
        (B, 1, H, W), of the same type, not rounded: black is 16 / 255 and white 235 / 255, so that a peak
        of 1 in PSNR and SSIM is 255 levels. With ``full``, black is 0 and white is 1, and errors are
        255 / 219 times as large: 1.32 dB less.

    Raises:
        InputError: The pictures are not floating-point (B, 3, H, W).

    Source: Recommendation ITU-R BT.601; MATLAB's documentation of ``rgb2ycbcr``.
    Departs: Y is not rounded to whole levels, as in the published evaluations that compute it in floats.
    """
    if pictures.ndim != 4 or pictures.shape[1] != 3 or not pictures.is_floating_point():
        raise InputError(
            f"Y was asked for of {pictures.dtype} of shape {tuple(pictures.shape)}; it is made of "
            "floating-point (B, 3, H, W) in [0, 1]"
        )
    red, green, blue = pictures[:, :1], pictures[:, 1:2], pictures[:, 2:]
    levels: Tensor = WEIGHTS[0] * red + WEIGHTS[1] * green + WEIGHTS[2] * blue
    return levels / _SPAN if full else (levels + BLACK) / 255
