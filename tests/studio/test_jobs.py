"""Edits over HTTP: asked for, followed, stopped, fetched."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import numpy as np
import pytest
from starlette.requests import Request

from retouch.errors import UnwritablePicture
from retouch.image import Picture
from retouch.studio.answers import job_document
from retouch.studio.failures import plain
from retouch.studio.job import Job
from retouch.studio.routes.jobs import preview
from retouch.studio.store import Store
from tests.studio.living import Studio, until

PAINT: dict[str, Any] = {"preset": "best", "steps": 4000, "size": 96, "features": "bundled"}
"""An edit that takes much longer than any test, and shows its state."""


@pytest.fixture(scope="module")
def photo(studio: Studio) -> str:
    studio.ready()
    return str(studio.told(studio.client.post("/v1/samples/bricks"), 201)["id"])


def followed(studio: Studio, job: str) -> list[dict[str, Any]]:
    """All events of a job, to the end."""
    with httpx.stream("GET", f"{studio.url}/v1/jobs/{job}/events", timeout=60, trust_env=False) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        said = "".join(answer.iter_text())
    blocks = [block.split("\n") for block in said.strip().split("\n\n") if not block.startswith(":")]
    assert all(lines[0] == "event: job" and len(lines) == 2 for lines in blocks)
    return [json.loads(lines[1].removeprefix("data: ")) for lines in blocks]


def test_a_job_is_followed_to_its_result(studio: Studio, photo: str) -> None:
    job = studio.edit("texture", exemplar=photo, width=64, height=64, features="random", steps=30, seed=3)
    assert job["options"] == {
        "exemplar": photo, "width": 64, "height": 64, "features": "random", "steps": 30, "seed": 3,
    }  # fmt: skip
    assert (job["edit"], job["task"]) == ("texture", "stylize")
    events = followed(studio, job["id"])
    states = [event["state"] for event in events]
    assert states == sorted(states, key=["queued", "running", "done"].index)
    assert states[-1] == "done"
    assert states.count("done") == 1
    assert any(event["progress"] for event in events)
    last = events[-1]
    assert last == studio.job(job["id"])
    assert last["position"] is None
    result = last["result"]
    assert (result["picture"]["width"], result["picture"]["height"]) == (64, 64)
    assert result["picture"]["name"] == "bricks-texture.png"
    assert result["seconds"] > 0
    file = studio.client.get(f"/v1/jobs/{job['id']}/result")
    assert file.content == studio.client.get(result["picture"]["url"]).content
    assert file.headers["content-disposition"] == "attachment; filename=bricks-texture.png"
    jpeg = studio.client.get(f"/v1/jobs/{job['id']}/result", params={"format": "jpg"})
    assert jpeg.headers["content-type"] == "image/jpeg"
    # Whoever comes later hears the end at once.
    assert followed(studio, job["id"]) == [last]


def test_events_come_ten_times_a_second_at_most(studio: Studio, photo: str) -> None:
    job = studio.edit("stylize", content=photo, style=photo, **PAINT)["id"]
    studio.running(job)
    times = []
    with httpx.stream("GET", f"{studio.url}/v1/jobs/{job}/events", timeout=60, trust_env=False) as answer:
        for line in answer.iter_lines():
            if line.startswith("event:"):
                times.append(time.monotonic())
            if len(times) == 12:
                break
    studio.cancel(job)
    assert times[-1] - times[0] > 0.9
    assert studio.ended(job)["state"] == "cancelled"


def test_a_queue_is_passed_in_order_and_can_be_left(studio: Studio, photo: str) -> None:
    first = studio.edit("stylize", content=photo, style=photo, **PAINT)["id"]
    studio.running(first)
    others = [studio.edit("tile", photo=photo)["id"] for _ in range(3)]
    ids = [first, *others]
    listed = studio.client.get("/v1/jobs", params={"ids": ",".join([*ids, "0" * 32, ""])}).json()
    assert [(job["id"], job["position"]) for job in listed] == [(name, at) for at, name in enumerate(ids)]
    unfinished = studio.client.get(f"/v1/jobs/{first}/result")
    assert unfinished.status_code == 409
    assert "the job is running; wait for it" in unfinished.json()["detail"]
    studio.cancel(others[0])
    assert studio.job(others[0])["state"] == "cancelled"
    assert studio.job(others[1])["position"] == 1
    studio.cancel(first)
    ended = studio.ended(first)
    assert ended["state"] == "cancelled"
    assert ended["result"] is None
    assert "was cancelled" in studio.client.get(f"/v1/jobs/{first}/result").json()["detail"]
    assert [studio.ended(name)["state"] for name in others[1:]] == ["done", "done"]
    # To cancel what has ended changes nothing.
    assert studio.told(studio.client.post(f"/v1/jobs/{others[1]}/cancel"), 202)["state"] == "done"


def test_the_present_state_can_be_seen(studio: Studio, photo: str) -> None:
    job = studio.edit("stylize", content=photo, style=photo, **PAINT)["id"]

    def shown() -> Any:
        progress = studio.job(job)["progress"]
        return progress and progress["preview"]

    place = until(shown, "a preview")
    assert place.startswith(f"/v1/jobs/{job}/preview?n=")
    picture = studio.client.get(place)
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/jpeg")
    assert picture.content[:3] == b"\xff\xd8\xff"
    studio.cancel(job)
    studio.ended(job)
    late = studio.client.get(place)
    assert (late.status_code, late.content) == (204, b"")


def test_a_failure_is_told_in_the_librarys_words(studio: Studio, photo: str) -> None:
    job = studio.ended(studio.edit("restore", photo=photo, model="denoize")["id"])
    assert (job["state"], job["result"]) == ("failed", None)
    assert job["error"]["type"] == "urn:retouch:error:UnknownName"
    assert job["error"]["detail"].startswith("unknown weights 'denoize'; did you mean denoise")
    refused = studio.client.get(f"/v1/jobs/{job['id']}/result")
    assert refused.status_code == 409
    assert "the job failed: unknown weights 'denoize'" in refused.json()["detail"]


def test_a_result_that_was_removed_is_said(studio: Studio, photo: str) -> None:
    job = studio.ended(studio.edit("tile", photo=photo)["id"])
    studio.client.delete(f"/v1/pictures/{job['result']['picture']['id']}").raise_for_status()
    later = studio.job(job["id"])
    assert (later["state"], later["result"], later["error"]["status"]) == ("done", None, 410)
    assert studio.client.get(f"/v1/jobs/{job['id']}/result").status_code == 410


def test_a_preview_that_goes_while_it_is_asked_for_is_nothing(tmp_path: Path) -> None:
    jobs = SimpleNamespace(preview=lambda _: tmp_path / "room" / "preview.jpg")
    request = SimpleNamespace(app=SimpleNamespace(state=SimpleNamespace(parts=SimpleNamespace(jobs=jobs))))
    assert preview(cast("Request", request), "0" * 32).status_code == 204


def test_a_failure_gives_no_advice_for_programs(tmp_path: Path) -> None:
    clear = Picture.of(np.zeros((4, 4, 4), np.uint8))
    with pytest.raises(UnwritablePicture, match="background=") as caught:
        clear.save(tmp_path / "clear.jpg")
    job = Job("0" * 32, "fill", "inpaint", {}, "jpg", "failed", None, "cpu", 0.0, error=plain(caught.value))
    told = job_document(job, cast("Store", None)).error
    assert told is not None
    assert told.detail == "the picture has transparent pixels and JPEG has none; write PNG, WebP or TIFF"


@pytest.mark.parametrize("path", ["", "/events", "/result", "/preview", "/cancel"])
def test_a_job_that_never_was_is_unknown(studio: Studio, path: str) -> None:
    ask = studio.client.post if path == "/cancel" else studio.client.get
    answer = ask(f"/v1/jobs/{'0' * 32}{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:retouch:error:UnknownHandle"


def test_what_an_edit_writes_beside_its_picture_can_be_fetched(studio: Studio) -> None:
    made = studio.ended(studio.edit("sample", count=1, seed=7)["id"])["result"]
    (beside,) = made["companions"]
    assert beside["suffix"] == ".latent.safetensors"
    latent = studio.client.get(beside["url"])
    assert len(latent.content) == beside["bytes"]
    assert latent.headers["content-type"] == "application/octet-stream"
    known = studio.told(studio.client.get(f"/v1/pictures/{beside['id']}"))
    assert (known["kind"], known["view"], known["width"]) == ("latent", None, None)
    assert studio.client.get(f"/v1/pictures/{beside['id']}/view").status_code == 409
    assert studio.client.get(beside["url"], params={"format": "png"}).status_code == 409
    # The file can be sent back, and then used: as a latent, and as no picture.
    sent = studio.upload(latent.content, "mine.latent.safetensors")
    assert sent["kind"] == "latent"
    assert studio.client.post("/v1/edits/tile", json={"photo": sent["id"]}).status_code == 422
    film = studio.ended(studio.edit("vary", latent=sent["id"], steps=3, seconds=1)["id"])["result"]["picture"]
    assert (film["kind"], film["format"], film["name"][-4:]) == ("animation", "GIF", ".gif")
    assert studio.client.get(film["url"]).content[:4] == b"GIF8"
    assert studio.client.get(film["view"]).headers["content-type"] == "image/png"
    assert studio.client.get(film["url"], params={"format": "png"}).content[:4] == b"\x89PNG"


def test_many_may_listen_at_once_without_a_thread_for_each(studio: Studio, photo: str) -> None:
    job = studio.edit("stylize", content=photo, style=photo, **PAINT)["id"]
    studio.running(job)

    def threads() -> int:
        return len(list(Path(f"/proc/{studio.process.pid}/task").iterdir()))

    before = threads()

    async def listen() -> list[str]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(
            base_url=studio.url, timeout=120, limits=limits, trust_env=False
        ) as client:
            heard = asyncio.Semaphore(0)

            async def one() -> str:
                state = ""
                async with client.stream("GET", f"/v1/jobs/{job}/events") as answer:
                    async for line in answer.aiter_lines():
                        if line.startswith("data: "):
                            if not state:
                                heard.release()
                            state = json.loads(line.removeprefix("data: "))["state"]
                return state

            listeners = [asyncio.create_task(one()) for _ in range(100)]
            for _ in listeners:
                await heard.acquire()
            assert threads() - before < 10
            await client.post(f"/v1/jobs/{job}/cancel")
            return await asyncio.gather(*listeners)

    assert asyncio.run(listen()) == ["cancelled"] * 100
