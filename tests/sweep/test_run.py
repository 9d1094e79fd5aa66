"""Sweeps carried out by processes of their own."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retouch.errors import Cancelled, InputError, OutputExists, UnwritablePicture
from retouch.image import Picture
from retouch.progress import Progress
from retouch.sweep import Swept, sweep, workers

pytestmark = pytest.mark.usefixtures("dyeing")
Dyeing = Callable[..., Swept]


@pytest.fixture
def dyed(photos: Path, tmp_path: Path) -> Dyeing:
    """Sweep the made-up verb on the gray photo and the red cloth."""

    def make(vary: dict[str, Any], *, out: Path = tmp_path / "out", **options: Any) -> Swept:
        given = {"jobs": 1, **options}
        return sweep("dye", [photos / "gray.png", photos / "red.png"], vary=vary, out=out, **given)

    return make


def colour(swept: Swept, number: int) -> list[int]:
    pixels = Picture.open(swept.folder / swept.outcomes[number].file).numpy("uint8")
    assert pixels.shape == (12, 16, 3)
    assert (pixels == pixels[0, 0]).all()
    return [int(level) for level in pixels[0, 0]]


def test_cells_pictures_tables_and_page(dyed: Dyeing, tmp_path: Path) -> None:
    seen: list[Progress] = []
    swept = dyed({"strength": [0.0, 1.0], "wet": [False, True]}, progress=seen.append, jobs=2)
    assert [colour(swept, number) for number in range(4)] == [[128] * 3] * 2 + [[255, 0, 0]] * 2
    assert (swept.made, swept.failed) == (4, ())
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "cells", "cells.jsonl", "grid.png", "index.html", "table.json", "table.tsv",
    ]  # fmt: skip
    assert [outcome.report["loss"] for outcome in swept.outcomes] == [1.0, 1.0, 0.5, 0.5]
    assert swept.outcomes[0].report["broken"] is None
    fractions = [event.fraction or 0 for event in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert any("0 × no: dyeing" in event.stage for event in seen)
    # two processes of one package, the parent's, which share the cores
    reports = [outcome.report for outcome in swept.outcomes]
    assert len({report["process"] for report in reports}) == 2
    assert os.getpid() not in {report["process"] for report in reports}
    assert {report["module"] for report in reports} == {str(Path(workers.__file__).parents[1])}
    assert {report["threads"] for report in reports} == {"1"}
    assert sorted(outcome.first for outcome in swept.outcomes) == [False, False, True, True]
    table = json.loads((tmp_path / "out" / "table.json").read_text())
    assert table["cells"][3]["values"] == {"strength": "1", "wet": "yes"}
    assert table["cells"][3]["report"]["loss"] == 0.5


def test_what_is_there_is_not_made_again(dyed: Dyeing, photos: Path) -> None:
    first = dyed({"strength": [0.0, 1.0]})
    processes = [outcome.report["process"] for outcome in first.outcomes]
    seen: list[Progress] = []
    again = dyed({"strength": [0.0, 1.0]}, progress=seen.append)
    assert (again.made, seen) == (0, [])
    assert again.outcomes == first.outcomes
    # a further value: one cell
    more = dyed({"strength": [0.0, 0.5, 1.0]})
    assert more.made == 1
    assert [more.outcomes[0].report["process"], more.outcomes[2].report["process"]] == processes
    # a damaged picture, then another photo of the same name
    (more.folder / more.outcomes[1].file).write_bytes(b"")
    assert dyed({"strength": [0.0, 0.5, 1.0]}).made == 1
    Picture.of(np.full((12, 16, 3), 10, np.uint8)).save(photos / "gray.png")
    changed = dyed({"strength": [0.0, 1.0]})
    assert changed.made == 2
    assert colour(changed, 0) == [10] * 3
    assert dyed({"strength": [0.0]}, overwrite=True).made == 1


def test_a_cell_that_fails_does_not_stop_the_others(dyed: Dyeing) -> None:
    swept = dyed({"note": ["fail", "die", "killed", "bug", "shout", "fine"]})
    assert [outcome.error for outcome in swept.outcomes] == [
        "InputError", "WorkerDied", "WorkerDied", "InternalError", "", "",
    ]  # fmt: skip
    messages = [outcome.message for outcome in swept.outcomes]
    assert messages[0] == "the dye\tran <out>; buy some"
    assert messages[1] == "the process ended with code 3; the last words"
    assert messages[2].startswith("the process was ended by signal 9; it may have run out of memory")
    assert messages[3].startswith("ZeroDivisionError: nought (a bug in retouch")
    assert colour(swept, 4) == colour(swept, 5) == [255, 0, 0]
    assert [cell.labels for cell, _ in swept.failed] == [("fail",), ("die",), ("killed",), ("bug",)]
    assert swept.made == 2
    # they are tried again, and nothing else is
    assert dyed({"note": ["shout", "fine"]}).made == 0


def test_all_cells_may_fail(dyed: Dyeing) -> None:
    swept = dyed({"note": ["fail"]})
    assert len(swept.failed) == 1
    assert swept.page.is_file()
    assert (swept.folder / "grid.png").is_file()


@pytest.mark.parametrize("kind", [Cancelled, KeyboardInterrupt])
def test_stopping_keeps_the_finished_cells_and_ends_the_processes(
    dyed: Dyeing, tmp_path: Path, kind: type[BaseException]
) -> None:
    draft = tmp_path / "out" / "cells" / ".retouch-1234.tmp"

    def stop(event: Progress) -> None:
        if event.stage == "wait: dyeing":
            draft.write_text("half a picture")
            raise kind("enough")

    started = time.perf_counter()
    with pytest.raises(kind, match="enough") as caught:
        dyed({"note": ["fine", "wait", "last"]}, progress=stop)
    assert time.perf_counter() - started < 30
    if kind is Cancelled:
        assert str(caught.value).startswith("enough; 1 of 3 cells are kept in ")
        assert str(caught.value).endswith("; the same command goes on from there")
    assert not draft.exists()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["cells", "cells.jsonl"]
    assert dyed({"note": ["fine", "last"]}).made == 1


def test_the_last_cell_can_be_stopped_while_it_works(dyed: Dyeing) -> None:
    """The processes are ended, not waited for: the cell would take a minute."""
    started = time.perf_counter()

    def stop(event: Progress) -> None:
        if event.stage.endswith("dyeing"):
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        dyed({"note": ["wait"]}, progress=stop)
    assert time.perf_counter() - started < 30


def test_a_process_that_cannot_start_is_the_error_of_its_cell(
    dyed: Dyeing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "COMMAND", ("/nowhere/python",))
    swept = dyed({"note": ["a", "b"]})
    assert [outcome.error for outcome in swept.outcomes] == ["WorkerDied"] * 2
    assert swept.outcomes[0].message == (
        "no process could be started (No such file or directory); try fewer --jobs"
    )


def test_places_that_take_no_sweep(dyed: Dyeing, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnwritablePicture, match="file is a file; give a folder"):
        dyed({"count": [1]}, out=tmp_path / "file")
    with pytest.raises(UnwritablePicture, match="nowhere does not exist; make it first"):
        dyed({"count": [1]}, out=tmp_path / "nowhere" / "out")
    with pytest.raises(OutputExists, match="photos holds other files and no sweep"):
        dyed({"count": [1]}, out=tmp_path / "photos")
    with pytest.raises(InputError, match="at least one job at a time, got 0"):
        dyed({"count": [1]}, jobs=0)
    assert not (tmp_path / "out").exists()
    assert dyed({"count": [1]}, out=tmp_path / "photos", overwrite=True).made == 1
    assert (tmp_path / "photos" / "gray.png").is_file()
