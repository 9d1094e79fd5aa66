"""Lists of pictures with what each is told: CSV, TSV, JSON lines or plain lists, read line by line.

A file from outside: every line is read on its own, so that a broken one costs itself and nothing else, and
no line is longer in memory than a limit.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO, NoReturn

from retouch.batch import places
from retouch.errors import InputError, UnreadablePicture

ENDINGS = {".csv": ",", ".tsv": "\t", ".jsonl": "", ".ndjson": "", ".txt": ""}
"""How the names of manifests end, and what lies between their columns."""

LONGEST = 1 << 20
"""Bytes of a line; a longer one is refused."""

_PIECE = 1 << 22


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a manifest.

    Args:
        number: of the line in the file, from 1.
        cells: column → what it says; text, or what JSON holds.
        wrong: why it cannot be used; empty when it can.
    """

    number: int
    cells: dict[str, object] = field(default_factory=dict)
    wrong: str = ""


def is_manifest(address: str) -> bool:
    """Whether an address is written like a manifest's."""
    return _ending(address) in ENDINGS


def columns(address: str) -> tuple[str, ...] | None:
    """Read the names of the columns.

    Args:
        address: of the manifest.

    Returns:
        The names; of JSON lines those of the first row; None for a plain list, which has no header.

    Raises:
        InputError: there is none, or one is there twice.
        UnreadablePicture: the file is missing or cannot be read.
    """
    ending = _ending(address)
    if ending == ".txt":
        return None
    with closing(_physical(address)) as physical:
        for number, text in physical:
            if not text.strip():
                continue
            if ENDINGS[ending]:
                return _header(text, ENDINGS[ending], address)
            if not (line := _json_line(number, text)).wrong:
                return tuple(line.cells)
    raise InputError(f"{address:.200} holds no row; give a manifest with a row for each picture")


def lines(address: str) -> Iterator[Line]:
    """Read the rows one after the other.

    Args:
        address: of the manifest.

    Yields:
        Every line that is not blank, but for the header.

    Raises:
        InputError: the header cannot be used.
        UnreadablePicture: the file is missing or cannot be read.
    """
    ending = _ending(address)
    header: tuple[str, ...] | None = None
    for number, text in _physical(address):
        if not text.strip():
            continue
        if len(text) > LONGEST:
            yield Line(number, wrong=f"the line is longer than {LONGEST:,} bytes; shorten it")
        elif ending == ".txt":
            yield Line(number, {"": _text(text).strip()})
        elif not ENDINGS[ending]:
            yield _json_line(number, text)
        elif header is None:
            header = _header(text, ENDINGS[ending], address)
        else:
            yield _cells(number, text, ENDINGS[ending], header)


def count(address: str) -> int:
    """Count the rows, nearly: blank lines count as well.

    Args:
        address: of the manifest.

    Raises:
        UnreadablePicture: it is missing or cannot be read.
    """
    total, last = 0, b"\n"
    with _opened(address) as file:
        while piece := file.read(_PIECE):
            total += piece.count(b"\n")
            last = piece[-1:]
    headers = 1 if ENDINGS[_ending(address)] else 0
    return max(total + (last != b"\n") - headers, 0)


def _ending(address: str) -> str:
    return PurePosixPath(address).suffix.lower()


def _opened(address: str) -> IO[bytes]:
    path = places.path_of(address)
    try:
        if path is not None:
            if not path.is_file():
                raise UnreadablePicture(f"{address:.200} is no file; check the path of the manifest")
            return path.open("rb")
        return places.opened(address)
    except OSError as error:
        if isinstance(error, UnreadablePicture):
            raise
        raise UnreadablePicture(f"{address:.200} cannot be read ({error.strerror}); check it") from None


def _physical(address: str) -> Generator[tuple[int, bytes]]:
    """The lines of the file, without their ends; of one that is too long no more than the limit and one."""
    with _opened(address) as file:
        number = 0
        while line := file.readline(LONGEST + 2):
            number += 1
            rest = line
            while len(rest) == LONGEST + 2 and not rest.endswith(b"\n"):
                rest = file.readline(LONGEST + 2)
            if number == 1:
                if line.startswith((b"\xff\xfe", b"\xfe\xff")):
                    raise InputError(f"{address:.200} is UTF-16; save it as UTF-8")
                line = line.removeprefix(b"\xef\xbb\xbf")
            yield number, line.rstrip(b"\r\n")


def _header(text: bytes, between: str, address: str) -> tuple[str, ...]:
    try:
        names = tuple(name.strip().replace("-", "_") for name in _split(text, between))
    except csv.Error as error:
        raise InputError(f"the header of {address:.200} cannot be read ({error}); write names only") from None
    twice = [name for name in names if names.count(name) > 1]
    if twice or "" in names:
        fault = f"has the column {twice[0]!r} twice" if twice and twice[0] else "has a column without a name"
        raise InputError(f"the header of {address:.200} {fault}; give each column one name")
    return names


def _cells(number: int, text: bytes, between: str, header: Sequence[str]) -> Line:
    try:
        cells = _split(text, between)
    except csv.Error as error:
        return Line(
            number, wrong=f"the line cannot be read ({error}); a value is on one line, quotes in pairs"
        )
    if len(cells) != len(header):
        return Line(
            number, wrong=f"the line has {len(cells)} values and the header {len(header)}; make them agree"
        )
    return Line(number, {name: cell for name, cell in zip(header, cells, strict=True) if cell != ""})


def _split(text: bytes, between: str) -> list[str]:
    return next(csv.reader((_text(text),), delimiter=between, strict=True))


def _json_line(number: int, text: bytes) -> Line:
    try:
        said = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        return Line(number, wrong=f"the line is no JSON ({str(error)[:100]}); write one object on each line")
    if not isinstance(said, dict):
        return Line(number, wrong='the line is no object; write {"photo": "cat.jpg"}')
    return Line(
        number, {name.replace("-", "_"): value for name, value in said.items() if value not in (None, "")}
    )


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _text(line: bytes) -> str:
    # Bytes that are no UTF-8 stay visible as such, and the row is refused by its name.
    return line.decode("utf-8", "surrogateescape")
