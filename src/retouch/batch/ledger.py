"""The record of a batch, so that nothing is made twice: one file for each shard, one line for each picture.

Beside it lies a log of what only this run can say: how long a picture took, and what tells that its inputs
have not changed since. Without that log nothing is lost, but every input is read again to know it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Self

import numpy as np

from retouch.batch.item import Row, Stamp
from retouch.batch.shard import Shard, hashed
from retouch.errors import InputError, UnwritablePicture
from retouch.image.plain import Plain

LEDGER, LOG = "ledger", "times"
"""How the names of the two files begin; ``ledger-0003-of-0100.jsonl``."""

_LEDGERS = re.compile(rf"{LEDGER}-\d+-of-(\d+)\.jsonl")
_RECENT = 1 << 16  # entries that are kept unsorted
_PIECE = 1 << 20
_LONGEST = 1 << 20  # bytes of a line that is read


class Ledger:
    """The record of one shard; only one process at a time may write it.

    Args:
        folder: where the records lie; made when it is not there.
        shard: whose record.
        writing: False only to look: nothing is made, changed or locked.

    Raises:
        UnwritablePicture: the folder takes no files.
        InputError: another process is writing this record, or those in the folder are of another number of
            shards.
    """

    def __init__(self, folder: Path, shard: Shard, *, writing: bool = True) -> None:
        self.path = path_of(folder, shard)
        _check_alike(self.path, shard)
        log = folder / f"{LOG}-{shard.title}.jsonl"
        self._writing = writing
        self._made = writing and not folder.exists()
        if writing:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise _unwritable(folder, error) from None
        self._rows = _Lines(self.path, writing=writing)
        self._told = _Lines(log, writing=writing)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the files."""
        self._rows.close()
        self._told.close()

    def __len__(self) -> int:
        """How many lines there are."""
        return self._rows.count

    @property
    def settings(self) -> Mapping[str, Plain]:
        """What the last run was told; empty when there was none."""
        return self._rows.head

    def begin(self, told: Mapping[str, Plain]) -> None:
        """Note what a run is told, unless the last one was told the same.

        Args:
            told: for a person who audits it.
        """
        line = json.dumps({"batch": dict(told)})
        if self.settings != json.loads(line)["batch"]:
            self._rows.add(line, "")

    def row(self, name: str) -> Row | None:
        """Find the last row of an output.

        Args:
            name: of the output.
        """
        line = self._rows.find(name)
        return Row.read(line) if line else None

    def inputs(self, name: str, key: str) -> dict[str, Stamp]:
        """Find what the inputs of a row were, as far as the log tells.

        Args:
            name: of the output.
            key: of the row.
        """
        said = _object(self._told.find(name) or b"")
        stamps = said.get("inputs")
        if said.get("key") != key or not isinstance(stamps, dict):
            return {}
        found: dict[str, Stamp] = {}
        for address, stamp in stamps.items():
            with contextlib.suppress(TypeError, ValueError):
                size, mark, sha256 = stamp
                found[str(address)] = (int(size), str(mark), str(sha256))
        return found

    def seconds(self, most: int) -> list[float]:
        """What the last pictures took that were done by a run of the same settings.

        Args:
            most: how many are looked at.
        """
        found = []
        for line in self._told.last(most):
            said = _object(line)
            seconds = said.get("seconds")
            if said.get("state") == "done" and isinstance(seconds, int | float):
                found.append(float(seconds))
        return found

    def add(self, row: Row) -> None:
        """Record a row; both lines are with the operating system when this returns.

        Args:
            row: of an item.

        Raises:
            UnwritablePicture: The disk refuses.
        """
        # The log first: a row without its stamps would have its inputs read again, the other way is harmless.
        self._told.add(row.told(row.state), row.name)
        self._rows.add(row.line(), row.name)

    def renew(self, row: Row, inputs: Mapping[str, Stamp]) -> None:
        """Note new stamps of inputs that hold what they held, so that they need not be read once more.

        Args:
            row: of an item; it stays as it is.
            inputs: address → stamp.
        """
        if self._writing:
            self._told.add(replace(row, inputs=inputs).told("renewed"), row.name)

    def discard(self) -> None:
        """Take away a record in which there is nothing, and its folder if that was made for it."""
        self._told.discard()
        self._rows.discard()
        if self._made:
            with contextlib.suppress(OSError):
                self.path.parent.rmdir()

    def sync(self) -> None:
        """Bring everything to the disk itself, so that it outlives a power cut."""
        self._rows.sync()
        self._told.sync()


def path_of(folder: Path, shard: Shard) -> Path:
    """Say where a record lies, or would.

    Args:
        folder: of the records.
        shard: whose record.
    """
    return folder / f"{LEDGER}-{shard.title}.jsonl"


class Seen:
    """Which names there were, in 8 bytes for each."""

    def __init__(self) -> None:
        self._index = _Index()

    def again(self, name: str) -> bool:
        """Whether a name was there already; from now on it was."""
        number = hashed(name)
        if self._index.find(number) >= 0:
            return True
        self._index.add(number, 0)
        return False


class _Index:
    """Number → place, the last one added; 16 bytes for each."""

    def __init__(self) -> None:
        self._numbers = np.empty(0, np.uint64)
        self._places = np.empty(0, np.int64)
        self._recent: dict[int, int] = {}

    def add(self, number: int, place: int) -> None:
        self._recent[number] = place
        if len(self._recent) >= max(_RECENT, len(self._numbers) // 8):
            self._merge()

    def find(self, number: int) -> int:
        if number in self._recent:
            return self._recent[number]
        at = int(np.searchsorted(self._numbers, np.uint64(number)))
        if at < len(self._numbers) and int(self._numbers[at]) == number:
            return int(self._places[at])
        return -1

    def _merge(self) -> None:
        """Put the recent ones among the others, in their place where they are there already."""
        count = len(self._recent)
        numbers = np.concatenate([np.fromiter(self._recent.keys(), np.uint64, count), self._numbers])
        places = np.concatenate([np.fromiter(self._recent.values(), np.int64, count), self._places])
        # Of equal numbers np.unique gives the first.
        self._numbers, first = np.unique(numbers, return_index=True)
        self._places = places[first]
        self._recent = {}


class _Lines:
    """A file of lines of JSON, each found by its name."""

    def __init__(self, path: Path, *, writing: bool) -> None:
        self.path = path
        self._index = _Index()
        self._end = 0
        self.count = 0
        self.head: dict[str, Any] = {}
        self._file: IO[bytes] | None = None
        try:
            if writing:
                # Not truncated, and every write goes to the end.
                self._file = _locked(path)
            elif path.is_file():
                self._file = path.open("rb")
            for line in self._scan():
                self._note(line)
            if writing and self._file is not None:
                # What a killed process left of its last line would spoil the next one.
                self._file.truncate(self._end)
        except OSError as error:
            self.close()
            raise _unwritable(path, error) from None
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def discard(self) -> None:
        # While it is locked: a file that another process has locked since is not ours to take away.
        with contextlib.suppress(OSError):
            self.path.unlink()
        self.close()

    def find(self, name: str) -> bytes | None:
        place = self._index.find(hashed(name))
        if place < 0 or self._file is None:
            return None
        self._file.seek(place)
        line = _line(self._file)
        # Two names may have one hash.
        return line if _object(line).get("name") == name else None

    def last(self, most: int) -> list[bytes]:
        if self._file is None:
            return []
        begin = max(0, self._end - most * 600)
        self._file.seek(begin)
        lines = self._file.read(self._end - begin).splitlines()
        return lines[1 if begin else 0 :][-most:]

    def add(self, line: str, name: str) -> None:
        data = f"{line}\n".encode()
        try:
            if self._file is None or self._file.write(data) != len(data):
                raise OSError(28, "no space left on the device")
        except OSError as error:
            raise _unwritable(self.path, error) from None
        self._note(data, name)

    def sync(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):  # what is no disk cannot be synced
                os.fsync(self._file.fileno())

    def _scan(self) -> Iterator[bytes]:
        """The whole lines of the file."""
        if self._file is None:
            return
        self._file.seek(0)
        rest = b""
        while piece := self._file.read(_PIECE):
            *whole, rest = (rest + piece).split(b"\n")
            for line in whole:
                yield line + b"\n"

    def _note(self, line: bytes, name: str = "") -> None:
        if not name:
            said = _object(line)
            if isinstance(said.get("batch"), dict):
                self.head = said["batch"]
            name = said["name"] if isinstance(said.get("name"), str) else ""
        if name:
            self._index.add(hashed(name), self._end)
            self.count += 1
        self._end += len(line)


def _line(file: IO[bytes]) -> bytes:
    """Read a line of an unbuffered file; byte by byte, as readline does there, would take too long."""
    parts: list[bytes] = []
    while (piece := file.read(4096)) and sum(map(len, parts)) < _LONGEST:
        head, newline, _ = piece.partition(b"\n")
        parts.append(head)
        if newline:
            break
    return b"".join(parts)


def _object(line: bytes) -> dict[str, Any]:
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _check_alike(path: Path, shard: Shard) -> None:
    """Refuse a record beside those of another number of shards: they know nothing of each other."""
    with contextlib.suppress(OSError):
        if path.exists():
            return
        with os.scandir(path.parent) as entries:
            for entry in entries:
                found = _LEDGERS.fullmatch(entry.name)
                if found and int(found[1]) != shard.of:
                    raise InputError(
                        f"{path.parent!s:.200} has records of a batch in {int(found[1])} shards "
                        f"({entry.name}), and this is {shard.number}/{shard.of}; "
                        f"give --shard I/{int(found[1])}, or another folder by --ledger or --out"
                    )


def _locked(path: Path) -> IO[bytes]:
    """Open a file to add lines to it, and lock it; what is there stays, and every write goes to the end."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab+", buffering=0)
        try:
            _lock(file, path)
            there, ours = path.stat(), os.fstat(file.fileno())
        except FileNotFoundError:
            file.close()
            continue
        except BaseException:
            file.close()
            raise
        # Its last writer may have taken it away before the lock was ours.
        if (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino):
            return file
        file.close()


def _lock(file: IO[bytes], path: Path) -> None:
    try:
        import fcntl
    except ImportError:
        return  # Windows keeps others out of a file by itself less often; there nothing is promised
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InputError(
            f"another process is writing {path.name} in {path.parent}; wait for it, or take another --shard"
        ) from None
    except OSError:
        return  # a file system without locks


def _unwritable(path: Path, error: OSError) -> UnwritablePicture:
    return UnwritablePicture(f"{path!s:.300} cannot be written ({error.strerror}); choose another folder")
