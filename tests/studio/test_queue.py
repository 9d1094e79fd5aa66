"""The queue, with processes that do as they are told instead of edits."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from retouch.errors import InputError, UnknownName, UnwritablePicture
from retouch.studio.failures import Gone, QueueFull, StoreFull, Unavailable, UnknownHandle
from retouch.studio.job import Job
from retouch.studio.queue import Jobs
from retouch.studio.store import Limits, Store
from tests.studio.orders import DRAWING, FACTS, Made, ended, put, until


def test_an_edit_is_done_and_its_result_is_kept(made: Made, store: Store) -> None:
    jobs = made()
    handle = put(store)
    order = {"photo": {"file": handle}, "mask": {"drawing": DRAWING}}
    job = jobs.submit("fill", order)
    assert (job.edit, job.task, job.format, job.state) == ("fill", "blend", "png", "queued")
    mask = job.order["mask"]["file"]
    assert store.get(mask).facts["kind"] == "drawing"
    last = ended(jobs, job)
    assert (last.state, last.position, last.device, last.error) == ("done", None, "cpu", None)
    assert last.created <= (last.started or 0) <= (last.finished or 0)
    result = last.result or {}
    stored = store.get(result["picture"])
    assert (stored.name, dict(stored.facts)) == ("cat-fill.png", FACTS)
    told = store.path(stored.handle).read_text()
    assert told == repr(
        [("mask", {"file": str(store.path(mask))}), ("photo", {"file": str(store.path(handle))})]
    )
    assert len(list(store.folder.glob("room-*"))) == 1


def test_first_come_first_served_and_everybody_knows_where_they_are(made: Made, home: Path) -> None:
    jobs = made()
    first, *rest = [jobs.submit("fill", {"tolerance": "wait"}) for _ in range(4)]
    until(lambda: jobs.get(first.id).state == "running")
    assert jobs.get(first.id).position == 0
    assert [jobs.get(job.id).position for job in rest] == [1, 2, 3]
    assert jobs.waiting == 3
    seen: dict[str, list[int | None]] = {job.id: [] for job in rest}
    for job in rest:
        jobs.subscribe(job.id, lambda now: seen[now.id].append(now.position))
    (home / "go").touch()
    finished = [ended(jobs, job).finished or 0 for job in (first, *rest)]
    assert finished == sorted(finished)
    for number, job in enumerate(rest, 1):
        order = list(dict.fromkeys(seen[job.id]))
        assert order == [*range(number, -1, -1), None]


def test_a_subscriber_hears_progress_and_the_end_and_then_no_more(made: Made, home: Path) -> None:
    jobs = made()
    job = jobs.submit("fill", {"tolerance": "wait"})
    heard: list[Job] = []
    left: list[Job] = []
    jobs.subscribe(job.id, heard.append)
    leave = jobs.subscribe(job.id, left.append)
    until(lambda: len(heard) > 3)
    leave()
    count = len(left)
    (home / "go").touch()
    ended(jobs, job)
    assert heard[0].state == "queued"
    assert heard[-1].state == "done"
    assert heard[-1].ended
    assert [now.ended for now in heard].count(True) == 1
    assert {now.progress["stage"] for now in heard if now.progress} == {"working"}
    assert len(left) == count
    late: list[Job] = []
    jobs.subscribe(job.id, late.append)()
    assert [now.state for now in late] == ["done"]


def test_progress_comes_at_most_ten_times_a_second(made: Made) -> None:
    jobs = made()
    until(lambda: jobs.ready)
    job = jobs.submit("fill", {"tolerance": "many"})
    heard: list[float] = []
    jobs.subscribe(job.id, lambda now: heard.append(time.monotonic()) if now.progress else None)
    last = ended(jobs, job)
    assert last.state == "done"
    assert 1 <= len(heard) <= 2 + 10 * ((last.finished or 0) - (last.started or 0))


def test_a_listener_that_fails_harms_nobody(made: Made, caplog: pytest.LogCaptureFixture) -> None:
    jobs = made()
    job = jobs.submit("fill", {})
    heard: list[Job] = []

    def broken(_: Job) -> None:
        raise ValueError("a bug")

    jobs.subscribe(job.id, broken)
    jobs.subscribe(job.id, heard.append)
    assert ended(jobs, job).state == "done"
    assert heard[-1].state == "done"
    assert caplog.text.count("a listener of the job") == 1


def test_what_a_job_needs_is_kept_until_it_has_ended(made: Made, home: Path, store: Store) -> None:
    jobs = made()
    first = jobs.submit("fill", {"tolerance": "wait"})
    handle = put(store, "old.png")
    second = jobs.submit("fill", {"photo": {"file": handle}, "masks": [{"file": handle}]})
    path = store.path(handle)
    store.drop(handle)
    for _ in range(3):
        put(store, data=b"x" * 4000)
    assert path.exists()
    (home / "go").touch()
    assert ended(jobs, first).state == "done"
    last = ended(jobs, second)
    assert store.get((last.result or {})["picture"]).name == "old-fill.png"
    until(lambda: not path.exists())


def test_a_job_that_waits_is_cancelled_at_once(made: Made, store: Store) -> None:
    jobs = made()
    running = jobs.submit("fill", {"tolerance": "wait"})
    handle = put(store)
    waiting, behind = (jobs.submit("fill", {"photo": {"file": handle}}) for _ in range(2))
    heard: list[Job] = []
    jobs.subscribe(behind.id, heard.append)
    now = jobs.cancel(waiting.id)
    assert (now.state, now.position, now.error, now.result) == ("cancelled", None, None, None)
    assert heard[-1].position in (1, 2)
    assert jobs.cancel(waiting.id).state == "cancelled"
    jobs.cancel(behind.id)
    path = store.path(handle)
    store.drop(handle)
    assert not path.exists()
    assert jobs.cancel(running.id).state in ("queued", "running", "cancelled")
    assert ended(jobs, running).state == "cancelled"


def test_a_result_that_comes_after_the_cancel_is_not_kept(made: Made, home: Path, store: Store) -> None:
    jobs = made(grace=20)
    job = jobs.submit("fill", {"tolerance": "stuck"})
    until(lambda: jobs.get(job.id).state == "running")
    record = jobs._records[job.id]
    jobs.cancel(job.id)
    assert record.room is not None
    (record.room / "result.png").write_bytes(b"late")
    jobs._end(
        record, {"done": {"facts": FACTS, "still": False, "report": {}, "companions": [], "seconds": 0}}
    )
    assert jobs.get(job.id).state == "cancelled"
    assert store.bytes == 0


def test_errors_cross_and_a_traceback_stays_here(made: Made, caplog: pytest.LogCaptureFixture) -> None:
    jobs = made()
    failed = ended(jobs, jobs.submit("fill", {"tolerance": "fail"}))
    assert failed.error == {"type": "EmptyMask", "detail": "the mask is empty; draw one"}
    with caplog.at_level(logging.ERROR):
        bug = ended(jobs, jobs.submit("fill", {"tolerance": "bug"}))
    assert bug.error == {"type": "InternalError", "detail": "a bug; report it"}
    assert "secret line 7" in caplog.text


def test_too_many_jobs_are_refused(made: Made, store: Store) -> None:
    jobs = made(start=False, waiting=2)
    handle = put(store)
    for _ in range(2):
        jobs.submit("fill", {"photo": {"file": handle}})
    with pytest.raises(QueueFull, match="2 edits wait already") as caught:
        jobs.submit("fill", {"photo": {"file": handle}, "mask": {"drawing": DRAWING}})
    assert caught.value.retry_after > 0
    assert store.bytes == 5


@pytest.mark.parametrize(
    ("edit", "order", "form", "error"),
    [
        ("fil", {}, None, UnknownName),
        ("fill", {}, "exe", UnwritablePicture),
        ("fill", {}, "gif", UnwritablePicture),
        ("fill", {}, "png/../../x", UnwritablePicture),
        ("fill", {"photo": {"file": "0" * 32}, "mask": {"drawing": DRAWING}}, None, UnknownHandle),
    ],
)
def test_what_cannot_be_done_is_refused_before_it_waits(
    made: Made, store: Store, edit: str, order: dict[str, Any], form: str | None, error: type[Exception]
) -> None:
    jobs = made(start=False)
    with pytest.raises(error):
        jobs.submit(edit, order, form)
    assert (jobs.waiting, store.bytes) == (0, 0)


def test_a_moving_edit_is_a_gif_unless_something_else_is_wanted(made: Made) -> None:
    jobs = made(start=False)
    assert jobs.submit("morph", {}).format == "gif"
    assert jobs.submit("morph", {}, "webp").format == "webp"


def test_a_result_that_finds_no_room_fails_the_job(made: Made, store: Store) -> None:
    jobs = made()
    with store.holding(put(store, data=b"x" * 9999)):
        error = ended(jobs, jobs.submit("fill", {})).error or {}
    assert error["type"] == StoreFull.__name__
    assert ended(jobs, jobs.submit("fill", {})).state == "done"


def test_unknown_jobs_and_forgotten_ones(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retouch.studio.queue._KEPT", 1)
    jobs = made()
    old, new = (jobs.submit("fill", {}) for _ in range(2))
    ended(jobs, new)
    assert jobs.get(new.id).state == "done"
    for call in (jobs.get, jobs.cancel, jobs.preview, lambda job: jobs.subscribe(job, print)):
        with pytest.raises(Gone):
            call(old.id)
        with pytest.raises(UnknownHandle, match="no job"):
            call("0" * 32)


def test_a_job_without_a_preview_says_so(made: Made) -> None:
    jobs = made()
    job = jobs.submit("fill", {"tolerance": "wait"})
    until(lambda: jobs.get(job.id).progress)
    with pytest.raises(Gone, match="no picture of its progress"):
        jobs.preview(job.id)


def test_closing_ends_everything_and_everybody_hears_of_it(made: Made, store: Store) -> None:
    jobs = made()
    running, waiting = (jobs.submit("fill", {"tolerance": act}) for act in ("stuck", "write"))
    until(lambda: jobs.get(running.id).state == "running")
    pid = jobs.devices[0].pid or 0
    heard: list[Job] = []
    for job in (running, waiting):
        jobs.subscribe(job.id, heard.append)
    began = time.monotonic()
    jobs.close()
    jobs.close()
    assert time.monotonic() - began < 15
    assert [now.state for now in heard[-2:]] == ["failed", "failed"]
    assert {(now.error or {})["type"] for now in heard[-2:]} == {"Unavailable"}
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(Unavailable):
        jobs.submit("fill", {})
    assert [thread for thread in threading.enumerate() if thread.name == "retouch-cpu"] == []


def test_a_studio_without_a_device(store: Store) -> None:
    with pytest.raises(InputError, match="at least one device"):
        Jobs(store, ())


def test_each_of_many_subscribers_hears_once_how_it_is_now(made: Made) -> None:
    jobs = made(start=False)
    job = jobs.submit("fill", {})
    heard: list[list[Job]] = [[] for _ in range(4)]
    for each in heard:
        jobs.subscribe(job.id, each.append)
    assert [len(each) for each in heard] == [1, 1, 1, 1]


def test_a_closed_loop_is_no_bug(made: Made, caplog: pytest.LogCaptureFixture) -> None:
    jobs = made(start=False)
    job = jobs.submit("fill", {})
    loop = asyncio.new_event_loop()
    loop.close()

    def listen(now: Job) -> None:
        loop.call_soon_threadsafe(print, now)

    jobs.subscribe(job.id, listen)
    assert "Event loop is closed" in caplog.text
    assert "Traceback" not in caplog.text


def test_drawings_go_with_their_job(made: Made, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retouch.studio.queue._KEPT", 1)
    jobs = made()
    drawings = []
    for _ in range(2):
        job = ended(
            jobs, jobs.submit("fill", {"mask": {"drawing": DRAWING}, "masks": [{"drawing": DRAWING}]})
        )
        drawings.append((job.order["mask"]["file"], job.order["masks"][0]["file"]))
    for handle in drawings[0]:
        with pytest.raises(Gone):
            store.get(handle)
    assert [store.get(handle).handle for handle in drawings[1]] == list(drawings[1])


def test_drawings_that_the_disk_refuses_leave_nothing(
    made: Made, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = made(start=False)
    opened: list[Path] = []
    real = Path.open

    def full(path: Path, *arguments: Any, **options: Any) -> Any:
        opened.append(path)
        if len(opened) == 2:
            raise OSError(28, "No space left on device")
        return real(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(StoreFull, match="disk of the studio is full"):
        jobs.submit("fill", {"masks": [{"drawing": DRAWING}] * 3})
    assert (jobs.waiting, store.bytes) == (0, 0)
    assert [path.name for path in store.folder.iterdir() if path.is_file()] == ["lock"]


def test_room_for_a_drawing_is_not_made_at_the_cost_of_the_photo(made: Made, store: Store) -> None:
    jobs = made(start=False)
    photo, other = put(store, data=b"x" * 9000), put(store, data=b"x" * 980)
    job = jobs.submit("fill", {"photo": {"file": photo}, "mask": {"drawing": DRAWING}})
    assert job.state == "queued"
    with pytest.raises(Gone):
        store.get(other)


def test_a_picture_that_an_edit_made_may_be_larger_than_one_that_is_sent(tmp_path: Path) -> None:
    store = Store(tmp_path / "small", Limits(pixels=1000))
    try:
        jobs = Jobs(store)
        draft = store.draft(".png")
        draft.write_bytes(b"x")
        large = store.adopt(draft, "large.png", FACTS | {"width": 50, "height": 60}).handle
        for order, most in (({"photo": {"file": large}}, 3000), ({}, 1000)):
            assert jobs._records[jobs.submit("tile", order).id].task["pixels"] == most
    finally:
        store.close()


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("IMG_2024.05.01.jpg", "IMG_2024.05.01"),
        ("a.b.c.PNG", "a.b.c"),
        ("w.latent.safetensors", "w"),
        ("2024.05", "2024.05"),
        ("film.tar.gif", "film.tar"),
        (".png", "png"),
    ],
)
def test_a_result_has_the_whole_name_of_its_picture(made: Made, store: Store, name: str, called: str) -> None:
    jobs = made()
    last = ended(jobs, jobs.submit("fill", {"photo": {"file": put(store, name)}}))
    assert store.get((last.result or {})["picture"]).name == f"{called}-fill.png"
