"""The headers of a tar archive, read one by one: what lies where, without taking any file out.

Written for archives from anywhere. Python's tarfile reads an extended header of any length into memory, and
takes links and sparse files for what they stand for; here whatever is no plain file is refused, and the
memory that an archive can ask for has limits.

Format: POSIX.1-2001 ustar and pax, and GNU tar's long names and large numbers.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from retouch.errors import DataError

BLOCK = 512

MOST_MEMBERS = 1_000_000
LONGEST_NAME = 4096
LONGEST_HEADER = 1 << 20
MOST_TEXT = 128 << 20
"""Limits of one archive: members, bytes of a name, of an extended header, and of all names together."""

_FILE, _FOLDER = (b"0", b"\0", b"7"), b"5"
_LONG_NAME, _LONG_LINK, _PAX, _PAX_OF_ALL = b"L", b"K", (b"x", b"X"), b"g"
_REFUSED = {
    b"1": "a link",
    b"2": "a link",
    b"3": "a device",
    b"4": "a device",
    b"6": "a pipe",
    b"S": "a sparse file",
}


class Entry(NamedTuple):
    """A file in an archive.

    Args:
        name: as it is written there.
        offset: where its first byte lies.
        size: its bytes.
    """

    name: str
    offset: int
    size: int


class _Header(NamedTuple):
    name: bytes
    size: int
    kind: bytes


def entries(path: Path) -> Iterator[Entry]:
    """Go through an archive.

    Args:
        path: an uncompressed tar archive.

    Yields:
        Its files, in their order; folders are left out.

    Raises:
        DataError: It is no tar archive, or damaged, cut off, or holds what is no plain file.
    """
    try:
        with path.open("rb", buffering=0) as file:
            yield from _Reader(path, file).entries()
    except OSError as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} cannot be read ({error.strerror}); check the path and the disk") from error


class _Reader:
    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path, self._file = path, file
        self._end = os.fstat(file.fileno()).st_size
        self._text = 0

    def entries(self) -> Iterator[Entry]:
        at, count = 0, 0
        long_name: bytes | None = None
        long_size: int | None = None
        while (header := self._header(at)) is not None:
            data = at + BLOCK
            extended = header.kind in (_LONG_NAME, _LONG_LINK, *_PAX, _PAX_OF_ALL)
            size = header.size if extended or long_size is None else long_size
            stored = 0 if header.kind == _FOLDER else size
            at = data + -(-stored // BLOCK) * BLOCK
            if data + stored > self._end:
                raise self._cut_off()
            if header.kind == _LONG_NAME:
                long_name = self._extension(data, size, LONGEST_NAME + 1).split(b"\0", 1)[0]
            elif header.kind in (*_PAX, _PAX_OF_ALL):
                found = _pax(self._extension(data, size, LONGEST_HEADER))
                if found is None or (header.kind == _PAX_OF_ALL and found.keys() & {b"path", b"size"}):
                    raise self._damaged(data)
                if any(key.startswith(b"GNU.sparse") for key in found):
                    raise self._refused("a sparse file", found.get(b"path", b""))
                long_name = found.get(b"path", long_name)
                if b"size" in found:
                    if not found[b"size"].isdigit() or len(found[b"size"]) > 18:
                        raise self._damaged(data)
                    long_size = int(found[b"size"])
            elif header.kind != _LONG_LINK:
                name = header.name if long_name is None else long_name
                long_name = long_size = None
                if header.kind in _FILE and not name.endswith(b"/"):
                    count += 1
                    self._count(count, name)
                    yield Entry(name.decode("utf-8", "surrogateescape"), data, size)
                elif header.kind != _FOLDER and header.kind not in _FILE:
                    raise self._refused(_REFUSED.get(header.kind, "a member of an unknown kind"), name)

    def _header(self, at: int) -> _Header | None:
        """Read the header at a place; None at the end mark."""
        self._file.seek(at)
        block = self._file.read(BLOCK)
        if len(block) < BLOCK:
            if at == 0:
                raise self._no_tar(block)
            raise self._cut_off()
        if not any(block):
            if at == 0:
                raise DataError(f"{self._path} is an empty tar archive; pack some pictures into it")
            return None
        told = _number(block[148:156])
        plain = sum(block) - sum(block[148:156]) + 8 * 0x20
        if told != plain:
            if at == 0:
                raise self._no_tar(block)
            raise self._damaged(at)
        size = _number(block[124:136])
        if size is None:
            raise self._damaged(at)
        name = block[:100].split(b"\0", 1)[0]
        prefix = block[345:500].split(b"\0", 1)[0] if block[257:263] == b"ustar\0" else b""
        return _Header(prefix + b"/" + name if prefix else name, size, block[156:157])

    def _extension(self, at: int, size: int, most: int) -> bytes:
        if size > most:
            raise DataError(
                f"{self._path} has a header of {size:,} bytes, more than the limit of {most:,}; pack the "
                "pictures again with `retouch data pack`"
            )
        self._file.seek(at)
        return self._file.read(size)

    def _count(self, count: int, name: bytes) -> None:
        self._text += len(name)
        if count > MOST_MEMBERS or self._text > MOST_TEXT:
            raise DataError(
                f"{self._path} holds more than {MOST_MEMBERS:,} files, or {MOST_TEXT >> 20} MiB of names; "
                "cut it into several archives, as `retouch data pack` does"
            )
        if len(name) > LONGEST_NAME:
            raise DataError(f"{self._path} has a name of {len(name):,} bytes; shorten it, and pack again")

    def _no_tar(self, block: bytes) -> DataError:
        if (
            block[:2] == b"\x1f\x8b"
            or block[:3] == b"BZh"
            or block[:6] == b"\xfd7zXZ\0"
            or block[:4] == b"(\xb5/\xfd"
        ):
            return DataError(
                f"{self._path} is compressed, so that no picture in it can be read alone; decompress it"
            )
        return DataError(f"{self._path} is no tar archive; write one with `retouch data pack`")

    def _cut_off(self) -> DataError:
        return DataError(
            f"{self._path} is cut off: it ends after {self._end:,} bytes without an end mark; copy or pack "
            "it again"
        )

    def _damaged(self, at: int) -> DataError:
        return DataError(f"{self._path} is damaged at byte {at:,}; copy or pack it again")

    def _refused(self, kind: str, name: bytes) -> DataError:
        return DataError(
            f"{self._path} holds {kind} ({name.decode('utf-8', 'replace')[:200]!r}), which is not read; pack "
            "the pictures themselves with `retouch data pack`"
        )


def _number(field: bytes) -> int | None:
    """Read a number in octal digits, or in GNU tar's base 256; None when it is neither, or negative."""
    if field[0] == 0x80:
        value = int.from_bytes(field[1:], "big")
        return value if value < 1 << 62 else None
    digits = field.strip(b" \0")
    if not digits:
        return 0
    try:
        return int(digits, 8) if digits.isdigit() else None
    except ValueError:
        return None


def _pax(data: bytes) -> dict[bytes, bytes] | None:
    """Take lines of the form ``LENGTH KEY=VALUE`` apart; None when they are not such."""
    found: dict[bytes, bytes] = {}
    at = 0
    while at < len(data):
        head, space, _ = data[at : at + 8].partition(b" ")
        if not space or not head.isdigit():
            return None
        end = at + int(head)
        record = data[at + len(head) + 1 : end]
        key, equals, value = record.partition(b"=")
        if end > len(data) or not equals or not value.endswith(b"\n"):
            return None
        found[key] = value[:-1]
        at = end
    return found
