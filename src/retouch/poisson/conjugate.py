"""Conjugate gradients in float64 with a multigrid cycle as preconditioner: safe on any mask."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from retouch.poisson.kernels import sides
from retouch.poisson.multigrid import Multigrid
from retouch.poisson.threads import over_rows

Planes = NDArray[np.float64]

ITERATIONS = 200  # far beyond what any mask needs (15 at most); a stop for data that cannot converge


def refine(
    multigrid: Multigrid,
    b: Planes,
    x: Planes,
    tolerance: float,
    report: Callable[[int, float], None],
    change: float = np.inf,
) -> tuple[float, int]:
    """Improve ``x`` in place until the relative residual meets the tolerance and ``x`` holds still.

    Args:
        multigrid: the grids of the mask; its unknowns are overwritten.
        b: (C, H, W) right side, zero where nothing is unknown.
        x: (C, H, W) start, zero where nothing is unknown.
        tolerance: the ratio of the residual's norm to the right side's, largest over channels.
        report: called with the iteration and the relative residual after each one.
        change: the largest value by which the last iteration may still have changed ``x``.

    Returns:
        The relative residual that was reached and the iterations it took.

    Source: Polak-Ribière variant (G. Golub, Q. Ye, "Inexact Preconditioned Conjugate Gradient
    Method with Inner-Outer Iteration", 1999), because the preconditioner works in float32.
    """
    inside = multigrid.hierarchy.inside
    scale = np.maximum(_norms(b), np.finfo(np.float64).tiny)
    product = np.empty_like(b)
    _apply(product, x, inside)
    r = b - product
    residual = float((_norms(r) / scale).max())
    direction = np.zeros_like(b)
    previous = np.zeros_like(b)
    slope = np.ones(len(b))
    changed = 0.0
    for iteration in range(1, ITERATIONS + 1):
        if residual <= tolerance and changed <= change:
            return residual, iteration - 1
        z = _preconditioned(multigrid, r)
        new_slope = _dots(z, r)
        beta = (new_slope - _dots(z, previous)) / slope if iteration > 1 else np.zeros(len(b))
        direction *= beta[:, None, None]
        direction += z
        slope = np.where(new_slope > 0, new_slope, 1.0)
        _apply(product, direction, inside)
        curvature = _dots(direction, product)
        step = np.where(curvature > 0, _dots(direction, r) / np.where(curvature > 0, curvature, 1.0), 0.0)
        previous[:] = r
        update = step[:, None, None] * direction
        x += update
        changed = float(np.abs(update).max()) if np.isfinite(change) else 0.0
        r -= step[:, None, None] * product
        residual = float((_norms(r) / scale).max())
        report(iteration, residual)
    return residual, ITERATIONS


def _preconditioned(multigrid: Multigrid, r: Planes) -> Planes:
    hierarchy = multigrid.hierarchy
    largest = np.maximum(np.abs(r).max(axis=(1, 2), keepdims=True), np.finfo(np.float64).tiny)
    b = hierarchy.halves(len(r))
    pixels = np.moveaxis((r / largest).astype(np.float32), 0, -1)
    over_rows(sides.split, hierarchy.height, pixels[0].size, *b, pixels, hierarchy.inside)
    u = multigrid.precondition(b)
    z = np.zeros_like(r)
    over_rows(sides.add_to, hierarchy.height, pixels[0].size, np.moveaxis(z, 0, -1), *u, hierarchy.inside)
    if hierarchy.singular:
        z -= z.mean(axis=(1, 2), keepdims=True)
    z *= largest
    return z


def _apply(out: Planes, x: Planes, inside: NDArray[np.uint8]) -> None:
    over_rows(sides.apply, x.shape[1], x[:, 0].size, out, x, inside)


def _dots(a: Planes, b: Planes) -> NDArray[np.float64]:
    dots: NDArray[np.float64] = np.einsum("chw,chw->c", a, b)
    return dots


def _norms(a: Planes) -> NDArray[np.float64]:
    norms: NDArray[np.float64] = np.sqrt(_dots(a, a))
    return norms
