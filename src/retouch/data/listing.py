"""What a folder of training pictures holds: which layout, which splits, which names."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from retouch.data.origin import Part
from retouch.errors import DataError, UnknownName

T = TypeVar("T")

Split = Literal["train", "val", "test", "all"]
"""Which part of a data set; ``all`` is every picture, whatever part it belongs to."""

SPLITS: tuple[Split, ...] = ("train", "val", "test")

HELD_OUT = 10
"""One picture in so many validates when a data set brings no validation pictures."""

Side = Mapping[str, Part]
"""Name → picture, sorted by name."""


@dataclass(frozen=True, slots=True)
class Sides:
    """The pictures of one split.

    Args:
        a: the first side; the only one of a set of single pictures.
        b: the second side.
    """

    a: Side = field(default_factory=dict)
    b: Side = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Listing:
    """A data set before any picture is opened.

    Args:
        source: what the person asked for.
        layout: how it is laid out, for a person: ``"side by side"``.
        splits: the splits that its folders or table say.
        by_order: names differ between the sides; sorted lists match.
        matches: whether the two sides show the same things.
    """

    source: str
    layout: str
    splits: Mapping[Split, Sides]
    by_order: bool = False
    matches: bool = True

    @property
    def holds_out(self) -> bool:
        """Whether validation pictures have to be taken from the training pictures."""
        return "train" in self.splits and "val" not in self.splits

    @property
    def available(self) -> tuple[Split, ...]:
        """The splits that can be asked for, besides ``all``."""
        return tuple(split for split in SPLITS if split in self.splits or (split == "val" and self.holds_out))

    def sides(self, split: Split) -> Sides:
        """Give the pictures of one split, each side by itself.

        Args:
            split: one of :attr:`available`, or ``all``.

        Raises:
            UnknownName: there is no such name for a split.
            DataError: this data set has no such split.
        """
        found = self._whole(split)
        if not self._divides(split):
            return found
        return Sides(_divided(found.a, split), _divided(found.b, split))

    def pairs(self, split: Split) -> tuple[dict[str, tuple[Part, Part]], list[str]]:
        """Give the pairs of one split.

        ``7.jpg`` matches ``7.png``, and ``7_A.jpg`` matches ``7_B.jpg``.

        Args:
            split: one of :attr:`available`, or ``all``.

        Returns:
            Name → its two pictures, sorted by name; and the names, marked ``A/`` or ``B/``, that
            have no partner in the folders that the split is taken from.

        Raises:
            UnknownName: there is no such name for a split.
            DataError: this data set has no such split.
        """
        found, lone = _matched(self._whole(split), by_order=self.by_order)
        return (_divided(found, split) if self._divides(split) else found), lone

    def _divides(self, split: Split) -> bool:
        return self.holds_out and split in ("train", "val")

    def _whole(self, split: Split) -> Sides:
        if split not in (*SPLITS, "all"):
            raise UnknownName("split", split, (*SPLITS, "all"))
        if split == "all":
            return _united(self.splits)
        if self._divides(split):
            return self.splits["train"]
        if split not in self.splits:
            raise DataError(
                f"{self.source} has no {split} pictures, only {', '.join(self.available)}; "
                f"choose one of these, or put pictures into a folder {split}"
            )
        return self.splits[split]


def fingerprint(pictures: Iterable[tuple[str, Part]]) -> str:
    """Give a number that changes when a picture is added, removed, renamed or resized.

    Args:
        pictures: their names and files.

    Returns:
        The sha256 over names and sizes in bytes, in hexadecimal.
    """
    lines = (f"{name}\t{part.part}\t{part.origin.weight}\n" for name, part in pictures)
    return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()


def _divided(items: Mapping[str, T], split: Split) -> dict[str, T]:
    """Hold out by the hashes of the names, so that the choice needs no record.

    A set of one picture trains and validates on it.
    """
    if len(items) < 2:
        return dict(items)
    ranked = sorted(items, key=lambda name: hashlib.sha256(name.encode(errors="surrogateescape")).digest())
    chosen = set(ranked[: -(-len(items) // HELD_OUT)])
    return {name: item for name, item in items.items() if (name in chosen) == (split == "val")}


def _matched(sides: Sides, *, by_order: bool) -> tuple[dict[str, tuple[Part, Part]], list[str]]:
    if by_order and len(sides.a) == len(sides.b):
        return {
            name: (part, other) for (name, part), other in zip(sides.a.items(), sides.b.values(), strict=True)
        }, []
    pairs = {name: (part, sides.b[name]) for name, part in sides.a.items() if name in sides.b}
    left = {name: part for name, part in sides.a.items() if name not in pairs}
    right = {name: part for name, part in sides.b.items() if name not in pairs}
    bare = {_bare(name, "b"): name for name in right}
    for name in list(left):
        stem = _bare(name, "a")
        if stem in bare and stem not in pairs:
            pairs[stem] = left.pop(name), right.pop(bare[stem])
    lone = [*(f"A/{name}" for name in left), *(f"B/{name}" for name in right)]
    return dict(sorted(pairs.items())), sorted(lone)


def _united(splits: Mapping[Split, Sides]) -> Sides:
    if len(splits) == 1:
        return next(iter(splits.values()))
    a = {f"{split}/{name}": part for split in splits for name, part in splits[split].a.items()}
    b = {f"{split}/{name}": part for split in splits for name, part in splits[split].b.items()}
    return Sides(a, b)


def _bare(name: str, side: str) -> str:
    return re.sub(rf"[_-]{side}$", "", name, flags=re.IGNORECASE)
