"""A mask as it was drawn: strokes in pixels of the picture, to be kept, drawn on, and rasterised.

It is what the studio's canvas saves, as JSON::

    {"retouch": "drawing", "version": 1, "size": [480, 640],
     "strokes": [{"kind": "brush", "points": [[10.5, 20], [60, 22.5]], "radius": 12},
                 {"kind": "rectangle", "points": [[0, 0], [30, 40]], "erase": true}],
     "invert": false, "grow": 0, "feather": 8}
"""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, Self, TypeVar, cast, get_args

from retouch.errors import InputError, UnknownName
from retouch.image.shapes import FARTHEST, Ring

StrokeKind = Literal["polygon", "rectangle", "brush"]
"""What the points of a stroke mean; a lasso is a polygon of many corners."""

MAX_BYTES = 8 * 2**20
"""The longest text that is read."""

MAX_STROKES = 5_000
MAX_POINTS = 200_000
"""The most strokes of a drawing, and the most points of all of them together."""

_CORNERS: dict[StrokeKind, tuple[int, int]] = {
    "polygon": (3, MAX_POINTS),
    "rectangle": (2, 2),
    "brush": (1, MAX_POINTS),
}

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Stroke:
    """One stroke: an area that is added to the mask, or taken away from it.

    Args:
        kind: ``"polygon"`` is filled by the even-odd rule, ``"rectangle"`` lies between two opposite corners,
            ``"brush"`` holds the pixels whose centres are within the radius of the line through the points.
        points: (x, y) in pixels, fractions allowed; the centre of the first pixel is at (0.5, 0.5). At least
            3 for a polygon, exactly 2 for a rectangle, at least 1 for a brush.
        radius: of the brush, in pixels; above 0. None for the other kinds.
        erase: take away instead of adding.

    Raises:
        InputError: Too few or too many points, one that is not two finite numbers within ±2³¹, a brush
            without a radius, or a radius without a brush.
        UnknownName: There is no such kind.
    """

    kind: StrokeKind
    points: Ring
    radius: float | None = None
    erase: bool = False

    def __post_init__(self) -> None:
        if self.kind not in get_args(StrokeKind):
            raise UnknownName("kind of stroke", self.kind, get_args(StrokeKind))
        points = tuple(_each(self.points, "points", _point))
        least, most = _CORNERS[self.kind]
        if not least <= len(points) <= most:
            wanted = f"exactly {least}" if least == most else f"{least} to {most:,}"
            raise InputError(f"a {self.kind} needs {wanted} points, got {len(points)}")
        object.__setattr__(self, "points", points)
        if self.kind == "brush":
            radius = _number(self.radius, "radius")
            if not 0 < radius <= FARTHEST:
                raise InputError(f"radius: a brush needs one above 0 pixels, at most 2³¹, got {radius:g}")
            object.__setattr__(self, "radius", radius)
        elif self.radius is not None:
            raise InputError(f"radius: only a brush has one; leave it out for a {self.kind}")
        _flag(self.erase, "erase")

    @classmethod
    def of(cls, plain: object) -> Self:
        """Take a stroke from plain data.

        Args:
            plain: a mapping with this class's arguments.

        Raises:
            InputError: It is anything else.
        """
        given = _members(plain, {"kind", "points", "radius", "erase"}, {"kind", "points"})
        return cls(**given)

    def plain(self) -> dict[str, Any]:
        """Give the stroke as plain data, as :meth:`of` takes it."""
        made: dict[str, Any] = {
            "kind": self.kind,
            "points": [[_short(x), _short(y)] for x, y in self.points],
        }
        if self.radius is not None:
            made["radius"] = _short(self.radius)
        return {**made, "erase": True} if self.erase else made


@dataclass(frozen=True, slots=True)
class Drawing:
    """A mask made of strokes, which can be saved, opened again and drawn on.

    It becomes a :class:`retouch.image.Mask` by ``Mask.of(drawing, picture.size)``: the strokes one after the
    other, each added or taken away, and then what a :class:`retouch.image.Region` does, in the order of the
    arguments.

    Args:
        strokes: in the order in which they were drawn.
        size: height and width of the picture that it was drawn on; None fits any picture.
        invert: select what the strokes do not.
        grow: Euclidean radius in pixels by which the area grows (negative: shrinks).
        feather: width in pixels of the ramp inside the edge, 0 for none.

    Raises:
        InputError: More strokes or points than a drawing may have, or a value of the wrong type or range.

    >>> drawing = Drawing.parse('{"retouch": "drawing", "version": 1, "size": [20, 30], '
    ...     '"strokes": [{"kind": "rectangle", "points": [[0, 0], [10, 10]]}]}')
    >>> drawing.size, len(drawing.strokes), Drawing.parse(drawing.json()) == drawing
    ((20, 30), 1, True)
    """

    strokes: tuple[Stroke, ...] = ()
    size: tuple[int, int] | None = None
    invert: bool = False
    grow: float = 0.0
    feather: float = 0.0

    def __post_init__(self) -> None:
        strokes = tuple(self.strokes)
        if not all(isinstance(stroke, Stroke) for stroke in strokes):
            raise InputError("strokes: must be Stroke objects; to read plain data use Drawing.parse")
        points = sum(len(stroke.points) for stroke in strokes)
        if len(strokes) > MAX_STROKES or points > MAX_POINTS:
            raise InputError(
                f"strokes: {len(strokes):,} strokes with {points:,} points are more than a drawing may have "
                f"({MAX_STROKES:,} and {MAX_POINTS:,}); save the mask as a picture instead"
            )
        object.__setattr__(self, "strokes", strokes)
        object.__setattr__(self, "size", None if self.size is None else _size(self.size))
        _flag(self.invert, "invert")
        for name in ("grow", "feather"):
            object.__setattr__(self, name, _within(_number(getattr(self, name), name), name))
        if self.feather < 0:
            raise InputError(f"feather: must be 0 or more pixels, got {self.feather:g}; shrink with grow")

    @classmethod
    def parse(cls, value: str | bytes | Mapping[str, Any]) -> Self:
        """Read a drawing, from anyone.

        Args:
            value: JSON as text or UTF-8 bytes, or what a JSON parser made of it.

        Returns:
            The drawing.

        Raises:
            InputError: It is too long, no JSON, not a drawing, of an unknown version, or has a member that
                is unknown, missing or wrong; the message names the place, such as
                ``strokes[2]: points[0]``.
        """
        plain = _loaded(value) if isinstance(value, str | bytes | bytearray) else value
        changes = {"size", "strokes", "invert", "grow", "feather"}
        if not isinstance(plain, Mapping) or plain.get("retouch") != "drawing":
            raise InputError(
                'this JSON is not a drawing; a drawing begins with {"retouch": "drawing", "version": 1, '
                "as the studio saves it"
            )
        version = plain.get("version")
        if isinstance(version, bool) or version != 1:
            raise InputError(
                f"version: this retouch reads drawings of version 1, got {_quoted(version)}; update retouch"
            )
        given = _members(plain, {"retouch", "version", *changes}, {"strokes"})
        strokes = given["strokes"]
        if isinstance(strokes, Sequence) and len(strokes) > MAX_STROKES:
            raise InputError(
                f"strokes: {len(strokes):,} are more than a drawing may have ({MAX_STROKES:,}); save the "
                "mask as a picture instead"
            )
        read = tuple(_each(strokes, "strokes", Stroke.of))
        return cls(read, **{name: given[name] for name in changes - {"strokes"} if name in given})

    def plain(self) -> dict[str, Any]:
        """Give the drawing as plain data, as :meth:`parse` takes it."""
        return {
            "retouch": "drawing",
            "version": 1,
            "size": None if self.size is None else list(self.size),
            "strokes": [stroke.plain() for stroke in self.strokes],
            "invert": self.invert,
            "grow": _short(self.grow),
            "feather": _short(self.feather),
        }

    def json(self) -> str:
        """Write the drawing as JSON on one line; :meth:`parse` gives an equal one back."""
        return json.dumps(self.plain(), separators=(",", ":"))


def _loaded(text: str | bytes | bytearray) -> object:
    if len(text) > MAX_BYTES:
        raise InputError(
            f"the drawing has {len(text):,} bytes, more than the limit of {MAX_BYTES:,}; save the mask as a "
            "picture instead"
        )

    def refused(name: str) -> NoReturn:
        raise ValueError(f"{name} is not a number")

    try:
        if not isinstance(text, str):
            text = text.decode("utf-8-sig")
        return json.loads(text, parse_constant=refused)
    except RecursionError:
        reason = "nested too deeply"
    except ValueError as error:
        # what cannot be decoded as UTF-8 is a ValueError, too
        reason = " ".join(str(error).split())[:120]
    raise InputError(f"the drawing is not valid JSON ({reason}); save it again from the studio")


def _members(plain: object, known: set[str], needed: set[str]) -> dict[str, Any]:
    if not isinstance(plain, Mapping):
        raise InputError(f"must be an object with {', '.join(sorted(needed))}, got {_quoted(plain)}")
    for name in plain:
        if name not in known:
            raise UnknownName("member of a drawing", _quoted(name), sorted(known))
    if missing := sorted(needed - set(plain)):
        raise InputError(f"{missing[0]} is missing; give {', '.join(sorted(needed))}")
    return dict(plain)


def _each(plain: object, name: str, read: Callable[[object], _Item]) -> list[_Item]:
    """Read the items of a list; a complaint begins with the place."""
    if not isinstance(plain, Sequence) or isinstance(plain, str | bytes):
        raise InputError(f"{name}: must be a list, got {_quoted(plain)}")
    items = []
    for index, item in enumerate(plain):
        try:
            items.append(read(item))
        except InputError as error:
            raise InputError(f"{name}[{index}]: {error}") from None
    return items


def _point(plain: object) -> tuple[float, float]:
    if not isinstance(plain, Sequence) or isinstance(plain, str | bytes) or len(plain) != 2:
        raise InputError(f"must be [x, y], got {_quoted(plain)}")
    x, y = (_within(_number(value, name), name) for value, name in zip(plain, "xy", strict=True))
    return x, y


def _number(value: object, name: str) -> float:
    try:
        if isinstance(value, bool | str | bytes):
            raise TypeError
        number = float(cast("float", value))
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{name}: must be a finite number, got {_quoted(value)}")
    return number


def _within(number: float, name: str) -> float:
    if abs(number) > FARTHEST:
        raise InputError(f"{name}: must lie within ±2³¹ pixels, got {number:g}")
    return number


def _flag(value: object, name: str) -> None:
    if not isinstance(value, bool):
        raise InputError(f"{name}: must be true or false, got {_quoted(value)}")


def _size(value: Sequence[int]) -> tuple[int, int]:
    try:
        if isinstance(value, str | bytes) or any(isinstance(side, bool) for side in value):
            raise TypeError
        height, width = (operator.index(side) for side in value)
    except (TypeError, ValueError):
        height = width = 0
    if not (1 <= height <= FARTHEST and 1 <= width <= FARTHEST):
        raise InputError(f"size: must be [height, width] in whole pixels, at least 1, got {_quoted(value)}")
    return height, width


def _short(number: float) -> float | int:
    return int(number) if number == int(number) else number


def _quoted(value: object) -> str:
    if isinstance(value, Mapping | Sequence) and not isinstance(value, str | bytes):
        kind = "an object" if isinstance(value, Mapping) else "a list"
        return f"{kind} of {len(value)}"
    if isinstance(value, int) and value.bit_length() > 128:
        return "a number of very many digits"
    return repr(value)[:60]
