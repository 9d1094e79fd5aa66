from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retouch import catalog
from retouch.cli import demo as demo_module
from retouch.cli.demo import MARKER, cases_of
from retouch.errors import NotConverged
from tests.cli import made_up
from tests.cli.conftest import Said, names

Say = Callable[..., Said]

CASES = """
[[case]]
title = "A darker <corner>"
caption = "Look at the corner & nothing else."
command = 'retouch darken photo.png --box "0,0,9,9" -o dark.png'
before = "photo.png"
credit = "made by the test"

[[case]]
title = "Softer"
caption = "Nothing happens."
command = "retouch soften photo.png --mask where.png -o soft.png"
before = "photo.png"
credit = "made by the test"
tiled = true
"""


@pytest.fixture
def samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made_up_verbs: object) -> Path:
    """The demo folder of the made-up task."""
    folder = tmp_path / "samples"
    folder.mkdir()
    (folder / "cases.toml").write_text(CASES)
    Image.fromarray(np.full((30, 40, 3), 200, np.uint8)).save(folder / "photo.png")
    Image.new("L", (40, 30), 255).save(folder / "where.png")
    monkeypatch.setattr(demo_module, "_folder", lambda task: folder)
    monkeypatch.chdir(tmp_path)
    return folder


class Page(HTMLParser):
    """Collects what a page loads, and checks that its tags close."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.loads += [str(given[name]) for name in ("src", "href") if name in given]
        self.loads += re.findall(r"url\((.*?)\)", given.get("style") or "")
        if tag not in ("meta", "img", "input", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_shows_every_case_and_loads_only_what_lies_beside_it(
    say: Say, samples: Path, tmp_path: Path
) -> None:
    said = say("demo", "--out", "out")
    assert (said.code, said.err) == (0, "")
    page = Path(said.out.splitlines()[-1])
    assert page == tmp_path / "out" / "index.html"
    shown = Page(page)
    assert "A darker <corner>" in shown.text
    assert "corner & nothing else" in shown.text
    assert 'retouch darken photo.png --box "0,0,9,9" -o dark.png' in shown.text
    assert "residual 1.5e-07" in shown.text
    files = [name for name in shown.loads if not name.startswith("#")]
    assert set(files) == {"photo.png", "dark.png", "soft.png", "where.png"}
    assert all((page.parent / name).is_file() for name in files)
    assert np.asarray(Image.open(page.parent / "dark.png"))[0, 0, 0] == 100
    assert not list(page.parent.glob(".retouch-demo-*"))


def test_json(say: Say, samples: Path, tmp_path: Path) -> None:
    facts = say("demo", "--json").facts
    assert facts["output"] == str(tmp_path / "retouch-demo" / "index.html")
    assert [case["title"] for case in facts["cases"]] == ["A darker <corner>", "Softer"]
    assert facts["cases"][0]["residual"] == 1.5e-7
    assert facts["cases"][0]["output"] == str(tmp_path / "retouch-demo" / "dark.png")
    assert facts["seconds"] >= sum(case["seconds"] for case in facts["cases"])


def test_an_earlier_demo_is_replaced_and_nothing_else(say: Say, samples: Path) -> None:
    assert say("demo", "--out", "out").code == 0
    Path("out/notes.txt").write_text("mine")
    (samples / "cases.toml").write_text(CASES.replace("dark.png", "darker.png"))
    assert say("demo", "--out", "out").code == 0
    assert names("out") == [
        MARKER, "darker.png", "index.html", "notes.txt", "photo.png", "soft.png", "where.png",
    ]  # fmt: skip
    assert Path("out/notes.txt").read_text() == "mine"


def test_a_folder_with_other_files_is_refused(say: Say, samples: Path) -> None:
    Path("out").mkdir()
    Path("out/photo.png").write_bytes(b"precious")
    said = say("demo", "--out", "out")
    assert said.code == 2
    assert "photo.png" in said.err
    assert "--overwrite" in said.err
    assert names("out") == ["photo.png"]
    assert Path("out/photo.png").read_bytes() == b"precious"
    assert say("demo", "--out", "out", "--overwrite").code == 0
    Path("letters").mkdir()
    Path("letters/letter.txt").write_text("mine")
    assert "letter.txt" in say("demo", "--out", "letters").err
    assert names("letters") == ["letter.txt"]
    assert say("demo", "--out", "letters", "--overwrite").code == 0
    assert Path("letters/letter.txt").read_text() == "mine"
    assert Path("out/photo.png").read_bytes() != b"precious"


def test_a_file_of_someone_else_in_an_earlier_demo_is_kept(say: Say, samples: Path) -> None:
    assert say("demo", "--out", "out").code == 0
    Path("out/darker.png").write_bytes(b"precious")
    (samples / "cases.toml").write_text(CASES.replace("dark.png", "darker.png"))
    said = say("demo", "--out", "out")
    assert said.code == 2
    assert "darker.png is not from a demo" in said.err
    assert Path("out/darker.png").read_bytes() == b"precious"
    assert Path("out/dark.png").exists()


def test_a_marker_cannot_lead_out_of_its_folder(say: Say, samples: Path) -> None:
    Path("victim.txt").write_text("mine")
    Path("out").mkdir()
    Path("out", MARKER).write_text(json.dumps({"files": ["../victim.txt", "index.html", 3, ".."]}))
    assert say("demo", "--out", "out").code == 0
    assert Path("victim.txt").read_text() == "mine"


def test_a_file_in_place_of_the_folder(say: Say, samples: Path) -> None:
    Path("out").write_text("mine")
    assert "is a file" in say("demo", "--out", "out").err
    assert "out/in" in say("demo", "--out", "out/in").err
    assert Path("out").read_text() == "mine"


def test_an_edit_that_fails_leaves_the_earlier_demo_as_it_was(say: Say, samples: Path) -> None:
    def fail() -> None:
        raise NotConverged("it did not converge")

    made_up.meanwhile.append(fail)
    said = say("demo", "--out", "new/out")
    assert (said.code, said.err) == (2, "retouch: error: it did not converge\n")
    assert not Path("new/out").exists()
    made_up.meanwhile.clear()
    assert say("demo", "--out", "out").code == 0
    before = {name: Path("out", name).read_bytes() for name in names("out")}
    made_up.meanwhile.append(fail)
    assert say("demo", "--out", "out").code == 2
    assert {name: Path("out", name).read_bytes() for name in names("out")} == before
    assert Path.cwd() == samples.parent


@pytest.mark.parametrize(
    ("change", "message"),
    [(("title =", "titel ="), "unknown key titel"), (('credit = "made by the test"', ""), "lacks")],
)
def test_a_case_with_a_misspelt_key_is_refused(samples: Path, change: tuple[str, str], message: str) -> None:
    (samples / "cases.toml").write_text(CASES.replace(*change))
    with pytest.raises(ValueError, match=message):
        cases_of("made_up")


@pytest.mark.parametrize("edit", catalog.EDITS, ids=lambda edit: edit.name)
def test_every_edit_has_a_case(edit: catalog.Edit) -> None:
    assert edit.name in {case.words[0] for case in cases_of(edit.task)}
