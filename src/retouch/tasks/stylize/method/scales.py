"""From small to large: the sizes at which a picture is made, and how it gets from one to the next."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from retouch.errors import InputError
from retouch.image.resample import Kernel, resize

SMALLEST = 128
"""Longer side of the first picture: there the layers of a VGG see the whole of what they are to arrange."""

RATIO = 2.0


def scales(
    size: tuple[int, int], *, smallest: int = SMALLEST, ratio: float = RATIO, least_side: int = 1
) -> list[tuple[int, int]]:
    """Say at which sizes a picture is made, one after the other.

    Args:
        size: height and width of the last.
        smallest: longer side of the first, in pixels, unless the last is smaller.
        ratio: of one longer side to that before, above 1, but for the first two, which may be closer.
        least_side: shorter side that each must have, which leaves out the first ones of a narrow picture.

    Returns:
        Heights and widths, ascending; the last is the size itself.

    Raises:
        InputError: a side is below 1, or the ratio is not above 1.
    """
    if min(size) < 1 or smallest < 1 or not ratio > 1:
        raise InputError(
            f"scales from {smallest} pixels up to {size[1]}×{size[0]} by {ratio} were asked for; sides are "
            "at least 1 and the ratio is above 1"
        )
    longer = max(size)
    found = [size]
    side = longer / ratio
    # A first scale that is hardly larger than the smallest is the smallest.
    while side > smallest * math.sqrt(ratio) * 1.001:
        found.append(_sized(size, side / longer))
        side /= ratio
    if longer > smallest:
        found.append(_sized(size, smallest / longer))
    kept: list[tuple[int, int]] = []
    for each in found[:0:-1]:
        # Of tiny pictures, two scales can be rounded to one size.
        if min(each) >= least_side and max(kept[-1] if kept else (0,)) < max(each) < longer:
            kept.append(each)
    return [*kept, size]


def brought(picture: Tensor, size: tuple[int, int], *, kernel: Kernel = "bicubic") -> Tensor:
    """Bring a picture to another scale.

    Args:
        picture: (B, C, H, W).
        size: height and width that are wanted.
        kernel: how samples are weighed.

    Returns:
        (B, C, height, width), float32, not clipped.
    """
    if tuple(picture.shape[-2:]) == tuple(size):
        return picture
    made = resize(picture.detach().cpu().numpy(), size, kernel=kernel)
    return torch.from_numpy(made).to(picture.device)


def _sized(size: tuple[int, int], factor: float) -> tuple[int, int]:
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))
