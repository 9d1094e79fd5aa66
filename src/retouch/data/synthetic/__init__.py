"""Data sets that are drawn, not downloaded: ``synthetic:facades`` and ``synthetic:seasons``.

Each picture is a pure function of the set's seed, its split and its number. After a question mark
come options: ``synthetic:facades?count=400&size=128&seed=3``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np

from retouch.data.listing import SPLITS, Listing, Sides, Split
from retouch.data.origin import Part, Planes, Size
from retouch.data.seeds import generator
from retouch.data.synthetic import facades, seasons
from retouch.errors import InputError, UnknownName

PREFIX = "synthetic:"
COUNT, LARGEST_COUNT = 400, 100_000
SIZE, LARGEST_SIZE = 256, 4096

VERSION = 1
"""Part of the fingerprint; rises when the pictures of a seed change."""

Sow = Callable[[int], np.random.Generator]
"""Gives the generator of side A (0) or B (1); a set that draws one scene for both uses 0."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A synthetic set.

    Args:
        draw: from the generators, the size and the wanted sides, ``"a"`` and ``"b"``, to those
            sides, uint8 (H, W, 3) each.
        matches: whether the sides show the same scene.
    """

    draw: Callable[[Sow, Size, Collection[str]], Mapping[str, Planes]]
    matches: bool


def _facade(sow: Sow, size: Size, sides: Collection[str]) -> Mapping[str, Planes]:
    del sides
    labels, photo = facades.draw(sow(0), size)
    return {"a": labels, "b": photo}


def _season(sow: Sow, size: Size, sides: Collection[str]) -> Mapping[str, Planes]:
    return {side: seasons.draw(sow("ab".index(side)), size, winter=side == "b") for side in sides}


KINDS: Mapping[str, Kind] = {"facades": Kind(_facade, True), "seasons": Kind(_season, False)}


@dataclass(frozen=True, slots=True)
class Drawing:
    """Both sides of one number of a synthetic set.

    Args:
        kind: a key of :data:`KINDS`.
        seed: of the set.
        split: 0, 1, 2 for train, val, test.
        number: within the split.
        size: at which it is drawn; None draws at the size that is wanted.
    """

    kind: str
    seed: int
    split: int
    number: int
    size: int | None

    @property
    def label(self) -> str:
        """The set and the number."""
        return f"{PREFIX}{self.kind} {SPLITS[self.split]} {self.number}"

    @property
    def weight(self) -> int:
        """No bytes; what distinguishes this drawing from others of the same name."""
        return VERSION << 64 | self.seed

    def parts(self, names: Collection[str], wanted: Size | None) -> Mapping[str, Planes]:
        """Draw the sides ``a`` and ``b`` that are named, uint8 (3, H, W) each."""
        size = (self.size, self.size) if self.size else wanted or (SIZE, SIZE)

        def sow(side: int) -> np.random.Generator:
            return generator(self.seed, self.split, self.number, side)

        drawn = KINDS[self.kind].draw(sow, size, names)
        return {name: _planes(drawn[name]) for name in names}


def listing(source: str | Path) -> Listing | None:
    """Understand ``synthetic:NAME?options``.

    Args:
        source: what the person asked for.

    Returns:
        The listing of the set, or None when the source is something else.

    Raises:
        UnknownName: there is no such set or option.
        InputError: an option's value cannot be used.
    """
    text = str(source)
    if not text.startswith(PREFIX):
        return None
    name, _, query = text[len(PREFIX) :].partition("?")
    if name not in KINDS:
        raise UnknownName("synthetic data set", name, KINDS)
    options = dict(parse_qsl(query, keep_blank_values=True))
    for option in options:
        if option not in ("count", "size", "seed"):
            raise UnknownName(f"option of {PREFIX}{name}", option, ("count", "size", "seed"))
    count = _number(options, "count", COUNT, 1, LARGEST_COUNT)
    seed = _number(options, "seed", 0, 0, (1 << 63) - 1)
    size = _number(options, "size", SIZE, 16, LARGEST_SIZE) if "size" in options else None
    splits: dict[Split, Sides] = {}
    for position, split in enumerate(SPLITS):
        numbers = range(count if split == "train" else max(1, count // 10))
        drawings = {f"{number + 1:05}": Drawing(name, seed, position, number, size) for number in numbers}
        splits[split] = Sides(
            {key: Part(drawing, "a") for key, drawing in drawings.items()},
            {key: Part(drawing, "b") for key, drawing in drawings.items()},
        )
    return Listing(text, PREFIX + name, splits, matches=KINDS[name].matches)


def _number(options: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    word = options.get(name, str(default))
    if not word.isascii() or not word.isdigit() or not least <= int(word[:20]) <= most:
        raise InputError(f"{name}={word[:40]} must be a whole number from {least} to {most}")
    return int(word)


def _planes(picture: Planes) -> Planes:
    return np.ascontiguousarray(picture.transpose(2, 0, 1))
