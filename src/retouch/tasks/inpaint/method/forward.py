"""A network applied to one crop: the only place where pixels become tensors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from retouch.errors import WeightsError
from retouch.tasks.inpaint.method.frame import continued

Pixels = NDArray[np.float32]
Plane = NDArray[np.bool_]


def filled(
    network: Callable[[Tensor], Tensor],
    pixels: Pixels,
    unknown: Plane,
    *,
    device: torch.device,
    multiple: int,
) -> Pixels:
    """Fill a crop of any size.

    Args:
        network: ``(1, 4, H, W)`` in [0, 1], masked colours and the hole, → ``(1, 3, H, W)`` in [0, 1].
        pixels: (h, w, 3); clipped to [0, 1].
        unknown: (h, w), True where it is to be filled.
        device: the network's.
        multiple: pixels that its pictures' sides must be a multiple of.

    Returns:
        (h, w, 3) in [0, 1].

    Raises:
        WeightsError: the network gives NaN or infinity.
    """
    with torch.inference_mode():
        return pixels_of(network(masked(pixels, unknown, device=device, multiple=multiple)), unknown.shape)


def masked(pixels: Pixels, unknown: Plane, *, device: torch.device, multiple: int) -> Tensor:
    """Make what a network takes.

    Args:
        pixels: (h, w, 3).
        unknown: (h, w).
        device: the network's.
        multiple: pixels that its pictures' sides must be a multiple of.

    Returns:
        ``(1, 4, H, W)``: the colours, 0 where they are unknown, and 1 there; continued by the mirror image.
    """
    whole, missing = continued(pixels, unknown, multiple)
    x = np.empty((1, 4, *missing.shape), np.float32)
    np.clip(whole.transpose(2, 0, 1), 0, 1, out=x[0, :3])
    x[0, :3] *= ~missing
    x[0, 3] = missing
    return torch.from_numpy(x).to(device)


def pixels_of(made: Tensor, size: tuple[int, ...]) -> Pixels:
    """Make pixels of what a network gives.

    Args:
        made: ``(1, 3, H, W)``.
        size: height and width of the crop, at most H and W.

    Returns:
        (h, w, 3), clipped to [0, 1].

    Raises:
        WeightsError: it holds NaN or infinity.
    """
    found: Pixels = made[0, :, : size[0], : size[1]].float().permute(1, 2, 0).cpu().numpy()
    if not np.isfinite(found).all():
        raise WeightsError(
            "the network gives NaN or infinity for this photo; its weights are damaged or its training "
            "broke down: take an earlier checkpoint, or convert the original again"
        )
    return np.ascontiguousarray(np.clip(found, 0, 1))
