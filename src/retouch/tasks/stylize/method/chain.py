"""A feature network, a map of its features and a decoder as one list of steps, computable in pieces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from torch import Tensor
from torch.nn import functional as F

from retouch.features.vgg import Vgg
from retouch.nn.pieces.operations import (
    Border,
    Convolution,
    NearestDoubling,
    Operation,
    Pointwise,
    Pooling,
    SameSize,
    Shape,
    State,
    Window,
)
from retouch.nn.pieces.plan import Plan, Step
from retouch.tasks.stylize.method.whitening import Affine
from retouch.tasks.stylize.network.decoder import Decoder


@dataclass(frozen=True)
class Mapping(SameSize):
    """Features mapped, each position by a mixture of maps.

    Args:
        maps: of the channels.
        parts: (n, 1, H, W), how much of each map each position of the whole layer gets; what is left to 1
            stays as it is. None: all of the only map.
    """

    maps: tuple[Affine, ...]
    parts: Tensor | None = None

    def compute(self, pieces: Sequence[Tensor], window: Window, shape: Shape, state: State) -> Tensor:
        """Map."""
        del state
        (x,) = pieces
        if self.parts is None:
            return self.maps[0](x)
        parts = window.cut_from(self.parts, shape.window).to(x)
        made = x * (1 - parts.sum(0))
        for one, part in zip(self.maps, parts, strict=True):
            made = made + part * one(x)
        return made


def encoding(network: Vgg, layer: str) -> list[Operation]:
    """List the steps from a picture to a layer.

    Args:
        network: the feature network.
        layer: one of its layers.
    """
    borders: dict[str, Border] = {"zeros": "zeros", "replicate": "replicate"}
    border = borders.get(network.border, "reflect")
    steps: list[Operation] = [Convolution(network.entry.weight, network.entry.bias, 1, 0)]
    for name in network.layers[1 : network.layers.index(layer) + 1]:
        if name.startswith("conv"):
            conv = network.convolution(name)
            steps.append(Convolution(conv.weight, conv.bias, 1, 1, border))
        elif name.startswith("relu"):
            steps.append(Pointwise(F.relu))
        else:
            steps.append(Pooling(network.pooling, network.ceil))
    return steps


def decoding(decoder: Decoder) -> list[Operation]:
    """List the steps from features to a picture.

    Args:
        decoder: of one level.
    """
    scale = float(decoder.scale)
    steps: list[Operation] = [Pointwise(lambda x: x / scale)]
    for name in decoder.names:
        conv = decoder.get_submodule(name)
        steps.append(Convolution(cast("Tensor", conv.weight), cast("Tensor", conv.bias), 1, 1, "reflect"))
        if name != decoder.names[-1] or decoder.last == "relu":
            steps.append(Pointwise(F.relu))
        if name.endswith("_1") and name != decoder.names[-1]:
            steps.append(NearestDoubling())
    return steps


def chained(steps: Sequence[Operation]) -> Plan:
    """Make a plan of steps of which each takes what the one before gives.

    Args:
        steps: in order.
    """
    return Plan((Step(None), *(Step(step, (number,)) for number, step in enumerate(steps))))
