"""The Poisson equation for arrays and tensors: any batch, any device, differentiable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from retouch.errors import InputError, SizeMismatch
from retouch.poisson.planes import right_side, solve_planes
from retouch.poisson.solver import Tolerance, check_tolerance
from retouch.progress import ProgressCallback

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    Array = TypeVar("Array", NDArray[Any], torch.Tensor)
else:
    Array = TypeVar("Array")


@dataclass(frozen=True)
class Solution:
    """What :func:`solve_poisson` found.

    Args:
        values: f, in the shape, type and device of the boundary picture; equal to it where known.
        residual: relative residual, the largest over channels and pictures.
        cycles: multigrid cycles, the largest over pictures.
    """

    values: Any
    residual: float
    cycles: int


def solve_poisson(
    boundary: Array,
    mask: Array,
    guidance: tuple[Array, Array] | None = None,
    *,
    tolerance: Tolerance = "visual",
    progress: ProgressCallback | None = None,
) -> Solution:
    """Find the picture with the wanted gradient inside a mask and the given values outside it.

    numpy arrays are solved on the CPU; torch tensors on their own device, with gradients with
    respect to ``boundary`` and ``guidance`` (the gradient of a solve is a solve).

    Args:
        boundary: (…, H, W) the known picture; its values inside the mask are not used, except
            that a mask over the whole picture gives the solution their mean.
        mask: (H, W), or with leading axes that broadcast against the boundary's: non-zero where
            the picture is unknown. At most one mask per first axis: (B, 1, H, W) for (B, C, H, W).
        guidance: forward differences (gx, gy) in the boundary's shape: gx[…, y, x] is the wanted
            f[…, y, x + 1] − f[…, y, x], gy[…, y, x] the wanted f[…, y + 1, x] − f[…, y, x];
            the last column of gx and the last row of gy are not used. None is all zero: the membrane.
        tolerance: ``"visual"`` for a largest error of half an 8-bit level on values in [0, 1],
            ``"exact"`` for a relative residual of 1e-7, or the relative residual.
        progress: called after every cycle.

    Returns:
        f and how well it satisfies the equations.

    Raises:
        InputError: a wrong number of axes, a value that is not finite, or a bad tolerance.
        SizeMismatch: mask or guidance do not fit the boundary.
        EmptyMask: nothing is unknown.
        NotConverged: the tolerance was not met (only for tolerances at the limit of the arithmetic).

    Source: Pérez, Gangnet, Blake 2003, equation 7.
    Departs: none.

    >>> import numpy as np
    >>> ramp = np.linspace(0.0, 1.0, 5)[None].repeat(5, 0)
    >>> hole = np.zeros((5, 5)); hole[1:4, 1:4] = 1
    >>> bool(np.allclose(solve_poisson(ramp, hole).values, ramp, atol=1e-3))
    True
    """
    gx, gy = guidance if guidance is not None else (None, None)
    check_tolerance(tolerance)
    given = [boundary, mask, *(guidance or ())]
    if any(type(array) is not type(boundary) or not hasattr(array, "shape") for array in given):
        kinds = ", ".join(type(array).__name__ for array in given)
        raise InputError(
            f"boundary, mask and guidance are {kinds}; pass all as numpy arrays or all as tensors"
        )
    _check_shapes(boundary, mask, gx, gy)
    if isinstance(boundary, np.ndarray):
        return _solve_arrays(boundary, mask, gx, gy, tolerance, progress)
    from retouch.poisson import tensors

    values, convergence = tensors.solve(boundary, mask, gx, gy, tolerance, progress)
    return Solution(values, convergence.residual, convergence.cycles)


def _solve_arrays(
    boundary: NDArray[Any],
    mask: NDArray[Any],
    gx: NDArray[Any] | None,
    gy: NDArray[Any] | None,
    tolerance: Tolerance,
    progress: ProgressCallback | None,
) -> Solution:
    unknown = np.asarray(mask) != 0
    if boundary.dtype not in (np.float32, np.float64):
        raise InputError(f"the boundary is {boundary.dtype}; pass float32 or float64 values in [0, 1]")
    b = right_side(np.where, boundary, unknown, gx, gy)
    if not np.isfinite(b).all():
        raise InputError("the boundary or the guidance has values that are not finite; replace them first")
    u, convergence = solve_planes(b, unknown, tolerance, progress)
    values = np.where(unknown, u, boundary)
    whole = unknown.all(axis=(-2, -1), keepdims=True)
    if whole.any():
        values = values + np.where(whole, boundary.mean(axis=(-2, -1), keepdims=True), 0).astype(values.dtype)
    return Solution(values, convergence.residual, convergence.cycles)


def _check_shapes(boundary: Array, mask: Array, gx: Array | None, gy: Array | None) -> None:
    shape, marked = tuple(boundary.shape), tuple(mask.shape)
    if not 2 <= len(marked) <= max(len(shape), 2) or len(shape) < 2:
        raise InputError(
            f"boundary {shape} and mask {marked} were given; both must end in (H, W), "
            "and the mask may not have more axes"
        )
    if shape[-2:] != marked[-2:]:
        raise SizeMismatch(
            f"the mask is {marked[-2]}×{marked[-1]} but the picture is {shape[-2]}×{shape[-1]}; "
            "make them the same size (H×W)"
        )
    leading = marked[:-2]
    batched = len(marked) == len(shape) and leading == (shape[0],) + (1,) * (len(leading) - 1)
    if any(n != 1 for n in leading) and not batched:
        raise SizeMismatch(
            f"the mask is {marked} and the boundary {shape}; pass one mask (H, W), or one for each entry "
            "of the first axis with 1 on the axes between"
        )
    for name, field in (("gx", gx), ("gy", gy)):
        if field is not None and tuple(field.shape) != shape:
            raise SizeMismatch(
                f"{name} is {tuple(field.shape)} but the boundary is {shape}; pass the same shape"
            )
