"""What edits must do to an EXIF block; the rest stays byte for byte.

The orientation is read (the picture is turned upright) and then reset; the thumbnail is
removed, because it shows the picture as it was before the edit; and a new size is told.

Source: EXIF 2.32 (CIPA DC-008), TIFF 6.0.
"""

from __future__ import annotations

import struct

import numpy as np

from retouch.image.native import Samples

LARGEST_EXIF = 16 << 20
"""Bytes; a larger block is not looked into and not kept."""

_IN_EXIF = 0x8769
_WIDTHS, _HEIGHTS = (0x0100, 0xA002), (0x0101, 0xA003)
_SHORT, _LONG = 3, 4
_ORIENTATION, _THUMBNAIL_START, _THUMBNAIL_BYTES = 0x0112, 0x0201, 0x0202


def bare(exif: bytes) -> bytes:
    """The block without the ``Exif`` marker that JPEG puts before it."""
    return exif[6:] if exif[:6] == b"Exif\0\0" else exif


def orientation(exif: bytes) -> int:
    """How the stored picture must be turned.

    Args:
        exif: a block that starts with a TIFF header.

    Returns:
        1 … 8 as in EXIF; 1 (upright) when it is missing or nonsense.
    """
    try:
        order, first = _header(exif)
        for place in _entries(exif, order, first):
            tag, kind = struct.unpack_from(order + "HH", exif, place)
            if tag == _ORIENTATION:
                value = int(struct.unpack_from(order + ("H" if kind == 3 else "I"), exif, place + 8)[0])
                return value if 1 <= value <= 8 else 1
    except (struct.error, ValueError):
        pass
    return 1


def upright(exif: bytes) -> bytes | None:
    """Reset the orientation and remove the thumbnail.

    Args:
        exif: a block that starts with a TIFF header.

    Returns:
        A block of the same length, or None when it is broken or too large to be kept.
    """
    if len(exif) > LARGEST_EXIF:
        return None
    block = bytearray(exif)
    try:
        order, first = _header(exif)
        places = _entries(exif, order, first)
        for place in places:
            tag, kind = struct.unpack_from(order + "HH", exif, place)
            if tag == _ORIENTATION:
                struct.pack_into(order + ("H" if kind == 3 else "I"), block, place + 8, 1)
        link = first + 2 + 12 * len(places)
        if link + 4 <= len(block):
            _remove_thumbnail(block, order, link)
    except (struct.error, ValueError):
        return None
    return bytes(block)


def resized(exif: bytes, size: tuple[int, int]) -> bytes:
    """Let a block tell the size of its picture, where it tells one.

    Args:
        exif: a block that starts with a TIFF header.
        size: height and width.

    Returns:
        A block of the same length; one that is broken stays as it is.
    """
    block = bytearray(exif)
    try:
        order, first = _header(exif)
        inner = _tell_size(block, order, first, size)
        if inner:
            _tell_size(block, order, inner, size)
    except (struct.error, ValueError):
        return exif
    return bytes(block)


def turned(samples: Samples, orientation: int) -> Samples:
    """Turn a stored picture upright.

    Args:
        samples: (H, W, C).
        orientation: 1 … 8 as in EXIF.

    Returns:
        (H, W, C) or, for 5 … 8, (W, H, C); contiguous.
    """
    if orientation >= 5:
        samples = samples.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        samples = samples[::-1]
    if orientation in (2, 3, 6, 7):
        samples = samples[:, ::-1]
    return np.ascontiguousarray(samples)


def _header(exif: bytes) -> tuple[str, int]:
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        raise ValueError("not a TIFF header")
    return order, int(struct.unpack_from(order + "I", exif, 4)[0])


def _entries(exif: bytes | bytearray, order: str, start: int) -> range:
    (count,) = struct.unpack_from(order + "H", exif, start)
    if start + 2 + 12 * count > len(exif):
        raise ValueError("the directory is cut short")
    return range(start + 2, start + 2 + 12 * count, 12)


def _tell_size(block: bytearray, order: str, start: int, size: tuple[int, int]) -> int:
    """Correct the sizes in one directory; gives where the EXIF directory is, 0 when it is not named."""
    inner = 0
    for place in _entries(block, order, start):
        tag, kind, values = struct.unpack_from(order + "HHI", block, place)
        if tag == _IN_EXIF:
            (inner,) = struct.unpack_from(order + "I", block, place + 8)
        elif tag in (*_WIDTHS, *_HEIGHTS) and kind in (_SHORT, _LONG) and values == 1:
            struct.pack_into(order + "HHII", block, place, tag, _LONG, 1, size[tag in _WIDTHS])
    return inner


def _remove_thumbnail(block: bytearray, order: str, link: int) -> None:
    (second,) = struct.unpack_from(order + "I", block, link)
    struct.pack_into(order + "I", block, link, 0)
    if not second:
        return
    found = {}
    try:
        for place in _entries(block, order, second):
            tag = struct.unpack_from(order + "H", block, place)[0]
            found[tag] = struct.unpack_from(order + "I", block, place + 8)[0]
    except (struct.error, ValueError):
        return
    start, size = found.get(_THUMBNAIL_START, 0), found.get(_THUMBNAIL_BYTES, 0)
    if block[start : start + 2] == b"\xff\xd8":
        end = min(start + size, len(block))
        block[start:end] = bytes(end - start)
