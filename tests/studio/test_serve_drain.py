"""What a server waits for before it ends, without a process: results, downloads, and those who look."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.types import Message

from retouch.studio import front, owed
from retouch.studio.answers import HeldFile
from retouch.studio.owed import Owed
from retouch.studio.settings import Settings
from retouch.studio.store import Store
from tests.studio.orders import put


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "_SHOWN", 0.3)
    monkeypatch.setattr(front, "_SETTLED", 0.2)
    monkeypatch.setattr(front, "_LOOK", 0.01)


class Jobs:
    """A queue that has done everything."""

    waiting, idle, devices = 0, True, ()

    def __init__(self) -> None:
        self.owed = Owed()

    def drain(self) -> None:
        self.owed.end(lambda _: True)


def drained(jobs: Jobs, grace: float, then: Callable[[], object] = lambda: None) -> float:
    """Let a server end that has this queue, with something that happens after 0.6 s; the seconds it took."""

    async def drain() -> float:
        studio = front.Studio(Settings())
        built: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        built.set_result((None, SimpleNamespace(jobs=jobs)))
        studio._building = built  # type: ignore[assignment]
        asyncio.get_running_loop().call_later(0.6, then)
        began = time.monotonic()
        await studio.drain(grace)
        return time.monotonic() - began

    return asyncio.run(drain())


def test_who_looks_sees_that_it_ends() -> None:
    assert 0.3 <= drained(Jobs(), 60) < 5


def test_it_ends_with_the_grace_all_the_same() -> None:
    assert drained(Jobs(), 0.1) < 0.3


def test_a_result_of_long_ago_may_still_be_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = Jobs()
    jobs.owed.add("long ago")
    jobs.owed._made["long ago"] -= 3600
    assert 0.7 <= drained(jobs, 60, lambda: jobs.owed.fetched("long ago")) < 5
    jobs.owed.add("never fetched")
    monkeypatch.setattr(owed, "LATELY", 0.5)
    assert 0.6 <= drained(jobs, 60) < 5


def test_a_download_that_has_begun_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    jobs = Jobs()
    sending = jobs.owed.sending()
    sending.__enter__()
    assert 0.7 <= drained(jobs, 60, lambda: sending.__exit__(None, None, None)) < 5
    assert "are cut" not in caplog.text
    jobs.owed.add("never fetched")
    with jobs.owed.sending():
        assert 0.4 <= drained(jobs, 0.4) < 5
    assert "1 downloads did not end within 0.4 s, and are cut" in caplog.text
    assert "1 results are removed that nobody has fetched" in caplog.text


@pytest.mark.parametrize(
    ("method", "leaves", "header", "fetched"),
    [
        ("GET", False, b"", True),
        ("GET", True, b"", False),
        ("HEAD", False, b"", False),
        ("GET", False, b"*", True),
    ],
)
def test_what_was_fetched(store: Store, method: str, leaves: bool, header: bytes, fetched: bool) -> None:
    handle = put(store)
    jobs = Jobs()
    jobs.owed.add(handle)
    gone = asyncio.Event()
    counts: list[int] = []

    async def receive() -> Message:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        counts.append(jobs.owed.under_way)
        if message["type"] == "http.response.start" and leaves:
            gone.set()
            await asyncio.sleep(0.01)

    scope = {"type": "http", "method": method, "headers": [(b"if-none-match", header)], "extensions": {}}
    answer = HeldFile(
        store, handle, Path(store.path(handle)), "image/png", mark="file", name=None, owed=jobs.owed
    )
    asyncio.run(answer(scope, receive, send))
    assert jobs.owed.left == (0 if fetched else 1)
    assert counts[0] == (0 if header else 1)
    assert jobs.owed.under_way == 0
