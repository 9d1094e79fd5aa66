"""The grids of a mask: what depends on the region alone and serves every solve on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retouch.tasks.blend.method.kernels import fine, galerkin, sides
from retouch.tasks.blend.method.threads import over_rows

Grid = NDArray[np.float32]
Flags = NDArray[np.uint8]

COARSEST = 4  # grids of at most this many points a side are solved directly


@dataclass(frozen=True)
class CoarseGrid:
    """A coarse grid of height × width points and its operator.

    The operator is (east, south, south_east, south_west, inverse); see :mod:`.kernels.coarse`.
    """

    height: int
    width: int
    operator: tuple[Grid, ...]

    @property
    def inverse(self) -> Grid:
        """1/diagonal, 0 where a point carries no unknown."""
        return self.operator[-1]


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
        self.stride = -(-(fine.PAD + self.row + 1) // 8) * 8
        self.inside: Flags = np.full((self.height + 4, self.width + 4), 2, np.uint8)
        self.inside[2:-2, 2:-2] = mask
        self.singular = bool(mask.all())
        self.weight: Grid = np.zeros((2, self.height + 2, self.stride), np.float32)
        over_rows(sides.weights_of_mask, self.height, self.width, *self.weight, self.inside)
        self.coarse: list[CoarseGrid] = []
        self.coarsest = self._coarsen()

    def halves(self, channels: int) -> Grid:
        """Zeros for the red and the black half of a channels-deep picture: (2, C, H + 2, stride)."""
        return np.zeros((2, channels, self.height + 2, self.stride), np.float32)

    def _coarsen(self) -> Grid:
        """Build every coarse grid; return the inverse of the coarsest operator, (n, n)."""
        height, width = self.height, self.width
        regular: Flags = np.zeros((height + 2, width + 2), np.uint8)
        over_rows(galerkin.regular_of_mask, height, width, regular, self.inside)
        diagonal, edge, corner = 4.0, 1.0, 0.0
        arrays: list[Grid] = []
        while not arrays or max(height, width) > COARSEST:
            finer, finer_regular = arrays, regular
            shape = (height // 2 + 1, width // 2 + 1)
            arrays = [np.zeros((shape[0] + 2, shape[1] + 2), np.float32) for _ in range(5)]
            regular = np.zeros((shape[0] + 2, shape[1] + 2), np.uint8)
            # Pᵀ A P of a stencil that is the same everywhere; the hat correlates with itself as
            # (1/4, 1, 3/2, 1, 1/4) in each direction
            diagonal, edge, corner = (
                2.25 * diagonal - 6 * edge - 4 * corner,
                2 * edge + 2 * corner - 0.375 * diagonal,
                0.5 * edge + corner - 0.0625 * diagonal,
            )
            if not finer:
                over_rows(
                    galerkin.mask_product,
                    shape[0],
                    4 * shape[1],
                    *arrays,
                    regular,
                    self.inside,
                    finer_regular,
                    height,
                    width,
                )
            else:
                constant = np.array([diagonal, edge, corner], np.float32)
                over_rows(
                    galerkin.product,
                    shape[0],
                    4 * shape[1],
                    *arrays,
                    regular,
                    *finer,
                    finer_regular,
                    constant,
                )
            height, width = shape
            inverse = np.divide(1, arrays[0], out=np.zeros_like(arrays[0]), where=arrays[0] > 0)
            self.coarse.append(CoarseGrid(height, width, (*arrays[1:], inverse)))
        return _inverse(arrays, height, width)


def _inverse(arrays: list[Grid], height: int, width: int) -> Grid:
    """The pseudo-inverse of a small operator as a dense matrix (unknowns row by row)."""
    diagonal, *couplings = (array.astype(np.float64) for array in arrays)
    steps = ((0, 1), (1, 0), (1, 1), (1, -1))
    matrix = np.zeros((height, width, height, width))
    for y in range(height):
        for x in range(width):
            matrix[y, x, y, x] = diagonal[y + 1, x + 1]
            for coupling, (dy, dx) in zip(couplings, steps, strict=True):
                if y + dy < height and 0 <= x + dx < width:
                    matrix[y, x, y + dy, x + dx] = matrix[y + dy, x + dx, y, x] = -coupling[y + 1, x + 1]
    n = height * width
    return np.linalg.pinv(matrix.reshape(n, n), rcond=1e-6, hermitian=True).astype(np.float32)
