"""Pictures and what became of them, for training and validation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from retouch.data.degradations.degradation import Chain
from retouch.data.examples import Examples
from retouch.data.seeds import generator
from retouch.image.resample import resize

if TYPE_CHECKING:
    import torch

_DRAWN, _FIXED = 41, 42
"""Tell what is drawn in training and what validation gets from each other and from the augmentation."""


class Degraded:
    """Examples of spoiled pictures and the pictures they were made of.

    Args:
        examples: of pictures; the first one of an example is spoiled.
        chain: what happens to it.
        size: side of the square that is learned from; None takes a picture as it is, without the rows and
            columns beyond a multiple of the scale.
        zoom: a square of up to so many times ``size`` is cut out, and shrunk to it.
        shrunk: the part of the examples that this happens to; of the others a square of ``size`` keeps its
            pixels. A picture that is smaller is enlarged.
        fixed: an example is always spoiled alike, as its index says.
    """

    def __init__(
        self,
        examples: Examples,
        chain: Chain,
        *,
        size: int | None = None,
        zoom: float = 1.0,
        shrunk: float = 0.5,
        fixed: bool = False,
    ) -> None:
        self._examples = examples
        self._chain = chain
        self._size = size
        self._zoom = zoom
        self._shrunk = shrunk
        self._fixed = fixed

    @property
    def names(self) -> Sequence[str]:
        """One name per example."""
        return self._examples.names

    def __len__(self) -> int:
        return len(self._examples)

    def example(self, index: int, seed: int) -> dict[str, torch.Tensor]:
        """Make one example.

        Args:
            index: from 0 to the length − 1.
            seed: decides, with the index, everything that is random.

        Returns:
            ``target``: float32 (C, H, W); ``input``: what became of it, (C, H / scale, W / scale); ``noise``:
            (1, H / scale, W / scale), the standard deviation of the noise in it.

        Raises:
            DataError: a file cannot be read.
        """
        import torch

        picture = next(iter(self._examples.example(index, seed).values())).numpy()
        random = generator(_FIXED, index) if self._fixed else generator(_DRAWN, seed, index)
        target = self._framed(picture, random)
        spoiled = self._chain.apply(target, random)
        return {
            role: torch.from_numpy(np.ascontiguousarray(planes, np.float32))
            for role, planes in (("input", spoiled.planes), ("target", target), ("noise", spoiled.noise))
        }

    def _framed(self, picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
        if self._size is None or self._fixed:
            height, width = (side - side % self._chain.scale for side in picture.shape[1:])
            return picture[:, :height, :width]
        room = max(1.0, min(picture.shape[1:]) / self._size)
        shrunk = random.random() < self._shrunk
        factor = math.exp(random.random() * math.log(min(self._zoom, room)))
        side = min(round(self._size * factor) if shrunk else self._size, *picture.shape[1:])
        top, left = (int(random.integers(0, whole - side + 1)) for whole in picture.shape[1:])
        cut = picture[:, top : top + side, left : left + side]
        return resize(cut, (self._size, self._size)).clip(0, 1)

    def describe(self) -> dict[str, object]:
        """Say what this is, for the record of a run."""
        return self._examples.describe() | {
            "degradations": self._chain.spec,
            "patch": self._size,
            "zoom": self._zoom,
            "shrunk": self._shrunk,
        }

    def plain(self) -> Degraded:
        """Give the same examples without augmentation, each spoiled in a way that stays the same."""
        return Degraded(self._examples.plain(), self._chain, fixed=True)
