"""PNG files with 16 bits per sample, which Pillow would round to 8.

The chunks are walked, checked and understood here; only the rows go to OpenCV, in a file made
of nothing else, so that its messages on stderr and its own ideas about transparency and
orientation never matter.

Source: PNG specification, third edition (W3C 2025).
"""

from __future__ import annotations

import logging
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from retouch.image import exif as exif_block
from retouch.image.facts import FileFacts, Mode
from retouch.image.icc import LARGEST_PROFILE

logger = logging.getLogger(__name__)

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_FLUSH = 1 << 20
_HELPING = 1 << 16


def is_deep(data: bytes) -> bool:
    """Whether a PNG file has 16 bits per sample."""
    return len(data) >= 33 and data[12:16] == b"IHDR" and data[24] == 16


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height of a PNG file, from its header."""
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def frames_of(data: bytes) -> int:
    """The number of pictures of a PNG file; more than one when it is animated."""
    for name, body in _chunks(data):
        if name == b"acTL" and len(body) == 8:
            return max(int(struct.unpack(">I", body[:4])[0]), 1)
        if name == b"IDAT":
            break
    return 1


def read(data: bytes) -> tuple[NDArray[np.uint16], FileFacts]:
    """Read a 16-bit PNG; of an animated one, the still picture.

    Args:
        data: the file; its size has been found acceptable.

    Returns:
        Samples (H, W, C), upright, and what the file says about them.

    Raises:
        ValueError: it is broken; the message says how.
    """
    chunks: dict[bytes, bytes] = {}
    rows: list[bytes] = []
    for name, body in _chunks(data):
        if name == b"IDAT":
            rows.append(body)
        else:
            chunks.setdefault(name, body)
    header = chunks.get(b"IHDR", b"")
    if len(header) != 13:
        raise ValueError("broken header")
    width, height, _, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    if colour not in _CHANNELS or not width or not height or interlaced > 1:
        raise ValueError("broken header")
    packed = b"".join(rows)
    _check_rows(packed, width, height, 2 * _CHANNELS[colour], bool(interlaced))
    samples = _samples(header, packed, colour, chunks.get(b"tRNS"))
    block = chunks.get(b"eXIf", b"")
    samples = np.asarray(exif_block.turned(samples, exif_block.orientation(block)), np.uint16)
    modes: dict[int, Mode] = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
    facts = FileFacts(
        "PNG",
        modes[samples.shape[2]],
        16,
        _profile(chunks.get(b"iCCP")),
        exif_block.upright(block),
        dpi=_dpi(chunks.get(b"pHYs", b"")),
    )
    return samples, facts


def written(samples: NDArray[np.uint16], facts: FileFacts) -> bytes:
    """Make a 16-bit PNG.

    Args:
        samples: (H, W, 1 … 4): gray, gray + alpha, RGB, RGBA.
        facts: the profile, EXIF and resolution to put in.

    Returns:
        The file.
    """
    height, width, channels = samples.shape
    parts = [
        SIGNATURE,
        _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, _COLOUR_TYPES[channels], 0, 0, 0)),
    ]
    if facts.icc:
        parts.append(_chunk(b"iCCP", b"ICC\0\0" + zlib.compress(facts.icc)))
    if facts.dpi:
        across, down = (round(value / 0.0254) for value in facts.dpi)
        parts.append(_chunk(b"pHYs", struct.pack(">IIB", across, down, 1)))
    if facts.exif:
        parts.append(_chunk(b"eXIf", facts.exif))
    parts += [_chunk(b"IDAT", body) for body in _packed(samples)]
    parts.append(_chunk(b"IEND", b""))
    return b"".join(parts)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = len(SIGNATURE)
    while place < len(data):
        if place + 12 > len(data):
            raise ValueError("it ends inside a chunk")
        size, name = struct.unpack_from(">I4s", data, place)
        end = place + 12 + size
        if end > len(data):
            raise ValueError(f"it ends inside the chunk {name.decode('latin-1')!r}")
        body = data[place + 8 : end - 4]
        if zlib.crc32(body, zlib.crc32(name)) != struct.unpack_from(">I", data, end - 4)[0]:
            raise ValueError(f"the checksum of the chunk {name.decode('latin-1')!r} is wrong")
        yield name, body
        if name == b"IEND":
            return
        place = end


def _check_rows(packed: bytes, width: int, height: int, pixel: int, interlaced: bool) -> None:
    """Inflate the rows piece by piece, keeping nothing, to know that they are all there."""
    wanted = sum(rows * (1 + columns * pixel) for columns, rows in _passes(width, height, interlaced))
    stride = 1 + width * pixel
    inflater = zlib.decompressobj()
    seen = place = 0
    rest = b""
    while seen <= wanted and not inflater.eof:
        # Small helpings: the inflater copies what it leaves over.
        if not rest:
            rest = packed[place : place + _HELPING]
            place += len(rest)
        try:
            piece = inflater.decompress(rest, _FLUSH)
        except zlib.error as error:
            raise ValueError(f"its rows cannot be inflated: {error}") from None
        if not rest and not piece:
            break
        if not interlaced and any(piece[i] > 4 for i in range(-seen % stride, len(piece), stride)):
            raise ValueError("a row has an unknown filter")
        seen += len(piece)
        rest = inflater.unconsumed_tail
    if seen != wanted or not inflater.eof:
        raise ValueError(f"it holds {seen} of {wanted} bytes of rows")


def _passes(width: int, height: int, interlaced: bool) -> Iterator[tuple[int, int]]:
    if not interlaced:
        yield width, height
        return
    for x, y, dx, dy in _ADAM7:
        columns, rows = max(0, -(-(width - x) // dx)), max(0, -(-(height - y) // dy))
        if columns and rows:
            yield columns, rows


def _samples(header: bytes, packed: bytes, colour: int, key: bytes | None) -> NDArray[np.uint16]:
    from retouch.image import opencv

    bare = SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")
    samples = opencv.decode_png16(bare)
    if samples is None:
        raise ValueError("its rows cannot be decoded")
    if colour == 4:
        return np.ascontiguousarray(samples[..., 2:])
    if key is None or len(key) != 2 * samples.shape[2]:
        return samples
    transparent = (samples == np.frombuffer(key, ">u2")).all(axis=2, keepdims=True)
    return np.concatenate([samples, np.where(transparent, 0, 65535).astype(np.uint16)], axis=2)


def _profile(body: bytes | None) -> bytes | None:
    if body is None:
        return None
    name, _, packed = body.partition(b"\0")
    try:
        icc = zlib.decompressobj().decompress(packed[1:], LARGEST_PROFILE + 1)
    except zlib.error:
        icc = b""
    if not icc or len(icc) > LARGEST_PROFILE:
        logger.warning("the colour profile %r cannot be unpacked; the picture is taken for sRGB", name[:79])
        return None
    return icc


def _dpi(body: bytes) -> tuple[float, float] | None:
    if len(body) != 9 or body[8] != 1:
        return None
    across, down = (value * 0.0254 for value in struct.unpack(">II", body[:8]))
    return (across, down) if across > 1 and down > 1 else None


def _packed(samples: NDArray[np.uint16]) -> Iterator[bytes]:
    """Filter each row by its left neighbour and deflate; photographs differ little from there."""
    height, width, channels = samples.shape
    pixel = 2 * channels
    deflater = zlib.compressobj(level=3)
    step = max(1, _FLUSH // (1 + width * pixel))
    for top in range(0, height, step):
        strip = samples[top : top + step].astype(">u2").view(np.uint8).reshape(-1, width * pixel)
        rows = np.empty((len(strip), 1 + width * pixel), np.uint8)
        rows[:, 0] = 1
        rows[:, 1 : 1 + pixel] = strip[:, :pixel]
        np.subtract(strip[:, pixel:], strip[:, :-pixel], out=rows[:, 1 + pixel :])
        body = deflater.compress(rows.data)
        if body:
            yield body
    yield deflater.flush()


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body), name) + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(name)))
