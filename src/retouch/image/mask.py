"""Where to change a picture."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from retouch.errors import InputError, SizeMismatch, UnknownName
from retouch.image import native
from retouch.image.drawing import Drawing
from retouch.image.native import Floats, frozen
from retouch.image.picture import MAX_PIXELS, Picture, PictureLike
from retouch.image.shapes import FARTHEST, Box, Point, Polygon, Region

if TYPE_CHECKING:
    import torch
    from PIL import Image

Channel = Literal["gray", "red", "green", "blue", "alpha"]
"""What :meth:`Mask.threshold` looks at."""


class Mask:
    """The part of a picture that an edit may change: 1 = change here, 0 = leave alone.

    Values between 0 and 1 blend. Treat it as immutable; its arrays are read-only.

    >>> mask = Mask.of(Polygon.parse("0,0 10,0 10,10 0,10"), (20, 30))
    >>> int(mask.inside.sum()), mask.bounds()
    (100, Box(x0=0, y0=0, x1=10, y1=10))
    """

    __slots__ = ("_given", "_hygiene", "_other")

    def __init__(self, values: NDArray[np.bool_] | Floats, *, hygiene: str | None = None) -> None:
        # A mask of zeros and ones is held as bool: a quarter of the memory.
        self._given: NDArray[Any] = frozen(values)
        self._other: NDArray[Any] | None = None
        self._hygiene = hygiene

    @staticmethod
    def of(value: MaskLike, size: tuple[int, int] | None = None, *, soft: bool = False) -> Mask:
        """Take a mask in any of the usual forms.

        Files, Pillow images and arrays may have any mode and any values: their alpha is used
        when it is not opaque everywhere, else the largest of their colour channels; what
        reaches half of the largest value present is selected. Arrays of bool are taken as they are.

        Args:
            value: a Mask, a file, its bytes, a Pillow image, an array or tensor in the shapes
                that :meth:`Picture.of` takes, a Picture, or a Polygon, Box, Region or Drawing; the file may
                be a drawing's JSON.
            size: height and width of the picture to be masked; shapes need it, other masks are
                checked against it.
            soft: keep values between 0 and 1 (a file's full scale is 1) instead of cutting at half.

        Raises:
            SizeMismatch: the mask is not of the given size.
            InputError: the value is none of these, holds NaN, or is a shape without a size.
            UnreadablePicture: the file is missing, broken or of a kind that is not read.
        """
        if isinstance(value, Region):
            return _shaped(value, size)
        if isinstance(value, Polygon | Box):
            return _drawn(value, size)
        from retouch.image import mask_values

        if isinstance(value, str | Path | bytes):
            value = mask_values.drawing_in(value) or value
        if isinstance(value, Drawing):
            return _stroked(value, size)
        if size is not None:
            size = _checked(size)
        if isinstance(value, Mask):
            mask = value
        else:
            values, hygiene = mask_values.mask_values(value, soft=soft)
            mask = Mask(values, hygiene=hygiene)
        if size is not None and mask.size != size:
            raise SizeMismatch(
                f"mask is {mask.height}×{mask.width} but image is {size[0]}×{size[1]}; "
                "resize the mask or make one from the image"
            )
        return mask

    @staticmethod
    def polygon(
        points: Sequence[Sequence[float]],
        size: tuple[int, int],
        *,
        holes: Sequence[Sequence[Sequence[float]]] = (),
        antialias: bool = False,
    ) -> Mask:
        """Select the inside of a polygon; see :class:`retouch.image.Polygon`.

        Args:
            points: corners as (x, y), at least 3.
            size: height and width of the picture.
            holes: more rings, cut out by the even-odd rule.
            antialias: partly covered pixels get the covered part instead of 0 or 1.

        Raises:
            InputError: fewer than 3 corners, or a corner that is not finite.
        """
        return Mask.of(Polygon(points, holes, antialias), size)

    @staticmethod
    def box(x0: int, y0: int, x1: int, y1: int, size: tuple[int, int]) -> Mask:
        """Select columns x0 … x1 − 1 and rows y0 … y1 − 1.

        Args:
            x0: first column.
            y0: first row.
            x1: one past the last column.
            y1: one past the last row.
            size: height and width of the picture.

        Raises:
            InputError: the box holds no pixel.
        """
        return Mask.of(Box(x0, y0, x1, y1), size)

    @staticmethod
    def threshold(picture: Picture, low: float, high: float = 1.0, *, channel: Channel = "gray") -> Mask:
        """Select the pixels whose value lies from low to high, both included.

        Args:
            picture: any.
            low: smallest selected value, in [0, 1].
            high: largest selected value, in [0, 1]; 1 includes what is brighter than white.
            channel: ``"gray"`` is the mean of red, green and blue as the eye weighs them (BT.709,
                sRGB-encoded values).

        Raises:
            InputError: low is above high, or one is not a number.
            UnknownName: there is no such channel.
        """
        if not low <= high:
            raise InputError(f"threshold from {low} to {high} selects nothing; low must not be above high")
        if channel not in get_args(Channel):
            raise UnknownName("channel", channel, get_args(Channel))
        from retouch.image import mask_values

        seen = mask_values.seen_in(picture, channel)
        # Half of a 16-bit step forgives the rounding of float32.
        inside = seen >= low - 0.5 / 65535
        if high < 1.0:
            inside &= seen <= high + 0.5 / 65535
        return Mask(inside)

    @staticmethod
    def alpha(picture: PictureLike, *, part: Literal["transparent", "opaque"] = "transparent") -> Mask:
        """Select by transparency: what was rubbed out of a picture, or what was left of it.

        Args:
            picture: one with an alpha channel.
            part: ``"transparent"`` for alpha below one half, ``"opaque"`` for the rest.

        Raises:
            InputError: the picture has no alpha channel.
            UnknownName: there is no such part.
        """
        opened = Picture.of(picture)
        if part not in ("transparent", "opaque"):
            raise UnknownName("part", part, ("transparent", "opaque"))
        if opened.alpha is None:
            raise InputError("the picture has no alpha channel; save it with transparency (PNG, WebP, TIFF)")
        opaque = opened.alpha >= 0.5
        return Mask(opaque if part == "opaque" else ~opaque)

    @staticmethod
    def colour(picture: PictureLike, colour: Sequence[float], tolerance: float = 10.0) -> Mask:
        """Select the pixels that have about a colour, wherever they are.

        Args:
            picture: any; its fully transparent pixels are never selected.
            colour: red, green, blue in [0, 1], sRGB-encoded.
            tolerance: largest distance in CIE L*a*b* (ΔE 1976): 2.3 is just noticeable, 100 is
                from black to white.

        Raises:
            InputError: the colour is not three numbers, or the tolerance is negative.
        """
        from retouch.image import selecting

        return Mask(selecting.near_colour(Picture.of(picture), colour, tolerance))

    @staticmethod
    def wand(picture: PictureLike, at: Point, tolerance: float = 10.0, *, contiguous: bool = True) -> Mask:
        """Select what has about the colour of one pixel: the magic wand.

        Args:
            picture: any.
            at: the pixel (x, y).
            tolerance: as for :meth:`colour`.
            contiguous: only what hangs together with the pixel by its sides.

        Raises:
            InputError: the pixel lies outside the picture, or the tolerance is negative.
        """
        from retouch.image import selecting

        return Mask(selecting.near_pixel(Picture.of(picture), at, tolerance, contiguous=contiguous))

    @staticmethod
    def difference(before: PictureLike, after: PictureLike, tolerance: float = 10.0) -> Mask:
        """Select where two versions of a picture differ, as after drawing over one of them.

        Args:
            before: one version.
            after: the other, of the same size.
            tolerance: largest distance of colours that still counts as equal, as for :meth:`colour`;
                JPEG compression alone reaches about 10. A hundredth of opacity counts 1.

        Raises:
            SizeMismatch: the pictures have different sizes.
            InputError: the tolerance is negative.
        """
        from retouch.image import selecting

        return Mask(selecting.changed(Picture.of(before), Picture.of(after), tolerance))

    @property
    def hygiene(self) -> str | None:
        """What went wrong on the way here, as one clause for the user; None when nothing did.

        A mask from a file should hold two values. JPEG compression, soft brushes and maps of labels leave
        others, and cutting those at half can leave a rim of the object, or a whole object, out.
        """
        return self._hygiene

    @property
    def values(self) -> Floats:
        """The mask, (H, W) in [0, 1]."""
        return self._as(np.dtype(np.float32))

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Where the mask is above 0, (H, W)."""
        return self._as(np.dtype(np.bool_))

    @property
    def is_soft(self) -> bool:
        """Whether some value lies strictly between 0 and 1."""
        given = self._given
        return given.dtype != np.bool_ and bool(((given > 0) & (given < 1)).any())

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self._given.shape
        return height, width

    @property
    def height(self) -> int:
        """Rows."""
        return self.size[0]

    @property
    def width(self) -> int:
        """Columns."""
        return self.size[1]

    @property
    def coverage(self) -> float:
        """The sum of the values over the number of pixels, 0 … 1."""
        return float(self._given.mean(dtype=np.float64))

    def bounds(self) -> Box | None:
        """The smallest box that holds every pixel above 0, or None when there is none."""
        rows = np.flatnonzero(self.inside.any(axis=1))
        if not len(rows):
            return None
        columns = np.flatnonzero(self.inside[rows[0] : rows[-1] + 1].any(axis=0))
        return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)

    def invert(self) -> Mask:
        """Select what was not selected: 1 − value."""
        return self._with(~self._given if self._given.dtype == np.bool_ else 1 - self._given)

    def grow(self, px: float) -> Mask:
        """Let the selected area grow by a Euclidean radius.

        A pixel gets the largest value whose pixel centre is at most px away; with a negative
        px the smallest (the area shrinks). Beyond the edge of the picture there is nothing, so
        an area that touches the edge does not shrink from it.

        Args:
            px: radius in pixels; negative shrinks, 0 changes nothing.

        Raises:
            InputError: px is not a finite number.
        """
        px = _radius("grow", px, self.size)
        if px == 0:
            return self
        from retouch.image import opencv

        if self.is_soft:
            return self._with(opencv.widest_in_disk(self.values, abs(px) + _ROUNDING, smallest=px < 0))
        if px > 0:
            return self._with(opencv.distance_to(self.inside) <= px + _ROUNDING)
        return self._with(opencv.distance_to(~self.inside) > -px + _ROUNDING)

    def shrink(self, px: float) -> Mask:
        """Let the selected area shrink by a Euclidean radius: :meth:`grow` the other way.

        Args:
            px: radius in pixels; negative grows, 0 changes nothing.

        Raises:
            InputError: px is not a finite number.
        """
        return self.grow(-_radius("shrink", px, self.size))

    def feather(self, px: float) -> Mask:
        """Soften the edge by a ramp inside it.

        The ramp lies inside the area only: what was 0 stays exactly 0. A pixel whose nearest
        unselected pixel is d away (between centres) is multiplied by s(d / (px + 1)) with
        s(t) = 3t² − 2t³ up to t = 1, so that along a straight edge exactly the first px pixels
        are between 0 and 1. The edge of the picture makes no ramp. To soften outwards, grow first.

        Args:
            px: width of the ramp in pixels; 0 changes nothing.

        Raises:
            InputError: px is negative, not a finite number, or larger than any picture.
        """
        px = _radius("feather", px)
        if px < 0:
            raise InputError(
                f"feather must be 0 or more pixels, got {px}; to shrink the mask use grow(-{-px:g})"
            )
        if px == 0:
            return self
        from retouch.image import opencv

        t = np.minimum(opencv.distance_to(~self.inside) / np.float32(px + 1), 1)
        return self._with((self.values * (t * t * (3 - 2 * t))).astype(np.float32))

    def numpy(self) -> Floats:
        """Give the values as an array of the caller's own, (H, W) in [0, 1]."""
        return self.values.copy()

    def save(self, path: str | Path, *, overwrite: bool = True) -> Path:
        """Write the mask as a gray picture, white = change here.

        Args:
            path: where to; the suffix chooses the format.
            overwrite: replace a file that is there.

        Raises:
            OutputExists: the file is there and overwrite is False.
            UnwritablePicture: the folder is missing or the suffix is unknown.
        """
        gray = native.quantised(self.values, np.dtype(np.uint8))
        return Picture.of(gray).save(path, overwrite=overwrite)

    def _with(self, values: NDArray[np.bool_] | Floats) -> Mask:
        return Mask(values, hygiene=self._hygiene)

    def _as(self, dtype: np.dtype[Any]) -> NDArray[Any]:
        """The form that was given, or the other one, made when it is first asked for."""
        if self._given.dtype == dtype:
            return self._given
        if self._other is None:
            self._other = frozen(self._given > 0 if dtype == np.bool_ else self._given.astype(dtype))
        return self._other

    def __repr__(self) -> str:
        kind = "soft" if self.is_soft else "binary"
        return f"Mask({self.height}×{self.width}, {kind}, {self.coverage:.1%} selected)"


_ROUNDING = 1e-4
"""Pixels; distances are float32, and a radius of √2 must reach the diagonal neighbour."""


def _shaped(region: Region, size: tuple[int, int] | None) -> Mask:
    mask = Mask.of(region.shape, size, soft=region.soft)
    if region.invert:
        mask = mask.invert()
    return mask.grow(region.grow).feather(region.feather)


def _drawn(shape: Polygon | Box, size: tuple[int, int] | None) -> Mask:
    if size is None:
        raise InputError(f"a {type(shape).__name__} has no size of its own; pass size=(height, width)")
    height, width = _checked(size)
    if isinstance(shape, Box):
        inside = np.zeros((height, width), np.bool_)
        clipped = shape.clipped((height, width))
        if clipped is not None:
            inside[clipped.slices] = True
        return Mask(inside)
    from retouch.image import rasterise

    if shape.antialias:
        return Mask(rasterise.covered_by_rings(shape.rings, (height, width)))
    return Mask(rasterise.inside_rings(shape.rings, (height, width)))


def _stroked(drawing: Drawing, size: tuple[int, int] | None) -> Mask:
    if size is None:
        if drawing.size is None:
            raise InputError("the drawing has no size of its own; pass size=(height, width)")
        size = drawing.size
        if size[0] * size[1] > MAX_PIXELS:
            raise InputError(
                f"the drawing is {size[0]}×{size[1]}, more than the limit of {MAX_PIXELS:,} pixels; pass the "
                "size of the picture if it is really so large"
            )
    size = _checked(size)
    if drawing.size is not None and drawing.size != size:
        made = "×".join(map(str, drawing.size))
        raise SizeMismatch(
            f"the drawing was made on a {made} picture but image is {size[0]}×{size[1]}; open the picture "
            "that it was drawn on, or draw it again"
        )
    from retouch.image import rasterise

    mask = Mask(rasterise.inside_strokes(drawing.strokes, size))
    return _shaped(Region(mask, invert=drawing.invert, grow=drawing.grow, feather=drawing.feather), size)


def _checked(size: tuple[int, int]) -> tuple[int, int]:
    try:
        height, width = (operator.index(side) for side in size)
    except (TypeError, ValueError):
        height = width = 0
    if height < 1 or width < 1:
        raise InputError(f"size must be a height and a width in whole pixels, at least 1, got {size!r}")
    return height, width


def _radius(name: str, px: float, size: tuple[int, int] | None = None) -> float:
    """Check a number of pixels; with a size, cut it to the longest distance in the picture."""
    try:
        value = float(px)
    except (TypeError, ValueError, OverflowError):
        value = math.nan
    farthest = FARTHEST if size is None else float(sum(size))
    if not math.isfinite(value) or (size is None and abs(value) > farthest):
        raise InputError(f"{name} must be a number of pixels, at most {FARTHEST:g}, got {px!r}")
    return max(-farthest, min(value, farthest))


if TYPE_CHECKING:
    MaskLike = (
        Mask
        | Region
        | Polygon
        | Box
        | Drawing
        | Picture
        | str
        | Path
        | bytes
        | Image.Image
        | NDArray[Any]
        | torch.Tensor
    )
else:
    # Naming Pillow's and torch's classes would import them.
    MaskLike = Mask | Region | Polygon | Box | Drawing | Picture | str | Path | bytes | np.ndarray
"""What :meth:`Mask.of` understands; at run time the union leaves out Pillow images and tensors."""
