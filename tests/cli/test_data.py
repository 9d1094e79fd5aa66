from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from retouch import data
from tests.cli.conftest import Said
from tests.data.made import halves

Say = Callable[..., Said]


def test_a_good_set_is_exit_code_0(say: Say, tmp_path: Path) -> None:
    halves(tmp_path / "train", 20)
    said = say("data", "check", tmp_path)
    assert (said.code, said.err) == (0, "")
    assert "side by side, read as pairs" in said.out
    assert "train  20     12×32  RGB 8 bit" in said.out
    assert said.out.endswith("nothing is wrong\n")


def test_errors_are_exit_code_2_and_listed(say: Say, tmp_path: Path) -> None:
    halves(tmp_path, 30)
    for number in range(7):
        (tmp_path / f"{number:03}.png").write_bytes(b"\x89PNG\r\n\x1a\n\x1b[31m")
    said = say("data", "check", tmp_path)
    assert said.code == 2
    assert said.out.count("error: corrupt") == 7
    assert said.out.endswith("7 errors, 0 warnings\n")
    said = say("data", "check", tmp_path, "--json")
    assert said.code == 2
    assert said.facts["ok"] is False
    assert [item["kind"] for item in said.facts["findings"]] == ["corrupt"] * 7
    assert said.facts["splits"]["train"]["sizes"] == {"12×32": 23}


def test_long_findings_are_cut_short(say: Say, tmp_path: Path) -> None:
    halves(tmp_path / "A", 20)
    halves(tmp_path / "B", 30)
    said = say("data", "check", tmp_path)
    assert said.out.count("    B/0") == 5
    assert "and 5 more; --json lists all" in said.out
    assert len(say("data", "check", tmp_path, "--json").facts["findings"][0]["names"]) == 10


def test_warnings_alone_are_exit_code_0(say: Say, tmp_path: Path) -> None:
    halves(tmp_path, 3)
    said = say("data", "check", tmp_path)
    assert said.code == 0
    assert "warning: tiny" in said.out


def test_no_data_set_is_an_error_of_one_line(say: Say, tmp_path: Path) -> None:
    said = say("data", "check", tmp_path / "none")
    assert (said.code, said.out) == (2, "")
    assert "does not exist" in said.err
    assert say("data", "check", tmp_path, "--json").facts["error"] == "DataError"
    assert "at least 1" in say("data", "check", tmp_path, "--workers", "0").err


@pytest.mark.parametrize("name", ["facades", "seasons"])
def test_a_synthetic_set_is_written_and_reads_back(say: Say, tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    said = say(
        "data", "make", f"synthetic:{name}", "--count", 3, "--size", 32, "--seed", 5, "--out", out, "--json"
    )
    assert said.code == 0, said.err
    assert said.facts["counts"] == {"train": 3, "val": 1, "test": 1}
    written = data.unpaired(out, "train", augment=False, size=None)
    drawn = data.unpaired(f"synthetic:{name}?count=3&size=32&seed=5", "train", augment=False, size=None)
    for index in range(3):
        for side in "ab":
            assert bool((written.example(index, 0)[side] == drawn.example(index, 0)[side]).all())
    assert say("data", "make", f"synthetic:{name}", "--out", out).code == 2, "the folder is not empty"


def test_what_is_made_must_be_synthetic(say: Say, tmp_path: Path) -> None:
    assert "synthetic:facades" in say("data", "make", "facades", "--out", tmp_path / "out").err


def test_a_misspelt_command_names_the_nearest(say: Say) -> None:
    assert "did you mean check" in say("data", "chekc").err
