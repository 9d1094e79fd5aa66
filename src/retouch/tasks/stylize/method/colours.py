"""Whose colours a painted photo has: the style's, or its own.

Source: Gatys, Bethge, Hertzmann, Shechtman 2016, "Preserving Color in Neural Artistic Style Transfer",
    arXiv:1606.05897.
"""

from __future__ import annotations

import torch
from torch import Tensor

_LUMA = (0.299, 0.587, 0.114)  # of YIQ, in which the paper takes luminance
_FLAT = 1e-5  # variance that counts at least as a style's: 0.8 levels of 255, so that no noise is blown up


def recoloured(style: Tensor, photo: Tensor, weights: Tensor | None = None) -> Tensor:
    """Give a picture the mean and the covariance of another one's colours.

    Args:
        style: (1, 3, H, W), RGB in [0, 1].
        photo: (1, 3, h, w), likewise; its colours are taken.
        weights: (1, 1, h, w), how much each of its pixels counts; all alike when None.

    Returns:
        (1, 3, H, W) in [0, 1].

    Source: section 5, equations 3 and 4.
    Departs: of all maps with these moments the one that changes colours least, the optimal transport between
        two normal distributions; those of the paper, by Cholesky factors or square roots, may swap hues.
    """
    have, spread = _moments(style, None)
    want, wider = _moments(photo, weights)
    root = _power(spread, 0.5, _FLAT)
    inverse = _power(spread, -0.5, _FLAT)
    matrix = inverse @ _power(root @ wider @ root, 0.5, 0) @ inverse
    flat = style.double().flatten(2)[0]
    found = matrix @ (flat - have[:, None]) + want[:, None]
    return found.clamp(0, 1).to(style.dtype).view_as(style)


def gray(picture: Tensor) -> Tensor:
    """Take the colour out of a picture.

    Args:
        picture: (1, 3, H, W), RGB.

    Returns:
        (1, 3, H, W), three times the luma of ITU-R BT.601.
    """
    return luma(picture).expand_as(picture).contiguous()


def luma(picture: Tensor) -> Tensor:
    """Measure the light of colours.

    Args:
        picture: (1, 3, H, W), RGB.

    Returns:
        (1, 1, H, W).
    """
    weights = picture.new_tensor(_LUMA).view(1, 3, 1, 1)
    return (picture * weights).sum(1, keepdim=True)


def relit(style: Tensor, photo: Tensor, weights: Tensor | None = None) -> Tensor:
    """Give the light of a picture the mean and the spread of another one's.

    Args:
        style: (1, 3, H, W), RGB in [0, 1].
        photo: (1, 3, h, w), likewise.
        weights: (1, 1, h, w), how much each of its pixels counts; all alike when None.

    Returns:
        (1, 3, H, W), gray, in [0, 1].

    Source: section 6, equation 10.
    """
    have, spread = _moments(gray(style), None)
    want, wider = _moments(gray(photo), weights)
    gain = (wider[0, 0] / spread[0, 0].clamp_min(_FLAT)).sqrt().item()
    return ((gray(style) - have[0].item()) * gain + want[0].item()).clamp(0, 1)


def with_hues(light: Tensor, photo: Tensor) -> Tensor:
    """Put the hues of a photo over other light and shade.

    Args:
        light: (1, 3, H, W), RGB in [0, 1]; its luma is used.
        photo: (1, 3, H, W), whose hues are used.

    Returns:
        (1, 3, H, W) in [0, 1], of that very luma.

    Source: section 6.
    Departs: a colour that RGB does not have gets less of its hue, instead of another luma by clipping.
    """
    level = luma(light).clamp(0, 1)
    hue = photo - luma(photo)
    most, least = hue.amax(1, keepdim=True), hue.amin(1, keepdim=True)
    share = torch.minimum((1 - level) / most.clamp_min(1e-6), level / (-least).clamp_min(1e-6))
    return (level + hue * share.clamp(max=1)).clamp(0, 1)


def _moments(picture: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
    """Mean (3,) and covariance (3, 3) in float64."""
    flat = picture.double().flatten(2)[0]
    if weights is None or float(weights.sum()) <= 0:
        share = flat.new_full((flat.shape[1],), 1 / flat.shape[1])
    else:
        share = weights.double().flatten()
        share = share / share.sum()
    mean = flat @ share
    centred = flat - mean[:, None]
    return mean, (centred * share) @ centred.T


def _power(matrix: Tensor, exponent: float, least: float) -> Tensor:
    """A power of a symmetric matrix, whose eigenvalues count as no less than some number."""
    values, vectors = torch.linalg.eigh(matrix.cpu())
    raised: Tensor = (vectors * values.clamp_min(least) ** exponent) @ vectors.T
    return raised.to(matrix.device)
