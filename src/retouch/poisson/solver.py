"""The discrete Poisson equation on a mask: one solver for pictures and for arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from retouch.errors import EmptyMask, InputError, NotConverged, SizeMismatch
from retouch.poisson import conjugate
from retouch.poisson.hierarchy import Hierarchy
from retouch.poisson.kernels import sides
from retouch.poisson.multigrid import Multigrid
from retouch.poisson.threads import over_rows
from retouch.progress import Progress, ProgressCallback

Tolerance = Literal["visual", "exact"] | float
Pixels = NDArray[np.float32]
Grid = NDArray[np.float32]

VISUAL = 0.1 / 255  # where "visual" stops: an estimate, kept well under the half level it promises
EXACT = 1e-7
CYCLES = 10  # a mask that needs more is left to conjugate gradients


@dataclass(frozen=True)
class Convergence:
    """How a solve ended.

    Args:
        residual: norm of b − A f over the norm of b, the largest over channels.
        cycles: multigrid cycles on the finest grid, those of conjugate gradients counted in.
    """

    residual: float
    cycles: int


@dataclass(frozen=True)
class RightSide:
    """What a guess lacks to be the solution; made by :meth:`PoissonSolver.right_side`.

    Args:
        halves: (2, C, …) in red-black storage.
        shift: (C,) what the mean of the solution lies above the guess's when the mask covers
            the whole picture; None otherwise.
    """

    halves: Grid
    shift: NDArray[np.float64] | None


class PoissonSolver:
    """Solves the Poisson equation on one mask, for as many pictures as you like.

    For every unknown pixel p, the sum over its neighbours q inside the picture of f_p − f_q
    equals the sum of the guidance v_pq; f is known at pixels outside the mask (Dirichlet), and
    a neighbour beyond the picture adds nothing (natural boundary). A mask that covers the whole
    picture leaves f free by a constant per channel: f then gets the known picture's mean.

    Args:
        mask: (H, W), True or non-zero where f is unknown.

    Raises:
        InputError: the mask is not two-dimensional.
        EmptyMask: nothing is unknown.

    Source: Pérez, Gangnet, Blake 2003, equation 7.
    Departs: none; the system is the paper's, solved by multigrid instead of Gauss-Seidel.
    """

    def __init__(self, mask: ArrayLike) -> None:
        unknown = np.asarray(mask)
        if unknown.ndim != 2:
            raise InputError(f"a mask of shape {unknown.shape} was given; pass one plane (H, W)")
        unknown = unknown.astype(bool, copy=False)
        if not unknown.any():
            raise EmptyMask("the mask selects no pixel; mark at least one pixel to solve for")
        self.size: tuple[int, int] = (unknown.shape[0], unknown.shape[1])
        rows, columns = np.flatnonzero(unknown.any(axis=1)), np.flatnonzero(unknown.any(axis=0))
        # one more pixel on each side: the known neighbours, without which the crop's side would be taken
        # for the picture's edge
        self.rows = slice(max(int(rows[0]) - 1, 0), min(int(rows[-1]) + 2, self.size[0]))
        self.columns = slice(max(int(columns[0]) - 1, 0), min(int(columns[-1]) + 2, self.size[1]))
        self.unknown = unknown[self.rows, self.columns]
        self.hierarchy = Hierarchy(self.unknown)
        self._held = _is_held(self.unknown)

    def right_side(self, guess: Pixels, known: Pixels, *, mixed: bool = False) -> RightSide:
        """Say what is missing from a guess whose gradient is the guidance: b − A guess.

        Args:
            guess: (h, w, C) on the solver's box (``rows`` × ``columns``).
            known: (h, w, C) on the same box; f takes its values where it is known.
            mixed: on each edge and channel the guidance is the known picture's difference where
                that is larger in magnitude.

        Raises:
            SizeMismatch: a picture does not have the size of the solver's box, or channels differ.
        """
        for name, picture in (("guess", guess), ("known", known)):
            if picture.shape != (*self.unknown.shape, guess.shape[-1]):
                raise SizeMismatch(
                    f"{name} is {picture.shape} but the solver's box is {self.unknown.shape}; "
                    "pass pictures (h, w, C) cut to solver.rows × solver.columns"
                )
        side = self.hierarchy.halves(guess.shape[2])
        height, inside = self.hierarchy.height, self.hierarchy.inside
        over_rows(sides.right_side, height, guess[0].size, *side, guess, known, inside, mixed)
        shift = (known - guess).mean(axis=(0, 1), dtype=np.float64) if self.hierarchy.singular else None
        return RightSide(side, shift)

    def correct(
        self,
        guess: Pixels,
        side: RightSide,
        *,
        tolerance: Tolerance = "visual",
        progress: ProgressCallback | None = None,
    ) -> Convergence:
        """Turn a guess into the solution, in place; its known pixels stay as they are.

        Args:
            guess: (h, w, C) the picture that ``side`` was made from.
            side: what :meth:`right_side` returned for it.
            tolerance: ``"visual"`` for a largest error of half an 8-bit level on pictures in
                [0, 1], ``"exact"`` for a relative residual of 1e-7, or the relative residual.
            progress: called after every cycle.

        Raises:
            SizeMismatch: the picture is not the one that the side was made from.
            InputError: a bad tolerance.
            NotConverged: the tolerance was not met.
        """
        wanted = check_tolerance(tolerance)
        hierarchy = self.hierarchy
        if guess.shape != (*self.unknown.shape, side.halves.shape[1]):
            raise SizeMismatch(f"guess is {guess.shape}; pass the picture that the right side was made from")
        multigrid = Multigrid(hierarchy, guess.shape[2])
        before = guess.mean(axis=(0, 1), dtype=np.float64) if side.shift is not None else 0.0
        settled = None
        if wanted is None and self._held:
            settled = _settle(multigrid, side.halves, VISUAL, progress)
        if settled:
            convergence = settled
            over_rows(sides.add_to, hierarchy.height, guess[0].size, guess, *multigrid.u, hierarchy.inside)
        else:
            u, convergence = _converge(multigrid, self._planes(side.halves), wanted, VISUAL, progress)
            guess += np.moveaxis(u, 0, -1).astype(np.float32)
        if side.shift is not None:
            guess += (before + side.shift - guess.mean(axis=(0, 1), dtype=np.float64)).astype(np.float32)
        return convergence

    def solve_system(
        self,
        b: NDArray[Any],
        *,
        tolerance: Tolerance = "visual",
        progress: ProgressCallback | None = None,
    ) -> tuple[NDArray[Any], Convergence]:
        """Solve A u = b for planes (C, H, W) of right sides; u is 0 where nothing is unknown.

        On a mask that covers the whole picture, b is made to sum to zero and u has mean zero.

        Returns:
            u in the type of ``b``, and how the solve ended.

        Raises:
            SizeMismatch: b does not have the mask's size.
            InputError: a bad tolerance.
            NotConverged: the tolerance was not met.
        """
        if b.ndim != 3 or b.shape[1:] != self.size:
            raise SizeMismatch(f"b is {b.shape} but the mask is {self.size}; pass planes (C, H, W)")
        wanted = check_tolerance(tolerance)
        hierarchy = self.hierarchy
        side = np.where(self.unknown, b[:, self.rows, self.columns], 0).astype(np.float64)
        scale = float(np.abs(side).max()) or 1.0
        side /= scale
        halves = hierarchy.halves(len(side))
        pixels = np.moveaxis(side.astype(np.float32), 0, -1)
        over_rows(sides.split, hierarchy.height, pixels[0].size, *halves, pixels, hierarchy.inside)
        multigrid = Multigrid(hierarchy, len(side))
        settled = None
        if wanted is None and self._held:
            settled = _settle(multigrid, halves, VISUAL / scale, progress)
        if settled:
            convergence, u = settled, self._planes(multigrid.u)
        else:
            u, convergence = _converge(multigrid, side, wanted, VISUAL / scale, progress)
        if hierarchy.singular:
            u -= u.mean(axis=(1, 2), keepdims=True)
        full = np.zeros(b.shape, b.dtype)
        full[:, self.rows, self.columns] = u * scale
        return full, convergence

    def _planes(self, halves: Grid) -> NDArray[np.float64]:
        """Red-black storage as planes (C, h, w)."""
        planes = np.zeros((halves.shape[1], *self.unknown.shape))
        pixels = np.moveaxis(planes, 0, -1)
        over_rows(sides.add_to, len(pixels), pixels[0].size, pixels, *halves, self.hierarchy.inside)
        return planes


def check_tolerance(tolerance: Tolerance | object) -> float | None:
    """The relative residual that a tolerance asks for, None for ``"visual"``.

    Raises:
        InputError: it is neither a known name nor a number between 0 and 1.
    """
    if tolerance == "visual":
        return None
    if tolerance == "exact":
        return EXACT
    if not isinstance(tolerance, int | float) or not 0 < tolerance < 1:
        raise InputError(
            f"tolerance={tolerance!r}; pass 'visual', 'exact' or a relative residual between 0 and 1"
        )
    return float(tolerance)


def _is_held(unknown: NDArray[np.bool_]) -> bool:
    """Whether known pixels hold the solution firmly enough for cycles alone.

    Their convergence is estimated from how corrections shrink. Where few known pixels touch the
    region, the part that is nearly constant converges more slowly than the rest lets on, and on
    long strips it drowns in the rounding of float32.
    """
    height, width = unknown.shape
    if unknown.all():
        return bool(max(height, width) <= 8 * min(height, width))
    rim = np.count_nonzero(unknown[1:] != unknown[:-1])
    rim += np.count_nonzero(unknown[:, 1:] != unknown[:, :-1])
    return bool(rim >= height + width - 2)  # as much as two of the box's sides


def _settle(
    multigrid: Multigrid, b: Grid, error: float, progress: ProgressCallback | None
) -> Convergence | None:
    """Cycle until the largest error is estimated to be below ``error``; None when it does not get there.

    On a mask that is held, a cycle's coarse correction is about the error before it, and the
    ratio of two corrections is the rate at which the error falls. Rates below 0.35 are not
    trusted: the first cycles remove the easy parts.
    """
    multigrid.start(b)
    before = np.inf
    for cycle in range(1, CYCLES + 1):
        correction = multigrid.cycle(b)
        if progress:
            progress(Progress("solving", cycle, facts={"correction": correction}))
        if not correction < before:
            return None
        rate = max(correction / before, 0.35) if cycle > 1 else 0.75
        if correction * rate <= error * (1 - rate):
            return Convergence(_relative(multigrid.residual_norms(b), b), cycle)
        before = correction
    return None


def _converge(
    multigrid: Multigrid,
    side: NDArray[np.float64],
    tolerance: float | None,
    change: float,
    progress: ProgressCallback | None,
) -> tuple[NDArray[np.float64], Convergence]:
    """Solve in float64 for a right side (C, h, w): to a relative residual, or until no value changes much.

    Args:
        multigrid: the grids of the mask.
        side: the right side; changed when the mask covers the whole picture.
        tolerance: the relative residual; None for a solution that looks exact.
        change: what still counts as a change when the tolerance is None.
        progress: called after every iteration.
    """

    def report(iteration: int, residual: float) -> None:
        if progress:
            progress(Progress("solving", iteration, facts={"residual": residual}))

    if multigrid.hierarchy.singular:
        side -= side.mean(axis=(1, 2), keepdims=True)
    u = np.zeros_like(side)
    if tolerance is None:
        residual, cycles = conjugate.refine(multigrid, side, u, 1e-5, report, change / 8)
        reached = cycles < conjugate.ITERATIONS
    else:
        residual, cycles = conjugate.refine(multigrid, side, u, tolerance, report)
        reached = residual <= tolerance
    if not reached:
        raise NotConverged(
            f"the residual is {residual:.1e} after {cycles} iterations and {tolerance or 1e-5:.1e} was asked "
            "for; pass a larger tolerance"
        )
    return u, Convergence(residual, cycles)


def _relative(residual: NDArray[np.float64], b: Grid) -> float:
    norms = np.sqrt(
        [sum(float(np.dot(half.ravel(), half.ravel())) for half in channel) for channel in b.swapaxes(0, 1)]
    )
    return float(np.max(residual / np.where(norms > 0, norms, 1.0)))
