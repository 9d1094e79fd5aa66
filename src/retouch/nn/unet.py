"""The U-Net generator of pix2pix: an encoder and a decoder with a skip at every size."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retouch.errors import InputError
from retouch.nn.layers import (
    HalvingConv,
    Norm,
    Tanh,
    Upsampling,
    initialise,
    needs_bias,
    normalisation,
    upsampler,
)


class Down(nn.Module):
    """Halve a map: leaky ReLU (not on the photo itself), convolution 4×4 of stride 2, normalisation."""

    def __init__(self, inner: int, outer: int, norm: Norm, *, first: bool, bias: bool) -> None:
        super().__init__()
        self.first = first
        self.conv = HalvingConv(inner, outer, bias=bias)
        self.norm = normalisation(norm, outer)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, inner, H, W)`` to ``(B, outer, H/2, W/2)``."""
        out: Tensor = self.norm(self.conv(x if self.first else F.leaky_relu(x, 0.2)))
        return out


class Up(nn.Module):
    """Double a map: ReLU, up-sampling, normalisation, dropout."""

    def __init__(
        self, inner: int, outer: int, norm: Norm, upsampling: Upsampling, *, bias: bool, dropout: float
    ) -> None:
        super().__init__()
        self.conv = upsampler(upsampling, inner, outer, kernel=4, bias=bias)
        self.norm = normalisation(norm, outer)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, inner, H, W)`` to ``(B, outer, 2H, 2W)``."""
        out: Tensor = self.dropout(self.norm(self.conv(F.relu(x))))
        return out


class UNet(nn.Module):
    """Translate a picture with an encoder, a decoder, and a skip between maps of the same size.

    Args:
        input_channels: channels of the photo.
        output_channels: channels of the result.
        depth: how often the size is halved: 8 for 256 px ("U-Net 256"), 7 for 128 px. Height and width
            must be multiples of 2**depth.
        width: channels at half size; doubled at each halving up to eight times that.
        norm: the normalisation.
        dropout: the share of features dropped in the deep half of the decoder; 0 for none. It is
            the only noise of pix2pix.
        upsampling: how the decoder doubles maps.
        bias: give normalised convolutions a bias; None: when the norm is not batch norm.

    Source: Isola et al. 2017, arXiv:1611.07004, section 6.1.1; Ronneberger et al. 2015, arXiv:1505.04597.
    Departs:
        The innermost map is not normalised, as in the authors' code (the paper's first version
        normalised it, which at batch 1 is zero).
        Dropout follows the decoder's second to fourth layer, as in the authors' PyTorch code (in the
        paper, the first to third).
    """

    def __init__(
        self,
        input_channels: int = 3,
        output_channels: int = 3,
        *,
        depth: int = 8,
        width: int = 64,
        norm: Norm = "batch",
        dropout: float = 0.5,
        upsampling: Upsampling = "transpose",
        bias: bool | None = None,
    ) -> None:
        super().__init__()
        if depth < 2:
            raise InputError(f"a U-Net of depth {depth} has no skip; depth must be at least 2")
        self.multiple = 2**depth
        self.down, self.up = layers(
            (input_channels, output_channels),
            depth=depth,
            width=width,
            norm=norm,
            dropout=dropout,
            upsampling=upsampling,
            bias=needs_bias(norm, bias),
            skips=True,
        )
        self.tanh = Tanh()
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Translate ``(B, input_channels, H, W)`` in [-1, 1] to ``(B, output_channels, H, W)`` in (-1, 1)."""
        skips: list[Tensor] = []
        for down in self.down:
            x = down(x)
            skips.append(x)
        x = skips.pop()
        for up in self.up:
            x = up(x)
            if skips:
                x = torch.cat([skips.pop(), x], 1)
        out: Tensor = self.tanh(x)
        return out


def layers(
    channels: tuple[int, int],
    *,
    depth: int,
    width: int,
    norm: Norm,
    dropout: float,
    upsampling: Upsampling,
    bias: bool,
    skips: bool,
) -> tuple[nn.ModuleList, nn.ModuleList]:
    """Make the encoder and the decoder of a U-Net, or of the same network without skips.

    Args:
        channels: of the photo and of the result.
        depth: how often the size is halved.
        width: channels at half size; doubled at each halving up to eight times that.
        norm: the normalisation; none on the first, the innermost and the last map.
        dropout: the share of features dropped in the deep half of the decoder.
        upsampling: how the decoder doubles maps.
        bias: give normalised convolutions a bias.
        skips: the decoder's layers, but the deepest, take a skip beside their input.

    Returns:
        The encoder from the photo inwards, and the decoder from the deepest map outwards.
    """
    widths = [width * min(2**level, 8) for level in range(depth)]
    innermost = depth - 1
    down = nn.ModuleList(
        Down(
            widths[level - 1] if level else channels[0],
            widths[level],
            "none" if level in (0, innermost) else norm,
            first=level == 0,
            bias=bias,
        )
        for level in range(depth)
    )
    up = nn.ModuleList(
        Up(
            widths[level] * (2 if skips and level < innermost else 1),
            widths[level - 1] if level else channels[1],
            norm if level else "none",
            upsampling,
            bias=bias or level == 0,
            dropout=dropout if 4 <= level < innermost else 0.0,
        )
        for level in reversed(range(depth))
    )
    return down, up
