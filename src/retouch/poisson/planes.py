"""The Poisson equation for planes: arrays (…, H, W) without a colour axis of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retouch.poisson.solver import Convergence, PoissonSolver, Tolerance
from retouch.progress import ProgressCallback


def right_side(where: Callable[..., Any], boundary: Any, unknown: Any, gx: Any, gy: Any) -> Any:
    """The right side b of A f = b, zero where f is known; arrays or tensors alike.

    Args:
        where: ``numpy.where`` or ``torch.where``.
        boundary: (…, H, W).
        unknown: boolean, broadcastable to it.
        gx: horizontal forward differences in the boundary's shape, or None for zero.
        gy: vertical forward differences in the boundary's shape, or None for zero.
    """
    known = where(unknown, 0.0, boundary)
    b = known - known
    if gx is not None:
        b[..., :, :-1] -= gx[..., :, :-1]
        b[..., :, 1:] += gx[..., :, :-1]
        b[..., :-1, :] -= gy[..., :-1, :]
        b[..., 1:, :] += gy[..., :-1, :]
    b[..., :, :-1] += known[..., :, 1:]
    b[..., :, 1:] += known[..., :, :-1]
    b[..., :-1, :] += known[..., 1:, :]
    b[..., 1:, :] += known[..., :-1, :]
    return where(unknown, b, 0.0)


def solve_planes(
    b: NDArray[Any], unknown: NDArray[np.bool_], tolerance: Tolerance, progress: ProgressCallback | None
) -> tuple[NDArray[Any], Convergence]:
    """Solve A u = b on the CPU, one mask for all planes or one for each entry of the first axis.

    Args:
        b: (…, H, W).
        unknown: (H, W), or (B, 1, …, H, W) where b is (B, …, H, W).
        tolerance: see :func:`.solve.solve_poisson`.
        progress: called after every cycle.
    """
    if unknown.size == unknown.shape[-1] * unknown.shape[-2]:
        planes = b.reshape(-1, *b.shape[-2:])
        solver = PoissonSolver(unknown.reshape(unknown.shape[-2:]))
        u, convergence = solver.solve_system(planes, tolerance=tolerance, progress=progress)
        return u.reshape(b.shape), convergence
    solved = [solve_planes(one, mask, tolerance, progress) for one, mask in zip(b, unknown, strict=True)]
    residual = max(convergence.residual for _, convergence in solved)
    cycles = max(convergence.cycles for _, convergence in solved)
    return np.stack([u for u, _ in solved]), Convergence(residual, cycles)
