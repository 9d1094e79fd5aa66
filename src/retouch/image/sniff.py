"""What kind of file some bytes are, from their first bytes and never from a name."""

from __future__ import annotations

import struct

from retouch.errors import UnreadablePicture

READABLE = ("PNG", "JPEG", "WEBP", "AVIF", "TIFF", "BMP")

_OTHERS = (
    (b"GIF8", "GIF"),
    (b"8BPS", "Photoshop"),
    (b"%PDF", "PDF"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\0\0\1\0", "icon"),
    (b"qoif", "QOI"),
    (b"v/1\1", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"<svg", "SVG"),
    (b"<?xml", "XML"),
    (b"<!DOCTYPE", "HTML"),
    (b"<html", "HTML"),
    (b"PK\3\4", "ZIP"),
    (b"gimp xcf", "GIMP"),
    (b"FUJIFILM", "camera RAW"),
)


def format_of(data: bytes, name: str) -> str:
    """Name the format of a picture file.

    Args:
        data: the file.
        name: what to call it in an error.

    Returns:
        One of ``READABLE``.

    Raises:
        UnreadablePicture: it is empty or of another kind; the message names the kind if known.
    """
    if not data:
        raise UnreadablePicture(f"{name} is empty (0 bytes); give a picture file")
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF"
    if data[4:8] == b"ftyp":
        brands = data[8 : min(struct.unpack(">I", data[:4])[0], 256)]
        if b"avif" in brands or b"avis" in brands:
            return "AVIF"
        raise UnreadablePicture(_unread(name, "a HEIC or video file"))
    if data[:2] == b"BM" and len(data) > 26:
        return "BMP"
    head = data[:64].lstrip()
    for magic, kind in _OTHERS:
        if head.startswith(magic):
            raise UnreadablePicture(_unread(name, f"a {kind} file"))
    raise UnreadablePicture(_unread(name, "no picture that retouch knows"))


def webp_facts(data: bytes) -> tuple[int, int, bool]:
    """Read the size of a WebP file without making a decoder (which reserves the whole canvas).

    Args:
        data: the file.

    Returns:
        Width, height, and whether the picture is stored losslessly; 0, 0 when it is broken.
    """
    width = height = 0
    lossless = False
    place = 12
    while place + 8 <= len(data):
        name, size = data[place : place + 4], struct.unpack_from("<I", data, place + 4)[0]
        body = data[place + 8 : place + 18]
        if name == b"VP8X" and len(body) == 10:
            width = 1 + int.from_bytes(body[4:7], "little")
            height = 1 + int.from_bytes(body[7:10], "little")
        elif name == b"VP8L" and len(body) >= 5:
            lossless = True
            bits = int.from_bytes(body[1:5], "little")
            width, height = max(width, (bits & 0x3FFF) + 1), max(height, (bits >> 14 & 0x3FFF) + 1)
        elif name == b"VP8 " and len(body) == 10:
            across, down = struct.unpack_from("<HH", body, 6)
            width, height = max(width, across & 0x3FFF), max(height, down & 0x3FFF)
        elif name == b"ANMF":
            lossless = lossless or data[place + 24 : place + 28] == b"VP8L"
        place += 8 + size + (size & 1)
    return width, height, lossless


def _unread(name: str, kind: str) -> str:
    return f"{name} is {kind}; retouch reads {', '.join(READABLE)}: save it as one of these, e.g. PNG"
