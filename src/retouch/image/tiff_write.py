"""TIFF files of every mode and depth, deflated, in strips."""

from __future__ import annotations

import io
import logging
import struct
import sys
import zlib
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import IFDRational, ImageFileDirectory_v2

from retouch.image import palette
from retouch.image.facts import FileFacts
from retouch.image.native import Samples

logger = logging.getLogger(__name__)


class Tag(IntEnum):
    """The TIFF tags that say how samples are stored."""

    SUBFILE_TYPE = 254
    WIDTH = 256
    HEIGHT = 257
    BITS = 258
    COMPRESSION = 259
    PHOTOMETRIC = 262
    STRIP_OFFSETS = 273
    ORIENTATION = 274
    SAMPLES = 277
    ROWS_PER_STRIP = 278
    STRIP_BYTES = 279
    X_RESOLUTION = 282
    Y_RESOLUTION = 283
    PLANAR = 284
    RESOLUTION_UNIT = 296
    PREDICTOR = 317
    COLOUR_MAP = 320
    TILE_WIDTH = 322
    TILE_HEIGHT = 323
    TILE_OFFSETS = 324
    TILE_BYTES = 325
    EXTRA_SAMPLES = 338
    SAMPLE_FORMAT = 339
    ICC = 34675


KEPT_TAGS = (270, 271, 272, 305, 306, 315, 316, 33432)
"""Description, make, model, software, date, artist, computer, copyright."""

SUBDIRECTORIES = (34665, 34853)
"""The EXIF and GPS directories."""

_STRIP_BYTES = 1 << 20


def written(samples: Samples, facts: FileFacts) -> bytes:
    """Make a TIFF file.

    Args:
        samples: (H, W, C), uint8, uint16 or float32.
        facts: the mode, and the profile, EXIF and resolution to put in.

    Returns:
        The file.
    """
    height, width = samples.shape[:2]
    header = (b"II*\0" if sys.byteorder == "little" else b"MM\0*") + struct.pack("=I", 8)
    directory = ImageFileDirectory_v2(header)
    directory[Tag.WIDTH], directory[Tag.HEIGHT] = width, height
    directory[Tag.COMPRESSION], directory[Tag.PLANAR] = 8, 1
    stored = _layout(directory, samples, facts)
    rows = max(1, _STRIP_BYTES // stored[0].nbytes)
    differences = directory.get(Tag.PREDICTOR, 1) == 2
    strips = [_deflated(stored[top : top + rows], differences) for top in range(0, height, rows)]
    directory[Tag.ROWS_PER_STRIP] = rows
    if facts.icc:
        directory.tagtype[Tag.ICC] = 7
        directory[Tag.ICC] = facts.icc
    if facts.dpi:
        directory[Tag.RESOLUTION_UNIT] = 2
        for tag, value in zip((Tag.X_RESOLUTION, Tag.Y_RESOLUTION), facts.dpi, strict=True):
            directory[tag] = IFDRational(round(value * 1000), 1000)
    _describe(directory, facts.exif)
    sizes = [len(strip) for strip in strips]
    directory.tagtype[Tag.STRIP_OFFSETS] = directory.tagtype[Tag.STRIP_BYTES] = 4
    directory[Tag.STRIP_BYTES] = tuple(sizes)
    # Pillow adds the end of the directory to these.
    directory[Tag.STRIP_OFFSETS] = tuple(int(place) for place in np.cumsum([0, *sizes[:-1]]))
    file = io.BytesIO()
    file.write(header)
    directory.save(file)
    return file.getvalue() + b"".join(strips)


def _layout(directory: ImageFileDirectory_v2, samples: Samples, facts: FileFacts) -> NDArray[Any]:
    """Say how the samples are stored, and give them that way, one row of the picture per row."""
    channels, bits = samples.shape[2], 8 * samples.dtype.itemsize
    colours = {"CMYK": 4, "LA": 1, "L": 1, "1": 1}.get(facts.mode, 3)
    photometric = {1: 1, 3: 2, 4: 5}[colours]
    if facts.mode == "1":
        bits, stored = 1, np.packbits(samples[..., 0] >= 128, axis=1)
    elif facts.mode == "P" and (colour_list := palette.palette_of(samples)) is not None:
        channels, colours, photometric = 1, 1, 3
        stored = palette.indices_of(samples, colour_list)
        table = np.zeros((3, 256), np.uint16)
        table[:, : len(colour_list)] = palette.channels_of(colour_list)[:, :3].T
        directory[Tag.COLOUR_MAP] = tuple(int(value) * 257 for value in table.ravel())
    else:
        stored = samples
        directory[Tag.PREDICTOR] = 2 if samples.dtype.kind == "u" else 1
    directory[Tag.BITS] = (bits,) * channels
    directory[Tag.PHOTOMETRIC] = photometric
    directory[Tag.SAMPLES] = channels
    directory[Tag.SAMPLE_FORMAT] = (3 if samples.dtype.kind == "f" else 1,) * channels
    if channels > colours:
        directory[Tag.EXTRA_SAMPLES] = 2
    return stored


def _deflated(strip: NDArray[Any], differences: bool) -> bytes:
    if differences:
        stored = strip.copy()
        np.subtract(strip[:, 1:], strip[:, :-1], out=stored[:, 1:])
        strip = stored
    return zlib.compress(np.ascontiguousarray(strip).data, 1)


def _describe(directory: ImageFileDirectory_v2, exif: bytes | None) -> None:
    if not exif:
        return
    try:
        block = Image.Exif()
        block.load(b"Exif\0\0" + exif)
        for tag in KEPT_TAGS:
            if tag in block:
                directory[tag] = block[tag]
        for tag in SUBDIRECTORIES:
            inner = block.get_ifd(tag)
            if inner:
                directory[tag] = inner
    except (struct.error, ValueError, TypeError, KeyError, SyntaxError) as error:
        logger.warning("the EXIF block cannot be put into a TIFF file (%s); it is left out", error)
