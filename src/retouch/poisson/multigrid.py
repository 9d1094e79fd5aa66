"""Multigrid cycles on a hierarchy: a full-multigrid start, then V-cycles.

Source: A. Brandt, "Multi-Level Adaptive Solutions to Boundary-Value Problems", Math. Comp. 31
(1977); operator-induced coarse grids: W. Hackbusch, "Multi-Grid Methods and Applications" (1985).
Departs: coarse grids are smoothed once before and after, the finest twice, because a coarse
sweep with nine couplings costs as much a point as two fine ones and gains less.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from retouch.poisson.hierarchy import Hierarchy
from retouch.poisson.kernels import coarse, fine
from retouch.poisson.threads import SMALLEST_SHARE, Kernel, over_rows

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
        self._flat_u: Grid = np.zeros(channels * hierarchy.points, np.float32)
        self._flat_b: Grid = np.zeros(channels * hierarchy.points, np.float32)
        self._u = hierarchy.planes(self._flat_u, channels)
        self._b = hierarchy.planes(self._flat_b, channels)

    def start(self, b: Grid) -> None:
        """Set the black unknowns from the coarse grids (the next cycle sets the red ones from them).

        Args:
            b: the right side, (2, C, H + 2, row + 2).
        """
        row, shares = self.hierarchy.row, self.hierarchy.shares[BLACK]
        self._rows(fine.restrict_right_side, 0, self._b[0], *b, self.hierarchy.height)
        for level in range(1, len(self._u)):
            self._rows(coarse.restrict, level, self._b[level], self._b[level - 1])
        self._coarse_start(0)
        self._pixel_rows(fine.interpolate_black, self.u[BLACK], self._u[0], shares, row)

    def cycle(self, b: Grid) -> float:
        """Run one V-cycle; return its largest coarse correction, about the error there was before it."""
        row, shares = self.hierarchy.row, self.hierarchy.shares[RED]
        for colour in (RED, BLACK, RED, BLACK):
            self._sweep(colour, b)
        self._rows(fine.restrict_red_residual, 0, self._b[0], *self.u, b[RED], shares, row)
        self._u[0][:] = 0
        self._coarse_cycle(0)
        correction = self._pixel_rows(fine.correct_red, self.u[RED], self._u[0], shares, row)
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
        shares, row = self.hierarchy.shares, self.hierarchy.row
        squares = np.zeros((self.channels, self.hierarchy.height))
        for colour in (RED, BLACK):
            arguments = (squares, self.u[colour], self.u[1 - colour], b[colour], shares[colour], colour, row)
            self._pixel_rows(fine.add_residual_squares, *arguments)
        norms: NDArray[np.float64] = np.sqrt(squares.sum(axis=1))
        return norms

    def _sweep(self, colour: int, b: Grid) -> None:
        shares = self.hierarchy.shares[colour]
        arguments = (self.u[colour], self.u[1 - colour], b[colour], shares, colour, self.hierarchy.row)
        self._pixel_rows(fine.half_sweep, *arguments)

    def _coarse_start(self, level: int) -> None:
        if self._is_small(level):
            self._inside_kernel(True, level)
            return
        self._coarse_start(level + 1)
        arguments = (self._u[level], self._u[level + 1], self.hierarchy.operators[level], False)
        self._rows(coarse.interpolate, level, *arguments)
        self._coarse_cycle(level)

    def _coarse_cycle(self, level: int) -> None:
        if self._is_small(level):
            self._inside_kernel(False, level)
            return
        operator, u, b = self.hierarchy.operators[level], self._u[level], self._b[level]
        for parity in (0, 1):
            self._rows(coarse.sweep_rows, level, u, b, operator, parity, False)
        self._rows(coarse.restrict_residual, level + 1, self._b[level + 1], u, b, operator)
        self._u[level + 1][:] = 0
        self._coarse_cycle(level + 1)
        self._rows(coarse.interpolate, level, u, self._u[level + 1], operator, True)
        for parity in (1, 0):
            self._rows(coarse.sweep_rows, level, u, b, operator, parity, True)

    def _is_small(self, level: int) -> bool:
        """Whether threads would not pay on a grid, nor on those below it."""
        return self._u[level].size < SMALLEST_SHARE or level == len(self._u) - 1

    def _inside_kernel(self, start: bool, level: int) -> None:
        grids = self.hierarchy
        coarse.cycle(
            self._flat_u,
            self._flat_b,
            grids.flat_operators,
            grids.table,
            grids.coarsest,
            self.channels,
            start,
            level,
        )

    def _rows(self, kernel: Kernel, level: int, *arguments: object) -> None:
        _, height, width = self._u[level].shape
        over_rows(kernel, height - 2, 2 * width * self.channels, *arguments)

    def _pixel_rows(self, kernel: Kernel, *arguments: object) -> float:
        return over_rows(kernel, self.hierarchy.height, self.hierarchy.row * self.channels, *arguments)
