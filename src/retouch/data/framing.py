"""Which part of a picture an example shows, and at what size: resize, crop, flip, turn."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Literal, get_args

import numpy as np

from retouch.data.origin import Planes, Size
from retouch.errors import InputError, UnknownName

Resize = Literal["stretch", "cover", "crop", "within"]
"""``stretch``: the whole picture to the load size, whatever its shape (as in the pix2pix paper);
``cover``: keep its shape, the shorter way fills the load size; ``crop``: keep its pixels, but enlarge what is
too small; ``within``: keep its pixels, and take a smaller example of what is too small."""

PAPER_RATIO = 286 / 256
"""Load size to crop size in the pix2pix and CycleGAN papers."""


@dataclass(frozen=True, slots=True)
class View:
    """What one example takes out of its pictures; the same for all pictures of a pair.

    Args:
        top: first row.
        left: first column.
        size: height and width of what is cut out, before it is turned.
        flipped: mirrored left to right.
        turns: quarter turns, counter-clockwise.
        jitter: factors for brightness, contrast and saturation; None leaves the colours alone.
    """

    top: int
    left: int
    size: Size
    flipped: bool = False
    turns: int = 0
    jitter: tuple[float, float, float] | None = None

    def cut(self, planes: Planes) -> Planes:
        """Take the view out of a picture.

        Args:
            planes: (C, H, W).

        Returns:
            (C, h, w), a view of the same memory.
        """
        height, width = self.size
        cut = planes[:, self.top : self.top + height, self.left : self.left + width]
        if self.flipped:
            cut = cut[..., ::-1]
        return np.rot90(cut, self.turns, axes=(1, 2)) if self.turns else cut


@dataclass(frozen=True, slots=True)
class Framing:
    """How pictures of any size become examples of one size.

    Args:
        size: height and width of an example; None keeps each picture's own.
        load: height and width that are cropped from when augmenting; at least ``size``.
        resize: how a picture gets there.
        augment: crop, flip, turn and jitter at random; otherwise the whole picture is resized to
            ``size`` (``stretch``), or its middle is taken.
        flip: mirror half of the examples.
        rotate: turn examples by a random number of quarter turns; half turns when not square.
        jitter: the most by which brightness, contrast and saturation change, 0 … 1.
    """

    size: Size | None
    load: Size | None
    resize: Resize = "stretch"
    augment: bool = False
    flip: bool = True
    rotate: bool = False
    jitter: float = 0.0

    @classmethod
    def of(
        cls,
        size: int | Size | None,
        load_size: int | Size | Literal["paper"] | None,
        *,
        resize: Resize = "stretch",
        augment: bool = False,
        flip: bool = True,
        rotate: bool = False,
        jitter: float = 0.0,
    ) -> Framing:
        """Check the options of a data set.

        Args:
            size: side of the square example, its height and width, or None for the picture's own.
            load_size: what is cropped from: the shorter side, height and width, ``"paper"`` for
                286/256 of ``size``, or None for no crop.
            resize: see :data:`Resize`.
            augment: whether the framing is random.
            flip: see the class.
            rotate: see the class.
            jitter: see the class.

        Raises:
            InputError: a size is not positive, or the load size is smaller than the size.
            UnknownName: there is no such way to resize.
        """
        if resize not in get_args(Resize):
            raise UnknownName("resize", resize, get_args(Resize))
        if not 0 <= jitter <= 1:
            raise InputError(f"jitter is {jitter} but must be from 0 to 1; 0.1 is a mild one")
        wanted = (size, size) if isinstance(size, int) else size
        if wanted is None:
            return cls(None, None, resize, augment, flip, rotate, jitter)
        if min(wanted) < 1:
            raise InputError(f"size is {size} but must be at least 1 pixel; the papers use 256")
        load = _load(wanted, load_size)
        if load[0] < wanted[0] or load[1] < wanted[1]:
            raise InputError(
                f"load_size {load_size} is smaller than size {size}; raise it, "
                "or give None to crop nothing away"
            )
        return cls(wanted, load, resize, augment, flip, rotate, jitter)

    @property
    def drawn(self) -> Size | None:
        """The size of a picture that is drawn for this; None when it may be any."""
        return self.load if self.augment else self.size

    def plain(self) -> Framing:
        """The same without anything random."""
        return replace(self, augment=False)

    def facts(self) -> dict[str, object]:
        """Give the options as plain JSON values."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }

    def stored(self, original: Size) -> Size:
        """Say to which size a picture is brought before views are cut out of it.

        Args:
            original: its own size.

        Returns:
            Height and width; the same for every epoch, so that the result can be kept.
        """
        if self.size is None or self.load is None or self.resize == "within":
            return original
        target = self.load if self.augment else self.size
        if self.resize == "stretch":
            return target
        height, width = original
        least = self.size if self.resize == "crop" else target
        scale = max(least[0] / height, least[1] / width)
        if self.resize == "crop":
            scale = max(scale, 1.0)
        return max(least[0], round(height * scale)), max(least[1], round(width * scale))

    def view(self, stored: Size, random: np.random.Generator) -> View:
        """Choose what one example shows.

        Args:
            stored: the size of the picture after resizing.
            random: a generator made for this example.
        """
        size = self.size or stored
        if self.resize == "within":
            size = min(size[0], stored[0]), min(size[1], stored[1])
        room = stored[0] - size[0], stored[1] - size[1]
        if not self.augment:
            return View(room[0] // 2, room[1] // 2, size)
        # Drawn in any case and in one order, so that one option does not shift what another draws.
        top, left = (int(random.integers(0, space + 1)) for space in room)
        flipped = bool(random.integers(0, 2))
        turns = int(random.integers(0, 4))
        factors = random.uniform(-1, 1, 3)
        if size[0] != size[1]:
            turns &= 2
        jitter = tuple(float(1 + self.jitter * factor) for factor in factors) if self.jitter else None
        return View(
            top,
            left,
            size,
            flipped and self.flip,
            turns if self.rotate else 0,
            (jitter[0], jitter[1], jitter[2]) if jitter else None,
        )


def resized(planes: Planes, size: Size, *, nearest: bool) -> Planes:
    """Resize a picture.

    Args:
        planes: (C, H, W) of uint8, uint16 or float32.
        size: the wanted height and width.
        nearest: take the nearest sample, for label colours that must not be mixed; otherwise
            bicubic, averaging when the picture gets smaller.

    Returns:
        (C, *size) of the same type.
    """
    from PIL import Image

    if planes.shape[1:] == size:
        return planes
    method = Image.Resampling.NEAREST if nearest else Image.Resampling.BICUBIC
    across = size[1], size[0]
    if planes.dtype == np.uint8 and planes.shape[0] == 3:
        image = Image.fromarray(np.ascontiguousarray(planes.transpose(1, 2, 0)))
        return np.ascontiguousarray(np.asarray(image.resize(across, method)).transpose(2, 0, 1))
    exact = planes.dtype == np.uint8
    kind = planes.dtype if exact else np.float32
    bands = [
        np.asarray(Image.fromarray(np.ascontiguousarray(plane, kind)).resize(across, method))
        for plane in planes
    ]
    stacked = np.stack(bands)
    if exact:
        return stacked
    if planes.dtype == np.uint16:
        return np.asarray(np.rint(stacked.clip(0, 65535)), np.uint16)
    return np.asarray(stacked.clip(0, 1), np.float32)


def unit(planes: Planes) -> Planes:
    """Give the samples as numbers in [0, 1].

    Args:
        planes: (C, h, w), possibly a mirrored or turned view.

    Returns:
        A new contiguous float32 array.
    """
    out = np.empty(planes.shape, np.float32)
    full = 1.0 if planes.dtype == np.float32 else float(np.iinfo(planes.dtype).max)
    np.divide(planes, np.float32(full), out=out, casting="unsafe")
    return out


def jittered(colours: Planes, factors: tuple[float, float, float]) -> Planes:
    """Change brightness, contrast and saturation.

    Args:
        colours: (C, h, w) in [0, 1].
        factors: what to multiply each with; 1 leaves it.

    Returns:
        (C, h, w) in [0, 1].
    """
    brightness, contrast, saturation = (np.float32(factor) for factor in factors)
    bright = colours * brightness
    mean = bright.mean(dtype=np.float32)
    contrasted = mean + contrast * (bright - mean)
    gray = contrasted.mean(axis=0, keepdims=True)
    return np.asarray((gray + saturation * (contrasted - gray)).clip(0, 1), np.float32)


def _load(size: Size, load_size: int | Size | Literal["paper"] | None) -> Size:
    if load_size is None:
        return size
    if load_size == "paper":
        return round(size[0] * PAPER_RATIO), round(size[1] * PAPER_RATIO)
    if isinstance(load_size, int):
        shorter = min(size)
        return round(size[0] * load_size / shorter), round(size[1] * load_size / shorter)
    return load_size
