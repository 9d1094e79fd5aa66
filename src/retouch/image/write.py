"""Pictures to files: complete or not at all, and as much like the input as the format allows."""

from __future__ import annotations

import contextlib
import io
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from retouch.errors import InputError, OutputExists, UnknownName, UnwritablePicture
from retouch.image import convert, native, png16
from retouch.image.beside import companion_path, companion_paths
from retouch.image.colour import SRGB, Gray, colour_of
from retouch.image.drafts import draft_name, sweep
from retouch.image.facts import BitDepth, Mode
from retouch.image.native import Samples
from retouch.image.picture import Picture
from retouch.image.quiet import no_pillow_warnings

SUFFIXES = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".webp": "WEBP",
    ".avif": "AVIF",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
}
"""Which format a file name means."""

MOVING = {".gif": "GIF", ".webp": "WEBP", ".apng": "PNG", ".avif": "AVIF", ".mp4": "MP4"}
"""Which format a file name means for a picture with an animation; any other one gets the still."""

JPEG_QUALITY, WEBP_QUALITY, AVIF_QUALITY = 95, 90, 90


@dataclass(frozen=True, slots=True)
class _Holds:
    """What a format can hold."""

    modes: tuple[Mode, ...]
    depths: tuple[BitDepth, ...]
    longest_side: int
    icc: bool = True


_FORMATS = {
    "PNG": _Holds(("1", "L", "LA", "P", "RGB", "RGBA"), (1, 8, 16), 2**31 - 1),
    "JPEG": _Holds(("L", "RGB", "CMYK"), (8,), 65_500),
    "WEBP": _Holds(("RGB", "RGBA"), (8,), 16_383),
    "AVIF": _Holds(("L", "RGB", "RGBA"), (8,), 65_535),
    "TIFF": _Holds(("1", "L", "LA", "P", "RGB", "RGBA", "CMYK"), (1, 8, 16, 32), 2**31 - 1),
    "BMP": _Holds(("1", "L", "P", "RGB"), (1, 8), 2**31 - 1, icc=False),
}


def write(
    picture: Picture,
    path: Path,
    *,
    overwrite: bool,
    format: str | None,  # noqa: A002 - the name that Pillow users know
    quality: int | None,
    lossless: bool | None,
    bit_depth: BitDepth | None,
    background: tuple[float, float, float] | None,
    companions: bool,
) -> Path:
    """Write a picture; see :meth:`retouch.image.Picture.save`."""
    check_quality(quality)
    format_for(path, format, moving=picture.animation is not None)
    for each in (path, *companion_paths(path, picture.companions if companions else {})):
        check_target(each, overwrite=overwrite)
    files = files_of(
        picture,
        path,
        format=format,
        quality=quality,
        lossless=lossless,
        bit_depth=bit_depth,
        background=background,
        companions=companions,
    )
    put_all(files, overwrite=overwrite)
    return path


def files_of(
    picture: Picture,
    path: Path,
    *,
    format: str | None = None,  # noqa: A002 - the name that Pillow users know
    quality: int | None = None,
    lossless: bool | None = None,
    bit_depth: BitDepth | None = None,
    background: tuple[float, float, float] | None = None,
    companions: bool = False,
) -> dict[Path, bytes]:
    """Make everything that is written for a picture, and write none of it.

    Args:
        picture: any.
        path: the output; its ending says the format.
        format: as for :meth:`retouch.image.Picture.save`.
        quality: likewise.
        lossless: likewise.
        bit_depth: likewise.
        background: likewise.
        companions: likewise.

    Returns:
        Output → bytes; the picture last.

    Raises:
        InputError: the quality is out of range.
        UnknownName: there is no such format.
        UnwritablePicture: the suffix is unknown, or the format cannot hold the picture.
    """
    check_quality(quality)
    moving = picture.animation is not None
    motion = motion_for(path, format) if moving else None
    kind = motion or format_for(path, format, moving=moving)
    endings = picture.companions if companions else {}
    companion_paths(path, endings)
    if motion is not None and picture.animation is not None:
        if bit_depth not in (None, 8):
            raise UnwritablePicture(
                f"an animation has 8 bits per sample, and {bit_depth} were asked for; write a still as .png"
            )
        data = picture.animation.encoded(motion, quality=quality, lossless=bool(lossless))
    else:
        data = encoded(
            picture, kind, quality=quality, lossless=lossless, bit_depth=bit_depth, background=background
        )
    # The picture last: whoever waits for it finds the others there.
    files = {companion_path(path, ending): content for ending, content in endings.items()}
    return {**files, path: data}


def check_quality(quality: int | None) -> None:
    """Refuse a quality that no encoder has.

    Args:
        quality: as for :meth:`retouch.image.Picture.save`.

    Raises:
        InputError: it is not from 1 to 100.
    """
    if quality is not None and not (isinstance(quality, int) and 1 <= quality <= 100):
        raise InputError(f"quality must be a whole number from 1 (small) to 100 (best), got {quality!r}")


def motion_for(path: Path, format: str | None = None) -> str | None:  # noqa: A002 - as of write
    """Name the format in which a path would hold an animation.

    Args:
        path: the output.
        format: what the caller asked for, or None to let the suffix decide.

    Returns:
        The format; None where the picture is written still.
    """
    suffix = path.suffix.lower() if format is None else f".{format.lower()}"
    return MOVING.get(suffix)


def format_for(
    path: Path,
    format: str | None = None,  # noqa: A002 - the name that Pillow users know
    *,
    moving: bool = False,
) -> str:
    """Name the format in which a path would be written.

    Args:
        path: the output.
        format: what the caller asked for, or None to let the suffix decide.
        moving: whether the picture has an animation, which more formats hold.

    Raises:
        UnwritablePicture: the suffix is unknown.
        UnknownName: the format is.
    """
    if format is not None:
        kind = {"JPG": "JPEG", "TIF": "TIFF"}.get(format.upper(), format.upper())
        if kind not in _FORMATS and not (moving and motion_for(path, format)):
            raise UnknownName("format", format, _FORMATS)
        return kind
    known = SUFFIXES | (MOVING if moving else {})
    kind = known.get(path.suffix.lower(), "")
    if not kind:
        got = f"ends in {path.suffix!r}" if path.suffix else "has no suffix"
        raise UnwritablePicture(f"{path} {got}; name the format by one of {', '.join(known)}")
    return kind


def check_target(path: Path, *, overwrite: bool) -> None:
    """Find out before the work whether a file may be written.

    Args:
        path: the output.
        overwrite: whether a file that is there may be replaced.

    Raises:
        OutputExists: it is there and may not be replaced.
        UnwritablePicture: it is a folder or a device, or its folder is missing or protected.
    """
    try:
        folder_there = path.parent.is_dir()
        status = path.stat() if path.exists() else None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnwritablePicture(f"{path!s:.200} cannot be written ({reason}); choose another path") from None
    if status is not None and stat.S_ISDIR(status.st_mode):
        raise UnwritablePicture(f"{path} is a folder; give the path of a file, e.g. {path / 'out.png'}")
    if not folder_there:
        raise UnwritablePicture(f"the folder {path.parent} does not exist; make it first or choose another")
    if status is not None and not stat.S_ISREG(status.st_mode):
        raise UnwritablePicture(f"{path} is a device or a pipe; give the path of a file")
    if status is not None and not overwrite:
        raise OutputExists(_exists(path))
    if not os.access(path.parent, os.W_OK) or (status is not None and not os.access(path, os.W_OK)):
        raise UnwritablePicture(f"{path} is protected; change its permissions or choose another path")


def put(path: Path, data: bytes, *, overwrite: bool) -> None:
    """Let a file appear with all its bytes, or not at all.

    Args:
        path: the output; a link is followed.
        data: the bytes.
        overwrite: replace a file that is there. When False, a file that appears meanwhile is
            safe, too.

    Raises:
        OutputExists: it is there and may not be replaced.
        UnwritablePicture: the disk refuses.
    """
    put_all({path: data}, overwrite=overwrite)


def put_all(files: Mapping[Path, bytes], *, overwrite: bool, tag: str = "") -> None:
    """Let files appear that belong together, each with all its bytes.

    All of them are on the disk before the first gets its name. If one then finds its name taken, those
    before it are taken away again.

    Args:
        files: output → bytes, in the order in which they appear; a link is followed.
        overwrite: replace files that are there. When False, files that appear meanwhile are safe, too.
        tag: part of the drafts' names; those that a killed writer left are then taken away by a later one.

    Raises:
        OutputExists: one is there and may not be replaced.
        UnwritablePicture: the disk refuses.
    """
    drafts: list[tuple[Path, Path, Path]] = []
    published: list[Path] = []
    path = next(iter(files), Path())
    try:
        for number, (path, data) in enumerate(files.items()):
            final = Path(os.path.realpath(path))
            draft = final.with_name(draft_name(f"{tag}-{number}" if tag else ""))
            if tag:
                sweep(final.parent)
            drafts.append((path, draft, final))
            _write_draft(draft, data, final if overwrite else None)
        for path, draft, final in drafts:
            if overwrite:
                draft.replace(final)
            else:
                _publish(draft, final, path)
                published.append(final)
        published.clear()
    except UnwritablePicture:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnwritablePicture(f"{path!s:.200} cannot be written ({reason}); choose another path") from None
    finally:
        for _, draft, _ in drafts:
            draft.unlink(missing_ok=True)
        for final in published:
            final.unlink(missing_ok=True)


def encoded(
    picture: Picture,
    kind: str,
    *,
    quality: int | None = None,
    lossless: bool | None = None,
    bit_depth: BitDepth | None = None,
    background: tuple[float, float, float] | None = None,
) -> bytes:
    """Make the bytes of a file.

    Args:
        picture: any.
        kind: the format.
        quality: as for :meth:`retouch.image.Picture.save`.
        lossless: likewise.
        bit_depth: likewise.
        background: likewise.

    Raises:
        UnwritablePicture: the format cannot hold the picture.
    """
    picture = fitted(picture, kind, bit_depth, background)
    if kind == "PNG" and picture.samples.dtype != np.uint8:
        return png16.written(np.asarray(picture.samples, np.uint16), picture.file)
    if kind == "TIFF":
        from retouch.image import tiff_write

        return tiff_write.written(picture.samples, picture.file)
    if lossless is None:
        lossless = picture.file.lossless
    return _by_pillow(picture, kind, quality, lossless)


def fitted(
    picture: Picture, kind: str, bit_depth: BitDepth | None, background: tuple[float, float, float] | None
) -> Picture:
    """Change a picture as little as possible so that a format can hold it.

    Args:
        picture: any.
        kind: the format.
        bit_depth: what the caller asked for, or None.
        background: RGB to lay under transparent pixels, or None.

    Raises:
        UnwritablePicture: that is not possible without losing what the caller may want.
    """
    holds = _FORMATS[kind]
    if max(picture.size) > holds.longest_side:
        raise UnwritablePicture(
            f"{kind} holds at most {holds.longest_side:,} pixels a side and the picture is "
            f"{picture.height}×{picture.width}; write PNG or TIFF"
        )
    if bit_depth is not None and bit_depth not in holds.depths:
        able = ", ".join(name for name, other in _FORMATS.items() if bit_depth in other.depths)
        raise UnwritablePicture(
            f"{kind} does not hold {bit_depth} bits per sample; choose {able or '8 bits'}"
        )
    if background is not None:
        picture = picture.converted(background=background)
    depth = bit_depth or min(picture.file.bit_depth, max(holds.depths))
    mode = _mode_for(picture, kind, holds)
    if mode == "P" and depth != 8:
        mode = "RGBA" if picture.samples.shape[2] == 4 else "RGB"
    srgb = not holds.icc and not _reads_as_srgb(picture)
    return picture.converted(mode=mode, bit_depth=depth, srgb=srgb)


def _mode_for(picture: Picture, kind: str, holds: _Holds) -> Mode:
    mode = picture.file.mode
    channel = native.alpha_channel(picture.samples, picture.file)
    if channel is not None and "RGBA" not in holds.modes:
        if not convert.is_opaque(picture):
            raise UnwritablePicture(
                f"the picture has transparent pixels and {kind} has none; write PNG, WebP or TIFF, "
                "or pass background=(1, 1, 1) to lay white under it"
            )
        channel = None
    if mode == "1" and not _is_black_and_white(picture.samples):
        mode = "L"
    if mode == "P" and (
        "P" not in holds.modes or (channel is not None and kind != "PNG") or _is_colourful(picture)
    ):
        mode = "RGB" if channel is None else "RGBA"
    if mode in ("LA", "RGBA") and channel is None:
        mode = "L" if mode == "LA" else "RGB"
    if mode in holds.modes:
        return mode
    if mode == "1" and "L" in holds.modes:
        return "L"
    return "RGB" if channel is None else "RGBA"


def _by_pillow(picture: Picture, kind: str, quality: int | None, lossless: bool) -> bytes:
    from retouch.image import palette, pillow

    file = picture.file
    extras: dict[str, Any] = {}
    samples = np.asarray(picture.samples, np.uint8)
    colours = palette.palette_of(samples) if file.mode == "P" else None
    if colours is not None:
        image, transparency = palette.image_with(samples, colours)
        if transparency is not None:
            extras["transparency"] = transparency
    else:
        image = pillow.image_of(samples, file.mode)
    if file.icc and _FORMATS[kind].icc:
        extras["icc_profile"] = file.icc
    if file.exif and kind != "BMP" and not (kind == "JPEG" and len(file.exif) > 65_000):
        extras["exif"] = b"Exif\0\0" + file.exif
    if file.dpi and kind in ("PNG", "JPEG", "BMP"):
        extras["dpi"] = file.dpi
    options: dict[str, dict[str, Any]] = {
        "PNG": {"compress_level": 2},
        "JPEG": {"quality": quality or JPEG_QUALITY, "subsampling": 0},
        "WEBP": {"lossless": lossless, "exact": True, "quality": 60 if lossless else quality or WEBP_QUALITY},
        "AVIF": {
            "quality": quality or AVIF_QUALITY,
            "subsampling": "4:0:0" if image.mode == "L" else "4:4:4",
        },
        "BMP": {},
    }
    file_bytes = io.BytesIO()
    try:
        with no_pillow_warnings():
            image.save(file_bytes, kind, **extras, **options[kind])
    except (OSError, ValueError, KeyError, SyntaxError, OverflowError, MemoryError) as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise UnwritablePicture(
            f"the picture cannot be written as {kind} ({reason}); write PNG or TIFF"
        ) from error
    return file_bytes.getvalue()


def _write_draft(draft: Path, data: bytes, replaced: Path | None) -> None:
    # 0o666 is cut by the user's umask, as for any file.
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    with os.fdopen(descriptor, "wb") as file:
        if replaced is not None:
            _keep_permissions(replaced, draft)
        file.write(data)


def _publish(draft: Path, final: Path, path: Path) -> None:
    """Give the finished draft its name unless the name is taken, in one step of the file system."""
    try:
        os.link(draft, final)
        return
    except FileExistsError:
        raise OutputExists(_exists(path)) from None
    except OSError:
        pass  # no hard links on this file system (FAT, some network drives)
    try:
        os.close(os.open(final, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    except FileExistsError:
        raise OutputExists(_exists(path)) from None
    try:
        draft.replace(final)
    except BaseException:
        final.unlink(missing_ok=True)
        raise


def _keep_permissions(final: Path, draft: Path) -> None:
    """Let a file that is replaced stay as private, or as shared, as it was."""
    # It may not be there, and some file systems (FAT, network drives) have no permissions.
    with contextlib.suppress(OSError):
        draft.chmod(stat.S_IMODE(final.stat().st_mode))


def _exists(path: Path) -> str:
    return f"{path} exists already; pass overwrite=True (--overwrite) or choose another path"


def _is_black_and_white(samples: Samples) -> bool:
    return bool(np.isin(samples, (0, native.full_scale(samples))).all())


def _is_colourful(picture: Picture) -> bool:
    from retouch.image import palette

    return palette.palette_of(np.asarray(picture.samples, np.uint8)) is None


def _reads_as_srgb(picture: Picture) -> bool:
    inks = native.colour_samples(picture.samples, picture.file).shape[2]
    colour = colour_of(picture.file.icc, "GRAY" if inks == 1 else "RGB")
    return isinstance(colour, SRGB) or colour == Gray()
