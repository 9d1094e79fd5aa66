"""The record of a sweep's finished cells, so that none is made twice."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from retouch.errors import OutputExists, UnwritablePicture
from retouch.image.plain import Plain, sha256_of

MOVING = ".webp"
"""The suffix of a cell's animation, beside its picture."""

LEDGER = "cells.jsonl"
"""Its file in the sweep's folder: one line of JSON for the edit, then one for each finished cell."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a cell.

    Args:
        key: of the cell.
        file: its picture in the sweep's folder; empty when it failed.
        sha256: of that file.
        width: of the picture, in pixels.
        height: likewise.
        seconds: what the edit took.
        first: whether it was the first of its process, whose time includes loading libraries and networks.
        report: what the edit measured.
        companions: files in the sweep's folder that belong beside the picture, and the hash of each.
        error: the name of what went wrong; empty when nothing did.
        message: the same in a sentence.
    """

    key: str
    file: str = ""
    sha256: str = ""
    width: int = 0
    height: int = 0
    seconds: float = 0.0
    first: bool = False
    report: Mapping[str, Plain] = field(default_factory=dict)
    companions: Mapping[str, str] = field(default_factory=dict)
    error: str = ""
    message: str = ""


class Ledger:
    """The record in one folder; only one process may write it.

    Args:
        folder: of the sweep, which is there.
        edit: the name of the edit.
    """

    def __init__(self, folder: Path, edit: str) -> None:
        self._path = folder / LEDGER
        self._folder = folder
        self._edit = edit

    def check(self, *, overwrite: bool) -> None:
        """Refuse a folder that holds something else than a sweep of this edit.

        Args:
            overwrite: it may hold anything.

        Raises:
            OutputExists: It does.
        """
        if overwrite or not self._folder.is_dir():
            return
        edit = self._head().get("sweep")
        if edit is None and any(self._folder.iterdir()):
            raise OutputExists(
                f"{self._folder} holds other files and no sweep; choose another folder, or add --overwrite"
            )
        if edit is not None and edit != self._edit:
            raise OutputExists(
                f"{self._folder} holds a sweep of {edit!s:.40}; choose another folder, or add --overwrite"
            )

    def finished(self) -> dict[str, Outcome]:
        """Read the cells that were made and whose pictures are there as they were written.

        Returns:
            Key → outcome. A line that cannot be read, such as a last one cut off, counts for nothing.
        """
        found: dict[str, Outcome] = {}
        for line in self._lines()[1:]:
            entry = _entry(line)
            if entry is not None and self._holds({entry.file: entry.sha256, **entry.companions}):
                found[entry.key] = entry
        return found

    def _holds(self, files: Mapping[str, str]) -> bool:
        """Whether all files are there as they were written."""
        # The record lies in a folder that anyone may edit: it must not lead out of it.
        if not all(name.startswith("cells/") and ".." not in name for name in files):
            return False
        paths = {self._folder / name: sha256 for name, sha256 in files.items()}
        return all(path.is_file() and sha256_of(path) == sha256 for path, sha256 in paths.items())

    def begin(self, *, anew: bool) -> None:
        """Make ready for writing.

        Args:
            anew: forget what was recorded.

        Raises:
            UnwritablePicture: The folder takes no files.
        """
        if anew or self._head().get("sweep") != self._edit:
            self._append(json.dumps({"sweep": self._edit}), "wb")
        elif not self._bytes().endswith(b"\n"):
            self._append("", "ab")

    def add(self, outcome: Outcome) -> None:
        """Record a cell; the line is on the disk when this returns.

        Args:
            outcome: what came of it.

        Raises:
            UnwritablePicture: The disk refuses.
        """
        self._append(json.dumps(asdict(outcome), allow_nan=False), "ab")

    def _append(self, line: str, mode: str) -> None:
        try:
            with self._path.open(mode, buffering=0) as file:
                file.write(f"{line}\n".encode())
                os.fsync(file.fileno())
        except OSError as error:
            raise UnwritablePicture(
                f"{self._path} cannot be written ({error.strerror}); choose another folder"
            ) from None

    def _head(self) -> dict[str, Any]:
        lines = self._lines()
        try:
            head = json.loads(lines[0]) if lines else {}
        except ValueError:
            return {}
        return head if isinstance(head, dict) else {}

    def _lines(self) -> list[str]:
        return self._bytes().decode("utf-8", "replace").splitlines()

    def _bytes(self) -> bytes:
        try:
            return self._path.read_bytes() if self._path.is_file() else b""
        except OSError as error:
            raise UnwritablePicture(
                f"{self._path} cannot be read ({error.strerror}); choose another folder"
            ) from None


def _entry(line: str) -> Outcome | None:
    try:
        entry = Outcome(**json.loads(line))
    except (ValueError, TypeError):
        return None
    typed = all(isinstance(value, str) for value in (entry.key, entry.file, entry.sha256, entry.error))
    sized = all(isinstance(value, int | float) for value in (entry.width, entry.height, entry.seconds))
    if not (typed and sized and isinstance(entry.report, dict) and isinstance(entry.companions, dict)):
        return None
    return entry if all(isinstance(sha256, str) for sha256 in entry.companions.values()) else None
