"""Where the files of an archive lie, kept in a file beside it so that it need not be gone through again."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from retouch.data.shards.headers import BLOCK, MOST_MEMBERS, Entry, entries
from retouch.errors import DataError

SUFFIX = ".index"
FORM = "retouch tar index 1"
OURS = b'{"form": "retouch tar index '
"""How an index of any version begins."""
MOST_BYTES = 512 << 20
"""The largest index that is read; a larger one is made again."""


@dataclass(frozen=True, slots=True)
class Archive:
    """A tar archive as it was when its index was made.

    Args:
        path: the file.
        size: its bytes.
        changed: when it was last written, in nanoseconds.
    """

    path: Path
    size: int
    changed: int

    @classmethod
    def of(cls, path: Path) -> Archive:
        """Look at an archive.

        Args:
            path: the file.

        Raises:
            DataError: there is no such file.
        """
        try:
            status = path.stat()
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error.strerror}); check the path") from error
        if not stat.S_ISREG(status.st_mode):
            raise DataError(f"{path} is not a file; give a .tar archive")
        return cls(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=16)
def index(archive: Archive) -> Sequence[Entry]:
    """Say where the files of an archive lie; writes that down beside it where that is possible.

    A file of somebody else's that has the index's name is left alone.

    Args:
        archive: as it is now.

    Returns:
        Its files.

    Raises:
        DataError: the archive cannot be used.
    """
    beside = archive.path.with_name(archive.path.name + SUFFIX)
    known = _kept(beside, archive)
    if known is not None:
        return known
    found = tuple(entries(archive.path))
    _keep(beside, archive, found)
    return found


def _kept(beside: Path, archive: Archive) -> tuple[Entry, ...] | None:
    """Read an index; None when there is none that fits the archive."""
    try:
        status = beside.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES:
            return None
        text = json.loads(beside.read_text(encoding="ascii"))
        head = (text["form"], text["size"], text["changed"])
        if head != (FORM, archive.size, archive.changed):
            return None
        found = tuple(Entry(str(name), offset, size) for name, offset, size in text["files"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    sound = len(found) <= MOST_MEMBERS and all(
        type(item.offset) is int
        and type(item.size) is int
        and item.size >= 0
        and item.offset >= BLOCK
        and item.offset + item.size <= archive.size
        for item in found
    )
    return found if sound else None


def _replaceable(beside: Path) -> bool:
    """Say whether an index may be written: nothing is there, an empty file, or an index of ours."""
    try:
        if not stat.S_ISREG(beside.stat().st_mode):
            return False
        with beside.open("rb") as file:
            return file.read(len(OURS)) in (b"", OURS)
    except FileNotFoundError:
        return not beside.is_symlink()
    except OSError:
        return False


def _keep(beside: Path, archive: Archive, found: Sequence[Entry]) -> None:
    if not _replaceable(beside):
        return
    text = json.dumps({"form": FORM, "size": archive.size, "changed": archive.changed, "files": found})
    draft = beside.with_name(f".{beside.name}-{secrets.token_hex(4)}")
    # A folder that cannot be written is no reason not to train from it.
    with contextlib.suppress(OSError):
        try:
            draft.write_text(text, encoding="ascii")
            os.replace(draft, beside)  # noqa: PTH105 - as rename in one step
        finally:
            draft.unlink(missing_ok=True)
