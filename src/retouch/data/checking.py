"""Look through a data set before training on it, and say what is wrong with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from retouch.data import layouts
from retouch.data.findings import (
    LAYOUTS,
    Finding,
    Layout,
    Place,
    amount,
    contents,
    copies,
    corrupt,
    pairing,
    unread,
)
from retouch.data.inspection import Inspected, inspect_all
from retouch.data.listing import Listing, Split
from retouch.data.origin import File
from retouch.errors import DataError, InputError, UnknownName
from retouch.progress import ProgressCallback

NARROW = 1.4
"""Pictures that are not this much wider than high are hardly two side by side."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What one split holds.

    Args:
        split: its name.
        count: pairs, or pictures of the larger side.
        sizes: ``"256×512"`` → how many pictures have it, the most frequent first.
        kinds: ``"RGB 8 bit"`` → how many pictures are of it.
    """

    split: Split
    count: int
    sizes: dict[str, int]
    kinds: dict[str, int]


@dataclass(frozen=True, slots=True)
class Report:
    """What a look through a data set gave.

    Args:
        source: what was looked through.
        layout: how it is laid out.
        belonging: how its pictures belong together.
        splits: what each split holds.
        findings: errors first.
    """

    source: str
    layout: str
    belonging: Layout
    splits: tuple[Summary, ...]
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> int:
        """How many findings are errors."""
        return sum(finding.level == "error" for finding in self.findings)


def check(
    source: str | Path,
    *,
    layout: Layout = "auto",
    workers: int = 2,
    progress: ProgressCallback | None = None,
) -> Report:
    """Open every picture of a data set and compare them.

    Args:
        source: a folder, a table, or two folders with a comma between them.
        layout: how the pictures belong together; ``auto`` finds out.
        workers: threads that decode.
        progress: called after every picture.

    Returns:
        What was found.

    Raises:
        DataError: there are no pictures in a layout that is read.
        UnknownName: there is no such layout.
        InputError: the source is a synthetic set.
        Cancelled: the progress callback stopped the work.
    """
    if layout not in LAYOUTS:
        raise UnknownName("layout", layout, LAYOUTS)
    if str(source).startswith("synthetic:"):
        raise InputError(f"{source} is drawn, so there is nothing to check; give a folder")
    listing, belonging = _recognised(source, layout)
    files = {
        part.origin.path: part.origin
        for sides in listing.splits.values()
        for part in (*sides.a.values(), *sides.b.values())
        if isinstance(part.origin, File)
    }
    inspected = inspect_all(files.values(), workers=workers, progress=progress)
    if layout == "auto" and _hardly_two(listing, inspected):
        listing = layouts.unpaired(source)
        belonging = "unpaired"
        if listing.layout == layouts.SIDE_BY_SIDE:
            listing, belonging = layouts.single(source), "singles"
    place = Place(Path(source), inspected)
    findings = [
        *corrupt(place),
        *(pairing(listing, place) if belonging == "pairs" else ()),
        *copies(listing, place, belonging),
        *contents(place),
        *amount(listing, belonging),
        *unread(source),
    ]
    findings.sort(key=lambda finding: finding.level != "error")
    return Report(
        str(source),
        listing.layout,
        belonging,
        tuple(_summary(listing, split, place, belonging) for split in listing.splits),
        tuple(findings),
    )


def _recognised(source: str | Path, layout: Layout) -> tuple[Listing, Layout]:
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
    if layout == "auto" and not any(listing.pairs(split)[0] for split in listing.splits):
        return listing, "unpaired"
    return listing, "pairs"


def _hardly_two(listing: Listing, files: dict[Path, Inspected]) -> bool:
    """Whether pictures taken for two side by side are rather one each."""
    shapes = [file.size for file in files.values() if file.size]
    narrow = sum(width < NARROW * height for height, width in shapes)
    return listing.layout == layouts.SIDE_BY_SIDE and 2 * narrow > len(shapes)


def _summary(listing: Listing, split: Split, place: Place, belonging: Layout) -> Summary:
    sides = listing.splits[split]
    parts = (*sides.a.values(), *sides.b.values())
    paths = dict.fromkeys(part.origin.path for part in parts if isinstance(part.origin, File))
    files = [place.files[path] for path in paths if not place.files[path].error]
    count = max(len(sides.a), len(sides.b))
    if belonging == "pairs":
        count = len(Listing("", "", {split: sides}, listing.by_order).pairs("all")[0])
    sizes = Counter(f"{file.size[0]}×{file.size[1]}" for file in files if file.size)
    kinds = Counter(file.kind for file in files)
    return Summary(split, count, dict(sizes.most_common()), dict(kinds.most_common()))
