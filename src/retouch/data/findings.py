"""What can be wrong with a data set, one function for each kind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Literal

from retouch.data import layouts
from retouch.data.inspection import Inspected
from retouch.data.likeness import Look, alike, joined
from retouch.data.listing import Listing, Split
from retouch.data.origin import LEFT, RIGHT, File, Part

Layout = Literal["auto", "pairs", "unpaired", "singles"]
"""How the pictures belong together."""

LAYOUTS: tuple[Layout, ...] = ("auto", "pairs", "unpaired", "singles")

Level = Literal["error", "warning"]
"""An error spoils the training or its measurement; a warning is worth a look."""

TINY = 20
"""Fewer training pictures than this are hardly enough for anything."""

_OTHER_PICTURES = frozenset(
    {".ppm", ".pgm", ".pbm", ".gif", ".jp2", ".heic", ".heif", ".jfif", ".exr", ".hdr", ".dcm"}
    | {".psd", ".npy", ".npz", ".svg", ".raw", ".dng", ".tga"}
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Args:
        level: how bad it is.
        kind: what it is, in a word or two: ``"corrupt"``.
        message: what was found and what to do.
        names: the pictures, as paths below the folder where they are.
    """

    level: Level
    kind: str
    message: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """The inspected files, and how to call them.

    Args:
        root: the folder or table that is looked through.
        files: path → what was found about it.
    """

    root: Path
    files: dict[Path, Inspected]

    def name(self, path: Path) -> str:
        """The path below the folder, with forward slashes."""
        try:
            return path.relative_to(self.root if self.root.is_dir() else self.root.parent).as_posix()
        except ValueError:
            return str(path)

    def of(self, part: Part) -> Inspected | None:
        """What was found about the file of a picture."""
        return self.files.get(part.origin.path) if isinstance(part.origin, File) else None


def corrupt(place: Place) -> Iterable[Finding]:
    """Find files that cannot be opened."""
    for path, file in place.files.items():
        if file.error:
            yield Finding("error", "corrupt", file.error, (place.name(path),))


def pairing(listing: Listing, place: Place) -> Iterable[Finding]:
    """Find pictures without a partner, and partners of different size."""
    for split in listing.splits:
        pairs, lone = Listing(
            listing.source, listing.layout, {split: listing.splits[split]}, listing.by_order
        ).pairs("all")
        if lone:
            yield Finding(
                "error",
                "unmatched",
                f"{len(lone)} {split} pictures have no partner of the same name; rename or remove them",
                tuple(lone),
            )
        unequal = [name for name, pair in pairs.items() if _unequal(pair, place)]
        if unequal:
            yield Finding(
                "error",
                "size mismatch",
                f"{len(unequal)} {split} pairs have pictures of different sizes; make them the same",
                tuple(unequal),
            )


def _unequal(pair: tuple[Part, Part], place: Place) -> bool:
    a, b = (place.of(part) for part in pair)
    if a is None or b is None or a.error or b.error:
        return False
    if {part.part for part in pair} == {LEFT, RIGHT}:
        return a.size is not None and a.size[1] % 2 == 1
    return a.size != b.size


def copies(listing: Listing, place: Place, belonging: Layout) -> Iterable[Finding]:
    """Find the same picture in several places, byte for byte or by its look."""
    holders: defaultdict[str, set[tuple[Split, Path]]] = defaultdict(set)
    for split, sides in listing.splits.items():
        for part in (*sides.a.values(), *sides.b.values()):
            file = place.of(part)
            if file is not None and file.sha256 and isinstance(part.origin, File):
                holders[file.sha256].add((split, part.origin.path))
    groups = [sorted(group, key=str) for group in holders.values() if len({path for _, path in group}) > 1]
    across = [group for group in groups if len({split for split, _ in group}) > 1]
    within = [group for group in groups if len({split for split, _ in group}) == 1]
    for level, kind, chosen, advice in (
        ("error", "leak", across, "are in two splits, byte for byte; remove one, or results mean nothing"),
        ("warning", "copies", within, "are there more than once, byte for byte; remove the others"),
    ):
        if chosen:
            names = tuple(" = ".join(place.name(path) for _, path in group) for group in chosen)
            yield Finding(
                "error" if level == "error" else "warning", kind, f"{len(chosen)} pictures {advice}", names
            )
    yield from _likenesses(listing, place, belonging, {path for group in groups for _, path in group})


def _likenesses(listing: Listing, place: Place, belonging: Layout, known: set[Path]) -> Iterable[Finding]:
    looks = {split: _looks(listing, split, place, belonging, known) for split in listing.splits}
    for first, second in combinations(listing.splits, 2):
        # The smaller split is the one that is measured on.
        small, large = sorted((first, second), key=lambda split: len(looks[split]))
        found = alike([look for _, look in looks[small]], [look for _, look in looks[large]])
        if found:
            names = tuple(f"{looks[small][i][0]} ~ {looks[large][j][0]}" for i, j in found)
            yield Finding(
                "warning",
                "look-alikes",
                f"{len(found)} of {len(looks[small])} {small} pictures look like a {large} picture; "
                f"results on {small} will be too good",
                names,
            )


def _looks(
    listing: Listing, split: Split, place: Place, belonging: Layout, known: set[Path]
) -> list[tuple[str, Look]]:
    alone = Listing(listing.source, listing.layout, {split: listing.splits[split]}, listing.by_order)
    units: list[tuple[Part, ...]]
    if belonging == "pairs":
        units = list(alone.pairs("all")[0].values())
    else:
        sides = alone.sides("all")
        units = [(part,) for part in (*sides.a.values(), *sides.b.values())]
    found = []
    for unit in units:
        files = [place.of(part) for part in unit]
        looks = [
            file.looks[part.part] for file, part in zip(files, unit, strict=True) if file and not file.error
        ]
        origin = unit[0].origin
        if len(looks) == len(unit) and isinstance(origin, File) and origin.path not in known:
            found.append((place.name(origin.path), joined(looks)))
    return found


def contents(place: Place) -> Iterable[Finding]:
    """Find pictures that hold nothing to learn from."""
    questions: tuple[tuple[str, str, Callable[[Inspected], bool]], ...] = (
        (
            "constant",
            "have one colour only, so there is nothing to learn; remove them",
            lambda file: file.constant,
        ),
        (
            "dark",
            "have 16 bits but use less than a quarter of their range, so they are nearly black; "
            "stretch them to 0 … 65535",
            lambda file: file.dark,
        ),
        (
            "out of range",
            "hold numbers outside 0 … 1, which are cut off; rescale them",
            lambda file: file.wild,
        ),
    )
    for kind, message, asks in questions:
        names = [place.name(path) for path, file in place.files.items() if asks(file)]
        if names:
            yield Finding("warning", kind, f"{len(names)} pictures {message}", tuple(names))


def amount(listing: Listing, belonging: Layout) -> Iterable[Finding]:
    """Find that there are too few pictures."""
    sides = listing.splits.get("train")
    if sides is None:
        yield Finding("warning", "no training", "there are no training pictures, only for evaluation")
        return
    count = min(len(side) for side in ((sides.a, sides.b) if belonging != "singles" else (sides.a,)))
    if count < TINY:
        yield Finding(
            "warning", "tiny", f"there are only {count} training pictures; the papers use 400 and more"
        )


def unread(source: str | Path) -> Iterable[Finding]:
    """Find files that are left out: other formats, and names that are taken."""
    root = Path(source)
    if not root.is_dir():
        return
    folder = layouts.scan(root)
    others = tuple(name for name in folder.others if Path(name).suffix.lower() in _OTHER_PICTURES)
    if others:
        yield Finding(
            "warning",
            "not read",
            f"{len(others)} files are of a kind that is not read; convert them to PNG",
            others,
        )
    if folder.doubles:
        yield Finding(
            "error",
            "same name",
            f"{len(folder.doubles)} pictures have the name of another but for the suffix; rename them",
            folder.doubles,
        )
