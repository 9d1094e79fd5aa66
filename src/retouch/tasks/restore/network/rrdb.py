"""RRDBNet: dense blocks within residual blocks within a residual network; ESRGAN and Real-ESRGAN."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu, pixel_unshuffle

from retouch.errors import InputError

_SLOPE = 0.2
_SHARE = 0.2  # of what a block makes is added to what came in
_CONVOLUTIONS = 5
_MOST_DOUBLINGS = 6


class DenseBlock(nn.Module):
    """Five convolutions, each of which sees all that were before it.

    Args:
        width: channels that come in and go out.
        growth: channels that each convolution but the last adds.

    Source: Wang et al. 2018, section 3.1 and figure 4.
    """

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        for number in range(_CONVOLUTIONS):
            made = growth if number < _CONVOLUTIONS - 1 else width
            self.add_module(f"conv{number + 1}", nn.Conv2d(width + number * growth, made, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, H, W) → the same size."""
        seen = x
        *first, last = self.children()
        for conv in first:
            seen = torch.cat([seen, leaky_relu(conv(seen), _SLOPE, inplace=True)], 1)
        return torch.add(x, last(seen), alpha=_SHARE)


class ResidualInResidual(nn.Module):
    """Three dense blocks, of which a part is added to what came in.

    Args:
        width: channels that come in and go out.
        growth: of the dense blocks.

    Source: Wang et al. 2018, figure 4 (RRDB).
    """

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.rdb1 = DenseBlock(width, growth)
        self.rdb2 = DenseBlock(width, growth)
        self.rdb3 = DenseBlock(width, growth)

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, H, W) → the same size."""
        return torch.add(x, self.rdb3(self.rdb2(self.rdb1(x))), alpha=_SHARE)


class RRDBNet(nn.Module):
    """Enlarge pictures, or only repair them.

    Args:
        width: channels.
        blocks: residual blocks of three dense blocks each.
        growth: channels that each convolution of a dense block adds.
        doublings: how often the size is doubled at the end.
        unshuffle: the side of the squares of pixels that are taken as one pixel with more channels at the
            start; the scale is 2 to the power of the doublings, divided by it.
        channels: of the pictures.

    Raises:
        InputError: a size is impossible.

    Source: Wang et al. 2018, arXiv:1809.00219 (ESRGAN); Wang, Xie, Dong, Shan 2021, arXiv:2107.10833
        (Real-ESRGAN: squares of pixels for scales 2 and 1); the names of the tensors are those of BasicSR's
        files.
    Departs: any number of doublings, where BasicSR's has two.
    """

    def __init__(
        self,
        width: int = 64,
        blocks: int = 23,
        growth: int = 32,
        doublings: int = 2,
        unshuffle: int = 1,
        channels: int = 3,
    ) -> None:
        super().__init__()
        whole = unshuffle > 0 and 0 <= doublings <= _MOST_DOUBLINGS and 2**doublings % unshuffle == 0
        if min(width, blocks, growth, channels) < 1 or not whole:
            raise InputError(
                f"an RRDBNet has width {width}, {blocks} blocks, growth {growth}, {doublings} doublings, "
                f"squares of {unshuffle} and {channels} channels; up to {_MOST_DOUBLINGS} doublings make a "
                "whole multiple of the squares, and all others are at least 1"
            )
        self.scale = 2**doublings // unshuffle
        self.multiple = unshuffle
        self.conv_first = nn.Conv2d(channels * unshuffle**2, width, 3, padding=1)
        self.body = nn.Sequential(*(ResidualInResidual(width, growth) for _ in range(blocks)))
        self.conv_body = nn.Conv2d(width, width, 3, padding=1)
        self.ups = tuple(f"conv_up{number + 1}" for number in range(doublings))
        for name in self.ups:
            self.add_module(name, nn.Conv2d(width, width, 3, padding=1))
        self.conv_hr = nn.Conv2d(width, width, 3, padding=1)
        self.conv_last = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Enlarge.

        Args:
            x: (B, channels, H, W) in [0, 1]; H and W multiples of the squares' side.

        Returns:
            (B, channels, scale · H, scale · W), not clipped.
        """
        found = self.conv_first(pixel_unshuffle(x, self.multiple) if self.multiple > 1 else x)
        found = found + self.conv_body(self.body(found))
        for name in self.ups:
            larger = interpolate(found, scale_factor=2.0, mode="nearest")
            found = leaky_relu(self.get_submodule(name)(larger), _SLOPE, inplace=True)
        made: Tensor = self.conv_last(leaky_relu(self.conv_hr(found), _SLOPE, inplace=True))
        return made
