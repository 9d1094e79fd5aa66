"""LaMa without Fourier convolutions: the residual generator it is compared with."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from retouch.errors import InputError, UnknownName

OutputActivation = Literal["sigmoid", "tanh"]


class GlobalGenerator(nn.Module):
    """Fill the hole of a picture with convolutions that see only near things.

    The picture is halved three times, residual blocks work on it, and it is doubled three times.
    Height and width must be multiples of 8, and at least 16.

    Args:
        width: channels of the first layer; each halving doubles them, up to ``max_width``.
        blocks: residual blocks: 9 (LaMa-Regular), 15 (Big LaMa-Regular).
        downsampling: halvings.
        max_width: the most channels.
        activation: the last one; released networks have a sigmoid.

    Raises:
        InputError: A number is too small.
        UnknownName: There is no such activation.

    Source: Wang et al. 2018 (pix2pixHD), arXiv:1711.11585, section 3.1; Suvorov et al. 2021 (LaMa),
        arXiv:2109.07161, section 3.1; names and sizes as in the authors' files.
    Departs: none.
    """

    def __init__(
        self,
        width: int = 64,
        blocks: int = 9,
        downsampling: int = 3,
        max_width: int = 1024,
        *,
        activation: OutputActivation = "sigmoid",
    ) -> None:
        super().__init__()
        check_sizes(width=(width, 1), blocks=(blocks, 0), downsampling=(downsampling, 1))
        inside = min(max_width, width << downsampling)
        self.model = framed(
            (Residual(inside) for _ in range(blocks)), width, downsampling, max_width, activation
        )

    def forward(self, x: Tensor) -> Tensor:
        """Fill holes.

        Args:
            x: ``(B, 4, H, W)``: pictures in [0, 1], 0 in the hole, and the hole, 1 where something is
                missing.

        Returns:
            ``(B, 3, H, W)`` in [0, 1] (with tanh in [-1, 1]).
        """
        found: Tensor = self.model(x)
        return found


class Residual(nn.Module):
    """Two 3×3 convolutions, added to what came in.

    Args:
        channels: in and out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Add what two convolutions find in ``(B, channels, H, W)``."""
        found: Tensor = x + self.conv_block(x)
        return found


def framed(
    blocks: Iterable[nn.Module],
    width: int,
    downsampling: int,
    max_width: int,
    activation: OutputActivation,
) -> nn.Sequential:
    """Put blocks between the layers that halve a picture and those that double it.

    Args:
        blocks: what works on the halved picture; they keep its shape.
        width: channels of the first layer.
        downsampling: halvings.
        max_width: the most channels.
        activation: the last one.

    Returns:
        The layers, numbered as in the authors' files: blocks from ``4 + 3 * downsampling``.

    Raises:
        UnknownName: There is no such activation.
    """
    if activation not in ("sigmoid", "tanh"):
        raise UnknownName("activation", activation, ("sigmoid", "tanh"))
    widths = [min(max_width, width << stage) for stage in range(downsampling + 1)]
    layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(4, width, 7), *_after(width)]
    for come, go in pairwise(widths):
        layers += [nn.Conv2d(come, go, 3, stride=2, padding=1), *_after(go)]
    layers += blocks
    for come, go in pairwise(widths[::-1]):
        layers += [nn.ConvTranspose2d(come, go, 3, 2, 1, output_padding=1), *_after(go)]
    layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7)]
    layers.append(nn.Sigmoid() if activation == "sigmoid" else nn.Tanh())
    return nn.Sequential(*layers)


def check_sizes(**sizes: tuple[int, int]) -> None:
    """Check the numbers that a generator is built of.

    Args:
        sizes: name → (what it is, the least it may be).

    Raises:
        InputError: One is too small.
    """
    for name, (value, least) in sizes.items():
        if value < least:
            raise InputError(f"{name} is {value}; it must be at least {least}")


def _after(channels: int) -> list[nn.Module]:
    return [nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
