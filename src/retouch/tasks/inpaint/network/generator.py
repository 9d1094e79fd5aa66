"""LaMa's generator: a residual network of fast Fourier convolutions."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from retouch.errors import InputError
from retouch.tasks.inpaint.network.fourier import (
    Edges,
    Features,
    FFCNormReLU,
    FFCResnetBlock,
    Local,
)

OutputActivation = Literal["sigmoid", "tanh"]


class FFCGenerator(nn.Module):
    """Fill the hole of a picture.

    The picture is halved three times, blocks of fast Fourier convolutions work on it, and it is doubled
    three times. Height and width must be multiples of 8, and at least 16.

    Args:
        width: channels of the first layer; each halving doubles them, up to ``max_width``.
        blocks: residual blocks: 6 (shallow), 9 (LaMa-Fourier), 18 (Big LaMa).
        ratio: the global part of the channels in the blocks, 0…1.
        downsampling: halvings.
        max_width: the most channels.
        lfu: local Fourier units.
        local: how the local branch of the blocks looks around.
        edges: what lies beyond the picture for the Fourier units.
        activation: the last one; released networks have a sigmoid.

    Raises:
        InputError: It cannot be built.

    Source: Suvorov et al. 2021, arXiv:2109.07161, section 2.1 and appendix; names and sizes as in the
        authors' files.
    Departs: see the layers.
    """

    def __init__(
        self,
        width: int = 64,
        blocks: int = 9,
        ratio: float = 0.75,
        downsampling: int = 3,
        max_width: int = 1024,
        *,
        lfu: bool = False,
        local: Local = "conv",
        edges: Edges = "periodic",
        activation: OutputActivation = "sigmoid",
    ) -> None:
        super().__init__()
        for name, value, least in (
            ("width", width, 1),
            ("blocks", blocks, 0),
            ("downsampling", downsampling, 1),
        ):
            if value < least:
                raise InputError(f"{name} is {value}; it must be at least {least}")
        widths = [min(max_width, width << stage) for stage in range(downsampling + 1)]
        layers: list[nn.Module] = [nn.ReflectionPad2d(3), Stem(4, width, 7, (0.0, 0.0))]
        for stage in range(downsampling):
            last = stage == downsampling - 1
            layers.append(
                FFCNormReLU(
                    widths[stage], widths[stage + 1], 3, (0.0, ratio if last else 0.0), stride=2, padding=1
                )
            )
        layers += [
            FFCResnetBlock(widths[-1], ratio, lfu=lfu, local=local, edges=edges) for _ in range(blocks)
        ]
        layers.append(Joined())
        for stage in reversed(range(downsampling)):
            layers += [
                nn.ConvTranspose2d(widths[stage + 1], widths[stage], 3, 2, 1, output_padding=1),
                nn.BatchNorm2d(widths[stage]),
                nn.ReLU(inplace=True),
            ]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7)]
        layers.append(nn.Sigmoid() if activation == "sigmoid" else nn.Tanh())
        self.model = nn.Sequential(*layers)
        self.stem = 2 + downsampling
        """Layers before the first residual block."""

    def forward(self, x: Tensor) -> Tensor:
        """Fill holes.

        Args:
            x: ``(B, 4, H, W)``: pictures in [0, 1], 0 in the hole, and the hole, 1 where something is
                missing.

        Returns:
            ``(B, 3, H, W)`` in [0, 1] (with tanh in [-1, 1]).
        """
        found: Tensor = self.rear(self.front(x))
        return found

    def front(self, x: Tensor) -> Features:
        """Compute the features that go into the residual blocks.

        Args:
            x: as :meth:`forward` takes it.

        Returns:
            Local and global channels, an eighth of the height and width.
        """
        found: Features = self.model[: self.stem](x)
        return found

    def rear(self, features: Features) -> Tensor:
        """Make pictures of features.

        Args:
            features: as :meth:`front` gives them.

        Returns:
            As :meth:`forward` gives them.
        """
        found: Tensor = self.model[self.stem :](features)
        return found


class Stem(FFCNormReLU):
    """The first layer: all that comes in is local."""

    def forward(self, x: Tensor) -> Features:  # type: ignore[override]
        """Convolve a picture ``(B, 4, H, W)``."""
        return super().forward((x, None))


class Joined(nn.Module):
    """Put local and global channels together again."""

    def forward(self, x: Features) -> Tensor:
        """Put them together: ``(B, local + global, H, W)``."""
        return torch.cat([part for part in x if part is not None], 1)
