"""What a command says: one line on standard output, everything else on standard error."""

from __future__ import annotations

import io
import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Annotated

from cyclopts import Group, Parameter

OUTPUT_GROUP = Group("Output", sort_key=9)


@Parameter(name="*", group=OUTPUT_GROUP)
@dataclass(frozen=True, slots=True)
class Printing:
    """How a command reports; every command takes these three.

    Args:
        json: Print one machine-readable line instead of one for people; errors too.
        quiet: Print nothing but errors (and the --json line); show no progress.
        debug: Show the Python traceback of an error.
    """

    json: Annotated[bool, Parameter(negative="", show_default=False)] = False
    quiet: Annotated[bool, Parameter(negative="", show_default=False)] = False
    debug: Annotated[bool, Parameter(negative="", show_default=False)] = False

    @classmethod
    def asked_in(cls, tokens: list[str]) -> Printing:
        """Guess from a command line that could not be parsed."""
        options = tokens[: tokens.index("--")] if "--" in tokens else tokens
        return cls(json="--json" in options, quiet="--quiet" in options, debug="--debug" in options)


@dataclass(frozen=True, slots=True)
class Result:
    """What a command found or made.

    Args:
        facts: the content of the --json line.
        text: the same for a person, without the final line end.
        code: the exit code.
    """

    facts: Mapping[str, object]
    text: str
    code: int = 0


DEFAULT = Printing()
"""How a command reports when nothing is asked for."""


def show(result: Result, printing: Printing) -> None:
    """Print a result on standard output."""
    if printing.json:
        print(json_line(result.facts), flush=True)
    elif not printing.quiet:
        print(result.text, flush=True)


def show_error(name: str, message: str, printing: Printing) -> None:
    """Print an error: a line on standard error, or with --json one on standard output."""
    if printing.json:
        print(json_line({"error": name, "message": one_line(message)}), flush=True)
    else:
        print(f"retouch: error: {one_line(message)}", file=sys.stderr, flush=True)


def json_line(facts: Mapping[str, object]) -> str:
    """Write facts as one line of strict JSON; a number that is not finite becomes null."""
    return json.dumps(_finite(facts), allow_nan=False)


def one_line(text: str) -> str:
    """Join the lines of a text and take the terminal's control characters out of it.

    A file name is data from outside: it may hold escape sequences.
    """
    joined = " ".join(text.split())
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in joined)


def print_any_text() -> None:
    """Make the standard streams print what their encoding lacks as escapes instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _finite(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, bool | str) or value is None:
        return value
    # The abstract numbers, because an edit may report numpy's.
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value) if math.isfinite(value) else None
    return str(value)
