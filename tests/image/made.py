"""Files and profiles that the tests make for themselves."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PRIMARIES = {
    # CIE xy of red, green, blue (white D65): Display P3 and Adobe RGB (1998).
    "p3": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    "adobe": ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)),
    "srgb": ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)),
}
D65, D50 = (0.3127, 0.3290), (0.34567, 0.35850)
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def _xyz(xy: tuple[float, float]) -> NDArray[np.float64]:
    return np.array([xy[0] / xy[1], 1.0, (1 - xy[0] - xy[1]) / xy[1]])


def matrix_of(name: str) -> NDArray[np.float64]:
    """Linear RGB to XYZ under D50."""
    columns = np.stack([_xyz(xy) for xy in PRIMARIES[name]], axis=1)
    scaled = columns * np.linalg.solve(columns, _xyz(D65))
    cone = np.diag((BRADFORD @ _xyz(D50)) / (BRADFORD @ _xyz(D65)))
    return np.asarray(np.linalg.inv(BRADFORD) @ cone @ BRADFORD @ scaled)


def fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(v * 65536) for v in values))


def curve(kind: str) -> bytes:
    if kind == "para3":
        body = struct.pack(">HH", 3, 0) + fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
        return b"para\0\0\0\0" + body
    if kind == "gamma":
        return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(2.19921875 * 256)) + b"\0\0"
    table = np.rint(np.linspace(0, 1, 1024) ** 1.8 * 65535).astype(">u2")
    return b"curv\0\0\0\0" + struct.pack(">I", 1024) + table.tobytes()


def profile(tags: dict[bytes, bytes], space: bytes = b"RGB ") -> bytes:
    description = b"test"
    text = b"mluc\0\0\0\0" + struct.pack(">II", 1, 12) + b"enUS" + struct.pack(">II", 8, 28)
    tags = {
        b"desc": text + description.decode().encode("utf-16-be"),
        b"cprt": text + description.decode().encode("utf-16-be"),
        b"wtpt": b"XYZ \0\0\0\0" + fixed(*_xyz(D50)),
        **tags,
    }
    table, data = b"", b""
    start = 132 + 12 * len(tags)
    for name, body in tags.items():
        table += struct.pack(">4sII", name, start + len(data), len(body))
        data += body + bytes(-len(body) % 4)
    size = start + len(data)
    header = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x04300000, b"mntr", space, b"XYZ ")
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + fixed(*_xyz(D50)) + bytes(48)
    return header + struct.pack(">I", len(tags)) + table + data


def rgb_profile(name: str, kind: str = "para3") -> bytes:
    matrix = matrix_of(name)
    tags = {
        bytes(tag): b"XYZ \0\0\0\0" + fixed(*matrix[:, i])
        for i, tag in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))
    }
    return profile({**tags, **{tag: curve(kind) for tag in (b"rTRC", b"gTRC", b"bTRC")}})


def gray_profile(kind: str = "gamma") -> bytes:
    return profile({b"kTRC": curve(kind)}, b"GRAY")


def lab_table_profile(space: bytes = b"CMYK") -> bytes:
    """A CMYK profile with both directions as tables (lut16), of ideal inks."""
    grid = np.linspace(0, 1, 9)
    if space == b"CMYK":
        c, m, y, k = np.meshgrid(grid, grid, grid, grid, indexing="ij")
        rgb = np.stack([(1 - c) * (1 - k), (1 - m) * (1 - k), (1 - y) * (1 - k)], axis=-1).reshape(-1, 3)
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    lab = lab_of(linear @ matrix_of("srgb").T)
    forward = _lut16(4, 3, 9, np.clip(lab / [100, 255, 255] + [0, 128 / 255, 128 / 255], 0, 1) * 65280)
    axis = np.linspace(0, 1, 17) * 65535 / 65280
    light, a, b = np.meshgrid(axis * 100, axis * 255 - 128, axis * 255 - 128, indexing="ij")
    xyz = xyz_of(np.stack([light, a, b], axis=-1).reshape(-1, 3))
    linear = np.clip(xyz @ np.linalg.inv(matrix_of("srgb")).T, 0, 1)
    rgb = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    inks = np.concatenate([1 - rgb, np.zeros((len(rgb), 1))], axis=1)
    back = _lut16(3, 4, 17, inks * 65535)
    made = profile({b"A2B0": forward, b"A2B1": forward, b"B2A0": back, b"B2A1": back}, space)
    # Version 2, output class, Lab: what press profiles are.
    return made[:8] + struct.pack(">I4s4s4s", 0x02400000, b"prtr", space, b"Lab ") + made[24:]


def lab_of(xyz: NDArray[np.float64]) -> NDArray[np.float64]:
    t = xyz / _xyz(D50)
    f = np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


def xyz_of(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    y = (lab[:, 0] + 16) / 116
    f = np.stack([y + lab[:, 1] / 500, y, y - lab[:, 2] / 200], axis=1)
    return np.asarray(np.where(f**3 > 216 / 24389, f**3, (116 * f - 16) / (24389 / 27)) * _xyz(D50))


def _lut16(inputs: int, outputs: int, grid: int, table: NDArray[np.float64]) -> bytes:
    ramp = np.array([0, 65535], ">u2").tobytes()
    head = b"mft2\0\0\0\0" + bytes([inputs, outputs, grid, 0]) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    head += struct.pack(">HH", 2, 2) + ramp * inputs
    return head + np.rint(table).astype(">u2").tobytes() + ramp * outputs


def file_of(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body), name) + body + struct.pack(">I", zlib.crc32(name + body))


def png(
    samples: NDArray[Any],
    *,
    chunks: bytes = b"",
    rows: bytes | None = None,
    size: tuple[int, int] | None = None,
) -> bytes:
    """A PNG written the plain way: no filter, one IDAT; samples (H, W, C) uint8 or uint16."""
    height, width = size or samples.shape[:2]
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[samples.shape[2]]
    bits = 8 * samples.dtype.itemsize
    if rows is None:
        big = samples.astype(samples.dtype.newbyteorder(">"))
        rows = zlib.compress(b"".join(b"\0" + row.tobytes() for row in big))
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunks + png_chunk(b"IDAT", rows) + png_chunk(b"IEND", b"")


def exif(orientation: int = 1) -> bytes:
    block = Image.Exif()
    block[0x0112] = orientation
    block[0x010F] = "Maker"
    block.get_ifd(0x8769)[0x9003] = "2020:01:02 03:04:05"
    return block.tobytes()


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def noise(shape: tuple[int, ...], dtype: str = "uint8", seed: int = 0) -> NDArray[Any]:
    generator = np.random.default_rng(seed)
    if dtype == "float32":
        return generator.normal(0.5, 0.6, shape).astype(np.float32)
    return generator.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)
