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
    diagonal: Grid,
    east: Grid,
    south: Grid,
    south_east: Grid,
    south_west: Grid,
    regular: Flags,
    inside: Flags,
    fine_regular: Flags,
    height: int,
    width: int,
    y0: int,
    y1: int,
) -> None:
    """Fill rows y0 … y1 of the first coarse operator from the mask.

    Args:
        diagonal: (h + 2, w + 2) the operator's diagonal, written.
        east: coupling to the right, written.
        south: coupling downward, written.
        south_east: coupling down and right, written.
        south_west: coupling down and left, written.
        regular: 1 where the operator equals the constant one, written.
        inside: (H + 4, W + 4) mask with a ring of two pixels: 1 unknown, 0 known, 2 outside the picture.
        fine_regular: (H + 2, W + 2) flags of the mask's regular pixels.
        height: H.
        width: W.
        y0: first coarse row.
        y1: one past the last coarse row.
    """
    columns = diagonal.shape[1] - 2
    weight = np.array([0.25, 0.5, 0.25, 0.5, 1.0, 0.5, 0.25, 0.5, 0.25], np.float32).reshape(3, 3)
    for y in range(y0, y1):
        for x in range(columns):
            if _all_regular(fine_regular, 2 * y, 2 * x, height, width):
                regular[y + 1, x + 1] = 1
                diagonal[y + 1, x + 1] = 3.0
                east[y + 1, x + 1] = 0.5
                south[y + 1, x + 1] = 0.5
                south_east[y + 1, x + 1] = 0.25
                south_west[y + 1, x + 1] = 0.25
                continue
            regular[y + 1, x + 1] = 0
            a = np.float32(0.0)
            e = np.float32(0.0)
            s = np.float32(0.0)
            se = np.float32(0.0)
            sw = np.float32(0.0)
            for dy in range(-1, 2):
                for dx in range(-1, 2):
                    py, px = 2 * y + dy, 2 * x + dx
                    if py < 0 or px < 0 or py >= height or px >= width or inside[py + 2, px + 2] != 1:
                        continue
                    p = weight[dy + 1, dx + 1]
                    a += p * _mask_row(inside, weight, py, px, 2 * y, 2 * x)
                    if dx >= 0:
                        e -= p * _mask_row(inside, weight, py, px, 2 * y, 2 * x + 2)
                    if dy >= 0:
                        s -= p * _mask_row(inside, weight, py, px, 2 * y + 2, 2 * x)
                        if dx >= 0:
                            se -= p * _mask_row(inside, weight, py, px, 2 * y + 2, 2 * x + 2)
                        if dx <= 0:
                            sw -= p * _mask_row(inside, weight, py, px, 2 * y + 2, 2 * x - 2)
            diagonal[y + 1, x + 1] = a
            east[y + 1, x + 1] = e
            south[y + 1, x + 1] = s
            south_east[y + 1, x + 1] = se
            south_west[y + 1, x + 1] = sw


@compiled
def product(
    diagonal: Grid,
    east: Grid,
    south: Grid,
    south_east: Grid,
    south_west: Grid,
    regular: Flags,
    fine_diagonal: Grid,
    fine_east: Grid,
    fine_south: Grid,
    fine_south_east: Grid,
    fine_south_west: Grid,
    fine_regular: Flags,
    constant: Grid,
    y0: int,
    y1: int,
) -> None:
    """Fill rows y0 … y1 of a coarse operator from a finer 9-point operator.

    ``constant`` is (diagonal, edge, corner): what a regular point's product is on this grid.
    """
    height, width = fine_diagonal.shape[0] - 2, fine_diagonal.shape[1] - 2
    columns = diagonal.shape[1] - 2
    weight = np.array([0.25, 0.5, 0.25, 0.5, 1.0, 0.5, 0.25, 0.5, 0.25], np.float32).reshape(3, 3)
    row = np.empty((3, 3), np.float32)
    for y in range(y0, y1):
        for x in range(columns):
            if _all_regular(fine_regular, 2 * y, 2 * x, height, width):
                regular[y + 1, x + 1] = 1
                diagonal[y + 1, x + 1] = constant[0]
                east[y + 1, x + 1] = constant[1]
                south[y + 1, x + 1] = constant[1]
                south_east[y + 1, x + 1] = constant[2]
                south_west[y + 1, x + 1] = constant[2]
                continue
            regular[y + 1, x + 1] = 0
            a = np.float32(0.0)
            e = np.float32(0.0)
            s = np.float32(0.0)
            se = np.float32(0.0)
            sw = np.float32(0.0)
            for dy in range(-1, 2):
                for dx in range(-1, 2):
                    py, px = 2 * y + dy, 2 * x + dx
                    if py < 0 or px < 0 or py >= height or px >= width or fine_diagonal[py + 1, px + 1] == 0:
                        continue
                    i, j = py + 1, px + 1
                    row[0, 0] = -fine_south_east[i - 1, j - 1]
                    row[0, 1] = -fine_south[i - 1, j]
                    row[0, 2] = -fine_south_west[i - 1, j + 1]
                    row[1, 0] = -fine_east[i, j - 1]
                    row[1, 1] = fine_diagonal[i, j]
                    row[1, 2] = -fine_east[i, j]
                    row[2, 0] = -fine_south_west[i, j]
                    row[2, 1] = -fine_south[i, j]
                    row[2, 2] = -fine_south_east[i, j]
                    p = weight[dy + 1, dx + 1]
                    a += p * _hat_row(row, weight, dy, dx)
                    if dx >= 0:
                        e -= p * _hat_row(row, weight, dy, dx - 2)
                    if dy >= 0:
                        s -= p * _hat_row(row, weight, dy - 2, dx)
                        if dx >= 0:
                            se -= p * _hat_row(row, weight, dy - 2, dx - 2)
                        if dx <= 0:
                            sw -= p * _hat_row(row, weight, dy - 2, dx + 2)
            diagonal[y + 1, x + 1] = a
            east[y + 1, x + 1] = e
            south[y + 1, x + 1] = s
            south_east[y + 1, x + 1] = se
            south_west[y + 1, x + 1] = sw


@compiled
def _all_regular(regular: Flags, y: int, x: int, height: int, width: int) -> bool:
    """Whether the 3 × 3 fine points around (y, x) exist and are regular."""
    if y < 1 or x < 1 or y + 1 >= height or x + 1 >= width:
        return False
    for i in range(y, y + 3):
        for j in range(x, x + 3):
            if regular[i, j] == 0:
                return False
    return True


@compiled
def _mask_row(inside: Flags, weight: Grid, py: int, px: int, cy: int, cx: int) -> np.float32:
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
            total -= weight[qy - cy + 1, qx - cx + 1]
    if abs(py - cy) <= 1 and abs(px - cx) <= 1:
        total += degree * weight[py - cy + 1, px - cx + 1]
    return total


@compiled
def _hat_row(row: Grid, weight: Grid, dy: int, dx: int) -> np.float32:
    """A 3 × 3 stencil row applied to a hat function whose centre lies at (−dy, −dx) from it."""
    total = np.float32(0.0)
    for i in range(max(-1, -1 - dy), min(1, 1 - dy) + 1):
        for j in range(max(-1, -1 - dx), min(1, 1 - dx) + 1):
            total += row[i + 1, j + 1] * weight[dy + i + 1, dx + j + 1]
    return total
