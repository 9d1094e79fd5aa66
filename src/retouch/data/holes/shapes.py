"""Holes with the shapes of things, taken from label maps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from retouch.data.holes.kind import Count, Kind, Limits, Span, pick
from retouch.data.holes.raster import Hole, Size
from retouch.errors import DataError

_KEPT = 128
"""Label maps whose regions stay in memory."""

_SIDE = 1024
"""Larger maps are looked at with fewer pixels."""


@dataclass(frozen=True)
class Region:
    """A connected region of one label.

    Attributes:
        pixels: (h, w), the region cut close.
        middle: y of its centre, as a part of the map's height.
        map: height and width of the map.
    """

    pixels: Hole
    middle: float
    map: Size


@dataclass(frozen=True)
class Shapes(Kind):
    """Connected regions of label maps, resized, mirrored and moved.

    A map is a picture in which each thing has one colour: a map of classes, or a mask. Every map is as
    likely as every other, and so is every region of a map. A region stays near its own height in the
    picture, as things stand on the ground, and may be anywhere from left to right.

    Attributes:
        folder: with maps at any depth; must be lossless files, such as PNG.
        count: how many regions make a hole.
        area: of a region, as a part of its map.
        resize: the most by which a region gets larger or smaller, as a part of its size.
        shift: the most by which a region moves up or down, as a part of the picture's height.
        outside: the most of a region's width and height that may lie outside the picture.

    Source: the segmentation masks of Suvorov et al., arXiv 2109.07161, section 4.
    Departs: regions come from maps instead of a detector; they may lie on any part of the picture,
        since its own things are not known.
    """

    name: ClassVar[str] = "shapes"
    limits: ClassVar[Mapping[str, Limits]] = {
        "count": (1, 1000),
        "area": (0.0, 1.0),
        "resize": (0.0, 0.95),
        "shift": (0.0, 1.0),
        "outside": (0.0, 0.9),
    }
    folder: str = ""
    count: Count = (1, 1)
    area: Span = (0.02, 0.3)
    resize: float = 0.25
    shift: float = 0.1
    outside: float = 0.2
    _maps: tuple[Path, ...] = field(default=(), init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        from retouch.data.layouts import scan

        folder = Path(self.folder)
        there = self.folder and folder.is_dir()
        maps = tuple(file.path for file in scan(folder).pictures.values()) if there else ()
        if not maps:
            raise DataError(
                f"shapes has no label maps in the folder {self.folder or '(none)'}; write "
                "shapes:DIR, where DIR is a folder with maps such as PNG files"
            )
        object.__setattr__(self, "_maps", maps)

    def _drawn(self, size: Size, random: np.random.Generator) -> Hole:
        hole = np.zeros(size, np.bool_)
        for _ in range(pick(self.count, random)):
            self._place(self._region(random), hole, random)
        return hole

    def _region(self, random: np.random.Generator) -> Region:
        """Choose a region of a map; of the next map that has one."""
        first = int(random.integers(len(self._maps)))
        for path in (*self._maps[first:], *self._maps[:first]):
            if regions := _regions(path, _changed(path), self.area):
                return regions[int(random.integers(len(regions)))]
        low, high = self.area
        raise DataError(
            f"none of the {len(self._maps)} maps in {self.folder} has a region of one colour that covers "
            f"{low:g} to {high:g} of it; give lossless label maps, or another range: "
            f"shapes({self.folder},area=0.001..0.6)"
        )

    def _place(self, region: Region, hole: Hole, random: np.random.Generator) -> None:
        """Resize a region, mirror it or not, and add it to a hole."""
        factor = random.uniform(1 - self.resize, 1 + self.resize)
        factor *= float(np.sqrt(hole.size / (region.map[0] * region.map[1])))
        mirrored = bool(random.integers(2))
        shift = random.uniform(-self.shift, self.shift)
        across = random.random()
        inner = 1 - self.outside
        for whole, own in zip(hole.shape, region.pixels.shape, strict=True):
            factor = min(factor, whole / inner / own)
        lines, columns = (max(1, int(length * factor)) for length in region.pixels.shape)
        pixels = region.pixels[:, ::-1] if mirrored else region.pixels
        pixels = pixels[np.ix_(_nearest(pixels.shape[0], lines), _nearest(pixels.shape[1], columns))]
        height, width = hole.shape
        top = (region.middle + shift) * height - lines / 2
        top = min(max(top, -self.outside * lines), height - inner * lines)
        first, last = -int(self.outside * columns), width - math.ceil(inner * columns)
        y, x = round(top), first + int(across * (max(last - first, 0) + 1))
        inside = hole[max(y, 0) : max(y + lines, 0), max(x, 0) : max(x + columns, 0)]
        start = max(-y, 0), max(-x, 0)
        inside |= pixels[start[0] : start[0] + inside.shape[0], start[1] : start[1] + inside.shape[1]]


@lru_cache(maxsize=_KEPT)
def _regions(path: Path, changed: int, area: Span) -> tuple[Region, ...]:
    """Find the regions of a map; ``changed`` makes a file that was written again another one."""
    del changed
    from scipy.ndimage import find_objects
    from skimage.measure import label

    ids = _labels(path)
    regions: NDArray[np.int64] = label(  # type: ignore[no-untyped-call]
        ids, background=-1, connectivity=1
    )
    pixels = np.bincount(regions.ravel())
    low, high = area[0] * ids.size, area[1] * ids.size
    return tuple(
        Region(
            regions[place] == number,
            (place[0].start + place[0].stop) / 2 / ids.shape[0],
            (ids.shape[0], ids.shape[1]),
        )
        for number, place in enumerate(find_objects(regions), start=1)
        if place is not None and low <= pixels[number] <= high
    )


def _changed(path: Path) -> int:
    """When a file was written last."""
    try:
        return path.stat().st_mtime_ns
    except OSError as error:
        raise DataError(f"the label map {path} is gone ({error.strerror}); put it back") from error


def _labels(path: Path) -> NDArray[np.int64]:
    """Read a map: (H, W), one number per colour."""
    from retouch.data.origin import PictureFile

    planes = PictureFile(path, 0).parts(("whole",), None)["whole"]
    step = -(-max(planes.shape[1:]) // _SIDE)
    planes = planes[:, ::step, ::step]
    if planes.dtype == np.float32:
        planes = np.rint(planes * 65535)
    red, green, blue = planes.astype(np.int64)
    return np.asarray((red << 32) | (green << 16) | blue)


def _nearest(length: int, wanted: int) -> NDArray[np.intp]:
    """Which lines to take to make ``length`` lines ``wanted`` lines."""
    return ((np.arange(wanted) + 0.5) * length / wanted).astype(np.intp)
