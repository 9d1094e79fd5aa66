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

SQUARE = 256
"""The side of the square of each whose patches are compared."""

Restorer = Callable[[Tensor], Tensor]
"""Spoiled pictures ``(B, 3, H, W)`` → the network's pictures."""


def evaluated(
    restore: Restorer,
    batches: Iterator[Batch],
    chain: Chain,
    *,
    multiple: int = 1,
    distribution: bool = False,
) -> Evaluation:
    """Restore validation pictures, and measure.

    Args:
        restore: the network.
        batches: of ``input`` and ``target``, of any sizes.
        chain: what happened to the inputs.
        multiple: height and width of the network's input are brought to multiples of it by mirroring.
        distribution: also measure how far the patches of all pictures are from those of the true ones.

    Returns:
        PSNR and SSIM, the distance of the patches, and a panel of spoiled, restored and true.
    """
    scale = chain.scale
    crop = scale if scale > 1 else 0
    psnr: list[float] = []
    ssim: list[float] = []
    rows: list[list[Tensor]] = []
    middles: list[tuple[Tensor, Tensor]] = []
    for batch in islice(batches, PICTURES):
        spoiled, wanted = batch["input"], batch["target"]
        made = restore(_to_multiple(spoiled, multiple)).detach().float().cpu()
        made = torch.round(made.clamp(0, 1) * 255)[..., : wanted.shape[2], : wanted.shape[3]] / 255
        with torch.autocast("cpu", enabled=False):
            psnr.append(metrics.psnr(made, wanted, crop=crop).mean().item())
            ssim.append(metrics.ssim(made, wanted, crop=crop, dtype=torch.float32).mean().item())
        if distribution:
            middles.append((_middle(made[0], SQUARE), _middle(wanted[0], SQUARE)))
        if len(rows) < ROWS:
            shown = resize(spoiled[0].numpy(), (wanted.shape[2], wanted.shape[3]), kernel="nearest")
            row = (torch.from_numpy(shown).clamp(0, 1), made[0], wanted[0])
            rows.append([_middle(picture, SHOWN) for picture in row])
    if not psnr:
        return Evaluation({})
    figures = {"psnr": float(np.mean(psnr)), "ssim": float(np.mean(ssim))}
    if middles:
        found, true = (torch.stack(side) for side in zip(*middles, strict=True))
        figures["swd"] = metrics.sliced_wasserstein(found, true, normalise="reference")
    panel = torch.cat([torch.cat(row, dim=2) for row in rows], dim=1)
    return Evaluation(
        figures,
        {"validation": panel},
        outputs=torch.stack([row[1] for row in rows]),
        targets=torch.stack([row[2] for row in rows]),
        protocol=f"RGB 8 bit, crop {crop}, {chain.spec}; SSIM 11×11 Gaussian σ 1.5"
        + (f"; SWD 7×7 patches of the middle {SQUARE} px" if middles else ""),
        count=len(psnr),
    )


def _to_multiple(pictures: Tensor, multiple: int) -> Tensor:
    height, width = pictures.shape[2:]
    right, below = -width % multiple, -height % multiple
    # A picture smaller than what it lacks has no mirror image of that size.
    mode = "reflect" if right < width and below < height else "replicate"
    return pad(pictures, (0, right, 0, below), mode=mode)


def _middle(picture: Tensor, side: int) -> Tensor:
    """Cut a square out of the middle of a picture (C, H, W), with black around a smaller one."""
    height, width = picture.shape[1:]
    top, left = max(0, (height - side) // 2), max(0, (width - side) // 2)
    cut = picture[:, top : top + side, left : left + side]
    return pad(cut, (0, side - cut.shape[2], 0, side - cut.shape[1]))
