"""Coarse operators: the Galerkin product Pᵀ A P with bilinear interpolation P.

Only points near a rim, a hole or the picture's edge need the product worked out; where the
finer operator is the same everywhere around a point, the product is a known constant.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from retouch.poisson.kernels.jit import compiled

Grid = NDArray[np.float32]
Flags = NDArray[np.uint8]


@compiled
def regular_of_mask(regular: Flags, inside: Flags, y0: int, y1: int) -> None:
    """Flag the pixels of rows y0 … y1 that are unknown, with four unknown neighbours."""
    width = inside.shape[1] - 4
    for y in range(y0, y1):
        row, here = regular[y + 1, 1 : 1 + width], inside[y + 2, 2 : 2 + width]
        west, east = inside[y + 2, 1 : 1 + width], inside[y + 2, 3 : 3 + width]
        north, south = inside[y + 1, 2 : 2 + width], inside[y + 3, 2 : 2 + width]
        for x in range(width):
            row[x] = here[x] & west[x] & east[x] & north[x] & south[x]


@compiled
def mask_product(
    operator: Grid, regular: Flags, inside: Flags, fine_regular: Flags, constant: Grid, y0: int, y1: int
) -> None:
    """Fill rows y0 … y1 of the first coarse operator from the mask.

    Args:
        operator: (5, h + 2, w + 2) couplings right, down, down-right, down-left, and the diagonal; written.
        regular: (h + 2, w + 2) 1 where the operator is the constant one; written.
        inside: (H + 4, W + 4) with a ring of two pixels: 1 unknown, 0 known, 2 outside the picture.
        fine_regular: (H + 2, W + 2) flags of the regular pixels.
        constant: (5,) the operator at a regular point.
        y0: first coarse row.
        y1: one past the last coarse row.
    """
    height, width = inside.shape[0] - 4, inside.shape[1] - 4
    row = np.empty((3, 3), np.float32)
    for y in range(y0, y1):
        for x in range(operator.shape[2] - 2):
            cell = operator[:, y + 1, x + 1]
            if _all_regular(fine_regular, 2 * y, 2 * x):
                regular[y + 1, x + 1] = 1
                cell[:] = constant
                continue
            for py in range(max(2 * y - 1, 0), min(2 * y + 2, height)):
                for px in range(max(2 * x - 1, 0), min(2 * x + 2, width)):
                    if inside[py + 2, px + 2] == 1:
                        _mask_row(row, inside, py + 2, px + 2)
                        _add_product(cell, row, py - 2 * y, px - 2 * x)


@compiled
def product(
    operator: Grid, regular: Flags, fine: Grid, fine_regular: Flags, constant: Grid, y0: int, y1: int
) -> None:
    """Fill rows y0 … y1 of a coarse operator from a finer one; arguments as in :func:`mask_product`.

    Both operators hold their diagonals last, not the inverses.
    """
    height, width = fine.shape[1] - 2, fine.shape[2] - 2
    row = np.empty((3, 3), np.float32)
    for y in range(y0, y1):
        for x in range(operator.shape[2] - 2):
            cell = operator[:, y + 1, x + 1]
            if _all_regular(fine_regular, 2 * y, 2 * x):
                regular[y + 1, x + 1] = 1
                cell[:] = constant
                continue
            for py in range(max(2 * y - 1, 0), min(2 * y + 2, height)):
                for px in range(max(2 * x - 1, 0), min(2 * x + 2, width)):
                    if fine[4, py + 1, px + 1] != 0:
                        _operator_row(row, fine, py + 1, px + 1)
                        _add_product(cell, row, py - 2 * y, px - 2 * x)


@compiled
def _add_product(cell: Grid, row: Grid, dy: int, dx: int) -> None:
    """Add what one fine point, (dy, dx) from a coarse one, brings to the coarse point's couplings.

    ``cell`` is (5,); ``row`` holds the nine entries of the fine point's matrix row.
    """
    p = _hat(dy, dx)
    cell[4] += p * _hat_row(row, dy, dx)
    if dx >= 0:
        cell[0] -= p * _hat_row(row, dy, dx - 2)
    if dy >= 0:
        cell[1] -= p * _hat_row(row, dy - 2, dx)
        if dx >= 0:
            cell[2] -= p * _hat_row(row, dy - 2, dx - 2)
        if dx <= 0:
            cell[3] -= p * _hat_row(row, dy - 2, dx + 2)


@compiled
def _hat(dy: int, dx: int) -> np.float32:
    """What a fine point takes from a coarse one under bilinear interpolation, at most one pixel away."""
    return np.float32((1.0 - 0.5 * abs(dy)) * (1.0 - 0.5 * abs(dx)))


@compiled
def _hat_row(row: Grid, dy: int, dx: int) -> np.float32:
    """A 3 × 3 matrix row applied to the hat of a coarse point that lies at (−dy, −dx) from its centre."""
    total = np.float32(0.0)
    for i in range(max(-1, -1 - dy), min(1, 1 - dy) + 1):
        for j in range(max(-1, -1 - dx), min(1, 1 - dx) + 1):
            total += row[i + 1, j + 1] * _hat(dy + i, dx + j)
    return total


@compiled
def _mask_row(row: Grid, inside: Flags, i: int, j: int) -> None:
    """Write the nine entries of the mask Laplacian's row at pixel (i, j), counted with the ring."""
    row[:] = 0.0
    for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        state = inside[i + dy, j + dx]
        if state != 2:
            row[1, 1] += np.float32(1.0)
        if state == 1:
            row[1 + dy, 1 + dx] = np.float32(-1.0)


@compiled
def _operator_row(row: Grid, operator: Grid, i: int, j: int) -> None:
    """Write the nine entries of the matrix row of point (i, j), counted with the ring."""
    row[0, 0] = -operator[2, i - 1, j - 1]
    row[0, 1] = -operator[1, i - 1, j]
    row[0, 2] = -operator[3, i - 1, j + 1]
    row[1, 0] = -operator[0, i, j - 1]
    row[1, 1] = operator[4, i, j]
    row[1, 2] = -operator[0, i, j]
    row[2, 0] = -operator[3, i, j]
    row[2, 1] = -operator[1, i, j]
    row[2, 2] = -operator[2, i, j]


@compiled
def _all_regular(regular: Flags, y: int, x: int) -> bool:
    """Whether the 3 × 3 fine points around (y, x) exist and are regular (flags have a ring of zeros)."""
    if y + 3 > regular.shape[0] or x + 3 > regular.shape[1]:
        return False
    for i in range(y, y + 3):
        for j in range(x, x + 3):
            if regular[i, j] == 0:
                return False
    return True
