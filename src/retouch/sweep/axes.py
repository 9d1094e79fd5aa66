"""One varied option of a sweep: its values, what they are called, and whether the edit takes them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path

from retouch.catalog import Edit, Option
from retouch.errors import InputError, UnknownName
from retouch.sweep.values import encoded, shown

FILES = ("picture", "mask", "latent", "pictures", "masks", "latents")
"""Kinds of options whose values are files."""

_SEVERAL = ("pictures", "masks", "latents")


@dataclass(frozen=True, slots=True)
class Axis:
    """A varied option.

    Args:
        name: what it is called in headings.
        option: the edit's option that gets the values.
        values: at least one.
        labels: what each value is called, all different.
        pictures: the file that a value is, or None; shown in headings if it is a picture.
    """

    name: str
    option: str
    values: tuple[object, ...]
    labels: tuple[str, ...]
    pictures: tuple[Path | None, ...]


def axis_of(
    edit: Edit,
    name: str,
    values: Sequence[object],
    *,
    called: str | None = None,
    labels: Sequence[str] = (),
) -> Axis:
    """Make an axis of the values of an option.

    Args:
        edit: the edit.
        name: of the option, with hyphens or underscores.
        values: for the option.
        called: what the axis is called, if not like the option.
        labels: what the values are called; none: as they look.

    Raises:
        UnknownName: The edit has no such option, or not such a choice.
        InputError: There is no value, one is given twice, or one is of the wrong kind.
    """
    option = option_of(edit, name)
    if isinstance(values, str | bytes) or not isinstance(values, Sequence):
        raise InputError(f"{name} varies over a list of values, got {values!r}; write [{values!r}]")
    taken = tuple(checked(edit, option, value) for value in values)
    if not taken:
        raise InputError(f"{name} has no values to vary over; give at least one")
    plain = [encoded(value) for value in taken]
    for number, value in enumerate(plain):
        if value in plain[:number]:
            raise InputError(f"{name} is varied over {shown(taken[number])} twice; give each value once")
    pictures = tuple(value if option.kind in FILES and isinstance(value, Path) else None for value in taken)
    spoken = called or name.replace("_", "-")
    return Axis(spoken, option.name, taken, tuple(labels) or _labels(taken), pictures)


def option_of(edit: Edit, name: str) -> Option:
    """Find an option of an edit.

    Args:
        edit: the edit.
        name: with hyphens or underscores.

    Raises:
        UnknownName: The edit has no such option.
    """
    options = {option.name: option for option in edit.options()}
    found = options.get(name.replace("-", "_"))
    if found is None:
        raise UnknownName(f"option of {edit.name}", name, options)
    return found


def checked(edit: Edit, option: Option, value: object) -> object:
    """Check a value against what the option takes, and give it the form that is sent on.

    Args:
        edit: the edit.
        option: one of its options.
        value: as a caller gave it.

    Returns:
        The value; the name of a picture file as a path.

    Raises:
        UnknownName: It is not one of the option's choices.
        InputError: It is of the wrong kind.
    """
    if value is None and not option.required:
        return None
    if option.kind == "picture" and option.choices:
        return _word_or_path(edit, option, value)
    if option.kind in _SEVERAL:
        given = (value,) if isinstance(value, str | Path) else value
        if not isinstance(given, Sequence):
            raise _unfit(edit, option, value, "files")
        return tuple(_path(item) for item in given)
    if option.kind in FILES:
        if value is None:
            raise _unfit(edit, option, value, "a file")
        return _path(value)
    if option.kind == "choice" or (option.choices and isinstance(value, str)):
        if value not in option.choices:
            raise UnknownName(option.name, value, option.choices)
        return value
    wanted = {
        "flag": (isinstance(value, bool), "True or False"),
        "integer": (isinstance(value, Integral) and not isinstance(value, bool), "a whole number"),
        "number": (_is_number(value), "a number"),
        "weights": (isinstance(value, str), "a name or a path, as words"),
        "text": (isinstance(value, str), "words"),
    }
    fits, kind = wanted.get(option.kind, (True, ""))
    if not fits:
        raise _unfit(edit, option, value, kind)
    return value


def _is_number(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, Real) and math.isfinite(value)


def _word_or_path(edit: Edit, option: Option, value: object) -> str:
    """Keep what may be a picture's path or a word as it is typed; the verb tells them apart."""
    if not isinstance(value, str | Path):
        raise _unfit(edit, option, value, f"the path of a picture, or {' or '.join(option.choices)}")
    return str(value)


def _path(value: object) -> object:
    return Path(value) if isinstance(value, str) else value


def _unfit(edit: Edit, option: Option, value: object, kind: str) -> InputError:
    return InputError(f"{option.name} of {edit.name} takes {kind}, got {value!r:.80}; give {kind}")


def _labels(values: tuple[object, ...]) -> tuple[str, ...]:
    """What values are called; files of one name by as much of their paths as tells them apart."""
    labels = tuple(shown(value) for value in values)
    if len(set(labels)) == len(labels):
        return labels
    paths = [value for value in values if isinstance(value, Path)]
    for parts in range(2, 1 + max((len(path.parts) for path in paths), default=1)):
        labels = tuple(
            "/".join(value.parts[-parts:]) if isinstance(value, Path) else shown(value) for value in values
        )
        if len(set(labels)) == len(labels):
            return labels
    return tuple(f"{label} ({number})" for number, label in enumerate(labels, 1))
