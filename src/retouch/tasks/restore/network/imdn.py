"""IMDN: every block keeps a quarter of what it sees and works on with the rest."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, pixel_shuffle

from retouch.errors import InputError

_SLOPE = 0.05
_REDUCTION = 16


class ContrastAttention(nn.Module):
    """Weigh channels by their mean and standard deviation over the whole picture.

    Args:
        width: channels.

    Source: Hui et al. 2019, section 3.2 and figure 4.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv_du = nn.Sequential(
            nn.Conv2d(width, width // _REDUCTION, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(width // _REDUCTION, width, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, H, W) → the same size."""
        mean = x.mean((2, 3), keepdim=True)  # (B, width, 1, 1)
        # Four times as fast as torch.std where the channels lie last.
        deviation = (x - mean).square().mean((2, 3), keepdim=True).sqrt()
        weighed: Tensor = x * self.conv_du(deviation + mean)
        return weighed


class MultiDistillationBlock(nn.Module):
    """Three times keep a quarter of the channels and refine the others; then weigh and mix what was kept.

    Args:
        width: channels, a multiple of 16.

    Source: Hui et al. 2019, section 3.2 and figure 3 (IMDB).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.kept = kept = width // 4
        self.c1 = nn.Conv2d(width, width, 3, padding=1)
        self.c2 = nn.Conv2d(width - kept, width, 3, padding=1)
        self.c3 = nn.Conv2d(width - kept, width, 3, padding=1)
        self.c4 = nn.Conv2d(width - kept, kept, 3, padding=1)
        self.c5 = nn.Conv2d(width, width, 1)
        self.cca = ContrastAttention(width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, H, W) → the same size."""
        kept: list[Tensor] = []
        rest = x
        for refine in (self.c1, self.c2, self.c3):
            found = leaky_relu(refine(rest), _SLOPE, inplace=True)
            distilled, rest = found[:, : self.kept], found[:, self.kept :]
            kept.append(distilled)
        kept.append(self.c4(rest))
        refined: Tensor = x + self.c5(self.cca(torch.cat(kept, 1)))
        return refined


class IMDN(nn.Module):
    """Enlarge pictures by information multi-distillation.

    Its attention looks at the whole picture: what it makes of a part depends, a little, on the rest.

    Args:
        width: channels, a multiple of 16.
        blocks: distillation blocks.
        scale: new pixels per old one, along a side.
        channels: of the pictures.

    Raises:
        InputError: a size is impossible.

    Source: Hui, Gao, Yang, Wang 2019, arXiv:1909.11856; the names of the tensors are those of the authors'
        files.
    Departs: any number of blocks, where theirs has six.
    """

    def __init__(self, width: int = 64, blocks: int = 6, scale: int = 4, channels: int = 3) -> None:
        super().__init__()
        if min(width, blocks, scale, channels) < 1 or width % _REDUCTION:
            raise InputError(
                f"an IMDN has width {width}, {blocks} blocks, scale {scale} and {channels} channels; all are "
                f"at least 1, and the width is a multiple of {_REDUCTION}"
            )
        self.scale = scale
        self.blocks = blocks
        self.fea_conv = nn.Conv2d(channels, width, 3, padding=1)
        for number in range(1, blocks + 1):
            self.add_module(f"IMDB{number}", MultiDistillationBlock(width))
        self.c = nn.Sequential(nn.Conv2d(blocks * width, width, 1), nn.LeakyReLU(_SLOPE, inplace=True))
        self.LR_conv = nn.Conv2d(width, width, 3, padding=1)
        self.upsampler = nn.Sequential(nn.Conv2d(width, channels * scale**2, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """Enlarge.

        Args:
            x: (B, channels, H, W) in [0, 1].

        Returns:
            (B, channels, scale · H, scale · W), not clipped.
        """
        first = self.fea_conv(x)
        found = self.LR_conv(self.c(torch.cat(list(self._through(first)), 1))) + first
        return pixel_shuffle(self.upsampler(found), self.scale)

    def _through(self, found: Tensor) -> Iterator[Tensor]:
        for number in range(1, self.blocks + 1):
            found = self.get_submodule(f"IMDB{number}")(found)
            yield found
