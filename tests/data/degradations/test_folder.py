"""A folder of spoiled pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from retouch.data.degradations import degrade, parse, random_for
from retouch.errors import Cancelled, DataError, InputError, UnknownName
from retouch.image import Picture
from retouch.progress import Progress
from tests.data.made import fill, noise, write


def read(path: Path) -> np.ndarray:
    return Picture.open(path).numpy("uint8")


def test_pictures_keep_their_names_and_get_smaller(tmp_path: Path) -> None:
    fill(tmp_path / "in", 2, height=19, width=26)
    write(tmp_path / "in" / "sub" / "gray.png", noise(5)[..., 0])
    seen: list[Progress] = []
    count = degrade(tmp_path / "in", tmp_path / "out", "bicubic(4)", progress=seen.append)
    files = sorted(
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.png")
    )
    assert files == ["000.png", "001.png", "sub/gray.png"]
    assert count == 3
    assert [(one.done, one.total) for one in seen] == [(1, 3), (2, 3), (3, 3)]
    planes = np.asarray(noise(0, 19, 26)[:16, :24].transpose(2, 0, 1) / 255, np.float32)
    expected = parse("bicubic(4)").apply(planes, np.random.default_rng(0)).planes
    assert np.array_equal(read(tmp_path / "out" / "000.png").transpose(2, 0, 1), np.rint(expected * 255))
    assert Picture.open(tmp_path / "out" / "sub" / "gray.png").file.mode == "L"


def test_noise_depends_on_the_seed_and_the_name_alone(tmp_path: Path) -> None:
    flat = np.full((24, 24, 3), 128, np.uint8)
    flat[0, 0] = 0, 100, 200
    for name in ("a", "b"):
        write(tmp_path / "two" / f"{name}.png", flat)
    write(tmp_path / "one" / "b.png", flat)
    degrade(tmp_path / "two", tmp_path / "first", "noise(20)")
    degrade(tmp_path / "one", tmp_path / "second", "noise(20)")
    degrade(tmp_path / "one", tmp_path / "third", "noise(20)", seed=1)
    assert not np.array_equal(read(tmp_path / "first/a.png"), read(tmp_path / "first/b.png"))
    assert np.array_equal(read(tmp_path / "first/b.png"), read(tmp_path / "second/b.png"))
    assert not np.array_equal(read(tmp_path / "second/b.png"), read(tmp_path / "third/b.png"))
    assert (read(tmp_path / "first/a.png") - 128.0).std() == pytest.approx(20, rel=0.1)
    assert random_for(0, "a").random() == random_for(0, "a").random() != random_for(0, "b").random()


def test_gray_pictures_get_gray_noise(tmp_path: Path) -> None:
    write(tmp_path / "in" / "g.png", np.full((16, 16, 3), 90, np.uint8))
    degrade(tmp_path / "in", tmp_path / "out", "noise(20)")
    assert Picture.open(tmp_path / "out" / "g.png").file.mode == "L"


def test_nothing_is_written_where_something_is(tmp_path: Path) -> None:
    fill(tmp_path / "in", 1)
    with pytest.raises(DataError, match="not empty"):
        degrade(tmp_path / "in", tmp_path / "in", "noise(20)")
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be written"):
        degrade(tmp_path / "in", tmp_path / "file", "noise(20)")


def test_what_cannot_be_spoiled_is_refused(tmp_path: Path) -> None:
    fill(tmp_path / "in", 1, height=3)
    with pytest.raises(InputError, match="too small"):
        degrade(tmp_path / "in", tmp_path / "a", "bicubic(4)")
    with pytest.raises(UnknownName):
        degrade(tmp_path / "in", tmp_path / "b", "fog(4)")
    assert not (tmp_path / "b").exists()
    (tmp_path / "empty").mkdir()
    for folder in ("empty", "nowhere"):
        with pytest.raises(DataError, match="no pictures"):
            degrade(tmp_path / folder, tmp_path / "c", "noise(20)")
    write(tmp_path / "in" / "000.bmp", noise(3))
    with pytest.raises(DataError, match="rename"):
        degrade(tmp_path / "in", tmp_path / "d", "noise(20)")


def test_it_can_be_cancelled(tmp_path: Path) -> None:
    fill(tmp_path / "in", 3)

    def stop(at: Progress) -> None:
        if at.done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        degrade(tmp_path / "in", tmp_path / "out", "noise(20)", progress=stop)
    assert len(list((tmp_path / "out").iterdir())) == 2
