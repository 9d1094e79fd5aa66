"""Write any source of training pictures as tar archives, with the files' own bytes."""

from __future__ import annotations

import io
import itertools
import secrets
import shutil
import tarfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

from PIL import Image

from retouch.data import layouts, synthetic
from retouch.data.listing import Listing, Sides, Split
from retouch.data.origin import File, Part
from retouch.data.shards.headers import BLOCK, MOST_MEMBERS
from retouch.data.shards.index import Archive, index
from retouch.data.shards.naming import member_name
from retouch.errors import DataError, InputError, PictureError, UnknownName
from retouch.progress import Progress, ProgressCallback

Layout = Literal["auto", "pairs", "unpaired", "singles"]
LAYOUTS: tuple[Layout, ...] = ("auto", "pairs", "unpaired", "singles")

SHARD_BYTES = 1_000_000_000
LEAST_BYTES = 10_240
"""The smallest archive that tar writes."""

_END = 2 * BLOCK


@dataclass(frozen=True, slots=True)
class Packed:
    """What was written.

    Args:
        layout: how the pictures belong together.
        archives: split → its archives.
        samples: split → pairs, or pictures.
        pictures: files in all archives.
        size: bytes of all archives.
    """

    layout: Layout
    archives: Mapping[Split, int]
    samples: Mapping[Split, int]
    pictures: int
    size: int


class _Sample(NamedTuple):
    """What stays together in one archive: name in the archive → picture."""

    members: Mapping[str, Part]


def pack(
    source: str | Path,
    out: Path,
    *,
    layout: Layout = "auto",
    shard_bytes: int = SHARD_BYTES,
    progress: ProgressCallback | None = None,
) -> Packed:
    """Write a source of training pictures as tar archives, ``out/train-000000.tar`` and so on.

    Files are copied byte by byte; drawn pictures become PNG. Same pictures, same archives, to the byte.

    Args:
        source: whatever training takes.
        out: a folder, which is made; it must be empty if it is there.
        layout: how the pictures belong together; ``auto`` finds out.
        shard_bytes: about how large an archive becomes; a pair is never divided.
        progress: called after every pair or picture.

    Returns:
        What was written.

    Raises:
        DataError: there are no pictures, one cannot be read, or the folder cannot be written.
        InputError: the archives would be too small.
        UnknownName: there is no such layout.
        Cancelled: the progress callback stopped the work.
    """
    if layout not in LAYOUTS:
        raise UnknownName("layout", layout, LAYOUTS)
    if shard_bytes < LEAST_BYTES:
        raise InputError(f"archives of {shard_bytes:,} bytes are too small; give at least {LEAST_BYTES:,}")
    listing, found = _listed(source, layout)
    samples = {split: list(_samples(listing, split, found)) for split in listing.splits}
    total = sum(map(len, samples.values()))
    for each in samples.values():
        _check_names(each)
    _check_empty(out)
    draft = out.parent / f".{out.name}-{secrets.token_hex(4)}"
    done = itertools.count(1)

    def report() -> None:
        if progress is not None:
            progress(Progress("packing", next(done), total))

    try:
        draft.mkdir(parents=True)
        archives = {
            split: _write_split(draft, split, samples[split], shard_bytes, report) for split in samples
        }
        size = sum(path.stat().st_size for path in draft.glob("*.tar"))
        for path in draft.glob("*.tar"):
            index(Archive.of(path))
        if out.is_dir():
            out.rmdir()
        draft.rename(out)
    except (DataError, PictureError) as error:
        raise DataError(str(error)) from error
    except OSError as error:
        raise DataError(f"{out} cannot be written: {error.strerror}; choose another folder") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    counts = {split: len(items) for split, items in samples.items()}
    pictures = sum(len(sample.members) for items in samples.values() for sample in items)
    return Packed(found, archives, counts, pictures, size)


def _listed(source: str | Path, layout: Layout) -> tuple[Listing, Layout]:
    drawn = synthetic.listing(source)
    if drawn is not None:
        return _drawn(drawn, layout)
    if layout == "singles":
        return layouts.single(source), "singles"
    if layout == "unpaired":
        return layouts.unpaired(source), "unpaired"
    try:
        listing = layouts.paired(source)
    except DataError:
        if layout == "pairs":
            raise
        return layouts.unpaired(source), "unpaired"
    if any(_of(listing, split).pairs("all")[0] for split in listing.splits):
        return listing, "pairs"
    if layout == "pairs":
        raise DataError(
            f"no picture of one side matches one of the other in {source}; give both the same name, or pack "
            "them with the layout unpaired"
        )
    return listing, "unpaired"


def _drawn(listing: Listing, layout: Layout) -> tuple[Listing, Layout]:
    if layout == "pairs" and not listing.matches:
        raise DataError(f"{listing.source} has no pairs; pack it with the layout unpaired, or another set")
    if layout == "singles":
        photos = {split: Sides(sides.b) for split, sides in listing.splits.items()}
        return replace(listing, splits=photos), layout
    return listing, "pairs" if listing.matches and layout != "unpaired" else "unpaired"


def _of(listing: Listing, split: Split) -> Listing:
    return Listing(listing.source, listing.layout, {split: listing.splits[split]}, listing.by_order)


def _samples(listing: Listing, split: Split, layout: Layout) -> Iterator[_Sample]:
    sides = listing.splits[split]
    if layout == "singles" or listing.layout == layouts.SIDE_BY_SIDE:
        for name, part in sides.a.items():
            yield _Sample(_members(name, {"": part}))
    elif layout == "unpaired":
        yield from _apart(sides, "a", "b")
    else:
        pairs, _ = _of(listing, split).pairs("all")
        for name, (one, other) in pairs.items():
            yield _Sample(_members(name, {"input": one, "target": other}))
        # Pictures without a partner are of use to recipes that need none.
        taken = [{id(pair[side]) for pair in pairs.values()} for side in (0, 1)]
        a, b = (
            {name: part for name, part in side.items() if id(part) not in used and name not in pairs}
            for side, used in zip((sides.a, sides.b), taken, strict=True)
        )
        yield from _apart(Sides(a, b), "input", "target")


def _apart(sides: Sides, a: str, b: str) -> Iterator[_Sample]:
    for role, side in ((a, sides.a), (b, sides.b)):
        for name, part in side.items():
            yield _Sample(_members(name, {role: part}))


def _members(name: str, parts: Mapping[str, Part]) -> dict[str, Part]:
    return {
        member_name(
            name, role, part.origin.path.suffix.lower() if isinstance(part.origin, File) else ".png"
        ): part
        for role, part in parts.items()
    }


def _check_names(samples: list[_Sample]) -> None:
    """Refuse names that only differ in what an archive cannot hold: a first slash, and folders ``..``."""
    taken: set[str] = set()
    for sample in samples:
        if twice := taken & sample.members.keys():
            raise DataError(
                f"two pictures would both be called {min(twice)[:200]!r} in the archives; give them other "
                "paths, without a slash in front and without .."
            )
        taken |= sample.members.keys()


def _write_split(
    folder: Path, split: Split, samples: list[_Sample], most: int, report: Callable[[], None]
) -> int:
    left = deque(samples)
    number = 0
    while left:
        _write_archive(folder / f"{split}-{number:06}.tar", left, most, report)
        number += 1
    return number


def _write_archive(path: Path, left: deque[_Sample], most: int, report: Callable[[], None]) -> None:
    """Write samples until the next one would make the archive too large."""
    written = 0
    with tarfile.open(
        path, "w", format=tarfile.GNU_FORMAT, encoding="utf-8", errors="surrogateescape"
    ) as archive:
        while left:
            files = {name: _bytes(part) for name, part in left[0].members.items()}
            size = sum(BLOCK + -(-len(data) // BLOCK) * BLOCK for data in files.values())
            written += len(files)
            if archive.offset and (archive.offset + size + _END > most or written > MOST_MEMBERS):
                return
            for name, data in files.items():
                info = tarfile.TarInfo(name)
                info.size, info.mode = len(data), 0o644
                archive.addfile(info, io.BytesIO(data))
            left.popleft()
            report()


def _bytes(part: Part) -> bytes:
    origin = part.origin
    if isinstance(origin, File):
        return origin.data()
    planes = origin.parts((part.part,), None)[part.part]
    file = io.BytesIO()
    Image.fromarray(planes.transpose(1, 2, 0)).save(file, "PNG", compress_level=6)
    return file.getvalue()


def _check_empty(out: Path) -> None:
    try:
        full = out.exists() and (not out.is_dir() or any(out.iterdir()))
    except OSError as error:
        raise DataError(f"{out} cannot be written: {error.strerror}; choose another folder") from error
    if full:
        raise DataError(f"{out} is not an empty folder; choose another one")
