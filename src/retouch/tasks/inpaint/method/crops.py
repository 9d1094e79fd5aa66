"""Which parts of a hole are filled together, how much of the photo is seen, and at which sizes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retouch.image import Box

MARGIN = 64
"""Pixels around a hole that a network sees at least, at the size at which it works."""

NEAR = 24
"""Pixels around a hole that a network sees at finer sizes, where a coarser fill says what is there."""

_PLANNED = 1 << 20  # pixels of the mask that is planned on; a larger one is planned in blocks
_FINER = 4  # times finer than the plan is, distances are measured
_BLEND = 3_000  # pixels that are blended in the time that an island takes to set up
_WORTHWHILE = 0.8  # two crops are better than one when they take so much less
_CUTS = 3  # places tried across a piece, and as many gaps in it


@dataclass(frozen=True)
class Limits:
    """What a way of filling can do.

    Args:
        budget: pixels of the largest crop.
        widest: pixels; a hole that is wider is filled at a reduced size first. Infinite when it never is.
        margin: pixels around a hole that are seen at least.
        near: pixels around it that are seen at finer sizes; even, at most ``margin``.
        through: a hole may be cut; else only parts that do not touch are divided.
        start: pixels that are filled in the time that a crop takes to set up.
    """

    budget: float = math.inf
    widest: float = math.inf
    margin: int = MARGIN
    near: int = NEAR
    through: bool = True
    start: int = 10_000


@dataclass(frozen=True)
class Piece:
    """A part of a hole that is filled at once.

    Args:
        box: its bounds in the photo.
        width: pixels across its widest place: twice the largest distance from what is known.
        levels: halvings before it is filled first; 0 for a hole that is filled as it is.
    """

    box: Box
    width: float
    levels: int

    def margin(self, limits: Limits) -> int:
        """Pixels to see on each side when it is filled first, of the photo reduced by ``levels``.

        Args:
            limits: of the way it is filled.
        """
        return margin_of(self.width, self.levels, limits)


def pieces_of(hole: NDArray[np.bool_], limits: Limits) -> list[Piece]:
    """Divide a hole.

    Parts lie together where one crop for both is not much more work than one for each, so that they see
    each other; the hole is cut where that saves a fifth of the work (a long scratch), and where a crop
    would have more pixels than it may.

    Args:
        hole: (H, W), True where something is to be filled.
        limits: of the way it is filled.

    Returns:
        Pieces whose boxes cover the hole, narrow ones first: they are what wide ones go by.
    """
    bounds = tight(hole, Box(0, 0, hole.shape[1], hole.shape[0]))
    if bounds is None:
        return []
    block = 1
    while bounds.size[0] * bounds.size[1] > _PLANNED * block * block:
        block *= 2
    coarse = pooled(hole[bounds.slices], block)
    plan = _Plan(coarse, _distances(hole, bounds, block), block, hole.shape, limits)
    found = []
    for box, width, levels in plan.leaves():
        whole = Box(box.x0 * block, box.y0 * block, box.x1 * block, box.y1 * block)
        placed = whole.shifted(bounds.x0, bounds.y0).intersection(bounds) or bounds
        exact = tight(hole, placed)
        if exact is not None:
            found.append(Piece(exact, width, levels))
    return sorted(found, key=lambda piece: (piece.levels, piece.box.y0, piece.box.x0))


def islands(hole: NDArray[np.bool_], margin: int) -> list[tuple[Box, Box]]:
    """Divide a hole into parts that can be treated one by one, where that is less work.

    Args:
        hole: (H, W).
        margin: pixels around a part that are needed for it.

    Returns:
        Boxes that do not overlap and whose parts of the hole do not touch; each without and with its
        margin.
    """
    size = (hole.shape[0], hole.shape[1])
    found = []
    for piece in pieces_of(hole, Limits(margin=margin, through=False, start=_BLEND)):
        x0, y0, x1, y1 = piece.box.x0, piece.box.y0, piece.box.x1, piece.box.y1
        around = Box(x0 - margin, y0 - margin, x1 + margin, y1 + margin).clipped(size)
        found.append((piece.box, around or piece.box))
    return found


def tight(mask: NDArray[np.bool_], box: Box) -> Box | None:
    """Shrink a box to what a mask selects in it.

    Args:
        mask: (H, W).
        box: lies inside it.

    Returns:
        The bounds, or None when nothing is selected there.
    """
    part = mask[box.slices]
    rows = np.flatnonzero(part.any(axis=1))
    if not len(rows):
        return None
    columns = np.flatnonzero(part[rows[0] : rows[-1] + 1].any(axis=0))
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1).shifted(box.x0, box.y0)


def pooled(mask: NDArray[np.bool_], block: int) -> NDArray[np.bool_]:
    """Reduce a mask: what is selected in part is selected.

    Args:
        mask: (H, W).
        block: pixels that become one, in both directions.

    Returns:
        (⌈H / block⌉, ⌈W / block⌉).
    """
    if block == 1:
        return mask
    rows = np.logical_or.reduceat(mask, np.arange(0, mask.shape[0], block), axis=0)
    return np.asarray(np.logical_or.reduceat(rows, np.arange(0, mask.shape[1], block), axis=1))


def cells(inner: Box, margin: int, budget: float) -> list[Box]:
    """Divide a box so that each part with its surroundings is within a budget.

    Args:
        inner: the box.
        margin: pixels that are seen around each part.
        budget: pixels of a part with its surroundings.

    Returns:
        Parts of about equal size, row by row.
    """
    height, width = inner.size
    down = across = 1
    while _area(math.ceil(height / down), math.ceil(width / across), margin) > budget:
        if max(height / down, width / across) <= 1:
            break
        if height / down >= width / across:
            down += 1
        else:
            across += 1
    rows = [inner.y0 + height * i // down for i in range(down + 1)]
    columns = [inner.x0 + width * i // across for i in range(across + 1)]
    return [Box(columns[j], rows[i], columns[j + 1], rows[i + 1]) for i in range(down) for j in range(across)]


def margin_of(width: float, levels: int, limits: Limits) -> int:
    """Pixels to see on each side of a hole: as many as it is wide.

    Args:
        width: of the hole, in pixels of the photo.
        levels: halvings of the photo.
        limits: of the way it is filled.
    """
    seen = 0.0 if math.isinf(limits.widest) else width / 2**levels
    return max(limits.margin, math.ceil(seen))


@dataclass(frozen=True)
class _Node:
    """A box, the work it makes when it is filled at once, and the two it can be cut into."""

    box: Box
    width: float
    work: float
    halves: tuple[int, ...] = ()
    crossing: float = 0.0
    forced: bool = False


@dataclass(frozen=True)
class _Plan:
    """A reduced mask, its distances to what is known in pixels of the photo, and what goes with it."""

    mask: NDArray[np.bool_]
    distances: NDArray[np.float32]
    block: int
    size: tuple[int, ...]
    limits: Limits

    def leaves(self) -> list[tuple[Box, float, int]]:
        """Cut as long as it may help, and keep the cuts that do when all is added up."""
        nodes = list(self.tree())
        least = [node.work for node in nodes]
        kept = [False] * len(nodes)
        for number in reversed(range(len(nodes))):
            node = nodes[number]
            if node.halves:
                apart = sum(least[half] for half in node.halves) + node.crossing
                kept[number] = node.forced or apart < _WORTHWHILE * node.work
                least[number] = apart if kept[number] else node.work
        found, waiting = [], [0] if nodes else []
        while waiting:
            number = waiting.pop()
            node = nodes[number]
            if kept[number]:
                waiting += node.halves
            else:
                found.append((node.box, node.width, self.levels(node.box, node.width)))
        return found

    def tree(self) -> Iterator[_Node]:
        """Boxes and their halves, each before its own halves."""
        waiting = [tight(self.mask, Box(0, 0, self.mask.shape[1], self.mask.shape[0]))]
        smallest = 3 * (_area(self.block, self.block, self.limits.margin) + self.limits.start)
        taken = 0
        while taken < len(waiting):
            box = waiting[taken]
            taken += 1
            if box is None:
                continue
            width = self.width(box)
            work = self.work(box, width)
            forced = self.levels(box, width) == 0 and self.first(box, width, 0) > self.limits.budget
            margin = margin_of(width, 0, self.limits)
            narrow = self.block * max(box.size) <= margin  # halves would see all of each other
            cut = self.best_cut(box) if forced or (work > smallest and not narrow) else None
            if cut is None:
                yield _Node(box, width, work)
            else:
                halves = (len(waiting), len(waiting) + 1)
                waiting += cut[:2]
                yield _Node(box, width, work, halves, cut[2], forced)

    def best_cut(self, box: Box) -> tuple[Box, Box, float] | None:
        best, least = None, math.inf
        for one, other, crossed in self.cuts(box):
            crossing = 4.0 * crossed**2
            work = self.work(one, self.width(one)) + self.work(other, self.width(other)) + crossing
            if work < least:
                best, least = (one, other, crossing), work
        return best

    def cuts(self, box: Box) -> Iterator[tuple[Box, Box, int]]:
        """Ways to cut a box in two, and how many pixels of the hole's pixels each goes through."""
        part = self.mask[box.slices]
        for axis in (0, 1):
            profile = np.count_nonzero(part, axis=1 - axis)
            for at in _places(profile):
                x, y = (box.x1, box.y0 + at) if axis == 0 else (box.x0 + at, box.y1)
                one = tight(self.mask, Box(box.x0, box.y0, x, y))
                x, y = (box.x0, y) if axis == 0 else (x, box.y0)
                other = tight(self.mask, Box(x, y, box.x1, box.y1))
                crossed = int(min(profile[at - 1], profile[at])) * self.block
                if one is not None and other is not None and (self.limits.through or not crossed):
                    yield one, other, crossed

    def width(self, box: Box) -> float:
        return 2 * float(self.distances[box.slices].max())

    def levels(self, box: Box, width: float) -> int:
        levels = 0
        if width > self.limits.widest:
            levels = math.ceil(math.log2(width / self.limits.widest))
        elif _area(1, 1, margin_of(width, 0, self.limits)) <= self.limits.budget:
            return 0  # it can be cut until its parts are small enough
        while self.first(box, width, levels) > self.limits.budget and 2**levels < max(self.size):
            levels += 1
        return levels

    def first(self, box: Box, width: float, levels: int) -> float:
        """Pixels of the crop in which a piece is filled first."""
        return self.seen(box, levels, margin_of(width, levels, self.limits))

    def work(self, box: Box, width: float) -> float:
        """Pixels of all crops in which a piece is filled."""
        levels = self.levels(box, width)
        finer = (self.seen(box, level, self.limits.near) for level in range(levels))
        return self.first(box, width, levels) + sum(finer) + self.limits.start * (levels + 1)

    def seen(self, box: Box, level: int, margin: int) -> float:
        sides = (
            min(side * self.block / 2**level + 2 * margin, most / 2**level)
            for side, most in zip(box.size, self.size, strict=True)
        )
        return float(math.prod(sides))


def _places(profile: NDArray[np.signedinteger]) -> list[int]:
    """Where to try to cut: in the largest gaps, and evenly where little is cut through."""
    length = len(profile)
    steps = np.diff(profile == 0, prepend=False, append=False)
    gaps = np.flatnonzero(steps).reshape(-1, 2)
    gaps = gaps[np.argsort(gaps[:, 0] - gaps[:, 1], kind="stable")[:_CUTS]]
    places = {int(start + stop) // 2 for start, stop in gaps}
    reach = length // (4 * _CUTS)
    for number in range(1, _CUTS + 1):
        middle = length * number // (_CUTS + 1)
        near = profile[max(middle - reach, 0) : middle + reach + 1]
        places.add(max(middle - reach, 0) + int(near.argmin()) if len(near) else middle)
    return sorted(place for place in places if 0 < place < length)


def _distances(hole: NDArray[np.bool_], bounds: Box, block: int) -> NDArray[np.float32]:
    """How far the farthest pixel of each block is from what is known, in pixels of the photo."""
    from retouch.image import opencv

    # Beyond the photo nothing is known, beyond the bounds everything.
    beyond = (
        (int(bounds.y0 > 0), int(bounds.y1 < hole.shape[0])),
        (int(bounds.x0 > 0), int(bounds.x1 < hole.shape[1])),
    )
    finer = max(block // _FINER, 1)
    fine = pooled(hole[bounds.slices], finer)
    found = opencv.distance_to(np.pad(~fine, beyond, constant_values=True))
    found = found[beyond[0][0] :, beyond[1][0] :][: fine.shape[0], : fine.shape[1]] * finer
    found[np.isinf(found)] = finer
    if block == finer:
        return found
    rows = np.maximum.reduceat(found, np.arange(0, found.shape[0], block // finer), axis=0)
    return np.asarray(np.maximum.reduceat(rows, np.arange(0, found.shape[1], block // finer), axis=1))


def _area(height: float, width: float, margin: int) -> float:
    return (height + 2 * margin) * (width + 2 * margin)
