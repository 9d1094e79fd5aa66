"""The command ``retouch``: its sub-commands, and what each kind of error means to the caller."""

from __future__ import annotations

import itertools
import os
import sys
import traceback
from collections.abc import Sequence

from cyclopts import App, CycloptsError
from cyclopts.exceptions import MissingArgumentError, UnknownCommandError, UnusedCliTokensError

from retouch import __version__, catalog
from retouch.cli.printing import DEFAULT, Printing, Result, one_line, print_any_text, show, show_error
from retouch.cli.watch import cleaning_up_on_sigterm
from retouch.errors import Cancelled, InputError, RetouchError, UnknownName

DONE, INTERNAL, REFUSED, CANCELLED = 0, 1, 2, 130
"""The exit codes."""

TOOLS = {
    "batch": "Do an edit to thousands of pictures, on one machine or many, and record what came of each.",
    "data": "Check training pictures, draw, spoil or pack some, or freeze holes to fill.",
    "demo": "Run every edit on sample photos and write a page of before/after pictures.",
    "doctor": "Check what works on this machine and say what to install for the rest.",
    "evaluate": "Measure trained weights on pictures: fidelity, texture, recognised classes.",
    "export": "Write a network as an ONNX file for other programs, checked against the original.",
    "mask": "Make a mask of a picture: from its transparency, a colour, or another picture.",
    "serve": "Answer programs over HTTP: every edit as a job, health, metrics, a graceful end.",
    "studio": "Open a page in the browser on which every edit can be done, with an HTTP API.",
    "sweep": "Do an edit for every combination of some options, and show the results side by side.",
    "train": "Train a network on your own pictures.",
    "weights": "List, show, convert and fetch weights files.",
}

USAGE_OF_TRAIN = """\
Usage: retouch train RECIPE --data DATA --out RUN [--processes N] [--OPTION VALUE …]
       retouch train --resume RUN [--processes N]
       retouch train RECIPE --help    shows the recipe's own options
       retouch train --list           lists the recipes"""

GROUPS: dict[str, tuple[str, ...]] = {
    "data": ("check", "degrade", "holes", "make", "pack", "verify"),
    "evaluate": ("inpaint", "restore"),
    "weights": ("list", "show", "convert", "fetch"),
}
"""The tools that are several commands."""

FOR_EACH_EDIT = ("batch", "sweep")
"""The tools that have a command for each edit."""


def reported(words: list[str]) -> int:
    """Run a command line, print what comes of it, and turn every error into an exit code.

    Args:
        words: the words after ``retouch``.

    Returns:
        The exit code: 0, 1, 2 or 130.
    """
    print_any_text()
    printing = Printing.asked_in(words)
    try:
        with cleaning_up_on_sigterm():
            result, printing = run(words)
            if result is not None:
                show(result, printing)
            sys.stdout.flush()
    except BrokenPipeError:
        # The reader has gone (`retouch doctor | head`). Python flushes standard output once more
        # at exit; pointing it elsewhere keeps that quiet.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except (Exception, KeyboardInterrupt) as error:
        if printing.debug:
            traceback.print_exc()
        name, message, code = explain(error)
        show_error(name, message, printing)
        return code
    return DONE if result is None else result.code


def build() -> App:
    """Put the commands together.

    Returns:
        The application. A command's module is imported when that command is parsed, so the
        application's own help needs none of them.
    """
    app = App(
        name="retouch",
        help="Edit photographs. `retouch COMMAND --help` explains a command.",
        version=f"retouch {__version__}",
        version_flags=["--version"],
        help_flags=["--help", "-h"],
        help_format="plaintext",
        default_parameter=None,
    )
    for position, edit in enumerate(catalog.EDITS):
        app.command(
            f"retouch.cli.edits:{edit.name}",
            name=edit.name.replace("_", "-"),
            help=edit.summary,
            group="Edits",
            sort_key=position,
        )
    for name, summary in TOOLS.items():
        # `retouch train RECIPE --help` is about the recipe: that command answers it itself.
        own = {"help_flags": (), "usage": USAGE_OF_TRAIN} if name == "train" else {}
        app.command(f"retouch.cli.{name}:{name}", name=name, help=summary, group="Tools", **own)
    return app


def run(words: Sequence[str]) -> tuple[Result | None, Printing]:
    """Parse a command line and do what it says, without catching or printing an error.

    Args:
        words: the words after ``retouch``.

    Returns:
        The result, None when there is only help or a version to print, and how to print it.

    Raises:
        InputError: The command line is not one that retouch understands.
        RetouchError: The command failed.
    """
    words = _command_first(words)
    try:
        command, bound, _ = build().parse_args(words, exit_on_error=False, print_error=False)
    except UnknownCommandError as error:
        raise _unknown(words) from error
    except CycloptsError as error:
        raise InputError(f"{_mistake(error)}; see: {_help_for(words)}") from error
    bound.apply_defaults()
    printing = bound.arguments.get("printing", DEFAULT)
    result = command(*bound.args, **bound.kwargs)
    return (result if isinstance(result, Result) else None), printing


def explain(error: BaseException) -> tuple[str, str, int]:
    """Say what an error means to the caller.

    Args:
        error: what a command raised.

    Returns:
        The error's name, one sentence, and the exit code.
    """
    if isinstance(error, Cancelled):
        return "Cancelled", str(error) or "cancelled", CANCELLED
    if isinstance(error, KeyboardInterrupt):
        return "Cancelled", f"cancelled by {'SIGTERM' if 'SIGTERM' in error.args else 'Ctrl-C'}", CANCELLED
    if isinstance(error, RetouchError):
        return type(error).__name__, str(error), REFUSED
    if isinstance(error, MemoryError):
        return (
            "MemoryError",
            "there is not enough memory; try a smaller picture or a smaller region",
            INTERNAL,
        )
    return (
        "InternalError",
        f"internal error, {type(error).__name__}: {error} (a bug in retouch: please report it, "
        "with what --debug adds to the same command)",
        INTERNAL,
    )


def _command_first(words: Sequence[str]) -> list[str]:
    """Let ``retouch --json blend …`` mean ``retouch blend --json …``."""
    ahead = list(itertools.takewhile({"--json", "--quiet", "--debug"}.__contains__, words))
    rest = list(words[len(ahead) :])
    if ahead and not rest:
        raise InputError(f"{ahead[0]} needs a command, one of {', '.join(_commands())}; see: retouch --help")
    depth = 2 if rest[:1] and _within(rest[0]) else 1
    return [*rest[:depth], *ahead, *rest[depth:]]


def _unknown(words: Sequence[str]) -> InputError:
    within = words[:1] if _within(words[0]) else []
    word = words[len(within)]
    if word.startswith("-"):
        shown = " ".join(["retouch", *within, "--help"])
        return InputError(f"unknown option {word}; an option comes after a command, see: {shown}")
    kind = "edit" if words[0] in FOR_EACH_EDIT else "command"
    return UnknownName(kind, word, _within(words[0]) if within else _commands())


def _mistake(error: CycloptsError) -> str:
    """Put the parser's complaint into one short clause."""
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        return f"unexpected {error.unused_tokens[0]!r}"
    if isinstance(error, MissingArgumentError) and error.argument is not None:
        return f"{error.keyword} needs a value" if error.keyword else f"{error.argument.name} is missing"
    error.verbose = False
    message = one_line(str(error)).rstrip(".")
    return message[:1].lower() + message[1:]


def _commands() -> list[str]:
    return [*_edits(), *TOOLS]


def _edits() -> tuple[str, ...]:
    return tuple(edit.name.replace("_", "-") for edit in catalog.EDITS)


def _within(tool: str) -> tuple[str, ...]:
    """The commands of a tool that is several."""
    return _edits() if tool in FOR_EACH_EDIT else GROUPS.get(tool, ())


def _help_for(words: Sequence[str]) -> str:
    if not words or words[0] not in _commands():
        return "retouch --help"
    inner = list(words[1:2]) if words[1:2] and words[1] in _within(words[0]) else []
    return " ".join(["retouch", words[0], *inner, "--help"])
