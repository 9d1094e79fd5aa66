"""The fully convolutional encoder-decoder: a U-Net without its skips."""

from __future__ import annotations

from torch import Tensor, nn

from retouch.errors import InputError
from retouch.nn.layers import Norm, Tanh, Upsampling, initialise, needs_bias
from retouch.nn.unet import layers


class FCN(nn.Module):
    """Translate a picture through a narrow middle, with nothing that goes around it.

    The plain generator that the pix2pix paper compares the U-Net with. "Large" is the paper's,
    of depth 8. "Small" is of depth 4: its middle keeps 1/16 of the size, so that it still tells
    where things are.

    Args:
        input_channels: channels of the photo.
        output_channels: channels of the result.
        depth: how often the size is halved. Height and width must be multiples of 2**depth.
        width: channels at half size; doubled at each halving up to eight times that.
        norm: the normalisation.
        dropout: the share of features dropped in the deep half of the decoder; 0 for none.
        upsampling: how the decoder doubles maps.
        bias: give normalised convolutions a bias; None: when the norm is not batch norm.

    Source: Isola et al. 2017, arXiv:1611.07004, sections 3.2.1 and 6.1.1.
    Departs:
        As the U-Net: no normalisation of the innermost map, no dropout right after it.
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
        if depth < 1:
            raise InputError(f"an encoder-decoder of depth {depth} encodes nothing; depth must be at least 1")
        self.multiple = 2**depth
        self.down, self.up = layers(
            (input_channels, output_channels),
            depth=depth,
            width=width,
            norm=norm,
            dropout=dropout,
            upsampling=upsampling,
            bias=needs_bias(norm, bias),
            skips=False,
        )
        self.tanh = Tanh()
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Translate ``(B, input_channels, H, W)`` in [-1, 1] to ``(B, output_channels, H, W)`` in (-1, 1)."""
        for down in self.down:
            x = down(x)
        for up in self.up:
            x = up(x)
        out: Tensor = self.tanh(x)
        return out
