"""Multigrid cycles on a hierarchy: a full-multigrid start, then V-cycles.

Source: A. Brandt, "Multi-Level Adaptive Solutions to Boundary-Value Problems", Math. Comp. 31
(1977); operator-induced coarse grids: W. Hackbusch, "Multi-Grid Methods and Applications" (1985).
Departs: coarse grids are smoothed once before and after, the finest twice, because a coarse
sweep with nine couplings costs as much a point as two fine ones and gains less.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from retouch.tasks.blend.method.hierarchy import Hierarchy
from retouch.tasks.blend.method.kernels import coarse, fine
from retouch.tasks.blend.method.threads import Kernel, over_rows

Grid = NDArray[np.float32]

RED, BLACK = 0, 1


class Multigrid:
    """The unknowns and the scratch of one solve; reuse it for many right sides.

    Args:
        hierarchy: the grids of the mask.
        channels: how many picture planes are solved at once.
    """

    def __init__(self, hierarchy: Hierarchy, channels: int) -> None:
        self.hierarchy = hierarchy
        self.channels = channels
        self.u: Grid = hierarchy.halves(channels)
        shapes = [(channels, grid.height + 2, grid.width + 2) for grid in hierarchy.coarse]
        self._u = [np.zeros(shape, np.float32) for shape in shapes]
        self._b = [np.zeros(shape, np.float32) for shape in shapes]

    def start(self, b: Grid) -> None:
        """Set the black unknowns from the coarse grids (the next cycle sets the red ones from them).

        Args:
            b: the right side, (2, C, H + 2, stride).
        """
        grids = self.hierarchy.coarse
        row = self.hierarchy.row
        self._rows(fine.restrict_right_side, 0, self._b[0], *b, self.hierarchy.height)
        for level in range(1, len(grids)):
            self._rows(coarse.restrict, level, self._b[level], self._b[level - 1])
        self._coarse_cycle(len(grids) - 1)
        for level in range(len(grids) - 2, -1, -1):
            arguments = (self._u[level], self._u[level + 1], grids[level].inverse, False)
            self._rows(coarse.interpolate, level, *arguments)
            self._coarse_cycle(level)
        weight = self.hierarchy.weight[BLACK]
        self._pixel_rows(fine.interpolate_black, self.u[BLACK], self._u[0], weight, row)

    def cycle(self, b: Grid) -> float:
        """Run one V-cycle; return its largest coarse correction, about the error there was before it."""
        row, weight = self.hierarchy.row, self.hierarchy.weight[RED]
        for colour in (RED, BLACK, RED, BLACK):
            self._sweep(colour, b)
        self._rows(fine.restrict_red_residual, 0, self._b[0], *self.u, b[RED], weight, row)
        self._u[0][:] = 0
        self._coarse_cycle(0)
        correction = self._pixel_rows(fine.correct_red, self.u[RED], self._u[0], weight, row)
        for colour in (BLACK, RED, BLACK, RED):
            self._sweep(colour, b)
        return correction

    def precondition(self, b: Grid) -> Grid:
        """Apply one V-cycle from zero: a symmetric positive approximation of the inverse, on b."""
        self.u[BLACK] = 0
        self.cycle(b)
        return self.u

    def residual_norms(self, b: Grid) -> NDArray[np.float64]:
        """The Euclidean norm of b − A u for each channel."""
        weight, row = self.hierarchy.weight, self.hierarchy.row
        squares = np.zeros((self.channels, self.hierarchy.height))
        for colour in (RED, BLACK):
            arguments = (squares, self.u[colour], self.u[1 - colour], b[colour], weight[colour], colour, row)
            self._pixel_rows(fine.add_residual_squares, *arguments)
        norms: NDArray[np.float64] = np.sqrt(squares.sum(axis=1))
        return norms

    def _sweep(self, colour: int, b: Grid) -> None:
        weight = self.hierarchy.weight[colour]
        arguments = (self.u[colour], self.u[1 - colour], b[colour], weight, colour, self.hierarchy.row)
        self._pixel_rows(fine.half_sweep, *arguments)

    def _coarse_cycle(self, level: int) -> None:
        grid, u, b = self.hierarchy.coarse[level], self._u[level], self._b[level]
        if level == len(self.hierarchy.coarse) - 1:
            values = b[:, 1:-1, 1:-1].reshape(self.channels, -1) @ self.hierarchy.coarsest
            u[:, 1:-1, 1:-1] = values.reshape(self.channels, grid.height, grid.width)
            return
        for parity in (0, 1):
            self._rows(coarse.sweep_rows, level, u, b, *grid.operator, parity, False)
        self._rows(coarse.restrict_residual, level + 1, self._b[level + 1], u, b, *grid.operator)
        self._u[level + 1][:] = 0
        self._coarse_cycle(level + 1)
        self._rows(coarse.interpolate, level, u, self._u[level + 1], grid.inverse, True)
        for parity in (1, 0):
            self._rows(coarse.sweep_rows, level, u, b, *grid.operator, parity, True)

    def _rows(self, kernel: Kernel, level: int, *arguments: object) -> None:
        grid = self.hierarchy.coarse[level]
        over_rows(kernel, grid.height, 2 * grid.width * self.channels, *arguments)

    def _pixel_rows(self, kernel: Kernel, *arguments: object) -> float:
        return over_rows(kernel, self.hierarchy.height, self.hierarchy.row * self.channels, *arguments)
