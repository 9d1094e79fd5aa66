"""The pictures of a run, as the engine draws them: pairs, two sets, or one."""

from __future__ import annotations

from retouch import data
from retouch.data import Drawn
from retouch.tasks.translate.recipe.parts import Pictures

VALIDATION = 200
"""The most validation pictures that are measured while training."""


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
