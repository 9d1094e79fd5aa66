"""A folder that only this process uses, and that does not outlive it by much."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import stat
import sys
import tempfile
import time
from pathlib import Path

from retouch.studio.failures import StoreFull

if sys.platform != "win32":
    import fcntl

logger = logging.getLogger(__name__)

PREFIX = "retouch-studio-"
_STARTING = ".retouch-studio-"  # a folder gets its own name once it is locked
_LOCK = "lock"
_LONG = 3600.0  # seconds after which a folder without a lock is not one that is being made or removed
_NAME = re.compile(rf"\.?{PREFIX}[a-z0-9_]{{8}}")
_CONTENT = re.compile(r"(draft|room)-[0-9a-f]{32}.*|[0-9a-f]{32}(\..*)?")


class WorkFolder:
    """A private folder, locked as long as its process lives.

    Args:
        parent: where it is made; None for the system's temporary folder. What servers that are dead have left
            there is removed.

    Raises:
        StoreFull: No folder can be made there.
    """

    def __init__(self, parent: Path | None = None) -> None:
        home = Path(tempfile.gettempdir()) if parent is None else parent
        try:
            home.mkdir(parents=True, exist_ok=True)
            clean(home)
            starting = Path(tempfile.mkdtemp(prefix=_STARTING, dir=home))
            self._lock = os.open(starting / _LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            _locked(self._lock)
            self.path = starting.rename(home / starting.name.removeprefix(".")).resolve()
        except OSError as error:
            raise StoreFull(
                f"the studio can make no folder in {home} ({error.strerror}); choose another with --folder"
            ) from None

    def close(self) -> None:
        """Remove the folder and all that is in it."""
        _remove(self.path)
        with contextlib.suppress(OSError):
            os.close(self._lock)
        if self.path.exists():
            shutil.rmtree(self.path, ignore_errors=True)


def clean(home: Path) -> None:
    """Remove the folders of studios that have ended without doing so.

    Only folders of our own name are looked at, that belong to this user and hold a lock that nobody holds, or
    for an hour none and nothing but what a studio makes; a link is not followed.

    Args:
        home: where they are.
    """
    for path in (*home.glob(f"{PREFIX}*"), *home.glob(f"{_STARTING}*")):
        try:
            if _is_ours(path) and _is_left(path):
                _remove(path)
                logger.info("removed what an earlier studio had left: %s", path)
        except OSError:
            continue


def _is_ours(path: Path) -> bool:
    status = path.lstat()
    owned = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    return stat.S_ISDIR(status.st_mode) and owned


def _remove(path: Path) -> None:
    """Remove a folder, its lock last, so that what is left after an interruption is known to be ours."""
    with contextlib.suppress(OSError):
        for child in path.iterdir():
            if child.is_dir() and not child.is_symlink():
                shutil.rmtree(child, ignore_errors=True)
            elif child.name != _LOCK:
                child.unlink()
    shutil.rmtree(path, ignore_errors=True)


def _is_left(path: Path) -> bool:
    """Whether the studio is gone whose folder this is."""
    locked = os.path.lexists(path / _LOCK)
    unsure = not locked or path.name.startswith(_STARTING)
    if unsure and time.time() - path.lstat().st_mtime <= _LONG:
        return False  # a studio may be making or removing it now
    if not locked:
        ours = all(_CONTENT.fullmatch(child.name) for child in path.iterdir())
        return ours and _NAME.fullmatch(path.name) is not None
    descriptor = os.open(path / _LOCK, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    try:
        return _locked(descriptor)
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    """Take a lock, unless somebody else has it."""
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
