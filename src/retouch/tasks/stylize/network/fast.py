"""The image transformation network: one style, painted in one pass."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from retouch.errors import InputError
from retouch.nn.layers import Norm
from retouch.nn.residual import BorderedConv, Layer, Residual

Where = Literal["everywhere", "entry"]
"""Where features are instance-normalised."""


class FastStyle(nn.Module):
    """Paint a picture in the one style that it was trained for.

    Two halvings, residual blocks at a quarter of the size, two doublings.

    Args:
        width: channels at full size; four times that in the blocks.
        blocks: residual blocks.
        norm: where features are instance-normalised: everywhere, as in the paper, or only on the way to a
            quarter of the size. A network that is normalised to the end learns to paint a dark spot into each
            picture, by which it changes the statistics of all the rest.

    Height and width must be multiples of 4, and at least 8.

    Source: Johnson, Alahi, Fei-Fei, "Perceptual Losses for Real-Time Style Transfer and Super-Resolution",
        ECCV 2016, arXiv:1603.08155, supplementary table 1. Ulyanov, Vedaldi, Lempitsky, "Instance
        Normalization", arXiv:1607.08022.
    Departs:
        Instance normalisation with scale and shift, a nearest neighbour and a convolution for each doubling,
            convolutions over a reflected border and no final tanh, as in pytorch/examples, whose files it
            reads.
    """

    def __init__(self, *, width: int = 32, blocks: int = 5, norm: Where = "everywhere") -> None:
        super().__init__()
        self.check_sizes(width, blocks)
        self.multiple = 4
        later: Norm = "instance-affine" if norm == "everywhere" else "none"
        self.stem = _layer(3, width, kernel=9)
        self.down = nn.ModuleList(_layer(inner, 2 * inner, stride=2) for inner in (width, 2 * width))
        self.blocks = nn.ModuleList(
            Residual(4 * width, later, dropout=0.0, border="reflect", bias=True) for _ in range(blocks)
        )
        self.larger = nn.Upsample(scale_factor=2, mode="nearest")
        self.up = nn.ModuleList(_layer(inner, inner // 2, norm=later) for inner in (4 * width, 2 * width))
        self.head = BorderedConv(width, 3, 9, border="reflect", bias=True)

    @staticmethod
    def check_sizes(width: int, blocks: int) -> None:
        """Refuse sizes that cannot be built.

        Args:
            width: channels at full size.
            blocks: residual blocks.

        Raises:
            InputError: one is too small.
        """
        if width < 1 or blocks < 0:
            raise InputError(
                f"a network of width {width} and {blocks} blocks was asked for; width is at least 1, "
                "blocks at least 0"
            )

    def forward(self, x: Tensor) -> Tensor:
        """Paint.

        Args:
            x: (B, 3, H, W), RGB, in the range that its card names.

        Returns:
            (B, 3, H, W), RGB, nominally in the same range.
        """
        x = self.stem(x)
        for down in self.down:
            x = down(x)  # (B, 2C, H/2, W/2), (B, 4C, H/4, W/4)
        for block in self.blocks:
            x = block(x)
        for up in self.up:
            x = up(self.larger(x))
        painted: Tensor = self.head(x)
        return painted


def _layer(
    inner: int, outer: int, *, kernel: int = 3, stride: int = 1, norm: Norm = "instance-affine"
) -> Layer:
    conv = BorderedConv(inner, outer, kernel, border="reflect", bias=True, stride=stride)
    return Layer(conv, norm, outer)
