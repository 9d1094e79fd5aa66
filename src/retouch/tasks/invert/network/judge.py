"""StyleGAN2's discriminator."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retouch.tasks.invert.network.modulated import EPSILON, ROOT, SLOPE, FullyConnected
from retouch.tasks.invert.network.resampling import halved, halving_conv
from retouch.tasks.invert.network.stylegan2 import StyleGAN2


class EqualConv(nn.Module):
    """A convolution whose weights all learn at the same rate.

    Args:
        inner: channels in.
        outer: channels out.
        kernel: 1 or 3.
        down: halve the maps.
        active: whether it has a bias and the leaky rectifier follows.
        limit: where results are clamped; 0: not at all.
    """

    def __init__(
        self,
        inner: int,
        outer: int,
        kernel: int,
        *,
        down: bool = False,
        active: bool = True,
        limit: float = 0.0,
    ) -> None:
        super().__init__()
        self.down, self.active, self.limit = down, active, limit
        self.weight = nn.Parameter(torch.randn(outer, inner, kernel, kernel))
        if active:
            self.bias = nn.Parameter(torch.zeros(outer))

    def forward(self, x: Tensor, gain: float = 1.0) -> Tensor:
        """Apply it.

        Args:
            x: (B, inner, H, W).
            gain: a factor of the result.

        Returns:
            (B, outer, H, W), or half the size.
        """
        factor = ROOT * gain if self.active else gain
        weight = self.weight * (factor / math.sqrt(self.weight[0].numel()))
        bias = self.bias * factor if self.active else None
        if not self.down:
            y = F.conv2d(x, weight, bias, padding=weight.shape[2] // 2)
        elif weight.shape[2] == 1:
            y = F.conv2d(halved(x), weight, bias)
        else:
            y = halving_conv(x, weight)
            y = y if bias is None else y + bias.to(y.dtype).view(1, -1, 1, 1)
        if self.active:
            y = F.leaky_relu(y, SLOPE)
        return y.clamp(-self.limit * gain, self.limit * gain) if self.limit else y


class Halving(nn.Module):
    """A residual block that halves its maps.

    Args:
        inner: channels in.
        outer: channels out.
        limit: where maps are clamped; 0: not at all.
        colours: channels of the picture, in the block that takes it; else 0.
    """

    def __init__(self, inner: int, outer: int, *, limit: float, colours: int = 0) -> None:
        super().__init__()
        if colours:
            self.fromrgb = EqualConv(colours, inner, 1, limit=limit)
        self.conv0 = EqualConv(inner, inner, 3, limit=limit)
        self.conv1 = EqualConv(inner, outer, 3, down=True, limit=limit)
        self.skip = EqualConv(inner, outer, 1, down=True, active=False)
        self.first = bool(colours)

    def forward(self, x: Tensor) -> Tensor:
        """Apply it to maps, or to a picture."""
        if self.first:
            x = self.fromrgb(x)
        beside = self.skip(x, gain=0.5**0.5)
        below: Tensor = self.conv1(self.conv0(x), gain=0.5**0.5)
        joined: Tensor = below + beside
        return joined


class Epilogue(nn.Module):
    """From maps of 4 pixels to a judgement.

    Args:
        channels: in.
        group: pictures whose spread is looked at together.
        limit: where maps are clamped; 0: not at all.
    """

    def __init__(self, channels: int, *, group: int, limit: float) -> None:
        super().__init__()
        self.group = group
        self.conv = EqualConv(channels + 1, channels, 3, limit=limit)
        self.fc = FullyConnected(16 * channels, channels, active=True)
        self.out = FullyConnected(channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Judge (B, C, 4, 4): (B, 1)."""
        x = self.conv(torch.cat([x, spread(x, self.group)], dim=1))
        judged: Tensor = self.out(self.fc(x.flatten(1)))
        return judged


def spread(x: Tensor, group: int) -> Tensor:
    """Say how much pictures that are judged together differ, which shows a collapsed generator.

    Args:
        x: (B, C, H, W).
        group: pictures in a group; when it does not divide B, the largest smaller number that does.

    Returns:
        (B, 1, H, W): the standard deviation over the group, averaged over channels and places.

    Source: Karras et al. 2018, arXiv:1710.10196, section 3.
    """
    B, _, H, W = x.shape
    group = next(size for size in range(min(group, B), 0, -1) if B % size == 0)
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    parts = wide.reshape(group, B // group, -1)  # picture n is of group n mod (B / group)
    deviation = (parts.var(dim=0, unbiased=False) + EPSILON).sqrt().mean(dim=1)
    return deviation.to(x.dtype).repeat(group).view(B, 1, 1, 1).expand(B, 1, H, W)


class StyleGAN2Judge(nn.Module):
    """Tell real pictures from made ones.

    Args:
        side: of the pictures, in pixels.
        channels: of the maps at 4 pixels, 8, …: ``"512,512,256"``.
        colours: channels of the pictures.
        group: pictures whose spread is looked at together.
        limit: where maps are clamped, on either side of 0; 0: not at all.

    Source: Karras et al. 2020, arXiv:1912.04958, figure 7 (residual), appendix B.
    """

    def __init__(
        self, *, side: int, channels: str, colours: int = 3, group: int = 4, limit: float = 0.0
    ) -> None:
        super().__init__()
        widths = StyleGAN2.check_sizes(side, channels, 1, 1, 1, 0, colours)
        self.sides = [4 << number for number in range(len(widths) - 1, 0, -1)]
        for number, large in zip(range(len(widths) - 1, 0, -1), self.sides, strict=True):
            block = Halving(
                widths[number], widths[number - 1], limit=limit, colours=colours if large == side else 0
            )
            self.add_module(f"b{large}", block)
        self.b4 = Epilogue(widths[0], group=group, limit=limit)

    def maps(self, x: Tensor) -> list[Tensor]:
        """See pictures at every size.

        Args:
            x: (B, colours, R, R), nominally in [-1, 1].

        Returns:
            (B, C, R/2, R/2), …, (B, C, 4, 4).
        """
        found: list[Tensor] = []
        for side in self.sides:
            x = cast("Halving", self.get_submodule(f"b{side}"))(x)
            found.append(x)
        return found

    def forward(self, x: Tensor) -> Tensor:
        """Judge pictures.

        Args:
            x: (B, colours, R, R), nominally in [-1, 1].

        Returns:
            (B, 1), above 0 for what looks real.
        """
        judged: Tensor = self.b4(self.maps(x)[-1])
        return judged
