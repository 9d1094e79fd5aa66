"""The page and the tables of a sweep."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from retouch.sweep import Outcome, Plan, Swept, plan
from retouch.sweep.facts import brief
from retouch.sweep.grid import write_grids
from retouch.sweep.page import write_page
from retouch.sweep.tables import write_tables

Finishing = Callable[..., Swept]


class Reading(HTMLParser):
    """What a page links to and says, and whether its elements are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.words: list[str] = []
        self.tags: set[str] = set()
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in ("meta", "img", "br"):
            self._open.append(tag)
        given = dict(attrs)
        assert not any(name.startswith("on") for name in given)
        if tag == "img":
            self.images.append(given)
        if given.get("href"):
            self.links.append(str(given["href"]))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data.strip())


def read(swept: Swept) -> Reading:
    swept = replace(swept, grids=write_grids(swept))
    write_tables(swept)
    return Reading(write_page(swept).read_text(encoding="utf-8"))


def test_every_cell_is_shown_and_leads_to_its_file(square: Plan, finished: Finishing) -> None:
    swept = finished(square)
    page = read(swept)
    cells = [image for image in page.images if not str(image["src"]).startswith("data:")]
    assert [unquote(str(image["src"])) for image in cells] == [outcome.file for outcome in swept.outcomes]
    assert [image["alt"] for image in cells][:2] == ["gray.png × 0", "gray.png × 0.5"]
    assert (cells[0]["width"], cells[0]["height"]) == ("60", "40")
    for link in page.links:
        assert "//" not in link
        assert (swept.folder / unquote(link)).is_file()
    assert {"grid.png", "table.tsv", "table.json"} < set(page.links)
    assert "1.25 s, loss 1" in page.words
    assert page.words.count("network") == 1
    # the two photos that are varied, small
    assert sum(str(image["src"]).startswith("data:image/jpeg;base64,") for image in page.images) == 2


def test_nothing_that_a_file_or_an_error_is_called_becomes_markup(
    dyes: None, photos: Path, finished: Finishing
) -> None:
    evil = '<script>alert("1")</script>&amp;\'#? %41'
    hostile = photos / f"{evil.replace('/', '')}.png"
    hostile.write_bytes((photos / "red.png").read_bytes())
    todo = plan(
        "dye", [hostile], vary={"cloth": [hostile, photos / "red.png"], "note": [evil, "b"]}, options={}
    )
    swept = finished(todo)
    wrong = Outcome(todo.cells[1].key, error="InputError", message=evil)
    page = read(replace(swept, outcomes=(swept.outcomes[0], wrong, *swept.outcomes[2:])))
    assert "script" not in page.tags
    assert evil in page.words
    assert hostile.name in page.words


def test_grids_of_a_third_option_have_headings_of_their_own(
    dyes: None, photos: Path, finished: Finishing
) -> None:
    vary: dict[str, list[object]] = {"wet": [False, True], "count": [1, 2], "strength": [0.1, 0.2]}
    page = read(finished(plan("dye", [photos / "red.png", photos / "blue.png"], vary=vary)))
    assert [word for word in page.words if word.startswith("wet ")] == ["wet no", "wet yes"]
    assert [link for link in page.links if link.startswith("grid")] == ["grid-1.png", "grid-2.png"]


def test_the_table_has_a_row_for_each_cell(square: Plan, finished: Finishing) -> None:
    swept = finished(square)
    wrong = Outcome(square.cells[5].key, error="InputError", message="a\tb\nc")
    write_tables(replace(swept, outcomes=(*swept.outcomes[:5], wrong)))
    lines = [line.split("\t") for line in (swept.folder / "table.tsv").read_text().splitlines()]
    assert lines[0] == [
        "photo", "strength", "file", "seconds", "width", "height", "loss", "network", "error",
    ]  # fmt: skip
    assert len(lines) == 7
    assert {len(line) for line in lines} == {9}
    assert lines[2] == [
        "gray.png", "0.5", swept.outcomes[1].file, "2.25", "60", "40", "0.5", "same", "",
    ]  # fmt: skip
    assert lines[6][-1] == "InputError: a b c"
    table = json.loads((swept.folder / "table.json").read_text())
    assert table["vary"] == {"photo": ["gray.png", "red.png"], "strength": ["0", "0.5", "full"]}
    assert table["fixed"] == {"cloth": "blue.png"}
    assert [cell["error"] for cell in table["cells"]] == [None] * 5 + ["InputError"]
    assert table["cells"][1]["arguments"]["strength"] == 0.5


def test_a_reported_name_may_be_an_option_too(square: Plan, finished: Finishing) -> None:
    swept = finished(square)
    outcomes = tuple(replace(outcome, report={"strength": 9}) for outcome in swept.outcomes)
    write_tables(replace(swept, outcomes=outcomes))
    lines = [line.split("\t") for line in (swept.folder / "table.tsv").read_text().splitlines()]
    assert lines[0][1:2] + lines[0][-2:] == ["strength", "reported strength", "error"]
    assert lines[1][1:2] + lines[1][-2:] == ["0", "9", ""]


@pytest.mark.parametrize(
    ("reports", "words"),
    [
        ([{}, {}], "0.50 s"),
        ([{"steps": 10, "name": "x"}, {"steps": 10, "name": "y"}], "0.50 s"),
        ([{"a": 1.23456, "b": 2, "c": 1}, {}], "0.50 s, a 1.235, b 2"),
        ([{"loss_before": 1, "loss": 3, "c": 1}, {}], "0.50 s, loss 3"),
        ([{"ok": True}, {"ok": False}], "0.50 s"),
    ],
)
def test_only_figures_that_differ_are_worth_saying(reports: list[dict[str, object]], words: str) -> None:
    outcomes = [Outcome("k", "f", seconds=0.5, report=report) for report in reports]  # type: ignore[arg-type]
    assert brief(outcomes[0], outcomes) == words
    assert brief(replace(outcomes[0], first=True), outcomes).startswith("0.50 s with loading")
    assert brief(Outcome("k", error="InputError", message="no"), outcomes) == "InputError"
