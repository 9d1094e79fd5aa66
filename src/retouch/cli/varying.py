"""The words of ``--vary`` to the values of an option, each read as the option itself would be."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cyclopts import App, CycloptsError

from retouch.catalog import Edit
from retouch.cli.options import CHANGES as REGION_CHANGES
from retouch.cli.options import SHAPES
from retouch.cli.printing import one_line
from retouch.errors import InputError, UnknownName

CHANGES = (*SHAPES, *REGION_CHANGES)
"""The parameters that together make a region."""

_SWITCH = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}


@dataclass(frozen=True, slots=True)
class Varied:
    """What one ``--vary`` says.

    Args:
        parameter: the name of a parameter of the edit's command.
        words: its values as they were typed.
        values: the same, read.
    """

    parameter: str
    words: tuple[str, ...]
    values: tuple[object, ...]


def varied(edit: Edit, own: Sequence[inspect.Parameter], text: str) -> Varied:
    """Read ``NAME=VALUE,VALUE`` or ``NAME=VALUE;VALUE``.

    Args:
        edit: the edit.
        own: the parameters of its command.
        text: what was typed.

    Raises:
        UnknownName: The edit has no such option.
        InputError: There is no value, or one cannot be read.
    """
    name, equals, rest = text.partition("=")
    name = name.strip().removeprefix("--")
    known = {item.name.replace("_", "-"): item for item in own}
    if not equals or not rest.strip():
        raise InputError(f"--vary {text!r:.80} has no values; write --vary NAME=VALUE,VALUE")
    item = known.get(name.replace("_", "-"))
    if item is None:
        raise UnknownName(f"option of {edit.name}", name, known)
    kinds = {option.name: option.kind for option in edit.options()}
    kind = kinds.get(item.name, "")
    words = split(rest, commas=kind != "point" and item.name not in ("box", "polygon"))
    return Varied(item.name, words, tuple(_read(item, kind, word) for word in words))


def split(text: str, *, commas: bool = True) -> tuple[str, ...]:
    """Take values apart: at semicolons if there are any, else at commas.

    Args:
        text: a last semicolon ends the only value that has commas.
        commas: False for what always has commas itself, such as a place.
    """
    if ";" in text or not commas:
        words = [word.strip() for word in text.split(";")]
        return tuple(words[:-1] if not words[-1] else words)
    return tuple(word.strip() for word in text.split(","))


def _read(item: inspect.Parameter, kind: str, word: str) -> object:
    flag = "--" + item.name.replace("_", "-")
    if not word and kind != "text":
        raise InputError(f"--vary {flag[2:]} has an empty value; write values with one comma between two")
    if kind == "flag" or item.default is False:
        if word.lower() not in _SWITCH:
            raise InputError(f"--vary {flag[2:]}: {word!r:.40} is not a switch; write yes or no")
        return _SWITCH[word.lower()]
    several = kind in ("pictures", "masks", "latents")
    words = [part.strip() for part in word.split(",")] if several else [word]
    try:
        return _parsed(item, [f"{flag}={one}" for one in words])
    except CycloptsError as error:
        error.verbose = False
        message = one_line(str(error)).rstrip(".")
        raise InputError(f"--vary {flag[2:]}: {message[:1].lower()}{message[1:]}") from None


def _parsed(item: inspect.Parameter, words: list[str]) -> object:
    """Let the parser read one option."""

    def told(**values: Any) -> Any:
        return values

    if item.kind is inspect.Parameter.POSITIONAL_ONLY:
        return Path(words[0].partition("=")[2])
    spelt = item.replace(kind=inspect.Parameter.KEYWORD_ONLY)
    told.__signature__ = inspect.Signature([spelt])  # type: ignore[attr-defined]
    told.__annotations__ = {item.name: item.annotation}
    app = App(default_parameter=None)
    app.default(told)
    _, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
    return bound.arguments[item.name]
