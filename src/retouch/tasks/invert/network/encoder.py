"""From a picture to the noise that a generator would make it of: a guess, and how sure it is."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from retouch.tasks.invert.network.judge import Halving
from retouch.tasks.invert.network.modulated import FullyConnected
from retouch.tasks.invert.network.stylegan2 import StyleGAN2

USUAL = -2.0
"""What is added to the logarithm of the variance, which begins about 0: guesses are rather sure at first."""

LEAST, MOST = -8.0, 2.0
"""Between which the logarithm of the variance stays."""


class StyleGAN2Encoder(nn.Module):
    """Guess the noise of a picture, as a normal distribution.

    Args:
        side: of the pictures, in pixels.
        channels: of the maps at 4 pixels, 8, …: ``"512,512,256"``.
        latent: numbers of the noise.
        colours: channels of the pictures.

    Source: the discriminator of Karras et al. 2020, arXiv:1912.04958, figure 7, with the two outputs of
        Kingma and Welling 2014, arXiv:1312.6114, appendix C.
    Departs: none of the discriminator's spread over a batch.
    """

    def __init__(self, *, side: int, channels: str, latent: int, colours: int = 3) -> None:
        super().__init__()
        widths = StyleGAN2.check_sizes(side, channels, latent, 1, 1, 0, colours)
        self.sides = [4 << number for number in range(len(widths) - 1, 0, -1)]
        for number, large in zip(range(len(widths) - 1, 0, -1), self.sides, strict=True):
            block = Halving(
                widths[number], widths[number - 1], limit=0.0, colours=colours if large == side else 0
            )
            self.add_module(f"b{large}", block)
        self.fc = FullyConnected(16 * widths[0], widths[0], active=True)
        self.out = FullyConnected(widths[0], 2 * latent)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Guess.

        Args:
            x: (B, colours, R, R), nominally in [-1, 1].

        Returns:
            The mean and the logarithm of the variance of z, (B, latent) each.
        """
        for side in self.sides:
            x = cast("Halving", self.get_submodule(f"b{side}"))(x)
        guess = self.out(self.fc(x.flatten(1)))
        middle, spread = torch.chunk(guess.to(torch.promote_types(guess.dtype, torch.float32)), 2, dim=1)
        return middle, (spread + USUAL).clamp(LEAST, MOST)
