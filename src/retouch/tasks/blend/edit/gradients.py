"""Edits of a photo's own gradient: texture taken out, light evened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from retouch.errors import InputError
from retouch.image import Box, Mask, MaskLike, Picture, PictureLike
from retouch.progress import ProgressCallback
from retouch.tasks.blend.edit.region import Pixels, Tolerance, area_of, check_range, finished, solver_of
from retouch.tasks.blend.method import guidance

if TYPE_CHECKING:
    from retouch.poisson.solver import Convergence


def flatten(
    photo: PictureLike,
    mask: MaskLike | None = None,
    *,
    edges: MaskLike | None = None,
    low: float = 0.02,
    high: float = 0.05,
    sigma: float = 1.0,
    tolerance: Tolerance = "visual",
    progress: ProgressCallback | None = None,
) -> Picture:
    """Wash out the texture of a region and keep its strong edges.

    Args:
        photo: the photo.
        mask: the region; the whole photo without one.
        edges: pixels whose differences to their neighbours are kept; found in the photo without it.
        low: gradient, in value (0…1) per pixel, that continues an edge.
        high: gradient that starts an edge.
        sigma: blur in pixels that takes out the texture before edges are looked for.
        tolerance: "visual" for at most half an 8-bit level of error, "exact" for a relative
            residual of 1e-7, or a relative residual.
        progress: called after every cycle of the solver.

    Returns:
        The photo, flattened inside the region, identical outside it.

    Raises:
        EmptyMask: the region is empty.
        SizeMismatch: mask or edges do not have the photo's size.
        InputError: low above high, or a negative value.

    Source: Pérez et al. 2003, section 4, equation 14.
    Departs: the edge detector does not thin the edges.
    """
    if not 0 <= low <= high:
        raise InputError(f"low={low:g} and high={high:g}; pass 0 <= low <= high")
    check_range("sigma", sigma, 0, 100)
    picture = Picture.of(photo)
    area = area_of(picture, mask)
    pixels = picture.decode(area.box).copy()
    if edges is None:
        keep = _edges_in(picture, area.box, low, high, sigma)
    else:
        keep = Mask.of(edges, picture.size).inside[area.box.slices]
    field = guidance.flattening_field(pixels, keep)
    convergence = _add_field(pixels, area.inside, field, tolerance, progress)
    return finished(picture, area, pixels, convergence)


def relight(
    photo: PictureLike,
    mask: MaskLike,
    *,
    alpha: float = 0.2,
    beta: float = 0.2,
    tolerance: Tolerance = "visual",
    progress: ProgressCallback | None = None,
) -> Picture:
    """Even out the light of a region: lift its shadows, calm its highlights.

    Args:
        photo: the photo.
        mask: the region.
        alpha: the size of step that is left as it is, in units of the region's mean gradient;
            larger steps shrink, smaller ones grow. Above 0.
        beta: strength, from 0 (nothing changes) to below 1.
        tolerance: "visual" for at most half an 8-bit level of error, "exact" for a relative
            residual of 1e-7, or a relative residual.
        progress: called after every cycle of the solver.

    Returns:
        The photo, relit inside the region, identical outside it.

    Raises:
        EmptyMask: the region is empty.
        SizeMismatch: the mask does not have the photo's size.
        InputError: alpha or beta out of range.

    Source: Pérez et al. 2003, section 4, equation 15.
    Departs: one weight for the three channels, so that hues stay; 1/64 is added before the logarithm,
        so that noise in black is not blown up.
    """
    check_range("beta", beta, 0, 0.99)
    check_range("alpha", alpha, 1e-6, 1e6)
    picture = Picture.of(photo)
    area = area_of(picture, mask)
    black = np.float32(1 / 64)
    logarithm = np.log(np.maximum(picture.decode(area.box), 0) + black)
    field = guidance.illumination_field(logarithm, area.inside, alpha, beta)
    convergence = _add_field(logarithm, area.inside, field, tolerance, progress)
    return finished(picture, area, np.exp(logarithm) - black, convergence)


def _edges_in(picture: Picture, box: Box, low: float, high: float, sigma: float) -> NDArray[np.bool_]:
    """The edges of a box, found with enough around it that its rim is judged as the rest is."""
    reach = 2 + round(3 * sigma)
    wide = Box(box.x0 - reach, box.y0 - reach, box.x1 + reach, box.y1 + reach).clipped(picture.size) or box
    found = guidance.strong_edges(picture.decode(wide), low, high, sigma)
    return found[box.shifted(-wide.x0, -wide.y0).slices]


def _add_field(
    pixels: Pixels,
    inside: NDArray[np.bool_],
    field: tuple[NDArray[np.float32], NDArray[np.float32]],
    tolerance: Tolerance,
    progress: ProgressCallback | None,
) -> Convergence:
    """Change the gradient of ``pixels`` by a field inside the mask, in place."""
    from retouch.poisson.planes import right_side

    solver = solver_of(inside, progress)
    b = right_side(np.where, np.zeros_like(field[0]), inside, *field)
    u, convergence = solver.solve_system(b, tolerance=tolerance, progress=progress)
    pixels += np.moveaxis(u, 0, -1)
    return convergence
