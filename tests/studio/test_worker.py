"""Real edits in a real worker: what it writes is what the library writes, bit for bit."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retouch.catalog import edit_named
from retouch.image import Mask, Picture, Polygon, samples
from retouch.image.drawing import Drawing
from retouch.studio import described, worker
from retouch.studio.job import Job
from retouch.studio.queue import Jobs
from retouch.studio.store import STILL, Store

DRAWING = {
    "retouch": "drawing",
    "version": 1,
    "strokes": [{"kind": "polygon", "points": [[8, 8], [30, 10], [18, 40]]}],
}


class Studio:
    """A store and a queue with one worker."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder)
        self.jobs = Jobs(self.store, grace=60)
        self.jobs.start()

    def put(self, path: Path, name: str = "") -> dict[str, str]:
        with self.store.begin(name or path.name) as incoming:
            incoming.write(path.read_bytes())
            return {"file": incoming.finish({"kind": "picture"}).handle}

    def run(self, edit: str, order: Mapping[str, Any], form: str | None = None) -> tuple[Job, list[Job]]:
        heard: list[Job] = []
        over = threading.Event()

        def listen(job: Job) -> None:
            heard.append(job)
            if job.ended:
                over.set()

        self.jobs.subscribe(self.jobs.submit(edit, order, form).id, listen)
        assert over.wait(240)
        return heard[-1], heard

    def made(self, edit: str, order: Mapping[str, Any], form: str | None = None) -> Mapping[str, Any]:
        job, _ = self.run(edit, order, form)
        assert job.state == "done", job.error
        assert job.result is not None
        return job.result

    def bytes_of(self, handle: str) -> bytes:
        return self.store.path(handle).read_bytes()


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    made = Studio(tmp_path_factory.mktemp("studio"))
    yield made
    made.jobs.close()
    made.store.close()


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pixels = samples.open("cat").numpy("uint8")[100:164, 150:230]
    return Picture.of(pixels).save(tmp_path_factory.mktemp("photos") / "cat.png")


@pytest.fixture(scope="module")
def patch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pixels = samples.open("coffee").numpy("uint8")[50:98, 50:98]
    return Picture.of(pixels).save(tmp_path_factory.mktemp("photos") / "cup.jpg")


def by_library(folder: Path, name: str, edit: str, **values: Any) -> bytes:
    made: Picture = edit_named(edit).load()(**values)
    return made.save(folder / name, companions=True).read_bytes()


def test_a_drawing_fills_a_hole_as_the_library_does(studio: Studio, photo: Path, tmp_path: Path) -> None:
    result = studio.made("fill", {"photo": studio.put(photo), "mask": {"drawing": DRAWING}})
    mask = Mask.of(Drawing.parse(DRAWING), (64, 80))
    own = by_library(tmp_path, "own.png", "fill", photo=Picture.open(photo), mask=mask)
    assert studio.bytes_of(result["picture"]) == own
    assert studio.store.get(result["picture"]).name == "cat-fill.png"
    assert result["report"]
    assert result["seconds"] >= 0


@pytest.mark.parametrize("form", ["png", "jpg", "webp", "tiff"])
def test_two_photos_a_mask_file_a_place_and_a_format(
    studio: Studio, photo: Path, patch: Path, tmp_path: Path, form: str
) -> None:
    polygon = Polygon([(6, 6), (40, 8), (20, 40)])
    mask = Mask.of(polygon, (48, 48)).save(tmp_path / "mask.png")
    order = {
        "source": studio.put(patch),
        "target": studio.put(photo),
        "mask": studio.put(mask),
        "at": [10, 5],
        "gradients": "mixed",
        "source_weight": 1,
    }
    result = studio.made("blend", order, form)
    own = by_library(
        tmp_path,
        f"own.{form}",
        "blend",
        source=Picture.open(patch),
        target=Picture.open(photo),
        mask=mask,
        at=(10, 5),
        gradients="mixed",
        source_weight=1.0,
    )
    assert studio.bytes_of(result["picture"]) == own
    facts = dict(studio.store.get(result["picture"]).facts)
    assert facts == described.of_opened(Picture.open(tmp_path / f"own.{form}"))


def test_a_network_with_progress(studio: Studio, photo: Path, tmp_path: Path) -> None:
    order = {"photo": studio.put(photo), "noise": 20, "ensemble": True}
    job, heard = studio.run("restore", order)
    own = by_library(tmp_path, "own.png", "restore", photo=Picture.open(photo), noise=20.0, ensemble=True)
    assert studio.bytes_of((job.result or {})["picture"]) == own
    assert heard[0].state == "queued"
    assert {"running", "done"} <= {now.state for now in heard}
    stages = [now.progress["stage"] for now in heard if now.progress]
    assert stages
    assert all(isinstance(stage, str) and stage for stage in stages)


def test_latents_and_a_film(studio: Studio, tmp_path: Path) -> None:
    both = studio.made("sample", {"count": 2, "latents": True, "seed": 3})
    own = by_library(tmp_path, "own.png", "sample", count=2, latents=True, seed=3)
    assert studio.bytes_of(both["picture"]) == own
    files = sorted(tmp_path.glob("own.*.latent.safetensors"))
    assert [each["suffix"] for each in both["companions"]] == [
        path.name.removeprefix("own") for path in files
    ]
    assert [studio.bytes_of(each["picture"]) for each in both["companions"]] == [
        path.read_bytes() for path in files
    ]
    handles = [each["picture"] for each in both["companions"]]
    assert studio.store.get(handles[0]).name == f"sample{both['companions'][0]['suffix']}"
    assert studio.store.get(handles[0]).facts["kind"] == "latent"

    order = {"a": {"file": handles[0]}, "b": {"file": handles[1]}, "frames": 2}
    film = studio.made("morph", order)
    stored = studio.store.get(film["picture"])
    own = by_library(tmp_path, "film.gif", "morph", a=files[0], b=files[1], frames=2)
    assert studio.bytes_of(film["picture"]) == own
    facts = {"kind": "animation", "width": 64, "height": 64, "mode": "RGB", "bits": 8, "format": "GIF"}
    assert dict(stored.facts) == facts
    still = studio.store.derived(stored.handle, STILL)
    assert still is not None
    by_library(tmp_path, "still.png", "morph", a=files[0], b=files[1], frames=2)
    assert still.read_bytes() == (tmp_path / "still.png").read_bytes()

    # Where a picture is wanted, the still of an animation is taken.
    again = studio.made("tile", {"photo": {"file": stored.handle}})
    own = by_library(tmp_path, "tile.png", "tile", photo=Picture.open(tmp_path / "still.png"))
    assert studio.bytes_of(again["picture"]) == own
    flat = studio.made("morph", order, "png")
    assert studio.store.get(flat["picture"]).facts["kind"] == "picture"
    assert studio.store.derived(flat["picture"], STILL) is None


def test_lists_of_files_words_and_pictures_of_progress(
    studio: Studio, photo: Path, patch: Path, tmp_path: Path
) -> None:
    order = {
        "content": studio.put(photo),
        "style": studio.put(patch),
        "styles": [studio.put(photo)],
        "start": studio.put(photo),
        "size": 64,
        "steps": 12,
    }
    previews: list[bytes] = []
    over = threading.Event()
    job = studio.jobs.submit("stylize", order)

    def listen(now: Job) -> None:
        if now.progress and now.progress["preview"] and not now.ended:
            previews.append(studio.jobs.preview(now.id).read_bytes())
        if now.ended:
            over.set()

    studio.jobs.subscribe(job.id, listen)
    assert over.wait(240)
    last = studio.jobs.get(job.id)
    assert last.state == "done", last.error
    own = by_library(
        tmp_path,
        "own.png",
        "stylize",
        content=Picture.open(photo),
        style=Picture.open(patch),
        styles=(Picture.open(photo),),
        start=str(photo),
        size=64,
        steps=12,
    )
    assert studio.bytes_of((last.result or {})["picture"]) == own
    assert Picture.open(previews[-1]).file.format == "JPEG"
    assert last.progress is not None
    assert all(np.isfinite(value) for value in last.progress["facts"].values())


def test_errors_are_the_library_s_own_with_the_names_that_people_know(
    studio: Studio, photo: Path, patch: Path
) -> None:
    order = {"photo": studio.put(photo), "mask": studio.put(patch)}
    job, _ = studio.run("fill", order)
    assert (job.state, (job.error or {})["type"]) == ("failed", "SizeMismatch")
    assert "48×48" in (job.error or {})["detail"]
    job, _ = studio.run("fill", {**order, "mask": {"drawing": {**DRAWING, "strokes": []}}})
    assert (job.error or {})["type"] == "EmptyMask"
    broken = photo.with_name("broken.png")
    broken.write_bytes(photo.read_bytes()[:500])
    job, _ = studio.run("tile", {"photo": studio.put(broken)})
    assert (job.error or {})["type"] == "UnreadablePicture"
    assert (job.error or {})["detail"].startswith("broken.png is a damaged or truncated PNG")
    assert studio.jobs.ready


def test_a_bug_is_logged_here_and_not_told_there(
    studio: Studio, photo: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        job, _ = studio.run("fill", {"photo": studio.put(photo), "no_such_option": 1})
    assert (job.error or {})["type"] == "InternalError"
    assert "no_such_option" not in (job.error or {})["detail"]
    assert "KeyError: 'no_such_option'" in caplog.text


def long_edit(studio: Studio, photo: Path) -> Job:
    """An edit of many steps that has begun."""
    order = {"content": studio.put(photo), "style": studio.put(photo), "size": 64, "steps": 100_000}
    job = studio.jobs.submit("stylize", order)
    until(lambda: (studio.jobs.get(job.id).progress or {}).get("done"))
    return job


def until(true: Callable[[], object], seconds: float = 240.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def test_a_running_edit_is_cancelled_and_the_worker_stays(studio: Studio, photo: Path) -> None:
    job = long_edit(studio, photo)
    pid = studio.jobs.devices[0].pid
    began = time.monotonic()
    studio.jobs.cancel(job.id)
    until(lambda: studio.jobs.get(job.id).ended)
    assert studio.jobs.get(job.id).state == "cancelled"
    assert time.monotonic() - began < 30
    assert studio.jobs.devices[0].pid == pid
    assert len(list(studio.store.folder.glob("room-*"))) == 1


def test_the_memory_comes_back(studio: Studio, photo: Path) -> None:
    def taken() -> int:
        pids = os.getpid(), studio.jobs.devices[0].pid
        return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 for pid in pids)

    order = {"photo": studio.put(photo), "mask": {"drawing": DRAWING}}
    studio.made("fill", order)
    time.sleep(0.6)
    before = taken()
    jobs = [studio.jobs.submit("fill", order) for _ in range(100)]
    until(lambda: studio.jobs.get(jobs[-1].id).ended)
    assert {studio.jobs.get(job.id).state for job in jobs} == {"done"}
    time.sleep(0.6)
    assert taken() - before < 50 << 20


def test_kill_9_fails_that_edit_and_the_next_is_done(studio: Studio, photo: Path, tmp_path: Path) -> None:
    job = long_edit(studio, photo)
    after = studio.jobs.submit("tile", {"photo": studio.put(photo)})
    os.kill(studio.jobs.devices[0].pid or 0, signal.SIGKILL)
    until(lambda: studio.jobs.get(after.id).ended)
    error = studio.jobs.get(job.id).error or {}
    assert error["type"] == "WorkerDied"
    assert "the worker died in the middle of this edit" in error["detail"]
    result = studio.jobs.get(after.id).result or {}
    assert studio.bytes_of(result["picture"]) == by_library(
        tmp_path, "own.png", "tile", photo=Picture.open(photo)
    )


def test_pictures_of_progress_come_at_most_once_a_second(tmp_path: Path) -> None:
    from retouch.progress import Progress

    class Told:
        said: list[Mapping[str, Any]] = []  # noqa: RUF012 - of one test

        def is_stopped(self, number: int) -> bool:
            return False

        def report(self, message: Mapping[str, Any]) -> None:
            self.said.append(message)

    asked: list[float] = []

    def preview() -> np.ndarray[Any, np.dtype[np.float64]]:
        asked.append(time.monotonic())
        return np.full((1500, 20, 3), 0.5)

    told = Told()
    listener = worker.Listener(told, {"number": 1, "room": str(tmp_path)})  # type: ignore[arg-type]
    end = time.monotonic() + 1.4
    while time.monotonic() < end:
        facts = {"loss": float("nan"), "psnr": 30.5}
        listener(Progress("solving", 3, 10, preview=preview, facts=facts))
        time.sleep(0.01)
    assert len(asked) == 2
    assert asked[1] - asked[0] >= 1
    assert Picture.open(tmp_path / worker.PREVIEW).size == (512, 7)
    assert told.said[-1]["progress"] == {
        "stage": "solving",
        "done": 3,
        "total": 10,
        "fraction": 0.3,
        "facts": {"psnr": 30.5},
        "preview": 2,
    }
