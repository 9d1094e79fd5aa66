"""Where the pictures of a batch come from: a manifest, a folder, a pattern of names, or one file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from retouch.batch import manifest, places
from retouch.batch.cells import NAME, Columns
from retouch.batch.item import Given
from retouch.batch.names import LATENT, place_of
from retouch.catalog import Edit
from retouch.errors import InputError, RetouchError, UnreadablePicture
from retouch.image.plain import Plain

_WILD = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Found:
    """A picture of a source.

    Args:
        place: where it lies in the source, with slashes.
        given: the addresses of its files.
        options: what it alone is told.
        name: what its result shall be called; empty for what follows from its place.
        wrong: why it cannot be edited; empty when it can.
    """

    place: str
    given: Given = field(default_factory=dict)
    options: dict[str, Plain] = field(default_factory=dict)
    name: str = ""
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """All pictures of a batch, read anew and lazily each time it is gone through.

    Args:
        edit: what is done.
        first: the option that gets the pictures; empty for an edit that takes none.
        kind: what it is.
        address: of the manifest, the folder, the pattern or the file.
        skipped: a folder in it that is left out, as the results lie there.
        names: of the columns of a manifest.
    """

    edit: Edit
    first: str
    kind: Literal["manifest", "folder", "pattern", "file"]
    address: str
    skipped: str = ""
    names: tuple[str, ...] = ()

    @staticmethod
    def of(edit: Edit, first: str, given: str, out: str) -> Source:
        """Find out what a source is.

        Args:
            edit: what is done.
            first: the option that gets the pictures; empty for an edit that takes none.
            given: a manifest, a folder, a pattern such as ``photos/**/*.jpg``, or one picture.
            out: the address of the folder of results.

        Raises:
            UnreadablePicture: There is nothing.
            InputError: The edit needs a manifest, or the manifest fits no edit.
            UnknownName: A column of the manifest is no option of the edit.
        """
        places.check(given)
        address = places.absolute(given)
        if not manifest.is_manifest(address) and not first:
            raise InputError(
                f"{edit.name} takes no picture, so its rows come from a manifest with the column {NAME!r}; "
                f"give one ({', '.join(manifest.ENDINGS)})"
            )
        if places.is_folder(address):
            if places.joined(address, "") == places.joined(out, ""):
                raise InputError(f"{given} holds the photos themselves; choose another folder for results")
            return Source(edit, first, "folder", address, out)
        path = places.path_of(address)
        if _WILD.search(address) and (path is None or not os.path.lexists(path)):
            _split(address)
            return Source(edit, first, "pattern", address, out)
        if path is not None and not os.path.lexists(path):
            raise UnreadablePicture(f"{given:.200} does not exist; check the path")
        if manifest.is_manifest(address):
            names = manifest.columns(address)
            columns = Columns(edit, first)
            if names is None and not first:
                raise InputError(
                    f"{given:.200} is a plain list, and {edit.name} takes no picture; give a table"
                )
            columns.check(names or (columns.first,), address)
            return Source(edit, first, "manifest", address, names=names or ())
        return Source(edit, first, "file", address)

    def __iter__(self) -> Iterator[Found]:
        if self.kind == "manifest":
            return self._rows()
        if self.kind == "file":
            return iter([self._found(self.address.rpartition("/")[2], self.address)])
        return self._walked()

    def count(self) -> int:
        """How many pictures there are; of a manifest how many lines.

        Raises:
            UnreadablePicture: It cannot be read.
        """
        if self.kind == "manifest":
            return manifest.count(self.address)
        return sum(1 for _ in self)

    def _found(self, place: str, address: str) -> Found:
        return Found(place, {self.first: address} if self.first else {})

    def _rows(self) -> Iterator[Found]:
        columns = Columns(self.edit, self.first)
        folder = _above(self.address)
        for line in manifest.lines(self.address):
            cells = {columns.first: line.cells[""]} if "" in line.cells else line.cells
            place, name = f"line {line.number}", ""
            wrong = line.wrong
            try:
                name = str(cells.get(NAME, ""))
                place = place_of(str(cells.get(columns.first, ""))) or name or place
                if not wrong and columns.first and columns.first not in cells:
                    wrong = f"the row has no {columns.first}; give the address of a picture"
                if not wrong and not columns.first and not name:
                    wrong = f"the row has no {NAME}; say what its result is called"
                given, told = ({}, {}) if wrong else columns.read(cells, folder)
            except RetouchError as error:
                wrong, given, told = str(error), {}, {}
            except (ValueError, RecursionError, OverflowError) as error:
                wrong, given, told = f"a value cannot be read ({str(error)[:100]}); correct it", {}, {}
            wrong = wrong and f"line {line.number}: {wrong}"
            yield Found(place, given, dict(told), name, wrong)

    def _walked(self) -> Iterator[Found]:
        """The pictures of a folder, or those whose names fit the pattern."""
        from retouch.image.write import SUFFIXES

        root, fits = self.address, re.compile("")
        if self.kind == "pattern":
            root, fits = _split(self.address)
        latents = self.edit.option(self.first).kind == "latent"
        inside = _inside(self.skipped, root)
        for place in places.walked(root):
            if inside and place.startswith(inside):
                continue
            picture = place[place.rfind(".") :].lower() in SUFFIXES
            if not picture and not (latents and self.kind == "pattern" and place.lower().endswith(LATENT)):
                continue
            if fits.match(place):
                yield self._found(place, places.joined(root, place))


def _split(pattern: str) -> tuple[str, re.Pattern[str]]:
    """The folder where a pattern begins to be one, and what the rest of a name must be like.

    A folder that is there is meant as it is written, even if its name looks like a pattern.
    """
    wild = _WILD.search(pattern, _there(pattern))
    cut = pattern.rfind("/", 0, wild.start() if wild else len(pattern))
    folder, rest = pattern[:cut] or "/", pattern[cut + 1 :]
    return folder, _expression(rest)


def _there(pattern: str) -> int:
    """How much of a pattern is the path of a folder."""
    if places.path_of(pattern) is None:
        return 0
    cut = pattern.rfind("/")
    while cut > 0 and not places.is_folder(pattern[:cut]):
        cut = pattern.rfind("/", 0, cut)
    return max(cut, 0)


def _expression(pattern: str) -> re.Pattern[str]:
    """A pattern as a regular expression: ``*`` and ``?`` within a name, ``**/`` for any folders."""
    parts, at = [], 0
    while at < len(pattern):
        bracket = re.match(r"\[(!?)([^\]/]+)\]", pattern[at:])
        if pattern.startswith("**/", at):
            parts.append("(?:[^/]+/)*")
            at += 3
        elif bracket:
            chosen = bracket[2].replace("\\", "\\\\").replace("^", "\\^")
            parts.append(f"[{'^' if bracket[1] else ''}{chosen}]")
            at += bracket.end()
        else:
            parts.append({"*": "[^/]*", "?": "[^/]"}.get(pattern[at]) or re.escape(pattern[at]))
            at += 1
    try:
        return re.compile(f"{''.join(parts)}\\Z")
    except re.error:
        raise InputError(f"{pattern:.120} is no pattern of names; write * and ? for what may vary") from None


def _inside(folder: str, root: str) -> str:
    """A folder relative to another that holds it, with a slash; empty when it does not."""
    path, above = places.path_of(folder) if folder else None, places.path_of(root)
    if path is not None and above is not None:
        here, there = Path(os.path.realpath(path)), Path(os.path.realpath(above))
        return (
            f"{here.relative_to(there).as_posix()}/" if here != there and here.is_relative_to(there) else ""
        )
    if folder and folder.startswith(f"{root.rstrip('/')}/"):
        return f"{folder.rstrip('/')[len(root.rstrip('/')) + 1 :]}/"
    return ""


def _above(address: str) -> str:
    path = places.path_of(address)
    return address.rpartition("/")[0] if path is None else str(path.parent)
