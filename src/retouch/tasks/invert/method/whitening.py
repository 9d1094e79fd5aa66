"""Styles in coordinates that are nearly normal: how far one is from what a network was trained with."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from retouch.errors import InputError
from retouch.tasks.invert.network import StyleGAN2
from retouch.tasks.invert.network.modulated import ROOT, SLOPE

SAMPLES = 10_000

FLOOR = 1e-4
"""Of the largest variance: directions with less count as having so much, lest their noise be enlarged."""

_BATCH = 1000


@dataclass(frozen=True)
class Whitening:
    """An affine change of coordinates of the styles before the mapping's last rectifier.

    The coordinates v of styles that the mapping makes are about N(0, 1), each for itself, so that the mean
    of their squares says how unlike the trained ones a style is: 1 for those of the mapping.

    Attributes:
        mean: (style,), of p, the styles before the rectifier.
        directions: (style, style), in columns, those of the covariance of p.
        spread: (style,), standard deviations along them, floored, the smallest first.
        average: (style,), of the styles w themselves.
        deviation: √ of the mean of |w − average|², one number.

    Source: Zhu, Abdal, Qin, Femiani, Wonka, "Improved StyleGAN Embedding: Where are the Good Latents?",
        2020, arXiv:2012.09036, section 3.1; Wulff, Torralba, "Improving Inversion and Generation Diversity in
        StyleGAN using a Gaussianized Latent Space", 2020, arXiv:2009.06529.
    Departs: variances have a floor; no principal direction is left out.
    """

    mean: Tensor
    directions: Tensor
    spread: Tensor
    average: Tensor
    deviation: float

    def coordinates(self, w: Tensor) -> Tensor:
        """Give whitened coordinates of styles.

        Args:
            w: (…, style).

        Returns:
            (…, style), v = Λ^-½ Uᵀ (p − mean), with p = lrelu(w / √2, 5).
        """
        p = F.leaky_relu(w / ROOT, 1.0 / SLOPE)
        return ((p - self.mean) @ self.directions) / self.spread

    def styles(self, v: Tensor) -> Tensor:
        """Give the styles of whitened coordinates, the inverse of :meth:`coordinates`.

        Args:
            v: (…, style).

        Returns:
            (…, style).
        """
        p = (v * self.spread) @ self.directions.T + self.mean
        return F.leaky_relu(p, SLOPE) * ROOT

    def to(self, target: torch.device | torch.dtype) -> Whitening:
        """Bring it to a device, or to a type of numbers."""
        tensors = {
            field.name: getattr(self, field.name).to(target)
            for field in fields(self)
            if field.name != "deviation"
        }
        return replace(self, **tensors)

    @classmethod
    def of(cls, styles: Tensor) -> Whitening:
        """Measure styles.

        Args:
            styles: (N, style), at least 2.

        Returns:
            Their whitening, of their type and device.

        Raises:
            InputError: there are fewer than two, or a number among them is not finite.
        """
        if styles.dim() != 2 or len(styles) < 2:
            raise InputError(f"the styles are {tuple(styles.shape)}; a whitening takes (N, style), N ≥ 2")
        w = styles.detach().double().cpu()
        p = F.leaky_relu(w / ROOT, 1.0 / SLOPE)
        mean = p.mean(dim=0)
        apart = p - mean
        covariance = apart.T @ apart / (len(p) - 1)
        if not math.isfinite(float(covariance.sum())):
            raise InputError("the network's mapping gives numbers that are not finite; take other weights")
        variances, directions = torch.linalg.eigh(covariance)
        # A mapping that is constant has no variance at all: any scale is as good as another then.
        floor = FLOOR * float(variances[-1]) or 1.0
        average = w.mean(dim=0)
        made = cls(
            mean, directions, variances.clamp_min(floor).sqrt(), average,
            float((w - average).square().sum(dim=1).mean().sqrt()),
        )  # fmt: skip
        return made.to(styles.dtype).to(styles.device)


@torch.no_grad()
def whitening(
    network: StyleGAN2, samples: int = SAMPLES, seed: int = 0, label: Tensor | None = None
) -> Whitening:
    """Measure the styles that a network's mapping makes.

    Args:
        network: whose mapping is asked.
        samples: how many styles; with fewer than a few times the style's numbers, directions are missed.
        seed: of their noise, which is drawn on the CPU so that every device gets the same.
        label: (1, classes), for networks with labels.

    Returns:
        The whitening, on the network's device.

    Raises:
        InputError: there are fewer than two samples, or the network wants a label, or has none.
    """
    if samples < 2:
        raise InputError(f"{samples} samples were asked for; a whitening takes at least 2")
    generator = torch.Generator().manual_seed(seed)
    like = network.mapping.w_avg
    parts = []
    for first in range(0, samples, _BATCH):
        z = torch.randn(min(_BATCH, samples - first), network.latent, generator=generator).to(like)
        parts.append(network.mapping.style(z, None if label is None else label.to(like).expand(len(z), -1)))
    return Whitening.of(torch.cat(parts))
