"""A data set listed in a table: a CSV or TSV file with the columns input, target, split."""

from __future__ import annotations

import csv
import io
import os
import stat
from pathlib import Path

from retouch.data.listing import SPLITS, Listing, Sides, Split
from retouch.data.origin import Part, PictureFile
from retouch.errors import DataError

MAX_BYTES = 64 << 20
"""The largest table that is read."""

COLUMNS = ("input", "target", "split")


def read(path: Path, *, pairs: bool) -> Listing:
    """Read a table.

    Args:
        path: a CSV file, or a TSV file if it is called so. Its first line names the columns.
            Relative paths in it start at its own folder and may not leave it.
        pairs: both pictures of a row are needed; otherwise the input is enough.

    Returns:
        What it lists.

    Raises:
        DataError: it cannot be read, lacks a column, or names a file that is not there.
    """
    lines = csv.reader(
        io.StringIO(_text(path), newline=""), delimiter="\t" if path.suffix.lower() == ".tsv" else ","
    )
    splits: dict[Split, Sides] = {}
    a: dict[Split, dict[str, Part]] = {}
    b: dict[Split, dict[str, Part]] = {}
    try:
        columns = _columns(path, next(lines, []), pairs=pairs)
        for row in lines:
            if not any(cell.strip() for cell in row):
                continue
            where = f"{path}, line {lines.line_num}"
            split = _split(where, _cell(row, columns.get("split")))
            written = _cell(row, columns["input"])
            name = _name(written, a.setdefault(split, {}))
            a[split][name] = Part(_file(where, path.parent, written))
            if pairs:
                target = _file(where, path.parent, _cell(row, columns["target"]))
                b.setdefault(split, {})[name] = Part(target)
    except csv.Error as error:
        raise DataError(f"{path}, line {lines.line_num}: {error}; save the table again as CSV") from error
    splits = {
        split: Sides(dict(sorted(a[split].items())), dict(sorted(b.get(split, {}).items())))
        for split in SPLITS
        if split in a
    }
    if not splits:
        raise DataError(f"{path} lists no pictures; write one row for each")
    return Listing(str(path), "table", splits)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}; check the path") from error
    if len(data) > MAX_BYTES:
        raise DataError(f"{path} has more than {MAX_BYTES:,} bytes; cut it into several tables")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 text (byte {error.start}); save the table again as UTF-8"
        ) from error


def _columns(path: Path, header: list[str], *, pairs: bool) -> dict[str, int]:
    named = [cell.strip().lower() for cell in header]
    columns = {name: named.index(name) for name in COLUMNS if name in named}
    needed = COLUMNS[:2] if pairs else COLUMNS[:1]
    if lacking := [name for name in needed if name not in columns]:
        raise DataError(
            f"{path} has the columns {', '.join(header)[:200] or '(none)'} and lacks {', '.join(lacking)}; "
            "its first line must be input,target or input,target,split"
        )
    return columns


def _cell(row: list[str], column: int | None) -> str:
    return row[column].strip() if column is not None and column < len(row) else ""


def _split(where: str, word: str) -> Split:
    from retouch.data.layouts import SPLIT_NAMES

    if not word:
        return "train"
    if word.lower() not in SPLIT_NAMES:
        raise DataError(f"{where}: split is {word[:40]!r} but must be train, val or test")
    return SPLIT_NAMES[word.lower()]


def _name(written: str, taken: dict[str, Part]) -> str:
    name, count = written, 2
    while name in taken:
        name, count = f"{written} ({count})", count + 1
    return name


def _file(where: str, folder: Path, written: str) -> PictureFile:
    """Find a picture; a relative path must not climb out of the table's folder."""
    if not written:
        raise DataError(f"{where}: a path is missing; each row needs all of its pictures")
    if "\0" in written:
        raise DataError(f"{where}: a path holds a NUL character; write plain paths")
    path = Path(written)
    if not path.is_absolute():
        inside = os.path.normpath(written.replace("\\", "/") if os.sep == "/" else written)
        if inside == ".." or inside.startswith(f"..{os.sep}") or Path(inside).drive:
            raise DataError(
                f"{where}: {written[:200]!r} leads out of the table's folder {folder}; move the table up, "
                "or write an absolute path"
            )
        path = folder / inside
    try:
        status = path.stat()
    except OSError as error:
        raise DataError(
            f"{where}: {str(path)[:200]} cannot be read ({error.strerror}); paths start at {folder}"
        ) from error
    if not stat.S_ISREG(status.st_mode):
        raise DataError(f"{where}: {path} is not a file; give the path of a picture")
    return PictureFile(path, status.st_size)
