"""Textures of drawn pictures: smooth noise, grain, and shadows of a relief."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
"""One channel, (H, W)."""

Canvas = NDArray[np.float32]
"""Colours, (H, W, 3) in [0, 1]."""


def smooth(random: np.random.Generator, size: tuple[int, int], cells: int, octaves: int = 3) -> Plane:
    """Draw smooth noise.

    Args:
        random: where the numbers come from.
        size: height and width.
        cells: bumps along the longer side, in the coarsest octave.
        octaves: how many are added; each has twice as many bumps and half the height.

    Returns:
        (H, W), about −1 … 1, mean near 0.
    """
    from PIL import Image

    height, width = size
    longer = max(size)
    total = np.zeros(size, np.float32)
    for octave in range(octaves):
        bumps = cells << octave
        grid = random.integers(-128, 128, (bumps * height // longer + 2, bumps * width // longer + 2))
        image = Image.fromarray(grid.astype(np.float32) / np.float32(128))
        total += np.asarray(image.resize((width, height), Image.Resampling.BICUBIC)) * np.float32(0.5**octave)
    return total


def grain(random: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Draw noise without smoothness: roughly normal, of standard deviation 1.

    Args:
        random: where the numbers come from.
        shape: of the result.
    """
    # The sum of four bytes is near enough to a bell, and much faster than normal deviates.
    raw = random.integers(0, 256, (*shape, 4), np.uint8)
    total = raw.sum(axis=-1, dtype=np.uint16).astype(np.float32)
    return np.asarray((total - np.float32(510)) / np.float32(147.8), np.float32)


def shadowed(relief: Plane, across: float, slope: float, reach: int) -> NDArray[np.bool_]:
    """Find what a relief keeps from the sun.

    Args:
        relief: how far each pixel stands out, in pixels.
        across: how far a shadow moves to the right for each row that it falls.
        slope: how much height the light loses for each row.
        reach: the longest shadow, in rows.

    Returns:
        (H, W), True in shadow.
    """
    height, width = relief.shape
    dark = np.zeros(relief.shape, bool)
    for rows in range(1, min(reach, height - 1) + 1):
        columns = round(across * rows)
        if abs(columns) >= width:
            break
        here, there = (
            slice(max(0, columns), width + min(0, columns)),
            slice(max(0, -columns), width - max(0, columns)),
        )
        dark[rows:, here] |= relief[:-rows, there] - np.float32(slope * rows) > relief[rows:, here]
    return dark


def softened(plane: NDArray[Any]) -> NDArray[np.float32]:
    """Blur (H, W) or (H, W, C) a little: weights 1, 2, 1 down and across."""
    padded = np.pad(plane.astype(np.float32), ((1, 1), (1, 1)) + ((0, 0),) * (plane.ndim - 2), mode="edge")
    down = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    return np.asarray((down[:, :-2] + 2 * down[:, 1:-1] + down[:, 2:]) / np.float32(16), np.float32)
