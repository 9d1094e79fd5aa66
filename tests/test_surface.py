"""One promise, many surfaces: what the library, the catalog and the command line must agree on."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest

import retouch
from retouch import catalog
from retouch.catalog import Edit, arguments_in
from retouch.cli.app import build

HOUSE = Path(__file__).resolve().parents[1]
PUBLIC = [
    "Box",
    "Cancelled",
    "Drawing",
    "Inpainter",
    "Inversion",
    "Inverter",
    "Mask",
    "Painter",
    "Picture",
    "PoissonSolver",
    "Polygon",
    "Progress",
    "Region",
    "Restorer",
    "RetouchError",
    "Stylizer",
    "Translator",
    "blend",
    "draw",
    "evaluate",
    "evaluate_inpainting",
    "evaluate_restoration",
    "fill",
    "flatten",
    "inpaint",
    "invert",
    "morph",
    "recolor",
    "reconstruct",
    "relight",
    "repaint",
    "restore",
    "sample",
    "solve_poisson",
    "stylize",
    "texture",
    "tile",
    "translate",
    "upscale",
    "vary",
]
every_edit = pytest.mark.parametrize("edit", catalog.EDITS, ids=lambda edit: edit.name)


def test_the_public_names_are_these() -> None:
    assert retouch.__all__ == PUBLIC == sorted(PUBLIC)
    for name in PUBLIC:
        assert getattr(retouch, name).__name__ == name
    assert set(PUBLIC) <= set(dir(retouch))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'blnd'; it has Box, Cancelled"):
        _ = retouch.blnd


def test_importing_has_no_side_effect() -> None:
    code = """
import json, os, sys
seen = []
def watch(event, given):
    if event == "open" and isinstance(given[1], str) and set(given[1]) & set("wax+"):
        seen.append(f"open {given[0]}")
    elif event.split(".")[0] in ("socket", "subprocess") or event in ("os.putenv", "os.mkdir", "os.system"):
        seen.append(event)
before = dict(os.environ), os.getcwd(), sys.getrecursionlimit()
sys.addaudithook(watch)
import retouch
assert before == (dict(os.environ), os.getcwd(), sys.getrecursionlimit())
heavy = {"torch", "numpy", "PIL", "cv2", "numba", "cyclopts", "rich"} & set(sys.modules)
print(json.dumps(seen + sorted(heavy)))
"""
    done = subprocess.run(
        [sys.executable, "-B", "-c", code],
        env={**os.environ, "PYTHONPATH": str(HOUSE / "src")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""
    assert json.loads(done.stdout) == []


def test_the_catalog_and_the_library_hold_the_same_verbs() -> None:
    functions = [item for item in (getattr(retouch, name) for name in PUBLIC) if inspect.isfunction(item)]
    verbs = {function.__name__ for function in functions if function.__annotations__["return"] == "Picture"}
    assert verbs == {edit.name for edit in catalog.EDITS}
    for edit in catalog.EDITS:
        assert edit.load() is getattr(retouch, edit.name)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_thing_is_documented(name: str) -> None:
    thing = getattr(retouch, name)
    described = inspect.getdoc(thing) or ""
    assert described.split("\n", maxsplit=1)[0].endswith(".")
    if inspect.isfunction(thing):
        assert list(arguments_in(described)) == list(inspect.signature(thing).parameters)
        assert all(arguments_in(described).values())
        for section in ("Returns", "Raises"):
            assert f"\n{section}:\n" in described, f"{name} has no {section} section"


@every_edit
def test_a_summary_is_the_first_line_of_the_docstring(edit: Edit) -> None:
    assert (inspect.getdoc(edit.load()) or "").split("\n", maxsplit=1)[0] == edit.summary


@every_edit
def test_a_verb_reports_progress_and_takes_options_by_name_only(edit: Edit) -> None:
    parameters = inspect.signature(edit.load()).parameters
    assert parameters["progress"].default is None
    for option in edit.options():
        kind = parameters[option.name].kind
        if option.kind not in ("picture", "mask", "latent"):
            assert kind is inspect.Parameter.KEYWORD_ONLY, option.name
        assert kind not in (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)


@every_edit
def test_the_command_line_has_the_verbs_options_and_defaults(edit: Edit) -> None:
    signature = inspect.signature(edit.load())
    options = {option.name: option for option in edit.options()}
    assert set(options) == set(signature.parameters) - {"progress"}
    pictures = [name for name, option in options.items() if option.placed]
    _, bound, _ = build().parse_args([edit.name, *pictures, "-o", "out.png"], exit_on_error=False)
    bound.apply_defaults()
    parsed: dict[str, Any] = dict(bound.arguments)
    assert [str(parsed.pop(name)) for name in pictures] == pictures
    drawn = {"mask", "polygon", "box", "invert_mask", "grow", "feather"} if "mask" in options else set()
    surplus = {name: parsed.pop(name) for name in drawn | {"destination", "printing"}}
    assert not surplus.get("mask")
    expected = {
        name: parameter.default
        for name, parameter in signature.parameters.items()
        if name not in {*pictures, "mask", "progress"}
    }
    assert parsed == expected


@every_edit
def test_the_command_line_has_the_verbs_choices(edit: Edit) -> None:
    verb = edit.load()
    arguments = {argument.name: argument for argument in build()[edit.name].assemble_argument_collection()}
    aliases = {
        name: value for name, value in vars(sys.modules[verb.__module__]).items() if not name.startswith("_")
    }
    for name, annotation in verb.__annotations__.items():
        # Only what the module itself spells out as choices; the names of types do not matter here.
        spelt = aliases.get(annotation.split(" |")[0]) if "Literal" not in annotation else None
        if "Literal" in annotation:
            spelt = eval(annotation, vars(sys.modules[verb.__module__]))
        choices = [choice for literal in _literals(spelt) for choice in get_args(literal)]
        shown = arguments.get("--" + name.replace("_", "-"))
        if choices:
            assert shown is not None, name
            offered = f"{shown.hint} {shown.parameter.metavar}"
            assert all(choice in offered for choice in choices), (name, offered)


def test_a_flag_for_several_files_is_given_again_for_each() -> None:
    words = ["stylize", "a.jpg", "b.jpg", "-o", "out.png"]
    _, bound, _ = build().parse_args(
        [*words, "--styles", "c.jpg", "--masks", "d.png", "--styles", "e.jpg", "--masks", "f.png"],
        exit_on_error=False,
    )
    assert bound.arguments["styles"] == (Path("c.jpg"), Path("e.jpg"))
    assert bound.arguments["masks"] == (Path("d.png"), Path("f.png"))


def _literals(annotation: object) -> list[object]:
    return [item for item in (annotation, *get_args(annotation)) if get_origin(item) is Literal]


def test_every_command_takes_json() -> None:
    app = build()
    for name in [*(edit.name for edit in catalog.EDITS), "demo", "doctor"]:
        names = {argument.name for argument in app[name].assemble_argument_collection()}
        assert {"--json", "--quiet", "--debug"} <= names, name
