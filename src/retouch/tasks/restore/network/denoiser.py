"""Our network for noise: a small U-Net that starts at half the picture's size."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from retouch.errors import InputError
from retouch.tasks.restore.network.residual import ResidualBlock, with_small_weights


class Denoiser(nn.Module):
    """Take noise out of pictures; told how strong it is, or not.

    Four pixels are taken as one with four times the channels, so that the widest layers see a quarter of the
    pixels; half of the work is done at a quarter and an eighth of the size, where strong noise is told from
    form. All layers are convolutions of one kind, which run at full speed on matrix units.

    Args:
        width: channels at half the size.
        deep: channels at a quarter and an eighth of the size.
        blocks: residual blocks on each level, on the way down and on the way up.
        channels: of the pictures.

    Source: Zhang et al. 2018, arXiv:1710.04026 (FFDNet: half size, a map of the noise); Zhang et al. 2021,
        arXiv:2008.13751 (DRUNet: residual blocks in a U-Net, added skips).
    Departs: the map may be 0 all over, which means that the noise is not known; half the depth of DRUNet and
        a 23rd of its weights; biases.
    """

    multiple = 8

    def __init__(self, width: int = 64, deep: int = 96, blocks: int = 2, channels: int = 3) -> None:
        super().__init__()
        if min(width, deep, blocks, channels) < 1:
            raise InputError(
                f"a denoiser has width {width}, depth {deep}, {blocks} blocks and {channels} channels; all "
                "are at least 1"
            )
        self.channels = channels

        def stack(size: int) -> nn.Sequential:
            return nn.Sequential(*(ResidualBlock(size) for _ in range(blocks)))

        self.head = nn.Conv2d(4 * (channels + 1), width, 3, padding=1)
        self.down = nn.ModuleList([stack(width), stack(deep)])
        self.smaller = nn.ModuleList(nn.Conv2d(size, deep, 2, stride=2) for size in (width, deep))
        self.middle = stack(deep)
        self.larger = nn.ModuleList(nn.Conv2d(deep, 4 * size, 1) for size in (width, deep))
        self.up = nn.ModuleList([stack(width), stack(deep)])
        self.tail = nn.Conv2d(width, 4 * channels, 3, padding=1)
        with_small_weights(self.tail)

    def forward(self, x: Tensor) -> Tensor:
        """Take the noise out.

        Args:
            x: (B, channels + 1, H, W), H and W multiples of 8: the picture, 0 black and 1 white, and the
                standard deviation of its noise in the same units, all 0 where that is not known.

        Returns:
            (B, channels, H, W), not clipped.
        """
        picture = x[:, : self.channels]
        found = self.head(pixel_unshuffle(x, 2))
        kept: list[Tensor] = []
        for blocks, smaller in zip(self.down, self.smaller, strict=True):
            found = blocks(found)
            kept.append(found)
            found = smaller(found)
        found = self.middle(found)
        for level in (1, 0):
            found = self.up[level](pixel_shuffle(self.larger[level](found), 2) + kept[level])
        noise = pixel_shuffle(self.tail(found).float(), 2)
        return picture - noise


def told(pictures: Tensor, noise: Tensor | float = 0.0) -> Tensor:
    """Make what the network takes.

    Args:
        pictures: (B, C, H, W).
        noise: its standard deviation, a number or (B, 1, H, W); 0 where it is not known.

    Returns:
        (B, C + 1, H, W).
    """
    map_of = noise if isinstance(noise, Tensor) else torch.full_like(pictures[:, :1], noise)
    joined = torch.cat([pictures, map_of.to(pictures)], 1)
    last = pictures.is_contiguous(memory_format=torch.channels_last)
    return joined.contiguous(memory_format=torch.channels_last) if last else joined
