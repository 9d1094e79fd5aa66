"""Pictures with holes, for training and validation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from retouch.data.examples import Examples
from retouch.data.holes.kind import Holes
from retouch.data.seeds import generator

if TYPE_CHECKING:
    import torch

_DRAWN, _FIXED = 31, 32
"""Tell the holes of training and those of validation from each other and from the augmentation."""


class Holed:
    """Examples with a hole added to each.

    Args:
        examples: of pictures; the first picture of an example gives the hole its size.
        holes: how they are drawn.
        fixed: an example always gets the same hole, one that depends on its index only.
    """

    def __init__(self, examples: Examples, holes: Holes, *, fixed: bool = False) -> None:
        self._examples = examples
        self._holes = holes
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
            What the examples give, and ``hole``: float32 (1, H, W), 1 in the hole.

        Raises:
            InputError: a picture has a single pixel.
            DataError: a file cannot be read.
        """
        import torch

        made = self._examples.example(index, seed)
        height, width = next(iter(made.values())).shape[-2:]
        random = generator(_FIXED, index) if self._fixed else generator(_DRAWN, seed, index)
        hole = self._holes.draw((int(height), int(width)), random)
        return made | {"hole": torch.from_numpy(hole[None].astype(np.float32))}

    def describe(self) -> dict[str, object]:
        """Say what this is, for the record of a run."""
        return self._examples.describe() | self._holes.describe()

    def plain(self) -> Holed:
        """Give the same examples without augmentation, each with a hole that stays the same."""
        return Holed(self._examples.plain(), self._holes, fixed=True)
