"""A feature network that needs no weights: a VGG of random numbers.

Source: He, Zhang, Ren, Sun, "Delving Deep into Rectifiers", ICCV 2015, arXiv:1502.01852, equation 10 (the
    deviation of the weights). That pictures can be made from what random filters see: Ustyuzhaninov,
    Brendel, Gatys, Bethge, "What does it take to generate natural textures?", ICLR 2017; here the depth and
    the average pooling of VGG-19.
Departs: none.
"""

from __future__ import annotations

import math

import torch

from retouch.errors import InputError
from retouch.features.filling import filled
from retouch.features.upstream.preparing import entry_of
from retouch.features.vgg import VGG19, WIDTHS, Border, Pooling, Vgg
from retouch.weights.card import JSON, Card

WIDTH = 0.25
"""The part of VGG-19's channels that keeps it quick on a CPU, with textures that are still good."""


def untrained(
    seed: int = 0, *, width: float = WIDTH, pooling: Pooling = "average", border: Border = "reflect"
) -> tuple[Vgg, Card]:
    """Make a VGG-19 of random numbers.

    Args:
        seed: of the numbers.
        width: the part of VGG-19's channels that it has.
        pooling: how the size is halved between stages; with the largest value textures do not succeed.
        border: what convolutions see beyond the rim.

    Returns:
        The network, frozen and in eval mode, and its card.

    Raises:
        InputError: width is not above 0, or larger than 4.
    """
    if not 0 < width <= 4:
        raise InputError(f"width is {width}; give the part of VGG-19's channels, above 0 and at most 4")
    random = torch.Generator().manual_seed(seed)
    widths = [max(1, round(width * channels)) for channels in WIDTHS]
    tensors = entry_of("imagenet")
    inputs = 3
    for stage, (count, outputs) in enumerate(zip(VGG19, widths, strict=True), start=1):
        for number in range(1, count + 1):
            deviation = math.sqrt(2 / (9 * inputs))
            weight = deviation * torch.randn(outputs, inputs, 3, 3, generator=random)
            tensors |= {f"conv{stage}_{number}.weight": weight}
            tensors |= {f"conv{stage}_{number}.bias": torch.zeros(outputs)}
            inputs = outputs
    sizes: dict[str, JSON] = {
        "convolutions": list(VGG19),
        "widths": list(widths),
        "border": border,
        "pooling": pooling,
    }
    card = Card(
        name="random",
        task="features",
        architecture="vgg",
        sizes=sizes,
        value_range=(0.0, 1.0),
        settings={"preparation": "imagenet"},
        seed=seed,
    )
    return filled(sizes, tensors), card
