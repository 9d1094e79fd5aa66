"""A picture in motion: frames, and how long they take."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retouch.errors import InputError, SizeMismatch
from retouch.image.picture import Picture, PictureLike


@dataclass(frozen=True, slots=True, eq=False)
class Animation:
    """Frames that are shown one after the other, each for the same time, again and again.

    >>> import numpy as np
    >>> animation = Animation.of([np.zeros((4, 6, 3)), np.ones((4, 6, 3))], seconds=2)
    >>> len(animation.frames), animation.size
    (2, (4, 6))

    Args:
        frames: at least one, (H, W, 3) RGB of uint8, all of one size.
        seconds: how long all of them take together; more than 0.

    Raises:
        InputError: there is no frame, one is no such array, or the time is no number above 0.
        SizeMismatch: the frames are of several sizes.
    """

    frames: tuple[NDArray[np.uint8], ...]
    seconds: float

    def __post_init__(self) -> None:
        """Refuse what cannot be shown."""
        if not self.frames:
            raise InputError("an animation of no frames was asked for; give at least one")
        for frame in self.frames:
            if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8 or not frame.size:
                raise InputError(
                    f"a frame is {frame.dtype} {frame.shape}; give (H, W, 3) of uint8, or use Animation.of"
                )
            if frame.shape != self.frames[0].shape:
                first, other = ("×".join(map(str, one.shape[:2])) for one in (self.frames[0], frame))
                raise SizeMismatch(f"frames are {first} and {other}; give all of them one size")
        if not (math.isfinite(self.seconds) and self.seconds > 0):
            raise InputError(f"an animation takes more than 0 seconds, got {self.seconds!r}")

    @staticmethod
    def of(pictures: Sequence[PictureLike], *, seconds: float) -> Animation:
        """Make an animation of pictures.

        Args:
            pictures: in any form that :meth:`retouch.image.Picture.of` takes, all of one size; transparent
                pixels are laid on white.
            seconds: how long all of them take together.

        Raises:
            InputError: there is no picture, or the time is no number above 0.
            SizeMismatch: the pictures are of several sizes.
            UnreadablePicture: one is a file that cannot be read.
        """
        return Animation(tuple(on_white(Picture.of(picture)) for picture in pictures), seconds)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self.frames[0].shape[:2]
        return height, width

    def encoded(self, kind: str, *, quality: int | None = None, lossless: bool = False) -> bytes:
        """Make the bytes of a file.

        Args:
            kind: ``"GIF"``, ``"WEBP"``, ``"AVIF"``, ``"PNG"`` or ``"MP4"``.
            quality: 1 … 100 for WebP and AVIF.
            lossless: for WebP: exact.

        Raises:
            UnwritablePicture: the format cannot be written here.
        """
        from retouch.image import moving

        count = len(self.frames)
        # What writes films counts the last frame apart; a video shows it for one frame's time by itself.
        last = 0.0 if kind == "MP4" else self.seconds / count
        return moving.encoded(
            self.frames,
            kind,
            seconds=self.seconds * max(count - 1, 1) / count,
            hold=last,
            quality=quality,
            lossless=lossless,
        )


def on_white(picture: Picture) -> NDArray[np.uint8]:
    """Give the colours of a picture as they look on white paper.

    Args:
        picture: any.

    Returns:
        (H, W, 3) of uint8.
    """
    pixels: NDArray[np.uint8] = picture.numpy("uint8")
    if pixels.shape[2] == 4:
        opacity = pixels[..., 3:].astype(np.float32) / 255
        pixels = np.rint(pixels[..., :3] * opacity + 255 * (1 - opacity)).astype(np.uint8)
    return np.ascontiguousarray(pixels)
