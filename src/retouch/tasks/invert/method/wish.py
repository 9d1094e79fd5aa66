"""What is wanted of an inverted picture, in words and weights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from retouch.errors import InputError, UnknownName

Perceptual = Literal["auto", "lpips", "features", "judge", "pyramid", "none"]
"""How pictures are compared beside their pixels. lpips: by LPIPS. features: by the features of a network
like VGG. judge: by those of the GAN's own discriminator. pyramid: smaller and smaller, with their
gradients, which takes no network. auto: by the first of these that is there. none: not at all."""

PERCEPTUALS: tuple[Perceptual, ...] = get_args(Perceptual)

Power = Literal[1, 2]


@dataclass(frozen=True)
class Wish:
    """What is wanted: a sum of terms over pictures in [-1, 1].

    Attributes:
        power: of the differences of pixels, whose mean is taken.
        pixels: weight of that mean.
        perceptual: the comparison beside it.
        perceptual_weight: its weight; a difference of features is relative to the target's.
        delta: weight of the mean square by which the code has left its start.
        prior: weight of the mean square of the whitened coordinates, 1 for what the network was trained with.
        together: weight of the mean square by which those of a row are off the mean of all rows: rows that
            are alike take edits like a picture of the network's own.
        noise: weight of the likeness of neighbours in noise maps, where those are fitted.
    """

    power: Power = 2
    pixels: float = 1.0
    perceptual: Perceptual = "auto"
    perceptual_weight: float = 0.1
    delta: float = 0.0
    prior: float = 3e-4
    together: float = 0.0
    noise: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.perceptual not in PERCEPTUALS:
            raise UnknownName("perceptual loss", self.perceptual, PERCEPTUALS)
        if self.power not in get_args(Power):
            raise InputError(f"power is {self.power}; it is 1 or 2")
        numbers = (self.pixels, self.perceptual_weight, self.delta, self.prior, self.together, self.noise)
        if not all(0 <= number < math.inf for number in numbers):
            raise InputError(f"the weights are {numbers}; give numbers of at least 0")
        if not self.pixels and (self.perceptual == "none" or not self.perceptual_weight):
            raise InputError("neither pixels nor a perceptual loss has a weight; give one more than 0")
