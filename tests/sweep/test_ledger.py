"""The record of finished cells."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from retouch.errors import OutputExists, UnwritablePicture
from retouch.image.plain import sha256_of
from retouch.sweep.ledger import LEDGER, Ledger, Outcome

NOTHING = hashlib.sha256(b"").hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two finished cells, a failed one, and the record."""
    (tmp_path / "cells").mkdir()
    ledger = Ledger(tmp_path, "dye")
    ledger.begin(anew=False)
    for name in ("a", "b"):
        (tmp_path / "cells" / f"{name}.png").write_text(name)
        ledger.add(made(tmp_path, name))
    ledger.add(Outcome("c", error="InputError", message="no"))
    return tmp_path


def made(folder: Path, name: str) -> Outcome:
    file = f"cells/{name}.png"
    return Outcome(name, file, sha256_of(folder / file), 3, 4, 0.5, report={"loss": 0.25, "note": "ü\n"})


def test_finished_cells_are_found_again_and_failed_ones_are_not(folder: Path) -> None:
    assert Ledger(folder, "dye").finished() == {"a": made(folder, "a"), "b": made(folder, "b")}


def test_a_picture_that_was_changed_or_removed_counts_for_nothing(folder: Path) -> None:
    (folder / "cells" / "a.png").write_text("other")
    (folder / "cells" / "b.png").unlink()
    assert Ledger(folder, "dye").finished() == {}


@pytest.mark.parametrize("cut", [1, 20, 90])
def test_a_line_that_was_cut_off_is_lost_and_nothing_else(folder: Path, cut: int) -> None:
    path = folder / LEDGER
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]) + lines[2][:-cut])
    ledger = Ledger(folder, "dye")
    ledger.begin(anew=False)
    # a whole line of which only the end of line is missing is no loss
    whole = {"a", "b"} if cut == 1 else {"a"}
    assert set(ledger.finished()) == whole
    ledger.add(made(folder, "b"))
    assert set(Ledger(folder, "dye").finished()) == {"a", "b"}


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        "3",
        "{}",
        '{"key": "x", "file": "cells/a.png"}',
        f'{{"key": "x", "file": "cells/../../secret", "sha256": "{NOTHING}"}}',
        '{"key": "x", "file": "/etc/passwd", "sha256": "0"}',
        '{"key": ["x"], "file": "cells/a.png", "sha256": "0"}',
        '{"key": "x", "file": "cells/a.png", "sha256": "0", "seconds": "long"}',
        '{"key": "x", "file": "cells/a.png", "sha256": "0", "other": 1}',
        "\udcff",
    ],
)
def test_lines_that_are_no_record_count_for_nothing(folder: Path, line: str) -> None:
    (folder.parent / "secret").write_text("")
    with (folder / LEDGER).open("ab") as file:
        file.write(line.encode("utf-8", "surrogateescape") + b"\n")
    assert set(Ledger(folder, "dye").finished()) == {"a", "b"}


def test_a_record_begun_anew_is_empty(folder: Path) -> None:
    ledger = Ledger(folder, "dye")
    ledger.begin(anew=True)
    assert ledger.finished() == {}
    assert (folder / LEDGER).read_text() == '{"sweep": "dye"}\n'


def test_a_folder_of_something_else_is_refused(folder: Path, tmp_path: Path) -> None:
    Ledger(folder, "dye").check(overwrite=False)
    with pytest.raises(OutputExists, match="holds a sweep of dye; choose another folder, or add --overwrite"):
        Ledger(folder, "blend").check(overwrite=False)
    Ledger(folder, "blend").check(overwrite=True)
    other = tmp_path / "other"
    Ledger(other, "dye").check(overwrite=False)
    other.mkdir()
    Ledger(other, "dye").check(overwrite=False)
    (other / "thesis.txt").write_text("")
    with pytest.raises(OutputExists, match="other holds other files and no sweep"):
        Ledger(other, "dye").check(overwrite=False)
    (other / LEDGER).write_text("not json")
    with pytest.raises(OutputExists, match="other holds other files and no sweep"):
        Ledger(other, "dye").check(overwrite=False)


def test_a_record_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UnwritablePicture, match=r"cells\.jsonl cannot be written .*; choose another folder"):
        Ledger(tmp_path / "nowhere", "dye").begin(anew=False)
