"""The rim of a hole, where the filling meets the photo: its cure and its measure.

A network's filling differs from the photo in three ways at the rim, and each needs its own reach:

* its colours drift slowly over the picture: what it predicts for *known* pixels beside the hole
  shows by how much, and a membrane carries that across the whole hole;
* its colours inside a hole are off by a constant that no known pixel shows, because the pixel
  loss never saw them: only the step from one side of the rim to the other tells;
* its texture does not meet the photo's texture: Poisson blending closes that gap, but pulls
  noise and mispredicted pixels across the hole as smears, so it may reach a few pixels only.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from retouch.errors import InputError, SizeMismatch

Pixels = NDArray[np.float32]
Flags = NDArray[np.bool_]

CELLS = 2  # cells per radius in which differences are gathered before they are smoothed
TRIMMING = 2  # rounds in which differences far from their neighbours' lose their weight
LARGEST = 0.2  # a difference beyond this counts no more than this in what is usual
SMALLEST = 0.001  # differences that are never too far: a quarter of an 8-bit level
SURE = {0: 4.0, 3: 2.0}
"""How sure a step must be, in standard errors of independent samples, by the pixels left out at the rim."""
RUN = 4  # pixels over which the slope beside them is taken
FEWEST = 64  # places on the rim below which no step is looked for


def blended(
    photo: Pixels,
    filled: Pixels,
    hole: Flags,
    *,
    radius: float = 8.0,
    reach: float = 4.0,
    level: bool = True,
) -> Pixels:
    """Fit a filling into a photo so that neither its colours nor its texture show a seam.

    Args:
        photo: (H, W, 3), any finite values outside the hole; those inside are not used.
        filled: (H, W, 3) the filling. Outside the hole it holds what the network predicts there,
            which shows how its colours are off; where it holds the photo, they count as right.
        hole: (H, W) True where the filling is wanted.
        radius: standard deviation in pixels of the average that tells the colours' drift from texture.
        reach: distance in pixels at which the correction of texture has fallen to 1/e; infinity gives
            Poisson blending without a limit, 0 none.
        level: take out a constant step between the two sides of the rim as well, when it is clearly there.

    Returns:
        (H, W, 3): the photo bit for bit outside the hole; inside, the filling with the gradients it
        had except near the rim. Values are not clipped. A hole over the whole picture gives the
        filling as it is.

    Raises:
        SizeMismatch: the three do not have the same height and width.
        InputError: a value that is used is not finite, or radius or reach is out of range.

    Source: Pérez, Gangnet, Blake 2003, equation 7, in the form of its correction: the filling plus
        the membrane through the difference at the rim.
    Departs: the membrane carries the difference averaged over its surroundings (weights of Geman and
        McClure against outliers); what is left of the difference fades with the distance from the rim.
    """
    _check(photo, filled, hole, radius, reach)
    result = np.array(photo, np.float32)
    if not hole.any():
        return result
    box = _around(hole, max(math.ceil(2 * radius), RUN + max(SURE)) + 1)
    known, guess, inside = photo[box], filled[box], hole[box]
    fitted = guess + _correction(known, guess, inside, radius, reach)
    if level:
        fitted -= _step(guess, inside)
    np.copyto(result[box], fitted, where=inside[..., None])
    return result


def restrained(photo: Pixels, filled: Pixels, hole: Flags, trust: float) -> Pixels:
    """Believe a filling in part.

    A network that has learned little guesses the middle of a hole worse than the smoothest surface through
    the rim does. A mixture errs less than the network, and shows more than the surface.

    Args:
        photo: (H, W, 3).
        filled: (H, W, 3), fitted into the photo.
        hole: (H, W) True where the filling is.
        trust: 0…1, the filling's part; the rest is the membrane. 1 leaves the filling as it is.

    Returns:
        (H, W, 3), the photo outside the hole.
    """
    if trust >= 1 or not hole.any() or hole.all():
        return filled
    from retouch.poisson.solve import solve_poisson

    result = np.array(photo, np.float32)
    box = _around(hole, 1)
    known, inside = np.moveaxis(result[box], 2, 0), hole[box]
    surface = np.moveaxis(solve_poisson(np.ascontiguousarray(known), inside).values, 0, 2)
    mixed = surface + np.float32(trust) * (filled[box] - surface)
    np.copyto(result[box], mixed, where=inside[..., None])
    return result


def seam(picture: Pixels, hole: Flags) -> float:
    """Measure how much more a picture changes across the edge of a hole than beside it.

    For every two neighbouring pixels p inside and q outside the hole, with d the step from p to q,
    three differences are taken: across p and q, inside p − d and p (where p − d lies in the hole),
    outside q and q + d (where q + d does not). Each is the mean over channels of the absolute difference.

    Args:
        picture: (H, W, 3) in [0, 1].
        hole: (H, W).

    Returns:
        255 · (mean across − (mean inside + mean outside) / 2), in levels of 8 bit. It has a sign, so
        that averages over pictures have no bias: photos that nobody touched average 0, and below
        0 the edge is smoother than what lies beside it. When only one of inside and outside has pixels, it
        counts for both. NaN when the hole has no edge.

    Raises:
        SizeMismatch: hole and picture have different sizes.
    """
    if picture.shape[:2] != hole.shape:
        raise SizeMismatch(f"the hole is {hole.shape} but the picture is {picture.shape[:2]}; pass one size")
    across: list[Pixels] = []
    inner: list[Pixels] = []
    outer: list[Pixels] = []
    for pixels, marked in _directions(picture, hole):
        change = np.abs(np.diff(pixels, axis=0)).mean(axis=2, dtype=np.float32)
        edge = marked[:-1] & ~marked[1:]
        across.append(change[edge])
        inner.append(change[:-1][edge[1:] & marked[:-2]])
        outer.append(change[1:][edge[:-1] & ~marked[2:]])
    edges = np.concatenate(across)
    if not len(edges):
        return math.nan
    sides = [np.concatenate(side) for side in (inner, outer)]
    beside = [float(side.mean(dtype=np.float64)) for side in sides if len(side)]
    return 255 * (float(edges.mean(dtype=np.float64)) - sum(beside) / max(len(beside), 1))


def _check(photo: Pixels, filled: Pixels, hole: Flags, radius: float, reach: float) -> None:
    if not photo.shape == filled.shape == (*hole.shape, 3):
        raise SizeMismatch(
            f"photo {photo.shape}, filling {filled.shape} and hole {hole.shape} do not fit; "
            "pass (H, W, 3) twice and (H, W)"
        )
    if not 0.5 <= radius <= 1000:
        raise InputError(f"radius={radius!r}; pass a number of pixels from 0.5 to 1000")
    if not reach >= 0:
        raise InputError(f"reach={reach!r}; pass a number of pixels, 0 or more")
    if not (np.isfinite(filled).all() and np.isfinite(photo[~hole]).all()):
        raise InputError("the photo outside the hole or the filling has values that are not finite")


def _around(hole: Flags, margin: int) -> tuple[slice, slice]:
    """The box of a hole and a margin."""
    rows, columns = np.flatnonzero(hole.any(axis=1)), np.flatnonzero(hole.any(axis=0))
    return (
        slice(max(int(rows[0]) - margin, 0), int(rows[-1]) + 1 + margin),
        slice(max(int(columns[0]) - margin, 0), int(columns[-1]) + 1 + margin),
    )


def _correction(photo: Pixels, guess: Pixels, hole: Flags, radius: float, reach: float) -> Pixels:
    """What blending adds to the filling, (h, w, 3); anything outside the hole."""
    from retouch.image import opencv
    from retouch.poisson.solver import PoissonSolver

    away = opencv.distance_to(hole)
    band = np.nonzero((away > 0) & (away <= 2 * radius))
    difference = (photo[band] - guess[band]).astype(np.float32)
    at_rim = away[band] <= 1
    drift = _drift(difference, band, at_rim, hole.shape, radius)
    rim = (band[0][at_rim], band[1][at_rim])
    known = np.zeros((*hole.shape, 6 if reach else 3), np.float32)
    known[*rim, :3] = drift
    if reach:
        known[*rim, 3:] = difference[at_rim] - drift
    if not known.any():
        return known[..., :3]
    solver = PoissonSolver(hole)
    box = solver.rows, solver.columns
    spread = np.zeros((*solver.unknown.shape, known.shape[2]), np.float32)
    solver.correct(spread, solver.right_side(spread, np.ascontiguousarray(known[box])))
    total = np.zeros((*hole.shape, 3), np.float32)
    total[box] = spread[..., :3]
    if reach:
        depth = opencv.distance_to(~hole)[box][..., None]
        total[box] += spread[..., 3:] * np.exp((1 - np.maximum(depth, 1)) / np.float32(reach))
    return total


def _drift(
    difference: Pixels,
    where: tuple[NDArray[np.intp], ...],
    wanted: Flags,
    size: tuple[int, ...],
    radius: float,
) -> Pixels:
    """Average differences around some of their places, without those far from what is usual there.

    Args:
        difference: (N, 3).
        where: rows and columns of the N pixels.
        wanted: (N,) where the average is asked for.
        size: height and width.
        radius: standard deviation of the average in pixels.

    Returns:
        (M, 3) at the M wanted pixels.
    """
    cell = max(radius / CELLS, 1.0)
    places = [(axis + 0.5) / cell for axis in where]
    shape = (int(size[0] / cell) + 2, int(size[1] / cell) + 2)
    index = places[0].astype(np.intp) * shape[1] + places[1].astype(np.intp)

    def averages(values: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
        parts = [*(values.T * weight), weight]
        sums = [np.bincount(index, part, shape[0] * shape[1]).reshape(shape) for part in parts]
        smooth = _smoothed(np.stack(sums, axis=-1).astype(np.float32), radius / cell)
        return np.asarray(smooth[..., :-1] / np.maximum(smooth[..., -1:], 1e-12), np.float32)

    weight = np.ones(len(index), np.float32)
    grid = averages(difference, weight)
    for _ in range(TRIMMING):
        away = ((difference - grid.reshape(-1, 3)[index]) ** 2).max(axis=1)
        usual = averages(np.minimum(away, LARGEST**2)[:, None], np.ones_like(weight)).ravel()[index]
        weight = 1 / (1 + away / (2 * usual + SMALLEST**2))
        grid = averages(difference, weight)
    return _between(grid, places[0][wanted] - 0.5, places[1][wanted] - 0.5)


def _smoothed(grid: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """A Gaussian blur of (h, w, C) with zeros beyond its border, cut at three standard deviations."""
    reach = math.ceil(3 * sigma)
    for axis in (0, 1):
        grid = np.moveaxis(grid, axis, 0)
        total = grid.copy()
        for step in range(1, min(reach, len(grid) - 1) + 1):
            share = np.float32(math.exp(-0.5 * (step / sigma) ** 2))
            total[step:] += share * grid[:-step]
            total[:-step] += share * grid[step:]
        grid = np.moveaxis(total, 0, axis)
    return grid


def _between(
    grid: NDArray[np.float32], y: NDArray[np.floating], x: NDArray[np.floating]
) -> NDArray[np.float32]:
    """A grid's values between its cells (bilinear), (N, C)."""
    y, x = np.maximum(y, 0), np.maximum(x, 0)
    row, column = y.astype(np.intp), x.astype(np.intp)
    down, right = (y - row).astype(np.float32)[:, None], (x - column).astype(np.float32)[:, None]
    upper = grid[row, column] * (1 - right) + grid[row, column + 1] * right
    lower = grid[row + 1, column] * (1 - right) + grid[row + 1, column + 1] * right
    return np.asarray(upper * (1 - down) + lower * down, np.float32)


def _step(filled: Pixels, hole: Flags) -> NDArray[np.float32]:
    """The constant by which the filling lies above what the other side of the rim lets expect, (3,).

    Textures err either way there, a step errs one way; so it is the median error that counts. A remainder
    of the removed object just outside the hole makes a step too, but a narrow one; so what is seen when
    the pixels next to the rim are left out counts when it is smaller.
    """
    near, wide = (_sure_median(_unexpected(filled, hole, gap), sure) for gap, sure in SURE.items())
    return np.where(near * wide > 0, np.sign(near) * np.minimum(np.abs(near), np.abs(wide)), 0)


def _sure_median(errors: Pixels, sure: float) -> NDArray[np.float32]:
    """The median (3,) of (N, 3), times 1 − (u/median)² where u is its uncertainty, 0 when within it."""
    count = len(errors)
    if count < FEWEST:
        return np.zeros(3, np.float32)
    errors = np.sort(errors, axis=0)
    median = np.median(errors, axis=0)
    half = math.ceil(sure * math.sqrt(count) / 2)
    low, high = errors[max(count // 2 - half, 0)], errors[min(count // 2 + half, count - 1)]
    doubt = np.maximum(high - median, median - low) / np.maximum(np.abs(median), 1e-9)
    return np.asarray(median * np.maximum(1 - doubt**2, 0), np.float32)


def _unexpected(filled: Pixels, hole: Flags, gap: int) -> Pixels:
    """What pixels p in the hole lie above pixels q outside that their sides do not let expect, (N, 3).

    p and q lie on a line across the rim, each ``gap`` pixels from it; the slopes of the next pixels on
    either side predict their difference.
    """
    places = [0, RUN, RUN + 2 * gap + 1, 2 * (RUN + gap) + 1]
    found = []
    for pixels, marked in _directions(filled, hole):
        rows = max(len(pixels) - places[3], 0)
        line = [marked[i : i + rows] for i in range(places[3] + 1)]
        inside, beyond = line[: RUN + gap + 1], line[RUN + gap + 1 :]
        at = np.all(inside, axis=0) & ~np.any(beyond, axis=0)
        inner, p, q, outer = (pixels[i : i + rows][at] for i in places)
        found.append(p - q + (p - inner + outer - q) * np.float32((gap + 0.5) / RUN))
    return np.concatenate(found)


def _directions(pixels: Pixels, hole: Flags) -> list[tuple[Pixels, Flags]]:
    """The picture and its hole looked at from above, below, left and right: rows lead out of the hole."""
    sideways = pixels.swapaxes(0, 1), hole.T
    return [(one[::way], marked[::way]) for one, marked in ((pixels, hole), sideways) for way in (1, -1)]
