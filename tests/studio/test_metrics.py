"""What is counted, and what is written to the log."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive, Scope, Send

from retouch.studio import logs, owed
from retouch.studio.app import _nobody
from retouch.studio.job import Device, Job, Process
from retouch.studio.metrics import Metrics
from retouch.studio.owed import Owed
from retouch.studio.watched import Watched
from tests.studio.serving import Samples

HANDLE = "0123456789abcdef" * 2
JOB = Job(HANDLE, "fill", "blend", {}, "png", "queued", 1, None, created=100.0)


def told(metrics: Metrics) -> Samples:
    return Samples(metrics.text().decode())


def test_a_jobs_life_is_counted() -> None:
    metrics = Metrics()
    running = replace(JOB, state="running", started=102.5)
    for job in (JOB, running, replace(running, state="done", finished=110.5)):
        metrics.heard(job)
    for job in (JOB, replace(JOB, state="cancelled", finished=101.0)):
        metrics.heard(job)
    seen = told(metrics)
    assert seen.total("retouch_jobs_total", edit="fill", state="queued") == 2
    assert seen.total("retouch_jobs_total", edit="fill", state="done") == 1
    assert seen.total("retouch_jobs_total", edit="fill", state="cancelled") == 1
    assert seen.total("retouch_job_wait_seconds_count") == 1
    assert seen.total("retouch_job_wait_seconds_sum") == 2.5
    assert seen.total("retouch_job_run_seconds_sum", edit="fill") == 8.0
    assert seen.total("retouch_job_run_seconds_bucket", edit="fill", le="5.0") == 0
    assert seen.total("retouch_job_run_seconds_bucket", edit="fill", le="10.0") == 1


def test_clocks_that_are_set_back_make_no_negative_seconds() -> None:
    metrics = Metrics()
    running = replace(JOB, state="running", started=90.0)
    metrics.heard(running)
    metrics.heard(replace(running, state="failed", finished=80.0))
    assert told(metrics).total("retouch_job_wait_seconds_sum") == 0
    assert told(metrics).total("retouch_job_run_seconds_sum", edit="fill") == 0


@given(
    st.lists(
        st.tuples(st.text(max_size=12), st.sampled_from(["/v1/jobs/{id}", "none"]), st.integers(100, 599)),
        max_size=20,
    )
)
def test_no_visitor_makes_labels(requests: list[tuple[str, str, int]]) -> None:
    metrics = Metrics()
    for method, route, status in requests:
        metrics.answered(method, route, status, 0.1)
    seen = told(metrics)
    assert seen.total("retouch_requests_total") == len(requests)
    known = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"}
    assert seen.labels("retouch_requests_total", "method") <= known


class Route:
    path_format = "/v1/jobs/{id}/events"


def ask(app: Callable[[Scope, Receive, Send], Any], scope: dict[str, Any]) -> Metrics:
    metrics = Metrics()

    async def nothing() -> Message:
        return {"type": "http.disconnect"}

    async def away(_: Message) -> None: ...

    whole = {"type": "http", "method": "GET", "path": f"/v1/jobs/{HANDLE}", **scope}
    try:
        asyncio.run(Watched(app, metrics)(whole, nothing, away))
    except ValueError:
        assert "error" in scope
    return metrics


def test_streams_have_no_seconds_and_who_leaves_is_counted() -> None:
    async def streams(scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = Route()
        await send({"type": "http.response.start", "status": 200})

    async def leaves(scope: Scope, receive: Receive, send: Send) -> None: ...

    async def breaks(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError

    seen = told(ask(streams, {}))
    assert seen.total("retouch_requests_total", route=Route.path_format, status="200") == 1
    assert seen.total("retouch_request_seconds_count") == 0
    for app, scope in ((leaves, {}), (breaks, {"error": True})):
        seen = told(ask(app, scope))
        assert seen.total("retouch_requests_total", route="none", status="499") == 1


def test_who_leaves_while_he_sends_is_counted_as_gone() -> None:
    async def leaves(scope: Scope, receive: Receive, send: Send) -> None:
        answer = await _nobody(Request(scope), ClientDisconnect())
        await answer(scope, receive, send)

    assert told(ask(leaves, {})).total("retouch_requests_total", status="499") == 1


@pytest.fixture
def written() -> Iterator[Callable[..., io.StringIO]]:
    """The log of a server, from when it is asked for."""
    with ExitStack() as logging_:

        def begin(*, as_json: bool, token: str | None = None) -> io.StringIO:
            stream = io.StringIO()
            logging_.enter_context(logs.written(as_json=as_json, token=token, stream=stream))
            return stream

        yield begin


def test_the_loggers_are_afterwards_as_before() -> None:
    log = logging.getLogger("retouch")
    before = (list(log.handlers), log.level, log.propagate)
    with logs.written(as_json=True, token=None, stream=io.StringIO()):
        assert (list(log.handlers), log.level, log.propagate) != before
    assert (list(log.handlers), log.level, log.propagate) == before


@pytest.mark.parametrize("as_json", [False, True])
def test_secrets_are_not_written(written: Callable[..., io.StringIO], as_json: bool) -> None:
    stream = written(as_json=as_json, token="very-secret")
    log = logging.getLogger("retouch.studio.test")
    try:
        raise ValueError(f"no {HANDLE}?token=very-secret")
    except ValueError:
        log.exception("it failed for %s", HANDLE, extra={"facts": {"route": f"/{HANDLE}"}})
    said = stream.getvalue()
    assert "ValueError" in said
    assert HANDLE not in said
    assert "very-secret" not in said
    assert "[hidden]" in said


def test_lines_are_json(written: Callable[..., io.StringIO]) -> None:
    stream = written(as_json=True)
    logs.note(JOB)
    logs.note(replace(JOB, state="failed", finished=101.0, error={"type": "EmptyMask", "detail": "x\ny"}))
    running = replace(JOB, state="running", started=100.5, device="cpu")
    logs.note(replace(running, state="done", finished=102.0))
    failed, done = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (failed["edit"], failed["state"], failed["error"]) == ("fill", "failed", "EmptyMask")
    assert "device" not in failed
    assert (done["waited"], done["seconds"], done["device"], done["level"]) == (0.5, 1.5, "cpu", "info")
    assert done["time"].endswith("Z")


def test_lines_are_text(written: Callable[..., io.StringIO]) -> None:
    stream = written(as_json=False)
    running = replace(JOB, state="running", started=100.5, device="cpu")
    logs.note(replace(running, state="done", finished=102.0))
    assert stream.getvalue().endswith("Z INFO fill done after 1.500 s (waited 0.500 s)\n")


def test_what_is_owed(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("retouch.studio.owed.time.monotonic", lambda: now)
    waits = Owed()
    for handle in "abc":
        waits.add(handle)
        now += 1
    waits.fetched("b", "unknown")
    assert len(waits) == 2
    now = owed.LATELY + 0.5
    assert len(waits) == 1
    now = owed.LATELY + 2.5
    assert len(waits) == 0
    assert waits.left == 2
    # Whoever left a result for later has the whole time, once the server ends; not for what was removed.
    waits.end(lambda handle: handle != "a")
    assert (len(waits), waits.left) == (1, 1)
    now += owed.LATELY + 0.5
    assert (len(waits), waits.left) == (0, 1)


def test_what_is_owed_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owed, "MOST", 3)
    waits = Owed()
    for handle in "abcde":
        waits.add(handle)
    assert waits.left == 3


def test_a_device_is_ready_when_one_of_its_processes_is() -> None:
    works, starts = Process(True, 7, None, 0), Process(False, None, None, 0)
    broken = Process(False, None, "no memory", 2)
    assert Device("cpu", (starts, works), ()).ready
    assert Device("cpu", (starts, works), ("a", "b")).running == "a"
    assert Device("cpu", (broken, works), ()).trouble is None
    assert Device("cpu", (broken, works), ()).pid == 7
    assert not Device("cpu", (broken, starts), ()).ready
    assert Device("cpu", (broken, starts), ()).trouble is None
    assert Device("cpu", (broken, broken), ()).trouble == "no memory"
