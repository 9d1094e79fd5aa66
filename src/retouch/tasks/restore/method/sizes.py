"""Which size a picture is enlarged to, and in how many steps."""

from __future__ import annotations

import math

from retouch.errors import InputError
from retouch.image.picture import MAX_PIXELS

Size = tuple[int, int]

FARTHEST = 16
"""New pixels per old one along a side at most; beyond, a network invents all there is."""

_PLAIN = 1e15  # numbers below are written out in a message


def wanted(size: Size, scale: float | None, width: int | None, height: int | None, usual: int) -> Size:
    """Say which size is asked for.

    Args:
        size: height and width of the photo.
        scale: new pixels per old one, along a side.
        width: in pixels.
        height: in pixels.
        usual: the scale when nothing is asked for.

    Returns:
        Height and width. With a width or a height alone the photo keeps its shape.

    Raises:
        InputError: the numbers are none, contradict each other, or ask for too much.
    """
    if scale is not None and (width is not None or height is not None):
        raise InputError("scale and a width or a height are both given; pass one of them")
    factor: float = usual if scale is None else scale
    if isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 < factor < math.inf:
        raise InputError(f"scale={scale!r}; pass a number above 0, such as 2.5")
    for name, side in (("width", width), ("height", height)):
        if side is not None and (isinstance(side, bool) or not isinstance(side, int) or side < 1):
            raise InputError(f"{name}={side!r}; pass a number of pixels, at least 1")
    down, across = size
    for name, value, most in (
        ("scale", factor, FARTHEST),
        ("width", width, FARTHEST * across),
        ("height", height, FARTHEST * down),
    ):
        if value is not None and value > most:
            said = f"{name}={value}" if value < _PLAIN else f"that {name}"
            raise InputError(
                f"{said} makes {across}×{down} pixels more than {FARTHEST} times as many along a side, which "
                "no network can fill; ask for less"
            )
    if width is not None or height is not None:
        factor = width / across if width is not None else (height or 0) / down
    found = (
        _rounded(down, factor) if height is None else height,
        _rounded(across, factor) if width is None else width,
    )
    _check(found)
    return found


def steps(size: Size, goal: Size, scale: int) -> list[Size]:
    """Plan how a network of a fixed scale gets to any size, with no more work than that needs.

    Args:
        size: height and width of the photo.
        goal: height and width that are wanted; one of them is larger than the photo's.
        scale: of the network.

    Returns:
        The size after each step, the last of them ``goal``: a step enlarges by ``scale``, and the result is
        then brought to its size.
    """
    factor = max(goal[0] / size[0], goal[1] / size[1])
    count = 1
    while scale**count < factor * (1 - 1e-9):
        count += 1
    found = []
    for left in range(count - 1, -1, -1):
        # A side that grows less than the other must not shrink on the way.
        rows, columns = (
            max(math.ceil(new / scale**left), min(new, old)) for old, new in zip(size, goal, strict=True)
        )
        found.append((rows, columns))
    return found


def _rounded(side: int, factor: float) -> int:
    return max(math.floor(side * factor + 0.5), 1)


def _check(goal: Size) -> None:
    if goal[0] * goal[1] > MAX_PIXELS:
        raise InputError(
            f"{goal[1]}×{goal[0]} is {goal[0] * goal[1]:,} pixels, and pictures of retouch have at most "
            f"{MAX_PIXELS:,}; ask for a smaller size, or cut the photo first"
        )
