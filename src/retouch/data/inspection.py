"""Open pictures one by one and note what matters about each."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from retouch.data.likeness import Look, look_of
from retouch.data.origin import LEFT, RIGHT, WHOLE, File, Planes, Size, planes_of
from retouch.errors import PictureError
from retouch.image import Picture
from retouch.progress import Progress, ProgressCallback

DARK = 0.25
"""A picture with more than 8 bits that stays below this part of its range is nearly black."""


@dataclass(frozen=True, slots=True)
class Inspected:
    """What matters about one file.

    Args:
        error: why it cannot be read; empty when it can.
        sha256: of its bytes.
        size: height and width.
        kind: mode and depth: ``"RGB 8 bit"``.
        constant: all its pixels have one colour.
        dark: it has 16 bits and hardly uses them.
        wild: it has floats outside [0, 1].
        looks: part → what it looks like from far away.
    """

    error: str = ""
    sha256: str = ""
    size: Size | None = None
    kind: str = ""
    constant: bool = False
    dark: bool = False
    wild: bool = False
    looks: Mapping[str, Look] = field(default_factory=dict)


def inspect_all(
    files: Collection[File], *, workers: int, progress: ProgressCallback | None
) -> dict[Path, Inspected]:
    """Open files.

    Args:
        files: which ones.
        workers: threads.
        progress: called after every file.

    Returns:
        Path → what was found, in the given order.

    Raises:
        Cancelled: from the progress callback.
    """
    found: dict[Path, Inspected] = {}
    pool = ThreadPoolExecutor(max(1, workers))
    try:
        for file, inspected in zip(files, pool.map(inspect, files), strict=True):
            found[file.path] = inspected
            if progress is not None:
                progress(Progress("checking", len(found), len(files)))
    finally:
        pool.shutdown(cancel_futures=True)
    return found


def inspect(file: File) -> Inspected:
    """Open one file.

    Args:
        file: which one.

    Returns:
        What was found; also when it cannot be read.
    """
    try:
        data = file.data()
        digest = hashlib.sha256(data).hexdigest()
        picture = Picture.open(data)
        planes = planes_of(picture)
        wild = picture.file.bit_depth == 32 and _leaves_unit(picture.samples)
    except PictureError as error:
        return Inspected(error=str(error))
    half = planes.shape[2] // 2
    parts = {WHOLE: planes}
    if half:
        parts |= {LEFT: planes[..., :half], RIGHT: planes[..., half : 2 * half]}
    return Inspected(
        sha256=digest,
        size=picture.size,
        kind=f"{picture.file.mode} {picture.file.bit_depth} bit",
        constant=bool((planes == planes[:, :1, :1]).all()),
        dark=planes.dtype == np.uint16 and float(planes.max()) < DARK * 65535,
        wild=wild,
        looks={name: look_of(part) for name, part in parts.items()},
    )


def _leaves_unit(samples: Planes) -> bool:
    return bool(samples.min() < 0 or samples.max() > 1)
