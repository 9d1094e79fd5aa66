"""A set of examples in its training and validation parts, as a training run draws from it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retouch.data.batches import ordered, stream
from retouch.data.examples import Examples
from retouch.errors import DataError

if TYPE_CHECKING:
    import torch


class Drawn:
    """Examples of a source in their training and validation parts.

    Args:
        train: augmented examples.
        validation: plain examples; None or an empty set when there are none.
    """

    def __init__(self, train: Examples, validation: Examples | None) -> None:
        if not len(train):
            raise DataError("there are no training pictures; look at the folder with: retouch data check DIR")
        self._train = train
        self._validation = validation if validation is not None and len(validation) else None

    @property
    def train(self) -> Examples:
        """The examples that are learned from."""
        return self._train

    @property
    def validation(self) -> Examples | None:
        """The examples that are never learned from."""
        return self._validation

    def stream(
        self, *, batch: int, seed: int, rank: int, world: int, start: int, workers: int
    ) -> Iterator[dict[str, torch.Tensor]]:
        """Draw batches without end."""
        return stream(
            self._train, batch=batch, seed=seed, rank=rank, world=world, start=start, workers=workers
        )

    def ordered(self, batch: int) -> Iterator[dict[str, torch.Tensor]]:
        """Draw the validation examples once."""
        return iter(()) if self._validation is None else ordered(self._validation, batch)

    def ordered_train(self, batch: int) -> Iterator[dict[str, torch.Tensor]]:
        """Draw the training examples once, in order, without augmentation."""
        return ordered(self._train.plain(), batch)
