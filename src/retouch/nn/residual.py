"""Residual blocks, and convolutions over a border of their own, of the networks that translate and paint."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from retouch.nn.layers import Norm, normalisation

Border = Literal["reflect", "zero"]
"""What a convolution that keeps the size sees beyond the edge: the picture's mirror image, or zeros."""


class BorderedConv(nn.Module):
    """A convolution over a border of its own, which leaves the size as it is, or divides it by the stride.

    Args:
        inner: channels in.
        outer: channels out.
        kernel: its side, odd.
        border: what it sees beyond the edge.
        bias: whether it has a bias.
        stride: of rows and of columns.
    """

    def __init__(
        self, inner: int, outer: int, kernel: int, *, border: Border, bias: bool, stride: int = 1
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inner, outer, kernel, stride, bias=bias)
        self.padding = (kernel // 2,) * 4
        self.mode = "reflect" if border == "reflect" else "constant"

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, inner, H, W)`` to ``(B, outer, ⌈H / stride⌉, ⌈W / stride⌉)``."""
        out: Tensor = self.conv(F.pad(x, self.padding, mode=self.mode))
        return out


class Layer(nn.Module):
    """A convolution, a normalisation and a ReLU."""

    def __init__(self, conv: nn.Module, norm: Norm, channels: int) -> None:
        super().__init__()
        self.conv = conv
        self.norm = normalisation(norm, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, inner, H, W)`` to ``(B, channels, H', W')``, as the convolution does."""
        return F.relu(self.norm(self.conv(x)))


class Residual(nn.Module):
    """Two convolutions 3×3 whose result is added to what they were given."""

    def __init__(self, channels: int, norm: Norm, *, dropout: float, border: Border, bias: bool) -> None:
        super().__init__()
        self.first = Layer(BorderedConv(channels, channels, 3, border=border, bias=bias), norm, channels)
        self.dropout = nn.Dropout(dropout)
        self.second = BorderedConv(channels, channels, 3, border=border, bias=bias)
        self.norm = normalisation(norm, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Add to ``(B, channels, H, W)``."""
        out: Tensor = x + self.norm(self.second(self.dropout(self.first(x))))
        return out
