"""DiffAugment: change real and made pictures alike before they are judged, so that few pictures last longer."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def augmented(x: Tensor, kinds: str, *, generator: torch.Generator | None = None) -> Tensor:
    """Change pictures at random, differentiably, each on its own.

    All channels of a stack that joins a picture with its condition move together; only the colour
    changes treat each group of three.

    Args:
        x: ``(B, C, H, W)`` in [-1, 1].
        kinds: any of color, translation and cutout, with commas between; empty: nothing.
        generator: where the random numbers come from; torch's own when None.

    Returns:
        ``(B, C, H, W)``.

    Source: Zhao et al. 2020, arXiv:2006.10738, section 4.
    Departs: none.
    """
    for kind in filter(None, (item.strip() for item in kinds.split(","))):
        x = KINDS[kind](x, generator)
    return x


def _uniform(x: Tensor, generator: torch.Generator | None) -> Tensor:
    return torch.rand((x.shape[0], 1, 1, 1), generator=generator, device=x.device)


def _colour(x: Tensor, generator: torch.Generator | None) -> Tensor:
    x = x + (_uniform(x, generator) - 0.5)
    mean = x.mean(dim=1, keepdim=True)
    x = mean + (x - mean) * (2.0 * _uniform(x, generator))
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (x - mean) * (0.5 + _uniform(x, generator))


def _moved(x: Tensor, generator: torch.Generator | None) -> Tensor:
    B, _, H, W = x.shape
    reach_y, reach_x = max(H // 8, 1), max(W // 8, 1)
    dy = ((_uniform(x, generator) * (2 * reach_y + 1)).long() - reach_y).flatten()
    dx = ((_uniform(x, generator) * (2 * reach_x + 1)).long() - reach_x).flatten()
    padded = F.pad(x, (reach_x, reach_x, reach_y, reach_y))
    rows = torch.arange(H, device=x.device)[None, :] + (reach_y + dy)[:, None]  # (B, H)
    columns = torch.arange(W, device=x.device)[None, :] + (reach_x + dx)[:, None]  # (B, W)
    picture = torch.arange(B, device=x.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[picture, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _cut(x: Tensor, generator: torch.Generator | None) -> Tensor:
    _, _, H, W = x.shape
    height, width = max(H // 2, 1), max(W // 2, 1)
    top = (_uniform(x, generator) * (H + 1 - height % 2)).long() - height // 2
    left = (_uniform(x, generator) * (W + 1 - width % 2)).long() - width // 2
    rows = torch.arange(H, device=x.device).view(1, 1, H, 1)
    columns = torch.arange(W, device=x.device).view(1, 1, 1, W)
    inside = (rows >= top) & (rows < top + height) & (columns >= left) & (columns < left + width)
    return x * (~inside).to(x.dtype)


KINDS = {"color": _colour, "translation": _moved, "cutout": _cut}
"""The kinds of change, as the paper calls them."""
