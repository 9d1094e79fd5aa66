"""DCGAN: transposed convolutions from noise to a picture, and convolutions back to a judgement."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from retouch.errors import InputError, UnknownName
from retouch.nn.layers import Norm, normalisation

DCGANNorm = Literal["batch", "instance"]


class DCGAN(nn.Module):
    """Make pictures from noise.

    Args:
        side: of the picture, in pixels: 8, 16, 32, 64, ….
        latent: numbers of the noise z.
        width: channels of the largest maps.
        norm: normalisation of the maps: batch as in the paper; instance as in course files, without scale
            and shift; with no bias anywhere, zero noise is a grey picture of which nothing can be learned.
        colours: channels of the picture.

    Source: Radford, Metz, Chintala, "Unsupervised Representation Learning with Deep Convolutional GANs",
        ICLR 2016, arXiv:1511.06434, section 3 and figure 1.
    Departs: the first layer is a transposed convolution of the noise, as in the authors' code, which is their
        matrix product and reshape.
    """

    def __init__(
        self,
        *,
        side: int = 64,
        latent: int = 100,
        width: int = 64,
        norm: DCGANNorm = "batch",
        colours: int = 3,
    ) -> None:
        super().__init__()
        layers = check_sizes(side, width, norm)
        if not 1 <= latent <= 1 << 14:
            raise InputError(f"latent is {latent}; it must be from 1 to {1 << 14}")
        self.side, self.latent, self.colours = side, latent, colours
        self.depth = layers + 1
        inner = latent
        for number in range(layers):
            outer = width << (layers - 1 - number)
            conv = nn.ConvTranspose2d(
                inner, outer, 4, stride=2 if number else 1, padding=1 if number else 0, bias=False
            )
            self.add_module(f"deconv{number + 1}", nn.Sequential(conv, normalisation(_norm(norm), outer)))
            inner = outer
        last = nn.ConvTranspose2d(inner, colours, 4, stride=2, padding=1, bias=False)
        self.add_module(f"deconv{layers + 1}", nn.Sequential(last))
        _draw(self)

    def forward(self, z: Tensor) -> Tensor:
        """Make pictures.

        Args:
            z: (B, latent), normal.

        Returns:
            (B, colours, R, R) in [-1, 1].

        Raises:
            InputError: there are more or fewer numbers.
        """
        if z.dim() == 4 and z.shape[2:] == (1, 1):
            z = z.flatten(1)
        if z.dim() != 2 or z.shape[1] != self.latent:
            raise InputError(f"the noise is {tuple(z.shape)}; this network takes (B, {self.latent})")
        x = z[:, :, None, None]
        for number in range(1, self.depth):
            x = torch.relu(self.get_submodule(f"deconv{number}")(x))
        return torch.tanh(self.get_submodule(f"deconv{self.depth}")(x))


class DCGANJudge(nn.Module):
    """Tell real pictures from made ones.

    Args:
        side: of the pictures, in pixels: 8, 16, 32, 64, ….
        width: channels of the largest maps.
        norm: normalisation of all maps but the first and the last.
        colours: channels of the pictures.

    Source: as of :class:`DCGAN`.
    """

    def __init__(
        self, *, side: int = 64, width: int = 64, norm: DCGANNorm = "batch", colours: int = 3
    ) -> None:
        super().__init__()
        layers = check_sizes(side, width, norm)
        blocks: list[nn.Module] = []
        inner = colours
        for number in range(layers):
            outer = width << number
            blocks.append(nn.Conv2d(inner, outer, 4, stride=2, padding=1, bias=False))
            if number:
                blocks.append(normalisation(_norm(norm), outer))
            blocks.append(nn.LeakyReLU(0.2))
            inner = outer
        blocks.append(nn.Conv2d(inner, 1, 4, bias=False))
        self.layers = nn.Sequential(*blocks)
        _draw(self)

    def maps(self, x: Tensor) -> list[Tensor]:
        """See pictures at every size: (B, C, R/2, R/2), …, (B, C, 4, 4)."""
        found: list[Tensor] = []
        for layer in list(self.layers)[:-1]:
            x = layer(x)
            if isinstance(layer, nn.LeakyReLU):
                found.append(x)
        return found

    def forward(self, x: Tensor) -> Tensor:
        """Judge (B, colours, R, R) in [-1, 1]: (B, 1), above 0 for what looks real."""
        judged: Tensor = self.layers(x)
        return judged.flatten(1)


def check_sizes(side: int, width: int, norm: str) -> int:
    """Refuse sizes that cannot be built.

    Args:
        side: of the picture.
        width: channels of the largest maps.
        norm: the normalisation.

    Returns:
        How many layers have maps: from 4 pixels to half the side.

    Raises:
        InputError: the side is no power of 2 from 8 to 1024, or the width is out of range.
        UnknownName: there is no such normalisation.
    """
    if not 8 <= side <= 1024 or side & (side - 1):
        raise InputError(f"a picture of {side} pixels was asked for; a side is 8, 16, 32, … 1024")
    if not 1 <= width <= 4096:
        raise InputError(f"width is {width}; it must be from 1 to 4096")
    if norm not in get_args(DCGANNorm):
        raise UnknownName("normalisation", norm, get_args(DCGANNorm))
    return side.bit_length() - 3


def _norm(norm: DCGANNorm) -> Norm:
    return norm


def _draw(network: nn.Module) -> None:
    """Draw first weights: N(0, 0.02), scales N(1, 0.02), as the paper says."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
            nn.init.zeros_(module.bias)
