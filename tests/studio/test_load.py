"""Many people at once: every answer is one's own, none is lost, and the memory comes back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.studio.living import PATIENCE, Studio, studio_in, until
from tests.studio.made import box, library, photo

CLIENTS, EDITS = 50, 4
GIVEN_BACK = 200.0
"""Megabytes that a studio may have more after the work than before it."""

ORDERS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("recolor", {"mask": box(8, 6, 40, 30), "red": 0.4}),
    ("flatten", {"low": 0.03}),
    ("tile", {}),
    ("relight", {"mask": box(4, 4, 50, 40), "alpha": 0.3}),
)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A studio that nobody used before."""
    with studio_in(tmp_path_factory.mktemp("studio") / "work") as started:
        yield started


def visit(studio: Studio, number: int) -> list[tuple[str, str, bytes]]:
    """One client: brings its picture in, asks for all its edits at once, waits for each."""
    with httpx.Client(base_url=studio.url, timeout=PATIENCE, trust_env=False) as client:
        brought = studio.told(
            client.post("/v1/pictures", params={"name": f"{number}.png"}, content=photo(number)), 201
        )
        jobs = [
            studio.told(client.post(f"/v1/edits/{verb}", json={"photo": brought["id"], **options}), 202)
            for verb, options in ORDERS
        ]
        found = []
        for job in jobs:
            end = time.monotonic() + 3 * PATIENCE
            while (told := studio.told(client.get(f"/v1/jobs/{job['id']}")))["state"] != "done":
                assert told["state"] in ("queued", "running"), told
                assert time.monotonic() < end, told
                time.sleep(0.05)
            file = client.get(f"/v1/jobs/{job['id']}/result")
            assert file.status_code == 200
            found.append((job["id"], told["edit"], file.content))
        return found


def test_fifty_clients_get_each_their_own(studio: Studio, tmp_path: Path) -> None:
    before = studio.memory()
    worker = studio.worker()
    with ThreadPoolExecutor(CLIENTS) as clients:
        visits = list(clients.map(lambda number: visit(studio, number), range(CLIENTS)))
    names = [job for found in visits for job, _, _ in found]
    assert len(set(names)) == CLIENTS * EDITS
    assert studio.worker() == worker, "the worker did not last"
    for number, found in enumerate(visits):
        for (verb, options), (_, edit, data) in zip(ORDERS, found, strict=True):
            assert edit == verb
            mine = library(verb, tmp_path, {"photo": photo(number), **options})
            assert data == mine, f"client {number} got another's {verb}"
    until(
        lambda: studio.memory() < before + GIVEN_BACK,
        f"memory back from {studio.memory():.0f} to {before:.0f} MB",
    )


def test_the_queue_says_who_is_next(studio: Studio) -> None:
    picture = studio.upload(photo(1, (256, 256)))["id"]
    long = studio.edit("reconstruct", photo=picture, steps=3000)["id"]
    studio.running(long)
    waiting = [studio.edit("tile", photo=picture)["id"] for _ in range(3)]
    assert [studio.job(job)["position"] for job in [long, *waiting]] == [0, 1, 2, 3]
    studio.cancel(waiting[0])
    assert [studio.job(job)["position"] for job in [long, *waiting]] == [0, None, 1, 2]
    studio.cancel(long)
    assert studio.ended(long)["state"] == "cancelled"
    assert studio.ended(waiting[0])["state"] == "cancelled"
    assert [studio.ended(job)["state"] for job in waiting[1:]] == ["done", "done"]


def test_an_answer_comes_at_once(studio: Studio) -> None:
    """Not 40 ms late, as where the parts of an answer wait for each other (Nagle's algorithm)."""

    def seconds() -> float:
        began = time.perf_counter()
        studio.told(studio.client.get("/v1/health"))
        return time.perf_counter() - began

    assert min(seconds() for _ in range(20)) < 0.03
