"""Colourisation: pix2pix from lightness to colour, in CIE Lab."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from retouch.errors import InputError
from retouch.tasks.translate.recipe import examples
from retouch.tasks.translate.recipe.parts import Pictures
from retouch.tasks.translate.recipe.pix2pix import Pix2Pix
from retouch.training import Batch, Data

WHITE = (0.95047, 1.0, 1.08883)
"""D65, 2° observer, in CIE XYZ."""

TO_XYZ = ((0.412453, 0.357580, 0.180423), (0.212671, 0.715160, 0.072169), (0.019334, 0.119193, 0.950227))
"""Linear sRGB to CIE XYZ."""


@dataclass(frozen=True)
class Colourise(Pix2Pix):
    """Give gray pictures colours, learned from colour pictures alone.

    Args:
        pictures: how pictures come to the networks.

    Source: Isola et al. 2017, arXiv:1611.07004, section 4.2; the coding of Lab is the authors' code's:
        L/50 − 1 in, a/110 and b/110 out.
    Departs: none.
    """

    name: ClassVar[str] = "colourise"
    summary: ClassVar[str] = "Give gray pictures colours, learned from colour pictures."
    channels: ClassVar[tuple[int, int]] = (1, 2)
    colour: ClassVar[str] = "lab"

    pictures: Pictures = field(default_factory=Pictures)

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        Pix2Pix.__post_init__(self)
        if self.pictures.direction != "AtoB":
            raise InputError("colourisation goes from gray to colour; leave pictures.direction at AtoB")
        if "color" in self.game.augment:
            raise InputError(
                f"game.augment is {self.game.augment!r}, and color changes red, green and blue, which a "
                "network that makes a* and b* has not; use any of translation and cutout"
            )

    @classmethod
    def presets(cls) -> dict[str, dict[str, object]]:
        """Name sets of options."""
        known = Pix2Pix.presets()
        return known | {"modern": known["modern"] | {"game.augment": "translation,cutout"}}

    def data(self, source: str) -> Data:
        """Open the pictures."""
        self.check_pictures()
        return examples.alone(source, self.pictures)

    def ready(self, batch: Batch) -> Batch:
        """Take lightness and colour apart."""
        lab = lab_of(batch["image"])
        return {"input": lab[:, :1] / 50.0 - 1.0, "target": lab[:, 1:] / 110.0}

    def as_pictures(self, batch: Batch, made: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Put lightness and colour together."""
        light = (batch["input"].float() + 1.0) * 50.0
        gray = rgb_of(torch.cat([light, torch.zeros_like(light), torch.zeros_like(light)], 1))
        made_rgb = rgb_of(torch.cat([light, made.float() * 110.0], 1))
        return gray, made_rgb, rgb_of(torch.cat([light, batch["target"].float() * 110.0], 1))


def lab_of(rgb: Tensor) -> Tensor:
    """Convert sRGB to CIE Lab.

    Args:
        rgb: ``(B, 3, H, W)`` in [0, 1].

    Returns:
        ``(B, 3, H, W)``: L 0…100, a and b about −110…110.
    """
    linear = torch.where(rgb > 0.04045, ((rgb + 0.055) / 1.055).clamp_min(0.0) ** 2.4, rgb / 12.92)
    xyz = _mixed(_matrix(rgb), linear) / _white(rgb)
    f = torch.where(xyz > 0.008856, xyz.clamp_min(1e-8) ** (1.0 / 3.0), 7.787 * xyz + 16.0 / 116.0)
    x, y, z = f.unbind(1)
    return torch.stack([116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)], 1)


def rgb_of(lab: Tensor) -> Tensor:
    """Convert CIE Lab to sRGB.

    Args:
        lab: ``(B, 3, H, W)`` as :func:`lab_of` gives it.

    Returns:
        ``(B, 3, H, W)`` in [0, 1]; colours that sRGB does not have are clipped.
    """
    light, a, b = lab.unbind(1)
    y = (light + 16.0) / 116.0
    f = torch.stack([y + a / 500.0, y, y - b / 200.0], 1)
    xyz = torch.where(f > 0.2068966, f**3, (f - 16.0 / 116.0) / 7.787) * _white(lab)
    linear = _mixed(torch.linalg.inv(_matrix(lab)), xyz)
    curved = 1.055 * linear.clamp_min(1e-8) ** (1.0 / 2.4) - 0.055
    return torch.where(linear > 0.0031308, curved, 12.92 * linear).clamp(0.0, 1.0)


def _mixed(matrix: Tensor, channels: Tensor) -> Tensor:
    # Validation runs under autocast, and bfloat16 has fewer levels than a picture.
    with torch.autocast(channels.device.type, enabled=False):
        return torch.einsum("ij,bjhw->bihw", matrix, channels)


def _matrix(like: Tensor) -> Tensor:
    return torch.tensor(TO_XYZ, device=like.device, dtype=like.dtype)


def _white(like: Tensor) -> Tensor:
    return torch.tensor(WHITE, device=like.device, dtype=like.dtype).view(1, 3, 1, 1)
