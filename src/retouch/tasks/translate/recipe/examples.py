"""The pictures of a run, as the engine draws them: pairs, two sets, or one."""

from __future__ import annotations

from collections.abc import Iterator

from retouch import data
from retouch.data.examples import Apart, Together
from retouch.errors import DataError
from retouch.tasks.translate.recipe.parts import Pictures
from retouch.training import Batch, Data

VALIDATION = 200
"""The most validation pictures that are measured while training."""


class Drawn(Data):
    """Examples of a source in their training and validation parts.

    Args:
        train: augmented examples.
        validation: plain examples; None or an empty set when there are none.
    """

    def __init__(self, train: Together | Apart, validation: Together | Apart | None) -> None:
        if not len(train):
            raise DataError("there are no training pictures; look at the folder with: retouch data check DIR")
        self._train = train
        self._validation = validation if validation is not None and len(validation) else None

    @property
    def train(self) -> Together | Apart:
        """The examples that are learned from."""
        return self._train

    @property
    def validation(self) -> Together | Apart | None:
        """The examples that are never learned from."""
        return self._validation

    def stream(
        self, *, batch: int, seed: int, rank: int, world: int, start: int, workers: int
    ) -> Iterator[Batch]:
        """Draw batches without end."""
        return data.stream(
            self._train, batch=batch, seed=seed, rank=rank, world=world, start=start, workers=workers
        )

    def ordered(self, batch: int) -> Iterator[Batch]:
        """Draw the validation examples once."""
        return iter(()) if self._validation is None else data.ordered(self._validation, batch)

    def ordered_train(self, batch: int) -> Iterator[Batch]:
        """Draw the training examples once, in order, without augmentation."""
        return data.ordered(self._train.plain(), batch)


def paired(source: str, pictures: Pictures) -> Drawn:
    """Open pairs.

    Args:
        source: a folder, a table, or ``synthetic:facades``.
        pictures: how they come to the networks.

    Returns:
        Batches with ``input`` and ``target``.
    """
    train = data.pairs(
        source,
        "train",
        augment=True,
        size=pictures.size,
        load_size=pictures.loaded,
        flip=pictures.flip,
        jitter=pictures.jitter,
        direction=pictures.direction,
    )
    held = data.pairs(source, "val", augment=False, size=pictures.size, direction=pictures.direction)
    return Drawn(train, held)


def unpaired(source: str, pictures: Pictures) -> Drawn:
    """Open two sets.

    Args:
        source: a folder, or ``synthetic:seasons``; pairs are taken apart.
        pictures: how they come to the networks.

    Returns:
        Batches with ``a`` and ``b``.
    """
    train = data.unpaired(
        source,
        "train",
        augment=True,
        size=pictures.size,
        load_size=pictures.loaded,
        flip=pictures.flip,
        jitter=pictures.jitter,
        direction=pictures.direction,
    )
    held = data.unpaired(source, "val", augment=False, size=pictures.size, direction=pictures.direction)
    return Drawn(train, held)


def alone(source: str, pictures: Pictures) -> Drawn:
    """Open single pictures.

    Args:
        source: a folder of pictures.
        pictures: how they come to the networks.

    Returns:
        Batches with ``image``.
    """
    train = data.singles(
        source,
        "train",
        augment=True,
        size=pictures.size,
        load_size=pictures.loaded,
        flip=pictures.flip,
        jitter=pictures.jitter,
    )
    return Drawn(train, data.singles(source, "val", augment=False, size=pictures.size))
