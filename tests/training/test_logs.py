from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from retouch.errors import MissingDependency
from retouch.image import Picture
from retouch.training.logs import CsvLog, Logs, PictureFiles, TensorBoardLog, WandbLog, read_figures


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_table_survives_names_that_appear_later(tmp_path: Path) -> None:
    log = CsvLog(tmp_path / "log.csv")
    log.scalars(100, {"l1": 0.5})
    log.scalars(200, {"l1": 0.25, 'odd, "name"': -1e-9})
    log.picture(200, "validation", torch.zeros(3, 2, 2))
    # Readable while it is open: the report is written from it in the middle of a run.
    assert read_figures(tmp_path / "log.csv") == {
        "l1": [(100, 0.5), (200, 0.25)],
        'odd, "name"': [(200, -1e-9)],
    }
    log.close()
    log.close()


def test_a_second_opening_appends_under_the_same_head(tmp_path: Path) -> None:
    for images in (100, 200):
        log = CsvLog(tmp_path / "log.csv")
        log.scalars(images, {"l1": 0.5})
        log.close()
    assert (tmp_path / "log.csv").read_text() == "images,name,value\n100,l1,0.5\n200,l1,0.5\n"


def test_resuming_drops_what_came_after_the_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    log = CsvLog(path)
    for images in (100, 200, 300, 400):
        log.scalars(images, {"l1": images / 1000, "judging": 0.0})
    log.resume_at(200)
    log.scalars(300, {"l1": 9.0})
    log.close()
    assert read_figures(path)["l1"] == [(100, 0.1), (200, 0.2), (300, 9.0)]
    assert [line.split(",")[0] for line in path.read_text().splitlines()] == [
        "images", "100", "100", "200", "200", "300",
    ]  # fmt: skip
    assert names(tmp_path) == ["log.csv"]


def test_resuming_without_a_table_is_nothing(tmp_path: Path) -> None:
    CsvLog(tmp_path / "log.csv").resume_at(10)
    assert names(tmp_path) == []


@pytest.mark.parametrize("torn", ["3", "300,l1,0.0", "300,l1", '300,"l'])
def test_a_torn_last_line_is_dropped(tmp_path: Path, torn: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text(f"images,name,value\n100,l1,0.5\n{torn}")
    assert read_figures(path) == {"l1": [(100, 0.5)]}
    log = CsvLog(path)
    log.scalars(200, {"l1": 0.25})
    log.close()
    assert path.read_text() == "images,name,value\n100,l1,0.5\n200,l1,0.25\n"


def test_a_table_of_nothing_but_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("ima")
    log = CsvLog(path)
    log.scalars(1, {"l1": 1.0})
    log.close()
    assert path.read_text() == "images,name,value\n1,l1,1.0\n"


@given(data=st.binary(max_size=300))
def test_a_damaged_table_is_read_as_far_as_it_goes(tmp_path_factory: Any, data: bytes) -> None:
    path = tmp_path_factory.mktemp("log") / "log.csv"
    path.write_bytes(b"images,name,value\n7,l1,0.5\n" + data + b"\n8,l1,nan\n9,l1,0.125\n")
    found = read_figures(path)
    assert (7, 0.5) in found["l1"]
    assert all(value == value for points in found.values() for _, value in points)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 10**9),
            st.text(min_size=1, max_size=8),
            st.floats(allow_nan=False, allow_infinity=False),
        ).filter(lambda row: row[1].isprintable() and "\0" not in row[1]),
        max_size=20,
    )
)
def test_every_figure_comes_back_exactly(tmp_path_factory: Any, rows: list[tuple[int, str, float]]) -> None:
    log = CsvLog(tmp_path_factory.mktemp("log") / "log.csv")
    expected: dict[str, dict[int, float]] = {}
    for images, name, value in rows:
        log.scalars(images, {name: value})
        expected.setdefault(name, {})[images] = value
    log.close()
    assert read_figures(log._path) == {name: sorted(points.items()) for name, points in expected.items()}


def test_pictures_are_named_by_when_and_what(tmp_path: Path) -> None:
    files = PictureFiles(tmp_path / "samples")
    picture = torch.zeros(3, 8, 12)
    picture[0] = 1.0
    picture[1, 0, 0] = float("nan")
    picture[2] = 7.0
    files.scalars(1, {"l1": 1.0})
    files.picture(12_000, "validation", picture)
    files.picture(12_000, "../a b/c", picture)
    files.close()
    assert names(tmp_path / "samples") == ["00012000-a-b-c.jpg", "00012000-validation.jpg"]
    read = Picture.open(tmp_path / "samples" / "00012000-validation.jpg")
    assert read.size == (8, 12)
    assert abs(read.tensor()[0, :, 4, 6] - torch.tensor([1.0, 0.0, 1.0])).max() < 0.02


def test_pictures_after_the_checkpoint_go(tmp_path: Path) -> None:
    files = PictureFiles(tmp_path, suffix=".png")
    for images in (100, 200, 300):
        files.picture(images, "validation", torch.rand(3, 4, 4))
    (tmp_path / "300-mine.txt").write_text("kept")
    (tmp_path / "notes-300.png").write_text("kept")
    files.resume_at(200)
    assert names(tmp_path) == [
        "00000100-validation.png", "00000200-validation.png", "300-mine.txt", "notes-300.png",
    ]  # fmt: skip


class Broken:
    def __init__(self, on: str) -> None:
        self.on = on
        self.calls: list[str] = []

    def _do(self, name: str) -> None:
        self.calls.append(name)
        if name == self.on:
            raise OSError("the disk is full")

    def scalars(self, images: int, values: Mapping[str, float]) -> None:
        self._do("scalars")

    def picture(self, images: int, name: str, picture: Tensor) -> None:
        self._do("picture")

    def resume_at(self, images: int) -> None:
        self._do("resume_at")

    def close(self) -> None:
        self._do("close")


@pytest.mark.parametrize("on", ["scalars", "picture", "resume_at", "close"])
def test_a_log_that_fails_is_dropped_with_one_warning(
    on: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken, kept = Broken(on), CsvLog(tmp_path / "log.csv")
    logs = Logs([broken, kept])
    with caplog.at_level(logging.WARNING):
        logs.resume_at(0)
        for images in (1, 2):
            logs.scalars(images, {"l1": 1.0})
            logs.picture(images, "validation", torch.zeros(3, 2, 2))
        logs.close()
    assert [record.getMessage() for record in caplog.records] == [
        "Broken stopped and the run goes on without it: the disk is full"
    ]
    assert broken.calls[-1] == on
    assert broken.calls.count(on) == 1
    assert read_figures(tmp_path / "log.csv") == {"l1": [(1, 1.0), (2, 1.0)]}


@pytest.fixture
def nothing_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("wandb", "torch.utils.tensorboard"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.usefixtures("nothing_optional")
@pytest.mark.parametrize(
    ("kind", "install"),
    [(TensorBoardLog, r'pip install "retouch\[train\]"'), (WandbLog, "pip install wandb")],
)
def test_a_logger_that_is_not_installed_says_how_to_install_it(
    kind: type[TensorBoardLog] | type[WandbLog], install: str, tmp_path: Path
) -> None:
    log = kind(tmp_path)
    log.resume_at(10)
    with pytest.raises(MissingDependency, match=install):
        log.scalars(1, {"l1": 1.0})
    log.close()


def test_tensorboard_holds_what_was_told_and_forgets_after_a_resume(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    log = TensorBoardLog(tmp_path)
    for images in (100, 200, 300):
        log.scalars(images, {"l1": images / 1000, "validation_l1": 0.5, "waiting": 0.0})
    log.picture(300, "validation", torch.rand(3, 4, 4))
    log.close()
    # TensorBoard reads files in the order of their names, which begin with the second; within one second
    # a count decides, by its digits: 10 before 9.
    time.sleep(1.0 - time.time() % 1.0)
    log = TensorBoardLog(tmp_path)
    log.resume_at(200)
    log.scalars(300, {"l1": 9.0})
    log.close()
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path))
    events.Reload()
    found = [(event.step, round(event.value, 6)) for event in events.Scalars("train/l1")]
    assert found == [(100, 0.1), (200, 0.2), (300, 9.0)]
    assert {"train/l1", "validation/l1", "run/waiting"} <= set(events.Tags()["scalars"])


def test_wandb_is_told_by_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []

    class Run:
        def log(self, values: dict[str, object]) -> None:
            told.append(values)

        def define_metric(self, *names: str, step_metric: str) -> None:
            told.append((names, step_metric))

        def finish(self) -> None:
            told.append("finish")

    class Module:
        Image = staticmethod(lambda pixels: pixels.shape)

        @staticmethod
        def init(**given: object) -> Run:
            told.append({key: given[key] for key in ("project", "name", "resume", "mode")})
            told.append(given["id"])
            return Run()

    monkeypatch.setitem(sys.modules, "wandb", Module)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    run = tmp_path / "my-run"
    run.mkdir()
    for _ in range(2):
        log = WandbLog(run)
        log.scalars(100, {"validation_l1": 0.5})
        log.picture(100, "validation", torch.zeros(3, 4, 6))
        log.close()
    opened = {"project": "retouch", "name": "my-run", "resume": "allow", "mode": "offline"}
    once = [
        opened,
        told[1],
        (("*",), "images"),
        {"images": 100, "validation/l1": 0.5},
        {"images": 100, "validation": (4, 6, 3)},
        "finish",
    ]
    assert told == once * 2
