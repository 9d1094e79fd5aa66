"""Small picture files for the tests of data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from retouch.image import Picture


def noise(seed: int, height: int = 12, width: int = 16) -> NDArray[np.uint8]:
    """A coarse random picture, which no other seed resembles."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def write(path: Path, samples: NDArray[Any]) -> Path:
    """Write a picture; the folders above it are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Picture.of(samples).save(path)
    return path


def fill(folder: Path, count: int, *, first: int = 0, height: int = 12, width: int = 16) -> None:
    """Write ``000.png``, ``001.png``, … into a folder."""
    for number in range(count):
        write(folder / f"{number:03}.png", noise(first + number, height, width))


def halves(folder: Path, count: int, *, first: int = 0) -> None:
    """Write pairs side by side: the right half is the left one inverted."""
    for number in range(count):
        left = noise(first + number)
        write(folder / f"{number:03}.png", np.concatenate([left, 255 - left], axis=1))
