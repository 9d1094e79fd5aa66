"""The grids of a mask: what depends on the region alone and serves every solve on it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from retouch.poisson.kernels import galerkin, sides
from retouch.poisson.threads import over_rows

Grid = NDArray[np.float32]
Flags = NDArray[np.uint8]

COARSEST = 4  # grids of at most this many points a side are solved directly


class Hierarchy:
    """All grids of a mask, from the pixels down to a handful of unknowns.

    Coarse points lie on every second pixel of every second row, interpolation is bilinear with
    the rows of known pixels left out, and every coarse operator is the exact Galerkin product.
    The boundary is therefore felt on every grid, whatever its shape: holes, strokes one pixel
    wide and separate components need no care.

    Args:
        mask: (H, W), True where a pixel is unknown. Its four sides count as the picture's
            edges, so a crop must leave a rim of known pixels wherever the picture goes on.
    """

    def __init__(self, mask: NDArray[np.bool_]) -> None:
        self.height, self.width = mask.shape
        self.row = (self.width + 1) // 2
        self.inside: Flags = np.full((self.height + 4, self.width + 4), 2, np.uint8)
        self.inside[2:-2, 2:-2] = mask
        self.singular = bool(mask.all())
        self.shares: Flags = np.zeros((2, self.height + 2, self.row + 2), np.uint8)
        over_rows(sides.shares_of_mask, self.height, self.width, *self.shares, self.inside)
        self.table = _table(self.height, self.width)
        self.points = int(self.table[-1, 0] + (self.table[-1, 1] + 2) * (self.table[-1, 2] + 2))
        self.flat_operators: Grid = np.zeros(5 * self.points, np.float32)
        self.operators = self.planes(self.flat_operators, 5)
        self._fill_operators()
        self.coarsest = _inverse(self.operators[-1], self._coarsest_weights() if self.singular else None)
        for operator in self.operators:
            diagonal = operator[4]
            np.divide(1, diagonal, out=diagonal, where=diagonal > 0)

    def halves(self, channels: int) -> Grid:
        """Zeros for the red and the black half of a channels-deep picture: (2, C, H + 2, row + 2)."""
        return np.zeros((2, channels, self.height + 2, self.row + 2), np.float32)

    def planes(self, flat: Grid, planes: int) -> list[Grid]:
        """The coarse grids in a flat array, each as (planes, h + 2, w + 2)."""
        views = []
        for first, height, width in self.table:
            size = (height + 2) * (width + 2)
            view = flat[planes * first : planes * (first + size)]
            views.append(view.reshape(planes, height + 2, width + 2))
        return views

    def _fill_operators(self) -> None:
        """Write every coarse operator, with its diagonal in the last plane."""
        finer_regular: Flags = np.zeros((self.height + 2, self.width + 2), np.uint8)
        over_rows(galerkin.regular_of_mask, self.height, self.width, finer_regular, self.inside)
        diagonal, edge, corner = 4.0, 1.0, 0.0
        for level, operator in enumerate(self.operators):
            # Pᵀ A P of a stencil that is the same everywhere; the hat correlates with itself as
            # (1/4, 1, 3/2, 1, 1/4) in each direction
            diagonal, edge, corner = (
                2.25 * diagonal - 6 * edge - 4 * corner,
                2 * edge + 2 * corner - 0.375 * diagonal,
                0.5 * edge + corner - 0.0625 * diagonal,
            )
            constant = np.array([edge, edge, corner, corner, diagonal], np.float32)
            regular: Flags = np.zeros(operator.shape[1:], np.uint8)
            kernel = galerkin.product if level else galerkin.mask_product
            finer = self.operators[level - 1] if level else self.inside
            rows, row_values = operator.shape[1] - 2, 4 * operator.shape[2]
            over_rows(kernel, rows, row_values, operator, regular, finer, finer_regular, constant)
            finer_regular = regular

    def _coarsest_weights(self) -> NDArray[np.float64]:
        """How many pixels every coarsest point stands for: ones, carried down like a right side."""
        columns, rows = np.ones(self.height), np.ones(self.width)
        for _ in self.operators:
            columns, rows = _restricted(columns), _restricted(rows)
        return np.outer(columns, rows)


def _restricted(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    coarse = np.zeros(len(weights) // 2 + 1)
    coarse[: (len(weights) + 1) // 2] = weights[::2]
    odd = weights[1::2] / 2
    coarse[: len(odd)] += odd
    coarse[1 : len(odd) + 1] += odd
    return coarse


def _table(height: int, width: int) -> NDArray[np.int64]:
    """The coarse grids of a picture: points before a grid (rings counted in), its height, its width."""
    rows: list[tuple[int, int, int]] = []
    first = 0
    while not rows or max(height, width) > COARSEST:
        height, width = height // 2 + 1, width // 2 + 1
        rows.append((first, height, width))
        first += (height + 2) * (width + 2)
    return np.array(rows, np.int64)


def _inverse(operator: Grid, weights: NDArray[np.float64] | None) -> Grid:
    """The inverse of a small operator as a dense matrix (unknowns row by row).

    A singular operator's (``weights`` given) answers with the weighted mean taken out. Without the
    weights, points that stand for next to no pixel would drag the constant along, and rounding grow.
    """
    *couplings, diagonal = operator.astype(np.float64)
    height, width = diagonal.shape[0] - 2, diagonal.shape[1] - 2
    steps = ((0, 1), (1, 0), (1, 1), (1, -1))
    matrix = np.zeros((height, width, height, width))
    for y in range(height):
        for x in range(width):
            matrix[y, x, y, x] = diagonal[y + 1, x + 1]
            for coupling, (dy, dx) in zip(couplings, steps, strict=True):
                if y + dy < height and 0 <= x + dx < width:
                    matrix[y, x, y + dy, x + dx] = matrix[y + dy, x + dx, y, x] = -coupling[y + 1, x + 1]
    n = height * width
    flat = matrix.reshape(n, n)
    if weights is None:
        return _pseudo_inverse(flat, 1e-6).astype(np.float32)
    share = weights.ravel() / weights.sum()
    centred = np.eye(n) - share
    regular = flat + np.outer(share, share) * np.trace(flat)
    answer: Grid = (centred @ _pseudo_inverse(regular, 1e-13) @ centred.T).astype(np.float32)
    return answer


def _pseudo_inverse(matrix: NDArray[np.float64], cut: float) -> NDArray[np.float64]:
    """The inverse of a symmetric matrix without eigenvalues below ``cut`` times the largest."""
    values, vectors = np.linalg.eigh(matrix)
    kept = values > cut * values[-1]
    inverse: NDArray[np.float64] = (vectors[:, kept] / values[kept]) @ vectors[:, kept].T
    return inverse
