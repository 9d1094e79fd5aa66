"""The residual generator of CycleGAN, and the smoother variant of CUT."""

from __future__ import annotations

from torch import Tensor, nn

from retouch.nn.layers import Blur, Downsampling, Norm, Tanh, Upsampling, initialise, needs_bias, upsampler
from retouch.nn.residual import Border, BorderedConv, Layer, Residual


class ResNet(nn.Module):
    """Translate a picture by residual blocks at a quarter of its size.

    Args:
        input_channels: channels of the photo.
        output_channels: channels of the result.
        blocks: residual blocks: 9 for 256 px and more, 6 for 128 px.
        width: channels at full size; four times that in the blocks.
        norm: the normalisation.
        dropout: the share of features dropped inside each block; 0 for none.
        downsampling: how the size is halved, twice.
        upsampling: how it is doubled, twice.
        border: what the convolutions of stride 1 see beyond the edge; zeros in the first CycleGAN files.
        bias: give normalised convolutions a bias; None: when the norm is not batch norm.

    Height and width must be multiples of 4.

    Source: Zhu et al. 2017, arXiv:1703.10593, section 7.2; Johnson et al. 2016, arXiv:1603.08155.
        ``blur`` at both ends is the generator of Park et al. 2020 (CUT), arXiv:2007.15651.
    Departs: none.
    """

    def __init__(
        self,
        input_channels: int = 3,
        output_channels: int = 3,
        *,
        blocks: int = 9,
        width: int = 64,
        norm: Norm = "instance",
        dropout: float = 0.0,
        downsampling: Downsampling = "stride",
        upsampling: Upsampling = "transpose",
        border: Border = "reflect",
        bias: bool | None = None,
    ) -> None:
        super().__init__()
        self.multiple = 4
        own_bias = needs_bias(norm, bias)
        self.stem = Layer(BorderedConv(input_channels, width, 7, border=border, bias=own_bias), norm, width)
        stride = 2 if downsampling == "stride" else 1
        self.down = nn.ModuleList(
            Layer(nn.Conv2d(inner, 2 * inner, 3, stride=stride, padding=1, bias=own_bias), norm, 2 * inner)
            for inner in (width, 2 * width)
        )
        self.smaller = nn.ModuleList(
            Blur(channels, "down") if downsampling == "blur" else nn.Identity()
            for channels in (2 * width, 4 * width)
        )
        self.blocks = nn.ModuleList(
            Residual(4 * width, norm, dropout=dropout, border=border, bias=own_bias) for _ in range(blocks)
        )
        self.up = nn.ModuleList(
            Layer(upsampler(upsampling, inner, inner // 2, kernel=3, bias=own_bias), norm, inner // 2)
            for inner in (4 * width, 2 * width)
        )
        self.head = BorderedConv(width, output_channels, 7, border=border, bias=True)
        self.tanh = Tanh()
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Translate ``(B, input_channels, H, W)`` in [-1, 1] to ``(B, output_channels, H, W)`` in (-1, 1)."""
        x = self.stem(x)
        for down, smaller in zip(self.down, self.smaller, strict=True):
            x = smaller(down(x))
        for block in self.blocks:
            x = block(x)
        for up in self.up:
            x = up(x)
        out: Tensor = self.tanh(self.head(x))
        return out
