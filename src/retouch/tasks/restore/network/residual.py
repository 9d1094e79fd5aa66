"""The block that our own networks are stacked from."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import relu

QUIET = 0.1
"""Blocks begin as nearly nothing: without normalisation a deep stack then bears a high learning rate."""


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions around a rectifier, added to what came in; no normalisation.

    Args:
        width: channels.

    Source: Lim et al. 2017, arXiv:1707.02921, figure 2c.
    Departs: no factor on the sum; the second convolution begins ten times smaller instead.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        with_small_weights(self.conv2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, H, W) → the same size."""
        added: Tensor = x + self.conv2(relu(self.conv1(x)))
        return added


def with_small_weights(layer: nn.Conv2d) -> None:
    """Let a layer begin as nearly nothing.

    Args:
        layer: changed in place.
    """
    # Not in place on the values: the builder may be on the meta device.
    layer.weight.data.mul_(QUIET)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
