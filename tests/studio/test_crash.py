"""Processes that die: a clear word for the job that they had, and everything else goes on."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.studio.living import Studio, alive, files_in, kill, mapped, studio_in, until
from tests.studio.made import photo


def long_job(studio: Studio, verb: str = "reconstruct") -> str:
    """An edit that would take minutes, and is running."""
    picture = studio.upload(photo(1, (256, 256)))["id"]
    job = str(studio.edit(verb, photo=picture, steps=5000)["id"])
    studio.running(job)
    return job


def test_the_server_has_no_torch(studio: Studio) -> None:
    assert studio.worker()
    assert "libtorch" not in mapped(studio.process.pid)
    assert "libtorch" not in mapped(studio.reader())


def test_kill_9_of_a_worker(studio: Studio) -> None:
    picture = studio.upload(photo(2))["id"]
    job = long_job(studio)
    next_job = studio.edit("tile", photo=picture)["id"]
    dead = studio.worker()
    kill(dead)
    told = studio.ended(job)
    assert told["state"] == "failed"
    assert told["error"]["type"].startswith("urn:retouch:error:")
    assert "worker" in told["error"]["detail"]
    assert "again" in told["error"]["detail"], "it does not say what to do next"
    assert studio.client.get(f"/v1/jobs/{job}/result").status_code == 409
    assert studio.ended(next_job)["state"] == "done"
    assert studio.worker() != dead


def test_kill_9_of_an_idle_worker(studio: Studio) -> None:
    dead = studio.worker()
    kill(dead)
    picture = studio.upload(photo(2))["id"]
    assert studio.ended(studio.edit("tile", photo=picture)["id"])["state"] == "done"
    assert studio.worker() != dead


def test_kill_9_of_the_reader(studio: Studio) -> None:
    dead = studio.reader()
    kill(dead)
    assert studio.upload(photo(4))["width"] == 64
    assert studio.reader() != dead


def test_a_stopped_worker_is_ended_when_it_does_not_listen(studio: Studio) -> None:
    """A solver deep in one long step hears no cancel."""
    job = long_job(studio)
    worker = studio.worker()
    os.kill(worker, signal.SIGSTOP)
    studio.cancel(job)
    assert studio.ended(job)["state"] == "cancelled"
    until(lambda: not alive(worker), "the end of the worker")
    picture = studio.upload(photo(2))["id"]
    assert studio.ended(studio.edit("tile", photo=picture)["id"])["state"] == "done"


def test_cancel_stops_the_work_itself(studio: Studio) -> None:
    job = long_job(studio)
    worker = studio.worker()
    studio.cancel(job)
    told = studio.ended(job)
    assert told["state"] == "cancelled"
    assert told["result"] is None

    def idle() -> bool:
        first = ticks(worker)
        return not until_later(lambda: ticks(worker) > first + 20, 1.0)

    until(idle, "an idle worker")
    assert studio.worker() == worker, "a worker that listens need not be ended"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_the_end_leaves_nothing(tmp_path: Path, how: signal.Signals) -> None:
    with studio_in(tmp_path / "work", TMPDIR=str(tmp_path / "tmp")) as studio:
        studio.upload(photo())
        long_job(studio)
        assert files_in(tmp_path)
        children = studio.children()
        studio.process.send_signal(how)
        studio.process.wait(30)
    until(lambda: not any(alive(pid) for pid in children), "the end of the children")
    assert files_in(tmp_path) == {}
    assert "Traceback" not in studio.said


@pytest.mark.parametrize("named", [True, False])
def test_kill_9_of_the_server(tmp_path: Path, named: bool) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    words = ["--folder", str(tmp_path / "work")] if named else []
    studio = Studio(None, *words, TMPDIR=str(temporary))
    studio.start()
    studio.ready()
    studio.upload(photo())
    long_job(studio)
    children = studio.children()
    assert children
    studio.kill()
    until(lambda: not any(alive(pid) for pid in children), "the end of the children")
    left = files_in(tmp_path)
    assert left, "nothing was there to be cleaned"
    with Studio(None, *words, TMPDIR=str(temporary)) as second:
        second.upload(photo())
    assert files_in(tmp_path) == {}


def test_two_studios_do_not_clean_each_other(tmp_path: Path) -> None:
    """A folder whose server lives is no leftover."""
    with (
        Studio(None, TMPDIR=str(tmp_path)) as first,
        Studio(None, TMPDIR=str(tmp_path)) as second,
    ):
        mine = first.upload(photo(1))["id"]
        second.upload(photo(2))
        assert first.client.get(f"/v1/pictures/{mine}/file").content == photo(1)


def test_a_folder_of_someone_elses_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with Studio(tmp_path) as studio:
        studio.upload(photo())
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def ticks(pid: int) -> int:
    """Processor time that a process used, in hundredths of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def until_later(seen: object, seconds: float) -> bool:
    """Whether something comes true within some seconds."""
    try:
        until(seen, "", seconds)  # type: ignore[arg-type]
    except AssertionError:
        return False
    return True
