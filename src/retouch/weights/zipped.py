"""The ZIP archives that ``torch.save`` and TorchScript write, found without unpacking anything."""

from __future__ import annotations

import struct

from retouch.weights.values import Malformed, Window

MAX_ENTRIES = 100_000
_END, _ENTRY, _LOCAL = b"PK\5\6", b"PK\1\2", b"PK\3\4"
_END64, _LOCATOR = b"PK\6\6", b"PK\6\7"


def entries_of(window: Window) -> dict[str, Window | None]:
    """List what an archive holds.

    Args:
        window: the whole archive.

    Returns:
        Name → its bytes in place, or None when they are compressed (only a TorchScript archive's
        source code is).

    Raises:
        Malformed: The directory is damaged, an entry is encrypted, listed twice, reaches outside
            the file, or has a name that leads out of the archive.
    """
    count, size, start = _directory(window)
    if count > MAX_ENTRIES:
        raise Malformed(f"it lists {count:,} entries, more than the {MAX_ENTRIES:,} allowed")
    listing = window.part(start, size).copied()
    found: dict[str, Window | None] = {}
    place = 0
    try:
        for _ in range(count):
            if listing[place : place + 4] != _ENTRY:
                raise Malformed("its ZIP directory is damaged")
            flags, method = struct.unpack_from("<HH", listing, place + 8)
            packed, plain = struct.unpack_from("<II", listing, place + 20)
            lengths = struct.unpack_from("<HHH", listing, place + 28)
            offset = struct.unpack_from("<I", listing, place + 42)[0]
            name_end = place + 46 + lengths[0]
            name = listing[place + 46 : name_end].decode("utf-8")
            extra = listing[name_end : name_end + lengths[1]]
            plain, packed, offset = _long_sizes(extra, plain, packed, offset)
            _check_name(name, found)
            if flags & 1:
                raise Malformed(f"its entry {name[:80]!r} is encrypted")
            data = _data(window, listing[place + 46 : name_end], offset, packed)
            if method == 0 and packed != plain:
                raise Malformed(f"its entry {name[:80]!r} has two sizes")
            found[name] = data if method == 0 else None
            place = name_end + lengths[1] + lengths[2]
    except (struct.error, UnicodeDecodeError):
        raise Malformed("its ZIP directory is damaged") from None
    return found


def _directory(window: Window) -> tuple[int, int, int]:
    """Find the directory: how many entries, its size in bytes and where it starts."""
    # The end record is the last 22 bytes and a comment of at most 65535.
    tail_start = max(0, len(window) - 22 - 0xFFFF)
    tail = window.part(tail_start, len(window) - tail_start).copied()
    end = tail.rfind(_END)
    if end < 0 or len(tail) < end + 22:
        raise Malformed("it is a truncated ZIP archive: its directory, which comes last, is missing")
    disk, first_disk, _, count, size, start = struct.unpack_from("<HHHHII", tail, end + 4)
    where = tail_start + end
    if where >= 20 and window.part(where - 20, 4).copied() == _LOCATOR:
        at = struct.unpack("<Q", window.part(where - 12, 8).copied())[0]
        record = window.part(at, 56).copied()
        if record[:4] != _END64:
            raise Malformed("its ZIP directory is damaged")
        count, size, start = struct.unpack_from("<QQQ", record, 32)
    elif disk or first_disk:
        raise Malformed("it is one part of a ZIP archive in several parts")
    return count, size, start


def _long_sizes(extra: bytes, plain: int, packed: int, offset: int) -> tuple[int, int, int]:
    """Replace sizes that did not fit 32 bits by those of the ZIP64 field."""
    place = 0
    while place + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, place)
        if kind == 1:
            field = extra[place + 4 : place + 4 + length]
            numbers = iter(struct.unpack(f"<{len(field) // 8}Q", field[: len(field) // 8 * 8]))
            values = [
                next(numbers, value) if value == 0xFFFFFFFF else value for value in (plain, packed, offset)
            ]
            return values[0], values[1], values[2]
        place += 4 + length
    return plain, packed, offset


def _check_name(name: str, found: dict[str, Window | None]) -> None:
    parts = name.split("/")
    if name in found:
        raise Malformed(f"it lists the entry {name[:80]!r} twice")
    if name.startswith("/") or "\\" in name or ".." in parts or "\0" in name or name[1:2] == ":":
        raise Malformed(f"its entry {name[:80]!r} leads out of the archive")


def _data(window: Window, name: bytes, offset: int, size: int) -> Window:
    head = window.part(offset, 30).copied()
    name_length, extra_length = struct.unpack_from("<HH", head, 26)
    if head[:4] != _LOCAL or window.part(offset + 30, name_length).copied() != name:
        raise Malformed(f"its entry {name.decode('utf-8', 'replace')[:80]!r} is not where the directory says")
    return window.part(offset + 30 + name_length + extra_length, size)
