"""From the cells of a manifest to what an edit is told of one picture."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from retouch.batch import places
from retouch.batch.item import Given
from retouch.batch.work import CHANGES, DRAWN
from retouch.catalog import FILES, SEVERAL, Edit, Option
from retouch.errors import InputError, UnknownName
from retouch.image.plain import Plain, encoded

NAME = "name"
"""The column that says what a result is called."""

_SWITCH = {
    "yes": True,
    "true": True,
    "on": True,
    "1": True,
    "no": False,
    "false": False,
    "off": False,
    "0": False,
}


class Columns:
    """What the columns of a manifest mean for an edit.

    Args:
        edit: what is done.
        first: the option that gets the pictures; empty for an edit that takes none.
    """

    def __init__(self, edit: Edit, first: str) -> None:
        self.first = first
        self._edit = edit
        self._options = {option.name: option for option in edit.options()}
        self._masked = has_region(edit)

    @property
    def known(self) -> tuple[str, ...]:
        """Every column that there can be."""
        own = [name for name, option in self._options.items() if option.kind != "weights"]
        return (*own, NAME, *((*DRAWN, *CHANGES) if self._masked else ()))

    def check(self, columns: Sequence[str], where: str) -> None:
        """Refuse a manifest with a column that means nothing.

        Args:
            columns: its own.
            where: what it is called in an error.

        Raises:
            UnknownName: A column is no option of the edit.
            InputError: The pictures themselves are missing, or weights would change from row to row.
        """
        for column in columns:
            self._check_column(column)
        if self.first and self.first not in columns:
            raise InputError(
                f"{where:.200} has no column {self.first!r} with the pictures; a header names the columns"
            )
        if not self.first and NAME not in columns:
            raise InputError(f"{where:.200} has no column {NAME!r} with the names of the results; add one")

    def read(self, cells: Mapping[str, object], folder: str) -> tuple[Given, dict[str, Plain]]:
        """Read a row.

        Args:
            cells: column → what it says; text, or what JSON holds.
            folder: what relative addresses start from.

        Returns:
            The addresses of its files, and its options as plain data.

        Raises:
            UnknownName: A column is no option, or a value no choice.
            InputError: A value is of the wrong kind.
        """
        given: dict[str, str | tuple[str, ...]] = {}
        told: dict[str, Plain] = {}
        for column, value in cells.items():
            if column == NAME:
                continue
            self._check_column(column)
            option = self._options.get(column)
            if option is None:
                told[column] = encoded(_of_region(column, value))
            elif option.kind in FILES and value not in option.choices:
                given[column] = _addresses(option, value, folder)
            else:
                told[column] = encoded(self._edit.checked(option, _value(option, value)))
        drawn = [column for column in ("mask", *DRAWN) if column in cells]
        if len(drawn) > 1 and self._masked:
            raise InputError(f"{' and '.join(drawn)} are both given; a region is one of them")
        return given, told

    def _check_column(self, column: str) -> None:
        if column in self._options and self._options[column].kind == "weights":
            raise InputError(
                f"the column {column!r} would load a network for each row; give it once as "
                f"{self._options[column].flag}, and a manifest for each network"
            )
        if column not in self.known:
            raise UnknownName("column", column[:80], self.known)


def first_of(edit: Edit, given: Collection[str]) -> str:
    """The option that gets the pictures of the source; empty for an edit that needs none.

    Args:
        edit: what is done.
        given: options that get their files in another way.
    """
    return next((option.name for option in edit.options() if option.placed and option.name not in given), "")


def has_region(edit: Edit) -> bool:
    """Whether an edit is told where by a mask or a drawn region."""
    return any(option.name == "mask" and option.kind == "mask" for option in edit.options())


def _addresses(option: Option, value: object, folder: str) -> str | tuple[str, ...]:
    if option.kind not in SEVERAL:
        return _address(option, value, folder)
    several = value.split(";") if isinstance(value, str) else value
    if not isinstance(several, list):
        raise _unfit(option, value, "addresses with semicolons between them")
    return tuple(_address(option, one, folder) for one in several)


def _address(option: Option, value: object, folder: str) -> str:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise _unfit(option, value, "the address of a file")
    if places.scheme_of(value):
        return value
    if places.scheme_of(folder):
        if ".." in value.split("/") or value.startswith("/"):
            raise InputError(
                f"{option.name} is {value!r:.80}, which leads out of {folder:.120}; give an address"
            )
        return places.joined(folder, value)
    return places.absolute(value, Path(folder))


def _value(option: Option, value: object) -> object:
    """Read text as the option's own kind; what JSON holds is taken as it is."""
    if option.kind == "point" and isinstance(value, list):
        value = ",".join(map(str, value))
    if not isinstance(value, str):
        return value
    if value in option.choices or option.kind not in _READ:
        return value
    return _READ[option.kind](option, value)


def _flag(option: Option, text: str) -> bool:
    if text.strip().lower() not in _SWITCH:
        raise _unfit(option, text, "yes or no")
    return _SWITCH[text.strip().lower()]


def _integer(option: Option, text: str) -> int:
    if not re.fullmatch(r"[+-]?\d{1,18}", text.strip()):
        raise _unfit(option, text, "a whole number")
    return int(text)


def _number(option: Option, text: str) -> float:
    wanted = " or ".join(["a number", *option.choices])
    try:
        number = float(text)
    except ValueError:
        raise _unfit(option, text, wanted) from None
    if not math.isfinite(number):
        raise _unfit(option, text, wanted)
    return number


def _point(option: Option, text: str) -> tuple[int, int]:
    found = re.fullmatch(r"\s*([+-]?\d{1,9})\s*,\s*([+-]?\d{1,9})\s*", text)
    if not found:
        raise _unfit(option, text, "two whole numbers of pixels as X,Y")
    return int(found[1]), int(found[2])


_READ: dict[str, Callable[[Option, str], object]] = {
    "flag": _flag,
    "integer": _integer,
    "number": _number,
    "point": _point,
}


def _of_region(column: str, value: object) -> object:
    from retouch.image import Box, Polygon

    option = Option(column, "flag" if column == "invert_mask" else "number", False, None, (), "")
    if column == "box":
        return Box.parse(_joined(value))
    if column == "polygon":
        return Polygon.parse(_joined(value))
    read = _value(option, value)
    fits = isinstance(read, bool) if column == "invert_mask" else not isinstance(read, bool)
    if not fits or not isinstance(read, int | float):
        raise _unfit(option, value, "yes or no" if column == "invert_mask" else "a number of pixels")
    return read


def _joined(value: object) -> str:
    """Corners that JSON holds as lists, as text has them."""
    if isinstance(value, list):
        return (" " if any(isinstance(one, list) for one in value) else ",").join(map(_joined, value))
    return str(value)


def _unfit(option: Option, value: object, wanted: str) -> InputError:
    return InputError(f"{option.name} is {value!r:.80}; give {wanted}")
