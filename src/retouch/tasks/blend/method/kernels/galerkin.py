"""Coarse operators: the Galerkin product Pᵀ A P with bilinear interpolation P.

Only points near a rim, a hole or the picture's edge need the product worked out; where the
finer operator is the same everywhere around a point, the product is a known constant.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from retouch.tasks.blend.method.kernels.jit import compiled

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
    hat = _hat()
    for y in range(y0, y1):
        for x in range(operator.shape[2] - 2):
            if _all_regular(fine_regular, 2 * y, 2 * x):
                regular[y + 1, x + 1] = 1
                for k in range(5):
                    operator[k, y + 1, x + 1] = constant[k]
                continue
            for dy in range(-1, 2):
                for dx in range(-1, 2):
                    py, px = 2 * y + dy, 2 * x + dx
                    if py < 0 or px < 0 or py >= height or px >= width or inside[py + 2, px + 2] != 1:
                        continue
                    p = hat[dy + 1, dx + 1]
                    cell = operator[:, y + 1, x + 1]
                    cell[4] += p * _mask_row(inside, hat, py, px, 2 * y, 2 * x)
                    if dx >= 0:
                        cell[0] -= p * _mask_row(inside, hat, py, px, 2 * y, 2 * x + 2)
                    if dy >= 0:
                        cell[1] -= p * _mask_row(inside, hat, py, px, 2 * y + 2, 2 * x)
                        if dx >= 0:
                            cell[2] -= p * _mask_row(inside, hat, py, px, 2 * y + 2, 2 * x + 2)
                        if dx <= 0:
                            cell[3] -= p * _mask_row(inside, hat, py, px, 2 * y + 2, 2 * x - 2)


@compiled
def product(
    operator: Grid, regular: Flags, fine: Grid, fine_regular: Flags, constant: Grid, y0: int, y1: int
) -> None:
    """Fill rows y0 … y1 of a coarse operator from a finer one; arguments as in :func:`mask_product`.

    Both operators hold their diagonals last, not the inverses.
    """
    height, width = fine.shape[1] - 2, fine.shape[2] - 2
    hat = _hat()
    row = np.empty((3, 3), np.float32)
    for y in range(y0, y1):
        for x in range(operator.shape[2] - 2):
            if _all_regular(fine_regular, 2 * y, 2 * x):
                regular[y + 1, x + 1] = 1
                for k in range(5):
                    operator[k, y + 1, x + 1] = constant[k]
                continue
            for dy in range(-1, 2):
                for dx in range(-1, 2):
                    py, px = 2 * y + dy, 2 * x + dx
                    if py < 0 or px < 0 or py >= height or px >= width or fine[4, py + 1, px + 1] == 0:
                        continue
                    _matrix_row(row, fine, py + 1, px + 1)
                    p = hat[dy + 1, dx + 1]
                    cell = operator[:, y + 1, x + 1]
                    cell[4] += p * _hat_row(row, hat, dy, dx)
                    if dx >= 0:
                        cell[0] -= p * _hat_row(row, hat, dy, dx - 2)
                    if dy >= 0:
                        cell[1] -= p * _hat_row(row, hat, dy - 2, dx)
                        if dx >= 0:
                            cell[2] -= p * _hat_row(row, hat, dy - 2, dx - 2)
                        if dx <= 0:
                            cell[3] -= p * _hat_row(row, hat, dy - 2, dx + 2)


@compiled
def _hat() -> Grid:
    """What the 3 × 3 fine points around a coarse one take from it under bilinear interpolation."""
    return np.array([[0.25, 0.5, 0.25], [0.5, 1.0, 0.5], [0.25, 0.5, 0.25]], np.float32)


@compiled
def _matrix_row(row: Grid, operator: Grid, i: int, j: int) -> None:
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


@compiled
def _mask_row(inside: Flags, hat: Grid, py: int, px: int, cy: int, cx: int) -> np.float32:
    """Row (py, px) of the mask Laplacian applied to the hat function centred on (cy, cx)."""
    total = np.float32(0.0)
    degree = np.float32(0.0)
    for k in range(4):
        qy = py + (1 if k == 0 else (-1 if k == 1 else 0))
        qx = px + (1 if k == 2 else (-1 if k == 3 else 0))
        state = inside[qy + 2, qx + 2]
        if state != 2:
            degree += np.float32(1.0)
        if state == 1 and abs(qy - cy) <= 1 and abs(qx - cx) <= 1:
            total -= hat[qy - cy + 1, qx - cx + 1]
    if abs(py - cy) <= 1 and abs(px - cx) <= 1:
        total += degree * hat[py - cy + 1, px - cx + 1]
    return total


@compiled
def _hat_row(row: Grid, hat: Grid, dy: int, dx: int) -> np.float32:
    """A 3 × 3 stencil row applied to a hat function whose centre lies at (−dy, −dx) from it."""
    total = np.float32(0.0)
    for i in range(max(-1, -1 - dy), min(1, 1 - dy) + 1):
        for j in range(max(-1, -1 - dx), min(1, 1 - dx) + 1):
            total += row[i + 1, j + 1] * hat[dy + i + 1, dx + j + 1]
    return total
