"""Where pictures lie: files of this machine, and objects of a store, by their addresses.

An address is a path, or ``scheme://…`` of anything that fsspec knows. Local files never go through fsspec.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from retouch.errors import (
    InputError,
    MissingDependency,
    OutputExists,
    PictureTooLarge,
    RetouchError,
    UnreadablePicture,
    UnwritablePicture,
)

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

WHOLE = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oci", "oss", "hf", "memory"})
"""Schemes of stores where an object appears with all its bytes or not at all, so that no draft is needed."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+)://")
_PIECE = 1 << 20
_SETTLED = 2_000_000_000  # nanoseconds; a file changed later may change again within one tick of its clock


def scheme_of(address: str) -> str:
    """The scheme of a store's address; empty for a file of this machine."""
    found = _SCHEME.match(address)
    scheme = found[1].lower() if found else ""
    return "" if scheme in ("file", "local") else scheme


def path_of(address: str) -> Path | None:
    """The path of a file of this machine; None for what lies elsewhere.

    Args:
        address: a path, or ``file://`` and a path.

    Raises:
        InputError: it is of a file on another machine, or no address at all.
    """
    if scheme_of(address):
        return None
    if not _SCHEME.match(address):
        return Path(address)
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise InputError(f"{address:.200} is no address ({error}); write file:///path") from None
    if parts.netloc not in ("", "localhost"):
        raise InputError(f"{address:.200} is of another machine; write file:///path")
    path = unquote(parts.path)
    if "\0" in path:
        raise InputError(f"{address:.200} has a character that no path has (%00); take it out")
    return Path(path)


def absolute(address: str, folder: Path | None = None) -> str:
    """Write an address so that it means the same in every process.

    Args:
        address: any.
        folder: what a relative path starts from; the current folder when None.
    """
    path = path_of(address)
    if path is None:
        return address
    return os.path.normpath(folder.absolute() / path if folder else path.absolute())


def name_of(address: str) -> str:
    """The last part of an address."""
    return address.replace(os.sep, "/").rpartition("/")[2]


def joined(folder: str, name: str) -> str:
    """The address of something in a folder.

    Args:
        folder: its address.
        name: relative to it, with slashes.
    """
    path = path_of(folder)
    return f"{folder.rstrip('/')}/{name}" if path is None else str(path / name)


def check(address: str) -> None:
    """Refuse an address that nothing installed can open, before any time is spent.

    Args:
        address: any.

    Raises:
        MissingDependency: an extra, or the package of a store, is not installed.
        InputError: there is no such scheme.
    """
    if scheme_of(address):
        _store(address)


def check_there(address: str) -> None:
    """Refuse a file that is missing.

    Args:
        address: of a file.

    Raises:
        UnreadablePicture: there is none.
    """
    if marked(address) is None:
        raise UnreadablePicture(f"{address:.200} does not exist or is no file; check the path")


def read(address: str, max_bytes: int) -> bytes:
    """Read a whole file.

    Args:
        address: of the file.
        max_bytes: the most that are read.

    Raises:
        UnreadablePicture: it is missing or cannot be read.
        PictureTooLarge: it is larger than allowed.
    """
    path = path_of(address)
    if path is not None:
        from retouch.image.read import file_bytes

        return file_bytes(path, max_bytes)
    with _reading(address):
        store, inside = _store(address)
        with store.open(inside, "rb") as file:
            data: bytes = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise PictureTooLarge(f"{address:.200} has more than {max_bytes:,} bytes; give a smaller file")
    return data


def opened(address: str) -> IO[bytes]:
    """Open a file of a store, to be read piece by piece.

    Args:
        address: of the file.

    Raises:
        UnreadablePicture: it is missing or cannot be read.
    """
    with _reading(address):
        store, inside = _store(address)
        file: IO[bytes] = store.open(inside, "rb")
        return file


def marked(address: str) -> tuple[int, str] | None:
    """Tell a file's size, and what would be another if the file had changed.

    Args:
        address: of the file.

    Returns:
        Bytes, and the times of the last change with the file's number, or the store's own mark; None if there
        is no file. The mark is empty when none can be relied on: the file must be read to know what it holds.
    """
    path = path_of(address)
    if path is not None:
        try:
            status = path.stat()
        except (OSError, ValueError):
            return None
        if not stat.S_ISREG(status.st_mode):
            return None
        settled = abs(time.time_ns() - status.st_mtime_ns) > _SETTLED
        # Whoever puts the time of a file back, as cp -p does, leaves another st_ctime or another number.
        mark = f"{status.st_mtime_ns}-{status.st_ctime_ns}-{status.st_ino}"
        return status.st_size, mark if settled else ""
    try:
        store, inside = _store(address)
        facts = store.info(inside)
    except FileNotFoundError:
        return None
    except RetouchError:
        raise
    except Exception:
        # A store that does not answer is not a missing file; whoever reads it will say what is wrong.
        return 0, ""
    mark = next((facts[name] for name in ("ETag", "etag", "md5Hash", "generation") if facts.get(name)), "")
    return int(facts.get("size") or 0), str(mark)


def sha256_at(address: str) -> str:
    """Hash what lies at an address, piece by piece.

    Args:
        address: of a file.

    Returns:
        The SHA-256; empty when there is nothing.

    Raises:
        UnreadablePicture: it is there and cannot be read.
    """
    digest = hashlib.sha256()
    path = path_of(address)
    try:
        if path is not None:
            if not path.is_file():
                return ""
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        store, inside = _store(address)
        with store.open(inside, "rb") as remote:
            while piece := remote.read(_PIECE):
                digest.update(piece)
    except FileNotFoundError:
        return ""
    except RetouchError:
        raise
    except Exception as error:
        raise UnreadablePicture(f"{address:.200} cannot be read ({_reason(error)}); check it") from error
    return digest.hexdigest()


def put(files: Mapping[str, bytes], *, overwrite: bool, tag: str) -> None:
    """Let files appear, each with all its bytes or not at all.

    Args:
        files: address → bytes, in the order in which they appear.
        overwrite: replace what is there.
        tag: what drafts are called, so that those of a killed process are found and taken away on a disk.

    Raises:
        OutputExists: one is there and may not be replaced.
        UnwritablePicture: it cannot be written.
    """
    local = {path: data for address, data in files.items() if (path := path_of(address)) is not None}
    if local:
        from retouch.image.write import put_all

        for folder in {path.parent for path in local}:
            _make_folder(folder)
        put_all(local, overwrite=overwrite, tag=tag)
        return
    for address, data in files.items():
        try:
            _put_remote(address, data, overwrite=overwrite, tag=tag)
        except RetouchError:
            raise
        except Exception as error:
            raise UnwritablePicture(
                f"{address:.200} cannot be written ({_reason(error)}); check the address and your rights"
            ) from error


def walked(folder: str) -> Iterator[str]:
    """Go through a folder and those in it, in the order of their names; links to folders are left alone.

    Args:
        folder: its address.

    Yields:
        The names of files, relative to the folder, with slashes; what is hidden is left out. One folder at a
        time is held in memory.

    Raises:
        UnreadablePicture: the folder cannot be read.
    """
    path = path_of(folder)
    if path is not None:
        yield from _walked_here(path)
        return
    with _reading(folder):
        store, inside = _store(folder)
        root = inside.rstrip("/")
        for place, folders, names in store.walk(root):
            within = str(place).rstrip("/")[len(root) :].lstrip("/")
            if isinstance(folders, list):
                folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                if name and not name.startswith("."):
                    yield f"{within}/{name}" if within else str(name)


def is_folder(address: str) -> bool:
    """Whether an address is of a folder that is there."""
    path = path_of(address)
    if path is not None:
        try:
            return path.is_dir()
        except (OSError, ValueError):
            return False
    with _reading(address):
        store, inside = _store(address)
        return bool(store.isdir(inside))


def inside(folder: str) -> Callable[[str], bool]:
    """Make what tells whether a file lies in a folder, however the two are written.

    Args:
        folder: its address.

    Returns:
        A function of the address of a file; it remembers the folders that it met.
    """
    root = path_of(folder)
    if root is None:
        return lambda address: address.startswith(f"{folder.rstrip('/')}/")
    real = os.path.realpath(root)

    @lru_cache(maxsize=1024)
    def holds(above: str) -> bool:
        try:
            found = os.path.realpath(above)
        except ValueError:  # no path at all; whoever reads it will say so
            return False
        return found == real or found.startswith(f"{real.rstrip(os.sep)}{os.sep}")

    def lies(address: str) -> bool:
        path = path_of(address)
        if path is None:
            return False
        return holds(str(path.parent)) or (
            path.is_symlink() and holds(str(Path(os.path.realpath(path)).parent))
        )

    return lies


def _walked_here(root: Path) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        raise UnreadablePicture(f"{error.filename} cannot be read ({error.strerror}); check its permissions")

    for place, folders, names in os.walk(root, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        within = Path(place).relative_to(root).as_posix()
        for name in sorted(names):
            if not name.startswith("."):
                yield name if within == "." else f"{within}/{name}"


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise UnwritablePicture(
            f"the folder {folder!s:.200} cannot be made ({_reason(error)}); choose another output"
        ) from None


def _put_remote(address: str, data: bytes, *, overwrite: bool, tag: str) -> None:
    store, inside = _store(address)
    if not overwrite and store.exists(inside):
        raise OutputExists(f"{address:.200} exists already; pass --overwrite or choose another output")
    if scheme_of(address) in WHOLE:
        store.pipe_file(inside, data)
        return
    above = inside.rpartition("/")[0]
    from retouch.image.drafts import draft_name

    draft = f"{above}/{draft_name(tag)}"
    store.makedirs(above, exist_ok=True)
    try:
        store.pipe_file(draft, data)
        if store.exists(inside):
            store.rm_file(inside)
        store.mv(draft, inside)
    except BaseException:
        with contextlib.suppress(Exception):
            store.rm_file(draft)
        raise


def _store(address: str) -> tuple[AbstractFileSystem, str]:
    scheme = scheme_of(address)
    if "::" in address:
        raise InputError(
            f"{address:.200} is a chain of addresses; give a plain one, such as s3://bucket/name"
        )
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise MissingDependency(
            f'{scheme}:// needs fsspec, which is not installed; run: pip install "retouch[remote]"'
        ) from None
    # What was listed a moment ago says nothing of what another process has written since.
    options: dict[str, Any] = {"use_listings_cache": False}
    try:
        store, inside = url_to_fs(address, **options)
    except ImportError as error:
        raise MissingDependency(f"{scheme}:// needs another package ({_reason(error)})") from None
    except ValueError as error:
        raise InputError(f"{address:.200} is no address ({_reason(error)}); check its beginning") from None
    return store, str(inside)


@contextlib.contextmanager
def _reading(address: str) -> Iterator[None]:
    try:
        yield
    except RetouchError:
        raise
    except FileNotFoundError:
        raise UnreadablePicture(f"{address:.200} does not exist; check the address") from None
    except Exception as error:
        # Each store raises errors of its own.
        raise UnreadablePicture(f"{address:.200} cannot be read ({_reason(error)}); check it") from error


def _reason(error: BaseException) -> str:
    said = getattr(error, "strerror", None) or str(error)
    return " ".join(str(said).split())[:120] or type(error).__name__
