"""Decoded pictures, kept in memory as far as a budget allows."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from retouch.data.framing import Framing, resized
from retouch.data.origin import Part, Planes, Size
from retouch.errors import DataError

_GRAY = np.array([0.299, 0.587, 0.114], np.float32)


class Budget:
    """Bytes that may still be kept, shared by all shelves of one data set.

    Args:
        size: how many bytes there are.
    """

    def __init__(self, size: int) -> None:
        self._left = size
        self._lock = threading.Lock()

    def take(self, size: int) -> bool:
        """Take so many bytes, or none when there are fewer."""
        with self._lock:
            if size > self._left:
                return False
            self._left -= size
            return True


class Shelf:
    """The pictures of a data set, decoded and brought to the size that views are cut from.

    What fits the budget is kept and stays; the rest is decoded every time. For epochs in random
    order no other choice of what to keep saves more decoding.

    Args:
        items: per item the pictures that belong together; they get the same size.
        framing: says that size.
        channels: 1 or 3, per picture of an item.
        nearest: whether labels are not to be mixed when resizing, per picture of an item.
        budget: what may be kept.
    """

    def __init__(
        self,
        items: Sequence[tuple[Part, ...]],
        *,
        framing: Framing,
        channels: Sequence[int],
        nearest: Sequence[bool],
        budget: Budget,
    ) -> None:
        self._items = items
        self._framing = framing
        self._channels = channels
        self._nearest = nearest
        self._budget = budget
        self._kept: dict[int, tuple[Planes, ...]] = {}

    def __len__(self) -> int:
        return len(self._items)

    def take(self, index: int) -> tuple[Planes, ...]:
        """Give the pictures of one item; do not change them.

        Args:
            index: from 0.

        Returns:
            Planes (C, H, W), all of one size.

        Raises:
            DataError: a file cannot be read, or pictures that must have one size do not.
        """
        kept = self._kept.get(index)
        if kept is not None:
            return kept
        made = self._made(self._items[index])
        # Two threads may make the same item at once; both are right, and one is kept.
        if self._budget.take(sum(planes.nbytes for planes in made)):
            self._kept[index] = made
        return made

    def _made(self, item: tuple[Part, ...]) -> tuple[Planes, ...]:
        wanted = self._framing.drawn
        opened = {id(part.origin): part.origin for part in item}
        parts = {
            key: origin.parts([part.part for part in item if id(part.origin) == key], wanted)
            for key, origin in opened.items()
        }
        pictures = [parts[id(part.origin)][part.part] for part in item]
        sizes = [_size(planes) for planes in pictures]
        if min(min(size) for size in sizes) < 1:
            raise DataError(
                f"{item[0].origin.label} is too narrow to be two pictures side by side; "
                "put single pictures into folders A/ and B/"
            )
        if self._framing.size is None and len(set(sizes)) > 1:
            raise DataError(_unequal(item, sizes))
        size = self._framing.stored(sizes[0])
        return tuple(
            _own(resized(_with_channels(planes, channels), size, nearest=nearest))
            for planes, channels, nearest in zip(pictures, self._channels, self._nearest, strict=True)
        )


def _size(planes: Planes) -> Size:
    return int(planes.shape[1]), int(planes.shape[2])


def _own(planes: Planes) -> Planes:
    """Copy a view, so that keeping half a picture does not keep the whole."""
    return planes if planes.base is None and planes.flags.c_contiguous else planes.copy()


def _with_channels(planes: Planes, channels: int) -> Planes:
    if channels == planes.shape[0]:
        return planes
    gray = np.tensordot(_GRAY, planes.astype(np.float32), axes=1)[None]
    return gray if planes.dtype == np.float32 else np.rint(gray).astype(planes.dtype)


def _unequal(item: tuple[Part, ...], sizes: Sequence[Size]) -> str:
    listed = " and ".join(
        f"{part.origin.label} is {height}×{width}" for part, (height, width) in zip(item, sizes, strict=True)
    )
    return f"{listed}, but they are a pair; make them the same size, or give size=256 to resize both"
