"""The coarser grids: 9-point operators with couplings that vary from place to place.

Arrays are (C, h + 2, w + 2) with a ring of zeros. An operator is one (5, h + 2, w + 2) array:
the couplings to the right, downward, down-right and down-left (the other four directions
follow by symmetry; a positive coupling is a negative matrix entry), and last 1/diagonal,
which is 0 where a point carries no unknown.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from retouch.poisson.kernels.jit import compiled

Grid = NDArray[np.float32]
Table = NDArray[np.int64]
Int = int | np.int64
Bool = bool | np.bool_


@compiled
def sweep_rows(u: Grid, b: Grid, operator: Grid, parity: Int, backward: Bool, y0: Int, y1: Int) -> None:
    """Relax the rows of one parity in y0 … y1, in each first its even, then its odd points (or backward)."""
    width = u.shape[2] - 2
    vertical = np.empty(width, np.float32)
    fresh = np.empty(width, np.float32)
    for y in range(y0 + ((y0 + parity) & 1), y1, 2):
        inverse = operator[4, y + 1, 1 : 1 + width]
        to_west, to_east = operator[0, y + 1, 0:width], operator[0, y + 1, 1 : 1 + width]
        for c in range(u.shape[0]):
            _gather_vertical(vertical, u, operator, c, y, width)
            row = u[c, y + 1, 1 : 1 + width]
            west, east = u[c, y + 1, 0:width], u[c, y + 1, 2 : 2 + width]
            side = b[c, y + 1, 1 : 1 + width]
            for half in range(2):
                for x in range(width):
                    around = vertical[x] + side[x] + to_west[x] * west[x] + to_east[x] * east[x]
                    fresh[x] = around * inverse[x]
                for x in range(1 - half if backward else half, width, 2):
                    row[x] = fresh[x]


@compiled
def restrict_residual(coarse: Grid, u: Grid, b: Grid, operator: Grid, y0: Int, y1: Int) -> None:
    """Carry the residual b − A u to rows y0 … y1 of the next coarser grid (transpose of interpolation)."""
    width = u.shape[2] - 2
    columns = coarse.shape[2] - 2
    above = np.zeros(2 * columns + 2, np.float32)
    middle = np.zeros(2 * columns + 2, np.float32)
    below = np.zeros(2 * columns + 2, np.float32)
    for c in range(u.shape[0]):
        _residual_row(below, u, b, operator, c, 2 * y0 - 1, width)
        for y in range(y0, y1):
            above, below = below, above
            _residual_row(middle, u, b, operator, c, 2 * y, width)
            _residual_row(below, u, b, operator, c, 2 * y + 1, width)
            _gather_row(coarse[c, y + 1, 1 : 1 + columns], above, middle, below)


@compiled
def restrict(coarse: Grid, b: Grid, y0: Int, y1: Int) -> None:
    """Carry a right side to rows y0 … y1 of the next coarser grid (transpose of interpolation)."""
    height, width = b.shape[1] - 2, b.shape[2] - 2
    columns = coarse.shape[2] - 2
    rows = np.zeros((3, 2 * columns + 2), np.float32)
    for c in range(b.shape[0]):
        for y in range(y0, y1):
            for i in range(3):
                fine = 2 * y - 1 + i
                if 0 <= fine < height:
                    for x in range(1, width + 1):
                        rows[i, x] = b[c, fine + 1, x]
                else:
                    rows[i] = 0.0
            _gather_row(coarse[c, y + 1, 1 : 1 + columns], rows[0], rows[1], rows[2])


@compiled
def interpolate(u: Grid, coarse: Grid, operator: Grid, add: Bool, y0: Int, y1: Int) -> None:
    """Set rows y0 … y1 to the bilinear interpolation of a coarser grid, or add it to them."""
    half, quarter, zero = np.float32(0.5), np.float32(0.25), np.float32(0.0)
    width = u.shape[2] - 2
    even, odd = (width + 1) // 2, width // 2
    for c in range(u.shape[0]):
        for y in range(y0, y1):
            row = u[c, y + 1, 1 : 1 + width]
            inverse = operator[4, y + 1, 1 : 1 + width]
            first = coarse[c, (y >> 1) + 1]
            second = coarse[c, ((y + 1) >> 1) + 1]
            for k in range(even):
                e = half * (first[k + 1] + second[k + 1])
                e = e if inverse[2 * k] != zero else zero
                row[2 * k] = row[2 * k] + e if add else e
            for k in range(odd):
                e = quarter * ((first[k + 1] + first[k + 2]) + (second[k + 1] + second[k + 2]))
                e = e if inverse[2 * k + 1] != zero else zero
                row[2 * k + 1] = row[2 * k + 1] + e if add else e


@compiled
def cycle(
    u: Grid, b: Grid, operators: Grid, table: Table, coarsest: Grid, channels: int, start: bool, level: int
) -> None:
    """Run a V-cycle on the grids from ``level`` down, or a full-multigrid start, without leaving the kernel.

    Args:
        u: unknowns of all coarse grids one after the other; those of ``level`` are zero, or a guess.
        b: right sides in the same layout.
        operators: operators in the same layout, five planes each.
        table: (levels, 3): points before a grid (rings counted in), its height, its width.
        coarsest: (n, n) inverse of the last operator.
        channels: C.
        start: first solve the coarser grids from their own right sides and interpolate upward.
        level: the finest grid to work on.
    """
    last = table.shape[0] - 1
    zero, add = np.int64(0), np.bool_(False)  # variables, see _down_up
    for here in range(last if start else level, level - 1, -1):
        if here < last and start:
            operator = _planes(operators, table, here, 5)
            fine, coarse = _planes(u, table, here, channels), _planes(u, table, here + 1, channels)
            interpolate(fine, coarse, operator, add, zero, table[here, 1])
        _down_up(u, b, operators, table, coarsest, channels, here)


@compiled
def _down_up(
    u: Grid, b: Grid, operators: Grid, table: Table, coarsest: Grid, channels: int, level: int
) -> None:
    """One V-cycle on the grids from ``level`` down; see :func:`cycle`."""
    last = table.shape[0] - 1
    # variables, because numba compiles a kernel anew for each constant
    even, odd, backward = np.int64(0), np.int64(1), np.bool_(True)
    forward = not backward
    for here in range(level, last):
        x, side = _planes(u, table, here, channels), _planes(b, table, here, channels)
        operator = _planes(operators, table, here, 5)
        if here > level:
            x[:] = 0.0
        sweep_rows(x, side, operator, even, forward, even, table[here, 1])
        sweep_rows(x, side, operator, odd, forward, even, table[here, 1])
        restrict_residual(_planes(b, table, here + 1, channels), x, side, operator, even, table[here + 1, 1])
    _solve_directly(_planes(u, table, last, channels), _planes(b, table, last, channels), coarsest)
    for here in range(last - 1, level - 1, -1):
        x, side = _planes(u, table, here, channels), _planes(b, table, here, channels)
        operator = _planes(operators, table, here, 5)
        interpolate(x, _planes(u, table, here + 1, channels), operator, backward, even, table[here, 1])
        sweep_rows(x, side, operator, odd, backward, even, table[here, 1])
        sweep_rows(x, side, operator, even, backward, even, table[here, 1])


@compiled
def _planes(flat: Grid, table: Table, level: int, planes: int) -> Grid:
    """The (planes, h + 2, w + 2) view of one grid in an array that holds all of them."""
    first, height, width = table[level, 0], table[level, 1] + 2, table[level, 2] + 2
    return flat[planes * first : planes * (first + height * width)].reshape(planes, height, width)


@compiled
def _solve_directly(u: Grid, b: Grid, inverse: Grid) -> None:
    height, width = u.shape[1] - 2, u.shape[2] - 2
    for c in range(u.shape[0]):
        for i in range(height * width):
            total = np.float32(0.0)
            for j in range(height * width):
                total += inverse[i, j] * b[c, j // width + 1, j % width + 1]
            u[c, i // width + 1, i % width + 1] = total


@compiled
def _gather_vertical(out: Grid, u: Grid, operator: Grid, c: Int, y: Int, width: int) -> None:
    """Write the six couplings of grid row y to the rows above and below, summed."""
    n0, n1, n2 = u[c, y, 0:width], u[c, y, 1 : 1 + width], u[c, y, 2 : 2 + width]
    s0, s1, s2 = u[c, y + 2, 0:width], u[c, y + 2, 1 : 1 + width], u[c, y + 2, 2 : 2 + width]
    up, down = operator[1, y, 1 : 1 + width], operator[1, y + 1, 1 : 1 + width]
    up_left, down_right = operator[2, y, 0:width], operator[2, y + 1, 1 : 1 + width]
    up_right, down_left = operator[3, y, 2 : 2 + width], operator[3, y + 1, 1 : 1 + width]
    for x in range(width):
        out[x] = (up_left[x] * n0[x] + up[x] * n1[x] + up_right[x] * n2[x]) + (
            down_left[x] * s0[x] + down[x] * s1[x] + down_right[x] * s2[x]
        )


@compiled
def _residual_row(out: Grid, u: Grid, b: Grid, operator: Grid, c: Int, y: Int, width: int) -> None:
    """Write the residual of grid row y from index 1 on, zeros around it and for rows outside the grid."""
    out[:] = 0.0
    if y < 0 or y >= u.shape[1] - 2:
        return
    inner = out[1 : 1 + width]
    _gather_vertical(inner, u, operator, c, y, width)
    row, west, east = u[c, y + 1, 1 : 1 + width], u[c, y + 1, 0:width], u[c, y + 1, 2 : 2 + width]
    side = b[c, y + 1, 1 : 1 + width]
    inverse = operator[4, y + 1, 1 : 1 + width]
    to_west, to_east = operator[0, y + 1, 0:width], operator[0, y + 1, 1 : 1 + width]
    for x in range(width):
        i = inverse[x]
        r = inner[x] + side[x] + to_west[x] * west[x] + to_east[x] * east[x] - row[x] / i
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
