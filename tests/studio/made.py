"""Pictures that the studio's tests make for themselves, and what the library makes of them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from retouch import catalog

Marks = tuple[tuple[int, int], tuple[int, int]]
"""The pixels (x, y) in the middle of a magenta and of a cyan mark."""

MAGENTA, CYAN = (255, 0, 255), (0, 255, 255)
"""Colours that a photo seldom has: the marks by which a test finds a place of the picture on the screen."""


def png(picture: Image.Image) -> bytes:
    """A picture as a file."""
    stream = io.BytesIO()
    picture.save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def photo(seed: int = 0, size: tuple[int, int] = (48, 64)) -> bytes:
    """A picture like no other of another seed: smooth colours and a little noise; size is (H, W)."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, 256, (5, 6, 3), np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize(size[::-1], Image.Resampling.BICUBIC), np.int16)
    noise = generator.integers(-12, 13, smooth.shape, np.int16)
    return png(Image.fromarray(np.clip(smooth + noise, 0, 255).astype(np.uint8)))


def marked(seed: int, size: tuple[int, int], marks: Marks, side: int = 9) -> bytes:
    """A photo with two square marks."""
    picture = Image.open(io.BytesIO(photo(seed, size))).convert("RGB")
    # Dull, so that nothing of the photo itself looks like a mark.
    picture = Image.blend(picture, Image.new("RGB", picture.size, (110, 100, 80)), 0.6)
    draw = ImageDraw.Draw(picture)
    for (x, y), colour in zip(marks, (MAGENTA, CYAN), strict=True):
        half = side // 2
        draw.rectangle((x - half, y - half, x + half, y + half), fill=colour)
    return png(picture)


def scribble(size: tuple[int, int] = (64, 64)) -> bytes:
    """Coloured strokes on a transparent sheet."""
    sheet = Image.new("RGBA", size[::-1], (0, 0, 0, 0))
    draw = ImageDraw.Draw(sheet)
    draw.line((10, 12, 50, 14), fill=(20, 20, 20, 255), width=8)
    draw.ellipse((18, 24, 46, 54), fill=(220, 180, 150, 255))
    return png(sheet)


def box(x0: float, y0: float, x1: float, y1: float) -> dict[str, Any]:
    """A rectangle as the page draws it."""
    stroke = {"kind": "rectangle", "points": [[x0, y0], [x1, y1]], "erase": False}
    return {"retouch": "drawing", "version": 1, "size": None, "strokes": [stroke]}


def library(verb: str, folder: Path, options: Mapping[str, object], suffix: str = "png") -> bytes:
    """The file that the library writes: the verb with these options, saved.

    Args:
        verb: an edit of the catalog.
        folder: where to write.
        options: as the verb takes them: files as bytes or paths, a mask also as a drawing.
        suffix: the kind of file.
    """
    edit = catalog.edit_named(verb)
    given: dict[str, Any] = {}
    for option in edit.options():
        if option.name in options:
            given[option.name] = _taken(option, options[option.name], folder)
    placed = [given.pop(option.name) for option in edit.options() if option.placed]
    path = folder / f"library-{verb}.{suffix}"
    edit.load()(*placed, **given).save(path, companions=True, overwrite=True)
    return path.read_bytes()


def _taken(option: catalog.Option, value: object, folder: Path) -> object:
    if option.kind in ("pictures", "masks", "latents") and isinstance(value, list | tuple):
        return tuple(_file(item, folder, f"{option.name}-{n}") for n, item in enumerate(value))
    if isinstance(value, bytes):
        return _file(value, folder, option.name)
    if option.kind == "mask" and isinstance(value, dict):
        from retouch.image.drawing import Drawing

        return Drawing.parse(value)
    if option.kind == "point" and isinstance(value, list):
        return tuple(value)
    return value


def _file(value: object, folder: Path, name: str) -> Path:
    if isinstance(value, Path):
        return value
    assert isinstance(value, bytes)
    path = folder / f"{name}{'.safetensors' if value[8:9] == b'{' else '.png'}"
    path.write_bytes(value)
    return path
