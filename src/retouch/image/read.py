"""Picture files from outside, which may be broken or hostile, to samples.

Order matters: the kind of thing behind the path, then its bytes, then the format from its
first bytes, then width × height from its header, and only then the decoder.
"""

from __future__ import annotations

import io
import logging
import math
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from retouch.errors import Cancelled, PictureError, PictureTooLarge, UnreadablePicture
from retouch.image import exif as exif_block
from retouch.image import pillow, png16, sniff, tiff
from retouch.image.facts import FileFacts
from retouch.image.limits import check_frame, check_pixels
from retouch.image.native import Samples
from retouch.image.quiet import no_pillow_warnings

if TYPE_CHECKING:
    from PIL import Image, ImageFile

logger = logging.getLogger(__name__)


def read(
    source: str | Path | bytes, *, frame: int | None, max_pixels: int, max_bytes: int, name: str = ""
) -> tuple[Samples, FileFacts]:
    """Read a picture file.

    Args:
        source: a path, or the bytes of a file.
        frame: which picture of the file, from 0; None when there must be one only.
        max_pixels: the most pixels that are decoded.
        max_bytes: the most bytes that are read.
        name: what errors call bytes.

    Returns:
        Samples (H, W, C), turned upright, and what the file says about them.

    Raises:
        UnreadablePicture: the file is missing, broken or of a kind that is not read.
        PictureTooLarge: the file has too many bytes or pixels.
    """
    if isinstance(source, bytes):
        name, data = name or f"the picture of {len(source)} bytes", source
        if len(data) > max_bytes:
            raise PictureTooLarge(_too_many_bytes(name, len(data), max_bytes))
    else:
        name, data = str(source), file_bytes(Path(source), max_bytes)
    kind = sniff.format_of(data, name)
    try:
        with no_pillow_warnings():
            return _decoded(data, kind, name, frame, max_pixels)
    except (PictureError, Cancelled):
        raise
    except MemoryError:
        raise PictureTooLarge(
            f"{name} does not fit the memory of this machine; give a smaller picture"
        ) from None
    except Exception as error:
        # Decoders raise anything on broken files: struct.error, IndexError, KeyError, …
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise UnreadablePicture(
            f"{name} is a damaged or truncated {kind} file ({reason}); get an intact copy"
        ) from error


def file_bytes(path: Path, max_bytes: int) -> bytes:
    """Read a whole file, if it is one.

    Args:
        path: may be anything; a pipe or a device does not block.
        max_bytes: the most bytes that are read.

    Raises:
        UnreadablePicture: there is no file, it is no regular file, or it may not be read.
        PictureTooLarge: it is larger than allowed.
    """
    try:
        # Opening a pipe for reading waits for a writer unless told not to.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise UnreadablePicture(f"{path} does not exist; check the path") from None
    except PermissionError:
        raise UnreadablePicture(f"{path} may not be read; check its permissions") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadablePicture(
            f"{path!s:.200} cannot be opened ({reason}); give the path of a picture"
        ) from None
    try:
        # Not os.fdopen first: it refuses a folder with an error of its own.
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise UnreadablePicture(f"{path} is a folder; give the path of a picture file in it")
        if not stat.S_ISREG(status.st_mode):
            raise UnreadablePicture(f"{path} is a device or a pipe; give the path of a picture file")
        if status.st_size > max_bytes:
            raise PictureTooLarge(_too_many_bytes(str(path), status.st_size, max_bytes))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(max_bytes)
    except PictureError:
        raise
    except OSError as error:
        raise UnreadablePicture(f"{path} cannot be read ({error.strerror}); check the disk") from None
    finally:
        os.close(descriptor)


def _too_many_bytes(name: str, size: int, max_bytes: int) -> str:
    return (
        f"{name} has {size:,} bytes, more than the limit of {max_bytes:,}; "
        "raise it with Picture.open(path, max_bytes=…) if you trust the file"
    )


def _decoded(
    data: bytes, kind: str, name: str, frame: int | None, max_pixels: int
) -> tuple[Samples, FileFacts]:
    if kind == "PNG" and png16.is_deep(data):
        check_pixels(name, *png16.size_of(data), max_pixels)
        check_frame(name, png16.frames_of(data), frame)
        if frame:
            raise UnreadablePicture(
                f"{name} is an animated 16-bit PNG; only its first picture is read: frame=0"
            )
        return png16.read(data)
    if kind == "TIFF":
        return tiff.read(data, name, frame, max_pixels)
    lossless = kind in ("PNG", "BMP")
    if kind == "WEBP":
        width, height, lossless = sniff.webp_facts(data)
        check_pixels(name, width, height, max_pixels)
    image = _opened(data, kind)
    check_pixels(name, *image.size, max_pixels)
    choose_frame(image, name, frame)
    image.load()
    samples, mode, bit_depth = pillow.samples_of(image)
    block = exif_block.bare(image.info.get("exif") or b"")
    samples = exif_block.turned(samples, exif_block.orientation(block))
    facts = FileFacts(
        kind, mode, bit_depth, profile_of(image), exif_block.upright(block), lossless, dpi_of(image)
    )
    return samples, facts


def _opened(data: bytes, kind: str) -> ImageFile.ImageFile:
    """Open with one decoder only; Image.open would try all and add its own pixel limit."""
    from PIL import AvifImagePlugin, BmpImagePlugin, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

    classes = {
        "PNG": PngImagePlugin.PngImageFile,
        "JPEG": JpegImagePlugin.JpegImageFile,
        "WEBP": WebPImagePlugin.WebPImageFile,
        "AVIF": AvifImagePlugin.AvifImageFile,
        "BMP": BmpImagePlugin.BmpImageFile,
    }
    return classes[kind](io.BytesIO(data))


def choose_frame(image: Image.Image, name: str, frame: int | None) -> None:
    """Go to the picture that was asked for.

    Args:
        image: just opened.
        name: what to call the file in an error.
        frame: from 0, or None when there must be one picture only.

    Raises:
        UnreadablePicture: there are several and none was chosen, or fewer than chosen.
    """
    check_frame(name, int(getattr(image, "n_frames", 1)), frame)
    if frame:
        image.seek(frame)


def profile_of(image: Image.Image) -> bytes | None:
    """The embedded colour profile, or None."""
    icc = image.info.get("icc_profile")
    return icc if isinstance(icc, bytes) and icc else None


def dpi_of(image: Image.Image) -> tuple[float, float] | None:
    """The resolution, if it is a sensible pair of numbers."""
    try:
        across, down = (float(value) for value in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    sensible = all(math.isfinite(value) and 1 < value < 100_000 for value in (across, down))
    return (across, down) if sensible else None
