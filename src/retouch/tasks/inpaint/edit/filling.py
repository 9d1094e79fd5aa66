"""What every way of filling shares: the mask, the pieces, the memory, and the report."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from retouch.errors import EmptyMask, InputError, UnknownName
from retouch.image import Mask, MaskLike, Picture, PictureLike
from retouch.nn import memory
from retouch.progress import Progress, ProgressCallback
from retouch.tasks.inpaint.method import cost, rim
from retouch.tasks.inpaint.method.canvas import Canvas
from retouch.tasks.inpaint.method.crops import Limits, islands, pieces_of
from retouch.tasks.inpaint.method.detail import detailed
from retouch.tasks.inpaint.method.pyramid import (
    Fill,
    Filled,
    Method,
    Pixels,
    Plane,
    crops_of,
    fill_piece,
)

Seam = Literal["poisson", "feather", "none"]
Precision = Literal["float32", "bfloat16"]
Classical = Literal["telea", "navier-stokes", "biharmonic", "membrane"]

CLASSICAL: tuple[str, ...] = get_args(Classical)
"""The methods without a network, called by the same option as the networks."""

FEATHER = 6
"""Pixels outside the mask over which a fill fades into the photo."""

_CLASSICAL_MARGIN = 16  # pixels around a hole by which a classical method goes; they look at fewer
_REACH = 24  # pixels around a hole from which blending takes colours
_BESIDE = 2  # pixels around a hole in which its seam is measured
_FARTHEST = 1e3  # colours beyond this are no colours, and would leave no room for rounding


@dataclass(frozen=True)
class Way:
    """A way of filling, and how much it takes at once.

    Args:
        name: for the report.
        fill: a crop.
        limits: what it can do, for a budget in pixels.
        budget: pixels; infinite when it takes all at once.
        multiple: of a crop's sides.
        own_colours: it may miss the photo's colours, so that its seam needs a cure.
        detail: how much of the photo's texture its fill gets, 0…1.
        trust: how far its shapes are believed, 0…1; see :func:`~retouch.tasks.inpaint.method.rim.restrained`.
    """

    name: str
    fill: Fill
    limits: Callable[[float], Limits]
    budget: float
    multiple: int
    own_colours: bool
    trust: float = 1.0
    detail: float = 0.0


def classical(
    name: str, *, refine: int, budget: float | None, device: str = "cpu", precision: str = "float32"
) -> Way:
    """Choose a method without a network.

    Args:
        name: one of ``CLASSICAL``.
        refine: as the verb takes it; must be 0.
        budget: as the verb takes it; must be None.
        device: as the verb takes it; must be "cpu".
        precision: as the verb takes it; must be "float32".

    Returns:
        The way of filling.

    Raises:
        InputError: an option is given that only networks have.
    """
    asked = {
        "refine": bool(refine),
        "budget": budget is not None,
        "device": device != "cpu",
        "precision": precision != "float32",
    }
    for option, given in asked.items():
        if given:
            raise InputError(f"{option} is given, but {name} has no network; leave it out")
    from retouch.tasks.inpaint.method import classical as methods

    def fill(pixels: Pixels, unknown: Plane, guide: Pixels | None) -> Pixels:  # noqa: ARG001
        return methods.fill(name, pixels, unknown)  # type: ignore[arg-type]

    limits = Limits(margin=_CLASSICAL_MARGIN, near=_CLASSICAL_MARGIN)
    return Way(name, fill, lambda _: limits, math.inf, 2, own_colours=False)


def filled(
    photo: PictureLike,
    mask: MaskLike,
    way: Way,
    *,
    seam: Seam,
    progress: ProgressCallback | None,
) -> Picture:
    """Fill the hole of a photo; see :func:`retouch.inpaint`."""
    if not isinstance(seam, str) or seam not in get_args(Seam):
        raise UnknownName("seam", seam, get_args(Seam))
    picture = Picture.of(photo)
    region = Mask.of(mask, picture.size)
    note = {} if region.hygiene is None else {"note": region.hygiene}
    if not region.inside.any():
        raise EmptyMask("the mask selects no pixel; mark at least one pixel to fill")
    if seam == "feather":
        # Not less than the mask itself: at its corners the ramp would begin inside.
        region = Mask(np.maximum(region.grow(FEATHER).feather(FEATHER).values, region.values))
    if region.inside.all():
        raise InputError("the hole covers the whole photo; leave some of it to fill from")
    fade = region.values if region.is_soft else None
    budget = way.budget
    while True:
        try:
            return _attempted(picture, region.inside, fade, way, budget, seam, note, progress)
        except Exception as error:
            if not memory.is_shortage(error):
                raise
            if budget <= cost.LEAST or math.isinf(budget):
                raise InputError(
                    "there is not enough memory to fill this hole, even in the smallest parts "
                    f"({error!s:.120}); close other programs, or compute on another device"
                ) from error
            # Half of what failed: a budget may lie far above what the hole takes.
        budget = max(budget / 2, cost.LEAST)
        _forget()


def _attempted(
    picture: Picture,
    hole: NDArray[np.bool_],
    fade: Pixels | None,
    way: Way,
    budget: float,
    seam: Seam,
    note: Mapping[str, str],
    progress: ProgressCallback | None,
) -> Picture:
    cured = way.own_colours and seam == "poisson"
    blend = functools.partial(_poisson, trust=way.trust) if cured else _plain
    finish = functools.partial(detailed, amount=way.detail) if cured and way.detail > 0 else None
    method = Method(way.fill, blend, way.limits(budget), way.multiple, finish)
    pieces = pieces_of(hole, method.limits)
    tally = _Tally(sum(crops_of(piece, method) for piece in pieces), progress)
    canvas = Canvas(picture, hole)
    for piece in pieces:
        tally.joined(fill_piece(canvas, piece, method, tally.crop))
    report: dict[str, float | int | str] = {
        "model": way.name,
        "seam": seam if cured or seam == "feather" else "none",
        "pixels": int(np.count_nonzero(hole)),
        "pieces": len(pieces),
        "levels": max(piece.levels for piece in pieces),
        **tally.report(),
        **note,
    }
    if not math.isinf(budget):
        report["budget"] = round(budget / 1e6, 3)
    return canvas.finished(fade, report)


class _Tally:
    """Counts what was done, and tells it."""

    def __init__(self, total: int, progress: ProgressCallback | None) -> None:
        self._total = total
        self._progress = progress
        self._crops = 0
        self._pixels = 0
        self._seams: list[tuple[int, float, float]] = []
        if progress:
            progress(Progress("filling", 0, total))

    def crop(self, height: int, width: int) -> None:
        self._crops += 1
        self._pixels += height * width
        if self._progress:
            self._progress(Progress("filling", self._crops, self._total))

    def joined(self, done: Filled) -> None:
        for inner, around in islands(done.unknown, _BESIDE):
            hole = done.unknown[around.slices]
            before, after = (rim.seam(all_of[around.slices], hole) for all_of in (done.before, done.after))
            if not math.isnan(before):
                self._seams.append((sum(inner.size), before, after))

    def report(self) -> dict[str, float | int | str]:
        found: dict[str, float | int | str] = {
            "crops": self._crops,
            "megapixels": round(self._pixels / 1e6, 3),
        }
        if self._seams:
            weights, before, after = np.array(self._seams).T
            found["seam_before"] = round(float(np.average(before, weights=weights)), 3)
            found["seam_after"] = round(float(np.average(after, weights=weights)), 3)
        return found


def _plain(pixels: Pixels, filled: Pixels, unknown: Plane) -> Pixels:
    return np.where(unknown[..., None], filled, pixels)


def _poisson(pixels: Pixels, filled: Pixels, unknown: Plane, *, trust: float) -> Pixels:
    joined = pixels.copy()
    for inner, around in islands(unknown, _REACH):
        seen = np.clip(pixels[around.slices], -_FARTHEST, _FARTHEST)
        hole = unknown[around.slices]
        fitted = rim.restrained(seen, rim.blended(seen, filled[around.slices], hole), hole, trust)
        # Light that the photo has may go on into the fill, but blending shall not make more of it.
        low, high = min(0.0, float(seen.min())), max(1.0, float(seen.max()))
        np.clip(fitted, low, high, out=fitted)
        here = inner.shifted(-around.x0, -around.y0).slices
        np.copyto(joined[inner.slices], fitted[here], where=hole[here][..., None])
    return joined


def _forget() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
