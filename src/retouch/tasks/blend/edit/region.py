"""What every blend verb shares: options checked, a mask cut to its box, a result put back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from retouch.errors import EmptyMask, InputError, UnknownName
from retouch.image import Box, Mask, MaskLike, Picture, Point
from retouch.progress import Progress, ProgressCallback

if TYPE_CHECKING:
    from retouch.poisson.solver import Convergence, PoissonSolver

Tolerance = Literal["visual", "exact"] | float

Pixels = NDArray[np.float32]
Plane = NDArray[np.float32]

_PIECE = 3_000  # pixels that are solved in the time a system takes to set up (0.3 ms, measured)


@dataclass(frozen=True)
class Area:
    """A box of a photo, and the pixels in it that an edit may change.

    Args:
        box: the mask's bounds and a rim of one pixel where the photo goes on.
        inside: (h, w) what may change.
        fade: (h, w) how much of the change is wanted, when the mask has values between 0 and 1.
    """

    box: Box
    inside: NDArray[np.bool_]
    fade: Plane | None


def area_of(picture: Picture, mask: MaskLike | None) -> Area:
    """Where a mask on a photo lies; the whole photo without one."""
    if mask is None:
        return Area(picture.box, np.ones(picture.size, np.bool_), None)
    region = Mask.of(mask, picture.size)
    if not region.inside.any():
        raise EmptyMask("the mask selects no pixel; mark at least one pixel to edit")
    return cut(region.inside, region.numpy() if region.is_soft else None, (0, 0), picture.size)


def cut(inside: NDArray[np.bool_], fade: Plane | None, corner: Point, size: tuple[int, int]) -> Area:
    """Cut a mask, which lies at a corner of a photo, to its bounds and a rim of one pixel."""
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    y0, y1, x0, x1 = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    box = Box(
        max(corner[0] + x0 - 1, 0),
        max(corner[1] + y0 - 1, 0),
        min(corner[0] + x1 + 1, size[1]),
        min(corner[1] + y1 + 1, size[0]),
    )
    top, left = corner[1] + y0 - box.y0, corner[0] + x0 - box.x0
    bottom, right = box.y1 - box.y0 - top - (y1 - y0), box.x1 - box.x0 - left - (x1 - x0)
    rim = ((top, bottom), (left, right))
    bounds = (slice(y0, y1), slice(x0, x1))
    return Area(box, np.pad(inside[bounds], rim), None if fade is None else np.pad(fade[bounds], rim))


def clone(
    guess: Pixels,
    known: Callable[[], Pixels],
    inside: NDArray[np.bool_],
    *,
    mixed: bool = False,
    tolerance: Tolerance,
    progress: ProgressCallback | None,
) -> Convergence:
    """Give a guess the surroundings of a known picture, in place; see :class:`PoissonSolver`.

    Args:
        guess: (h, w, 3).
        known: makes the known picture (h, w, 3); it is let go before the unknowns are allocated.
        inside: (h, w) what is unknown.
        mixed: take the known picture's difference where it is larger.
        tolerance: as the verbs take it.
        progress: called when the solver is prepared and after every cycle.
    """
    pieces = pieces_of(inside)
    if len(pieces) == 1:
        solver = solver_of(inside, progress)
        side = solver.right_side(guess, known(), mixed=mixed)
        return solver.correct(guess, side, tolerance=tolerance, progress=progress)
    rest = known()
    ended = []
    for done, piece in enumerate(pieces, 1):
        solver = solver_of(inside[piece], progress if done == 1 else None)
        part = np.ascontiguousarray(guess[piece])
        side = solver.right_side(part, np.ascontiguousarray(rest[piece]), mixed=mixed)
        ended.append(solver.correct(part, side, tolerance=tolerance))
        guess[piece] = part
        if progress:
            progress(Progress("solving", done, len(pieces)))
    worst = max(ended, key=lambda convergence: convergence.residual)
    return replace(worst, cycles=max(convergence.cycles for convergence in ended))


def pieces_of(inside: NDArray[np.bool_]) -> list[tuple[slice, slice]]:
    """Boxes that hold a mask in parts which can be solved one by one.

    A row or column without unknowns separates two regions completely, so a photo with a hundred
    specks of dust is a hundred small systems instead of one as large as the photo. The boxes
    overlap in known pixels only. A mask is left in one piece where the pieces would take longer.
    """
    whole = [(slice(0, inside.shape[0]), slice(0, inside.shape[1]))]
    if np.count_nonzero(inside) > inside.size // 4:
        return whole
    found: list[tuple[slice, slice]] = []
    waiting = list(whole)
    while waiting:
        rows, columns = waiting.pop()
        cuts = [
            (
                slice(rows.start + r.start, rows.start + r.stop),
                slice(columns.start + c.start, columns.start + c.stop),
            )
            for r in _runs(np.asarray(inside[rows, columns].any(axis=1)))
            for c in _runs(
                np.asarray(inside[rows.start + r.start : rows.start + r.stop, columns].any(axis=0))
            )
        ]
        if cuts == [(rows, columns)]:
            found.append(cuts[0])
        else:
            waiting += cuts
    height, width = inside.shape
    pieces = [
        (
            slice(max(r.start - 1, 0), min(r.stop + 1, height)),
            slice(max(c.start - 1, 0), min(c.stop + 1, width)),
        )
        for r, c in sorted(found, key=lambda box: (box[0].start, box[1].start))
    ]
    areas = (inside[piece].size for piece in pieces)
    return pieces if sum(areas) + _PIECE * len(pieces) < inside.size else whole


def _runs(flags: NDArray[np.bool_]) -> list[slice]:
    """The runs of True in a row of flags."""
    steps = np.flatnonzero(np.diff(flags, prepend=False, append=False))
    return [slice(int(start), int(stop)) for start, stop in steps.reshape(-1, 2)]


def solver_of(inside: NDArray[np.bool_], progress: ProgressCallback | None) -> PoissonSolver:
    """A solver for a mask; says so first, because on a new machine its kernels are compiled here."""
    if progress:
        progress(Progress("preparing the solver", 0))
    from retouch.poisson.solver import PoissonSolver

    return PoissonSolver(inside)


def finished(target: Picture, area: Area, pixels: Pixels, convergence: Convergence) -> Picture:
    """The target with the solution in it, faded where the mask is soft; ``pixels`` is given away."""
    if area.fade is not None:
        known = target.decode(area.box)
        pixels = known + area.fade[..., None] * (pixels - known)
    report = report_of(convergence, int(np.count_nonzero(area.inside)))
    return target.edited_box(area.box, pixels, where=area.inside, report=report, copy=False)


def report_of(convergence: Convergence, pixels: int) -> dict[str, float | int | str]:
    """What the result says of the edit: residual, cycles, and how many pixels it solved for."""
    return {"residual": convergence.residual, "cycles": convergence.cycles, "pixels": pixels}


def check_choice(kind: str, value: object, choices: object) -> None:
    """Refuse a value that is not among the choices of a Literal."""
    known = get_args(choices)
    if not isinstance(value, str) or value not in known:
        raise UnknownName(kind, value, known)


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Refuse a number outside low … high, or one that is not a number."""
    if not isinstance(value, int | float) or not low <= value <= high:
        raise InputError(f"{name}={value!r}; pass a number from {low:g} to {high:g}")
