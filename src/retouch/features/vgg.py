"""VGG networks of any widths, whose features say what a picture shows and in which manner.

Source: Simonyan, Zisserman, "Very Deep Convolutional Networks", ICLR 2015, arXiv:1409.1556, configurations
    D and E. Average pooling for pictures that are made from features: Gatys, Ecker, Bethge, CVPR 2016,
    section 2.
Departs:
    Widths, the border of the convolutions and the pooling are options, so that the files of torchvision,
        Caffe, AdaIN and of distilled networks are all this one network.
    The picture's preparation is its first layer, a 1×1 convolution, so that every network takes RGB in
        [0, 1].
    No classifier.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retouch.errors import InputError, UnknownName
from retouch.features.network import Features

Border = Literal["reflect", "zeros", "replicate", "circular"]
Pooling = Literal["max", "average"]

VGG19 = (2, 2, 4, 4, 4)
"""Convolutions of each stage; between stages the size is halved."""

VGG16 = (2, 2, 3, 3, 3)

WIDTHS = (64, 128, 256, 512, 512)
"""Channels of each stage, in the paper."""

_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)

MODES = {"reflect": "reflect", "zeros": "constant", "replicate": "replicate", "circular": "circular"}


class Vgg(Features):
    """A VGG without its classifier.

    Its layers are called ``input``, the picture, ``conv1_1`` (before the ReLU), ``relu1_1``, … ``pool1``, ….

    Args:
        convolutions: of each stage; the last stage may be cut short.
        widths: channels of each stage.
        border: what convolutions see beyond the rim.
        pooling: how the size is halved between stages.
        ceil: halve odd sizes up, not down.

    Raises:
        InputError: there is no stage, or the numbers of convolutions and widths differ.
    """

    def __init__(
        self,
        convolutions: Sequence[int] = VGG19,
        widths: Sequence[int] = WIDTHS,
        *,
        border: Border = "zeros",
        pooling: Pooling = "max",
        ceil: bool = False,
    ) -> None:
        super().__init__()
        if not convolutions or len(convolutions) != len(widths) or min(*convolutions, *widths) < 1:
            raise InputError(
                f"a VGG of {list(convolutions)} convolutions and {list(widths)} channels was asked for; give "
                "as many channels as stages, all at least 1"
            )
        if border not in MODES:
            raise UnknownName("border", border, MODES)
        if pooling not in ("max", "average"):
            raise UnknownName("pooling", pooling, ("max", "average"))
        self.convolutions = tuple(convolutions)
        self.widths = tuple(widths)
        self.border: Border = border
        self.pooling: Pooling = pooling
        self.ceil = ceil
        self.entry = nn.Conv2d(3, 3, 1)
        inputs = 3
        names = ["input"]
        for stage, (count, width) in enumerate(zip(convolutions, widths, strict=True), start=1):
            if stage > 1:
                names.append(f"pool{stage - 1}")
            for number in range(1, count + 1):
                self.add_module(f"conv{stage}_{number}", nn.Conv2d(inputs, width, 3))
                names += [f"conv{stage}_{number}", f"relu{stage}_{number}"]
                inputs = width
        self.layers = tuple(names)
        self.set_entry(
            torch.diag(1 / torch.tensor(_DEVIATION)), -torch.tensor(_MEAN) / torch.tensor(_DEVIATION)
        )

    @torch.no_grad()
    def set_entry(self, matrix: Tensor, shift: Tensor) -> None:
        """Say how the picture is prepared.

        Args:
            matrix: (3, 3), applied to RGB in [0, 1]; ImageNet's deviations unless set.
            shift: (3,), added after it.
        """
        self.entry.weight.copy_(matrix.view(3, 3, 1, 1))
        cast("Tensor", self.entry.bias).copy_(shift)

    def convolution(self, name: str) -> nn.Conv2d:
        """Give the convolution of a layer.

        Args:
            name: ``conv1_1`` or ``relu1_1``.

        Raises:
            UnknownName: the layer is no convolution.
        """
        found = getattr(self, name.replace("relu", "conv"), None)
        if not isinstance(found, nn.Conv2d):
            raise UnknownName("convolution", name, [each for each in self.layers if each.startswith("conv")])
        return found

    def step(self, name: str, x: Tensor) -> Tensor:
        """Compute one layer from the one before.

        Args:
            name: one of ``layers``, but for ``input``.
            x: the features of the layer before it; those of ``input`` before ``conv1_1``.

        Returns:
            (B, C, H, W), or half the size after a pool.
        """
        if name.startswith("conv"):
            x = self.entry(x) if name == "conv1_1" else x
            made: Tensor = self.convolution(name)(F.pad(x, (1, 1, 1, 1), mode=MODES[self.border]))
            return made
        if name.startswith("relu"):
            return F.relu(x)
        return self.pool(x)

    def pool(self, x: Tensor) -> Tensor:
        """Halve the size.

        Args:
            x: (B, C, H, W).
        """
        halve: Callable[..., Tensor] = F.max_pool2d if self.pooling == "max" else F.avg_pool2d
        return halve(x, 2, ceil_mode=self.ceil)

    def forward(self, x: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Compute features, no further than they are needed.

        Args:
            x: (B, 3, H, W), RGB in [0, 1], at least ``least_side(layers)`` on each side.
            layers: whose features are wanted.

        Returns:
            Layer → (B, C, h, w), in the network's order.

        Raises:
            UnknownName: there is no such layer.
            InputError: the picture is too small, or is not (B, 3, H, W).
        """
        wanted = self.checked(x, layers)
        found: dict[str, Tensor] = {}
        for name in self.layers[: max(map(self.layers.index, wanted)) + 1]:
            x = x if name == "input" else self.step(name, x)
            if name in wanted:
                found[name] = x
        return found

    def least_side(self, layers: Iterable[str]) -> int:
        """Say how small a picture may be.

        Args:
            layers: whose features are wanted.

        Returns:
            The shortest side, in pixels, at which each of these has at least two rows and columns, which
            reflection needs.
        """
        stages = [int(name[4]) for name in layers if name != "input"]
        least: int = 2 ** max(stages, default=1)
        return least

    def reach(self, layer: str) -> int:
        """Say how far around itself a position of a layer looks.

        Args:
            layer: one of ``layers``.

        Returns:
            Pixels of the picture to each side, the larger one where they differ.

        Raises:
            UnknownName: there is no such layer.
        """
        if layer not in self.layers:
            raise UnknownName("layer", layer, self.layers)
        reach, apart = 0.0, 1
        for name in self.layers[: self.layers.index(layer) + 1]:
            if name.startswith("conv"):
                reach += apart
            elif name.startswith("pool"):
                reach += apart / 2
                apart *= 2
        return math.ceil(reach)
