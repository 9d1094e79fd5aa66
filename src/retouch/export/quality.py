"""What 8 bits cost: two networks beside each other, picture by picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from retouch.errors import WeightsError
from retouch.export.examples import Example

HIGHEST = 100.0
"""Decibels that are counted at most: pictures without any difference have infinitely many."""

Floats = NDArray[np.float32]
Network = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Quality:
    """What 8 bits cost, over pictures that set nothing; decibels are means over them.

    Args:
        pictures: that were measured.
        psnr: of 8 bits beside floating point; 100 at most for any picture, and so the others.
        worst: of any picture.
        alike: pictures that come out of both so alike that they count as 100 decibels.
        float_psnr: of floating point beside the targets; None without targets, and so the others.
        int8_psnr: of 8 bits beside the targets.
        float_ssim: structural similarity, likewise.
        int8_ssim: likewise.
    """

    pictures: int
    psnr: float
    worst: float
    alike: int = 0
    float_psnr: float | None = None
    int8_psnr: float | None = None
    float_ssim: float | None = None
    int8_ssim: float | None = None


def measured(shown: Iterable[Example], whole: Network, small: Network) -> Quality:
    """Run two networks on pictures, of which one at a time is held.

    Args:
        shown: the pictures, one or more.
        whole: the network in floating point.
        small: the one in 8 bits.

    Returns:
        Means over the pictures.

    Raises:
        WeightsError: what a network makes is no picture.
        InputError: a picture or its target has changed since it was chosen.
        PictureError: one cannot be read.
    """
    from retouch.metrics.fidelity import ssim

    beside: list[float] = []
    of_targets: dict[str, list[float]] = {}
    for example in shown:
        picture, target = example.pair()
        exact, rounded = (_made(network, picture, example) for network in (whole, small))
        beside.append(_decibels(rounded, exact))
        if target is None:
            continue
        true = torch.from_numpy(target[None])
        for name, made in (("float", exact), ("int8", rounded)):
            of_targets.setdefault(f"{name}_psnr", []).append(_decibels(made, true))
            of_targets.setdefault(f"{name}_ssim", []).append(float(ssim(made, true)))
    means = {name: math.fsum(values) / len(values) for name, values in of_targets.items()}
    alike = sum(value == HIGHEST for value in beside)
    return Quality(len(beside), math.fsum(beside) / len(beside), min(beside), alike, **means)


def _made(network: Network, picture: Floats, example: Example) -> Tensor:
    made = torch.from_numpy(network(picture[None]))
    if not bool(torch.isfinite(made).all()):
        raise WeightsError(
            f"the network makes values that are no numbers of {example.file.name:.100}, in floating point or "
            "in 8 bits; nothing was written: use the ONNX file"
        )
    return made


def _decibels(a: Tensor, b: Tensor) -> float:
    from retouch.metrics.fidelity import psnr

    return min(float(psnr(a, b)), HIGHEST)
