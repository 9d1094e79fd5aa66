"""Networks that paint a picture from features: a VGG, mirrored.

Source: Li et al., "Universal Style Transfer via Feature Transforms", NIPS 2017, arXiv:1705.08086, section 3.1
    (one decoder for each level of the features). Huang, Belongie, "Arbitrary Style Transfer in Real-time with
    Adaptive Instance Normalization", ICCV 2017, arXiv:1703.06868, section 6.1 (nearest doubling, reflection).
Departs: the decoders of all levels are one network in one file; features are divided by a number first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retouch.errors import InputError, UnknownName
from retouch.features.vgg import VGG19

Last = Literal["relu", "none"]
"""What is behind the last convolution."""


class Decoder(nn.Module):
    """Paints a picture from the features after the first ReLU of one stage of a VGG-19.

    Its convolutions have the names of those that they mirror. ``scale`` is what features are divided by, 1
    unless weights say otherwise.

    Args:
        level: the stage, from 1.
        widths: the VGG's channels of each stage up to this one, at least.
        last: whether the picture comes through a ReLU, too.
    """

    scale: Tensor

    def __init__(self, level: int, widths: Sequence[int], last: Last = "none") -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(()))
        self.level = level
        self.last: Last = last
        names: list[str] = []
        for stage in range(level, 0, -1):
            count = 1 if stage == level else VGG19[stage - 1]
            for number in range(count, 0, -1):
                outputs = widths[stage - 1]
                if number == 1:
                    outputs = widths[stage - 2] if stage > 1 else 3
                names.append(f"conv{stage}_{number}")
                self.add_module(names[-1], nn.Conv2d(widths[stage - 1], outputs, 3))
        self.names = tuple(names)

    def forward(self, x: Tensor) -> Tensor:
        """Paint.

        Args:
            x: (B, C, h, w), features.

        Returns:
            (B, 3, 2^(level-1)·h, 2^(level-1)·w), RGB, nominally in [0, 1].
        """
        x = x / self.scale
        for stage in range(self.level, 0, -1):
            x = self.stage(x, stage)
        return x

    def stage(self, x: Tensor, stage: int) -> Tensor:
        """Go from the features of one stage to those of the stage before, or to the picture.

        Args:
            x: (B, C, h, w), what the first ReLU of the stage gives, divided by the scale.
            stage: from 1 to the decoder's level.

        Returns:
            (B, C', 2h, 2w); of stage 1 (B, 3, h, w).
        """
        x = self._convolved(x, f"conv{stage}_1")
        if stage == 1:
            return x
        x = F.interpolate(x, scale_factor=2, mode="nearest")  # (B, C, 2h, 2w)
        for number in range(VGG19[stage - 2], 1, -1):
            x = self._convolved(x, f"conv{stage - 1}_{number}")
        return x

    def _convolved(self, x: Tensor, name: str) -> Tensor:
        # Reflection needs a second row to reflect.
        mode = "reflect" if min(x.shape[2:]) > 1 else "replicate"
        x = self.get_submodule(name)(F.pad(x, (1, 1, 1, 1), mode=mode))
        return F.relu(x) if name != self.names[-1] or self.last == "relu" else x


class Decoders(nn.Module):
    """A decoder for each of some levels.

    Args:
        levels: which, each from 1 to 5.
        widths: the VGG's channels of each stage.
        last: as for :class:`Decoder`.

    Raises:
        InputError: there is no such level, or no width for it.
    """

    def __init__(
        self,
        levels: Sequence[int] = (1, 2, 3, 4, 5),
        widths: Sequence[int] = (16, 32, 64, 128, 128),
        last: Last = "none",
    ) -> None:
        super().__init__()
        if not levels or min(levels) < 1 or max(levels) > min(len(widths), len(VGG19)):
            raise InputError(
                f"decoders of the levels {list(levels)} for a VGG of {list(widths)} channels were asked for; "
                f"levels go from 1 to {min(len(widths), len(VGG19))}"
            )
        self.levels = tuple(sorted(set(levels)))
        self.widths = tuple(widths)
        for level in self.levels:
            self.add_module(f"level{level}", Decoder(level, widths, last))

    def forward(self, x: Tensor, level: int) -> Tensor:
        """Paint a picture from features of one level.

        Args:
            x: (B, C, h, w), the features after ``relu{level}_1``.
            level: of the features.

        Returns:
            (B, 3, H, W), RGB, nominally in [0, 1].

        Raises:
            UnknownName: there is no decoder for the level.
        """
        painted: Tensor = self.decoder(level)(x)
        return painted

    def decoder(self, level: int) -> Decoder:
        """Give the decoder of a level.

        Args:
            level: from 1.

        Raises:
            UnknownName: there is none.
        """
        if level not in self.levels:
            raise UnknownName("level of a decoder", str(level), [str(each) for each in self.levels])
        return cast("Decoder", self.get_submodule(f"level{level}"))
