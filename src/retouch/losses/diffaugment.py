"""DiffAugment: change real and made pictures before they are judged, so that few pictures last longer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from retouch.errors import UnknownName

KINDS = ("color", "translation", "cutout")
"""The kinds of change, as the paper calls them."""


def augmented(
    x: Tensor,
    kinds: str,
    *,
    channels: Sequence[int] | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Change pictures at random, differentiably, each on its own.

    Pictures that are joined channel by channel, such as a condition and its result, undergo the same
    change; only the means that the colour changes turn about are each picture's own.

    Args:
        x: ``(B, C, H, W)`` in [-1, 1].
        kinds: any of color, translation and cutout, with commas between; empty: nothing.
        channels: of each of the joined pictures, in their order; None: it is one picture.
        generator: where the random numbers come from; torch's own when None.

    Returns:
        ``(B, C, H, W)``.

    Raises:
        UnknownName: There is no such kind.

    Source: Zhao et al. 2020, arXiv:2006.10738, section 4.
    Departs: none.
    """
    for kind in filter(None, (item.strip() for item in kinds.split(","))):
        if kind == "color":
            x = _coloured(x, channels or (x.shape[1],), generator)
        elif kind == "translation":
            x = _moved(x, generator)
        elif kind == "cutout":
            x = _cut(x, generator)
        else:
            raise UnknownName("kind of DiffAugment", kind, KINDS)
    return x


def _uniform(x: Tensor, generator: torch.Generator | None) -> Tensor:
    return torch.rand((x.shape[0], 1, 1, 1), generator=generator, device=x.device)


def _coloured(x: Tensor, channels: Sequence[int], generator: torch.Generator | None) -> Tensor:
    brightness = _uniform(x, generator) - 0.5
    saturation = 2.0 * _uniform(x, generator)
    contrast = 0.5 + _uniform(x, generator)
    parts = []
    for part in torch.split(x + brightness, list(channels), dim=1):
        gray = part.mean(dim=1, keepdim=True)
        vivid = gray + (part - gray) * saturation
        mean = vivid.mean(dim=(1, 2, 3), keepdim=True)
        parts.append(mean + (vivid - mean) * contrast)
    return torch.cat(parts, 1)


def _moved(x: Tensor, generator: torch.Generator | None) -> Tensor:
    B, _, H, W = x.shape
    reach_y, reach_x = (H + 4) // 8, (W + 4) // 8
    dy = ((_uniform(x, generator) * (2 * reach_y + 1)).long() - reach_y).flatten()
    dx = ((_uniform(x, generator) * (2 * reach_x + 1)).long() - reach_x).flatten()
    padded = F.pad(x, (reach_x, reach_x, reach_y, reach_y))
    rows = torch.arange(H, device=x.device)[None, :] + (reach_y + dy)[:, None]  # (B, H)
    columns = torch.arange(W, device=x.device)[None, :] + (reach_x + dx)[:, None]  # (B, W)
    picture = torch.arange(B, device=x.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[picture, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _cut(x: Tensor, generator: torch.Generator | None) -> Tensor:
    _, _, H, W = x.shape
    height, width = (H + 1) // 2, (W + 1) // 2
    top = (_uniform(x, generator) * (H + 1 - height % 2)).long() - height // 2
    left = (_uniform(x, generator) * (W + 1 - width % 2)).long() - width // 2
    rows = torch.arange(H, device=x.device).view(1, 1, H, 1)
    columns = torch.arange(W, device=x.device).view(1, 1, 1, W)
    inside = (rows >= top) & (rows < top + height) & (columns >= left) & (columns < left + width)
    return x * (~inside).to(x.dtype)
