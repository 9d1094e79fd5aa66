"""Spoil the pictures of a folder, to look at them or to keep them as inputs."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np

from retouch.data.degradations.spec import parse
from retouch.data.framing import unit
from retouch.data.layouts import scan
from retouch.data.origin import WHOLE
from retouch.data.seeds import generator
from retouch.errors import DataError, InputError
from retouch.image import Picture
from retouch.progress import Progress, ProgressCallback


def degrade(
    folder: str | Path,
    out: str | Path,
    degradations: str,
    *,
    seed: int = 0,
    progress: ProgressCallback | None = None,
) -> int:
    """Spoil every picture of a folder.

    What is random depends on the seed and on the picture's name. Rows and columns beyond a multiple of the
    scale are left out. The results are clipped and rounded to 8 bits, so noise in dark and bright places gets
    weaker: benchmarks of denoising, which add it to the numbers, are ``retouch evaluate restore``'s.

    Args:
        folder: with pictures at any depth.
        out: a folder, which is made; it must be empty if it is there. Pictures keep their names, as PNG.
        degradations: as :func:`retouch.data.degradations.parse` reads them.
        seed: another one gives other noise.
        progress: called after every picture.

    Returns:
        How many were written.

    Raises:
        DataError: a folder cannot be read or written, has no pictures, or is not empty.
        InputError: the degradations cannot be read, or a picture is too small for them.
        UnknownName: there is no such degradation.
        UnwritablePicture: a picture cannot be written.
        Cancelled: the progress callback stopped the work.
    """
    chain = parse(degradations)
    folder, out = Path(folder), Path(out)
    found = scan(folder) if folder.is_dir() else None
    if found is None or not found.pictures:
        raise DataError(f"{folder} has no pictures; give a folder with some")
    if found.doubles:
        raise DataError(
            f"{found.doubles[0]} and another picture would both become a .png of that name; rename one"
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
        full = any(out.iterdir())
    except OSError as error:
        raise DataError(f"{out} cannot be written: {error.strerror}; choose another folder") from error
    if full:
        raise DataError(f"{out} is not empty; choose another folder, or empty it")
    for done, (name, file) in enumerate(found.pictures.items(), start=1):
        planes = unit(file.parts((WHOLE,), None)[WHOLE])
        if not np.ptp(planes, axis=0).any():
            planes = planes[:1]
        height, width = (side - side % chain.scale for side in planes.shape[1:])
        if min(height, width) < 1:
            raise InputError(
                f"{file.path} is {planes.shape[2]}×{planes.shape[1]}, too small for 1/{chain.scale} of it; "
                "leave it out"
            )
        spoiled = chain.apply(planes[:, :height, :width], random_for(seed, name)).planes
        samples = np.rint(spoiled.clip(0, 1) * np.float32(255)).astype(np.uint8).transpose(1, 2, 0)
        target = out / f"{name}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        Picture.of(np.ascontiguousarray(samples)).save(target)
        if progress is not None:
            progress(Progress("spoiling", done, len(found.pictures)))
    return len(found.pictures)


def random_for(seed: int, name: str) -> np.random.Generator:
    """Make the generator that spoils a picture, whichever other pictures there are.

    Args:
        seed: any whole number.
        name: the picture's, without its ending.
    """
    return generator(seed, zlib.crc32(name.encode(errors="surrogateescape")))
