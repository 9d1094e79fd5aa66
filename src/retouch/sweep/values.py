"""What the values of a sweep are called."""

from __future__ import annotations

from numbers import Integral, Real
from pathlib import Path

from retouch.image import Box, Polygon, Region


def shown(value: object) -> str:
    """Put a value into a few words.

    Args:
        value: of an option.
    """
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case str():
            return value or "(empty)"
        case Path():
            return value.name
        case Box(x0, y0, x1, y1):
            return f"box {x0},{y0},{x1},{y1}"
        case Polygon():
            return f"polygon of {len(value.points)} corners"
        case Region():
            changes = {"inverted": value.invert, "grow": value.grow, "feather": value.feather}
            said = [
                name if change is True else f"{name} {change:g}" for name, change in changes.items() if change
            ]
            return ", ".join(
                [shown(Path(value.shape) if isinstance(value.shape, str) else value.shape), *said]
            )
        case tuple() | list():
            return ",".join(map(shown, value)) or "(none)"
        case Real():
            return f"{value:g}" if not isinstance(value, Integral) else str(value)
    return str(value)
