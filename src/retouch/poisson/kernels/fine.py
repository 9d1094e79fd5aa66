"""The finest grid: the 5-point mask Laplacian in red-black storage.

A picture's pixels are split by the parity of x + y into a red and a black half, each stored
row by row without gaps, so that a Gauss-Seidel half sweep reads one half and writes the
other with unit stride. Red pixel k of row y has x = 2k + (y mod 2), black x = 2k + 1 − (y mod 2).
Its neighbours, all of the other colour, are entry k of the rows above and below, entry k of
its own row, and entry k − 1 or k + 1 of its own row.

Arrays are (C, H + 2, K + 2): a ring of entries that are zero for ever keeps every neighbour
read inside the array. ``shares`` is (H + 2, K + 2) bytes: 12/degree inside the mask, 0 outside,
where the degree counts a pixel's neighbours inside the picture; a byte of twelfths holds 1, 1/2,
1/3 and 1/4 in a quarter of the memory. Unknowns outside the mask are 0, so the sum over all four
neighbours needs no test.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from retouch.poisson.kernels.jit import compiled

Grid = NDArray[np.float32]
Bytes = NDArray[np.uint8]

_TWELFTH = np.float32(1 / 12)


@compiled
def half_sweep(
    u: Grid, other: Grid, b: Grid, shares: Bytes, first: int, width: int, y0: int, y1: int
) -> None:
    """Relax one colour: u = (b + neighbours) / degree.

    Args:
        u: the colour that is relaxed.
        other: the other colour.
        b: right side at the relaxed colour.
        shares: 12/degree at the relaxed colour.
        first: 0 when this is red, 1 when it is black.
        width: entries in a row.
        y0: first row.
        y1: one past the last row.
    """
    for c in range(u.shape[0]):
        for y in range(y0, y1):
            side = 2 if (y + first) & 1 else 0
            row = u[c, y + 1, 1 : 1 + width]
            up = other[c, y, 1 : 1 + width]
            down = other[c, y + 2, 1 : 1 + width]
            near = other[c, y + 1, 1 : 1 + width]
            far = other[c, y + 1, side : side + width]
            right = b[c, y + 1, 1 : 1 + width]
            share = shares[y + 1, 1 : 1 + width]
            for k in range(width):
                around = right[k] + ((up[k] + down[k]) + (near[k] + far[k]))
                row[k] = around * (np.float32(share[k]) * _TWELFTH)


@compiled
def restrict_red_residual(
    coarse: Grid, red: Grid, black: Grid, b: Grid, shares: Bytes, width: int, y0: int, y1: int
) -> None:
    """Carry the red residual to coarse rows y0 … y1; the black one is zero when black was relaxed last.

    The transpose of bilinear interpolation: weight 1 from the pixel itself, 1/4 from its four
    diagonal neighbours; the four straight ones are black.
    """
    columns = coarse.shape[2] - 2
    above = np.zeros(columns + 2, np.float32)
    middle = np.zeros(columns + 2, np.float32)
    below = np.zeros(columns + 2, np.float32)
    quarter = np.float32(0.25)
    for c in range(red.shape[0]):
        _red_residual_row(below, red, black, b, shares, c, 2 * y0 - 1, width)
        for y in range(y0, y1):
            above, below = below, above
            _red_residual_row(middle, red, black, b, shares, c, 2 * y, width)
            _red_residual_row(below, red, black, b, shares, c, 2 * y + 1, width)
            row = coarse[c, y + 1, 1 : 1 + columns]
            a0, a1 = above[:columns], above[1 : 1 + columns]
            b0, b1 = below[:columns], below[1 : 1 + columns]
            m = middle[1 : 1 + columns]
            for x in range(columns):
                row[x] = m[x] + quarter * ((a0[x] + a1[x]) + (b0[x] + b1[x]))


@compiled
def restrict_right_side(coarse: Grid, red: Grid, black: Grid, height: int, y0: int, y1: int) -> None:
    """Carry a right side (both colours) to coarse rows y0 … y1 by the transpose of bilinear interpolation."""
    half, quarter = np.float32(0.5), np.float32(0.25)
    columns = coarse.shape[2] - 2
    for c in range(red.shape[0]):
        for y in range(y0, y1):
            row = coarse[c, y + 1, 1 : 1 + columns]
            if 2 * y < height:
                m = red[c, 2 * y + 1, 1 : 1 + columns]
                right = black[c, 2 * y + 1, 1 : 1 + columns]
                left = black[c, 2 * y + 1, 0:columns]
                for x in range(columns):
                    row[x] = m[x] + half * (left[x] + right[x])
            else:
                row[:] = 0.0
            for odd in (2 * y - 1, 2 * y + 1):
                if 0 <= odd < height:
                    m = black[c, odd + 1, 1 : 1 + columns]
                    right = red[c, odd + 1, 1 : 1 + columns]
                    left = red[c, odd + 1, 0:columns]
                    for x in range(columns):
                        row[x] += half * m[x] + quarter * (left[x] + right[x])


@compiled
def interpolate_black(black: Grid, coarse: Grid, shares: Bytes, width: int, y0: int, y1: int) -> None:
    """Set the black pixels of rows y0 … y1 by bilinear interpolation of a coarse solution."""
    half, zero = np.float32(0.5), np.float32(0.0)
    for c in range(black.shape[0]):
        for y in range(y0, y1):
            row = black[c, y + 1, 1 : 1 + width]
            share = shares[y + 1, 1 : 1 + width]
            first = coarse[c, (y >> 1) + 1, 1 : 1 + width]
            odd = y & 1
            second = coarse[c, (y >> 1) + 1 + odd, 2 - odd : 2 - odd + width]
            for k in range(width):
                row[k] = half * (first[k] + second[k]) if share[k] > 0 else zero


@compiled
def correct_red(red: Grid, coarse: Grid, shares: Bytes, width: int, y0: int, y1: int) -> float:
    """Add an interpolated coarse correction to the red pixels of rows y0 … y1; return its largest size."""
    quarter, zero = np.float32(0.25), np.float32(0.0)
    largest = zero
    for c in range(red.shape[0]):
        for y in range(y0, y1):
            row = red[c, y + 1, 1 : 1 + width]
            share = shares[y + 1, 1 : 1 + width]
            a0 = coarse[c, (y >> 1) + 1, 1 : 1 + width]
            if y & 1:
                a1 = coarse[c, (y >> 1) + 1, 2 : 2 + width]
                b0 = coarse[c, (y >> 1) + 2, 1 : 1 + width]
                b1 = coarse[c, (y >> 1) + 2, 2 : 2 + width]
                for k in range(width):
                    e = quarter * ((a0[k] + a1[k]) + (b0[k] + b1[k]))
                    e = e if share[k] > 0 else zero
                    row[k] += e
                    largest = max(largest, abs(e))
            else:
                for k in range(width):
                    e = a0[k] if share[k] > 0 else zero
                    row[k] += e
                    largest = max(largest, abs(e))
    return float(largest)


@compiled
def add_residual_squares(
    squares: NDArray[np.float64],
    u: Grid,
    other: Grid,
    b: Grid,
    shares: Bytes,
    first: int,
    width: int,
    y0: int,
    y1: int,
) -> None:
    """Add to ``squares`` (C, H) the squared residuals of one colour, summed over each row."""
    residual = np.empty(width, np.float32)
    for c in range(u.shape[0]):
        for y in range(y0, y1):
            _residual_row(residual, u, other, b, shares, first, c, y)
            total = 0.0
            for k in range(width):
                total += float(residual[k]) * float(residual[k])
            squares[c, y] += total


@compiled
def _red_residual_row(
    out: Grid, red: Grid, black: Grid, b: Grid, shares: Bytes, c: int, y: int, width: int
) -> None:
    """Write the residual of red row y from index 1 on, zeros around it and for rows outside the picture."""
    out[:] = 0.0
    if 0 <= y < red.shape[1] - 2:
        _residual_row(out[1 : 1 + width], red, black, b, shares, 0, c, y)


@compiled
def _residual_row(
    out: Grid, u: Grid, other: Grid, b: Grid, shares: Bytes, first: int, c: int, y: int
) -> None:
    """Write the residual b − A u of one row of one colour, 0 where nothing is unknown."""
    width = out.shape[0]
    side = 2 if (y + first) & 1 else 0
    row = u[c, y + 1, 1 : 1 + width]
    up = other[c, y, 1 : 1 + width]
    down = other[c, y + 2, 1 : 1 + width]
    near = other[c, y + 1, 1 : 1 + width]
    far = other[c, y + 1, side : side + width]
    right = b[c, y + 1, 1 : 1 + width]
    share = shares[y + 1, 1 : 1 + width]
    for k in range(width):
        around = right[k] + ((up[k] + down[k]) + (near[k] + far[k]))
        degree = np.float32(12.0) / np.float32(share[k])
        out[k] = around - row[k] * degree if share[k] > 0 else np.float32(0.0)
