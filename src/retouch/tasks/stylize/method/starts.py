"""What a painting begins as."""

from __future__ import annotations

import torch
from torch import Tensor

_MIDDLE = 0.5
_DEVIATION = 0.15  # of noise that knows nothing: few of its values leave [0, 1]


def noise(size: tuple[int, int], seed: int, *, like: Tensor | None = None) -> Tensor:
    """Draw noise without any structure.

    Args:
        size: height and width.
        seed: the same numbers for the same seed, on any device.
        like: (1, 3, h, w), a picture whose mean and covariance of colours the noise has; gray when None.

    Returns:
        (1, 3, H, W) in [0, 1], on the device of ``like``.
    """
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn((3, size[0] * size[1]), generator=generator)
    if like is None:
        return (_MIDDLE + _DEVIATION * drawn).clamp(0, 1).view(1, 3, *size)
    flat = like.detach().double().cpu().flatten(2)[0]
    values, vectors = torch.linalg.eigh(torch.cov(flat, correction=0))
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    coloured: Tensor = flat.mean(1, keepdim=True) + root @ drawn.double()
    return coloured.clamp(0, 1).view(1, 3, *size).to(like)


def mirrored(picture: Tensor, least: int) -> Tensor:
    """Continue a picture by its mirror image, down and to the right, until it is large enough.

    Args:
        picture: (B, C, H, W).
        least: rows and columns that there are to be, at least.

    Returns:
        (B, C, H', W'); the picture itself is its upper left part.
    """
    for axis in (2, 3):
        side = picture.shape[axis]
        if side < least:
            place = torch.arange(least, device=picture.device) % (2 * side)
            picture = picture.index_select(axis, torch.minimum(place, 2 * side - 1 - place))
    return picture
