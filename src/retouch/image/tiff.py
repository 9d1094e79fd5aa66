"""TIFF files: which page, what kind of samples, and the deep ones sample by sample.

Pillow reads 8-bit pages. Pages of 16-bit or floating-point samples (which it would round or
refuse) are handed to it under another label: the same strips or tiles, declared as 8-bit gray
of so many bytes per row. What comes back are the bytes of the samples, whatever the
compression, and they are put together here.

Source: TIFF 6.0 (Adobe 1992); Adobe Photoshop TIFF Technical Note 3 (floating-point predictor).
"""

from __future__ import annotations

import io
import logging
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from retouch.errors import PictureTooLarge, UnreadablePicture
from retouch.image import exif as exif_block
from retouch.image import pillow
from retouch.image.facts import BitDepth, FileFacts, Mode
from retouch.image.limits import check_frame, check_pixels
from retouch.image.native import Samples
from retouch.image.tiff_write import KEPT_TAGS, SUBDIRECTORIES, Tag

logger = logging.getLogger(__name__)

_COMPRESSIONS = {1, 5, 8, 32773, 32946, 34925, 50000}
"""None, LZW, deflate, PackBits, deflate (old), LZMA, Zstandard: those that keep bytes as they are."""

_MOST_PAGES = 1000
_MOST_CHANNELS = 16
_WIDEST_TILE = 1 << 16


@dataclass(frozen=True, slots=True)
class _Page:
    """One picture of the file: its place in the chain of directories, and its tags."""

    index: int
    offset: int
    tags: ImageFileDirectory_v2

    def number(self, tag: int, default: int) -> int:
        value = self.tags.get(tag, default)
        value = value[0] if isinstance(value, tuple) else value
        return int(value)

    def numbers(self, tag: int) -> tuple[int, ...]:
        value = self.tags.get(tag, ())
        return tuple(int(v) for v in value) if isinstance(value, tuple) else (int(value),)

    @property
    def bits(self) -> tuple[int, ...]:
        return self.numbers(Tag.BITS) or (1,)

    @property
    def is_deep(self) -> bool:
        return max(self.bits) > 8 or self.number(Tag.SAMPLE_FORMAT, 1) == 3


def read(data: bytes, name: str, frame: int | None, max_pixels: int) -> tuple[Samples, FileFacts]:
    """Read one page of a TIFF file.

    Args:
        data: the file.
        name: what to call it in an error.
        frame: which page, from 0; None when there must be one only. Pages that are smaller
            copies of another (pyramids, thumbnails) do not count.
        max_pixels: the most pixels that are decoded.

    Returns:
        Samples (H, W, C), upright, and what the file says about them.

    Raises:
        UnreadablePicture: the samples are of a kind that is not read, or not finite.
        PictureTooLarge: the page has too many pixels.
    """
    page = _page(data, name, frame)
    check_pixels(name, page.number(Tag.WIDTH, 0), page.number(Tag.HEIGHT, 0), max_pixels)
    _check_strips(page, len(data))
    if page.is_deep:
        return _deep(data, name, page, max_pixels)
    image = TiffImagePlugin.TiffImageFile(io.BytesIO(data))
    image.seek(page.index)
    check_pixels(name, *image.size, max_pixels)
    _reserve(image, max_pixels)
    facts = _facts(data, page)
    image.load()
    samples, mode, depth = pillow.samples_of(image)
    return samples, FileFacts("TIFF", mode, depth, *facts)


def _page(data: bytes, name: str, frame: int | None) -> _Page:
    pages = _pages(data)
    if not pages:
        raise ValueError("it holds no picture")
    check_frame(name, len(pages), frame)
    return pages[frame or 0]


def _pages(data: bytes) -> list[_Page]:
    header = data[:16] if data[2:3] == b"+" or data[3:4] == b"+" else data[:8]
    file = io.BytesIO(data)
    start = ImageFileDirectory_v2(header).next
    pages: list[_Page] = []
    seen: set[int] = set()
    while start and start not in seen and len(seen) < _MOST_PAGES:
        seen.add(start)
        tags = ImageFileDirectory_v2(header)
        file.seek(start)
        tags.load(file)
        page = _Page(len(seen) - 1, start, tags)
        if not page.number(Tag.SUBFILE_TYPE, 0) & 1 and Tag.WIDTH in tags:
            pages.append(page)
        start = tags.next
    return pages


def _check_strips(page: _Page, size: int) -> None:
    """Find out before libtiff does, which would complain on stderr."""
    for places, lengths in ((Tag.STRIP_OFFSETS, Tag.STRIP_BYTES), (Tag.TILE_OFFSETS, Tag.TILE_BYTES)):
        for place, length in zip(page.numbers(places), page.numbers(lengths), strict=False):
            if place + length > size:
                raise ValueError("it ends before its pixels do")


def _reserve(image: TiffImagePlugin.TiffImageFile, most: int) -> None:
    """Make room for the pixels now, because Pillow would apply a global limit of its own."""
    width, height = image._tile_size
    if width * height > most:
        raise PictureTooLarge(f"a page of {height}×{width} pixels is more than the limit of {most:,}")
    image.im = Image.new(image.mode, (width, height), None).im


def _facts(data: bytes, page: _Page) -> tuple[bytes | None, bytes | None, bool, tuple[float, float] | None]:
    """The profile, EXIF block, losslessness and resolution of a page."""
    icc = page.tags.get(Tag.ICC)
    icc = icc if isinstance(icc, bytes) and icc else None
    return icc, _exif(data, page), page.number(Tag.COMPRESSION, 1) not in (6, 7), _dpi(page)


def _exif(data: bytes, page: _Page) -> bytes | None:
    """Collect what a person or camera wrote; leave out what describes this file's layout."""
    block = Image.Exif()
    try:
        for tag in KEPT_TAGS:
            if tag in page.tags:
                block[tag] = page.tags[tag]
        if any(tag in page.tags for tag in SUBDIRECTORIES):
            full = Image.Exif()
            full.endian = "<" if data[:2] == b"II" else ">"
            full.load_from_fp(io.BytesIO(data), page.offset)
            for tag in SUBDIRECTORIES:
                inner = full.get_ifd(tag)
                if inner:
                    block.get_ifd(tag).update(inner)
        if not len(block):
            return None
        return exif_block.upright(exif_block.bare(block.tobytes()))
    except Exception as error:
        # Pillow raises anything on broken directories, and a picture is worth more than its EXIF.
        logger.warning("the EXIF block cannot be read (%s); it is left out", error)
        return None


def _dpi(page: _Page) -> tuple[float, float] | None:
    per_inch = {2: 1.0, 3: 2.54}.get(page.number(Tag.RESOLUTION_UNIT, 2))
    try:
        across, down = (float(page.tags[tag]) for tag in (Tag.X_RESOLUTION, Tag.Y_RESOLUTION))
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    if per_inch is None or not (1 < across < 100_000 and 1 < down < 100_000):
        return None
    return across * per_inch, down * per_inch


def _deep(data: bytes, name: str, page: _Page, max_pixels: int) -> tuple[Samples, FileFacts]:
    dtype = _dtype(page, name, data[:2] == b"II")
    channels = page.number(Tag.SAMPLES, len(page.bits))
    if not 1 <= channels <= _MOST_CHANNELS:
        raise UnreadablePicture(f"{name} has {channels} channels per pixel; save it with at most 4")
    width, height = page.number(Tag.WIDTH, 0), page.number(Tag.HEIGHT, 0)
    if width < 1 or height < 1:
        raise ValueError("the page has no pixels")
    planes = channels if page.number(Tag.PLANAR, 1) == 2 and channels > 1 else 1
    layers = [
        _plane(data, page, plane, planes, channels // planes, dtype, max_pixels) for plane in range(planes)
    ]
    samples = layers[0] if planes == 1 else np.concatenate(layers, axis=2)
    samples, mode = _arranged(samples.astype(dtype.newbyteorder("="), copy=False), page, name)
    if samples.dtype.kind == "f":
        if not np.isfinite(samples).all():
            bad = int(samples.size - np.isfinite(samples).sum())
            raise UnreadablePicture(
                f"{name} holds {bad} NaN or infinite samples; replace them in the program that made it"
            )
        samples = samples.astype(np.float32, copy=False)
        if not np.isfinite(samples).all():
            raise UnreadablePicture(f"{name} holds numbers too large for 32-bit floats; scale it to [0, 1]")
    depth: BitDepth = 32 if samples.dtype == np.float32 else 16
    samples = exif_block.turned(samples, page.number(Tag.ORIENTATION, 1))
    return samples, FileFacts("TIFF", mode, depth, *_facts(data, page))


def _dtype(page: _Page, name: str, little: bool) -> np.dtype[Any]:
    kind, bits = page.number(Tag.SAMPLE_FORMAT, 1), set(page.bits)
    names = {(1, 16): "u2", (3, 16): "f2", (3, 32): "f4", (3, 64): "f8"}
    if len(bits) != 1 or (kind, max(bits)) not in names:
        what = {1: "whole", 2: "signed whole", 3: "floating-point"}.get(kind, "unknown")
        raise UnreadablePicture(
            f"{name} holds {what} samples of {'/'.join(map(str, sorted(bits)))} bits; "
            "save it with 8 or 16 bits (whole) or 32 bits (floating point)"
        )
    if page.number(Tag.COMPRESSION, 1) not in _COMPRESSIONS:
        raise UnreadablePicture(
            f"{name} is compressed by method {page.number(Tag.COMPRESSION, 1)}; "
            "save it with LZW, deflate or none"
        )
    return np.dtype(("<" if little else ">") + names[kind, max(bits)])


def _plane(
    data: bytes, page: _Page, plane: int, planes: int, channels: int, dtype: np.dtype[Any], max_pixels: int
) -> NDArray[Any]:
    """Decode one plane (or all channels when they are interleaved) to (H, W, C)."""
    width, height = page.number(Tag.WIDTH, 0), page.number(Tag.HEIGHT, 0)
    pixel = channels * dtype.itemsize
    tiled = Tag.TILE_OFFSETS in page.tags
    tile = page.number(Tag.TILE_WIDTH, width) if tiled else width
    if not 1 <= tile <= max(_WIDEST_TILE, width):
        raise ValueError("a tile has no width or is too wide")
    padded = -(-width // tile) * tile
    offsets = page.numbers(Tag.TILE_OFFSETS if tiled else Tag.STRIP_OFFSETS)
    sizes = page.numbers(Tag.TILE_BYTES if tiled else Tag.STRIP_BYTES)
    if not offsets or len(offsets) != len(sizes) or len(offsets) % planes:
        raise ValueError("the list of strips is broken")
    own = slice(plane * (len(offsets) // planes), (plane + 1) * (len(offsets) // planes))
    layout: dict[int, int] = {}
    if tiled:
        layout = {Tag.TILE_WIDTH: tile * pixel, Tag.TILE_HEIGHT: page.number(Tag.TILE_HEIGHT, 1)}
    rows = min(page.number(Tag.ROWS_PER_STRIP, height), height)
    strips = list(zip(offsets[own], sizes[own], strict=True))
    file = _relabelled(data, page, (padded * pixel, height), (tile, rows, pixel), strips, layout)
    image = TiffImagePlugin.TiffImageFile(io.BytesIO(file))
    _reserve(image, 8 * _MOST_CHANNELS * max_pixels)
    image.load()
    flat = np.asarray(image)
    return _unpredicted(flat, page.number(Tag.PREDICTOR, 1), tile, channels, dtype)[:, :width]


def _relabelled(
    data: bytes,
    page: _Page,
    size: tuple[int, int],
    shape: tuple[int, int, int],
    strips: list[tuple[int, int]],
    layout: dict[int, int],
) -> bytes:
    """The same file with one more directory, which calls the strips 8-bit gray rows of bytes."""
    little = data[:2] == b"II"
    order = "<" if little else ">"
    start = len(data) + (len(data) & 1)
    offsets, sizes = zip(*strips, strict=True)
    entries: dict[int, tuple[int, ...]] = {
        Tag.WIDTH: (size[0],),
        Tag.HEIGHT: (size[1],),
        Tag.BITS: (8,),
        Tag.COMPRESSION: (page.number(Tag.COMPRESSION, 1),),
        Tag.PHOTOMETRIC: (1,),
        Tag.SAMPLES: (1,),
        **{tag: (value,) for tag, value in layout.items()},
    }
    if layout:
        entries |= {Tag.TILE_OFFSETS: offsets, Tag.TILE_BYTES: sizes}
    else:
        entries |= {Tag.STRIP_OFFSETS: offsets, Tag.STRIP_BYTES: sizes, Tag.ROWS_PER_STRIP: (shape[1],)}
    table, extra = b"", b""
    after = start + 2 + 12 * len(entries) + 4
    for tag, values in sorted(entries.items()):
        body = struct.pack(f"{order}{len(values)}I", *values)
        place = body if len(values) == 1 else struct.pack(order + "I", after + len(extra))
        table += struct.pack(order + "HHI", tag, 4, len(values)) + place
        extra += body if len(values) > 1 else b""
    directory = struct.pack(order + "H", len(entries)) + table + bytes(4) + extra
    header = data[:2] + struct.pack(order + "HI", 42, start)
    return b"".join((header, data[8:], bytes(start - len(data)), directory))


def _unpredicted(
    flat: NDArray[np.uint8], predictor: int, tile: int, channels: int, dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Undo the differences that some compressions store; tiles start afresh."""
    height = flat.shape[0]
    if predictor == 1:
        return flat.view(dtype).reshape(height, -1, channels)
    tiles = flat.reshape(height, -1, tile * channels * dtype.itemsize)
    if predictor == 2:
        # Floats are differenced as if they were whole numbers of the same size.
        whole = np.dtype(f"u{dtype.itemsize}")
        words = tiles.view(whole.newbyteorder(dtype.byteorder)).astype(whole)
        words = np.cumsum(words.reshape(height, -1, tile, channels), axis=2, dtype=whole)
        return words.view(dtype.newbyteorder("=")).reshape(height, -1, channels)
    if predictor == 3 and dtype.kind == "f":
        # Bytes of equal weight are stored together, the heaviest first, as differences.
        stored = tiles.reshape(height, tiles.shape[1], -1, channels)
        summed = np.cumsum(stored, axis=2, dtype=np.uint8)
        heavy_first = summed.reshape(height, tiles.shape[1], dtype.itemsize, tile * channels)
        together = np.ascontiguousarray(heavy_first.swapaxes(2, 3))
        return together.view(dtype.newbyteorder(">")).reshape(height, -1, channels)
    raise ValueError(f"the predictor {predictor} does not fit its samples")


def _arranged(samples: NDArray[Any], page: _Page, name: str) -> tuple[NDArray[Any], Mode]:
    """Keep the colour and alpha channels, as light and not multiplied."""
    photometric = page.number(Tag.PHOTOMETRIC, 1)
    kinds: dict[int, tuple[int, Mode]] = {0: (1, "L"), 1: (1, "L"), 2: (3, "RGB"), 5: (4, "CMYK")}
    if photometric not in kinds or samples.shape[2] < kinds[photometric][0]:
        raise UnreadablePicture(
            f"{name} is a TIFF of colour kind {photometric}; save it as gray, RGB or CMYK"
        )
    colours, mode = kinds[photometric]
    inks = samples[..., :colours]
    if photometric == 0:
        inks = (65535 if samples.dtype.kind == "u" else 1) - inks
    extra = page.numbers(Tag.EXTRA_SAMPLES)
    meaning = extra[0] if extra else 2  # without a word about it, a channel more is the opacity
    if samples.shape[2] == colours or mode == "CMYK" or meaning not in (1, 2):
        return np.ascontiguousarray(inks, inks.dtype), mode
    alpha = samples[..., colours : colours + 1]
    if meaning == 1:
        inks = _unmultiplied(inks, alpha)
    return np.concatenate([inks, alpha], axis=2), "LA" if mode == "L" else "RGBA"


def _unmultiplied(inks: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    if inks.dtype.kind == "f":
        return np.asarray(np.where(alpha > 0, inks / np.where(alpha > 0, alpha, 1), 0), inks.dtype)
    straight = inks.astype(np.float64) * 65535 / np.maximum(alpha, 1)
    return np.asarray(np.rint(np.clip(straight, 0, 65535)), inks.dtype)
