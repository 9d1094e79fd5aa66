"""Features given the mean and the spread of other ones, each channel for itself."""

from __future__ import annotations

import torch

from retouch.tasks.stylize.method.moments import Moments
from retouch.tasks.stylize.method.whitening import Affine

_EPS = 1e-5  # added to the variances, as the paper's code does


def adaptive(content: Moments, style: Moments) -> Affine:
    """Find the map that gives each channel the mean and the standard deviation of a style's.

    Args:
        content: moments of the photo's features.
        style: of the style's, of as many channels.

    Returns:
        The map, of a diagonal matrix.

    Source: Huang, Belongie, "Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization",
        ICCV 2017, arXiv:1703.06868, equation 8.
    Departs: none.
    """
    have = content.covariance.diagonal() + _EPS
    want = style.covariance.diagonal() + _EPS
    scale = (want / have).sqrt()
    return Affine(torch.diag(scale), style.mean - scale * content.mean)
