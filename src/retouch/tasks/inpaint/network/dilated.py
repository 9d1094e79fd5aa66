"""LaMa with dilated convolutions for its wide field of view."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retouch.errors import InputError
from retouch.tasks.inpaint.network.regular import OutputActivation, check_sizes, framed


class MultiDilatedGlobalGenerator(nn.Module):
    """Fill the hole of a picture with convolutions of several dilations side by side.

    The picture is halved three times, residual blocks work on it, and it is doubled three times.
    Height and width must be multiples of 8, and at least 16.

    Args:
        width: channels of the first layer; each halving doubles them, up to ``max_width``.
        blocks: residual blocks: 9 (LaMa-Dilated).
        dilations: how many dilations, 1, 2, 4, 8, …; each looks at its part of the channels.
        downsampling: halvings.
        max_width: the most channels.
        activation: the last one; released networks have a sigmoid.

    Raises:
        InputError: A number is too small, or the channels cannot be shared out evenly.
        UnknownName: There is no such activation.

    Source: Suvorov et al. 2021 (LaMa), arXiv:2109.07161, section 3.1 and table 2 (the dilated baseline);
        names and sizes as in the authors' files (``comb_mode: cat_in``, ``dilation_num: 4``).
    Departs: upstream fails where a kernel reaches further than the map is wide, on pictures under
        72 pixels; here the map is mirrored over and over.
    """

    def __init__(
        self,
        width: int = 64,
        blocks: int = 9,
        dilations: int = 4,
        downsampling: int = 3,
        max_width: int = 1024,
        *,
        activation: OutputActivation = "sigmoid",
    ) -> None:
        super().__init__()
        check_sizes(
            width=(width, 1), blocks=(blocks, 0), dilations=(dilations, 1), downsampling=(downsampling, 1)
        )
        inside = min(max_width, width << downsampling)
        self.model = framed(
            (DilatedResidual(inside, dilations) for _ in range(blocks)),
            width,
            downsampling,
            max_width,
            activation,
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


class DilatedResidual(nn.Module):
    """Two multi-dilated convolutions, added to what came in.

    Args:
        channels: in and out.
        dilations: how many dilations.
    """

    def __init__(self, channels: int, dilations: int) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            MultiDilatedConv(channels, dilations),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            MultiDilatedConv(channels, dilations),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Add what two convolutions find in ``(B, channels, H, W)``."""
        found: Tensor = x + self.conv_block(x)
        return found


class MultiDilatedConv(nn.Module):
    """3×3 convolutions, each of an equal part of the channels and twice as dilated as the one before.

    Args:
        channels: in and out; a multiple of ``dilations``.
        dilations: how many convolutions; what they find is added.

    Raises:
        InputError: The channels cannot be shared out evenly.
    """

    def __init__(self, channels: int, dilations: int) -> None:
        super().__init__()
        if channels % dilations:
            raise InputError(
                f"{channels} channels cannot be shared out to {dilations} dilations; choose a width that "
                f"is a multiple of {dilations}"
            )
        self.convs = nn.ModuleList(
            nn.Conv2d(channels // dilations, channels, 3, dilation=2**number) for number in range(dilations)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Convolve ``(B, channels, H, W)``."""
        first, *others = (
            conv(_mirrored(part, 2**number))
            for number, (part, conv) in enumerate(
                zip(x.chunk(len(self.convs), dim=1), self.convs, strict=True)
            )
        )
        found: Tensor = first
        for other in others:
            found = found + other
        return found


def _mirrored(x: Tensor, border: int) -> Tensor:
    """Continue a map beyond its edges by its mirror image, over and over where it is smaller than that."""
    if border < min(x.shape[-2:]):
        return F.pad(x, (border,) * 4, mode="reflect")
    for axis in (-2, -1):
        side = x.shape[axis]
        period = max(2 * (side - 1), 1)
        place = torch.arange(-border, side + border, device=x.device).remainder(period)
        x = x.index_select(axis, torch.minimum(place, period - place))
    return x
