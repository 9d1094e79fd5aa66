"""Recipes on the command line: their options as words, as help, and as the plan of a run."""

from __future__ import annotations

import difflib
import inspect
import textwrap
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

from retouch.catalog import arguments_in
from retouch.errors import InputError, UnknownName

if TYPE_CHECKING:
    from retouch.training import Recipe

WIDTH = 100
"""Characters in a line of help."""


@dataclass(frozen=True, slots=True)
class Described:
    """One option of a recipe, as help shows it.

    Args:
        name: dotted.
        values: what it takes, for a person: ``N``, ``linear|cosine``.
        default: its plain value.
        help: one sentence.
    """

    name: str
    values: str
    default: object
    help: str


def split(words: Sequence[str]) -> tuple[str | None, dict[str, str]]:
    """Take the words of a command line apart that are not options of the command itself.

    Args:
        words: a recipe's name, and ``--name value`` or ``--name=value`` in any number.

    Returns:
        The recipe's name, and dotted name → value, unread.

    Raises:
        InputError: A value is missing, or there is a word too many.
    """
    recipe: str | None = None
    values: dict[str, str] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word.startswith("-") and not word.startswith("--"):
            raise InputError(f"unexpected {word!r}; options begin with two hyphens, see: {_see(recipe)}")
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            if not equals:
                if not rest or rest[0].startswith("--"):
                    raise InputError(
                        f"{word} needs a value, as in {word} 1 or {word} true; see: {_see(recipe)}"
                    )
                value = rest.pop(0)
            values[name.replace("-", "_")] = value
        elif recipe is None:
            recipe = word
        else:
            raise InputError(f"unexpected {word!r}; the recipe is {recipe!r} already, see: {_see(recipe)}")
    return recipe, values


def read_values(recipe: type[Recipe], values: Mapping[str, str], others: Sequence[str]) -> dict[str, object]:
    """Read the words that options of a recipe were given as.

    Args:
        recipe: whose options they are.
        values: dotted name → word.
        others: the options of the command itself, which a misspelt name may also have meant.

    Returns:
        Dotted name → value; whether it fits is for :func:`retouch.training.changed` to say.

    Raises:
        InputError: There is no such option; the message names the nearest three.
    """
    import yaml

    from retouch.training import flat

    known = flat(recipe())
    found: dict[str, object] = {}
    for name, word in values.items():
        if name not in known:
            near = difflib.get_close_matches(name, [*known, *others], n=3, cutoff=0.0)
            raise InputError(
                f"unknown option --{name}; did you mean {', '.join('--' + item for item in near)}? "
                f"See: {_see(recipe.name)}"
            )
        if isinstance(known[name], str):
            found[name] = word  # a choice may be `no`, which YAML takes for a switch
            continue
        try:
            found[name] = yaml.safe_load(word)
        except yaml.YAMLError:
            found[name] = word
    return found


def read_config(path: Path) -> tuple[dict[str, object], dict[str, str]]:
    """Read a file of options: nested or dotted names, or the ``run.yaml`` of an earlier run.

    Args:
        path: a YAML file.

    Returns:
        Dotted name → value; and what a ``run.yaml`` says of ``recipe`` and ``data``.

    Raises:
        InputError: It cannot be read, or is no mapping.
    """
    import yaml

    try:
        text = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); give --config a YAML file") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path} is not YAML ({' '.join(str(error).split())}); correct it") from None
    if text is None:
        return {}, {}
    if not isinstance(text, Mapping):
        raise InputError(f"{path} holds {type(text).__name__}, but it must map options to values")
    told = {key: str(text[key]) for key in ("recipe", "data") if isinstance(text.get(key), str)}
    inner = text.get("options")
    if not isinstance(inner, Mapping):
        inner = {key: value for key, value in text.items() if key not in told}
    return _dotted(inner), told


def preset_of(recipe: type[Recipe], name: str) -> dict[str, object]:
    """Find a preset.

    Args:
        recipe: whose.
        name: as its help lists it.

    Returns:
        Dotted name → value.

    Raises:
        UnknownName: There is none of that name; the message names the nearest three.
    """
    presets = recipe.presets()
    if name not in presets:
        raise UnknownName(f"preset of {recipe.name}", name, presets)
    return _dotted(presets[name])


def described(recipe: type[Recipe]) -> list[Described]:
    """List the options of a recipe with their help.

    Args:
        recipe: whose.

    Returns:
        The recipe's own options, in their order; the engine's are last.
    """
    own = _described(recipe(), "")
    return sorted(own, key=lambda option: ("." in option.name, option.name.startswith("engine.")))


def help_of(recipe: type[Recipe]) -> str:
    """Write the help of a recipe.

    Args:
        recipe: whose.
    """
    groups: dict[str, list[Described]] = {}
    for option in described(recipe):
        groups.setdefault(option.name.rpartition(".")[0], []).append(option)
    lines = [
        f"Usage: retouch train {recipe.name} --data DATA --out RUN [--OPTION VALUE …]",
        "",
        recipe.summary,
    ]
    lines += ["", "Presets, chosen with --preset NAME:"]
    for name, changes in recipe.presets().items():
        told = ", ".join(f"{key}={value}" for key, value in _dotted(changes).items()) or "the defaults below"
        lines += _row(f"  {name}", told)
    about = _arguments(recipe)
    for group, options in groups.items():
        heading = f"{group}: {about.get(group, '')}" if group else "The recipe's own options"
        lines += ["", heading.rstrip(": ")]
        for option in options:
            default = "" if option.default is None else f" [{_plainly(option.default)}]"
            lines += _row(f"  --{option.name} {option.values}", f"{option.help}{default}")
    lines += ["", "The command's own options: retouch train --help"]
    return "\n".join(lines)


def summary_of(recipe: type[Recipe]) -> str:
    """Write a recipe's line in the list of all.

    Args:
        recipe: whose.
    """
    return "\n".join(_row(f"{recipe.name}", f"{recipe.summary} Presets: {', '.join(recipe.presets())}."))


def _see(recipe: str | None) -> str:
    return f"retouch train {recipe} --help" if recipe else "retouch train --help"


def _dotted(options: Mapping[Any, Any], prefix: str = "") -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in options.items():
        name = f"{prefix}{str(key).replace('-', '_')}"
        found |= _dotted(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return found


def _described(options: Any, prefix: str) -> list[Described]:
    hints, about = get_type_hints(type(options)), _arguments(type(options))
    found: list[Described] = []
    for field in fields(options):
        value = getattr(options, field.name)
        if is_dataclass(value):
            found += _described(value, f"{prefix}{field.name}.")
        else:
            plain = list(value) if isinstance(value, tuple) else value
            found.append(
                Described(prefix + field.name, _values(hints[field.name]), plain, about.get(field.name, ""))
            )
    return found


def _arguments(kind: type) -> dict[str, str]:
    """Read what the docstrings of a class and of those it extends say about its fields."""
    found: dict[str, str] = {"engine": "how the run is carried out."}
    for each in reversed(kind.__mro__):
        found |= arguments_in(inspect.cleandoc(each.__doc__ or ""))
    return found


def _values(hint: Any) -> str:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return "|".join("null" if kind is type(None) else _values(kind) for kind in get_args(hint))
    if origin is Literal:
        return "|".join(map(str, get_args(hint)))
    if origin is tuple:
        inner = [_values(kind) for kind in get_args(hint) if kind is not Ellipsis]
        return f"[{','.join(inner)}{',…' if Ellipsis in get_args(hint) else ''}]"
    return {int: "N", float: "NUMBER", bool: "true|false", str: "TEXT"}.get(hint, "VALUE")


def _plainly(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "nothing" if value == "" else str(value)


def _row(head: str, text: str) -> list[str]:
    """Set a head and its text in two columns; a long head gets a line of its own."""
    indent = 38
    lines = textwrap.wrap(text, WIDTH - indent, break_on_hyphens=False) or [""]
    first = (
        [f"{head:<{indent}}{lines[0]}".rstrip()] if len(head) < indent else [head, " " * indent + lines[0]]
    )
    return first + [" " * indent + line for line in lines[1:]]
