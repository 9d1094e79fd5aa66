from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retouch import data
from retouch.data import table
from retouch.errors import DataError
from tests.data.made import fill, noise


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inner = tmp_path / "set"
    fill(inner / "in", 3)
    fill(inner / "out", 3, first=100)
    fill(tmp_path / "outside", 1)
    return inner


def listed(folder: Path, text: str | bytes, name: str = "list.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_rows_are_pairs_and_say_their_split(folder: Path) -> None:
    text = "\ufeffsplit, Target ,input,note\r\n,out/000.png,in/000.png,\r\n\r\n"
    text += "val,out/001.png,./in/001.png,x\r\n"
    path = listed(folder, text)
    examples = data.pairs(path, "train", augment=False, size=None)
    assert examples.names == ("in/000.png",)
    target = np.rint(examples.example(0, 0)["target"].numpy() * 255).astype(np.uint8)
    assert np.array_equal(target.transpose(1, 2, 0), noise(100))
    assert data.splits(path) == ("train", "val")
    assert len(data.singles(path, "val", augment=False)) == 1
    assert len(data.unpaired(path, "all", augment=False)) == 2


def test_a_folder_with_pairs_csv_is_that_table(folder: Path) -> None:
    listed(folder, "input,target\nin/000.png,out/002.png\n", "pairs.csv")
    assert data.pairs(folder, "train", augment=False).names == ("in/000.png",)


def test_tabs_separate_a_tsv(folder: Path) -> None:
    assert (
        len(
            data.pairs(
                listed(folder, "input\ttarget\nin/000.png\tout/002.png\n", "l.tsv"), "all", augment=False
            )
        )
        == 1
    )


def test_one_input_may_have_several_targets(folder: Path) -> None:
    path = listed(folder, "input,target\nin/000.png,out/000.png\nin/000.png,out/001.png\n")
    assert data.pairs(path, "all", augment=False).names == ("in/000.png", "in/000.png (2)")


def test_absolute_paths_are_taken_as_they_are(folder: Path) -> None:
    outside = folder.parent / "outside" / "000.png"
    path = listed(folder, f"input,target\n{outside},{outside}\n")
    assert len(data.pairs(path, "all", augment=False)) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("input,target\n../outside/000.png,out/000.png\n", "line 2: .*leads out of the table's folder"),
        ("input,target\nin/../../outside/000.png,out/000.png\n", "leads out"),
        ("input,target\nin\\..\\..\\outside\\000.png,out/000.png\n", "leads out"),
        ("input,target\n..,out/000.png\n", "leads out"),
        ("input,target\nin/000.png,out/none.png\n", "line 2: .*none.png cannot be read"),
        ("input,target\nin/000.png\n", "line 2: a path is missing"),
        ("input,target\nin,out/000.png\n", "is not a file"),
        ("input,target\n/dev/zero,out/000.png\n", "is not a file"),
        ("input,target\nin/0\0.png,out/000.png\n", "NUL|cannot be read"),
        (f"input,target\n{'a' * 5000},out/000.png\n", "cannot be read"),
        ("input,target,split\nin/000.png,out/000.png,trian\n", "split is 'trian' but must be train"),
        ("photo,label\nin/000.png,out/000.png\n", "columns photo, label and lacks input, target"),
        ("input,target\n", "lists no pictures"),
        ("", "lacks input, target"),
        (b"input,target\n\xff\xfe,x\n", "is not UTF-8"),
        (f'input,target\n"{"x" * 200_000}",out/000.png\n', "field larger|cannot be read"),
    ],
)
def test_a_bad_table_says_which_line_and_why(folder: Path, text: str | bytes, expected: str) -> None:
    with pytest.raises(DataError, match=expected):
        data.pairs(listed(folder, text), "all", augment=False)


def test_a_huge_table_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MAX_BYTES", 100)
    with pytest.raises(DataError, match="more than 100 bytes"):
        data.pairs(listed(folder, "input,target\n" + "\n" * 100), "all", augment=False)


@given(st.text(max_size=200) | st.binary(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
def test_any_bytes_are_a_table_or_a_data_error(folder: Path, content: str | bytes) -> None:
    raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    for head in (b"", b"input,target\n"):
        try:
            data.pairs(listed(folder, head + raw), "all", augment=False)
        except DataError:
            continue
