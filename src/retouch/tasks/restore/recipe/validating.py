"""Measuring restored pictures while a network trains."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from retouch import metrics
from retouch.data.degradations import Chain
from retouch.image.resample import resize
from retouch.training import Batch, Evaluation

PICTURES = 24
"""The most validation pictures that are measured while training."""

ROWS = 4
"""Examples shown in a panel."""

SHOWN = 160
"""The side of the square of each that is shown."""

Restorer = Callable[[Tensor], Tensor]
"""Spoiled pictures ``(B, 3, H, W)`` → the network's pictures."""


def evaluated(restore: Restorer, batches: Iterator[Batch], chain: Chain) -> Evaluation:
    """Restore validation pictures, and measure.

    Args:
        restore: the network.
        batches: of ``input`` and ``target``, of any sizes.
        chain: what happened to the inputs.

    Returns:
        PSNR and SSIM, and a panel of spoiled, restored and true.
    """
    scale = chain.scale
    psnr: list[float] = []
    ssim: list[float] = []
    rows: list[tuple[Tensor, Tensor, Tensor]] = []
    for batch in islice(batches, PICTURES):
        spoiled, wanted = batch["input"], batch["target"]
        made = restore(_to_multiple(spoiled, 8) if scale == 1 else spoiled).detach().float().cpu()
        made = torch.round(made.clamp(0, 1) * 255)[..., : wanted.shape[2], : wanted.shape[3]] / 255
        with torch.autocast("cpu", enabled=False):
            psnr.append(metrics.psnr(made, wanted, crop=scale if scale > 1 else 0).mean().item())
            ssim.append(metrics.ssim(made, wanted, crop=scale if scale > 1 else 0, dtype=torch.float32).mean().item())
        if len(rows) < ROWS:
            shown = resize(spoiled[0].numpy(), (wanted.shape[2], wanted.shape[3]), kernel="nearest")
            rows.append(tuple(_middle(each) for each in (torch.from_numpy(shown).clamp(0, 1), made[0], wanted[0])))  # type: ignore[arg-type]
    if not psnr:
        return Evaluation({})
    panel = torch.cat([torch.cat(row, dim=2) for row in rows], dim=1)
    return Evaluation(
        {"psnr": float(np.mean(psnr)), "ssim": float(np.mean(ssim))},
        {"validation": panel},
        outputs=torch.stack([row[1] for row in rows]),
        targets=torch.stack([row[2] for row in rows]),
        protocol=f"RGB 8 bit, crop {scale if scale > 1 else 0}, {chain.spec}; SSIM 11×11 Gaussian σ 1.5",
        count=len(psnr),
    )


def _to_multiple(pictures: Tensor, multiple: int) -> Tensor:
    height, width = pictures.shape[2:]
    return pad(pictures, (0, -width % multiple, 0, -height % multiple), mode="reflect")


def _middle(picture: Tensor) -> Tensor:
    height, width = picture.shape[1:]
    top, left = max(0, (height - SHOWN) // 2), max(0, (width - SHOWN) // 2)
    cut = picture[:, top : top + SHOWN, left : left + SHOWN]
    return pad(cut, (0, SHOWN - cut.shape[2], 0, SHOWN - cut.shape[1]))
