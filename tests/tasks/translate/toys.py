"""Small generators with lively random weights, and their files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from retouch.tasks.translate import Translator
from retouch.tasks.translate.network import FCN, ResNet, UNet
from retouch.weights import Architecture, Card, Loaded, load, save

BUILDERS: dict[str, Callable[..., nn.Module]] = {"fcn": FCN, "resnet": ResNet, "unet": UNet}
ARCHITECTURES = tuple(Architecture(name, "translate", build) for name, build in BUILDERS.items())

ZOO: dict[str, tuple[str, dict[str, Any]]] = {
    "resnet": ("resnet", {"blocks": 2, "width": 8}),
    "resnet, blurred, affine": (
        "resnet",
        {"blocks": 1, "width": 6, "downsampling": "blur", "upsampling": "blur", "norm": "instance-affine"},
    ),
    "resnet, resized, batch norm": (
        "resnet",
        {"blocks": 1, "width": 8, "upsampling": "resize", "norm": "batch", "dropout": 0.5},
    ),
    "resnet, zero border": ("resnet", {"blocks": 1, "width": 8, "border": "zero"}),
    "unet": ("unet", {"depth": 4, "width": 8, "dropout": 0.0}),
    "unet, instance norm": ("unet", {"depth": 3, "width": 8, "norm": "instance", "upsampling": "blur"}),
    "unet with dropout": ("unet", {"depth": 6, "width": 4}),
    "unet, no norm": ("unet", {"depth": 2, "width": 8, "norm": "none", "upsampling": "resize"}),
    "fcn": ("fcn", {"depth": 3, "width": 8}),
}
"""Name → architecture and sizes; together they have every operation of every generator."""


def network(name: str, **sizes: Any) -> nn.Module:
    """A network of the zoo whose result varies over (-1, 1), with running statistics off their defaults."""
    architecture, own = ZOO[name]
    made = BUILDERS[architecture](**{**own, **sizes})
    generator = torch.Generator().manual_seed(7)
    for module in made.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            fan = module.weight[0].numel()
            nn.init.normal_(module.weight, 0.0, (2 / fan) ** 0.5, generator=generator)
        if isinstance(module, nn.BatchNorm2d | nn.InstanceNorm2d) and module.weight is not None:
            nn.init.normal_(module.weight, 1.0, 0.2, generator=generator)
            nn.init.normal_(module.bias, 0.0, 0.2, generator=generator)
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(generator=generator)
            module.running_var.uniform_(0.5, 2.0, generator=generator)
    return made.eval()


def card(name: str, *, settings: dict[str, Any] | None = None, **changes: Any) -> Card:
    """The card of a network of the zoo."""
    architecture, sizes = ZOO[name]
    sizes = {**sizes, **changes.pop("sizes", {})}
    multiple = BUILDERS[architecture](**sizes).multiple
    known: dict[str, Any] = {"task": "translate", "architecture": architecture, "multiple": multiple}
    return Card(name=name, sizes=sizes, settings=settings or {}, **{**known, **changes})


def translator(name: str, *, settings: dict[str, Any] | None = None, **sizes: Any) -> Translator:
    """A network of the zoo, ready to translate."""
    return Translator(Loaded(card(name, settings=settings, sizes=sizes), network(name, **sizes), Path()))


def saved(folder: Path, name: str, *, settings: dict[str, Any] | None = None, **sizes: Any) -> Path:
    """A network of the zoo as a file."""
    described = card(name, settings=settings, sizes=sizes)
    return save(folder / "model.safetensors", network(name, **sizes), described)


def loaded(path: Path) -> Translator:
    """Load a saved network, whatever the catalog lists."""
    return Translator(load(path, architectures=ARCHITECTURES, layouts=()))
