"""SRResNet, the generator of SRGAN, and the plainer form of it without normalisation."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu, pixel_shuffle

from retouch.errors import InputError
from retouch.tasks.restore.network.residual import ResidualBlock

_SLOPE = 0.1
_MOST_DOUBLINGS = 6


class SRResNet(nn.Module):
    """Enlarge pictures by residual blocks between wide convolutions.

    Args:
        width: channels.
        blocks: residual blocks.
        doublings: how often the size is doubled at the end.
        bent: the convolution after the blocks ends in a rectifier, as in files from before 2018.
        channels: of the pictures.

    Raises:
        InputError: a size is impossible.

    Source: Ledig et al. 2017, arXiv:1609.04802, figure 4; as in https://github.com/leftthomas/SRGAN.
    Departs: pictures leave through (tanh + 1) / 2, as that project's do; five blocks, as its files have,
        where the paper has 16; batch normalisation is folded into the convolution before it.
    """

    def __init__(
        self, width: int = 64, blocks: int = 5, doublings: int = 2, bent: bool = False, channels: int = 3
    ) -> None:
        super().__init__()
        if min(width, blocks, channels) < 1 or not 0 <= doublings <= _MOST_DOUBLINGS:
            raise InputError(
                f"an SRResNet has width {width}, {blocks} blocks, {doublings} doublings and {channels} "
                f"channels; there are up to {_MOST_DOUBLINGS} doublings, and all others are at least 1"
            )
        self.scale = 2**doublings
        self.head = nn.Sequential(nn.Conv2d(channels, width, 9, padding=4), nn.PReLU())
        self.body = nn.Sequential(*(_BentBlock(width) for _ in range(blocks)))
        self.middle = nn.Sequential(nn.Conv2d(width, width, 3, padding=1))
        if bent:
            self.middle.append(nn.PReLU())
        self.up = nn.Sequential(*(_Doubling(width) for _ in range(doublings)))
        self.tail = nn.Conv2d(width, channels, 9, padding=4)

    def forward(self, x: Tensor) -> Tensor:
        """Enlarge.

        Args:
            x: (B, channels, H, W) in [0, 1].

        Returns:
            (B, channels, scale · H, scale · W) in [0, 1].
        """
        first = self.head(x)
        found = self.up(first + self.middle(self.body(first)))
        return (torch.tanh(self.tail(found).float()) + 1) / 2


class MSRResNet(nn.Module):
    """Enlarge pictures by residual blocks without normalisation; what is missing is added to a smooth start.

    Args:
        width: channels.
        blocks: residual blocks.
        scale: new pixels per old one, along a side: 2, 3 or 4.
        channels: of the pictures.

    Raises:
        InputError: a size is impossible.

    Source: Wang et al. 2018, arXiv:1809.00219, their modified SRResNet, as in BasicSR and KAIR; the names of
        the tensors are those of BasicSR's files.
    Departs: none.
    """

    def __init__(self, width: int = 64, blocks: int = 16, scale: int = 4, channels: int = 3) -> None:
        super().__init__()
        if min(width, blocks, channels) < 1 or scale not in (2, 3, 4):
            raise InputError(
                f"an MSRResNet has width {width}, {blocks} blocks, scale {scale} and {channels} channels; "
                "the scale is 2, 3 or 4, and all are at least 1"
            )
        self.scale = scale
        self.step = 2 if scale == 4 else scale
        self.conv_first = nn.Conv2d(channels, width, 3, padding=1)
        self.body = nn.Sequential(*(ResidualBlock(width) for _ in range(blocks)))
        self.upconv1 = nn.Conv2d(width, width * self.step**2, 3, padding=1)
        if scale == 4:
            self.upconv2 = nn.Conv2d(width, width * self.step**2, 3, padding=1)
        self.conv_hr = nn.Conv2d(width, width, 3, padding=1)
        self.conv_last = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Enlarge.

        Args:
            x: (B, channels, H, W) in [0, 1].

        Returns:
            (B, channels, scale · H, scale · W), not clipped.
        """
        found = self.body(leaky_relu(self.conv_first(x), _SLOPE, inplace=True))
        for enlarge in [self.upconv1, self.upconv2] if self.scale == 4 else [self.upconv1]:
            found = leaky_relu(pixel_shuffle(enlarge(found), self.step), _SLOPE, inplace=True)
        missing = self.conv_last(leaky_relu(self.conv_hr(found), _SLOPE, inplace=True))
        smooth = interpolate(x, scale_factor=self.scale, mode="bilinear", align_corners=False)
        enlarged: Tensor = missing + smooth
        return enlarged


class _BentBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.prelu = nn.PReLU()
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = x + self.conv2(self.prelu(self.conv1(x)))
        return added


class _Doubling(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, 4 * width, 3, padding=1)
        self.prelu = nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        doubled: Tensor = self.prelu(pixel_shuffle(self.conv(x), 2))
        return doubled
