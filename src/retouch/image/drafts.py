"""The names of drafts: two writers never share one, and what a killed writer left is known for what it is."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import platform
import re
import secrets
import time
from pathlib import Path

_LEFT = re.compile(r"\.retouch-[^.]+\.([0-9a-f]{8})-(\d{1,9})-[0-9a-f]{8}\.tmp")
_AGE = 3600.0  # seconds; everything is written by then, wherever the writer runs


def draft_name(tag: str = "") -> str:
    """Name a draft as no other is named.

    Args:
        tag: what it is for, without a dot; :func:`sweep` takes away only drafts that have one.
    """
    if not tag:
        return f".retouch-{secrets.token_hex(8)}.tmp"
    return f".retouch-{tag}.{_here()}-{os.getpid()}-{secrets.token_hex(4)}.tmp"


def sweep(folder: Path) -> None:
    """Take away tagged drafts whose writers are gone; a folder is looked through once by each process.

    Args:
        folder: where they lie.
    """
    _sweep(folder, os.getpid())


@functools.lru_cache(maxsize=1024)
def _sweep(folder: Path, _: int) -> None:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            found = _LEFT.fullmatch(entry.name)
            if found and _abandoned(entry, found[1], int(found[2])):
                with contextlib.suppress(OSError):
                    Path(entry.path).unlink()


def _abandoned(entry: os.DirEntry[str], where: str, writer: int) -> bool:
    # On Windows signal 0 is no question but Ctrl-C.
    if where == _here() and os.name == "posix":
        try:
            os.kill(writer, 0)
        except ProcessLookupError:
            return True
        except OSError:
            pass
    try:
        return time.time() - entry.stat(follow_symlinks=False).st_mtime > _AGE
    except OSError:
        return False


@functools.cache
def _here() -> str:
    """Where the number of a process means that process: a machine, or a container on it."""
    space = ""
    with contextlib.suppress(OSError):
        space = str(Path("/proc/self/ns/pid").readlink())
    return hashlib.sha256(f"{platform.node()} {space}".encode()).hexdigest()[:8]
