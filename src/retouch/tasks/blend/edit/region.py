"""What every blend verb shares: options checked, a mask cut to its box, a result put back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from retouch.errors import EmptyMask, InputError, UnknownName
from retouch.image import Box, Mask, MaskLike, Picture, Point
from retouch.progress import Progress, ProgressCallback

if TYPE_CHECKING:
    from retouch.tasks.blend.method.poisson import Convergence, PoissonSolver

Tolerance = Literal["visual", "exact"] | float

Pixels = NDArray[np.float32]
Plane = NDArray[np.float32]


def area(picture: Picture, mask: MaskLike | None) -> tuple[Box, Plane]:
    """The box in the photo that holds the mask and a rim around it, and the mask's values in it."""
    region = Mask.of(mask, picture.size).numpy() if mask is not None else np.ones(picture.size, np.float32)
    if not region.any():
        raise EmptyMask("the mask selects no pixel; mark at least one pixel to edit")
    return cut(region, (0, 0), picture.size)


def cut(values: Plane, corner: Point, size: tuple[int, int]) -> tuple[Box, Plane]:
    """Cut mask values, which lie at a corner of the photo, to their bounds and a rim of one pixel."""
    rows, columns = np.flatnonzero(values.any(axis=1)), np.flatnonzero(values.any(axis=0))
    y0, y1, x0, x1 = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    box = Box(
        max(corner[0] + x0 - 1, 0),
        max(corner[1] + y0 - 1, 0),
        min(corner[0] + x1 + 1, size[1]),
        min(corner[1] + y1 + 1, size[0]),
    )
    top, left = corner[1] + y0 - box.y0, corner[0] + x0 - box.x0
    cut = np.zeros((box.y1 - box.y0, box.x1 - box.x0), np.float32)
    cut[top : top + y1 - y0, left : left + x1 - x0] = values[y0:y1, x0:x1]
    return box, cut


def solver_of(inside: NDArray[np.bool_], progress: ProgressCallback | None) -> PoissonSolver:
    """A solver for a mask; says so first, because on a new machine its kernels are compiled here."""
    if progress:
        progress(Progress("preparing the solver", 0))
    from retouch.tasks.blend.method.poisson import PoissonSolver

    return PoissonSolver(inside)


def finished(target: Picture, box: Box, pixels: Pixels, values: Plane, convergence: Convergence) -> Picture:
    """The target with the solution in it, faded by the mask's values where they lie between 0 and 1."""
    inside = values > 0
    if (values[inside] < 1).any():
        known = target.decode(box)
        pixels = known + values[..., None] * (pixels - known)
    return target.edited_box(box, pixels, where=inside, report=report_of(convergence, int(inside.sum())))


def report_of(convergence: Convergence, pixels: int) -> dict[str, float | int | str]:
    """What the result says of the edit: residual, cycles, and how many pixels it solved for."""
    return {"residual": convergence.residual, "cycles": convergence.cycles, "pixels": pixels}


def check_choice(kind: str, value: object, choices: object) -> None:
    """Refuse a value that is not among the choices of a Literal."""
    known = get_args(choices)
    if value not in known:
        raise UnknownName(kind, value, known)


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Refuse a number outside low … high, or one that is not a number."""
    if not low <= value <= high:
        raise InputError(f"{name}={value!r}; pass a number from {low:g} to {high:g}")
