"""A running studio for the tests that need one, one for each module; queues with fake workers for others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import retouch
from retouch.studio.queue import Jobs
from retouch.studio.store import Limits, Store
from tests.studio.living import Studio, studio_in
from tests.studio.orders import Made


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A studio that is ready."""
    with studio_in(tmp_path_factory.mktemp("studio") / "work") as started:
        yield started


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the fake workers look for what they shall do."""
    home = tmp_path / "fake"
    home.mkdir()
    root = Path(retouch.__file__).parents[2]
    monkeypatch.setenv("FAKE_WORKER", str(home))
    monkeypatch.setenv("PYTHONPATH", str(root))
    return home


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "work", Limits(folder=10_000, block=1))
    yield made
    made.close()


@pytest.fixture
def made(store: Store, home: Path) -> Iterator[Made]:
    """Makes queues that are closed in the end."""
    queues: list[Jobs] = []

    def make(*devices: str, start: bool = True, **options: Any) -> Jobs:
        jobs = Jobs(store, devices or ("cpu",), module="tests.studio.fake_worker", **options)
        queues.append(jobs)
        if start:
            jobs.start()
        return jobs

    yield make
    for jobs in queues:
        jobs.close()
