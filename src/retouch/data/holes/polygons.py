"""Random polygons: convex, star-shaped and any that does not cross itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from retouch.data.holes.kind import Count, Kind, Limits, Span, pick
from retouch.data.holes.raster import Hole, Size
from retouch.image.rasterise import inside_rings

Corners = NDArray[np.float64]
"""(N, 2), x and y, in order."""

Form = Literal["any", "convex", "star", "simple"]
"""``any`` draws one of the others."""

_FORMS: tuple[Form, ...] = ("convex", "star", "simple")
_TRIES = 8


@dataclass(frozen=True)
class Polygon(Kind):
    """One polygon inside the picture, turned at random.

    Attributes:
        area: part of the picture, 0 … 1; less where the form would not fit into the picture.
        corners: how many.
        form: of its outline.
    """

    name: ClassVar[str] = "polygon"
    limits: ClassVar[Mapping[str, Limits]] = {"area": (0.0, 1.0), "corners": (3, 200)}
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"form": get_args(Form)}
    area: Span = (0.1, 0.35)
    corners: Count = (3, 12)
    form: Form = "any"

    def _drawn(self, size: Size, random: np.random.Generator) -> Hole:
        height, width = size
        area = random.uniform(*self.area) * height * width
        form = _FORMS[int(random.integers(len(_FORMS)))] if self.form == "any" else self.form
        ring = np.zeros((0, 2))
        for _ in range(_TRIES):
            ring = fitted(polygon(form, pick(self.corners, random), random), area, size)
            if signed_area(ring) >= 0.999 * area:
                break
        room = np.array([width, height]) - ring.max(axis=0)
        return inside_rings([ring + room * random.random(2)], size)


def polygon(form: Form, corners: int, random: np.random.Generator) -> Corners:
    """Draw the corners of a polygon.

    Args:
        form: not ``any``.
        corners: how many, at least 3.
        random: decides everything.

    Returns:
        Corners in order, so that the area is positive; of no particular size or place.
    """
    make = {"convex": convex, "star": star, "simple": simple}[form]
    ring = make(corners, random)
    return ring if signed_area(ring) > 0 else np.flip(ring, axis=0)


def convex(corners: int, random: np.random.Generator) -> Corners:
    """Draw a convex polygon, with the distribution of random points in convex position.

    Source: Valtr, "Probability that n random points are in convex position", 1995.
    """

    def steps() -> NDArray[np.float64]:
        values = np.sort(random.random(corners))
        side = random.random(corners - 2) < 0.5
        forth = np.concatenate([values[:1], values[1:-1][side], values[-1:]])
        back = np.concatenate([values[:1], values[1:-1][~side], values[-1:]])
        return np.concatenate([np.diff(forth), -np.diff(back)])

    sides = np.stack([steps(), random.permutation(steps())], axis=1)
    sides = sides[np.argsort(np.arctan2(sides[:, 1], sides[:, 0]))]
    return np.cumsum(sides, axis=0)


def star(corners: int, random: np.random.Generator) -> Corners:
    """Draw a polygon all of whose corners can be seen from one point inside."""
    # No gap is more than half a turn, which keeps that point inside.
    gaps = random.uniform(0.5, 1.0, corners)
    angles = random.uniform(0.0, 2 * np.pi) + 2 * np.pi * np.cumsum(gaps) / gaps.sum()
    radii = random.uniform(0.25, 1.0, corners)
    return np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)


def simple(corners: int, random: np.random.Generator) -> Corners:
    """Draw a polygon through random points that does not cross itself.

    Source: Auer & Held, "Heuristics for the generation of random polygons", 1996, space
    partitioning: points on either side of a line through two of them make two chains.
    """
    points = random.random((corners, 2))
    first, last = points[0], points[1]
    left = _cross(last - first, points[2:] - first) > 0
    there = _chain(first, points[2:][left], last, random)
    back = _chain(last, points[2:][~left], first, random)
    return np.array(there + back)


def fitted(ring: Corners, area: float, size: Size) -> Corners:
    """Bring a polygon to an area, and its bounding box to one that fits into a picture.

    Args:
        ring: corners of any size at any place.
        area: wanted, in pixels.
        size: of the picture.

    Returns:
        Corners with the bounding box at (0, 0); stretched where it would be too long otherwise,
        and smaller than wanted where that is not enough.
    """
    ring = ring - ring.min(axis=0)
    ring = ring * np.sqrt(area / max(signed_area(ring), 1e-12))
    room = np.array([size[1], size[0]], np.float64)
    for axis in (0, 1):
        over = ring[:, axis].max() / room[axis]
        if over > 1.0:
            ring[:, axis] /= over
            ring[:, 1 - axis] *= over
    return np.asarray(ring * np.minimum(1.0, room / np.maximum(ring.max(axis=0), 1e-12)))


def signed_area(ring: Corners) -> float:
    """Area by the shoelace formula; its sign is the direction in which the corners go round."""
    x, y = ring.T
    return 0.5 * float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))


def _chain(
    first: NDArray[np.float64],
    points: Corners,
    last: NDArray[np.float64],
    random: np.random.Generator,
) -> list[NDArray[np.float64]]:
    """An open line from ``first`` through all points, up to and without ``last``."""
    if not len(points):
        return [first]
    chosen = int(random.integers(len(points)))
    middle, rest = points[chosen], np.delete(points, chosen, axis=0)
    # A line through the chosen point and a point between the ends parts those on the way there
    # from those on the way on.
    gate = first + random.uniform(0.1, 0.9) * (last - first)
    away = gate - middle
    before = _cross(away, rest - middle) * _cross(away, first - middle) > 0
    return [*_chain(first, rest[before], middle, random), *_chain(middle, rest[~before], last, random)]


def _cross(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0])
