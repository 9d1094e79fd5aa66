"""Draw fronts of buildings: a map of labels, and a photo of the same front.

The photo has materials, sunlight from the upper left with the shadows that the relief casts,
reflections in the glass, dirt and grain. What the labels leave open is mostly decided by the
style, which they show, so that the photo can be learned from them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retouch.data.synthetic.plan import CLASSES, COLOURS, RELIEF, Plan, Style, Thing, plan
from retouch.data.synthetic.texture import Canvas, Plane, grain, shadowed, smooth, softened

Colour = tuple[float, float, float]

WALLS: dict[Style, tuple[Colour, ...]] = {
    "brick": ((0.60, 0.31, 0.23), (0.66, 0.38, 0.27), (0.52, 0.27, 0.22)),
    "plaster": ((0.90, 0.80, 0.58), (0.87, 0.72, 0.60), (0.80, 0.83, 0.72)),
    "stone": ((0.78, 0.73, 0.63), (0.72, 0.70, 0.66), (0.82, 0.76, 0.62)),
    "modern": ((0.66, 0.68, 0.69), (0.82, 0.82, 0.80), (0.58, 0.60, 0.63)),
}
TRIM: dict[Style, Colour] = {
    "brick": (0.80, 0.76, 0.68),
    "plaster": (0.95, 0.93, 0.87),
    "stone": (0.84, 0.80, 0.70),
    "modern": (0.42, 0.44, 0.47),
}
FRAMES: dict[Style, Colour] = {
    "brick": (0.90, 0.89, 0.86),
    "plaster": (0.93, 0.92, 0.88),
    "stone": (0.40, 0.31, 0.24),
    "modern": (0.22, 0.23, 0.25),
}
BLINDS: dict[Style, Colour] = {
    "brick": (0.82, 0.79, 0.70),
    "plaster": (0.30, 0.45, 0.36),
    "stone": (0.55, 0.50, 0.42),
    "modern": (0.74, 0.75, 0.75),
}
SIGNS: tuple[Colour, ...] = ((0.62, 0.13, 0.13), (0.12, 0.32, 0.30), (0.13, 0.20, 0.42), (0.76, 0.56, 0.16))
DOORS: tuple[Colour, ...] = ((0.36, 0.22, 0.13), (0.20, 0.29, 0.24), (0.42, 0.15, 0.13), (0.24, 0.27, 0.36))
GLASS, SKY_IN_GLASS = np.array((0.09, 0.11, 0.14), np.float32), np.array((0.62, 0.72, 0.82), np.float32)
IRON: Colour = (0.13, 0.13, 0.14)


def draw(random: np.random.Generator, size: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw one front.

    Args:
        random: where the numbers come from; the front is the same at any size, its texture not.
        size: height and width.

    Returns:
        The labels in the colours of :data:`retouch.data.synthetic.plan.COLOURS`, and the photo;
        both uint8 (H, W, 3).
    """
    front = plan(random)
    labels, relief = _flat(front, size)
    palette = np.array(list(COLOURS.values()), np.uint8)
    photo = _Photo(front, random, size, labels, relief).finished()
    return palette[labels], photo


def _flat(front: Plan, size: tuple[int, int]) -> tuple[NDArray[np.uint8], Plane]:
    labels = np.zeros(size, np.uint8)
    relief = np.zeros(size, np.float32)
    for thing in front.things:
        place = _place(thing, size)
        labels[place] = CLASSES.index(thing.kind)
        relief[place] = RELIEF.get(thing.kind, 0.0) * size[0]
    return labels, relief


def _place(thing: Thing, size: tuple[int, int]) -> tuple[slice, slice]:
    """The pixels of a thing; at least one each way where it is not outside the picture."""
    ends = []
    for low, high, length in ((thing.y0, thing.y1, size[0]), (thing.x0, thing.x1, size[1])):
        begin = min(max(round(low * length), 0), length - 1)
        ends.append(slice(begin, max(begin + 1, min(round(high * length), length))))
    return ends[0], ends[1]


@dataclass(frozen=True, slots=True)
class _Light:
    """Where the sun stands and how strong it is.

    Args:
        across: columns that a shadow moves for each row.
        slope: height that the light loses for each row.
        shade: brightness of what lies in shadow.
        warmth: colour of the sun.
    """

    across: float
    slope: float
    shade: float
    warmth: Colour


class _Photo:
    """A photo while it is painted."""

    def __init__(
        self,
        front: Plan,
        random: np.random.Generator,
        size: tuple[int, int],
        labels: NDArray[np.uint8],
        relief: Plane,
    ) -> None:
        self.front, self.random, self.size = front, random, size
        self.labels, self.relief = labels, relief
        choice = int(random.integers(3))
        self.wall = WALLS[front.style][choice]
        self.trim = TRIM[front.style]
        sun = random.uniform((0.25, 0.5, 0.0), (0.8, 0.8, 1.0)).tolist()
        self.light = _Light(sun[0], sun[1], 0.62, (1.03, 1.0, 0.96 - 0.05 * sun[2]))
        self.canvas: Canvas = np.empty((*size, 3), np.float32)
        self.clouds = smooth(random, size, 3)
        self.dirt = smooth(random, size, 6, 4)
        self.unit = max(1, round(size[0] / 128))

    def finished(self) -> NDArray[np.uint8]:
        """Paint everything in order, then light it."""
        self._surroundings()
        painters = {
            "facade": self._wall,
            "window": self._window,
            "shop": self._shop,
            "door": self._door,
            "blind": self._blind,
            "balcony": self._balcony,
            "pillar": self._pillar,
            "deco": self._deco,
        }
        for thing in self.front.things:
            painters.get(thing.kind, self._trim)(thing, *_place(thing, self.size))
        self._lit()
        self.canvas += grain(self.random, self.canvas.shape[:2])[..., None] * np.float32(0.012)
        return np.asarray(np.rint(self.canvas.clip(0, 1) * 255), np.uint8)

    def _surroundings(self) -> None:
        height = self.size[0]
        down = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
        sky = np.array((0.45, 0.62, 0.84), np.float32) + down * np.array((1.4, 1.0, 0.5), np.float32)
        clouds = (self.clouds * np.float32(0.9)).clip(0, 1)[..., None]
        self.canvas[:] = sky + (np.float32(0.96) - sky) * clouds
        roof = round((self.front.top + 0.1) * height)
        self.canvas[roof:] = np.array((0.48, 0.45, 0.42), np.float32) + self.dirt[roof:, :, None] * 0.05
        street = round(self.front.bottom * height)
        self.canvas[street:] = np.array((0.44, 0.43, 0.42), np.float32) + self.dirt[street:, :, None] * 0.06
        self.canvas[street : street + self.unit] *= np.float32(0.75)

    def _wall(self, thing: Thing, rows: slice, columns: slice) -> None:
        del thing
        dirt = self.dirt[rows, columns, None]
        colour = np.array(self.wall, np.float32) * (1 + dirt * np.float32(0.06))
        pattern = {"brick": self._bricks, "stone": self._blocks, "modern": self._panels}
        if self.front.style in pattern:
            colour *= pattern[self.front.style](rows.stop - rows.start, columns.stop - columns.start)[
                ..., None
            ]
        self.canvas[rows, columns] = colour

    def _bricks(self, height: int, width: int) -> Plane:
        return self._courses(height, width, 3 * self.unit, 8 * self.unit, joint=1.22, spread=0.16)

    def _blocks(self, height: int, width: int) -> Plane:
        return self._courses(height, width, 7 * self.unit, 16 * self.unit, joint=0.80, spread=0.06)

    def _panels(self, height: int, width: int) -> Plane:
        factors = np.ones((height, width), np.float32)
        factors[:: 16 * self.unit] = 0.82
        factors[:, :: 24 * self.unit] = 0.82
        return factors

    def _courses(
        self, height: int, width: int, tall: int, wide: int, *, joint: float, spread: float
    ) -> Plane:
        """Rows of stones, every other one shifted by half a stone, each of its own brightness."""
        row = np.arange(height)
        column = np.arange(width)[None] + (row // tall % 2 * (wide // 2))[:, None]
        shades = self.random.uniform(1 - spread, 1 + spread, (height // tall + 1, width // wide + 2))
        factors = shades.astype(np.float32)[(row // tall)[:, None], column // wide]
        # One pixel of mortar between large stones; between small ones it would outweigh them.
        line = np.float32(joint if tall > 3 else 1 + (joint - 1) * 0.6)
        factors[row % tall == 0] = line
        factors[column % wide == 0] = line
        return np.asarray(factors, np.float32)

    def _trim(self, thing: Thing, rows: slice, columns: slice) -> None:
        del thing
        height = rows.stop - rows.start
        profile = 1 - 0.10 * ((np.arange(height) // self.unit) % 3 == 2)
        colour = np.array(self.trim, np.float32) * profile.astype(np.float32)[:, None, None]
        self.canvas[rows, columns] = colour * (1 + self.dirt[rows, columns, None] * np.float32(0.05))

    def _glass(self, rows: slice, columns: slice, variant: int) -> None:
        """Dark glass that mirrors the clouds, brighter towards its top."""
        height, width = rows.stop - rows.start, columns.stop - columns.start
        down = np.linspace(0.55, 0.05, height, dtype=np.float32)[:, None]
        mirrored = (down + self.clouds[rows, columns] * np.float32(0.30) + np.float32(0.02 * variant)).clip(
            0, 0.85
        )
        self.canvas[rows, columns] = GLASS + mirrored[..., None] * (SKY_IN_GLASS - GLASS)
        if variant % 4 == 1 and width >= 6:
            curtain = max(1, width // 5)
            cloth = np.array((0.86, 0.84, 0.78), np.float32)
            for side in (
                slice(columns.start, columns.start + curtain),
                slice(columns.stop - curtain, columns.stop),
            ):
                self.canvas[rows, side] = self.canvas[rows, side] * np.float32(0.4) + cloth * np.float32(0.6)

    def _window(self, thing: Thing, rows: slice, columns: slice) -> None:
        self._glass(rows, columns, thing.variant)
        frame = np.array(FRAMES[self.front.style], np.float32)
        u = self.unit
        pane = self.canvas[rows, columns]
        height, width = pane.shape[:2]
        if min(height, width) < 5 * u:
            return
        for edge in (np.s_[:u], np.s_[-u:], np.s_[:, :u], np.s_[:, -u:]):
            pane[edge] = frame
        if self.front.style != "modern" or width > height:
            middle = (width - u) // 2
            pane[:, middle : middle + u] = frame
        if self.front.style != "modern":
            bar = height // 3
            pane[bar : bar + u] = frame

    def _shop(self, thing: Thing, rows: slice, columns: slice) -> None:
        self._glass(rows, columns, thing.variant)
        shop = self.canvas[rows, columns]
        shop += np.array((0.10, 0.07, 0.03), np.float32)
        height, width = shop.shape[:2]
        u = self.unit
        if min(height, width) < 6 * u:
            return
        colour = np.array(SIGNS[thing.variant % len(SIGNS)], np.float32)
        sign = max(2 * u, height // 4)
        shop[:sign] = colour
        letters = slice(sign // 3, max(sign // 3 + 1, 2 * sign // 3))
        written = self.random.random(max(1, width // (2 * u))) < 0.6
        line = np.repeat(written, 2 * u)[: width - 2 * u]
        shop[letters, u : u + len(line)][:, line] = np.array((0.93, 0.91, 0.84), np.float32)
        shop[-2 * u :] = colour * np.float32(0.5)
        for post in (np.s_[:, :u], np.s_[:, -u:], np.s_[:, (width - u) // 2 : (width + u) // 2]):
            shop[post] = colour * np.float32(0.7)

    def _door(self, thing: Thing, rows: slice, columns: slice) -> None:
        colour = np.array(DOORS[thing.variant % len(DOORS)], np.float32)
        self.canvas[rows, columns] = colour * (1 + self.dirt[rows, columns, None] * np.float32(0.10))
        door = self.canvas[rows, columns]
        height, width = door.shape[:2]
        u = self.unit
        if min(height, width) < 6 * u:
            return
        light = max(2 * u, height // 5)
        self._glass(slice(rows.start + u, rows.start + light), slice(columns.start + u, columns.stop - u), 3)
        for top in range(light + u, height - 2 * u, max(3 * u, height // 4)):
            for left in (u, width // 2 + u):
                panel = door[
                    top + u : top + max(2 * u, height // 5), left + u : left + max(u + 1, width // 2 - 2 * u)
                ]
                panel *= np.float32(0.78)
        door[:, (width - u) // 2 : (width + u) // 2] *= np.float32(0.6)

    def _blind(self, thing: Thing, rows: slice, columns: slice) -> None:
        del thing
        slats = np.where(np.arange(rows.stop - rows.start) // self.unit % 2 == 0, 1.0, 0.80).astype(
            np.float32
        )
        self.canvas[rows, columns] = np.array(BLINDS[self.front.style], np.float32) * slats[:, None, None]

    def _pillar(self, thing: Thing, rows: slice, columns: slice) -> None:
        del thing
        width = columns.stop - columns.start
        around = np.linspace(-0.7, 1.1, width, dtype=np.float32)
        colour = (
            np.array(self.trim, np.float32) * (np.float32(1.06) - np.float32(0.22) * around**2)[None, :, None]
        )
        self.canvas[rows, columns] = colour * (1 + self.dirt[rows, columns, None] * np.float32(0.05))

    def _deco(self, thing: Thing, rows: slice, columns: slice) -> None:
        self._trim(thing, rows, columns)
        height, width = rows.stop - rows.start, columns.stop - columns.start
        y = np.abs(np.arange(height, dtype=np.float32) - (height - 1) / 2)[:, None] / max(1.0, height / 2)
        x = np.abs(np.arange(width, dtype=np.float32) - (width - 1) / 2)[None] / max(1.0, width / 2)
        rosette = ((np.maximum(x * 4 % 2, 0) - 1) ** 2 + y**2) < 0.5
        self.canvas[rows, columns][rosette] *= np.float32(0.80)

    def _balcony(self, thing: Thing, rows: slice, columns: slice) -> None:
        """A railing that shows what is behind it, on a slab."""
        del thing
        part = self.canvas[rows, columns]
        u = self.unit
        slab = max(u, round((rows.stop - rows.start) * 0.18))
        part[-slab:] = np.array(self.trim, np.float32) * np.float32(0.95)
        part[:u] = IRON
        bars = np.arange(part.shape[1]) // u % 3 == 0
        part[u:-slab, bars] = part[u:-slab, bars] * np.float32(0.15) + np.array(
            IRON, np.float32
        ) * np.float32(0.85)
        # The railing itself throws hardly a shadow; the slab does.
        self.relief[rows.start : rows.stop - slab, columns] = 0

    def _lit(self) -> None:
        """Lay shadows, brighten edges towards the sun, and let dirt run down."""
        reach = max(2, round(self.size[0] * 0.045))
        dark = softened(shadowed(self.relief, self.light.across, self.light.slope, reach))
        building = self.labels > 0
        sunlit = 1 - dark * np.float32(1 - self.light.shade)
        steps = np.diff(self.relief, axis=0, prepend=self.relief[:1]) + np.diff(
            self.relief, axis=1, prepend=self.relief[:, :1]
        )
        sunlit += np.clip(steps * np.float32(0.06 / self.unit), -0.12, 0.12)
        down = np.linspace(1.04, 0.93, self.size[0], dtype=np.float32)[:, None]
        sunlit *= down * (1 + self.dirt * np.float32(0.025))
        factors = np.where(building, sunlit, np.float32(1))
        self.canvas *= factors[..., None] * np.array(self.light.warmth, np.float32)
