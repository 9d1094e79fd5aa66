"""Pictures that a network is calibrated with, and what it should make of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retouch.errors import InputError, SizeMismatch
from retouch.image import Picture
from retouch.image.write import SUFFIXES

LARGEST = 384
"""The longest side of what is looked at of a picture, in its middle."""

MOST = 400
"""Pictures that are looked at; more change nothing."""

_LEAST = 2
_SMALLEST = 11  # pixels of a side, which SSIM looks at

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Example:
    """A picture, and its target if there is one; both are read when they are asked for.

    Args:
        file: of the picture.
        target: the file of its target.
        scale: of the network: new pixels per old one, along a side.
    """

    file: Path
    target: Path | None
    scale: int

    def picture(self) -> Floats:
        """Read the middle of the picture.

        Returns:
            ``(3, H, W)`` in [0, 1].

        Raises:
            InputError: it is too small.
            PictureError: it cannot be read.
        """
        return _middle(self._whole(), 1)

    def pair(self) -> tuple[Floats, Floats | None]:
        """Read the middles of both.

        Returns:
            ``(3, H, W)`` in [0, 1], and ``(3, scale · H, scale · W)`` if there is a target.

        Raises:
            InputError: as for :meth:`picture`.
            SizeMismatch: the target has another size than the network would make.
            PictureError: one cannot be read.
        """
        whole = self._whole()
        height, width = whole.shape[1:]
        picture = _middle(whole, 1)
        if self.target is None:
            return picture, None
        true = _planes(self.target)
        if true.shape[1:] != (self.scale * height, self.scale * width):
            raise SizeMismatch(
                f"{self.target.name:.100} is {true.shape[1]}×{true.shape[2]}, and the network makes "
                f"{self.scale * height}×{self.scale * width} of {self.file.name:.100}; give targets of that "
                "size"
            )
        return picture, _middle(true, self.scale)

    def _whole(self) -> Floats:
        pixels = _planes(self.file)
        height, width = pixels.shape[1:]
        if min(height, width) < _SMALLEST:
            raise InputError(
                f"{self.file.name:.100} has {height}×{width} pixels; give pictures of {_SMALLEST} or more on "
                "each side"
            )
        return pixels


def examples(folder: Path, targets: Path | None, scale: int) -> list[Example]:
    """Choose the pictures of a folder, in the order of their names: every second one is to be measured.

    All are read once, so that one that is of no use is found before the work, but none is kept.


    Args:
        folder: of the pictures.
        targets: of what should be made of them, in files of the same names, whatever their endings; or None.
        scale: of the network: new pixels per old one, along a side.

    Returns:
        The pictures, of which those at odd places have targets.

    Raises:
        InputError: there are fewer than two, a target is missing, or a folder is none.
        SizeMismatch: a target has another size than the network would make.
        PictureError: a picture cannot be read.
    """
    files = _pictures(folder)[:MOST]
    if len(files) < _LEAST:
        raise InputError(
            f"{folder!s:.200} holds {len(files)} pictures, and half of them set the 8 bits while the others "
            "are measured; give a folder of two or more, better some dozens"
        )
    true = {} if targets is None else {path.stem: path for path in _pictures(targets)}
    if targets is not None and (lacking := [path.name for path in files if path.stem not in true]):
        raise InputError(
            f"{targets!s:.200} lacks the targets of {len(lacking)} pictures, first {lacking[0]:.100}; name "
            "targets like the pictures"
        )
    found = []
    for number, path in enumerate(files):
        found.append(Example(path, true.get(path.stem) if number % 2 else None, scale))
        found[-1].pair()
    return found


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InputError(f"{folder!s:.200} is no folder; give a folder of pictures")
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())


def _middle(pixels: Floats, scale: int) -> Floats:
    spans = []
    for side in pixels.shape[1:]:
        length = min(side // scale, LARGEST)
        start = (side // scale - length) // 2
        spans.append(slice(scale * start, scale * (start + length)))
    # A copy: a view would keep the whole picture.
    return pixels[:, spans[0], spans[1]].copy()


def _planes(path: Path) -> Floats:
    return np.clip(Picture.of(path).pixels, 0, 1).transpose(2, 0, 1).astype(np.float32, copy=False)
