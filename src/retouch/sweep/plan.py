"""What a sweep will do, found out before any of it: the cells, and what each tells the edit."""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from retouch import __version__
from retouch.catalog import FILES, Edit, edit_named
from retouch.errors import InputError
from retouch.image.plain import Plain, encoded, fingerprint, sha256_of
from retouch.sweep.axes import Axis, axis_of
from retouch.sweep.values import shown

MOST = 400
"""Cells of a sweep that nobody needs to confirm."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination of values.

    Args:
        place: the number of its value on each axis, from 0.
        labels: what these values are called.
        arguments: everything that the edit is told, as plain data.
        key: tells whether two cells have the same result: a hash of the edit, the version of retouch, the
            arguments and what their files hold.
    """

    place: tuple[int, ...]
    labels: tuple[str, ...]
    arguments: Mapping[str, Plain]
    key: str

    @property
    def title(self) -> str:
        """The cell's values in one line."""
        return " × ".join(self.labels)

    @property
    def file(self) -> str:
        """The name of its picture in the sweep's folder; the same wherever the cell lies."""
        words = re.sub(r"[^A-Za-z0-9.]+", "-", "_".join(self.labels)).strip("-.")[:60]
        return f"cells/{words or 'cell'}-{self.key[:10]}.png"


@dataclass(frozen=True, slots=True)
class Plan:
    """A sweep that can begin.

    Args:
        edit: what is done.
        axes: what is varied; the last one runs along the columns, the one before along the rows, and each
            combination of those before is a grid of its own.
        fixed: what all cells have in common, option → what it is called.
        cells: every combination, the last axis fastest.
    """

    edit: Edit
    axes: tuple[Axis, ...]
    fixed: Mapping[str, str]
    cells: tuple[Cell, ...]

    @property
    def grids(self) -> Iterator[tuple[tuple[tuple[Axis, int], ...], tuple[Cell, ...]]]:
        """For each grid, the value of each outer axis, and its cells, row by row."""
        outer = self.axes[:-2]
        size = math.prod(len(axis.values) for axis in self.axes[-2:])
        for number, place in enumerate(itertools.product(*(range(len(axis.values)) for axis in outer))):
            cells = self.cells[number * size : (number + 1) * size]
            yield tuple(zip(outer, place, strict=True)), cells


def plan(
    edit: str,
    pictures: Sequence[str | Path] = (),
    *,
    vary: Mapping[str, Sequence[object]],
    options: Mapping[str, object] | None = None,
    many: bool = False,
) -> Plan:
    """Find out what a sweep will do.

    Args:
        edit: the name of an edit of the catalog.
        pictures: the files that the edit needs and that are not varied, in the order of the verb.
        vary: option → its values. Pictures and masks are options too: their values are files.
        options: what else all cells are told.
        many: allow more than 400 cells.

    Returns:
        The plan; nothing is written yet.

    Raises:
        UnknownName: There is no such edit, option or choice.
        UnreadablePicture: A file is missing.
        InputError: An option is missing, given twice or of the wrong kind, or there are too many cells.
    """
    found = edit_named(edit)
    return planned(
        found,
        [axis_of(found, name, values) for name, values in vary.items()],
        pictures=pictures,
        options=options or {},
        many=many,
    )


def planned(
    edit: Edit,
    axes: Sequence[Axis],
    *,
    pictures: Sequence[str | Path],
    options: Mapping[str, object],
    many: bool,
) -> Plan:
    """Find out what a sweep over axes will do; see :func:`plan`.

    Args:
        edit: what is done.
        axes: what is varied.
        pictures: see :func:`plan`.
        options: likewise.
        many: likewise.
    """
    varied = [axis.option for axis in axes]
    if not varied:
        raise InputError("nothing is varied; name an option and its values, such as --vary strength=0.5,1")
    for name in varied:
        if varied.count(name) > 1:
            raise InputError(f"{name} is varied twice; give all its values in one list")
    _check_count(axes, many=many)
    fixed = _fixed(edit, set(varied), pictures, options)
    contents = functools.cache(sha256_of)
    cells = []
    for place in itertools.product(*(range(len(axis.values)) for axis in axes)):
        values = {axis.option: axis.values[at] for axis, at in zip(axes, place, strict=True)}
        arguments = {name: encoded(value) for name, value in {**fixed, **values}.items()}
        told = {name: fingerprint(value, contents) for name, value in arguments.items()}
        key = json.dumps([__version__, edit.name, told], sort_keys=True)
        labels = tuple(axis.labels[at] for axis, at in zip(axes, place, strict=True))
        cells.append(Cell(place, labels, arguments, hashlib.sha256(key.encode()).hexdigest()))
    said = {name.replace("_", "-"): shown(value) for name, value in fixed.items()}
    return Plan(edit, tuple(axes), said, tuple(cells))


def _check_count(axes: Sequence[Axis], *, many: bool) -> None:
    sizes = [len(axis.values) for axis in axes]
    if (count := math.prod(sizes)) > MOST and not many:
        product = " × ".join(map(str, sizes))
        raise InputError(
            f"{product} values are {count} cells, more than {MOST}; vary less, or add --many (many=True)"
        )


def _fixed(
    edit: Edit, varied: set[str], pictures: Sequence[str | Path], options: Mapping[str, object]
) -> dict[str, object]:
    """What all cells are told, checked, pictures first."""
    needed = [option.name for option in edit.options() if option.placed]
    free = [name for name in needed if name not in varied and name not in options]
    if len(pictures) != len(free):
        wanted = " and ".join(free) if free else "none"
        raise InputError(
            f"{edit.name} takes {len(free)} picture{'' if len(free) == 1 else 's'} here ({wanted}), got "
            f"{len(pictures)}; give each of {', '.join(needed)} once, or vary it"
        )
    given: dict[str, object] = dict(zip(free, pictures, strict=True))
    for name, value in options.items():
        option = edit.option(name)
        if option.name in varied:
            raise InputError(f"{name} is varied and given as well; leave one of them out")
        given[option.name] = value
    fixed = {name: edit.checked(edit.option(name), value) for name, value in given.items()}
    for option in edit.options():
        if option.required and option.name not in varied and fixed.get(option.name) is None:
            kind = "a file" if option.kind in FILES else "a value"
            raise InputError(f"{edit.name} needs {option.name.replace('_', '-')}; give it {kind}, or vary it")
    return fixed
