"""What spoils a picture: the contract, and a chain of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

Planes = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Spoiled:
    """A picture on its way through a chain.

    Args:
        planes: (C, h, w), 0 black and 1 white; noise may go beyond both.
        noise: (1, h, w), the standard deviation of the noise in it, in the same units.
    """

    planes: Planes
    noise: Planes

    @classmethod
    def clean(cls, planes: Planes) -> Spoiled:
        """Take a picture without noise.

        Args:
            planes: (C, H, W).
        """
        return cls(planes, np.zeros((1, *planes.shape[1:]), np.float32))

    def add(self, noise: Planes, deviation: Planes | float) -> Spoiled:
        """Add noise that is independent of what is there.

        Args:
            noise: (C, h, w).
            deviation: its standard deviation, a number or (1, h, w).
        """
        both = np.sqrt(self.noise**2 + np.float32(deviation) ** 2)
        return Spoiled(self.planes + noise, np.asarray(both, np.float32))


class Degradation(Protocol):
    """One thing that happens to pictures."""

    name: ClassVar[str]

    @property
    def spec(self) -> str:
        """What :func:`retouch.data.degradations.parse` reads as the same degradation."""
        ...

    @property
    def scale(self) -> int:
        """By how much it makes a picture smaller; 1 leaves its size."""
        ...

    def apply(self, picture: Spoiled, random: np.random.Generator) -> Spoiled:
        """Do it.

        Args:
            picture: not changed.
            random: decides everything that is random.
        """
        ...


@dataclass(frozen=True, slots=True)
class Sometimes:
    """A degradation that happens to a part of the pictures.

    Args:
        degradation: what happens.
        probability: to which part, 0 to 1.
    """

    name: ClassVar[str] = "sometimes"
    degradation: Degradation
    probability: float

    @property
    def spec(self) -> str:
        """The degradation's, with the probability behind a colon."""
        return f"{self.degradation.spec}:{plain(self.probability)}"

    @property
    def scale(self) -> int:
        """Always 1: pictures of one batch have one size."""
        return 1

    def apply(self, picture: Spoiled, random: np.random.Generator) -> Spoiled:
        """Do it, or leave the picture as it is."""
        return self.degradation.apply(picture, random) if random.random() < self.probability else picture


@dataclass(frozen=True, slots=True)
class Chain:
    """Degradations one after the other.

    Args:
        steps: in their order; none leaves pictures as they are.
    """

    steps: Sequence[Degradation]

    @property
    def spec(self) -> str:
        """The steps with commas between them."""
        return ",".join(step.spec for step in self.steps)

    @property
    def scale(self) -> int:
        """By how much pictures get smaller in all."""
        whole = 1
        for step in self.steps:
            whole *= step.scale
        return whole

    def apply(self, planes: Planes, random: np.random.Generator) -> Spoiled:
        """Spoil a picture.

        Args:
            planes: (C, H, W) in [0, 1], its sides multiples of the scale; not changed.
            random: decides everything that is random.

        Returns:
            (C, H / scale, W / scale) and the noise in it.
        """
        picture = Spoiled.clean(planes)
        for step in self.steps:
            picture = step.apply(picture, random)
        return picture


def plain(value: float) -> str:
    """Write a number so that it is read as the same one.

    Args:
        value: finite.
    """
    return repr(float(value)).removesuffix(".0")
