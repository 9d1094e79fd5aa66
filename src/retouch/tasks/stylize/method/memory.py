"""What a scale costs, before it is begun: bytes and seconds."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from retouch.features import Features
from retouch.features.vgg import Vgg
from retouch.nn.memory import available_bytes
from retouch.tasks.stylize.method.descent import descend
from retouch.tasks.stylize.method.objective import Objective, Precision, Style
from retouch.tasks.stylize.method.wish import Wish

_PICTURES = 32
"""Pictures in float32 beside the features: L-BFGS remembers twenty, and works on some more."""

_SLOPES = 3
"""Maps as large as the largest that a slope needs on its way: itself, its product, and its padding."""

_SHARE = 0.8
"""Of the free memory that is used."""

_PROBE = (96, 128)
_LEAST = 16


@dataclass(frozen=True)
class Fit:
    """How a picture fits into the memory.

    Attributes:
        size: height and width at which it can be made; smaller than asked where the memory is too small.
        checkpoint: whether features must be computed twice.
        bytes: what it takes.
        note: what a person should know, or "".
    """

    size: tuple[int, int]
    checkpoint: bool
    bytes: int
    note: str = ""


def step_bytes(
    network: Features,
    wish: Wish,
    size: tuple[int, int],
    *,
    precision: Precision = "float32",
    checkpoint: bool = False,
) -> int:
    """Estimate what a step takes, beside the weights of the network.

    Args:
        network: whose features are compared.
        wish: what is wanted: its layers count.
        size: height and width of the picture.
        precision: of the features.
        checkpoint: whether features are computed twice.

    Returns:
        Bytes.
    """
    pixels = size[0] * size[1]
    pictures = _PICTURES * 3 * 4 * pixels
    layers = {*wish.content_layers, *wish.shares()} - {"input"}
    if not layers:
        return pictures
    wide = 2 if precision == "bfloat16" and isinstance(network, Vgg) else 4
    if not isinstance(network, Vgg):
        return pictures + round(_unknown(network, layers) * pixels * wide)
    kept = largest = pooled = 0.0
    deepest = max(map(network.layers.index, layers))
    for name in network.layers[1 : deepest + 1]:
        stage = int(name[4])
        samples = network.widths[stage - 1] / 4 ** (stage - 1)
        if name.startswith("pool"):
            # The places of the maxima are 64 bits each.
            pooled += samples / 4 * (wide + (8 if network.pooling == "max" else 0))
        elif name.startswith("relu"):
            kept += samples * wide if not checkpoint or name in layers else 0
            largest = max(largest, samples * wide)
    # The stage that is computed again is there with all its maps.
    again = largest if checkpoint else 0.0
    return pictures + round((kept + pooled + again + _SLOPES * largest) * pixels)


def fit(
    network: Features,
    wish: Wish,
    size: tuple[int, int],
    *,
    precision: Precision = "float32",
    device: torch.device | None = None,
    free: int | None = None,
) -> Fit:
    """Find how a picture can be made with the memory that there is.

    Args:
        network: whose features are compared.
        wish: what is wanted.
        size: height and width that are asked for.
        precision: of the features.
        device: where it is computed; the processor when None.
        free: bytes that are free; what the device says when None.

    Returns:
        The size itself, with features computed twice only where that is needed; or the largest of its
        proportions that fits, and a note that says so.
    """
    there = available_bytes(device or torch.device("cpu")) if free is None else free
    most = int(there * _SHARE)
    for checkpoint in (False, True):
        needed = step_bytes(network, wish, size, precision=precision, checkpoint=checkpoint)
        if needed <= most:
            return Fit(size, checkpoint, needed)
    factor = math.sqrt(most / needed)
    smaller = (max(_LEAST, int(size[0] * factor)), max(_LEAST, int(size[1] * factor)))
    half = "" if precision == "bfloat16" else ', precision="bfloat16"'
    note = (
        f"{size[1]}×{size[0]} pixels take {_gigabytes(needed)} even with features computed twice, and "
        f"{_gigabytes(most)} can be used; made at {smaller[1]}×{smaller[0]}. For more, free memory or choose "
        f"a narrower network{half}"
    )
    return Fit(smaller, True, step_bytes(network, wish, smaller, precision=precision, checkpoint=True), note)


def step_seconds(
    network: Features, wish: Wish, size: tuple[int, int], *, precision: Precision = "float32"
) -> float:
    """Estimate what a step takes, by some steps on a small picture.

    Args:
        network: whose features are compared.
        wish: what is wanted.
        size: height and width of the picture.
        precision: of the features.

    Returns:
        Seconds; for a large picture it is likely to be less.
    """
    least = network.least_side({*wish.content_layers, *wish.shares()} or {network.layers[0]})
    probe = (max(_PROBE[0], least), max(_PROBE[1], least))
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    picture = _ramp(probe).to(device)
    objective = Objective.of(
        network, wish, size=probe, content=picture, styles=[Style(picture.flip(3))], precision=precision
    )
    times: list[float] = []
    descend(picture.flip(2), objective, steps=4, told=lambda *_: times.append(time.perf_counter()))
    seconds = min(later - sooner for sooner, later in pairwise(times))
    return seconds * size[0] * size[1] / (probe[0] * probe[1])


def _ramp(size: tuple[int, int]) -> Tensor:
    """A picture with something in it."""
    down = torch.linspace(0, 9, size[0])[:, None]
    right = torch.linspace(0, 7, size[1])[None]
    return torch.stack([torch.sin(down * k + right).mul(0.4).add(0.5) for k in (1, 2, 3)])[None]


def _unknown(network: Features, layers: set[str]) -> float:
    """Samples for each pixel of a network whose inside is not known: three for each that is asked for."""
    side = max(64, network.least_side(layers))
    like = next((parameter for parameter in network.parameters()), torch.zeros(1))
    with torch.no_grad():
        found = network.forward(like.new_zeros(1, 3, side, side), layers)
    return 3 * sum(each.numel() for each in found.values()) / side**2


def _gigabytes(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"
