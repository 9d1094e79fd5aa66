"""What is said of an inversion: how near it is, how usual its code is, and what a person should know."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

Report = dict[str, float | int | str]
"""What was measured, by name."""

EQUAL = 150.0
"""PSNR in dB from which pictures of float32 are equal but for rounding."""

UNUSUAL = 10.0
"""Prior from which a code is unlike any that the generator was trained with; 1 is usual."""

FAR = 18.0
"""PSNR in dB below which a photo is likely none of what the generator knows, or shown otherwise."""

SLOPE = 0.05
"""Part of the loss that the last tenth of a search gains when it was stopped too early."""

REST = 0.3
"""Part of a search at its end without progress by which it is known to have come to rest."""

_WINDOW = 11


def psnr(made: Tensor, target: Tensor, where: Tensor | None = None) -> float:
    """Give the peak signal-to-noise ratio, where the photo counts.

    Args:
        made: (1, 3, R, R) in [0, 1].
        target: likewise.
        where: (1, 1, R, R), how much a pixel counts; all the same when None.

    Returns:
        In dB; infinite when they are equal.
    """
    square = (made.double() - target.double()).square().mean(dim=1, keepdim=True)
    weights = torch.ones_like(square) if where is None else where.to(square)
    mean = float((square * weights).sum() / weights.sum())
    return math.inf if mean == 0 else -10 * math.log10(mean)


def ssim(made: Tensor, target: Tensor) -> float | None:
    """Give the structural similarity, averaged over channels and windows inside the picture.

    Args:
        made: (1, 3, R, R) in [0, 1].
        target: likewise.

    Returns:
        At most 1; None when the picture is smaller than the window of 11 pixels.

    Source: Wang et al. 2004, as scikit-image computes it with a Gaussian window of σ = 1.5.
    """
    from skimage.metrics import structural_similarity as similarity

    if min(made.shape[2:]) < _WINDOW:
        return None
    pair = (np.moveaxis(each[0].double().cpu().numpy(), 0, 2) for each in (made, target))
    return float(
        similarity(  # type: ignore[no-untyped-call]
            *pair,
            channel_axis=2,
            data_range=1.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )


def notes(*, psnr: float, prior: float, history: Sequence[float], aligned: bool, space: str) -> list[str]:
    """Say what a person should know.

    Args:
        psnr: of what was found, in dB.
        prior: of its code; 1 is usual.
        history: the losses of the last search.
        aligned: the photo's place was looked for, too.
        space: where it was looked for; z is all that a DCGAN has.
    """
    found = []
    if psnr < FAR:
        advice = "it may show something else than the generator makes" + (
            "" if aligned else ", or be shown larger, smaller or turned: try align"
        )
        found.append(f"the photo was not found well ({psnr:.1f} dB); {advice}")
    if prior > UNUSUAL:
        advice = {
            "w": "take a smaller fidelity, or space p",
            "w+": "take a smaller fidelity, or space p+",
        }.get(space, "take a larger prior" if space == "z" else "take a smaller fidelity")
        found.append(
            f"the latent is unlike any that the generator was trained with (prior {prior:.0f}; 1 is usual), "
            f"so that edits of it may look odd; {advice}"
        )
    best = np.minimum.accumulate(np.asarray(history, np.float64))
    if len(best) >= 20:
        late, rest = best[-max(len(best) // 10, 2)], best[-max(int(len(best) * REST), 2)]
        if best[-1] < late * (1 - SLOPE):
            found.append(
                "the search was stopped while it still made progress; more evaluations bring it nearer"
            )
        elif best[-1] == rest and psnr < FAR:
            found.append("the search came to rest early; more starts, or another seed, may find better")
    return found
