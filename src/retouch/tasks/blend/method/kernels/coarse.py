"""The coarser grids: 9-point operators with couplings that vary from place to place.

Arrays are (C, h + 2, w + 2) with a ring of zeros; an operator is six (h + 2, w + 2) arrays:
``east``, ``south``, ``south_east`` and ``south_west`` couple a point to that neighbour (the
other four directions follow by symmetry; a positive coupling is a negative matrix entry), and
``inverse`` is 1/diagonal, 0 where a point carries no unknown.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from retouch.tasks.blend.method.kernels.jit import compiled

Grid = NDArray[np.float32]


@compiled
def gather_vertical(
    out: Grid, u: Grid, south: Grid, south_east: Grid, south_west: Grid, c: int, y: int, width: int
) -> None:
    """Write the six couplings of grid row y to the rows above and below, summed."""
    n0, n1, n2 = u[c, y, 0:width], u[c, y, 1 : 1 + width], u[c, y, 2 : 2 + width]
    s0, s1, s2 = u[c, y + 2, 0:width], u[c, y + 2, 1 : 1 + width], u[c, y + 2, 2 : 2 + width]
    up, up_left, up_right = south[y, 1 : 1 + width], south_east[y, 0:width], south_west[y, 2 : 2 + width]
    down = south[y + 1, 1 : 1 + width]
    down_right, down_left = south_east[y + 1, 1 : 1 + width], south_west[y + 1, 1 : 1 + width]
    for x in range(width):
        out[x] = (up_left[x] * n0[x] + up[x] * n1[x] + up_right[x] * n2[x]) + (
            down_left[x] * s0[x] + down[x] * s1[x] + down_right[x] * s2[x]
        )


@compiled
def sweep_rows(
    u: Grid,
    b: Grid,
    east: Grid,
    south: Grid,
    south_east: Grid,
    south_west: Grid,
    inverse: Grid,
    row_parity: int,
    backward: bool,
    y0: int,
    y1: int,
) -> None:
    """Relax the rows of one parity in y0 … y1, in each first its even, then its odd points (or backward)."""
    width = u.shape[2] - 2
    vertical = np.empty(width, np.float32)
    fresh = np.empty(width, np.float32)
    for y in range(y0 + ((y0 + row_parity) & 1), y1, 2):
        scale = inverse[y + 1, 1 : 1 + width]
        to_west, to_east = east[y + 1, 0:width], east[y + 1, 1 : 1 + width]
        for c in range(u.shape[0]):
            gather_vertical(vertical, u, south, south_east, south_west, c, y, width)
            row = u[c, y + 1, 1 : 1 + width]
            west, right = u[c, y + 1, 0:width], u[c, y + 1, 2 : 2 + width]
            side = b[c, y + 1, 1 : 1 + width]
            for half in range(2):
                for x in range(width):
                    fresh[x] = (vertical[x] + side[x] + to_west[x] * west[x] + to_east[x] * right[x]) * scale[
                        x
                    ]
                for x in range(1 - half if backward else half, width, 2):
                    row[x] = fresh[x]


@compiled
def restrict_residual(
    coarse: Grid,
    u: Grid,
    b: Grid,
    east: Grid,
    south: Grid,
    south_east: Grid,
    south_west: Grid,
    inverse: Grid,
    y0: int,
    y1: int,
) -> None:
    """Carry the residual b − A u to rows y0 … y1 of the next coarser grid (transpose of interpolation)."""
    height, width = u.shape[1] - 2, u.shape[2] - 2
    columns = coarse.shape[2] - 2
    above = np.zeros(2 * columns + 2, np.float32)
    middle = np.zeros(2 * columns + 2, np.float32)
    below = np.zeros(2 * columns + 2, np.float32)
    for c in range(u.shape[0]):
        _residual_row(below, u, b, east, south, south_east, south_west, inverse, c, 2 * y0 - 1, height, width)
        for y in range(y0, y1):
            above, below = below, above
            _residual_row(middle, u, b, east, south, south_east, south_west, inverse, c, 2 * y, height, width)
            _residual_row(
                below, u, b, east, south, south_east, south_west, inverse, c, 2 * y + 1, height, width
            )
            _gather_row(coarse[c, y + 1, 1 : 1 + columns], above, middle, below)


@compiled
def restrict(coarse: Grid, b: Grid, y0: int, y1: int) -> None:
    """Carry a right side to rows y0 … y1 of the next coarser grid (transpose of interpolation)."""
    height, width = b.shape[1] - 2, b.shape[2] - 2
    columns = coarse.shape[2] - 2
    rows = np.zeros((3, 2 * columns + 2), np.float32)
    for c in range(b.shape[0]):
        for y in range(y0, y1):
            for i in range(3):
                fine = 2 * y - 1 + i
                if 0 <= fine < height:
                    rows[i, 1 : 1 + width] = b[c, fine + 1, 1 : 1 + width]
                else:
                    rows[i] = 0.0
            _gather_row(coarse[c, y + 1, 1 : 1 + columns], rows[0], rows[1], rows[2])


@compiled
def interpolate(u: Grid, coarse: Grid, inverse: Grid, add: bool, y0: int, y1: int) -> None:
    """Set rows y0 … y1 to the bilinear interpolation of a coarser grid, or add it to them."""
    half, quarter, zero = np.float32(0.5), np.float32(0.25), np.float32(0.0)
    width = u.shape[2] - 2
    even, odd = (width + 1) // 2, width // 2
    for c in range(u.shape[0]):
        for y in range(y0, y1):
            row = u[c, y + 1, 1 : 1 + width]
            active = inverse[y + 1, 1 : 1 + width]
            first = coarse[c, (y >> 1) + 1]
            second = coarse[c, ((y + 1) >> 1) + 1]
            for k in range(even):
                e = half * (first[k + 1] + second[k + 1])
                e = e if active[2 * k] != zero else zero
                row[2 * k] = row[2 * k] + e if add else e
            for k in range(odd):
                e = quarter * ((first[k + 1] + first[k + 2]) + (second[k + 1] + second[k + 2]))
                e = e if active[2 * k + 1] != zero else zero
                row[2 * k + 1] = row[2 * k + 1] + e if add else e


@compiled
def _residual_row(
    out: Grid,
    u: Grid,
    b: Grid,
    east: Grid,
    south: Grid,
    south_east: Grid,
    south_west: Grid,
    inverse: Grid,
    c: int,
    y: int,
    height: int,
    width: int,
) -> None:
    out[:] = 0.0
    if y < 0 or y >= height:
        return
    inner = out[1 : 1 + width]
    gather_vertical(inner, u, south, south_east, south_west, c, y, width)
    row, west, right = u[c, y + 1, 1 : 1 + width], u[c, y + 1, 0:width], u[c, y + 1, 2 : 2 + width]
    side = b[c, y + 1, 1 : 1 + width]
    scale = inverse[y + 1, 1 : 1 + width]
    to_west, to_east = east[y + 1, 0:width], east[y + 1, 1 : 1 + width]
    for x in range(width):
        i = scale[x]
        r = inner[x] + side[x] + to_west[x] * west[x] + to_east[x] * right[x] - row[x] / i
        inner[x] = r if i != np.float32(0.0) else np.float32(0.0)


@compiled
def _gather_row(out: Grid, above: Grid, middle: Grid, below: Grid) -> None:
    """Sum three fine rows (index shifted by one) into a coarse row with weights 1, 1/2, 1/4."""
    half, quarter = np.float32(0.5), np.float32(0.25)
    for x in range(out.shape[0]):
        k = 2 * x
        out[x] = (
            middle[k + 1]
            + half * ((middle[k] + middle[k + 2]) + (above[k + 1] + below[k + 1]))
            + quarter * ((above[k] + above[k + 2]) + (below[k] + below[k + 2]))
        )
