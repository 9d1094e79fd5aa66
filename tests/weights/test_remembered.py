"""What was loaded last is kept, as long as its file stays as it was."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from retouch.errors import UnreadableWeights
from retouch.weights.remembered import Remembered

Asked = tuple[str, str, str]


@pytest.fixture
def asked() -> list[Asked]:
    return []


def files(folder: Path, *names: str) -> list[str]:
    for name in names:
        (folder / name).write_bytes(b"weights")
    return [str(folder / name) for name in names]


def kept(asked: list[Asked], count: int) -> Remembered[object]:
    def load(model: str, device: str, precision: str) -> object:
        asked.append((model, device, precision))
        return object()

    return Remembered(load, count)


def test_the_last_ones_are_kept(asked: list[Asked], tmp_path: Path) -> None:
    a, b, c = files(tmp_path, "a.pt", "b.pt", "c.pt")
    give = kept(asked, 2)
    first = give(a, "cpu", "float32")
    give(b, "cpu", "float32")
    assert give(a, "cpu", "float32") is first
    give(c, "cpu", "float32")  # b goes, which was used before a was
    assert give(a, "cpu", "float32") is first
    give(b, "cpu", "float32")
    assert [Path(model).name for model, *_ in asked] == ["a.pt", "b.pt", "c.pt", "b.pt"]


def test_devices_and_precisions_are_told_apart(asked: list[Asked], tmp_path: Path) -> None:
    (a,) = files(tmp_path, "a.pt")
    give = kept(asked, 3)
    assert (
        len({id(give(a, *how)) for how in (("cpu", "float32"), ("cpu", "bfloat16"), ("mps", "float32"))}) == 3
    )


def test_a_file_that_has_changed_is_loaded_again(asked: list[Asked], tmp_path: Path) -> None:
    (a,) = files(tmp_path, "a.pt")
    give = kept(asked, 1)
    first = give(a, "cpu", "float32")
    os.utime(a, ns=(1, 1))
    assert give(a, "cpu", "float32") is not first


def test_what_is_not_there_is_not_kept(asked: list[Asked], tmp_path: Path) -> None:
    with pytest.raises(UnreadableWeights):
        kept(asked, 1)(str(tmp_path / "missing.pt"), "cpu", "float32")
