"""Learn from pictures that are made again, of the noise that an encoder guesses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from retouch.errors import InputError
from retouch.features import Features, find
from retouch.training import Batch

LAYERS = ("relu1_2", "relu2_2", "relu3_2", "relu4_2")
"""Whose features are compared."""

_LEAST = 1e-8  # of a mean square, so that features that are never active do not count


@dataclass(frozen=True)
class Reconstruction:
    """How much it counts that training pictures are made again.

    Args:
        weight: of the difference between a picture and the one made again; 0: no encoder at all.
        kl: weight of how far an encoder's guesses are from the normal distribution that samples are drawn
            from: the more, the better the samples; the less, the truer the pictures.
        features: the feature network that compares beside the pixels: "auto", "bundled", "random", or the
            name or path of weights; empty: pixels alone.
    """

    weight: float = 0.0
    kl: float = 0.02
    features: str = "bundled"

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        for name in ("weight", "kl"):
            if getattr(self, name) < 0:
                raise InputError(f"reconstruction.{name} is {getattr(self, name)}; it must be at least 0")

    def eye(self, side: int) -> Features | None:
        """Open the feature network, frozen.

        Args:
            side: of the pictures, in pixels.
        """
        if not (self.weight and self.features):
            return None
        network = find(self.features).network.requires_grad_(False)
        network.checked(torch.zeros(1, 3, side, side), set(LAYERS))
        return network


def drawn(middle: Tensor, spread: Tensor) -> Tensor:
    """Draw noise from an encoder's guesses.

    Args:
        middle: (B, latent), the means.
        spread: (B, latent), the logarithms of the variances.

    Returns:
        (B, latent).
    """
    return middle + torch.randn_like(middle) * (0.5 * spread).exp()


def divergence(middle: Tensor, spread: Tensor) -> Tensor:
    """Say how far an encoder's guesses are from the normal distribution.

    Args:
        middle: (B, latent), the means.
        spread: (B, latent), the logarithms of the variances.

    Returns:
        The mean of the Kullback-Leibler divergence over pictures and numbers.

    Source: Kingma and Welling 2014, arXiv:1312.6114, appendix B.
    """
    return 0.5 * (middle.square() + spread.exp() - 1.0 - spread).mean()


def terms(wish: Reconstruction, eye: Features | None, shared: Batch, image: Tensor) -> dict[str, Tensor]:
    """Compute what it costs that pictures differ from those made again.

    Args:
        wish: the weights.
        eye: the feature network.
        shared: ``again`` (B, 3, R, R) in [-1, 1], and the guesses ``middle`` and ``spread``.
        image: the pictures, of which the first B were made again.

    Returns:
        The weighted terms: pixels, features, kl.
    """
    again = shared["again"].float()
    wanted = image[: len(again)]
    found = {
        "kl": wish.kl * divergence(shared["middle"].float(), shared["spread"].float()),
        "pixels": wish.weight * (again - wanted).abs().mean(),
    }
    if eye is not None:
        eye = eye.to(image.device)
        made: Mapping[str, Tensor] = eye(again * 0.5 + 0.5, LAYERS)
        with torch.no_grad():
            seen = eye(wanted * 0.5 + 0.5, LAYERS)
        apart = [
            (made[name].float() - seen[name].float()).square().mean()
            / seen[name].float().square().mean().clamp_min(_LEAST)
            for name in LAYERS
        ]
        found["features"] = wish.weight * torch.stack(apart).mean()
    return found
