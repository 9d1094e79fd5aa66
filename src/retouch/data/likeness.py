"""Find pictures that show the same thing, though their files differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retouch.data.framing import resized
from retouch.data.origin import Planes

SIDE = 16
LEAST_CORRELATION = 0.98
"""Of two thumbnails that are alike; neighbouring frames of a drive reach 0.9."""

MOST_CHANGED = 0.15
"""Part of the steps between neighbouring pixels that may differ between pictures that are alike."""

FLAT = 3.0
"""Standard deviation, of 255, below which a thumbnail says too little to be compared."""

_CHUNK = 512


@dataclass(frozen=True, slots=True)
class Look:
    """What a picture looks like from far away.

    Args:
        thumbnail: (16 · 16,) gray, less its mean, of length 1.
        steps: (16 · 15,) whether each thumbnail pixel is darker than its right neighbour.
        flat: it says too little to be compared.
    """

    thumbnail: NDArray[np.float32]
    steps: NDArray[np.bool_]
    flat: bool


def look_of(planes: Planes) -> Look:
    """Look at a picture from far away.

    Args:
        planes: (3, H, W) of uint8, uint16 or float32.
    """
    full = 1.0 if planes.dtype == np.float32 else float(np.iinfo(planes.dtype).max)
    small = resized(planes, (SIDE, SIDE), nearest=False).astype(np.float32).mean(axis=0)
    small *= np.float32(255 / full)
    centred = small - small.mean()
    length = float(np.linalg.norm(centred))
    return Look(
        (centred / max(length, 1e-6)).ravel(),
        (small[:, 1:] > small[:, :-1]).ravel(),
        flat=length / SIDE < FLAT,
    )


def joined(looks: Sequence[Look]) -> Look:
    """Take several pictures as one, for pairs: alike are pairs of which both pictures are."""
    thumbnails = [look.thumbnail for look in looks]
    scale = np.float32(len(looks) ** 0.5)
    return Look(
        np.concatenate(thumbnails) / scale,
        np.concatenate([look.steps for look in looks]),
        flat=any(look.flat for look in looks),
    )


def alike(first: Sequence[Look], second: Sequence[Look]) -> list[tuple[int, int]]:
    """Find which of two lists look the same: copies that were resized or compressed again.

    Args:
        first: one list.
        second: the other.

    Returns:
        Pairs of positions, at most one for each of the first list: the most alike.
    """
    if not first or not second:
        return []
    others = np.stack([look.thumbnail for look in second])
    others[[look.flat for look in second]] = 0
    found = []
    for begin in range(0, len(first), _CHUNK):
        part = first[begin : begin + _CHUNK]
        correlation = np.stack([look.thumbnail for look in part]) @ others.T
        nearest = correlation.argmax(axis=1)
        for offset, (look, position) in enumerate(zip(part, nearest.tolist(), strict=True)):
            changed = float(np.mean(look.steps != second[position].steps))
            if (
                not look.flat
                and correlation[offset, position] >= LEAST_CORRELATION
                and changed <= MOST_CHANGED
            ):
                found.append((begin + offset, position))
    return found
