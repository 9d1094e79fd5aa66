"""The processes of a server: how it comes back after several deaths, and what they and the log are told."""

from __future__ import annotations

import os
import signal
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from retouch.studio.child import Child, Ended
from retouch.studio.failures import ReaderDied
from retouch.studio.parts import Parts
from retouch.studio.queue import Jobs
from retouch.studio.reading import Reader
from retouch.studio.settings import Settings
from tests.studio.living import until
from tests.studio.orders import Made, ended, starts


def kill_idle(jobs: Jobs) -> None:
    lane = jobs._lanes[0]
    pid = until(lambda: lane.ready and lane.pid, "a worker")
    os.kill(pid, signal.SIGKILL)
    until(lambda: lane.pid != pid, "its death")


def test_after_many_deaths_a_worker_comes_back_without_a_job(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retouch.studio.lane._AGAIN", 0.2)
    monkeypatch.setattr("retouch.studio.lane._DEATHS", 2)
    jobs = made()
    for _ in range(3):
        kill_idle(jobs)
    until(lambda: jobs.ready, "ready")
    assert jobs.devices[0].trouble is None


def test_many_deaths_are_trouble_and_tried_less_and_less(made: Made, home: Path) -> None:
    jobs = made(start=False)
    lane = jobs._lanes[0]
    for deaths in range(1, 4):
        lane._begin()
        assert lane.trouble is None
        kill_idle(jobs)
        lane._rest()
        assert lane._deaths == deaths
    assert jobs.devices[0].trouble is not None
    assert "3 times in a row" in jobs.devices[0].trouble
    assert "signal 9" in jobs.devices[0].trouble
    lane._rest()
    assert starts(home) == 3, "it was started again without a pause"
    for pause in (20, 40):
        lane._died -= lane._pause
        lane._rest()
        assert lane.ready
        assert (lane._pause, lane.trouble) == (pause, None)
        kill_idle(jobs)
        lane._rest()
    # One that lived long before is no more a part of the same trouble.
    lane._died -= lane._pause
    lane._rest()
    assert lane._child is not None
    lane._child.started -= 1000
    kill_idle(jobs)
    lane._rest()
    assert lane._deaths == 1
    jobs.start()
    assert ended(jobs, jobs.submit("fill", {})).state == "done"


def test_a_child_that_we_killed_did_not_die_of_memory(home: Path) -> None:
    child = Child("tests.studio.fake_worker", "cpu")
    child.get_ready()
    child.kill("the studio ended it, for a test")
    with pytest.raises(Ended) as caught:
        child.hear(60)
    child.close()
    assert caught.value.cause == "the studio ended it, for a test"


def test_children_do_not_get_the_token(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETOUCH_TOKEN", "very-secret")
    child = Child("tests.studio.fake_worker", "cpu")
    try:
        child.get_ready()
        environment = Path(f"/proc/{child.pid}/environ")
        if not environment.exists():
            pytest.skip("reads /proc")
        assert b"FAKE_WORKER" in environment.read_bytes()
        assert b"very-secret" not in environment.read_bytes()
    finally:
        child.kill()
        child.close()


def test_what_a_file_is_called_is_not_for_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "deadly.py").write_text(
        "from retouch.studio.parent import Parent\n"
        "import os\n"
        "parent = Parent()\n"
        "parent.answer({'ready': True})\n"
        "for task in parent:\n"
        "    number = task['number']\n"
        "    parent.answer({'began': True, 'number': number})\n"
        "    if 'die' in task['name']:\n"
        "        os._exit(7)\n"
        "    trace = f\"no {task['name']} here\"\n"
        "    parent.answer({'number': number, 'failed': "
        "{'type': 'InternalError', 'detail': 'a bug', 'traceback': trace}})\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    photo = tmp_path / "photo"
    photo.write_bytes(b"x" * 1234)
    reader = Reader(processes=1, module="deadly")
    reader.start()
    try:
        with pytest.raises(ReaderDied, match="my wife, die"):
            reader.inspect(photo, "my wife, die.png").result(60)
        failing: Future[Any] = reader.inspect(photo, "my wife.png")
        assert "a bug" in str(failing.exception(60))
    finally:
        reader.close()
    assert "code 7" in caplog.text
    assert "no the file here" in caplog.text
    assert caplog.text.count("a file of 1,234 bytes (inspect)") == 2
    assert "my wife" not in caplog.text


class Quiet:
    """A queue whose workers are all ready."""

    draining = False
    devices = ()


def test_a_server_that_opens_no_file_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retouch.studio.reading._AGAIN", 0.1)
    broken = tmp_path / "broken"
    broken.touch()
    (tmp_path / "unsteady.py").write_text(
        "import sys, pathlib\n"
        f"if pathlib.Path({str(broken)!r}).exists():\n"
        "    sys.exit('no such library')\n"
        "from retouch.studio.parent import Parent\n"
        "parent = Parent()\n"
        "parent.answer({'ready': True})\n"
        "for task in parent:\n"
        "    pass\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    reader = Reader(processes=1, module="unsteady")
    parts = Parts(Settings(), None, reader, Quiet())  # type: ignore[arg-type]
    assert parts.state == "starting"
    reader.start()
    try:
        until(lambda: parts.state == "broken", "that it is broken")
        assert "no such library" in (reader.trouble or "")
        broken.unlink()
        until(lambda: parts.state == "ready", "ready again")
        os.kill(reader.pids[0], signal.SIGKILL)
        until(lambda: parts.state != "ready", "that it is noticed")
        until(lambda: parts.state == "ready", "ready once more")
    finally:
        reader.close()
    assert not reader.ready
