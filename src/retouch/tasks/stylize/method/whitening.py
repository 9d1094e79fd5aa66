"""Features given the mean and the covariance of other ones: whitened and coloured.

Everything is an affine map of the channels, the same at every position, so that maps can be mixed, and a
picture of any size can be mapped in pieces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from retouch.tasks.stylize.method.moments import Moments

_NOTHING = 1e-6
"""Share of the largest eigenvalue below which a direction counts as one that does not vary."""


@dataclass(frozen=True)
class Affine:
    """A map of channels: ``matrix @ x + shift``.

    Attributes:
        matrix: (C, C).
        shift: (C,).
    """

    matrix: Tensor
    shift: Tensor

    def __call__(self, features: Tensor) -> Tensor:
        """Map features, (B, C, h, w)."""
        matrix, shift = self.matrix.to(features), self.shift.to(features)
        return torch.nn.functional.conv2d(features, matrix[:, :, None, None], shift)

    def part(self, strength: float) -> Affine:
        """Go only a part of the way from the features themselves.

        Args:
            strength: 1 for all the way, 0 for none.
        """
        same = torch.eye(len(self.shift), dtype=self.matrix.dtype, device=self.matrix.device)
        return Affine(torch.lerp(same, self.matrix, strength), self.shift * strength)


def mixed(maps: Sequence[Affine], parts: Sequence[float]) -> Affine:
    """Take the weighted mean of what several maps give.

    Args:
        maps: at least one.
        parts: how much of each; their sum must be 1.
    """
    matrix = sum((one.matrix * part for one, part in zip(maps, parts, strict=True)), 0 * maps[0].matrix)
    shift = sum((one.shift * part for one, part in zip(maps, parts, strict=True)), 0 * maps[0].shift)
    return Affine(matrix, shift)


def coloured(content: Moments, style: Moments) -> Affine:
    """Find the map that whitens a photo's features and colours them like a style's.

    Args:
        content: moments of the photo's features.
        style: of the style's, of as many channels.

    Returns:
        The map, after which features with the first moments have the second. In directions in which the
        photo's features do not vary, they stay at the style's mean.

    Source: Li et al., "Universal Style Transfer via Feature Transforms", NIPS 2017, arXiv:1705.08086,
        equations 2 and 3.
    Departs: computed in float64. Directions are left out by their share of the largest eigenvalue.
    """
    whitening = _power(content.covariance, -0.5)
    return _through(_power(style.covariance, 0.5) @ whitening, content, style)


def transported(content: Moments, style: Moments) -> Affine:
    """Find the map to a style's moments that moves a photo's features least.

    Args:
        content: moments of the photo's features.
        style: of the style's, of as many channels.

    Returns:
        The map, after which features with the first moments have the second.

    Source: Lu et al., "A Closed-Form Solution to Universal Style Transfer", ICCV 2019, arXiv:1906.00668,
        equation 10. Olkin, Pukelsheim 1982.
    Departs: computed in float64. Directions are left out by their share of the largest eigenvalue.
    """
    root, inverse = _power(content.covariance, 0.5), _power(content.covariance, -0.5)
    between = _power(root @ style.covariance.double() @ root, 0.5)
    return _through(inverse @ between @ inverse, content, style)


def _through(matrix: Tensor, content: Moments, style: Moments) -> Affine:
    """The affine map of this matrix that brings one mean to the other."""
    shift = style.mean.double() - matrix @ content.mean.double()
    return Affine(matrix.to(content.mean), shift.to(content.mean))


def _power(matrix: Tensor, exponent: float) -> Tensor:
    """A power of a symmetric matrix on the directions in which it does not vanish, in float64."""
    values, vectors = torch.linalg.eigh(matrix.double())
    large = values > values[-1].clamp(min=1e-30) * _NOTHING
    kept = vectors[:, large]
    raised: Tensor = (kept * values[large] ** exponent) @ kept.T
    return raised
