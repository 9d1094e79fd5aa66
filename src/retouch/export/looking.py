"""Networks whose features are looked at, as graphs."""

from __future__ import annotations

import copy
from typing import cast

from torch import Tensor, nn

from retouch.export.graph import Graph, Port, Sizes
from retouch.features.vgg import Vgg
from retouch.weights import Loaded


class Seen(nn.Module):
    """A VGG, of which some layers are given.

    Args:
        network: it.
        layers: which.
    """

    def __init__(self, network: Vgg, layers: tuple[str, ...]) -> None:
        super().__init__()
        self.network, self.layers = network, layers

    def forward(self, picture: Tensor) -> tuple[Tensor, ...]:
        """See ``(B, 3, H, W)`` in [0, 1]."""
        found = self.network(picture, self.layers)
        return tuple(found[name] for name in self.layers)


def seen(loaded: Loaded) -> Graph:
    """Make the graph of a VGG: the features after the first ReLU of each stage.

    Args:
        loaded: the weights.
    """
    network = cast("Vgg", copy.deepcopy(loaded.network))
    stages = range(1, len(network.convolutions) + 1)
    layers = tuple(f"relu{stage}_1" for stage in stages)
    least = network.least_side(layers)
    picture = Port(
        "picture",
        ("batch", 3, "height", "width"),
        f"sRGB in [0, 1], at least {least} pixels high and wide",
    )
    outputs = tuple(
        Port(layer, ("batch", width, f"height{stage}", f"width{stage}"), "features")
        for stage, layer, width in zip(stages, layers, network.widths, strict=True)
    )
    return Graph(
        Seen(network, layers).eval(),
        (picture,),
        outputs,
        _sizes(least),
        exact="it gives no picture",
    )


def _sizes(least: int) -> tuple[Sizes, ...]:
    sizes = ((2, 3 * least, 4 * least), (1, least, least), (3, 2 * least + 5, 3 * least - 1))
    return tuple({"batch": batch, "height": height, "width": width} for batch, height, width in sizes)
