"""The processes of the queue: how they are started, die, are ended and started anew."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from pathlib import Path

import pytest

from retouch.errors import UnknownName
from retouch.studio.child import Child, Message
from retouch.studio.lane import Lane, Work
from tests.studio.orders import Made, ended, starts, until


def test_a_running_job_that_reports_is_stopped_without_killing_anything(made: Made, home: Path) -> None:
    jobs = made(grace=20)
    job = jobs.submit("fill", {"tolerance": "wait"})
    until(lambda: jobs.get(job.id).progress)
    began = time.monotonic()
    jobs.cancel(job.id)
    assert ended(jobs, job).state == "cancelled"
    assert time.monotonic() - began < 15
    assert ended(jobs, jobs.submit("fill", {})).state == "done"
    assert starts(home) == 1


def test_a_running_job_that_never_reports_is_killed(made: Made, home: Path) -> None:
    jobs = made(grace=0.3)
    job = jobs.submit("fill", {"tolerance": "stuck"})
    until(lambda: jobs.get(job.id).state == "running")
    began = time.monotonic()
    jobs.cancel(job.id)
    last = ended(jobs, job)
    assert (last.state, last.error) == ("cancelled", None)
    assert time.monotonic() - began < 15
    assert ended(jobs, jobs.submit("fill", {})).state == "done"
    assert starts(home) == 2


def test_a_worker_that_dies_takes_one_job_with_it(
    made: Made, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    jobs = made()
    killed, left, after = (jobs.submit("fill", {"tolerance": act}) for act in ("die", "leave", "write"))
    error = ended(jobs, killed).error or {}
    assert error["type"] == "WorkerDied"
    assert "signal 9" in error["detail"]
    assert "memory" in error["detail"]
    assert "run it again" in error["detail"]
    error = ended(jobs, left).error or {}
    assert "code 3: the disk is on fire" in error["detail"]
    assert ended(jobs, after).state == "done"
    assert starts(home) == 3
    assert "the worker of cpu died" in caplog.text


def test_a_worker_that_is_killed_from_outside(made: Made) -> None:
    jobs = made()
    job = jobs.submit("fill", {"tolerance": "wait"})
    until(lambda: jobs.get(job.id).progress)
    assert jobs.devices[0].running == job.id
    os.kill(jobs.devices[0].pid or 0, signal.SIGKILL)
    assert (ended(jobs, job).error or {})["type"] == "WorkerDied"
    assert ended(jobs, jobs.submit("fill", {})).state == "done"


def test_an_idle_worker_that_is_killed_costs_no_job(made: Made, home: Path) -> None:
    jobs = made()
    until(lambda: jobs.ready)
    os.kill(jobs.devices[0].pid or 0, signal.SIGKILL)
    assert ended(jobs, jobs.submit("fill", {})).state == "done"
    (home / "die-first").touch()
    assert ended(jobs, jobs.submit("fill", {})).state == "done"
    assert not (home / "die-first").exists()


def test_a_worker_that_dies_idle_is_started_anew_without_a_job(made: Made, home: Path) -> None:
    jobs = made()
    until(lambda: jobs.ready)
    first = jobs.devices[0].pid
    os.kill(first or 0, signal.SIGKILL)
    until(lambda: jobs.devices[0].pid not in (first, None) and jobs.ready)
    assert starts(home) == 2


def test_a_worker_that_says_nonsense_is_ended(made: Made) -> None:
    jobs = made()
    job = jobs.submit("fill", {"tolerance": "garbage"})
    assert (ended(jobs, job).error or {})["type"] == "WorkerDied"
    assert ended(jobs, jobs.submit("fill", {})).state == "done"


def test_a_worker_that_cannot_start_fails_jobs_with_the_reason_and_is_not_started_for_ever(
    made: Made, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retouch.studio.lane._AGAIN", 10_000.0)
    (home / "broken").touch()
    jobs = made()
    failed = [ended(jobs, jobs.submit("fill", {})) for _ in range(3)]
    for job in failed:
        assert (job.error or {})["type"] == "WorkerDied"
        assert "cannot be started: it ended with code 1: no such device" in (job.error or {})["detail"]
    assert not jobs.ready
    assert jobs.devices[0].trouble == "it ended with code 1: no such device"
    time.sleep(1.5)
    assert starts(home) == 1


def test_a_worker_that_could_not_start_is_tried_again(
    made: Made, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retouch.studio.lane._AGAIN", 0.1)
    (home / "broken").touch()
    jobs = made()
    assert ended(jobs, jobs.submit("fill", {})).state == "failed"
    (home / "broken").unlink()
    time.sleep(0.2)
    assert ended(jobs, jobs.submit("fill", {})).state == "done"
    assert jobs.devices[0].trouble is None


def test_a_device_without_a_worker_leaves_the_work_to_the_others(made: Made, home: Path) -> None:
    jobs = made("cpu", "cuda:7", start=False)
    broken, healthy = jobs._lanes[1], jobs._lanes[0]
    (home / "broken").touch()
    broken.start()
    until(lambda: broken.trouble)
    (home / "broken").unlink()
    free = jobs.submit("fill", {})
    bound = jobs.submit("fill", {"device": "cuda:7"})
    assert (ended(jobs, bound).error or {})["type"] == "WorkerDied"
    assert jobs.get(free.id).state == "queued"
    healthy.start()
    assert ended(jobs, free).device == "cpu"


def test_two_devices_work_at_once_and_a_job_can_ask_for_one(made: Made, home: Path) -> None:
    jobs = made("cpu", "cuda:0")
    one, two = (jobs.submit("fill", {"tolerance": "wait"}) for _ in range(2))
    until(lambda: jobs.get(one.id).state == jobs.get(two.id).state == "running")
    assert {jobs.get(one.id).device, jobs.get(two.id).device} == {"cpu", "cuda:0"}
    asked = [jobs.submit("fill", {"device": "cuda:0"}) for _ in range(3)]
    (home / "go").touch()
    assert [ended(jobs, job).device for job in asked] == ["cuda:0"] * 3
    with pytest.raises(UnknownName, match=r"device 'cuda:1'.*cpu, cuda:0"):
        jobs.submit("fill", {"device": "cuda:1"})


def test_closing_while_the_worker_starts(made: Made) -> None:
    jobs = made()
    began = time.monotonic()
    jobs.close()
    assert time.monotonic() - began < 15


def test_an_idle_worker_that_has_grown_is_started_anew(made: Made, home: Path) -> None:
    jobs = made(growth=-1, idle=0.5)
    until(lambda: jobs.ready)
    first = jobs.devices[0].pid
    until(lambda: jobs.devices[0].pid not in (first, None) and jobs.ready)
    assert ended(jobs, jobs.submit("fill", {})).state == "done"


def test_a_worker_that_has_not_grown_stays(made: Made, home: Path) -> None:
    jobs = made(growth=1 << 30, idle=0.0)
    until(lambda: jobs.ready)
    time.sleep(2.5)
    assert starts(home) == 1


def test_a_system_that_starts_nothing_for_a_while_does_not_end_a_lane(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("retouch.studio.lane._AGAIN", 0.1)
    jobs = made(start=False)
    with monkeypatch.context() as patched:
        patched.setattr(tempfile, "TemporaryFile", refused)
        jobs.start()
        until(lambda: jobs.devices[0].trouble)
        assert "Too many open files" in (jobs.devices[0].trouble or "")
    until(lambda: jobs.ready)
    assert jobs.devices[0].trouble is None
    assert ended(jobs, jobs.submit("fill", {})).state == "done"


def test_a_worker_that_could_not_start_is_tried_again_without_a_job(
    made: Made, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retouch.studio.lane._AGAIN", 0.1)
    (home / "broken").touch()
    jobs = made()
    until(lambda: jobs.devices[0].trouble)
    (home / "broken").unlink()
    until(lambda: jobs.ready)
    assert jobs.devices[0].trouble is None


def test_a_worker_that_never_starts_is_tried_less_and_less(made: Made, home: Path) -> None:
    (home / "broken").touch()
    jobs = made(start=False)
    lane = jobs._lanes[0]
    lane._begin()
    pauses = []
    for _ in range(8):
        lane._failed -= lane._pause
        lane._rest()
        pauses.append(lane._pause)
    assert pauses == [20, 40, 80, 160, 300, 300, 300, 300]
    lane._rest()
    assert starts(home) == 9
    (home / "broken").unlink()
    lane._failed -= lane._pause
    lane._rest()
    assert (lane.ready, lane._pause) == (True, 10)
    lane._forget()


def test_a_bug_in_a_lane_fails_one_job_and_no_more(
    made: Made, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Lane._heard
    asked: list[object] = []

    def broken(lane: Lane, child: Child, work: Work) -> Message:
        asked.append(work)
        if len(asked) == 1:
            raise KeyError("secret")
        return heard(lane, child, work)

    monkeypatch.setattr(Lane, "_heard", broken)
    jobs = made()
    first, second = (jobs.submit("fill", {}) for _ in range(2))
    error = ended(jobs, first).error or {}
    assert error["type"] == "InternalError"
    assert "secret" not in error["detail"]
    assert ended(jobs, second).state == "done"
    assert "KeyError: 'secret'" in caplog.text
