"""What the tests of the queue have in common."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from retouch.studio.job import Job
from retouch.studio.queue import Jobs
from retouch.studio.store import Store

Made = Callable[..., Jobs]

FACTS = {"kind": "picture", "width": 1, "height": 1, "mode": "L", "bits": 8, "format": "PNG"}
DRAWING = {
    "retouch": "drawing",
    "version": 1,
    "strokes": [{"kind": "rectangle", "points": [[0, 0], [2, 2]]}],
}


def put(store: Store, name: str = "cat.png", data: bytes = b"photo") -> str:
    with store.begin(name) as incoming:
        incoming.write(data)
        return incoming.finish(FACTS).handle


def until(true: Callable[[], object], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def ended(jobs: Jobs, job: Job) -> Job:
    until(lambda: jobs.get(job.id).ended)
    return jobs.get(job.id)


def starts(home: Path) -> int:
    file = home / "starts"
    return len(file.read_text(encoding="ascii").splitlines()) if file.exists() else 0
