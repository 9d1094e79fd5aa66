"""Recognise how a folder of training pictures is laid out."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from retouch.data import shards, table
from retouch.data.listing import SPLITS, Listing, Side, Sides, Split
from retouch.data.origin import LEFT, RIGHT, Part, PictureFile
from retouch.errors import DataError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".avif"})

SPLIT_NAMES: Mapping[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}
"""Folder name, in lower case → split."""

SIDE_NAMES: tuple[tuple[str, str], ...] = (("a", "b"), ("input", "target"), ("label", "img"))
"""Names, in lower case, of the folders of the two sides; the first is the input."""

TABLE = "pairs.csv"
"""A table of this name makes its folder a data set."""

SIDE_BY_SIDE = "side by side"

LAYOUTS = (
    "DIR/train/1.jpg … with input and target side by side in one picture (val/ and test/ beside train/)",
    "DIR/A/1.jpg and DIR/B/1.jpg, or n_A.jpg and n_B.jpg (train/, val/, test/ above or below A and B)",
    "DIR/trainA and DIR/trainB, valA …, testA … (also train_A, train_B; train_label, train_img)",
    "a table, such as DIR/pairs.csv, with the columns input, target and, if wanted, split",
    "two folders: DIR1,DIR2",
    "a folder of single pictures",
    "tar archives as of webdataset: a folder of them, train-000000.tar or train-{000000..000099}.tar",
    "synthetic:facades (pairs) and synthetic:seasons (unpaired), which need no files",
)
"""What is read, for a person."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder and its sub-folders, listed once.

    Args:
        path: the folder.
        pictures: all pictures in and below it: path inside it, without suffix → file, sorted.
        folders: its own sub-folders by name.
        others: files that are no pictures, by their path inside it.
        doubles: files whose name without suffix is taken by another picture.
    """

    path: Path
    pictures: Mapping[str, PictureFile]
    folders: Mapping[str, Path]
    others: tuple[str, ...]
    doubles: tuple[str, ...]


def paired(source: str | Path) -> Listing:
    """Find the pairs of a source.

    Args:
        source: a folder, a table, or two folders with a comma between them.

    Returns:
        What is there.

    Raises:
        DataError: there is no such thing, or it is laid out in no way that is read.
    """
    return _found(source, "pairs", (_two_sided, _side_by_side))


def unpaired(source: str | Path) -> Listing:
    """Find the two sets of a source; pairs are taken apart.

    Args:
        source: as for :func:`paired`.

    Returns:
        What is there.

    Raises:
        DataError: there is no such thing, or it is laid out in no way that is read.
    """
    return _found(source, "two sets", (_two_sided, _two_folders, _side_by_side))


def single(source: str | Path) -> Listing:
    """Find the pictures of a source, one by one.

    Args:
        source: a folder, with or without ``train``, ``val`` and ``test`` in it; or a table, of
            which the inputs are taken.

    Returns:
        What is there, all on side A.

    Raises:
        DataError: there is no such thing, or no picture in it.
    """
    return _found(source, "pictures", (_singles,))


def scan(path: Path) -> Folder:
    """List a folder.

    Hidden files and folders are left out; links are followed, each folder once.

    Args:
        path: the folder.

    Raises:
        DataError: it cannot be read.
    """
    pictures: dict[str, PictureFile] = {}
    others: list[str] = []
    doubles: list[str] = []
    for file in _files(path):
        inside = file.relative_to(path).as_posix()
        if file.suffix.lower() not in SUFFIXES:
            others.append(inside)
            continue
        name = inside[: -len(file.suffix)]
        if name in pictures:
            doubles.append(inside)
            continue
        pictures[name] = PictureFile(file, _bytes(file))
    return Folder(path, dict(sorted(pictures.items())), _folders(path), tuple(others), tuple(doubles))


Reader = Callable[[Folder], Listing | None]


def _found(source: str | Path, wanted: str, readers: tuple[Reader, ...]) -> Listing:
    text = str(source)
    path = Path(source)
    halves = [Path(half) for half in text.split(",")]
    try:
        there = path.exists()
        two = not there and len(halves) == 2 and all(half.is_dir() for half in halves)
    except OSError as error:
        raise DataError(f"{text[:200]} cannot be opened: {error.strerror}; give a folder") from error
    archives = shards.archives(source)
    if archives is not None:
        packed = shards.read(archives, text, wanted=wanted)
        if packed is None:
            raise DataError(
                f"{text} holds no pictures in its {len(archives)} tar archives. {_what_is_read()}"
            )
        return packed
    if two:
        sides = Sides(_side(scan(halves[0])), _side(scan(halves[1])))
        _check_filled(text, wanted, sides)
        return Listing(text, "two folders", {"train": sides})
    if not there:
        raise DataError(f"{text} does not exist; give a folder. {_what_is_read()}")
    if path.is_file() and path.suffix.lower() in (".csv", ".tsv"):
        return table.read(path, pairs=wanted != "pictures")
    if not path.is_dir():
        raise DataError(f"{text} is a file; give the folder that it is in, or a .csv table")
    folder = scan(path)
    if (path / TABLE).is_file():
        return table.read(path / TABLE, pairs=wanted != "pictures")
    for read in readers:
        listing = read(folder)
        if listing is not None:
            return replace(listing, source=text)
    raise DataError(f"{text} holds no {wanted} in a layout that is read: {_seen(folder)}. {_what_is_read()}")


def _two_sided(folder: Folder) -> Listing | None:
    """A and B as folders: above the splits, below them, or in one name with them."""
    splits: dict[Split, Sides] = {}
    layout, joined = "", ""
    lower = {name.lower(): path for name, path in folder.folders.items()}
    below_splits = {
        name: {inner.lower(): path for inner, path in _folders(lower[name]).items()}
        for name in SPLIT_NAMES
        if name in lower
    }
    for a, b in SIDE_NAMES:
        if a in lower and b in lower:
            layout = layout or f"{lower[a].name}/ and {lower[b].name}/"
            _add(splits, _by_split(lower[a]), _by_split(lower[b]))
        for name, split in SPLIT_NAMES.items():
            for joint in ("", "_"):
                left, right = f"{name}{joint}{a}", f"{name}{joint}{b}"
                if left in lower and right in lower:
                    joined = joint
                    layout = layout or f"{lower[left].name} and {lower[right].name}"
                    _add(splits, {split: _side(scan(lower[left]))}, {split: _side(scan(lower[right]))})
            below = below_splits.get(name, {})
            if a in below and b in below:
                layout = layout or f"{name}/{below[a].name}/ and {name}/{below[b].name}/"
                _add(splits, {split: _side(scan(below[a]))}, {split: _side(scan(below[b]))})
    filled = {split: sides for split, sides in splits.items() if sides.a and sides.b}
    if not filled:
        return None
    by_order = joined == "_" and not any(_share_names(sides) for sides in filled.values())
    return Listing(str(folder.path), layout, filled, by_order)


def _side_by_side(folder: Folder) -> Listing | None:
    splits = {
        split: Sides(
            {name: Part(file, LEFT) for name, file in files.items()},
            {name: Part(file, RIGHT) for name, file in files.items()},
        )
        for split, files in _files_by_split(folder).items()
    }
    return Listing(str(folder.path), SIDE_BY_SIDE, splits) if splits else None


def _two_folders(folder: Folder) -> Listing | None:
    """Two folders of any other names, which are the two sets in the order of the alphabet."""
    if len(folder.folders) != 2 or any(name.lower() in SPLIT_NAMES for name in folder.folders):
        return None
    first, second = (_by_split(path) for path in folder.folders.values())
    splits: dict[Split, Sides] = {}
    _add(splits, first, second)
    filled = {split: sides for split, sides in splits.items() if sides.a and sides.b}
    return (
        Listing(str(folder.path), " and ".join(f"{name}/" for name in folder.folders), filled)
        if filled
        else None
    )


def _singles(folder: Folder) -> Listing | None:
    sided = _two_sided(folder)
    if sided is not None:
        both = {
            split: Sides(
                {f"A/{name}": part for name, part in sides.a.items()}
                | {f"B/{name}": part for name, part in sides.b.items()}
            )
            for split, sides in sided.splits.items()
        }
        return Listing(str(folder.path), f"single pictures of {sided.layout}", both)
    splits = {
        split: Sides({name: Part(file) for name, file in files.items()})
        for split, files in _files_by_split(folder).items()
    }
    return Listing(str(folder.path), "single pictures", splits) if splits else None


def _files_by_split(folder: Folder) -> dict[Split, Mapping[str, PictureFile]]:
    splits: dict[Split, Mapping[str, PictureFile]] = {}
    for name, path in folder.folders.items():
        split = SPLIT_NAMES.get(name.lower())
        files = scan(path).pictures if split else {}
        if split and files:
            splits[split] = dict(splits.get(split, {})) | dict(files)
    if not splits and folder.pictures:
        return {"train": folder.pictures}
    return {split: splits[split] for split in SPLITS if split in splits}


def _by_split(path: Path) -> dict[Split, Side]:
    files = _files_by_split(scan(path))
    return {split: {name: Part(file) for name, file in found.items()} for split, found in files.items()}


def _side(folder: Folder) -> Side:
    return {name: Part(file) for name, file in folder.pictures.items()}


def _add(splits: dict[Split, Sides], a: Mapping[Split, Side], b: Mapping[Split, Side]) -> None:
    for split in SPLITS:
        if split not in splits and (split in a or split in b):
            splits[split] = Sides(a.get(split, {}), b.get(split, {}))


def _share_names(sides: Sides) -> bool:
    return not sides.a.keys().isdisjoint(sides.b)


def _check_filled(source: str, wanted: str, sides: Sides) -> None:
    for half, side in zip(source.split(","), (sides.a, sides.b), strict=True):
        if not side:
            raise DataError(f"{half} holds no pictures, so there are no {wanted} in {source}; check the path")


def _folders(path: Path) -> dict[str, Path]:
    return {item.name: item for item in sorted(path.iterdir()) if item.is_dir() and _shown(item.name)}


def _bytes(path: Path) -> int:
    """The size of a file; 0 when it cannot be told, which opening it will explain."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _files(path: Path) -> list[Path]:
    found: list[Path] = []
    seen: set[str] = set()

    def refuse(error: OSError) -> None:
        raise DataError(
            f"{error.filename} cannot be read: {error.strerror}; check its permissions"
        ) from error

    for place, folders, files in os.walk(path, followlinks=True, onerror=refuse):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(filter(_shown, folders))
        found += [Path(place, name) for name in sorted(files) if _shown(name)]
    return found


def _shown(name: str) -> bool:
    return not name.startswith((".", "__MACOSX"))


def _seen(folder: Folder) -> str:
    names = [f"{name}/" for name in folder.folders]
    listed = ", ".join(names[:6]) + (" …" if len(names) > 6 else "")
    others = f", {len(folder.others)} other files" if folder.others else ""
    return f"it has {len(folder.pictures)} pictures{others}, folders: {listed or 'none'}"


def _what_is_read() -> str:
    return "These layouts are read: " + "; ".join(LAYOUTS)
