"""``retouch sweep``: words to a plan, and a plan carried out."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from PIL import Image

from retouch.cli.varying import split
from retouch.image import Box, Polygon, Region
from retouch.image.plain import decoded
from retouch.sweep import Plan, workers
from tests.cli import made_up
from tests.cli.conftest import Said

Say = Callable[..., Said]
HOUSE = Path(__file__).resolve().parents[2]


class Planned(Exception):
    """Carries the plan out of the command."""


@pytest.fixture
def planned(say: Say, photo: Path, tmp_path: Path) -> Iterator[Callable[..., Plan]]:
    """Run ``retouch sweep`` with the made-up verbs up to the plan."""
    plans: list[Plan] = []

    def keep(todo: Plan, *_: object, **__: object) -> None:
        plans.append(todo)
        raise Planned

    def make(*words: object) -> Plan:
        plans.clear()
        said = say("sweep", *words, "-o", tmp_path / "out")
        assert plans, said.err
        return plans[0]

    with made_up.in_catalog(), mock.patch("retouch.sweep.run", keep):
        yield make


def arguments(todo: Plan, name: str) -> list[object]:
    return [decoded(cell.arguments.get(name)) for cell in todo.cells]


BOX = ("--box", "2,3,12,8")


@pytest.mark.parametrize(
    ("text", "name", "values"),
    [
        ("strength=0.5,-1", "strength", [0.5, -1.0]),
        ("strength=0.5", "strength", [0.5]),
        (" --strength = 0.5 , 1 ", "strength", [0.5, 1.0]),
        ("tolerance=exact,1e-3", "tolerance", ["exact", 1e-3]),
        ("gradients=source;mixed", "gradients", ["source", "mixed"]),
        ("steps=3,4", "steps", [3, 4]),
        ("linear-light=yes,no", "linear_light", [True, False]),
        ("linear_light=on", "linear_light", [True]),
        ("at=1,2", "at", [(1, 2)]),
        ("at=1,2;-3,4", "at", [(1, 2), (-3, 4)]),
        ("note=a,b", "note", ["a", "b"]),
        ("note=a,b;", "note", ["a,b"]),
        ("note=;a=b", "note", ["", "a=b"]),
        ("edges={photo},{photo2}", "edges", ["{photo}", "{photo2}"]),
    ],
)
def test_values_are_read_as_the_option_itself_would_be(
    planned: Callable[..., Plan], photo: Path, text: str, name: str, values: list[Any]
) -> None:
    files = {"photo": photo, "photo2": photo.with_name("photo2.png")}
    Image.new("L", (40, 30)).save(files["photo2"])
    found = arguments(planned("darken", photo, *BOX, "--vary", text.format(**files)), name)
    wanted = [
        Path(value.format(**files)) if isinstance(value, str) and "{" in value else value for value in values
    ]
    assert found == wanted
    assert [type(value) for value in found] == [type(value) for value in wanted]


def test_options_that_are_not_varied_are_for_all_cells(planned: Callable[..., Plan], photo: Path) -> None:
    words = ("--strength", "0.25", "--linear-light", "--gradients", "source")
    todo = planned("darken", photo, *BOX, *words, "--vary", "steps=1,2")
    assert arguments(todo, "strength") == [0.25] * 2
    assert arguments(todo, "mask") == [Region(Box(2, 3, 12, 8))] * 2
    # what is left at its default is not worth saying
    assert dict(todo.fixed) == {
        "photo": "photo.png", "strength": "0.25", "linear-light": "yes", "mask": "box 2,3,12,8",
    }  # fmt: skip


def test_photos_and_masks_may_be_varied(planned: Callable[..., Plan], photo: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.png"
    Image.new("L", (40, 30), 255).save(other)
    todo = planned("darken", "--vary", f"photo={photo},{other}", *BOX, "--vary", "steps=1,2")
    assert [cell.labels for cell in todo.cells] == [
        ("photo.png", "1"), ("photo.png", "2"), ("other.png", "1"), ("other.png", "2"),
    ]  # fmt: skip
    assert arguments(todo, "photo")[2] == other
    todo = planned("darken", photo, "--vary", f"mask={other},{photo}", "--grow", "2")
    assert arguments(todo, "mask") == [Region(other, grow=2), Region(photo, grow=2)]
    todo = planned("darken", photo, other, "--vary", "steps=1,2")
    assert arguments(todo, "mask") == [Region(other)] * 2


def test_what_draws_the_region_varies_the_region(planned: Callable[..., Plan], photo: Path) -> None:
    todo = planned("soften", photo, *BOX, "--feather", "1", "--vary", "grow=-2,0,2")
    regions = [Region(Box(2, 3, 12, 8), grow=grow, feather=1) for grow in (-2, 0, 2)]
    assert arguments(todo, "mask") == regions
    assert (todo.axes[0].name, todo.axes[0].labels) == ("grow", ("-2", "0", "2"))
    todo = planned("soften", photo, "--vary", "box=0,0,9,9;1,1,5,5")
    assert arguments(todo, "mask") == [Region(Box(0, 0, 9, 9)), Region(Box(1, 1, 5, 5))]
    todo = planned("soften", photo, "--vary", "polygon=0,0 9,0 9,9")
    assert arguments(todo, "mask") == [Region(Polygon([(0, 0), (9, 0), (9, 9)]))]
    todo = planned("soften", photo, *BOX, "--vary", "invert-mask=no,yes")
    assert arguments(todo, "mask") == [Region(Box(2, 3, 12, 8)), Region(Box(2, 3, 12, 8), invert=True)]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "nothing is varied; name an option and its values, such as --vary"),
        (("--vary", "strength"), "--vary 'strength' has no values; write --vary NAME=VALUE,VALUE"),
        (("--vary", "strength= "), "has no values"),
        (("--vary", "strengh=1"), "unknown option of darken 'strengh'; did you mean strength"),
        (("--vary", "progress=1"), "unknown option of darken 'progress'"),
        (("--vary", "strength=1,,2"), "--vary strength has an empty value; write values with one comma"),
        (("--vary", "strength=1,x"), "--vary strength: invalid value for --strength: 'x' is not a number"),
        (("--vary", "gradients=mixd"), '--vary gradients: invalid value "mixd" for --gradients'),
        (("--vary", "steps=1.5"), "'1.5' is not a whole number"),
        (("--vary", "at=1;2"), "'1' is not a place; write two whole numbers of pixels as X,Y"),
        (("--vary", "linear-light=1"), "--vary linear-light: '1' is not a switch; write yes or no"),
        (("--vary", "box=1,2;3"), "cannot read the box '1,2'"),
        (("--vary", "steps=1,2,1"), "steps is varied over 1 twice"),
        (("--vary", "steps=1", "--vary", "steps=2"), "steps is varied twice"),
        (("--vary", "steps=1", "--steps", "7"), "--steps is varied and given as well"),
        (("--vary", "box=1,2,3,4", "--vary", "grow=2"), "box and grow both make the region; vary one"),
        (("--vary", "steps=" + ",".join(map(str, range(401)))), "401 values are 401 cells, more than 400"),
        (("--vary", "steps=1", "--jobs", "0"), "at least one job at a time, got 0"),
        (("--vary", "steps=1", "--jobs", "two"), "'two' is not a whole number"),
        (("--vary", "steps=1", "extra.png", "more.png"), "darken takes 1 picture here (photo), got 3"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_before_any_work(
    say: Say, made_up_verbs: object, photo: Path, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    drawn = () if any(word.startswith("box=") for word in words) else BOX
    said = say("sweep", "darken", photo, *drawn, *words, "-o", tmp_path / "out")
    assert (said.code, said.out) == (2, "")
    assert message in said.err
    assert said.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("darken", "{photo}", "--vary", "steps=1"), "no region is given; say where to edit with --mask"),
        (("darken", *BOX, "--vary", "steps=1"), "darken takes 1 picture here (photo), got 0"),
        (("darken", "no.png", *BOX, "--vary", "steps=1"), "no.png does not exist; check the path"),
        (("darkn", "--vary", "steps=1"), "unknown edit 'darkn'; did you mean darken"),
        (("darken", "{photo}", "--strenth", "1"), "see: retouch sweep darken --help"),
    ],
)
def test_what_is_missing_is_said(
    say: Say, made_up_verbs: object, photo: Path, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    said = say("sweep", *(word.format(photo=photo) for word in words), "-o", tmp_path / "out")
    assert said.code == 2
    assert message in said.err


def test_the_options_of_every_edit_are_in_its_help(say: Say, made_up_verbs: object) -> None:
    assert "darken" in say("sweep", "--help").out
    said = say("sweep", "darken", "--help")
    assert said.code == 0
    for word in ("--vary", "--jobs", "--strength", "--box", "--output", "What is not varied of: photo"):
        assert word in said.out


@pytest.mark.parametrize(
    ("text", "parts"),
    [("a", ["a"]), ("a,b", ["a", "b"]), ("a,b;c", ["a,b", "c"]), ("a,b;", ["a,b"]), (";a", ["", "a"])],
)
def test_values_are_split_at_semicolons_or_commas(text: str, parts: list[str]) -> None:
    assert split(text) == tuple(parts)


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The made-up verbs exist in a sweep's processes as well."""
    monkeypatch.setattr(workers, "COMMAND", (sys.executable, "-P", "-m", "tests.cli.sweep_worker"))
    monkeypatch.setenv("PYTHONPATH", str(HOUSE))


@pytest.mark.usefixtures("processes", "made_up_verbs")
def test_a_sweep_from_words_to_the_page(
    say: Say, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("sweep", "darken", "photo.png", *BOX, "--vary", "strength=0,1", "-o", "out", "--jobs", 1)
    said = say(*words)
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[0].startswith("out/index.html (2 cells, ")
    assert lines[1:] == ["out/grid.png"]
    facts = say(*words, "--json").facts
    assert 0 <= facts.pop("seconds") < 10
    assert facts == {
        "output": str(tmp_path / "out" / "index.html"),
        "grids": [str(tmp_path / "out" / "grid.png")],
        "cells": 2,
        "made": 0,
        "there_already": 2,
        "failed": [],
    }
    before, after = (np.asarray(Image.open(path)) for path in sorted(Path("out/cells").iterdir()))
    assert np.array_equal(before, np.asarray(Image.open(photo)))
    assert (after[3:8, 2:12] == 0).all()
    assert "2 of them there already" in say(*words).out
    assert say(*words, "--quiet") == Said(0, "", "")


@pytest.mark.usefixtures("processes", "made_up_verbs")
def test_failed_cells_make_the_exit_code_1(say: Say, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    vary = f"photo={photo},{tmp_path / 'text.png'}"
    said = say("sweep", "darken", *BOX, "--vary", vary, "-o", tmp_path / "out", "--jobs", 1)
    assert (said.code, said.err) == (1, "")
    assert "note: text.png failed: " in said.out
    facts = say("sweep", "darken", *BOX, "--vary", vary, "-o", tmp_path / "out", "--json").facts
    assert [(one["cell"], one["error"]) for one in facts["failed"]] == [("text.png", "UnreadablePicture")]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the signals of POSIX")
def test_ctrl_c_keeps_what_is_finished(photo: Path, tmp_path: Path) -> None:
    words = ["sweep", "darken", str(photo), *BOX, "--vary", "steps=1,6000", "-o", str(tmp_path / "out")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HOUSE / "src"), str(HOUSE)])}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.cli.slow_sweep", *words, "--jobs", "1"],
        cwd=HOUSE, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    ledger = tmp_path / "out" / "cells.jsonl"
    until = time.monotonic() + 60
    while time.monotonic() < until and (not ledger.exists() or ledger.read_text().count("\n") < 2):
        time.sleep(0.05)
    time.sleep(0.3)
    # a terminal sends it to the workers, too
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, b"")
    assert b"cancelled by Ctrl-C; 1 of 2 cells are kept in" in err
    assert err.count(b"\n") == 1
    # the cell that was stopped is not recorded as one that failed
    assert ledger.read_text().count("\n") == 2
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
