"""The photo that is painted, and the picture that comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from retouch.image import Box, Mode, Picture, exif, native, resample
from retouch.image.convert import is_opaque
from retouch.image.facts import CHANNELS
from retouch.tasks.stylize.method.regions import fitted

Floats = NDArray[np.float32]
Size = tuple[int, int]

_COLOURED: dict[Mode, Mode] = {"1": "RGB", "L": "RGB", "LA": "RGBA"}
_SHADES: dict[Mode, Mode] = {"1": "L"}


class Sheet:
    """A photo as a painter sees it, and what it becomes.

    Args:
        photo: any.
        size: height and width of the result.
        coloured: the result has colours even if the photo is gray.
    """

    def __init__(self, photo: Picture, size: Size, *, coloured: bool = True) -> None:
        self.photo = _opened(photo, coloured=coloured)
        self.size = size
        alpha = None if is_opaque(self.photo) else self.photo.alpha
        self.seen = None if alpha is None else alpha > 0
        self._pixels: Floats | None = None

    def pixels(self) -> Floats:
        """Give what is painted: (H, W, 3) in [0, 1], of the result's size.

        Where nothing can be seen, the colours are those of the nearest pixel that can be.
        """
        if self._pixels is None:
            shown = np.clip(self.photo.pixels, 0, 1)
            if self.seen is not None and self.seen.any():
                shown = spread(shown, self.seen)
            self._pixels = _resized(shown, self.size)
        return self._pixels

    def finished(
        self, painted: Floats, where: Floats | None, report: Mapping[str, float | int | str]
    ) -> Picture:
        """Give the picture.

        Args:
            painted: (H, W, 3) in [0, 1], of the result's size.
            where: (H, W) in [0, 1], how much of it each pixel gets; all when None. Where it is 0, and where
                the photo cannot be seen, it stays bit for bit unless its size changes.
            report: what was done.
        """
        photo = self.photo
        inside = None if where is None else where > 0
        if where is not None and ((where > 0) & (where < 1)).any():
            below = photo.pixels if photo.size == self.size else _resized(photo.pixels, self.size)
            painted = below + where[..., None] * (painted - below)
        if photo.size == self.size:
            if self.seen is not None:
                inside = self.seen if inside is None else self.seen & inside
            return photo.edited(painted, where=inside, report=report)
        if inside is not None:
            painted = np.where(inside[..., None], painted, _resized(photo.pixels, self.size))
        return self._of_another_size(painted, report)

    def _of_another_size(self, painted: Floats, report: Mapping[str, float | int | str]) -> Picture:
        photo, size = self.photo, self.size
        told = photo.file.exif
        file = replace(photo.file, exif=None if told is None else exif.resized(told, size))
        samples = np.empty((*size, photo.samples.shape[2]), photo.samples.dtype)
        native.encode_into(samples, file, painted)
        alpha = None
        channel = native.alpha_channel(samples, file)
        if channel is not None and photo.alpha is not None:
            alpha = fitted(photo.alpha, size)
            samples[..., channel] = native.quantised(alpha, samples.dtype)
        box = Box(0, 0, size[1], size[0])
        return Picture(samples, file, patches=((box, painted),), alpha=alpha, report=report)


def of_size(size: Size, longest: int | None) -> Size:
    """Say how large a result is.

    Args:
        size: height and width of the photo.
        longest: the longer side that is wanted; the photo's own when None.

    Returns:
        Height and width, in the photo's proportions.
    """
    if longest is None:
        return size
    factor = longest / max(size)
    return max(round(size[0] * factor), 1), max(round(size[1] * factor), 1)


def of_its_kind(photo: Picture, pixels: Floats, report: Mapping[str, float | int | str]) -> Picture:
    """Make an opaque picture, as the same kind of file.

    Args:
        photo: of which kind.
        pixels: (H, W, 3) in [0, 1], of any size.
        report: what was done.
    """
    modes: dict[Mode, Mode] = {"1": "L", "LA": "L", "P": "RGB", "RGBA": "RGB"}
    mode = modes.get(photo.file.mode, photo.file.mode)
    size = (pixels.shape[0], pixels.shape[1])
    told = photo.file.exif
    file = replace(
        photo.file,
        mode=mode,
        bit_depth=8 if photo.file.bit_depth == 1 else photo.file.bit_depth,
        exif=None if told is None else exif.resized(told, size),
    )
    samples = np.empty((*size, CHANNELS[mode]), photo.samples.dtype)
    native.encode_into(samples, file, pixels)
    return Picture(samples, file, patches=((Box(0, 0, size[1], size[0]), pixels),), report=report)


def spread(pixels: Floats, seen: NDArray[np.bool_]) -> Floats:
    """Let the colours of what can be seen go on under what cannot.

    Args:
        pixels: (H, W, 3).
        seen: (H, W), somewhere True.

    Returns:
        (H, W, 3): elsewhere the colour of the nearest pixel that can be seen.
    """
    from scipy import ndimage

    nearest = ndimage.distance_transform_edt(~seen, return_distances=False, return_indices=True)
    found: Floats = pixels[tuple(nearest)]
    return found


def _opened(photo: Picture, *, coloured: bool) -> Picture:
    modes: dict[Mode, Mode] = {"P": "RGBA" if photo.samples.shape[2] == 4 else "RGB"}
    mode = (modes | (_COLOURED if coloured else _SHADES)).get(photo.file.mode)
    return photo if mode is None else photo.converted(mode=mode)


def _resized(pixels: Floats, size: Size) -> Floats:
    if pixels.shape[:2] == size:
        return pixels
    planes = resample.resize(np.moveaxis(pixels, 2, 0), size)
    return np.ascontiguousarray(np.clip(np.moveaxis(planes, 0, 2), 0, 1))
