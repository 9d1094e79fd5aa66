"""How ``retouch serve`` ends: no job that was accepted is lost, and nothing is left."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from retouch.studio.job import Job
from retouch.studio.routes import jobs as routes
from tests.studio.living import alive, until
from tests.studio.made import library, photo
from tests.studio.serving import Server


class Listener:
    """Hears the events of a job until the server ends them."""

    def __init__(self, server: Server, job: str) -> None:
        self.heard: list[dict[str, Any]] = []
        self.failure: Exception | None = None
        self._url = f"{server.url}/v1/jobs/{job}/events"
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        until(lambda: self.heard, "the first event")

    def end(self) -> list[str]:
        """Wait for the end; the states that were told."""
        self._thread.join(60)
        assert not self._thread.is_alive(), "the stream goes on"
        assert self.failure is None, self.failure
        return [event["state"] for event in self.heard]

    def _listen(self) -> None:
        try:
            with httpx.stream("GET", self._url, timeout=120, trust_env=False) as events:
                for line in events.iter_lines():
                    if line.startswith("data: "):
                        self.heard.append(json.loads(line.removeprefix("data: ")))
        except httpx.HTTPError as error:
            self.failure = error


def left(server: Server, children: list[int]) -> None:
    """Nothing is left of a server that has ended."""
    until(lambda: not any(alive(child) for child in children), "the children's end")
    assert server.folder is not None
    assert list(server.folder.iterdir()) == []
    assert "Traceback" not in server.said


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "work", "--grace", "60") as started:
        started.wait_until_ready()
        yield started


def test_sigterm_during_work_loses_no_job(server: Server, tmp_path: Path) -> None:
    picture = server.upload(photo(5))["id"]
    running = server.edit("reconstruct", photo=picture, steps=400)["id"]
    server.running(running)
    waiting = [server.edit("tile", photo=picture)["id"] for _ in range(3)]
    listener = Listener(server, waiting[-1])
    children = server.children()
    server.process.send_signal(signal.SIGTERM)
    until(lambda: server.client.get("/v1/health/ready").status_code == 503, "not ready")
    assert server.client.get("/v1/health").json()["state"] == "draining"
    assert server.client.get("/v1/health/live").status_code == 200
    refused = server.client.post("/v1/edits/tile", json={"photo": picture})
    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) > 0
    assert refused.headers["content-type"] == "application/problem+json"
    assert "takes no more jobs" in refused.json()["detail"]
    for job in (running, *waiting):
        assert server.ended(job)["state"] == "done"
    # The server waits for its visitors to fetch what they asked for, who may look only every few seconds.
    time.sleep(2.5)
    for job in waiting:
        assert server.result(job) == library("tile", tmp_path, {"photo": photo(5)})
    assert server.client.get(f"/v1/jobs/{running}/result?format=webp").status_code == 200
    assert listener.end()[-1] == "done"
    assert server.process.wait(30) == 0
    left(server, children)


def test_a_stream_tells_what_is_left_to_tell_when_the_server_ends() -> None:
    ended = Job("0" * 32, "fill", "blend", {}, "png", "cancelled", None, None, created=1.0, finished=2.0)

    class Jobs:
        def subscribe(self, name: str, listener: Callable[[Job], None]) -> Callable[[], None]:
            listener(ended)
            return lambda: None

    class Ending:
        jobs, store, ending = Jobs(), None, True
        listeners: set[asyncio.Event] = set()  # noqa: RUF012 - of one test

    async def told() -> list[str]:
        return [event async for event in routes._told(cast("Any", Ending()), ended.id)]

    (event,) = asyncio.run(told())
    assert '"state":"cancelled"' in event


def test_when_the_grace_is_over_what_runs_fails_and_says_so(tmp_path: Path) -> None:
    with Server(tmp_path / "work", "--grace", "1") as server:
        server.wait_until_ready()
        picture = server.upload(photo(5, (256, 256)))["id"]
        jobs = [server.edit("reconstruct", photo=picture, steps=5000)["id"] for _ in range(2)]
        server.running(jobs[0])
        listeners = [Listener(server, job) for job in jobs]
        children = server.children()
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        for listener in listeners:
            assert listener.end()[-1] == "failed"
            assert listener.heard[-1]["error"]["type"] == "urn:retouch:error:Unavailable"
        assert server.process.wait(30) == 0
        assert 1 < time.monotonic() - began < 20
        left(server, children)
        assert "did not end within 1 s" in server.said


def test_a_second_signal_ends_at_once(server: Server) -> None:
    picture = server.upload(photo(5, (256, 256)))["id"]
    job = server.edit("reconstruct", photo=picture, steps=5000)["id"]
    server.running(job)
    listener = Listener(server, job)
    children = server.children()
    server.process.send_signal(signal.SIGTERM)
    until(lambda: server.client.get("/v1/health/ready").status_code == 503, "not ready")
    assert server.job(job)["state"] == "running"
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(30) == 0
    assert time.monotonic() - began < 15
    assert listener.end()[-1] in ("running", "failed")
    left(server, children)


@pytest.mark.slow
def test_a_server_with_nothing_to_do_ends_at_once(server: Server) -> None:
    picture = server.upload(photo(5))["id"]
    job = server.edit("tile", photo=picture)["id"]
    server.ended(job)
    server.result(job)
    children = server.children()
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(30) == 0
    assert time.monotonic() - began < 15
    left(server, children)


def test_a_signal_before_it_stands_ends_it(tmp_path: Path) -> None:
    server = Server(tmp_path / "work")
    server.start()
    children = server.children()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(60) == 0
    left(server, children)
    server.stop()
