"""Files and requests that nobody's program would send."""

from __future__ import annotations

import gzip
import io
import json
import socket
import struct
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress

import numpy as np
from PIL import Image

from tests.image import made as files
from tests.studio.made import photo

UNREADABLE = {400, 413, 415, 422}


def bomb_png(bits: int) -> bytes:
    rows = zlib.compress(bytes(1 << 16))
    return files.png(np.zeros((1, 1, 3), f"uint{bits}"), rows=rows, size=(50_000, 50_000))


def text_bomb_png() -> bytes:
    """A cut picture with a comment that unpacks to 100 MB."""
    comment = files.png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(100 << 20), 9))
    whole = photo()
    return whole[:33] + comment + whole[33:-40]


def bomb_tiff() -> bytes:
    tags = {256: 1 << 30, 257: 1 << 10, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 1 << 10, 279: 10}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(4)


def looping_tiff() -> bytes:
    """Its directories point at themselves."""
    tags = {256: 8, 257: 8, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 8, 279: 64}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + struct.pack("<I", 8)


def bomb_webp() -> bytes:
    body = b"VP8X" + struct.pack("<IB3x", 10, 0) + (16383).to_bytes(3, "little") * 2
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def bomb_gif() -> bytes:
    screen = b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0x80, 0, 0) + bytes(6)
    return screen + b"\x2c" + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0) + b"\x02\x02\x4c\x01\x00;"


def bomb_bmp() -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 64, 0, 0, 54) + head + bytes(64)


def bomb_jpeg() -> bytes:
    """A true picture whose header says 65500×65500."""
    whole = bytearray(files.file_of(_picture(), "JPEG"))
    at = whole.index(b"\xff\xc0") + 5
    whole[at : at + 4] = struct.pack(">HH", 65500, 65500)
    return bytes(whole)


def _picture() -> Image.Image:
    return Image.open(io.BytesIO(photo())).convert("RGB")


def cut(kind: str, part: float = 0.5) -> bytes:
    whole: bytes = files.file_of(_picture(), kind)
    return whole[: int(len(whole) * part)]


def zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.png", bytes(30 << 20))
    return stream.getvalue()


def safetensors(header: object, *, length: int | None = None, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(shape: list[int], end: int) -> dict[str, object]:
    return {"latent": {"dtype": "F32", "shape": shape, "data_offsets": [0, end]}}


SVG = (
    b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">'
    b"<script>alert(1)</script></svg>"
)

FILES: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "text": lambda: b"not a picture\n" * 50,
    "html": lambda: b"<!doctype html><script>alert(document.cookie)</script>",
    "svg": lambda: SVG,
    "pdf": lambda: b"%PDF-1.7\n1 0 obj<<>>endobj\n%%EOF",
    "pickle": lambda: b"\x80\x04\x95\x1d\0\0\0\0\0\0\0\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.",
    "zip": zipped,
    "gzip of a picture": lambda: gzip.compress(photo()),
    "gzip bomb": lambda: gzip.compress(bytes(100 << 20)),
    "png bomb": lambda: bomb_png(8),
    "png bomb of 16 bits": lambda: bomb_png(16),
    "png with a bomb as comment, cut": text_bomb_png,
    "tiff bomb": bomb_tiff,
    "webp bomb": bomb_webp,
    "gif bomb": bomb_gif,
    "bmp bomb": bomb_bmp,
    "jpeg bomb": bomb_jpeg,
    "png cut": lambda: cut("PNG"),
    "jpeg cut": lambda: cut("JPEG"),
    "webp cut": lambda: cut("WEBP"),
    "avif cut": lambda: cut("AVIF"),
    "tiff cut": lambda: cut("TIFF"),
    "png of two bytes of rows": lambda: files.png(
        np.zeros((1, 1, 3), "uint8"), rows=zlib.compress(b"\0\0"), size=(64, 64)
    ),
    "safetensors: endless header": lambda: safetensors(b"{}", length=1 << 60),
    "safetensors: 100 GB tensor": lambda: safetensors(tensor([25, 10**9], 10**11)),
    "safetensors: deep header": lambda: safetensors(b'{"a":' + b"[" * 100_000),
    "safetensors: negative size": lambda: safetensors(tensor([-1, 512], 16), data=bytes(16)),
    "safetensors: not a latent": lambda: safetensors(tensor([2, 2], 16), data=bytes(16)),
}

NAMES: dict[str, str | bytes] = {
    "up": "../../../x.png",
    "absolute": "/etc/cron.d/x.png",
    "backslashes": "..\\..\\x.png",
    "drive": "C:\\Windows\\x.png",
    "NUL": "a\0b.png",
    "long": "x" * 10_000 + ".png",
    "right to left": "\u202egnp.exe",
    "header": 'x.png"\r\nSet-Cookie: a=b\r\n\r\n<script>',
    "device": "CON",
    "nothing": "",
    "dots": "..",
    "not text": b"\xff\xfe\xfd",
    "shell": "$(touch x);`id`|.png",
    "markup": "<img src=x onerror=alert(1)>.png",
    "surrogate": "\\ud800.png",
}


def spoken(url: str, *pieces: bytes, close: bool = False, patience: float = 30.0) -> bytes:
    """Speak plain TCP to the studio, and return all that it says until it hangs up.

    Args:
        url: the studio's address.
        pieces: what is sent, one after the other.
        close: stop sending (but go on listening) after the last piece.
        patience: seconds without a word after which listening ends.
    """
    host, _, port = url.removeprefix("http://").partition(":")
    said = b""
    with socket.create_connection((host, int(port)), patience) as line:
        with suppress(OSError):  # the studio may hang up first
            for piece in pieces:
                line.sendall(piece)
            if close:
                line.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError, TimeoutError):
            while piece := line.recv(1 << 16):
                said += piece
    return said


def request(
    method: str, path: str, headers: dict[str, str], body: bytes = b"", *, host: str = "localhost"
) -> bytes:
    """A request as it goes over the wire, whatever it says."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body


def status_of(said: bytes) -> int:
    """The status of the first answer in what was said; 0 when there was none."""
    return int(said.split()[1]) if said.startswith(b"HTTP/1.1 ") else 0
