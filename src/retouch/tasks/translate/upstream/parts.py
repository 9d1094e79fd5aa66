"""Where the pix2pix, CycleGAN and CUT projects keep each layer of a network, and where we keep it.

Their networks are numbered sequences, so a layer's number counts what lies before it: paddings,
activations, dropout and filters too. The lists here are in the order of their state dicts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Literal

import torch

from retouch.errors import UnknownWeights
from retouch.nn.layers import Blur
from retouch.tasks.translate.network import FCN, PatchGAN, PixelGAN, ResNet, UNet
from retouch.weights.architecture import Architecture
from retouch.weights.card import JSON, Card

TASK = "translate"

ARCHITECTURES: tuple[Architecture, ...] = (
    Architecture("unet", TASK, UNet),
    Architecture("resnet", TASK, ResNet),
    Architecture("fcn", TASK, FCN),
    Architecture("patchgan", TASK, PatchGAN),
    Architecture("pixelgan", TASK, PixelGAN),
)
"""The networks of this task, under the names that cards use."""

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
"""What a normalisation that keeps running statistics stores beside its weight and bias."""


@dataclass(frozen=True, slots=True)
class Part:
    """One layer that has tensors.

    Args:
        theirs: what precedes the dot of its keys in their files: ``"model.10.conv_block.1"``.
        ours: the same in ours: ``"blocks.0.first.conv.conv"``.
        kind: ``filter`` is a fixed low-pass filter, which they store and we do not.
    """

    theirs: str
    ours: str
    kind: Literal["conv", "norm", "filter"] = "conv"


def parts(architecture: str, sizes: Mapping[str, JSON]) -> list[Part]:
    """List the layers of a network in the order of their files.

    Args:
        architecture: the name of one of :data:`ARCHITECTURES`.
        sizes: the keyword arguments of its ``build``; lacking ones have their defaults.

    Returns:
        The layers that have tensors. A normalisation is listed even when it has none.

    Raises:
        UnknownWeights: Those projects have no such network.
    """
    if architecture == "resnet" and sizes.get("upsampling", "transpose") != "resize":
        return resnet_parts(
            blocks=_whole(sizes, "blocks", 9),
            dropout=bool(sizes.get("dropout", 0.0)),
            variant=Variant.of(sizes),
        )
    if architecture == "unet" and sizes.get("upsampling", "transpose") == "transpose":
        return unet_parts(_whole(sizes, "depth", 8))
    if architecture == "patchgan":
        return patchgan_parts(_whole(sizes, "layers", 3), blur=sizes.get("downsampling") == "blur")
    if architecture == "pixelgan":
        return list(PIXELGAN)
    raise UnknownWeights(
        f"a {architecture} with {sizes.get('upsampling', 'its')} up-sampling exists in neither the pix2pix "
        "and CycleGAN project nor CUT, so it cannot be written in their format; keep it as safetensors"
    )


@dataclass(frozen=True, slots=True)
class Variant:
    """Which of the residual generators; the names are those of :class:`ResNet`'s options."""

    downsampling: str = "stride"
    upsampling: str = "transpose"
    border: str = "reflect"

    @classmethod
    def of(cls, sizes: Mapping[str, JSON]) -> Variant:
        """Pick the variant out of the sizes on a card."""
        return cls(
            downsampling=str(sizes.get("downsampling", "stride")),
            upsampling=str(sizes.get("upsampling", "transpose")),
            border=str(sizes.get("border", "reflect")),
        )


def resnet_parts(*, blocks: int, dropout: bool, variant: Variant) -> list[Part]:
    """List the layers of a residual generator.

    Args:
        blocks: how many residual blocks it has.
        dropout: whether a dropout layer lies inside each block.
        variant: how it changes sizes and pads.

    Returns:
        The layers; for CycleGAN's nine blocks at 10…18, up-sampling at 19 and 22, the last convolution at 26.
    """
    number = count()
    padded = variant.border == "reflect"
    found: list[Part] = []

    def layer(conv: str, norm: str) -> None:
        found.append(Part(f"model.{next(number)}", conv))
        found.append(Part(f"model.{next(number)}", norm, "norm"))
        next(number)  # ReLU

    if padded:
        next(number)
    layer("stem.conv.conv", "stem.norm")
    for level in range(2):
        layer(f"down.{level}.conv", f"down.{level}.norm")
        if variant.downsampling == "blur":
            found.append(Part(f"model.{next(number)}", f"smaller.{level}", "filter"))
    first = 1 if padded else 0
    second = first + 3 + dropout + padded
    for block in range(blocks):
        theirs, ours = f"model.{next(number)}.conv_block", f"blocks.{block}"
        found.append(Part(f"{theirs}.{first}", f"{ours}.first.conv.conv"))
        found.append(Part(f"{theirs}.{first + 1}", f"{ours}.first.norm", "norm"))
        found.append(Part(f"{theirs}.{second}", f"{ours}.second.conv"))
        found.append(Part(f"{theirs}.{second + 1}", f"{ours}.norm", "norm"))
    for level in range(2):
        if variant.upsampling == "blur":
            found.append(Part(f"model.{next(number)}", f"up.{level}.conv.0", "filter"))
            layer(f"up.{level}.conv.1", f"up.{level}.norm")
        else:
            layer(f"up.{level}.conv", f"up.{level}.norm")
    if padded:
        next(number)
    found.append(Part(f"model.{next(number)}", "head.conv"))
    return found


def unet_parts(depth: int) -> list[Part]:
    """List the layers of a U-Net, whose levels lie inside one another.

    Args:
        depth: how often it halves the size.

    Returns:
        The layers, down to the middle and out again.
    """
    down = [Part("model.model.0", "down.0.conv")]
    up = [Part("model.model.3", f"up.{depth - 1}.conv")]
    for level, inside in enumerate(unet_levels(depth), start=1):
        innermost = level == depth - 1
        down.append(Part(f"{inside}.1", f"down.{level}.conv"))
        if not innermost:
            down.append(Part(f"{inside}.2", f"down.{level}.norm", "norm"))
        last = 3 if innermost else 5
        up.append(Part(f"{inside}.{last + 1}", f"up.{depth - 1 - level}.norm", "norm"))
        up.append(Part(f"{inside}.{last}", f"up.{depth - 1 - level}.conv"))
    return down + up[::-1]


def unet_levels(depth: int) -> Iterator[str]:
    """Give the path of each level inside the outermost: ``model.model.1.model``, then ``.3.model`` more."""
    path = "model.model.1.model"
    for _ in range(depth - 1):
        yield path
        path += ".3.model"


def patchgan_parts(layers: int, *, blur: bool) -> list[Part]:
    """List the layers of an n-layer discriminator.

    Args:
        layers: convolutions between the first and the last.
        blur: whether it halves sizes by low-pass filters, as CUT's does.

    Returns:
        The layers; without filters at 0, 2, 5, 8, …, 3n−1, and the last convolution at 3n+2.
    """
    number = count()
    found: list[Part] = []
    for level in range(layers + 1):
        found.append(Part(f"model.{next(number)}", f"convs.{level}"))
        if level:
            found.append(Part(f"model.{next(number)}", f"norms.{level}", "norm"))
        next(number)  # leaky ReLU
        if blur and level < layers:
            found.append(Part(f"model.{next(number)}", f"smaller.{level}", "filter"))
    return [*found, Part(f"model.{next(number)}", "head")]


PIXELGAN = (
    Part("net.0", "convs.0"),
    Part("net.2", "convs.1"),
    Part("net.3", "norms.1", "norm"),
    Part("net.5", "head"),
)
"""The layers of the pixel discriminator."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One tensor of their file.

    Args:
        ours: our key, or empty for the filter, which is no weight of ours.
        shape: the shape it must have.
        filter: the filter's layer.
    """

    ours: str
    shape: tuple[int, ...]
    filter: Blur | None = None


def slots(card: Card) -> dict[str, Slot]:
    """Say what the file of a network holds, without spending memory on the network.

    Args:
        card: its architecture is one of :data:`ARCHITECTURES`.

    Returns:
        Their key → what lies there, in the order of their files.

    Raises:
        UnknownWeights: Those projects have no such network.
    """
    listed = parts(card.architecture, card.sizes)
    build = {architecture.name: architecture.build for architecture in ARCHITECTURES}[card.architecture]
    with torch.device("meta"):
        network = build(**card.sizes)
    shapes = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    found: dict[str, Slot] = {}
    for part in listed:
        layer = network.get_submodule(part.ours)
        if isinstance(layer, Blur):
            found[f"{part.theirs}.filt"] = Slot("", tuple(layer.filter.shape), layer)
            continue
        for name in ("weight", "bias", *STATISTICS):
            ours = f"{part.ours}.{name}"
            if ours in shapes:
                found[f"{part.theirs}.{name}"] = Slot(ours, shapes[ours])
    return found


def _whole(sizes: Mapping[str, JSON], name: str, default: int) -> int:
    value = sizes.get(name, default)
    if not isinstance(value, int):
        raise UnknownWeights(f"the card's {name} is {value!r}, but it must be a whole number")
    return value
