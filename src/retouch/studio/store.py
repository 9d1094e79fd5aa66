"""The studio's files: in a folder of its own, by handles that nobody can guess.

A file that comes from outside is never found by its name: the name is kept to be shown and no more. What was
not used for the longest time goes first when the folder grows too large, but nothing that a job needs.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import secrets
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Self

from retouch.errors import PictureTooLarge, RetouchError
from retouch.studio import folder as work_folder
from retouch.studio.failures import StoreFull, Unavailable
from retouch.studio.stored import Limits, Stored, missing, refused_by_disk, shown_name

__all__ = ["STILL", "Incoming", "Limits", "Store", "Stored"]

logger = logging.getLogger(__name__)

_REMEMBERED = 100_000  # handles that are known to be gone
_SPARE = 1 << 20  # bytes of the disk that a file of ours leaves free, so long as there are older ones

Chunk = bytes
"""A part of a file."""

STILL = "still.png"
"""What the picture is called that stands for an animation where only a still can be used."""


@dataclass(slots=True)
class _Entry:
    """A file, the bytes of the disk that it takes, and those of what was made of it."""

    stored: Stored
    taken: int
    pins: int = 0
    dropped: bool = False
    derived: dict[str, int] = field(default_factory=dict)


class Incoming:
    """A file that is being received; it has no handle before it is complete and somebody has looked at it.

    Args:
        store: where it will be.
        name: what it is called outside.
        path: where its bytes are written meanwhile.
    """

    def __init__(self, store: Store, name: str, path: Path) -> None:
        self._store, self._name, self._path = store, name, path
        self._file = path.open("xb")
        self._received = 0
        self._open = True

    @property
    def path(self) -> Path:
        """Where the bytes are that have come so far."""
        return self._path

    @property
    def bytes(self) -> int:
        """How many bytes have come."""
        return self._received

    def write(self, chunk: Chunk) -> None:
        """Take more of the file.

        Args:
            chunk: the next bytes.

        Raises:
            PictureTooLarge: The file has more bytes than one may have.
            StoreFull: There is no room for them.
        """
        limit = self._store.limits.upload
        if self._received + len(chunk) > limit:
            self.abandon()
            raise PictureTooLarge(
                f"the file has more than {limit:,} bytes, the limit of this studio; send a smaller one, or "
                "let the studio's owner raise it with --max-upload"
            )
        taken = self._store.limits.taken
        more = taken(self._received + len(chunk)) - taken(self._received)
        self._store._reserve(more, on_disk=False)
        self._received += len(chunk)
        try:
            self._file.write(chunk)
            self._file.flush()
        except OSError as error:
            self.abandon()
            raise refused_by_disk(error) from None

    def finish(self, facts: Mapping[str, object]) -> Stored:
        """Let the file be used.

        Args:
            facts: what it is, as the reader says.

        Returns:
            The file, with its handle.

        Raises:
            StoreFull: The disk refuses it, or jobs use all the files that there may be.
        """
        self._file.close()
        stored = self._store._enter(self._path, self._name, facts, self._received)
        self._open = False
        return stored

    def abandon(self) -> None:
        """Forget the file; nothing happens when it is finished or forgotten."""
        if self._open:
            self._open = False
            self._file.close()
            self._path.unlink(missing_ok=True)
            self._store._release(self._store.limits.taken(self._received))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.abandon()


class Store:
    """Keeps files until they are dropped, or there is no room for what is used more.

    Args:
        folder: where the work folder is made; None for the system's temporary folder. It is always a new
            folder, is readable by its owner only, and is removed at the end with all that is in it.
        limits: how large things may be.

    Raises:
        StoreFull: No folder can be made there.
    """

    def __init__(self, folder: Path | None = None, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._lock = threading.RLock()
        self._entries: OrderedDict[str, _Entry] = OrderedDict()  # the oldest use first
        self._gone: OrderedDict[str, None] = OrderedDict()
        self._bytes = self._files = 0
        self._closed = False
        self._work = work_folder.WorkFolder(folder)
        self.folder = self._work.path
        atexit.register(self.close)

    @property
    def bytes(self) -> int:
        """Bytes of the disk that all files take, those that are being received among them."""
        with self._lock:
            return self._bytes

    def begin(self, name: str) -> Incoming:
        """Begin to receive a file.

        Args:
            name: what it is called outside; control characters, folders and all beyond 120 characters go.

        Returns:
            What takes the bytes.
        """
        try:
            return Incoming(self, shown_name(name), self.draft())
        except OSError as error:
            raise refused_by_disk(error) from None

    def get(self, handle: str) -> Stored:
        """Say what is known of a file; it counts as used.

        Args:
            handle: of the file.

        Raises:
            UnknownHandle: There never was such a file.
            Gone: It was removed.
        """
        with self._lock:
            return self._entry(handle).stored

    def known(self, handle: str) -> Stored | None:
        """Say what is known of a file, even of one that was dropped while it is held; None when it is gone.

        Args:
            handle: of the file.
        """
        with self._lock:
            entry = self._entries.get(handle)
            return None if entry is None else entry.stored

    def path(self, handle: str) -> Path:
        """Say where a file lies; it counts as used.

        Args:
            handle: of the file.

        Raises:
            UnknownHandle: There never was such a file.
            Gone: It was removed.
        """
        with self._lock:
            self._entry(handle)
            return self.folder / handle

    def still(self, handle: str) -> Path:
        """Say where a picture lies that does not move: the file itself, or what stands for an animation.

        Args:
            handle: of the file.

        Raises:
            UnknownHandle: There never was such a file.
            Gone: It was removed.
        """
        return self.derived(handle, STILL) or self.path(handle)

    @contextlib.contextmanager
    def holding(self, *handles: str) -> Iterator[None]:
        """Keep files where they are for a while, whatever happens; what is dropped meanwhile goes after.

        Args:
            handles: of the files.

        Raises:
            UnknownHandle: There never was such a file.
            Gone: It was removed.
        """
        self.hold(*handles)
        try:
            yield
        finally:
            self.let_go(*handles)

    def hold(self, *handles: str) -> None:
        """Keep files until :meth:`let_go` is called as often.

        Args:
            handles: of the files.

        Raises:
            UnknownHandle: There never was such a file; then none is held.
            Gone: It was removed; then none is held.
        """
        with self._lock:
            for entry in [self._entry(handle) for handle in handles]:
                entry.pins += 1

    def let_go(self, *handles: str) -> None:
        """Undo :meth:`hold`.

        Args:
            handles: of the files.
        """
        with self._lock:
            for handle in handles:
                entry = self._entries.get(handle)
                if entry is None:
                    continue
                entry.pins -= 1
                if entry.dropped and not entry.pins:
                    self._remove(handle)

    def drop(self, handle: str) -> None:
        """Remove a file; for one that is held that is done when it is let go.

        Args:
            handle: of the file.

        Raises:
            UnknownHandle: There never was such a file.
            Gone: It was removed before.
        """
        with self._lock:
            entry = self._entry(handle)
            entry.dropped = True
            self._forget(handle)
            if not entry.pins:
                self._remove(handle)

    def draft(self, suffix: str = "") -> Path:
        """Name a place in the work folder where something can be made.

        Args:
            suffix: of the name, such as ``.png``.
        """
        self._check_open()
        return self.folder / f"draft-{secrets.token_hex(16)}{suffix}"

    def adopt(self, path: Path, name: str, facts: Mapping[str, object]) -> Stored:
        """Take over a file that was made in the work folder.

        Args:
            path: of the file; it is moved.
            name: what it is called outside.
            facts: what it is.

        Returns:
            The file, with its handle.

        Raises:
            StoreFull: There is no room for it.
        """
        try:
            size = path.stat().st_size
        except OSError as error:
            raise refused_by_disk(error) from None
        taken = self.limits.taken(size)
        self._reserve(taken)
        try:
            return self._enter(path, shown_name(name), facts, size)
        except BaseException:
            self._release(taken)
            raise

    def derived(self, handle: str, key: str) -> Path | None:
        """Find what was made of a file before.

        Args:
            handle: of the file.
            key: what was made, such as ``view-1600.png``.

        Returns:
            Where it lies; None when it was never made.

        Raises:
            UnknownHandle: There never was such a file.
            Gone: It was removed.
        """
        with self._lock:
            return self._derived(handle, key) if key in self._entry(handle).derived else None

    def attach(self, handle: str, key: str, draft: Path) -> Path:
        """Keep what was made of a file, as long as the file.

        Args:
            handle: of the file.
            key: what was made: letters, digits, dots and dashes.
            draft: where it was made; it is moved.

        Returns:
            Where it lies.

        Raises:
            UnknownHandle: There never was such a file.
            Gone: It was removed.
            StoreFull: There is no room for it.
        """
        if not key or not all(letter.isascii() and (letter.isalnum() or letter in ".-") for letter in key):
            raise ValueError(f"{key!r} cannot be part of a file's name")
        try:
            taken = self.limits.taken(draft.stat().st_size)
            with self._lock, self.holding(handle):
                entry = self._entries[handle]
                # Two requests may have made the same thing at once.
                new = key not in entry.derived
                self._reserve(taken, files=int(new))
                path = self._derived(handle, key)
                try:
                    draft.replace(path)
                except BaseException:
                    self._release(taken, files=int(new))
                    raise
                self._release(entry.derived.pop(key, 0))
                entry.derived[key] = taken
                return path
        except OSError as error:
            raise error if isinstance(error, RetouchError) else refused_by_disk(error) from None
        finally:
            draft.unlink(missing_ok=True)

    def room(self) -> Path:
        """Make a folder for the files of a job; who asks for it removes it."""
        self._check_open()
        path = self.folder / f"room-{secrets.token_hex(16)}"
        path.mkdir(mode=0o700)
        return path

    def close(self) -> None:
        """Remove everything."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._entries.clear()
            self._bytes = self._files = 0
        atexit.unregister(self.close)
        self._work.close()

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("the studio is ending; start it again")

    def _derived(self, handle: str, key: str) -> Path:
        return self.folder / f"{handle}.{key}"

    def _entry(self, handle: str) -> _Entry:
        self._check_open()
        entry = self._entries.get(handle)
        if entry is None or entry.dropped:
            raise missing("file", handle, gone=handle in self._gone)
        self._entries.move_to_end(handle)
        return entry

    def _enter(self, path: Path, name: str, facts: Mapping[str, object], size: int) -> Stored:
        handle = secrets.token_hex(16)
        stored = Stored(handle, name, size, time.time(), MappingProxyType(dict(facts)))
        with self._lock:
            self._reserve(0, files=1)
            try:
                path.replace(self.folder / handle)
            except OSError as error:
                self._release(0, files=1)
                raise refused_by_disk(error) from None
            self._entries[handle] = _Entry(stored, self.limits.taken(size))
        return stored

    def _reserve(self, size: int, *, files: int = 0, on_disk: bool = True) -> None:
        """Make room, at the cost of what was not used for the longest time.

        Args:
            size: bytes of the disk.
            files: how many come.
            on_disk: the bytes are there already, and need no free space.
        """
        limits = self.limits
        with self._lock:
            self._check_open()
            while self._bytes + size > limits.folder or self._files + files > limits.files:
                if not self._remove_oldest():
                    raise StoreFull(
                        f"the studio's {limits.folder:,} bytes or {limits.files:,} files are full of what "
                        "jobs are using; wait until some jobs are done, or cancel some"
                    )
            if size and not on_disk:
                self._clear_disk(size)
            self._bytes += size
            self._files += files

    def _clear_disk(self, size: int) -> None:
        """Free some of the disk, which others may have filled long before the folder is full."""
        with contextlib.suppress(OSError):
            while shutil.disk_usage(self.folder).free < size + _SPARE:
                if not self._remove_oldest():
                    return

    def _remove_oldest(self) -> bool:
        """Remove what was not used for the longest time; False when jobs use all that there is."""
        oldest = next((name for name, entry in self._entries.items() if not entry.pins), None)
        if oldest is None:
            return False
        self._forget(oldest)
        self._remove(oldest)
        return True

    def _release(self, size: int, *, files: int = 0) -> None:
        with self._lock:
            self._bytes = max(self._bytes - size, 0)
            self._files = max(self._files - files, 0)

    def _forget(self, handle: str) -> None:
        self._gone[handle] = None
        while len(self._gone) > _REMEMBERED:
            self._gone.popitem(last=False)

    def _remove(self, handle: str) -> None:
        entry = self._entries.pop(handle)
        self._release(entry.taken + sum(entry.derived.values()), files=1 + len(entry.derived))
        for path in (self.folder / handle, *(self._derived(handle, key) for key in entry.derived)):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                logger.warning("a file of the studio could not be removed: %s", error)
