"""Where the pixels of one picture come from: a file, or half of one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from retouch.errors import DataError, PictureError
from retouch.image import Picture
from retouch.image.picture import MAX_BYTES
from retouch.image.read import file_bytes

Size = tuple[int, int]
"""Height and width in pixels."""

Planes = NDArray[Any]
"""Samples (C, H, W) of uint8, uint16 or float32 in [0, 1]: RGB, sRGB-encoded."""

WHOLE, LEFT, RIGHT = "whole", "left", "right"
"""The parts of a file: the picture, and its halves."""


class Origin(Protocol):
    """Something that pictures are read from."""

    @property
    def label(self) -> str:
        """What to call it in an error: a path."""
        ...

    @property
    def weight(self) -> int:
        """Its size in bytes, for the fingerprint of a data set."""
        ...

    def parts(self, names: Collection[str], wanted: Size | None) -> Mapping[str, Planes]:
        """Read it.

        Args:
            names: the parts that are needed.
            wanted: the size at which the pictures will be used, if that is known; an origin that
                draws its pictures draws them at this size.

        Returns:
            Part → planes (3, H, W).

        Raises:
            DataError: it cannot be read.
        """
        ...


class Part(NamedTuple):
    """One picture: where it comes from, and which part of that it is."""

    origin: Origin
    part: str = WHOLE


class File(ABC):
    """A picture file, whole or as two halves side by side."""

    __slots__ = ()

    if TYPE_CHECKING:
        # A dataclass would take an inherited property for the default of its field.
        @property
        def path(self) -> Path:
            """Where it lies; what to call it."""
            ...

        @property
        def weight(self) -> int:
            """Its size in bytes."""
            ...

    @abstractmethod
    def data(self) -> bytes:
        """Read its bytes.

        Raises:
            PictureError: they cannot be read, or are too many.
        """

    @abstractmethod
    def picture(self) -> Picture:
        """Decode it.

        Raises:
            PictureError: it is no picture that can be read.
        """

    @property
    def label(self) -> str:
        """The path."""
        return str(self.path)

    def parts(self, names: Collection[str], wanted: Size | None) -> Mapping[str, Planes]:
        """Decode the file; ``left`` and ``right`` are views of ``whole``, split at width // 2.

        Raises:
            DataError: the file is no picture that can be read.
        """
        del names, wanted
        try:
            planes = planes_of(self.picture())
        except PictureError as error:
            raise DataError(
                f"{error}. It belongs to a data set; `retouch data check FOLDER` lists all such files"
            ) from error
        half = planes.shape[2] // 2
        return {WHOLE: planes, LEFT: planes[..., :half], RIGHT: planes[..., half : 2 * half]}


@dataclass(frozen=True, slots=True)
class PictureFile(File):
    """A picture file of its own.

    Args:
        path: the file.
        weight: its size in bytes.
    """

    path: Path
    weight: int

    def data(self) -> bytes:
        """Read its bytes.

        Raises:
            PictureError: they cannot be read, or are too many.
        """
        return file_bytes(self.path, MAX_BYTES)

    def picture(self) -> Picture:
        """Decode it.

        Raises:
            PictureError: it is no picture that can be read.
        """
        return Picture.open(self.path)


def planes_of(picture: Picture) -> Planes:
    """Give the colours of a picture in as few bytes as hold them.

    Args:
        picture: of any mode and depth; transparent pixels are laid on white.

    Returns:
        (3, H, W): uint8, uint16 when the file has 16 bits, float32 in [0, 1] when it has floats.
    """
    depth = picture.file.bit_depth
    samples = picture.numpy("uint8" if depth <= 8 else "uint16" if depth == 16 else "float32")
    if samples.dtype == np.float32:
        np.clip(samples, 0, 1, out=samples)
    if samples.shape[2] == 4:
        samples = _on_white(samples)
    return np.ascontiguousarray(samples.transpose(2, 0, 1))


def _on_white(samples: Planes) -> Planes:
    full = np.float32(1 if samples.dtype == np.float32 else np.iinfo(samples.dtype).max)
    colours, alpha = samples[..., :3], samples[..., 3:]
    if alpha.min() == full:
        return colours
    opacity = alpha.astype(np.float32) / full
    laid = colours * opacity + full * (1 - opacity)
    return np.asarray(laid if samples.dtype == np.float32 else np.rint(laid), samples.dtype)
