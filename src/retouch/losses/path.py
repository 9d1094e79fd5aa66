"""Path length: keep a generator's pictures changing evenly with its style."""

from __future__ import annotations

import math

import torch
from torch import Tensor

DECAY = 0.01
"""How fast the usual length follows."""


def path_penalty(
    pictures: Tensor, styles: Tensor, usual: Tensor, *, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Compare how far pictures move with a small step of the style with how far they usually do.

    Args:
        pictures: ``(B, C, H, W)``, made from the styles, with their graph.
        styles: ``(B, rows, N)``.
        usual: the length up to now, a scalar; 0 at first.
        generator: where the random directions come from; torch's own when None.

    Returns:
        The mean of (length − usual)², to be weighed with 2, and the new usual length.

    Source: Karras et al. 2020, arXiv:1912.04958, section 3.2, equation 4 and appendix B.
    Departs: none.
    """
    H, W = pictures.shape[2:]
    direction = torch.randn(pictures.shape, generator=generator, device=pictures.device) / math.sqrt(H * W)
    (slope,) = torch.autograd.grad((pictures.float() * direction).sum(), styles, create_graph=True)
    lengths = slope.float().square().sum(dim=2).mean(dim=1).sqrt()
    now = torch.lerp(usual.to(lengths), lengths.detach().mean(), DECAY)
    return (lengths - now).square().mean(), now
