"""Between pictures and the finest grid: degrees, right sides, and the way back.

Pictures are (H, W, C) float32; ``inside`` is (H + 4, W + 4) with a ring of two pixels:
1 unknown, 0 known, 2 outside the picture.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from retouch.poisson.kernels.jit import compiled

Grid = NDArray[np.float32]
Flags = NDArray[np.uint8]


@compiled
def shares_of_mask(red: Flags, black: Flags, inside: Flags, y0: int, y1: int) -> None:
    """Write 12/degree of the unknown pixels of rows y0 … y1, 0 elsewhere."""
    width = inside.shape[1] - 4
    for y in range(y0, y1):
        for x in range(width):
            share = 0
            if inside[y + 2, x + 2] == 1:
                degree = (
                    (inside[y + 1, x + 2] != 2)
                    + (inside[y + 3, x + 2] != 2)
                    + (inside[y + 2, x + 1] != 2)
                    + (inside[y + 2, x + 3] != 2)
                )
                share = 12 // max(degree, 1)
            if (x + y) & 1:
                black[y + 1, 1 + (x >> 1)] = share
            else:
                red[y + 1, 1 + (x >> 1)] = share


@compiled
def right_side(
    red: Grid, black: Grid, guess: Grid, known: Grid, inside: Flags, mixed: bool, y0: int, y1: int
) -> None:
    """Write the right side of A u = b for u = f − guess, rows y0 … y1.

    The guidance is the guess's own gradient; with ``mixed``, on every edge and channel the
    larger in magnitude of the guess's and the known picture's difference.
    """
    width = inside.shape[1] - 4
    channels = guess.shape[2]
    zero = np.float32(0.0)
    for y in range(y0, y1):
        for x in range(width):
            half = black if (x + y) & 1 else red
            k = 1 + (x >> 1)
            n, s = inside[y + 1, x + 2], inside[y + 3, x + 2]
            w, e = inside[y + 2, x + 1], inside[y + 2, x + 3]
            if inside[y + 2, x + 2] != 1 or (not mixed and (n & s & w & e) == 1):
                for c in range(channels):
                    half[c, y + 1, k] = zero
                continue
            for c in range(channels):
                b = zero
                g, t = guess[y, x, c], known[y, x, c]
                if n != 2:
                    b += _edge(g, t, guess[y - 1, x, c], known[y - 1, x, c], n, mixed)
                if s != 2:
                    b += _edge(g, t, guess[y + 1, x, c], known[y + 1, x, c], s, mixed)
                if w != 2:
                    b += _edge(g, t, guess[y, x - 1, c], known[y, x - 1, c], w, mixed)
                if e != 2:
                    b += _edge(g, t, guess[y, x + 1, c], known[y, x + 1, c], e, mixed)
                half[c, y + 1, k] = b


@compiled
def split(red: Grid, black: Grid, picture: Grid, inside: Flags, y0: int, y1: int) -> None:
    """Copy rows y0 … y1 of a picture into red-black storage, zero where nothing is unknown."""
    width = inside.shape[1] - 4
    for y in range(y0, y1):
        for x in range(width):
            half = black if (x + y) & 1 else red
            known = inside[y + 2, x + 2] != 1
            for c in range(picture.shape[2]):
                half[c, y + 1, 1 + (x >> 1)] = np.float32(0.0) if known else picture[y, x, c]


@compiled
def add_to(picture: Grid, red: Grid, black: Grid, inside: Flags, y0: int, y1: int) -> None:
    """Add the unknowns of rows y0 … y1 to a picture."""
    width = inside.shape[1] - 4
    for y in range(y0, y1):
        for x in range(width):
            if inside[y + 2, x + 2] == 1:
                half = black if (x + y) & 1 else red
                for c in range(picture.shape[2]):
                    picture[y, x, c] += half[c, y + 1, 1 + (x >> 1)]


@compiled
def _edge(
    g: np.float32, t: np.float32, g_next: np.float32, t_next: np.float32, state: int, mixed: bool
) -> np.float32:
    """What the edge to one neighbour adds to the right side."""
    b = np.float32(0.0)
    if mixed:
        own, other = g - g_next, t - t_next
        if abs(other) > abs(own):
            b = other - own
    if state == 0:
        b += t_next - g_next
    return b


@compiled
def apply(out: NDArray[np.float64], x: NDArray[np.float64], inside: Flags, y0: int, y1: int) -> None:
    """Write A x for rows y0 … y1 of planes (C, H, W) that are zero where nothing is unknown."""
    height, width = x.shape[1], x.shape[2]
    for c in range(x.shape[0]):
        for y in range(y0, y1):
            for i in range(width):
                if inside[y + 2, i + 2] != 1:
                    out[c, y, i] = 0.0
                    continue
                total = 0.0
                here = x[c, y, i]
                if y > 0:
                    total += here - x[c, y - 1, i]
                if y + 1 < height:
                    total += here - x[c, y + 1, i]
                if i > 0:
                    total += here - x[c, y, i - 1]
                if i + 1 < width:
                    total += here - x[c, y, i + 1]
                out[c, y, i] = total
