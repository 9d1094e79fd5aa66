"""Trees of drawn landscapes, in leaf or in snow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from retouch.data.synthetic.texture import Canvas, Plane, smooth

NEEDLES = np.array((0.13, 0.27, 0.16), np.float32)
LEAVES = np.array((0.25, 0.43, 0.14), np.float32)
BARK = np.array((0.30, 0.23, 0.17), np.float32)
SNOW = np.array((0.93, 0.95, 0.98), np.float32)


def conifer(
    canvas: Canvas, random: np.random.Generator, foot: tuple[float, float], tall: float, *, winter: bool
) -> None:
    """Paint a spruce.

    Args:
        canvas: painted on.
        random: where the numbers come from; both seasons draw the same ones.
        foot: row and column of the foot of its trunk.
        tall: its height in pixels.
        winter: with snow on its tiers.
    """
    tiers = int(random.integers(4, 8))
    slim, tone = random.uniform((0.19, 0.8), (0.27, 1.15)).tolist()
    place, v, u = _frame(canvas, foot, tall, 0.3)
    if v.size == 0:
        return
    tier = v * tiers / np.float32(0.9)
    within = tier - np.floor(tier)
    half = slim * v * (np.float32(0.62) + np.float32(0.5) * within)
    crown = (np.abs(u) < half) & (v < 0.9)
    colour = NEEDLES * np.float32(tone) * (1.15 - 0.5 * within - 0.9 * u)[..., None].astype(np.float32)
    if winter:
        edge = np.float32(0.42) - np.float32(0.6) * u
        lies = (within < edge) | (v < 0.06)
        colour = np.where(lies[..., None], SNOW * (1.0 - 0.55 * np.clip(u, 0, 1))[..., None], colour)
    trunk = (np.abs(u) < 0.025) & (v >= 0.9)
    _paint(canvas, place, crown, colour)
    _paint(canvas, place, trunk, np.broadcast_to(BARK, colour.shape))


def broadleaf(
    canvas: Canvas, random: np.random.Generator, foot: tuple[float, float], tall: float, *, winter: bool
) -> None:
    """Paint a round tree; bare in winter.

    Args:
        canvas: painted on.
        random: where the numbers come from; both seasons draw the same ones.
        foot: row and column of the foot of its trunk.
        tall: its height in pixels.
        winter: without leaves, with a little snow.
    """
    place, v, u = _frame(canvas, foot, tall, 0.45)
    puffs = random.uniform((-0.24, 0.14, 0.13), (0.24, 0.5, 0.21), (9, 3)).astype(np.float32)
    tone, ripeness = random.uniform((0.85, 0.0), (1.2, 1.0)).tolist()
    twigs = random.uniform((0.32, -0.42, 0.02), (0.62, 0.42, 0.40), (13, 3)).astype(np.float32)
    leaf_noise = smooth(random, (24, 24), 8, 2)
    if v.size == 0:
        return
    thick = 0.010 + 0.018 * v if winter else 0.018 + 0.022 * v
    trunk = (np.abs(u) < thick) & (v > 0.42)
    if winter:
        trunk |= (np.abs(u) < 0.011) & (v > 0.22)
        for begin, lean, end in twigs:
            trunk |= _twig(u, v, float(begin), float(lean), float(end))
        light = np.where(u[..., None] < -0.002, np.float32(1.5), np.float32(1.0))
        _paint(canvas, place, trunk, BARK * light)
        cap = trunk & ~np.roll(trunk, 1, axis=0) & (np.abs(u) > 0.03)
        _paint(canvas, place, cap, np.broadcast_to(SNOW, (*cap.shape, 3)))
        return
    _paint(canvas, place, trunk, BARK * (1 - 2 * u)[..., None])
    crown = np.zeros(v.shape, bool)
    light = np.full(v.shape, -1, np.float32)
    for x, y, radius in puffs:
        distance = ((u - x) ** 2 + (v - y) ** 2) / radius**2
        inside = distance < 1
        crown |= inside
        ball = (
            0.55 * (1 - distance) - 1.3 * (u - x) / radius * 0.28 - (v - y) / radius * 0.38 - 0.5 * (y - 0.3)
        )
        light = np.where(inside, np.maximum(light, ball), light)
    rows = (np.arange(v.shape[0]) * 23 // max(1, v.shape[0]))[:, None]
    columns = (np.arange(v.shape[1]) * 23 // max(1, v.shape[1]))[None]
    light = light + np.float32(0.22) * leaf_noise[rows, columns]
    tint = LEAVES * np.float32(tone) + np.array((0.14, 0.06, -0.02), np.float32) * np.float32(ripeness)
    _paint(canvas, place, crown, tint * (0.78 + 0.55 * light)[..., None].astype(np.float32))


def _frame(
    canvas: Canvas, foot: tuple[float, float], tall: float, half: float
) -> tuple[tuple[slice, slice], Plane, Plane]:
    """Cut out the rectangle of a tree.

    Returns:
        Where it is; per pixel how far down the tree it is, 0 … 1; and how far right of the trunk,
        in heights of the tree.
    """
    height, width = canvas.shape[:2]
    row, column = foot
    rows = slice(max(0, round(row - tall)), max(0, min(height, round(row))))
    columns = slice(max(0, round(column - half * tall)), max(0, min(width, round(column + half * tall))))
    v = (np.arange(rows.start, rows.stop, dtype=np.float32) + np.float32(0.5 - (row - tall))) / np.float32(
        tall
    )
    u = (np.arange(columns.start, columns.stop, dtype=np.float32) + np.float32(0.5 - column)) / np.float32(
        tall
    )
    down, right = np.broadcast_arrays(v[:, None], u[None])
    return (rows, columns), down, right


def _twig(u: Plane, v: Plane, begin: float, lean: float, end: float) -> NDArray[np.bool_]:
    """A branch from the trunk at height ``begin`` up and outwards to ``end``."""
    along = (begin - v) / max(begin - end, 0.05)
    return (along > 0) & (along < 1) & (np.abs(u - lean * along) < 0.013 - 0.007 * along)


def _paint(
    canvas: Canvas, place: tuple[slice, slice], where: NDArray[np.bool_], colour: NDArray[np.float32]
) -> None:
    np.copyto(canvas[place], colour, where=where[..., None], casting="same_kind")
