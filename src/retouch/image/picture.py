"""The picture that every edit takes and gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from retouch.errors import InputError
from retouch.image import native
from retouch.image.beside import Companions
from retouch.image.facts import BitDepth, FileFacts, Mode
from retouch.image.limits import check_values
from retouch.image.native import Floats, Samples
from retouch.image.shapes import Box

if TYPE_CHECKING:
    import torch
    from PIL import Image

    from retouch.image.animation import Animation

MAX_PIXELS = 200_000_000
"""Pixels of the largest picture that is opened unless ``max_pixels`` says otherwise."""

MAX_BYTES = 1 << 30
"""Bytes of the largest file that is opened unless ``max_bytes`` says otherwise."""

Report = Mapping[str, float | int | str]
"""What an edit measured, by name."""

_NOTHING: Report = MappingProxyType({})
_NO_FILES: Companions = MappingProxyType({})


class Picture:
    """A photograph: its colours, and everything needed to write the same kind of file again.

    The samples of the file are kept as they are and turned into float colours when asked for.
    An edit changes the samples of the pixels it touched and no others, so the rest is written
    back bit for bit, whatever the file's mode, depth or profile. The edited colours are also
    kept unrounded, so a chain of edits loses nothing.

    Treat it as immutable; every array it hands out is read-only. Make one with
    :meth:`Picture.of` or :meth:`Picture.open`.

    >>> import numpy as np
    >>> picture = Picture.of(np.full((2, 3, 3), 255, np.uint8))
    >>> picture.size, float(picture.pixels.max())
    ((2, 3), 1.0)
    """

    __slots__ = ("_alpha", "_animation", "_companions", "_file", "_patches", "_pixels", "_report", "_samples")

    def __init__(
        self,
        samples: Samples,
        file: FileFacts,
        *,
        patches: tuple[tuple[Box, Floats], ...] = (),
        alpha: Floats | None = None,
        report: Report = _NOTHING,
        companions: Companions = _NO_FILES,
        animation: Animation | None = None,
    ) -> None:
        self._samples = native.frozen(samples)
        self._file = file
        self._patches = patches
        self._alpha = alpha
        self._report = MappingProxyType(dict(report))
        self._companions = MappingProxyType(dict(companions))
        self._animation = animation
        self._pixels: Floats | None = None

    @staticmethod
    def of(value: PictureLike, *, max_pixels: int = MAX_PIXELS) -> Picture:
        """Take a picture in any of the usual forms.

        Args:
            value: a Picture (returned as it is), the path of a file, the bytes of a file, a
                Pillow image, an array (H, W), (H, W, 1 | 2 | 3 | 4) of bool, uint8, uint16 or
                float in [0, 1], or a tensor (1 | 3 | 4, H, W) or (1, 1 | 3 | 4, H, W) in [0, 1].
                One channel is gray, two are gray and alpha, four are RGB and alpha.
            max_pixels: refuse a file with more pixels than this before decoding it.

        Raises:
            InputError: the value is none of these, or its shape, type or numbers do not fit.
            UnreadablePicture: the file is missing, broken or of a kind that is not read.
            PictureTooLarge: the file has too many bytes or pixels.
        """
        from retouch.image import incoming

        return incoming.picture_of(value, max_pixels)

    @staticmethod
    def open(
        source: str | Path | bytes,
        *,
        frame: int | None = None,
        max_pixels: int = MAX_PIXELS,
        max_bytes: int = MAX_BYTES,
    ) -> Picture:
        """Read a picture file: PNG, JPEG, WebP, AVIF, TIFF or BMP, by content, not by name.

        The EXIF orientation is applied, so up is up.

        Args:
            source: the path of a file, or its bytes.
            frame: which picture of an animated or many-page file, from 0. None: the file must
                hold one picture only.
            max_pixels: refuse a file with more pixels than this before decoding it.
            max_bytes: refuse a larger file before reading it.

        Raises:
            UnreadablePicture: the file is missing, broken or of a kind that is not read.
            PictureTooLarge: the file has too many bytes or pixels.
        """
        from retouch.image import read

        return Picture(*read.read(source, frame=frame, max_pixels=max_pixels, max_bytes=max_bytes))

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self._samples.shape[:2]
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
    def file(self) -> FileFacts:
        """What the file said about itself."""
        return self._file

    @property
    def report(self) -> Report:
        """What the last edit measured (residual, cycles, …); empty for a picture just read."""
        return self._report

    @property
    def companions(self) -> Companions:
        """Files that belong beside this picture, such as what it was made of; empty for one just read."""
        return self._companions

    @property
    def animation(self) -> Animation | None:
        """The same thing in motion, if there is that: what is written where a format can move."""
        return self._animation

    @property
    def samples(self) -> Samples:
        """The samples as the file stores them, (H, W, C); see :mod:`retouch.image.native`."""
        return self._samples

    @property
    def patches(self) -> tuple[tuple[Box, Floats], ...]:
        """The unrounded colours of the boxes that were edited, oldest first."""
        return self._patches

    @property
    def box(self) -> Box:
        """The whole picture as a box."""
        return Box(0, 0, self.width, self.height)

    @property
    def pixels(self) -> Floats:
        """The colours, (H, W, 3) RGB sRGB-encoded, nominally in [0, 1]; decoded once and kept.

        Colours outside sRGB, and floats outside [0, 1], are kept as values outside [0, 1].
        """
        if self._pixels is None:
            self._pixels = self.decode(self.box)
        return self._pixels

    @property
    def alpha(self) -> Floats | None:
        """The opacity, (H, W) in [0, 1], not multiplied into the colours; None when opaque."""
        channel = native.alpha_channel(self._samples, self._file)
        if self._alpha is None and channel is not None:
            self._alpha = native.frozen(native.unit(self._samples[..., channel]))
        return self._alpha

    def decode(self, box: Box) -> Floats:
        """Give the colours of one box, and keep nothing.

        Args:
            box: lies inside the picture.

        Returns:
            (h, w, 3), the same values as ``pixels`` has there.

        Raises:
            InputError: the box leaves the picture.
        """
        self._check_box(box)
        if self._pixels is not None:
            return native.frozen(self._pixels[box.slices])
        touching = [patch for patch in self._patches if patch[0].intersection(box)]
        if touching and touching[-1][0].contains(box):
            held, values = touching[-1]
            return native.frozen(values[box.shifted(-held.x0, -held.y0).slices])
        rgb = native.decoded(self._samples[box.slices], self._file)
        for held, values in touching:
            common = held.intersection(box) or held
            rgb[common.shifted(-box.x0, -box.y0).slices] = values[common.shifted(-held.x0, -held.y0).slices]
        return native.frozen(rgb)

    def edited(
        self,
        pixels: Floats,
        *,
        where: NDArray[np.bool_] | None = None,
        alpha: Floats | None = None,
        report: Report = _NOTHING,
    ) -> Picture:
        """Give the same file with other colours.

        Args:
            pixels: (H, W, 3) RGB sRGB-encoded, nominally in [0, 1]; not clipped.
            where: (H, W); everywhere else the picture's own samples stay, bit for bit. None:
                all pixels are replaced.
            alpha: (H, W) in [0, 1]; None keeps the opacity. A picture without alpha gets one.
            report: what the edit measured.

        Raises:
            SizeMismatch: the arrays are not of the picture's size.
            InputError: a value is not finite, or the mode (CMYK) cannot hold an alpha.
        """
        if where is None:
            where = np.ones(self.size, np.bool_)
        changed = self.edited_box(self.box, pixels, where, report=report)
        return changed if alpha is None else changed.with_alpha(alpha)

    def edited_box(
        self,
        box: Box,
        pixels: Floats,
        where: NDArray[np.bool_],
        *,
        report: Report = _NOTHING,
        copy: bool = True,
    ) -> Picture:
        """Give the same file with other colours inside a box.

        Costs a copy of the file's samples and 12 bytes per pixel of the box, not a float copy
        of the picture.

        Args:
            box: lies inside the picture.
            pixels: (h, w, 3) RGB sRGB-encoded, nominally in [0, 1]; not clipped.
            where: (h, w); everywhere else the picture's own samples stay, bit for bit.
            report: what the edit measured.
            copy: False gives the array away: it is changed, and belongs to the new picture.

        Raises:
            SizeMismatch: the arrays are not of the size of the box.
            InputError: the box leaves the picture, or a value is not finite.
        """
        self._check_box(box)
        where = np.asarray(where)
        if where.dtype != np.bool_:
            raise InputError(f"where must be an array of bool, got {where.dtype}; write where=mask > 0")
        check_values("pixels", np.shape(pixels), (*box.size, 3))
        check_values("where", where.shape, box.size)
        with np.errstate(over="ignore", invalid="ignore"):  # infinity is what is looked for here
            values = np.array(pixels, np.float32, copy=copy or None)
            # the sum is several times faster, and finite unless a value is not, or the values are astronomic
            total = values.sum()
        if not np.isfinite(total) and not np.isfinite(values).all():
            raise InputError("the edited pixels hold NaN or infinity; check the edit that made them")
        everywhere = bool(where.all())
        if not everywhere:
            np.copyto(values, self.decode(box), where=~where[..., None])
        samples = self._samples.copy()
        native.encode_into(samples[box.slices], self._file, values, None if everywhere else where)
        patches = self._with_patch(box, native.frozen(values))
        return Picture(samples, self._file, patches=patches, alpha=self._alpha, report=report)

    def with_alpha(self, alpha: Floats) -> Picture:
        """Give the same colours with another opacity.

        Args:
            alpha: (H, W) in [0, 1]; clipped.

        Raises:
            SizeMismatch: the array is not of the picture's size.
            InputError: a value is not finite, or the picture is CMYK.
        """
        check_values("alpha", np.shape(alpha), self.size)
        if self._file.mode == "CMYK":
            raise InputError('a CMYK picture cannot hold an alpha; convert it first: .converted(mode="RGBA")')
        opacity = np.array(alpha, np.float32)
        if not np.isfinite(opacity).all():
            raise InputError("the alpha holds NaN or infinity; give values in [0, 1]")
        np.clip(opacity, 0, 1, out=opacity)
        inks = native.colour_samples(self._samples, self._file)
        own = native.quantised(opacity, self._samples.dtype)[..., None]
        modes: dict[Mode, Mode] = {"1": "LA", "L": "LA", "RGB": "RGBA"}
        mode = modes.get(self._file.mode, self._file.mode)
        file = replace(
            self._file, mode=mode, bit_depth=8 if self._file.bit_depth == 1 else self._file.bit_depth
        )
        return Picture(
            np.concatenate([inks, own], axis=2),
            file,
            patches=self._patches,
            alpha=native.frozen(opacity),
            report=self._report,
            companions=self._companions,
            animation=self._animation,
        )

    def with_companions(self, companions: Companions) -> Picture:
        """Give the same picture with other files beside it.

        Args:
            companions: how a file's name ends, after the picture's own without its suffix, and its bytes:
                with ``.latent.safetensors``, ``out.png`` gets an ``out.latent.safetensors``.

        Raises:
            InputError: an ending has no letters after a dot, or leads to another folder, or its content is
                not bytes.
        """
        from retouch.image import beside

        beside.check_companions(companions)
        return self._with(companions, self._animation)

    def with_animation(self, animation: Animation | None) -> Picture:
        """Give the same picture with another animation, or none.

        Args:
            animation: what is written where a format can move; the picture is its still.
        """
        return self._with(self._companions, animation)

    def converted(
        self,
        *,
        mode: Mode | None = None,
        bit_depth: BitDepth | None = None,
        srgb: bool = False,
        background: tuple[float, float, float] | None = None,
    ) -> Picture:
        """Give the same colours in another kind of file.

        Args:
            mode: how colour is stored; None keeps it. Leaving out an alpha that is not opaque
                needs a background. CMYK is converted through the picture's own CMYK profile, or
                as plain ink percentages.
            bit_depth: bits per sample (32: floating point); None keeps it.
            srgb: drop the embedded profile and store sRGB numbers.
            background: RGB sRGB-encoded in [0, 1], laid under transparent pixels; the alpha goes.

        Raises:
            InputError: the mode cannot hold what the picture has, or is not a mode.
        """
        from retouch.image import convert

        made = convert.converted(self, mode=mode, bit_depth=bit_depth, srgb=srgb, background=background)
        return made if made is self else made._with(self._companions, self._animation)

    def save(
        self,
        path: str | Path,
        *,
        overwrite: bool = True,
        format: str | None = None,  # noqa: A002 - the name that Pillow users know
        quality: int | None = None,
        lossless: bool | None = None,
        bit_depth: BitDepth | None = None,
        background: tuple[float, float, float] | None = None,
        companions: bool = False,
    ) -> Path:
        """Write the picture; the file appears complete or not at all.

        The suffix chooses the format. The file gets the picture's mode, bit depth, alpha,
        profile, EXIF and resolution as far as its format holds them: 16 bits become 8 in JPEG,
        WebP, AVIF and BMP; floats become 16 bits in PNG; a palette is used again when 256
        colours are enough, and black-and-white when there is nothing else. A picture with an animation is
        written moving as ``.gif``, ``.webp``, ``.apng``, ``.avif`` or ``.mp4``, and still as anything else.

        Args:
            path: where to; the folder must exist.
            overwrite: replace a file that is there.
            format: ``"PNG"``, ``"JPEG"``, ``"WEBP"``, ``"AVIF"``, ``"TIFF"`` or ``"BMP"``, when the
                suffix must not decide; with an animation ``"GIF"``, ``"APNG"`` and ``"MP4"``, too.
            quality: 1 … 100 for JPEG (95 when None), lossy WebP (90) and AVIF (90).
            lossless: for WebP: exact, or smaller. None: exact unless the picture came from a
                lossy file (JPEG, AVIF, lossy WebP).
            bit_depth: 8, 16 or 32 (floating point) instead of the picture's own.
            background: RGB in [0, 1] to lay under transparent pixels; the file has no alpha then.
            companions: write the files that belong beside the picture, too: all of them or none.

        Returns:
            The path.

        Raises:
            OutputExists: a file is there and overwrite is False.
            UnwritablePicture: the folder is missing, the suffix is unknown, or the format cannot
                hold the picture.
        """
        from retouch.image import write

        return write.write(
            self,
            Path(path),
            overwrite=overwrite,
            format=format,
            quality=quality,
            lossless=lossless,
            bit_depth=bit_depth,
            background=background,
            companions=companions,
        )

    def to_pil(self) -> Image.Image:
        """Give a Pillow image of the same mode, profile and EXIF.

        Pillow has no 16-bit colour: such pictures are rounded to 8 bits (16-bit gray stays).
        Float colour is clipped and rounded to 8 bits, float gray becomes mode ``"F"``.
        """
        from retouch.image import outgoing

        return outgoing.pillow_image(self)

    def numpy(self, dtype: Literal["float32", "uint8", "uint16"] = "float32") -> NDArray[Any]:
        """Give an sRGB array, (H, W, 3), or (H, W, 4) with alpha.

        Args:
            dtype: float32 in [0, 1] nominally, or uint8 or uint16 rounded and clipped.

        Raises:
            UnknownName: the dtype is none of these.
        """
        from retouch.image import outgoing

        return outgoing.array(self, dtype)

    def tensor(self) -> torch.Tensor:
        """Give a float32 tensor, (1, 3, H, W) RGB sRGB-encoded, nominally in [0, 1]."""
        from retouch.image import outgoing

        return outgoing.tensor(self)

    def __repr__(self) -> str:
        kind = self._file.format or "in memory"
        return f"Picture({self.height}×{self.width}, {self._file.mode} {self._file.bit_depth} bit, {kind})"

    def _with(self, companions: Companions, animation: Animation | None) -> Picture:
        made = Picture(
            self._samples,
            self._file,
            patches=self._patches,
            alpha=self._alpha,
            report=self._report,
            companions=companions,
            animation=animation,
        )
        made._pixels = self._pixels
        return made

    def _check_box(self, box: Box) -> None:
        if not self.box.contains(box):
            raise InputError(
                f"box {box.x0},{box.y0},{box.x1},{box.y1} leaves the picture of {self.height}×{self.width}; "
                "clip it first: box.clipped(picture.size)"
            )

    def _with_patch(self, box: Box, values: Floats) -> tuple[tuple[Box, Floats], ...]:
        kept = tuple((held, patch) for held, patch in self._patches if not box.contains(held))
        area = sum(patch.shape[0] * patch.shape[1] for _, patch in kept)
        if area > self.height * self.width:
            # Many overlapping strokes: one float picture is smaller than all of them.
            whole = np.array(self.decode(self.box))
            whole[box.slices] = values
            return ((self.box, native.frozen(whole)),)
        return (*kept, (box, values))


if TYPE_CHECKING:
    PictureLike = Picture | str | Path | bytes | Image.Image | NDArray[Any] | torch.Tensor
else:
    # Naming Pillow's and torch's classes would import them.
    PictureLike = Picture | str | Path | bytes | np.ndarray
"""What :meth:`Picture.of` understands; at run time the union leaves out Pillow images and tensors."""
