"""Options of a run: nested frozen dataclasses, changed by dotted names and written as plain data."""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from retouch.errors import InputError, UnknownName

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]
"""What YAML and JSON can say."""

Options = TypeVar("Options")


def flat(options: object, prefix: str = "") -> dict[str, Any]:
    """List every option under its dotted name.

    Args:
        options: a dataclass, whose fields are options or dataclasses of options.
        prefix: put before every name.

    Returns:
        Dotted name → plain value, in the order of the fields; tuples become lists.
    """
    found: dict[str, Any] = {}
    for field in fields(options):  # type: ignore[arg-type]
        value = getattr(options, field.name)
        if is_dataclass(value):
            found |= flat(value, f"{prefix}{field.name}.")
        else:
            found[prefix + field.name] = list(value) if isinstance(value, tuple) else value
    return found


def changed(options: Options, changes: Mapping[str, object]) -> Options:
    """Give options some new values.

    Args:
        options: a frozen dataclass, whose fields are options or dataclasses of options.
        changes: dotted names, or nested mappings as a YAML file has them, → values.

    Returns:
        The options with these values; the given ones stay as they are.

    Raises:
        UnknownName: There is no such option; the message names the nearest three.
        InputError: A value is of the wrong kind, or not among the choices.
    """
    known = flat(options)
    wanted = _unnested(changes, known)
    for name in wanted:
        if name not in known:
            raise UnknownName("option", name, known)
    return _set(options, wanted)


def _unnested(
    changes: Mapping[str, object], known: Mapping[str, object], prefix: str = ""
) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in changes.items():
        name = f"{prefix}{key}".replace("-", "_")
        if isinstance(value, Mapping) and name not in known:
            found |= _unnested(value, known, f"{name}.")
        else:
            found[name] = value
    return found


def _set(options: Options, changes: Mapping[str, object], prefix: str = "") -> Options:
    """Change all options of a dataclass at once, inner ones first, so that only the whole is checked."""
    hints = get_type_hints(type(options))
    parts: dict[str, dict[str, object]] = {}
    values: dict[str, Any] = {}
    for name, value in changes.items():
        head, _, rest = name.partition(".")
        if rest:
            parts.setdefault(head, {})[rest] = value
        else:
            values[head] = _fitting(prefix + head, value, hints[head])
    for head, inner in parts.items():
        values[head] = _set(getattr(options, head), inner, f"{prefix}{head}.")
    return replace(options, **values)  # type: ignore[type-var]


def _fitting(name: str, value: object, wanted: Any) -> object:
    """Bring a value that YAML or a person gave to the option's type, or say why it cannot be."""
    origin = get_origin(wanted)
    if origin in (Union, types.UnionType):
        kinds = get_args(wanted)
        if value is None and type(None) in kinds:
            return None
        for kind in (item for item in kinds if item is not type(None)):
            try:
                return _fitting(name, value, kind)
            except InputError:
                continue
    elif origin is Literal:
        choices = get_args(wanted)
        # YAML reads a bare `no` as False, a bare `off` too.
        named = {False: "no", True: "yes"}.get(value, value) if isinstance(value, bool) else value
        for choice in (value, named):
            if choice in choices and isinstance(choice, bool) == any(
                choice is item for item in (True, False)
            ):
                return choice
        if isinstance(named, str):
            raise UnknownName(f"value of {name}", named, [str(choice) for choice in choices])
    elif origin is tuple:
        kinds = get_args(wanted)
        if isinstance(value, list | tuple) and (len(value) == len(kinds) or kinds[-1:] == (Ellipsis,)):
            inner = [kinds[0]] * len(value) if kinds[-1:] == (Ellipsis,) else list(kinds)
            return tuple(_fitting(name, item, kind) for item, kind in zip(value, inner, strict=True))
    elif wanted is float and isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            number = float(value)  # YAML reads 2e-4, which has no point, as a word
        except (ValueError, OverflowError):
            number = math.nan
        if math.isfinite(number):
            return number
    elif (
        wanted is int
        and isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and value == int(value)
    ):
        return int(value)
    elif (
        isinstance(wanted, type) and isinstance(value, wanted) and (wanted is bool) == isinstance(value, bool)
    ):
        return value
    raise InputError(f"{name} is {value!r}, but it must be {_described(wanted)}; see the recipe's --help")


def _described(wanted: Any) -> str:
    origin = get_origin(wanted)
    if origin in (Union, types.UnionType):
        return " or ".join(_described(kind) for kind in get_args(wanted))
    if origin is Literal:
        return "one of " + ", ".join(map(str, get_args(wanted)))
    if origin is tuple:
        return "a list of " + ", ".join(_described(kind) for kind in get_args(wanted) if kind is not Ellipsis)
    named = {int: "a whole number", float: "a number", str: "text", bool: "true or false", type(None): "null"}
    return named.get(wanted, str(wanted))
