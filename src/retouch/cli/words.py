"""From the words of a command line to values, stricter than Python's own conversions."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence

from cyclopts import Token

from retouch.errors import InputError

Converter = Callable[[object, Sequence[Token]], object]
"""What the parser calls with the wanted type and the words of one option."""


def point(text: str) -> tuple[int, int]:
    """Read a place written as ``x,y``.

    Args:
        text: two whole numbers of pixels; they may be negative.

    Returns:
        The place ``(x, y)``.

    Raises:
        InputError: The text is anything else.
    """
    found = re.fullmatch(r"\s*([+-]?\d{1,9})\s*,\s*([+-]?\d{1,9})\s*", text)
    if not found:
        raise InputError(f"{text!r} is not a place; write two whole numbers of pixels as X,Y")
    return int(found.group(1)), int(found.group(2))


def colour(text: str) -> tuple[float, float, float]:
    """Read a colour written as ``r,g,b``.

    Args:
        text: three numbers from 0 to 1.

    Returns:
        Red, green, blue.

    Raises:
        InputError: The text is anything else.
    """
    try:
        red, green, blue = (number(part.strip()) for part in text.split(","))
    except ValueError:
        red = green = blue = -1.0
    if not all(0 <= channel <= 1 for channel in (red, green, blue)):
        raise InputError(f"{text!r} is not a colour; write three numbers from 0 to 1 as R,G,B")
    return red, green, blue


def integer(text: str) -> int:
    """Read a whole number; ``1.5`` is refused and not rounded.

    Raises:
        InputError: The text is anything else.
    """
    if not re.fullmatch(r"[+-]?\d{1,18}", text):
        raise InputError(f"{text!r} is not a whole number")
    return int(text)


def number(text: str) -> float:
    """Read a finite number.

    Raises:
        InputError: The text is anything else.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{text!r} is not a number")
    return value


def minutes(text: str) -> float:
    """Read a length of time.

    Args:
        text: hours and minutes as ``12h``, ``90m`` or ``1h30m``; whole numbers or decimals.

    Returns:
        Minutes.

    Raises:
        InputError: The text is anything else, or no time at all.
    """
    found = re.fullmatch(r"(?:(\d{1,5}(?:\.\d+)?)h)?(?:(\d{1,7}(?:\.\d+)?)m)?", text.strip().lower())
    time = 60.0 * float(found[1] or 0) + float(found[2] or 0) if found else 0.0
    if not time:
        raise InputError(f"{text!r} is not a length of time; write it as 12h, 90m or 1h30m")
    return time


def number_or(choices: Sequence[str]) -> Callable[[str], float | str]:
    """Make the reader of an option that takes a number or one of some names.

    Args:
        choices: the names.

    Returns:
        A function from the text to the number or the name; it raises :class:`InputError`.
    """

    def read(text: str) -> float | str:
        if text in choices:
            return text
        try:
            return number(text)
        except InputError:
            raise InputError(f"{text!r} is neither {', '.join(choices)} nor a number") from None

    return read


def converter(read: Callable[[str], object]) -> Converter:
    """Give a reader of one word the form that the parser calls.

    Args:
        read: from the word to the value; its error becomes the parser's.
    """

    def convert(_: object, tokens: Sequence[Token]) -> object:
        return read(tokens[0].value)

    return convert
