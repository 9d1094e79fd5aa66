"""Whether a command that no test runs is at least one that the program would take."""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Iterable
from typing import Any

from retouch import catalog
from retouch.cli import recipes
from retouch.cli.app import build
from retouch.cli.options import parameters
from retouch.cli.train import OWN
from retouch.cli.varying import varied
from retouch.training import changed, named
from tests.docs.blocks import HOUSE, invocations, retouch_words


def check(line: str) -> None:
    """Raise what is wrong with a line of shell: an unknown command, option, value, target or extra.

    Args:
        line: one command, a pipe, a loop.
    """
    # What a variable will hold is not known here; 1 is a number, a word and a file name.
    for call in invocations(re.sub(r"\$\([^)]*\)|\$\{[^}]*\}", "1", line)):
        words = [re.sub(r"\$\w+", "1", word) for word in call]
        ours = retouch_words(words)
        if ours is not None:
            check_words(ours)
        elif words[0] == "make":
            check_targets(words[1:])
        elif "install" in words and ("pip" in words[0] or "pip" in words):
            check_extras(words)


def check_words(words: list[str]) -> None:
    """Parse the words after ``retouch`` without doing what they say."""
    if {"--help", "-h", "--version"} & set(words):
        build()[words[0]] if words[0][0] != "-" else None
        return
    _, bound, _ = build().parse_args(words, exit_on_error=False, print_error=False)
    if words[0] == "train":
        check_recipe(bound.args, bound.arguments.get("time_budget"))
    if words[0] == "sweep":
        check_axes(words[1], bound.arguments["sweeping"].vary)


def check_recipe(words: Iterable[str], _budget: Any) -> None:
    """Read the options of a recipe, down to the kind of each value."""
    name, values = recipes.split(list(words))
    if name is None:
        every = [
            recipe
            for recipe in catalog.recipes()
            if set(values) <= {item.name for item in recipes.described(recipe)}
        ]
        assert every, f"no recipe has all of {', '.join(values)}"
        return
    recipe = named(catalog.recipes(), name)
    changed(recipe(), recipes.read_values(recipe, values, OWN))


def check_axes(name: str, axes: Iterable[str]) -> None:
    """Read what a sweep varies."""
    edit = catalog.edit_named(name.replace("-", "_"))
    own: list[inspect.Parameter] = [item for option in edit.options() for item in parameters(option)]
    for axis in axes:
        varied(edit, own, axis)


def check_targets(words: Iterable[str]) -> None:
    """Look a Makefile's targets up."""
    text = (HOUSE / "Makefile").read_text(encoding="utf-8")
    for word in words:
        assert "=" in word or word.startswith("-") or re.search(rf"^{word}:", text, re.MULTILINE), (
            f"make {word}"
        )


def check_extras(words: Iterable[str]) -> None:
    """Look the extras of an installation up."""
    project = tomllib.loads((HOUSE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for word in words:
        asked = re.fullmatch(r"(?:\.|retouch|.*\.whl)\[([\w,-]+)\]", word)
        for extra in asked[1].split(",") if asked else ():
            assert extra in project["optional-dependencies"], f"there is no extra {extra}"
