"""Draw landscapes: mountains, woods, meadows, a lake, a house; in summer or in winter.

A generator gives the same landscape in both seasons. The data set draws the two sides from
different generators, so that no picture of one side has a partner on the other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from retouch.data.synthetic.texture import Canvas, Plane, grain, smooth, softened
from retouch.data.synthetic.trees import SNOW, broadleaf, conifer


def _colour(red: float, green: float, blue: float) -> NDArray[np.float32]:
    return np.array((red, green, blue), np.float32)


ZENITH = {False: _colour(0.27, 0.50, 0.82), True: _colour(0.58, 0.67, 0.78)}
HORIZON = {False: _colour(0.80, 0.89, 0.95), True: _colour(0.88, 0.87, 0.87)}
CLOUD = {False: _colour(0.98, 0.98, 0.98), True: _colour(0.80, 0.82, 0.86)}
ROCK = _colour(0.47, 0.47, 0.50)
ALP = _colour(0.36, 0.45, 0.33)
FAR_WOOD = {False: _colour(0.17, 0.31, 0.20), True: _colour(0.36, 0.42, 0.44)}
NEAR = {False: _colour(0.34, 0.50, 0.15), True: _colour(0.86, 0.90, 0.96)}
FAR = {False: _colour(0.52, 0.63, 0.30), True: _colour(0.95, 0.96, 0.98)}
WATER = {False: _colour(0.20, 0.39, 0.55), True: _colour(0.76, 0.83, 0.89)}
FLOWERS = _colour(0.95, 0.85, 0.30), _colour(0.96, 0.94, 0.90), _colour(0.80, 0.35, 0.42)


def draw(random: np.random.Generator, size: tuple[int, int], *, winter: bool) -> NDArray[np.uint8]:
    """Draw a landscape.

    Args:
        random: where the numbers come from.
        size: height and width.
        winter: with snow and ice, bare trees and a pale sky; otherwise in summer.

    Returns:
        uint8 (H, W, 3).
    """
    landscape = _Landscape(random, size, winter=winter)
    landscape.sky()
    landscape.mountains()
    landscape.meadow()
    landscape.lake()
    landscape.house()
    landscape.woods()
    return landscape.finished()


class _Landscape:
    """A landscape while it is painted, from far to near."""

    def __init__(self, random: np.random.Generator, size: tuple[int, int], *, winter: bool) -> None:
        self.random, self.size, self.winter = random, size, winter
        self.canvas: Canvas = np.empty((*size, 3), np.float32)
        self.horizon = float(random.uniform(0.40, 0.54))
        self.rows = ((np.arange(size[0], dtype=np.float32) + 0.5) / size[0])[:, None]
        self.columns = ((np.arange(size[1], dtype=np.float32) + 0.5) / size[1])[None]

    def sky(self) -> None:
        down = (self.rows / np.float32(self.horizon)).clip(0, 1)[..., None]
        clear = ZENITH[self.winter] + (HORIZON[self.winter] - ZENITH[self.winter]) * down
        amount = float(self.random.uniform(-0.25, 0.15)) + (0.25 if self.winter else 0.0)
        stretched = smooth(self.random, (self.size[0] * 2, self.size[1]), 7, 4)[::2]
        cover = ((stretched + np.float32(amount)) * np.float32(1.6)).clip(0, 0.92)[..., None]
        self.canvas[:] = clear + (CLOUD[self.winter] - clear) * cover

    def mountains(self) -> None:
        texture = smooth(self.random, self.size, 12, 4)
        for distance, lowest in ((1.0, 0.30), (0.55, 0.16)):
            bumps = int(self.random.integers(2, 5))
            ridge = np.abs(self._profile(bumps, 4)) * np.float32(lowest) + np.float32(0.05 * distance)
            top = np.float32(self.horizon) - ridge
            inside = (self.rows > top) & (self.rows < self.horizon + 0.02)
            depth = (self.rows - top) + texture * np.float32(0.05)
            cap = texture < 0.38 if self.winter else depth < 0.07 * distance
            slope = np.gradient(top[0]).astype(np.float32)[None] * self.size[1]
            light = (1 - 0.35 * np.clip(slope, -0.8, 0.8) + 0.22 * texture)[..., None].astype(np.float32)
            bare = (depth < 0.14) | self.winter
            ground = np.where(bare[..., None], ROCK, ALP)
            colour = np.where(cap[..., None], SNOW * (0.52 + 0.42 * light), ground * light)
            haze = np.float32((0.40 if self.winter else 0.55) * distance)
            np.copyto(
                self.canvas,
                (colour * (1 - haze) + HORIZON[self.winter] * haze * np.float32(0.92)).astype(np.float32),
                where=inside[..., None],
            )
        self._far_wood()

    def meadow(self) -> None:
        edge = np.float32(self.horizon) + self._profile(3, 3) * np.float32(0.012)
        inside = self.rows > edge
        near = ((self.rows - edge) / np.float32(1 - self.horizon)).clip(0, 1)
        waves = smooth(self.random, (self.size[0] * 3, self.size[1]), 9, 4)[::3]
        base = FAR[self.winter] + (NEAR[self.winter] - FAR[self.winter]) * near[..., None]
        strength = np.float32(0.045 if self.winter else 0.16)
        rough = grain(self.random, self.size) * near * np.float32(0.02 if self.winter else 0.07)
        colour = base * (1 + strength * waves * (0.4 + near) + rough)[..., None]
        if self.winter:
            # What lies in shadow on snow is blue.
            colour += (waves.clip(-1, 0) * np.float32(0.08))[..., None] * _colour(1.0, 0.7, 0.2)
        else:
            colour += (waves.clip(0, 1) * np.float32(0.10))[..., None] * _colour(0.8, 0.5, 0.0)
        np.copyto(self.canvas, colour.astype(np.float32), where=inside[..., None])
        self._flowers(near)

    def lake(self) -> None:
        there, x, y, wide, deep = self.random.uniform(
            (0, 0.2, 0.10, 0.22, 0.05), (1, 0.8, 0.22, 0.5, 0.09)
        ).tolist()
        shore = smooth(self.random, (16, 16), 4, 2)
        ripples = smooth(self.random, (self.size[0] * 6, self.size[1]), 10, 3)[::6]
        if there < 0.4:
            return
        level = self.horizon + y
        reach = ((self.columns - np.float32(x)) / np.float32(wide)) ** 2 + (
            (self.rows - np.float32(level)) / np.float32(deep)
        ) ** 2
        rough = shore[(self.rows * 15).astype(int), (self.columns * 15).astype(int)]
        water = reach + rough * np.float32(0.10) < 1
        bank = (reach + rough * np.float32(0.10) < 1.12) & ~water
        self.canvas[bank] *= np.float32(0.80 if not self.winter else 0.93)
        mirrored = WATER[self.winter] + (HORIZON[self.winter] - WATER[self.winter]) * np.float32(0.35)
        down = ((self.rows - np.float32(level - deep)) / np.float32(2 * deep)).clip(0, 1)[..., None]
        colour = mirrored + (WATER[self.winter] - mirrored) * down
        colour = colour * (1 + ripples * np.float32(0.03 if self.winter else 0.10))[..., None]
        np.copyto(self.canvas, colour.astype(np.float32), where=water[..., None])

    def house(self) -> None:
        there, x, down, wide, tone = self.random.uniform(
            (0, 0.1, 0.03, 0.09, 0.8), (1, 0.8, 0.12, 0.16, 1.1)
        ).tolist()
        if there < 0.45:
            return
        height, width = self.size
        foot, left = (self.horizon + down) * height, x * width
        broad, tall = wide * width, wide * width * 0.42
        self._block(foot - tall, foot, left, left + broad, _colour(0.62, 0.48, 0.34) * np.float32(tone))
        v = (np.arange(height, dtype=np.float32) + 0.5)[:, None]
        u = (np.arange(width, dtype=np.float32) + 0.5)[None]
        rise = (np.float32(foot - tall) - v) / np.float32(tall * 0.85)
        inset = np.float32(broad * 0.16) * rise - np.float32(broad * 0.06)
        roof = (rise > 0) & (rise < 1) & (u > left + inset) & (u < left + broad - inset)
        tiles = SNOW if self.winter else _colour(0.55, 0.24, 0.17)
        np.copyto(self.canvas, tiles, where=roof[..., None])
        for window in range(3):
            middle = left + broad * (0.22 + 0.28 * window)
            glow = _colour(0.93, 0.76, 0.42) if self.winter else _colour(0.20, 0.24, 0.28)
            self._block(
                foot - tall * 0.7, foot - tall * 0.3, middle - broad * 0.06, middle + broad * 0.06, glow
            )

    def woods(self) -> None:
        count = int(self.random.integers(7, 16))
        conifers = float(self.random.uniform(0.25, 0.75))
        places = self.random.uniform((0, -0.02, 0.8, 0), (1, 1.02, 1.2, 1), (count, 4))
        for nearness, across, scale, kind in places[np.argsort(places[:, 0])].tolist():
            near = nearness**2
            foot = (self.horizon + 0.015 + near * (0.93 - self.horizon)) * self.size[0], across * self.size[1]
            tall = (0.10 + 0.42 * near) * scale * self.size[0]
            self._shadow(foot, tall)
            paint = conifer if kind < conifers else broadleaf
            paint(self.canvas, self.random, foot, tall, winter=self.winter)

    def finished(self) -> NDArray[np.uint8]:
        fall, flakes = self.random.random(), self.random.random(self.size, np.float32)
        if self.winter and fall < 0.3:
            drops = softened(flakes > 0.992) if self.size[0] > 160 else (flakes > 0.994) * np.float32(0.5)
            self.canvas += drops[..., None] * np.float32(1.2)
        self.canvas += grain(self.random, self.size)[..., None] * np.float32(0.010)
        return np.asarray(np.rint(self.canvas.clip(0, 1) * 255), np.uint8)

    def _profile(self, bumps: int, octaves: int) -> Plane:
        """A line of hills, (1, W), about −1 … 1."""
        square = (max(2, self.size[1] // 8), self.size[1])
        return smooth(self.random, square, bumps, octaves)[:1]

    def _far_wood(self) -> None:
        crowns = np.abs(self._profile(28, 2)) * np.float32(0.03) + np.abs(self._profile(4, 2)) * np.float32(
            0.02
        )
        top = np.float32(self.horizon) - crowns
        inside = (self.rows > top) & (self.rows < self.horizon + 0.02)
        light = 1 + smooth(self.random, self.size, 40, 1) * np.float32(0.18)
        colour = FAR_WOOD[self.winter] * light[..., None]
        if self.winter:
            colour = np.where((self.rows - top < 0.008)[..., None], SNOW * np.float32(0.92), colour)
        np.copyto(self.canvas, colour.astype(np.float32), where=inside[..., None])

    def _flowers(self, near: Plane) -> None:
        patches = smooth(self.random, self.size, 5, 2)
        dots = self.random.random(self.size, np.float32)
        colour = FLOWERS[int(self.random.integers(len(FLOWERS)))]
        if self.winter:
            blades = (dots > 0.995) & (near > 0.35)
            self.canvas[blades] *= _colour(0.75, 0.70, 0.62)
            return
        blooms = (patches > 0.25) & (near > 0.15) & (dots > 0.93)
        self.canvas[blooms] = colour

    def _shadow(self, foot: tuple[float, float], tall: float) -> None:
        row, column = foot
        rows = slice(max(0, round(row - tall * 0.07)), max(0, round(row + tall * 0.07)))
        columns = slice(max(0, round(column - tall * 0.1)), max(0, round(column + tall * 0.5)))
        part = self.canvas[rows, columns]
        if part.size == 0:
            return
        y = np.linspace(-1, 1, part.shape[0], dtype=np.float32)[:, None]
        x = np.linspace(-1, 1, part.shape[1], dtype=np.float32)[None]
        dark = (y**2 + x**2 < 1) * np.float32(0.16 if self.winter else 0.34)
        part *= 1 - dark[..., None] * _colour(1.0, 0.9, 0.6)

    def _block(
        self, top: float, bottom: float, left: float, right: float, colour: NDArray[np.float32]
    ) -> None:
        self.canvas[
            max(0, round(top)) : max(0, round(bottom)), max(0, round(left)) : max(0, round(right))
        ] = colour
