"""What archives hold: splits, sides and names, as a folder would say it."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from retouch.data.listing import SPLITS, Listing, Sides, Split
from retouch.data.origin import LEFT, RIGHT, Part
from retouch.data.shards.index import Archive, index
from retouch.data.shards.member import Member
from retouch.data.shards.naming import Role, named, split_of
from retouch.errors import DataError

Found = dict[Role, dict[str, Member]]
"""Side → name → picture, of one split."""


def read(paths: Sequence[Path], source: str, *, wanted: str) -> Listing | None:
    """List the pictures of archives.

    Args:
        paths: the archives.
        source: what the person asked for.
        wanted: ``pairs``, ``two sets`` or ``pictures``.

    Returns:
        What is there; None when nothing is, in the way that is wanted.

    Raises:
        DataError: an archive cannot be used, or a picture is in it twice.
    """
    splits = _found(paths)
    sided = {split: found for split, found in splits.items() if found["a"] and found["b"]}
    many = f"{len(paths)} archive{'s' if len(paths) > 1 else ''}"
    if sided and wanted == "pictures":
        both = {
            split: Sides(
                {
                    f"{side.upper()}/{name}": Part(found[side][name])
                    for side in ("a", "b")
                    for name in found[side]
                }
                | {name: Part(item) for name, item in found[""].items()}
            )
            for split, found in sided.items()
        }
        return Listing(source, f"single pictures of both sides in {many}", _in_order(both))
    if sided:
        two = {split: Sides(_parts(found["a"]), _parts(found["b"])) for split, found in sided.items()}
        return Listing(source, f"two sides in {many}", _in_order(two))
    whole = {split: found[""] | found["a"] | found["b"] for split, found in splits.items()}
    if not any(whole.values()):
        return None
    if wanted == "pictures":
        alone = {split: Sides(_parts(found)) for split, found in whole.items()}
        return Listing(source, f"single pictures in {many}", _in_order(alone))
    from retouch.data.layouts import SIDE_BY_SIDE

    halves = {split: Sides(_parts(found, LEFT), _parts(found, RIGHT)) for split, found in whole.items()}
    return Listing(source, SIDE_BY_SIDE, _in_order(halves))


def _found(paths: Sequence[Path]) -> dict[Split, Found]:
    """Go through archives; where they use the same names, each archive's own name goes in front.

    Raises:
        DataError: an archive cannot be used, or two pictures have the same name all the same.
    """
    each = [_of_one(path) for path in paths]
    splits: dict[Split, Found] = {}
    for split in SPLITS:
        mine = [(path, found[split]) for path, found in zip(paths, each, strict=True) if split in found]
        if not mine:
            continue
        clash = any(
            len(set().union(*(found[role] for _, found in mine))) < sum(len(found[role]) for _, found in mine)
            for role in ("", "a", "b")
        )
        merged: Found = {"": {}, "a": {}, "b": {}}
        fronts = _fronts([path for path, _ in mine]) if clash else [""] * len(mine)
        for front, (path, found) in zip(fronts, mine, strict=True):
            for role, items in found.items():
                for name, item in items.items():
                    if (other := merged[role].setdefault(front + name, item)) is not item:
                        raise DataError(
                            f"{other.archive.path} and {path} both hold a picture {front + name!r}; name "
                            "each archive once, or rename one"
                        )
        splits[split] = {role: dict(sorted(items.items())) for role, items in merged.items()}
    return splits


def _fronts(paths: Sequence[Path]) -> list[str]:
    """What goes in front of the names of each archive: its own, with its folders where that is not enough."""
    if len({path.stem for path in paths}) == len(paths):
        return [f"{path.stem}/" for path in paths]
    whole = [Path(os.path.abspath(path)) for path in paths]  # noqa: PTH100 - links are not followed
    top = os.path.commonpath([path.parent for path in whole])
    return [f"{path.relative_to(top).with_suffix('').as_posix()}/" for path in whole]


def _of_one(path: Path) -> dict[Split, Found]:
    from retouch.data.layouts import SPLIT_NAMES

    archive = Archive.of(path)
    own = split_of(path)
    splits: defaultdict[Split, Found] = defaultdict(lambda: {"": {}, "a": {}, "b": {}})
    for entry in index(archive):
        said = named(path, entry.name)
        if said is None:
            continue
        name, split = said.name, own
        if split is None:
            first, slash, rest = name.partition("/")
            split = SPLIT_NAMES.get(first.lower()) if slash else None
            name = rest if split else name
        items = splits[split or "train"][said.role]
        if name in items:
            raise DataError(
                f"{path} holds {items[name].name!r} and {entry.name!r}, which are the same picture by name; "
                "rename one, or leave it out"
            )
        items[name] = Member(archive, entry.name, entry.offset, entry.size)
    return splits


def _parts(items: dict[str, Member], part: str | None = None) -> dict[str, Part]:
    return {name: Part(item) if part is None else Part(item, part) for name, item in items.items()}


def _in_order(splits: dict[Split, Sides]) -> dict[Split, Sides]:
    return {split: splits[split] for split in SPLITS if split in splits}
