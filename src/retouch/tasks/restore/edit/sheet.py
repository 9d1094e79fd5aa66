"""The photo that a network reads piece by piece, and the one that its rows are put into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from retouch.image import Box, FileFacts, Mode, Picture, exif, native
from retouch.tasks.restore.method import noise, opacity

Planes = NDArray[np.float32]

UNROUNDED = 1 << 25
"""Pixels up to which a result also keeps its colours unrounded, for the edits that follow."""

_SAMPLED = 1 << 22  # pixels from which the noise is estimated
_STRIP = 64


class Original:
    """A photo as the networks see it.

    Args:
        photo: the photo. Black and white becomes gray, and a palette colours: the result has more of them.
    """

    def __init__(self, photo: Picture) -> None:
        opened = _opened(photo)
        self.picture = opened
        self.size = opened.size
        colours = native.colour_samples(opened.samples, opened.file)
        self.channels = 1 if _gray(colours) else 3
        alpha = native.alpha_channel(opened.samples, opened.file)
        self.seen = None if alpha is None else opened.samples[..., alpha] > 0
        self._bled: NDArray[np.float32] | None = None

    def read(self, box: Box) -> Planes:
        """Give the planes of a box, (C, h, w); transparent pixels have the colours around them."""
        if self.seen is not None and self._bled is None and not self.seen[box.slices].all():
            self._bled = opacity.bled(self.picture.decode(self.picture.box), self.seen)
        pixels = self.picture.decode(box) if self._bled is None else self._bled[box.slices]
        return np.moveaxis(pixels, 2, 0)[: self.channels]

    def noise(self) -> float:
        """Estimate the noise, in levels of 255; NaN when the photo is too small to tell."""
        height, width = self.size
        strips = max(_SAMPLED // (_STRIP * width), 1)
        if strips * _STRIP >= height:
            boxes = [self.picture.box]
        else:
            tops = np.linspace(0, height - _STRIP, strips).astype(int)
            boxes = [Box(0, int(top), width, int(top) + _STRIP) for top in tops]
        planes = np.concatenate([self._visible(box) for box in boxes], axis=1)
        return 255 * noise.combined(noise.estimated(planes))

    def _visible(self, box: Box) -> Planes:
        planes = np.moveaxis(self.picture.decode(box), 2, 0)[: self.channels]
        return planes if self.seen is None else np.where(self.seen[box.slices], planes, np.float32(0))


class Sheet:
    """A picture that is made row by row.

    Args:
        original: whose kind of file it becomes, and whose samples stay where it is transparent if the size
            stays.
        size: height and width of the result.
    """

    def __init__(self, original: Original, size: tuple[int, int]) -> None:
        source = original.picture
        self._source = source
        self._kept = None if size != source.size or original.seen is None else original.seen
        self._file = source.file
        if size == source.size:
            self._samples = source.samples.copy()
        else:
            told = source.file.exif
            self._file = replace(source.file, exif=None if told is None else exif.resized(told, size))
            self._samples = np.empty((*size, source.samples.shape[2]), source.samples.dtype)
        few = size[0] * size[1] <= UNROUNDED
        self._pixels = np.empty((*size, 3), np.float32) if few else None

    def put(self, top: int, band: Planes) -> None:
        """Put rows in.

        Args:
            top: the first.
            band: (C, h, W).
        """
        rows = slice(top, top + band.shape[1])
        pixels = np.broadcast_to(np.moveaxis(band, 0, 2), (*band.shape[1:], 3))
        where = None if self._kept is None else self._kept[rows]
        if where is not None:
            pixels = np.where(where[..., None], pixels, self._source.decode(self._source.box.rows(rows)))
        native.encode_into(self._samples[rows], self._file, pixels, where)
        if self._pixels is not None:
            self._pixels[rows] = pixels

    def finished(self, report: Mapping[str, float | int | str]) -> Picture:
        """Give the picture, with the opacity of the original.

        Args:
            report: what was done.
        """
        samples, size = self._samples, self._samples.shape[:2]
        channel = native.alpha_channel(samples, self._file)
        alpha = None
        if channel is not None and size == self._source.size:
            alpha = self._source.alpha
        elif channel is not None and self._source.alpha is not None:
            alpha = np.empty(size, np.float32)
            for top, strip in opacity.enlarged(self._source.alpha, (size[0], size[1])):
                alpha[top : top + len(strip)] = strip
                samples[top : top + len(strip), :, channel] = native.quantised(strip, samples.dtype)
        box = Box(0, 0, size[1], size[0])
        patches = () if self._pixels is None else ((box, self._pixels),)
        return Picture(samples, self._file, patches=patches, alpha=alpha, report=report)


def with_report(picture: Picture, report: Mapping[str, float | int | str]) -> Picture:
    """Give the same picture with another report.

    Args:
        picture: any.
        report: what was found out.
    """
    return Picture(picture.samples, picture.file, patches=picture.patches, alpha=picture.alpha, report=report)


def _gray(colours: NDArray[np.generic]) -> bool:
    """Whether there is one channel, or three that are equal: a network would tint such a photo."""
    count = colours.shape[2]
    rest = (np.array_equal(colours[..., 0], colours[..., channel]) for channel in range(1, count))
    return count == 1 or (count == 3 and all(rest))


def _opened(photo: Picture) -> Picture:
    facts: FileFacts = photo.file
    modes: dict[Mode, Mode] = {"1": "L", "P": "RGBA" if photo.samples.shape[2] == 4 else "RGB"}
    mode = modes.get(facts.mode)
    return photo if mode is None else photo.converted(mode=mode)
