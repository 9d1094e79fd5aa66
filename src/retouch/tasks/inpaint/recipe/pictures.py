"""The pictures and holes that an evaluation measures on: the same for everything that is compared."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from retouch import data as pictures_of
from retouch.data.examples import Together
from retouch.data.holes import Holes, Item, at_most, parse, read_manifest
from retouch.data.listing import Split
from retouch.data.seeds import generator
from retouch.errors import DataError, UnknownName

MASKS = "masks:"
"""What the name of a kind begins with whose holes are files."""

FROZEN = ".jsonl"
"""What the name of a frozen set ends with."""

HOLES = ("thin", "medium", "thick", "polygon")
"""The kinds of holes that are measured with when nothing is asked for."""

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
        seed: decides, with the kind and the name of the picture, everything that is random.
        limit: the most pictures; 0: all.
        protocol: what is said about them.
    """

    label: str
    examples: Together
    holes: Holes
    seed: int
    limit: int
    protocol: str

    def __post_init__(self) -> None:
        self.notes: list[str] = []

    def __len__(self) -> int:
        return min(len(self.examples), self.limit or len(self.examples))

    def __iter__(self) -> Iterator[tuple[str, Tensor, Tensor]]:
        self.notes.clear()
        tiny = []
        for index in range(len(self)):
            name = self.examples.names[index]
            picture = self.examples.example(index, 0)["image"][None]
            if picture[0, 0].numel() < 2:
                tiny.append(name)
                continue
            of_kind, of_name = (
                zlib.crc32(text.encode(errors="surrogateescape")) for text in (self.label, name)
            )
            drawn = self.holes.draw(
                (picture.shape[2], picture.shape[3]), generator(self.seed, of_kind, of_name)
            )
            yield name, picture, torch.from_numpy(drawn.astype(np.float32))[None, None]
        if tiny:
            self.notes.append(f"{self.label}: {_left_out(tiny)}: they have a single pixel")


@dataclass
class FrozenHoles:
    """The holes of one kind of a frozen set.

    Args:
        label: the kind.
        items: the pictures with their holes.
        protocol: what is said about them.
    """

    label: str
    items: Sequence[Item]
    protocol: str

    def __post_init__(self) -> None:
        self.notes: list[str] = []

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[tuple[str, Tensor, Tensor]]:
        for item in self.items:
            name = f"{item.picture} {item.variant}" if item.variant else item.picture
            hole = torch.from_numpy(item.hole().astype(np.float32))
            yield name, item.image()[None], hole[None, None]


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
                f"{self.label}: {_left_out(empty)}: what is seen of the mask has no hole, or nothing else"
            )


def holed_pictures(
    data: str,
    kinds: Sequence[str | Holes],
    split: Split,
    *,
    size: int | None,
    limit: int,
    largest: float,
    seed: int,
) -> list[HoledPictures]:
    """Open pictures with holes.

    Args:
        data: a folder of pictures, a table, ``synthetic:…``, or a frozen set of holes, which says
            everything itself: of the other arguments only the kinds and the limit count then.
        kinds: ways to draw holes, or what they are called; ``masks:DIR`` for masks in files; none for
            :data:`HOLES`, or for all of a frozen set.
        split: which part of the pictures.
        size: side of the square that is cut out of the middle; None: their own sizes.
        limit: the most pictures of each kind; 0: all.
        largest: the largest part of a picture that a drawn hole may have.
        seed: decides, with the kind and the name of the picture, everything that is random.

    Returns:
        One for each kind.

    Raises:
        UnknownName: There is no such kind or split.
        InputError: A kind has a parameter that cannot be used.
        DataError: There are no pictures, or a frozen set cannot be read.
    """
    if Path(data).suffix == FROZEN:
        return _frozen(data, kinds, limit)
    where = f"{size}×{size} px from the middle" if size else "own sizes"
    opened: list[HoledPictures] = []
    for kind in dict.fromkeys(kinds or HOLES):
        if isinstance(kind, str) and kind.startswith(MASKS):
            opened.append(_given(kind, data, split, size, limit, where))
            continue
        holes = at_most(parse(kind) if isinstance(kind, str) else kind, largest)
        pictures = pictures_of.singles(data, split, augment=False, size=size, load_size=None, resize="cover")
        protocol = f"holes {holes.spec}, seed {seed}, {where}, {split}"
        label = kind if isinstance(kind, str) else kind.spec
        opened.append(DrawnHoles(label, pictures, holes, seed, limit, protocol))
    return opened


def _frozen(data: str, kinds: Sequence[str | Holes], limit: int) -> list[HoledPictures]:
    items: dict[str, list[Item]] = {}
    for item in read_manifest(data):
        items.setdefault(item.kind, []).append(item)
    wanted = [kind if isinstance(kind, str) else kind.spec for kind in dict.fromkeys(kinds)] or list(items)
    if strange := [kind for kind in wanted if kind not in items]:
        raise UnknownName("kind of holes in the frozen set", strange[0], items)
    return [
        FrozenHoles(
            kind, items[kind][: limit or None], f"frozen set {Path(data).name}, {_sizes(items[kind])}"
        )
        for kind in wanted
    ]


def _sizes(items: Sequence[Item]) -> str:
    sizes = {item.size for item in items}
    return f"{items[0].size[0]}×{items[0].size[1]} px" if len(sizes) == 1 else "several sizes"


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


def _left_out(names: Sequence[str]) -> str:
    return f"{len(names)} pictures left out ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})"
