"""What a client is told of files and jobs."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from retouch.studio.answers import job_document, picture_document
from retouch.studio.routes.edits import router_of
from retouch.studio.settings import Settings
from retouch.studio.store import Store
from tests.studio.orders import DRAWING, FACTS, Made, put


def test_a_drawing_is_told_by_the_handle_of_its_file(made: Made, store: Store) -> None:
    jobs = made(start=False)
    order = {"mask": {"drawing": DRAWING}, "masks": [{"drawing": DRAWING}], "tolerance": 0.5}
    told = job_document(jobs.submit("fill", order), store).options
    assert told["tolerance"] == 0.5
    for handle in (told["mask"], *told["masks"]):
        assert picture_document(store.get(handle)).kind == "drawing"


@pytest.mark.parametrize(
    ("kind", "shown"),
    [("picture", True), ("animation", True), ("latent", False), ("drawing", False), ("file", False)],
)
def test_what_cannot_be_shown_has_no_view(store: Store, kind: str, shown: bool) -> None:
    with store.begin("x") as incoming:
        incoming.write(b"x")
        told = picture_document(incoming.finish(FACTS | {"kind": kind}))
    assert (told.view is not None) == shown


def test_a_result_without_its_companion_is_still_one(made: Made, store: Store) -> None:
    beside = [{"suffix": f".{name}.txt", "picture": put(store, name)} for name in ("one", "two")]
    result = {"picture": put(store), "report": {}, "companions": beside, "seconds": 1.0}
    job = replace(made(start=False).submit("fill", {}), state="done", result=result)
    store.drop(str(beside[0]["picture"]))
    told = job_document(job, store)
    assert told.error is None
    assert told.result is not None
    assert [each.suffix for each in told.result.companions] == [".two.txt"]
    store.drop(str(result["picture"]))
    told = job_document(job, store)
    assert (told.state, told.result) == ("done", None)
    assert told.error is not None
    assert told.error.status == 410


def test_an_order_is_written_outside_the_event_loop(
    made: Made, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = made(start=False)
    submit, seen = jobs.submit, []

    def noted(*arguments: Any) -> Any:
        seen.append(threading.current_thread())
        return submit(*arguments)

    monkeypatch.setattr(jobs, "submit", noted)
    app = FastAPI()
    app.include_router(router_of(("cpu",))[0])
    app.state.parts = SimpleNamespace(store=store, jobs=jobs, settings=Settings())

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.post("/v1/edits/fill", json={"photo": put(store), "mask": DRAWING})

    assert asyncio.run(ask()).status_code == 202
    assert seen
    assert threading.main_thread() not in seen
