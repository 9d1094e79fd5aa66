"""What is to be restored: true pictures that were spoiled, or inputs that somebody published."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from retouch import data as pictures_of
from retouch.data.degradations import Chain, parse, random_for
from retouch.data.examples import Together
from retouch.errors import DataError
from retouch.tasks.restore.recipe.testset import TestSet, grayed

ADDITIVE = ("noise", "channel-noise", "mapped-noise", "poisson")
"""Degradations that add noise of known strength and do nothing else."""

SMALLER = ("bicubic", "area", "lanczos")
"""Degradations that make pictures smaller."""

_SUFFIX = re.compile(r"([_\- ]?(hr|lr|lrbi|lrbicx\d|bicubic|gt|srf[_-]?\d+|x\d+))+$", re.IGNORECASE)


class Pair(NamedTuple):
    """A picture to restore, and the true one.

    Args:
        spoiled: (C, h, w), 0 black and 1 white; noise may go beyond both.
        true: (C, scale·h, scale·w) in [0, 1].
        noise: (1, h, w), the standard deviation of the noise in it; None when that is not known.
    """

    spoiled: Tensor
    true: Tensor
    noise: Tensor | None

    @property
    def sigma(self) -> float | None:
        """The noise in levels of 255; None when there is none, or it is not known."""
        if self.noise is None or not bool(self.noise.any()):
            return None
        return 255 * math.sqrt(float(self.noise.double().square().mean()))


class Case(Protocol):
    """One way in which the pictures of a set are spoiled."""

    @property
    def name(self) -> str:
        """In the tables."""
        ...

    @property
    def scale(self) -> int:
        """True size divided by the size of the input."""
        ...

    @property
    def protocol(self) -> str:
        """Everything one must know to make the same inputs."""
        ...

    def pair(self, index: int) -> Pair:
        """Make an input.

        Args:
            index: of the picture.
        """
        ...


@dataclass(frozen=True)
class Spoilt:
    """Pictures that are spoiled here.

    Args:
        pictures: the true ones.
        chain: what happens to them.
        gray: they have one channel.
        seed: decides, with the name of the picture, everything that is random.
    """

    pictures: TestSet
    chain: Chain
    gray: bool
    seed: int

    @property
    def name(self) -> str:
        """The degradations."""
        return self.chain.spec

    @property
    def scale(self) -> int:
        """The chain's."""
        return self.chain.scale

    @property
    def additive(self) -> bool:
        """Whether nothing but noise is added."""
        return all(step.name in ADDITIVE for step in self.chain.steps)

    @property
    def protocol(self) -> str:
        """The chain, its seed and its resizer."""
        made_gray = self.gray and not self.pictures.gray
        parts = [f"inputs {self.chain.spec}", *(["of the pictures made gray"] if made_gray else [])]
        if any(step.name in SMALLER for step in self.chain.steps):
            parts.append("as MATLAB's imresize makes them: antialiased, 8 bits after each side")
        if self.additive:
            parts.append("neither clipped nor rounded")
        if any(step.name not in (*SMALLER, "8-bit") for step in self.chain.steps):
            parts.append(f"seed {self.seed} and the picture's name")
        return ", ".join(parts)

    def pair(self, index: int) -> Pair:
        """Spoil a picture."""
        true = self.pictures.picture(index, gray=self.gray, multiple=self.scale)
        spoiled = self.chain.apply(true.numpy(), random_for(self.seed, self.pictures.names[index]))
        return Pair(
            torch.from_numpy(np.ascontiguousarray(spoiled.planes)), true, torch.from_numpy(spoiled.noise)
        )


@dataclass(frozen=True)
class Given:
    """Inputs that lie in files.

    Args:
        pictures: the true ones.
        inputs: the spoiled ones.
        indices: which of them belongs to each true one.
        source: where they are.
        scale: true size divided by theirs.
        gray: they have one channel.
    """

    pictures: TestSet
    inputs: Together
    indices: tuple[int, ...]
    source: str
    scale: int
    gray: bool

    @property
    def name(self) -> str:
        """Their scale."""
        return f"given ×{self.scale}"

    @property
    def protocol(self) -> str:
        """Where they are from."""
        return f"inputs given in {self.source}"

    def pair(self, index: int) -> Pair:
        """Read an input.

        Raises:
            DataError: it has not the size of the true picture divided by the scale.
        """
        true = self.pictures.picture(index, gray=self.gray, multiple=self.scale)
        spoiled = self.inputs.example(self.indices[index], 0)["image"]
        height, width = (side // self.scale for side in true.shape[1:])
        if tuple(spoiled.shape[1:]) != (height, width):
            name = self.inputs.names[self.indices[index]]
            raise DataError(
                f"the input {name} is {spoiled.shape[2]}×{spoiled.shape[1]}, and 1/{self.scale} of "
                f"{self.pictures.names[index]} is {width}×{height}; give the inputs of these pictures"
            )
        return Pair(grayed(spoiled) if self.gray else spoiled, true, None)


def spoilt(pictures: TestSet, spec: str, *, gray: bool, seed: int) -> Spoilt:
    """Take a set as one to be spoiled.

    Args:
        pictures: the true ones.
        spec: as :func:`retouch.data.degradations.parse` reads it.
        gray: make them gray first.
        seed: of what is random.

    Raises:
        InputError: the spec cannot be read.
        UnknownName: there is no such degradation.
    """
    return Spoilt(pictures, parse(spec), gray, seed)


def given(pictures: TestSet, inputs: str | os.PathLike[str], *, gray: bool) -> Given:
    """Find the input of every picture by its name.

    ``baby`` belongs to ``baby``; and, where that finds none, ``babyx4`` or ``baby_LR`` do.

    Args:
        pictures: the true ones.
        inputs: a folder of pictures.
        gray: all of them have one channel.

    Raises:
        DataError: a picture has no input, or more than one, or their sizes have no common scale.
    """
    source = os.fspath(inputs)
    found = pictures_of.singles(source, "all", augment=False, size=None, load_size=None)
    exact = {name: index for index, name in enumerate(found.names)}
    plain: dict[str, list[int]] = {}
    for index, name in enumerate(found.names):
        plain.setdefault(_plain(name), []).append(index)
    indices = tuple(_match(name, exact, plain, found.names, source) for name in pictures.names)
    small = tuple(found.example(indices[0], 0)["image"].shape[1:])
    scales = {whole // part for whole, part in zip(pictures.sizes[0], small, strict=True)}
    if len(scales) > 1 or not min(scales):
        raise DataError(
            f"the input {found.names[indices[0]]} is {small[1]}×{small[0]}, and {pictures.names[0]} is "
            f"{pictures.sizes[0][1]}×{pictures.sizes[0][0]}, which is no whole multiple; give inputs of 1/2, "
            "1/3, 1/4 … of the size, or of the same size"
        )
    return Given(pictures, found, indices, source, scales.pop(), gray)


def _match(
    name: str, exact: Mapping[str, int], plain: Mapping[str, list[int]], names: tuple[str, ...], source: str
) -> int:
    if name in exact:
        return exact[name]
    like = plain.get(_plain(name), [])
    if len(like) != 1:
        which = ", ".join(names[index] for index in like) or "none"
        raise DataError(
            f"{source} should have one input for {name}, and has {which}; call it like the true picture, "
            "with an ending such as x4 if you like"
        )
    return like[0]


def _plain(name: str) -> str:
    return (_SUFFIX.sub("", name) or name).lower()
