"""Our network for ×4: everything is computed on the small picture."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from retouch.errors import InputError
from retouch.tasks.restore.network.residual import ResidualBlock, with_small_weights


class Upscaler(nn.Module):
    """Enlarge pictures by a whole factor.

    All convolutions are 3×3, of one width, and see the small picture: on processors with matrix units in
    bfloat16 such layers run at their full speed, where attention, dense connections and splits of channels
    mostly wait for memory. What the last layer makes is added to the picture itself, every pixel repeated:
    the network learns only what is missing.

    Args:
        width: channels.
        blocks: residual blocks.
        scale: new pixels per old one, along a side.
        channels: of the pictures.

    Source: Lim et al. 2017, arXiv:1707.02921 (EDSR-baseline); Shi et al. 2016, arXiv:1609.05158 (sub-pixel
        convolution); Du et al. 2021, arXiv:2105.09750 (adding the repeated pixels).
    Departs: one sub-pixel step for any scale, no mean to subtract, no convolution after the body.
    """

    def __init__(self, width: int = 64, blocks: int = 8, scale: int = 4, channels: int = 3) -> None:
        super().__init__()
        if min(width, blocks, scale, channels) < 1:
            raise InputError(
                f"an upscaler has width {width}, {blocks} blocks, scale {scale} and {channels} channels; all "
                "are at least 1"
            )
        self.scale = scale
        self.head = nn.Conv2d(channels, width, 3, padding=1)
        self.body = nn.Sequential(*(ResidualBlock(width) for _ in range(blocks)))
        self.tail = nn.Conv2d(width, channels * scale**2, 3, padding=1)
        with_small_weights(self.tail)
        self.shuffle = nn.PixelShuffle(scale)

    def forward(self, x: Tensor) -> Tensor:
        """Enlarge.

        Args:
            x: (B, channels, H, W) in [0, 1].

        Returns:
            (B, channels, scale · H, scale · W), not clipped.
        """
        missing = self.tail(self.body(self.head(x)))
        repeated = torch.repeat_interleave(x, self.scale**2, dim=1)
        enlarged: Tensor = self.shuffle(missing.float() + repeated)
        return enlarged
