"""The plan of a building's front: what stands where, in fractions of the picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

Style = Literal["brick", "plaster", "stone", "modern"]
STYLES: tuple[Style, ...] = ("brick", "plaster", "stone", "modern")

COLOURS = {
    "background": (0, 0, 170),
    "facade": (0, 0, 255),
    "window": (0, 85, 255),
    "door": (0, 170, 255),
    "cornice": (0, 255, 255),
    "sill": (85, 255, 170),
    "balcony": (170, 255, 85),
    "blind": (255, 255, 0),
    "deco": (255, 170, 0),
    "molding": (255, 85, 0),
    "pillar": (255, 0, 0),
    "shop": (170, 0, 0),
}
"""What a front consists of → its label colour, those of the CMP facade database."""

CLASSES = tuple(COLOURS)

RELIEF = {
    "window": -0.014,
    "door": -0.016,
    "shop": -0.012,
    "blind": -0.006,
    "molding": 0.006,
    "deco": 0.009,
    "sill": 0.012,
    "pillar": 0.012,
    "cornice": 0.024,
    "balcony": 0.034,
}
"""How far a thing stands out of the wall, in fractions of the picture's height."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One rectangle of the front.

    Args:
        kind: a key of :data:`COLOURS`.
        x0: left edge, as the others a fraction of the picture's width or height.
        y0: upper edge.
        x1: right edge.
        y1: lower edge.
        variant: chooses between looks that the label does not show: a curtain, a sign's colour.
    """

    kind: str
    x0: float
    y0: float
    x1: float
    y1: float
    variant: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """A front.

    Args:
        style: decides what it has and how it looks, so that a look can be learned from labels.
        top: where the sky ends.
        bottom: where the street begins.
        left: where the building begins.
        right: where it ends.
        things: in the order in which they are painted over one another.
    """

    style: Style
    top: float
    bottom: float
    left: float
    right: float
    things: list[Thing] = field(default_factory=list)


def plan(random: np.random.Generator) -> Plan:
    """Design a front.

    Args:
        random: where the numbers come from.
    """
    style = STYLES[int(random.integers(len(STYLES)))]
    top, street, *margins = random.uniform((0.03, 0.03, -0.06, -0.06), (0.15, 0.07, 0.08, 0.08)).tolist()
    left, right = (max(0.0, margin) for margin in margins)
    made = Plan(style, top, 1 - street, left, 1 - right)
    made.things.append(Thing("facade", made.left, top, made.right, made.bottom))
    bays = int(random.integers(3, 7))
    floors = int(random.integers(3, 6))
    ground = made.bottom - float(random.uniform(0.19, 0.24))
    first = top + (0.055 if style != "modern" else 0.03)
    if style == "stone":
        _pillars(made, bays, first, ground)
    _upper_floors(made, random, bays, floors, first, ground)
    _ground_floor(made, random, bays, ground)
    _bands(made, ground)
    return made


def _upper_floors(
    made: Plan, random: np.random.Generator, bays: int, floors: int, first: float, ground: float
) -> None:
    bay, floor = (made.right - made.left) / bays, (ground - first) / floors
    modern = made.style == "modern"
    width, height = random.uniform(*(((0.66, 0.5), (0.84, 0.62)) if modern else ((0.4, 0.56), (0.56, 0.68))))
    shutters = made.style == "plaster" and random.random() < 0.6
    decorated = made.style in ("plaster", "stone") and random.random() < 0.75
    balconies = set(random.choice(floors, size=int(random.integers(0, 3)), replace=False).tolist())
    continuous = bool(random.random() < 0.4)
    for row in range(floors):
        above = first + row * floor
        for column in range(bays):
            middle = made.left + (column + 0.5) * bay
            x0, x1 = middle - width * bay / 2, middle + width * bay / 2
            y1 = above + floor * (0.97 if row in balconies else 0.84)
            y0 = above + floor * (0.84 - height)
            opening = _Opening(x0, y0, x1, y1, floor)
            _window(made, random, opening, shutters=shutters, decorated=decorated)
            if row in balconies and made.style != "brick":
                reach = bay / 2 if continuous else width * bay * 0.66
                made.things.append(
                    Thing(
                        "balcony", middle - reach, above + floor * 0.66, middle + reach, above + floor * 0.985
                    )
                )


@dataclass(frozen=True, slots=True)
class _Opening:
    x0: float
    y0: float
    x1: float
    y1: float
    floor: float


def _window(
    made: Plan, random: np.random.Generator, at: _Opening, *, shutters: bool, decorated: bool
) -> None:
    wide, variant, lowered = at.x1 - at.x0, int(random.integers(8)), float(random.uniform(-0.6, 0.75))
    rim = wide * 0.11
    add = made.things.append
    if made.style in ("plaster", "stone"):
        add(Thing("molding", at.x0 - rim, at.y0 - rim, at.x1 + rim, at.y1))
    if decorated:
        add(Thing("deco", at.x0 - rim, at.y0 - at.floor * 0.15, at.x1 + rim, at.y0 - at.floor * 0.05))
    add(Thing("window", at.x0, at.y0, at.x1, at.y1, variant))
    if shutters:
        leaf = wide * 0.42
        add(Thing("blind", at.x0 - leaf, at.y0, at.x0, at.y1))
        add(Thing("blind", at.x1, at.y0, at.x1 + leaf, at.y1))
    elif made.style in ("brick", "modern") and lowered > 0.1:
        add(Thing("blind", at.x0, at.y0, at.x1, at.y0 + (at.y1 - at.y0) * lowered))
    if made.style != "modern":
        add(Thing("sill", at.x0 - wide * 0.12, at.y1, at.x1 + wide * 0.12, at.y1 + at.floor * 0.06))


def _ground_floor(made: Plan, random: np.random.Generator, bays: int, ground: float) -> None:
    bay, tall = (made.right - made.left) / bays, made.bottom - ground
    door = int(random.integers(bays))
    shops = bool(random.random() < (0.4 if made.style == "stone" else 0.7))
    variant = int(random.integers(8))
    for column in range(bays):
        x0 = made.left + column * bay
        if column == door:
            made.things.append(
                Thing("door", x0 + bay * 0.28, ground + tall * 0.25, x0 + bay * 0.72, made.bottom, variant)
            )
        elif shops:
            made.things.append(
                Thing("shop", x0 + bay * 0.08, ground + tall * 0.2, x0 + bay * 0.92, made.bottom, variant)
            )
        else:
            made.things.append(
                Thing(
                    "window",
                    x0 + bay * 0.24,
                    ground + tall * 0.28,
                    x0 + bay * 0.76,
                    ground + tall * 0.78,
                    variant,
                )
            )
        if shops and random.random() < 0.3:
            variant = int(random.integers(8))


def _pillars(made: Plan, bays: int, first: float, ground: float) -> None:
    bay = (made.right - made.left) / bays
    for column in range(bays + 1):
        x = made.left + column * bay
        x0, x1 = max(made.left, x - bay * 0.07), min(made.right, x + bay * 0.07)
        made.things.append(Thing("pillar", x0, first, x1, ground))


def _bands(made: Plan, ground: float) -> None:
    thick = 0.02 if made.style == "modern" else 0.042
    made.things.append(Thing("cornice", made.left - 0.012, made.top, made.right + 0.012, made.top + thick))
    kind = "cornice" if made.style == "stone" else "molding"
    made.things.append(Thing(kind, made.left, ground, made.right, ground + 0.022))
