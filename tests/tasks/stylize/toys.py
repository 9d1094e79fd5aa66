"""Small networks of this task with lively random weights, and their files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from retouch import features, weights
from retouch.features import Vgg
from retouch.tasks.stylize.edit.painter import Painter
from retouch.tasks.stylize.network.decoder import Decoders
from retouch.tasks.stylize.network.fast import FastStyle
from retouch.tasks.stylize.upstream import ARCHITECTURES, LAYOUTS
from retouch.weights import Card, Loaded

EVERY_ARCHITECTURE = (*features.ARCHITECTURES, *ARCHITECTURES)
EVERY_LAYOUT = (*features.LAYOUTS, *LAYOUTS)


def lively(network: nn.Module, seed: int = 7) -> Any:
    """Give a network weights under which its result depends on everything in it."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, 0.0, (2 / module.weight[0].numel()) ** 0.5, generator=generator)
            if module.bias is not None:
                nn.init.normal_(module.bias, 0.0, 0.05, generator=generator)
        if isinstance(module, nn.InstanceNorm2d) and module.weight is not None:
            nn.init.normal_(module.weight, 1.0, 0.2, generator=generator)
            nn.init.normal_(module.bias, 0.0, 0.2, generator=generator)
    return network.eval()


def fast(*, width: int = 4, blocks: int = 2, seed: int = 7) -> FastStyle:
    """A network of one style whose result is mostly inside [0, 1]."""
    network: FastStyle = lively(FastStyle(width=width, blocks=blocks), seed)
    with torch.no_grad():
        network.head.conv.weight.mul_(0.2)
        network.head.conv.bias.fill_(0.5)  # type: ignore[union-attr]
    return network


def card(**changes: Any) -> Card:
    """The card of :func:`fast`."""
    sizes = {"width": 4, "blocks": 2}
    known: dict[str, Any] = {
        "name": "toy",
        "task": "stylize",
        "architecture": "fast-style",
        "sizes": sizes,
        "value_range": (0.0, 1.0),
        "multiple": 4,
    }
    return Card(**{**known, **changes})


def painter(**changes: Any) -> Painter:
    """A network of one style, ready to paint."""
    return Painter(Loaded(card(**changes), fast(), Path()))


def saved(folder: Path, **changes: Any) -> Path:
    """A network of one style as a file."""
    return weights.save(folder / "toy.safetensors", fast(), card(**changes))


def vgg(*, border: Any = "reflect", seed: int = 3, pooling: Any = "max") -> Vgg:
    """A narrow VGG of three stages."""
    network: Vgg = lively(Vgg((2, 2, 1), (4, 6, 8), border=border, pooling=pooling), seed)
    return network


def decoders(levels: tuple[int, ...] = (1, 2, 3), seed: int = 5) -> Decoders:
    """Decoders for :func:`vgg`, which paint nothing that can be recognised."""
    network: Decoders = lively(Decoders(levels, (4, 6, 8)), seed)
    return network
