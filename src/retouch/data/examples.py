"""Examples: what a training step asks for by number and seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from retouch.data.framing import Framing, View, jittered, unit
from retouch.data.origin import Part, Planes, Size
from retouch.data.seeds import generator
from retouch.data.shelf import Budget, Shelf

if TYPE_CHECKING:
    import torch

Facts = Mapping[str, object]
"""What is written about a data set into the record of a run; plain JSON values."""


class Examples(Protocol):
    """A set of examples that can be asked for in any order, from any thread."""

    @property
    def names(self) -> Sequence[str]:
        """One name per example."""
        ...

    def __len__(self) -> int:
        """How many examples there are."""
        ...

    def example(self, index: int, seed: int) -> dict[str, torch.Tensor]:
        """Make one example.

        Args:
            index: from 0 to the length − 1.
            seed: decides, with the index, everything that is random.

        Returns:
            Role → float32 (C, H, W) in [0, 1].
        """
        ...

    def describe(self) -> dict[str, object]:
        """Say what this is, for the record of a run."""
        ...

    def plain(self) -> Examples:
        """Give the same examples without augmentation."""
        ...


class Together:
    """Examples of pictures that belong together: a pair, or one picture alone.

    Args:
        roles: the keys of an example, one per picture of an item.
        names: one per item.
        items: the pictures.
        framing: how they become examples.
        channels: 1 or 3, per role.
        nearest: per role, whether it is a map of labels whose colours must not be mixed.
        cache_bytes: how much decoded data is kept.
        facts: what :meth:`describe` says.
    """

    def __init__(
        self,
        roles: Sequence[str],
        names: Sequence[str],
        items: Sequence[tuple[Part, ...]],
        *,
        framing: Framing,
        channels: Sequence[int],
        nearest: Sequence[bool],
        cache_bytes: int,
        facts: Facts,
    ) -> None:
        self._roles = tuple(roles)
        self._names = tuple(names)
        self._items = items
        self._framing = framing
        self._channels = channels
        self._nearest = nearest
        self._cache_bytes = cache_bytes
        self._facts = facts
        self._shelf = Shelf(
            items, framing=framing, channels=channels, nearest=nearest, budget=Budget(cache_bytes)
        )

    @property
    def names(self) -> tuple[str, ...]:
        """One name per example."""
        return self._names

    def __len__(self) -> int:
        return len(self._items)

    def example(self, index: int, seed: int) -> dict[str, torch.Tensor]:
        """Make one example; all its pictures show the same part, mirrored and turned alike.

        Args:
            index: from 0 to the length − 1.
            seed: any whole number.

        Returns:
            Role → float32 (C, H, W) in [0, 1].

        Raises:
            DataError: a file cannot be read.
        """
        pictures = self._shelf.take(index)
        view = self._framing.view(_size(pictures[0]), generator(seed, index))
        return {
            role: tensor_of(planes, view, label=label)
            for role, planes, label in zip(self._roles, pictures, self._nearest, strict=True)
        }

    def describe(self) -> dict[str, object]:
        """Say what this is, for the record of a run."""
        return dict(self._facts) | self._framing.facts()

    def plain(self) -> Together:
        """Give the same examples without augmentation; itself when there is none."""
        if not self._framing.augment:
            return self
        return Together(
            self._roles,
            self._names,
            self._items,
            framing=self._framing.plain(),
            channels=self._channels,
            nearest=self._nearest,
            cache_bytes=self._cache_bytes,
            facts=self._facts,
        )


class Apart:
    """Examples of two sets that do not match: each shows a picture of A and one of B.

    There are as many as the larger set has pictures. Without augmentation picture ``i`` of A goes
    with picture ``i`` of B; otherwise the one of B is drawn at random.

    Args:
        a: names and pictures of A.
        b: names and pictures of B.
        framing: how they become examples; each picture is framed on its own.
        channels: 1 or 3, for A and for B.
        cache_bytes: how much decoded data is kept.
        facts: what :meth:`describe` says.
    """

    def __init__(
        self,
        a: Mapping[str, Part],
        b: Mapping[str, Part],
        *,
        framing: Framing,
        channels: tuple[int, int],
        cache_bytes: int,
        facts: Facts,
    ) -> None:
        self._a, self._b = a, b
        self._framing = framing
        self._channels = channels
        self._cache_bytes = cache_bytes
        self._facts = facts
        self._length = max(len(a), len(b))
        budget = Budget(cache_bytes)
        self._shelves = tuple(
            Shelf(
                [(part,) for part in side.values()],
                framing=framing,
                channels=(channel,),
                nearest=(False,),
                budget=budget,
            )
            for side, channel in zip((a, b), channels, strict=True)
        )
        names = tuple(a)
        self._names = tuple(names[index % len(names)] for index in range(self._length))

    @property
    def names(self) -> tuple[str, ...]:
        """The name of A's picture, one per example."""
        return self._names

    def __len__(self) -> int:
        return self._length

    def example(self, index: int, seed: int) -> dict[str, torch.Tensor]:
        """Make one example.

        Args:
            index: from 0 to the length − 1.
            seed: any whole number; decides with the index which picture of B is shown.

        Returns:
            ``a`` and ``b``: float32 (C, H, W) in [0, 1].

        Raises:
            DataError: a file cannot be read.
        """
        random = generator(seed, index)
        partner = int(random.integers(0, len(self._b))) if self._framing.augment else index % len(self._b)
        made = {}
        for role, shelf, chosen in zip("ab", self._shelves, (index % len(self._a), partner), strict=True):
            (planes,) = shelf.take(chosen)
            made[role] = tensor_of(planes, self._framing.view(_size(planes), random))
        return made

    def describe(self) -> dict[str, object]:
        """Say what this is, for the record of a run."""
        return dict(self._facts) | self._framing.facts()

    def plain(self) -> Apart:
        """Give the same examples without augmentation; itself when there is none."""
        if not self._framing.augment:
            return self
        return Apart(
            self._a,
            self._b,
            framing=self._framing.plain(),
            channels=self._channels,
            cache_bytes=self._cache_bytes,
            facts=self._facts,
        )


def tensor_of(planes: Planes, view: View, *, label: bool = False) -> torch.Tensor:
    """Cut a view out of a picture.

    Args:
        planes: (C, H, W).
        view: what to show.
        label: leave the colours alone; they are names of things.

    Returns:
        float32 (C, h, w) in [0, 1].
    """
    import torch

    colours = unit(view.cut(planes))
    if view.jitter is not None and not label:
        colours = jittered(colours, view.jitter)
    return torch.from_numpy(np.ascontiguousarray(colours))


def _size(planes: Planes) -> Size:
    return int(planes.shape[1]), int(planes.shape[2])
