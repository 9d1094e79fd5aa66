"""Measuring filled pictures while a network trains."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import torch
from torch import Tensor

from retouch import metrics
from retouch.training import Batch, Evaluation

PICTURES = 100
"""The most validation pictures that are measured while training."""

ROWS = 4
"""Examples shown in a panel."""

Fill = Callable[[Tensor, Tensor], Tensor]
"""Photos ``(B, 3, H, W)`` and holes ``(B, 1, H, W)`` → the network's pictures."""


def evaluated(fill: Fill, batches: Iterator[Batch], circumstances: str) -> Evaluation:
    """Fill the holes of validation pictures, and measure.

    Args:
        fill: the network.
        batches: of ``image`` and ``hole``, all of one size.
        circumstances: what the protocol says of the holes.

    Returns:
        Figures of the whole filled picture and of its hole alone, and a panel.
    """
    photos, filled, holes = [], [], []
    for batch in islice(batches, PICTURES):
        photo, hole = batch["image"], batch["hole"]
        made = fill(photo, hole).detach().float().cpu().clamp(0.0, 1.0)
        photos.append(photo)
        holes.append(hole)
        filled.append(torch.round(torch.lerp(photo, made, hole) * 255) / 255)
    if not photos:
        return Evaluation({})
    wanted, found, where = torch.cat(photos), torch.cat(filled), torch.cat(holes)
    height, width = wanted.shape[-2:]
    return Evaluation(
        _figures(found, wanted, where),
        {"validation": _panel(wanted, where, found)},
        outputs=found,
        targets=wanted,
        protocol=f"RGB 8 bit, {width}×{height} px, {circumstances}, known pixels put back; SSIM 11×11 "
        "Gaussian σ 1.5; hole_ means the hole alone; SWD 7×7 patches",
        count=len(wanted),
    )


def _figures(found: Tensor, wanted: Tensor, holes: Tensor) -> dict[str, float]:
    with torch.autocast("cpu", enabled=False):
        means = {
            "psnr": metrics.psnr(found, wanted),
            "ssim": metrics.ssim(found, wanted, dtype=torch.float32),
            "hole_l1": metrics.hole_l1(found, wanted, holes),
            "hole_psnr": metrics.hole_psnr(found, wanted, holes),
            "hole_ssim": metrics.hole_ssim(found, wanted, holes, dtype=torch.float32),
            "seam": metrics.seam(found, holes),
        }
        figures = {name: values.nanmean().item() for name, values in means.items()}
        if min(found.shape[-2:]) >= 16:
            patches = {"found": metrics.HolePatches(), "wanted": metrics.HolePatches()}
            for picture, target, hole in zip(found, wanted, holes, strict=True):
                patches["found"].add(picture[None], hole[None])
                patches["wanted"].add(target[None], hole[None])
            distances = metrics.hole_sliced_wasserstein({"": patches["found"]}, patches["wanted"])
            figures["hole_swd"] = distances[""]
    return figures


def _panel(wanted: Tensor, holes: Tensor, found: Tensor) -> Tensor:
    shown = torch.linspace(0, len(wanted) - 1, min(ROWS, len(wanted))).round().long()
    columns = (torch.lerp(wanted, torch.ones_like(wanted), 0.8 * holes)[shown], found[shown], wanted[shown])
    return torch.cat([torch.cat(row, dim=2) for row in zip(*columns, strict=True)], dim=1)
