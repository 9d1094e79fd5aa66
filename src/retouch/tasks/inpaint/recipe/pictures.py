"""The pictures and holes that an evaluation measures on: the same for everything that is compared."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from retouch import data as pictures_of
from retouch.data.examples import Together
from retouch.data.holes import Holes, parse
from retouch.data.listing import Split
from retouch.data.seeds import generator
from retouch.errors import DataError

MASKS = "masks:"
"""What the name of a kind begins with whose holes are files."""

_DRAWS = 20
_ALL: Split = "all"


class HoledPictures(Protocol):
    """Pictures with holes of one kind."""

    label: str
    protocol: str
    notes: list[str]

    def __len__(self) -> int:
        """How many there are at most."""
        ...

    def __iter__(self) -> Iterator[tuple[str, Tensor, Tensor]]:
        """Name, picture (1, 3, H, W) in [0, 1] and hole (1, 1, H, W), one after the other."""
        ...


@dataclass
class DrawnHoles:
    """Pictures with holes that are drawn.

    Args:
        label: the kind.
        examples: the pictures.
        holes: how they are drawn.
        largest: the largest part of a picture that a hole may have.
        seed: decides, with the kind and the name of the picture, everything that is random.
        limit: the most pictures; 0: all.
        protocol: what is said about them.
    """

    label: str
    examples: Together
    holes: Holes
    largest: float
    seed: int
    limit: int
    protocol: str

    def __post_init__(self) -> None:
        self.notes: list[str] = []

    def __len__(self) -> int:
        return min(len(self.examples), self.limit or len(self.examples))

    def __iter__(self) -> Iterator[tuple[str, Tensor, Tensor]]:
        self.notes.clear()
        too_large = []
        for index in range(len(self)):
            name = self.examples.names[index]
            picture = self.examples.example(index, 0)["image"]
            hole = self._hole(name, (picture.shape[1], picture.shape[2]))
            if hole is None:
                too_large.append(name)
            else:
                yield name, picture[None], hole
        if too_large:
            self.notes.append(
                f"{self.label}: {len(too_large)} pictures left out ({', '.join(too_large[:3])}): none of "
                f"{_DRAWS} holes was at most {self.largest:.0%} of the picture"
            )

    def _hole(self, name: str, size: tuple[int, int]) -> Tensor | None:
        if size[0] * size[1] < 2:
            return None
        of_kind, of_name = (zlib.crc32(text.encode()) for text in (self.label, name))
        for attempt in range(_DRAWS):
            drawn = self.holes.draw(size, generator(self.seed, of_kind, of_name, attempt))
            if drawn.mean() <= self.largest:
                return torch.from_numpy(drawn.astype("float32"))[None, None]
        return None


@dataclass
class GivenHoles:
    """Pictures with holes that lie in files.

    Args:
        label: the kind.
        pictures: the pictures.
        role: the key of the picture in an example.
        masks: white = hole; the mask of a picture is that of its number, in turn when there are fewer.
        mask_role: the key of the mask in an example.
        limit: the most pictures; 0: all.
        protocol: what is said about them.
    """

    label: str
    pictures: Together
    role: str
    masks: Together
    mask_role: str
    limit: int
    protocol: str

    def __post_init__(self) -> None:
        self.notes: list[str] = []

    def __len__(self) -> int:
        return min(len(self.pictures), self.limit or len(self.pictures))

    def __iter__(self) -> Iterator[tuple[str, Tensor, Tensor]]:
        self.notes.clear()
        empty = []
        for index in range(len(self)):
            picture = self.pictures.example(index, 0)[self.role][None]
            mask = self.masks.example(index % len(self.masks), 0)[self.mask_role]
            hole = _as_hole(mask, (picture.shape[2], picture.shape[3]))
            if 0 < float(hole.mean()) < 1:
                yield self.pictures.names[index], picture, hole
            else:
                empty.append(self.pictures.names[index])
        if empty:
            self.notes.append(
                f"{self.label}: {len(empty)} pictures left out ({', '.join(empty[:3])}): the part of the "
                "mask that is seen has no hole, or nothing but hole"
            )


def holed_pictures(
    kind: str | Holes, data: str, split: Split, *, size: int | None, limit: int, largest: float, seed: int
) -> HoledPictures:
    """Open pictures with holes of one kind.

    Args:
        kind: a way to draw holes, or what it is called; ``masks:DIR`` for masks in files.
        data: a folder of pictures, a table, or ``synthetic:…``.
        split: which part of it.
        size: side of the square that is cut out of the middle; None: their own sizes.
        limit: the most pictures; 0: all.
        largest: the largest part of a picture that a drawn hole may have.
        seed: decides, with the kind and the name of the picture, everything that is random.

    Raises:
        UnknownName: There is no such kind or split.
        InputError: The kind has a parameter that cannot be used.
        DataError: There are no pictures, or no masks that match them.
    """
    where = f"{size}×{size} px from the middle" if size else "own sizes"
    if isinstance(kind, str) and kind.startswith(MASKS):
        return _given(kind, data, split, size, limit, where)
    holes = parse(kind) if isinstance(kind, str) else kind
    label = kind if isinstance(kind, str) else holes.spec
    pictures = pictures_of.singles(data, split, augment=False, size=size, load_size=None, resize="cover")
    protocol = f"{holes.spec} holes of at most {largest:.0%}, seed {seed}, {where}, {split}"
    return DrawnHoles(label, pictures, holes, largest, seed, limit, protocol)


def _given(kind: str, data: str, split: Split, size: int | None, limit: int, where: str) -> GivenHoles:
    folder = kind.removeprefix(MASKS)
    try:
        pairs = pictures_of.pairs(
            f"{data},{folder}",
            split,
            augment=False,
            size=size,
            load_size=None,
            resize="cover",
            nearest="target",
        )
    except DataError:
        pictures, masks = (
            pictures_of.singles(source, part, augment=False, size=size, load_size=None, resize="cover")
            for source, part in ((data, split), (folder, _ALL))
        )
        protocol = f"masks of {Path(folder).name} in turn, {where}, {split}"
        return GivenHoles(kind, pictures, "image", masks, "image", limit, protocol)
    protocol = f"masks of {Path(folder).name} by name, {where}, {split}"
    return GivenHoles(kind, pairs, "input", pairs, "target", limit, protocol)


def _as_hole(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """(1, 1, H, W) of 0 and 1: what is at least half white in any channel."""
    hole = (mask.amax(dim=0, keepdim=True) >= 0.5).float()[None]
    return hole if hole.shape[2:] == size else interpolate(hole, size=size, mode="nearest")
