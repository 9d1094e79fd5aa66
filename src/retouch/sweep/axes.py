"""One varied option of a sweep: its values, what they are called, and whether the edit takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from retouch.catalog import FILES, Edit
from retouch.errors import InputError
from retouch.image.plain import encoded
from retouch.sweep.values import shown


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
    option = edit.option(name)
    if isinstance(values, str | bytes) or not isinstance(values, Sequence):
        raise InputError(f"{name} varies over a list of values, got {values!r}; write [{values!r}]")
    taken = tuple(edit.checked(option, value) for value in values)
    if not taken:
        raise InputError(f"{name} has no values to vary over; give at least one")
    plain = [encoded(value) for value in taken]
    for number, value in enumerate(plain):
        if value in plain[:number]:
            raise InputError(f"{name} is varied over {shown(taken[number])} twice; give each value once")
    pictures = tuple(value if option.kind in FILES and isinstance(value, Path) else None for value in taken)
    spoken = called or name.replace("_", "-")
    return Axis(spoken, option.name, taken, tuple(labels) or _labels(taken), pictures)


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
