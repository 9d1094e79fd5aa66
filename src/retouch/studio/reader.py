"""The process that reads files from strangers: ``python -m retouch.studio.reader``.

Decoders are where a hostile file does its harm. Here it finds no torch, and a process that can be ended and
started again.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retouch.errors import UnreadableWeights, UnwritablePicture
from retouch.image import Mask, Picture
from retouch.image.drawing import Drawing
from retouch.image.limits import check_pixels
from retouch.studio import described
from retouch.studio.described import Facts
from retouch.studio.parent import Message, Parent, failed

_LATENT = "retouch-latent"  # where a latent file has its head
_LATENT_BYTES = 32 << 20
_LATENT_HEADER = 2 << 20


def main() -> None:
    """Read files until there are no more."""
    parent = Parent()
    parent.answer({"ready": True})
    for task in parent:
        parent.answer({"began": True, "number": task["number"]})
        try:
            said: Message = {"done": done(task)}
        except Exception as error:
            said = {"failed": failed(error, f"the reading of {task['name']}", task["places"])}
        parent.answer({**said, "number": task["number"]})


def done(task: Message) -> Facts:
    """Do what is asked.

    Args:
        task: ``act``, and what :class:`retouch.studio.reading.Reader` says of it.

    Returns:
        The facts of the file that was read, or of the one that was written.

    Raises:
        RetouchError: The file cannot be read, or not be written as asked.
    """
    match task["act"]:
        case "inspect":
            return inspect(Path(task["path"]), task["pixels"])
        case "view":
            return view(Path(task["path"]), task["side"], Path(task["out"]), task["pixels"])
        case "draw":
            return draw(task["drawing"], task["size"], Path(task["out"]), task["pixels"])
        case "convert":
            return convert(Path(task["path"]), Path(task["out"]), task["pixels"])
        case unknown:
            raise ValueError(f"no reader does {unknown!r}")


def inspect(path: Path, pixels: int) -> Facts:
    """Say what a file is, after decoding all of it.

    Args:
        path: of the file.
        pixels: the most that a picture may have.

    Raises:
        PictureError: It is neither a picture that can be read nor a latent.
        UnreadableWeights: It looks like a latent, and is none.
    """
    with path.open("rb") as file:
        head = file.read(9)
        if len(head) == 9 and head[8:] == b"{" and struct.unpack("<Q", head[:8])[0] <= _LATENT_BYTES:
            return _latent(path, file.read(struct.unpack("<Q", head[:8])[0] - 1))
    return described.of_opened(Picture.open(path, max_pixels=pixels))


def view(path: Path, side: int, out: Path, pixels: int) -> Facts:
    """Make a picture for the screen: sRGB, 8 bits, upright, as a PNG.

    Args:
        path: of a picture.
        side: its longest side at most; it is not enlarged.
        out: the file to write.
        pixels: the most that the picture may have.

    Raises:
        PictureError: It cannot be read, or the view not be written.
    """
    shown = _reduced(Picture.open(path, max_pixels=pixels).numpy("uint8"), side)
    made = Picture.of(shown)
    made.save(out)
    return described.of_written(made, out)


def draw(drawing: dict[str, Any], size: list[int] | None, out: Path, pixels: int) -> Facts:
    """Write a drawing as a gray picture, white where the mask is.

    Args:
        drawing: as :meth:`retouch.image.drawing.Drawing.parse` takes it.
        size: height and width of the picture to be masked; None for the drawing's own.
        out: the file to write.
        pixels: the most that it may have.

    Raises:
        InputError: It is no drawing, or has no size, or another one.
        PictureTooLarge: The mask would have too many pixels.
    """
    parsed = Drawing.parse(drawing)
    height, width = size or parsed.size or (0, 0)
    check_pixels("the mask", width, height, pixels)
    Mask.of(parsed, None if size is None else (height, width)).save(out)
    return described.of_opened(Picture.open(out, max_pixels=pixels))


def convert(path: Path, out: Path, pixels: int) -> Facts:
    """Write a picture in another format, as :meth:`retouch.image.Picture.save` does.

    Args:
        path: of a picture.
        out: the file to write; its suffix chooses the format.
        pixels: the most that the picture may have.

    Raises:
        PictureError: It cannot be read, or the format does not hold it.
    """
    picture = Picture.open(path, max_pixels=pixels)
    try:
        picture.save(out)
    except UnwritablePicture as error:
        raise UnwritablePicture(
            str(error).replace(", or pass background=(1, 1, 1) to lay white under it", "")
        ) from None
    return described.of_written(picture, out)


def _reduced(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    from PIL import Image

    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return pixels
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    image = Image.fromarray(pixels)
    # Pillow weighs colours by their opacity, so what is transparent does not bleed into what is seen.
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0))


def _latent(path: Path, rest: bytes) -> Facts:
    """Look at the head of a latent file; the edit that gets it checks all the rest."""
    size = path.stat().st_size
    try:
        if size > _LATENT_BYTES or len(rest) + 1 > _LATENT_HEADER:
            raise ValueError(f"it has {size:,} bytes, and a latent file at most {_LATENT_BYTES:,}")
        header = json.loads(b"{" + rest)
        if _LATENT not in header.get("__metadata__", {}):
            raise ValueError("it is a safetensors file, but not one of a latent")
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise UnreadableWeights(
            f"{path} cannot be used as a latent: {error!s:.200}; send the .latent.safetensors file that "
            "invert writes, or a picture"
        ) from None
    return described.of_other("latent", "SAFETENSORS")


if __name__ == "__main__":
    main()
