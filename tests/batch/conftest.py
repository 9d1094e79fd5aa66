from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from retouch.batch import Plan, Shard, plan, processes
from retouch.batch.joining import LOCAL, joined
from retouch.batch.ledger import Ledger
from retouch.image import Box
from tests.batch import rays
from tests.cli import made_up

HOUSE = Path(__file__).resolve().parents[2]
BOX = Box(2, 3, 12, 8)


def draw(path: Path, seed: int) -> Path:
    """A 20 wide, 16 high picture that nothing has touched for a minute."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (16, 20, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    settle(path)
    return path


def settle(path: Path) -> None:
    """Let a file look as if it had been written a minute ago, so that its time tells whether it changes."""
    then = time.time() - 60
    os.utime(path, (then, then))


def rows(folder: Path, shard: Shard | None = None) -> list[dict[str, Any]]:
    """The rows of a ledger, without what the runs were told."""
    path = folder / f"ledger-{(shard or Shard()).title}.jsonl"
    said = [json.loads(line) for line in path.read_text().splitlines()]
    return [row for row in said if "batch" not in row]


def outputs(folder: Path) -> dict[str, bytes]:
    """Every file but the records: relative name → bytes."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".jsonl"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(files)}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of four pictures, one of them in a folder, and one file that is none."""
    folder = tmp_path / "photos"
    for number, name in enumerate(("a.png", "b.png", "c.png", "day/d.png")):
        draw(folder / name, number)
    (folder / "text.txt").write_text("no picture")
    return folder


@pytest.fixture
def calls() -> Iterator[Sequence[dict[str, Any]]]:
    """The made-up verbs exist; gives what they were called with in this process."""
    made_up.calls.clear()
    made_up.meanwhile.clear()
    with made_up.in_catalog():
        yield made_up.calls


@pytest.fixture
def todo(photos: Path, tmp_path: Path, calls: object) -> Callable[..., Plan]:
    """Plan to darken a box of every picture."""

    def make(source: object = photos, out: str = "out", **told: Any) -> Plan:
        options = {"steps": 0, "box": BOX, **told.pop("options", {})}
        if "mask" in told.get("files", {}):
            del options["box"]
        return plan("darken", str(source), tmp_path / out, options=options, **told)

    return make


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """The made-up verbs exist in the processes of a batch as well."""
    import sys

    module = sys.modules[processes.__module__]
    monkeypatch.setattr(module, "COMMAND", (sys.executable, "-P", "-m", "tests.batch.worker"))
    monkeypatch.setenv("PYTHONPATH", str(HOUSE))


def looked_up(todo: Plan) -> Ledger:
    """The ledger of a plan, to look at."""
    return Ledger(todo.ledger, todo.shard, writing=False)


@pytest.fixture(scope="session")
def witness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the witness notes what workers open; they are started while this fixture is there."""
    folder = tmp_path_factory.mktemp("witness")
    (folder / "opened").touch()
    told = {
        "RETOUCH_WITNESS": str(folder),
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent / "witness"), str(HOUSE / "src")]),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in told.items():
            patch.setenv(name, value)
        yield folder


@pytest.fixture(scope="session")
def ray_here(witness: Path) -> Iterator[None]:
    """A Ray of this machine that all tests use in turn."""
    with joined(LOCAL, rays.WORKERS):
        yield
