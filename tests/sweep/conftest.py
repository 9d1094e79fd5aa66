from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from retouch.image import Picture
from retouch.image.plain import sha256_of
from retouch.sweep import Outcome, Plan, Swept, plan, workers
from tests.sweep import made_up

HOUSE = Path(__file__).resolve().parents[2]


@pytest.fixture
def dyes() -> Iterator[None]:
    """Only the made-up verb exists, in this process."""
    with made_up.in_catalog():
        yield


@pytest.fixture
def dyeing(dyes: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the made-up verb exists, in a sweep's processes as well."""
    monkeypatch.setattr(workers, "COMMAND", (sys.executable, "-P", "-m", "tests.sweep.worker"))
    monkeypatch.setenv("PYTHONPATH", str(HOUSE))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of plain pictures, 16 wide and 12 high: gray.png, red.png, green.png, blue.png."""
    folder = tmp_path / "photos"
    folder.mkdir()
    colours = {"gray": (128, 128, 128), "red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
    for name, colour in colours.items():
        Picture.of(np.full((12, 16, 3), colour, np.uint8)).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def finished(tmp_path: Path) -> Callable[[Plan], Swept]:
    """Make a finished sweep of a plan without any process: each cell is a plain picture of another gray."""

    def finish(todo: Plan, size: tuple[int, int] = (40, 60)) -> Swept:
        folder = tmp_path / "out"
        (folder / "cells").mkdir(parents=True)
        outcomes = []
        for number, cell in enumerate(todo.cells):
            level = 10 + 200 * number // len(todo.cells)
            Picture.of(np.full((*size, 3), level, np.uint8)).save(folder / cell.file)
            outcomes.append(
                Outcome(
                    cell.key,
                    cell.file,
                    sha256_of(folder / cell.file),
                    size[1],
                    size[0],
                    seconds=1.25 + number,
                    report={"loss": 1 / (1 + number), "network": "same"},
                )
            )
        return Swept(todo, folder, tuple(outcomes), len(outcomes), 2.0)

    return finish


@pytest.fixture
def square(dyes: None, photos: Path) -> Plan:
    """Two photos by three strengths."""
    return plan(
        "dye",
        [photos / "blue.png"],
        vary={"photo": [photos / "gray.png", photos / "red.png"], "strength": [0.0, 0.5, "full"]},
    )
