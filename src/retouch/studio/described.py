"""What the studio says of a file: the same few facts of each."""

from __future__ import annotations

from pathlib import Path

from retouch.image import Picture
from retouch.image.write import fitted, format_for, motion_for

Facts = dict[str, object]
"""``kind``, ``width``, ``height``, ``mode``, ``bits`` and ``format``."""


def of_opened(picture: Picture) -> Facts:
    """Describe a picture that was read from a file.

    Args:
        picture: as it was opened, upright.
    """
    return _facts("picture", picture.size, picture.file.mode, picture.file.bit_depth, picture.file.format)


def of_written(picture: Picture, path: Path) -> Facts:
    """Describe the file that a picture was written to.

    Args:
        picture: that was written, moving if it has an animation and the file can move.
        path: of the file.
    """
    if picture.animation is not None and (motion := motion_for(path)):
        return _facts("animation", picture.animation.size, "RGB", 8, motion)
    kind = format_for(path)
    file = fitted(picture, kind, None, None).file
    return _facts("picture", picture.size, file.mode, file.bit_depth, kind)


def of_other(kind: str, form: str) -> Facts:
    """Describe a file that is no picture.

    Args:
        kind: what it is: "latent" or "drawing".
        form: the format of the file.
    """
    return {"kind": kind, "width": None, "height": None, "mode": None, "bits": None, "format": form}


def _facts(kind: str, size: tuple[int, int], mode: str, bits: int, form: str | None) -> Facts:
    height, width = size
    return {"kind": kind, "width": width, "height": height, "mode": mode, "bits": bits, "format": form}
