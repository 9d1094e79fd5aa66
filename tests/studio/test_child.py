"""One child process: how it starts, speaks, dies, and never outlives its parent."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import retouch
from retouch.studio import child as child_module
from retouch.studio.child import Child, Ended
from retouch.studio.parent import failed, finite

ECHO = """
from retouch.studio.parent import Parent
parent = Parent()
print("a library prints")
parent.answer({"ready": True})
for task in parent:
    parent.answer({"said": task, "nan": float("nan")})
"""
BUSY = """
import sys
from retouch.studio.parent import Parent
parent = Parent()
parent.answer({"ready": True})
for task in parent:
    parent.answer({"busy": True})
    while True:
        pass
"""
Started = Callable[..., Child]


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Started]:
    """Starts a child that runs some source, and closes it in the end."""
    children: list[Child] = []
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def start(source: str, *arguments: str, folder: Path | None = None) -> Child:
        (tmp_path / "made_child.py").write_text(source, encoding="utf-8")
        children.append(Child("made_child", *arguments, folder=folder))
        return children[-1]

    yield start
    for child in children:
        child.kill()
        child.close()


def gone(pid: int, seconds: float = 30.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_it_takes_tasks_and_answers_in_json(started: Started) -> None:
    child = started(ECHO)
    child.get_ready()
    child.ask({"number": 1, "name": "ä\n"})
    assert child.hear(60) == {"said": {"number": 1, "name": "ä\n"}}
    assert child.hear(0.05) is None
    assert child.alive
    assert child.grown < 1 << 30


def test_a_message_of_megabytes_arrives(started: Started) -> None:
    child = started(ECHO.replace("task,", "len(task['text']),"))
    child.get_ready()
    child.ask({"text": "x" * 8_000_000})
    assert child.hear(60) == {"said": 8_000_000}


def test_it_is_in_the_folder_that_was_named_with_our_package(
    started: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(tmp_path.parent)
    monkeypatch.setenv("PYTHONPATH", tmp_path.name)
    source = ECHO.replace("task,", "[os.getcwd(), retouch.__file__, sys.argv[1:]],")
    child = started("import os, sys, retouch\n" + source, "cpu", folder=empty)
    child.get_ready()
    child.ask({})
    assert child.hear(60) == {"said": [str(empty), retouch.__file__, ["cpu"]]}


def test_a_file_of_its_folder_stands_in_for_no_module(started: Started, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    trap.mkdir()
    (trap / "json.py").write_text("raise SystemExit('trapped')", encoding="ascii")
    started(ECHO, folder=trap).get_ready()


def test_one_that_does_not_start_says_why(started: Started) -> None:
    child = started("import no_such_module_at_all")
    with pytest.raises(Ended, match=r"code 1: ModuleNotFoundError: No module named 'no_such_module_at_all'"):
        child.get_ready()


def test_one_that_never_gets_ready_is_killed(started: Started) -> None:
    child = started("import time\ntime.sleep(30)")
    with pytest.raises(Ended, match=r"not ready after 0\.3 s"):
        child.get_ready(0.3)
    assert gone(child.pid)


def test_one_that_is_killed_is_said_to_be(started: Started) -> None:
    child = started(ECHO)
    child.get_ready()
    os.kill(child.pid, signal.SIGKILL)
    for _ in range(2):
        with pytest.raises(Ended, match=r"signal 9.*not enough memory") as caught:
            child.hear(60)
        assert caught.value.code == -9
    child.ask({"number": 1})


def test_what_it_said_before_it_died_is_heard(started: Started) -> None:
    child = started("import os\n" + ECHO + "    os._exit(4)\n")
    child.get_ready()
    child.ask({"number": 2})
    assert child.hear(60) == {"said": {"number": 2}}
    with pytest.raises(Ended, match="code 4"):
        child.hear(60)


@pytest.mark.parametrize("line", ["not JSON", "[1, 2]", '{"a": "' + "x" * (2 << 20) + '"}', "\\xff\\xfe"])
def test_one_that_speaks_another_language_is_ended(started: Started, line: str) -> None:
    child = started(
        "import os, time\nfrom retouch.studio.parent import Parent\nparent = Parent()\n"
        "parent.answer({'ready': True})\n"
        f"os.write(parent._answers.fileno(), b'{line}\\n')\ntime.sleep(30)"
    )
    child.get_ready()
    with pytest.raises(Ended):
        child.hear(60)


def test_a_grandchild_that_holds_its_output_open_does_not_hide_that_it_ended(started: Started) -> None:
    child = started(
        "import os, time\nfrom retouch.studio.parent import Parent\nparent = Parent()\n"
        "if os.fork() == 0:\n    time.sleep(20)\n    os._exit(0)\n"
        "parent.answer({'ready': True})\nos._exit(6)"
    )
    child.get_ready()
    began = time.monotonic()
    while child.alive:
        time.sleep(0.01)
    with pytest.raises(Ended, match="code 6"):
        child.hear(0.1)
    child.close()
    assert time.monotonic() - began < 15


def test_ctrl_c_is_not_for_it(started: Started) -> None:
    child = started(ECHO)
    child.get_ready()
    os.kill(child.pid, signal.SIGINT)
    child.ask({"number": 3})
    assert child.hear(60) == {"said": {"number": 3}}


def test_closing_ends_it_even_when_it_is_busy(started: Started) -> None:
    child = started(BUSY)
    child.get_ready()
    child.ask({})
    assert child.hear(60) == {"busy": True}
    began = time.monotonic()
    child.close()
    assert time.monotonic() - began < 20
    assert gone(child.pid)


def test_one_that_does_not_end_by_itself_is_killed(started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_module, "_LEAVE", 0.2)
    child = started("import sys, time\nprint('{\"ready\": 1}', flush=True)\ntime.sleep(30)")
    child.get_ready()
    child.close()
    assert gone(child.pid, 1)


def test_what_it_writes_to_standard_error_is_kept_small(started: Started) -> None:
    source = "import os\n" + ECHO + "    os.write(2, b'e' * 1_500_000 + b'\\nlast words\\n')\n"
    child = started(source + "    parent.answer({})\n    if task: os._exit(5)\n")
    child.get_ready()
    child.ask({})
    child.hear(60)
    assert child.hear(60) == {}
    child.cut_errors()
    assert os.fstat(child._errors.fileno()).st_size == 0
    child.ask({"number": 1})
    assert child.hear(60) is not None
    assert child.hear(60) == {}
    with pytest.raises(Ended, match="last words"):
        child.hear(60)


SERVER = """
import sys, time
from retouch.studio.child import Child
child = Child("made_child")
child.get_ready()
child.ask({})
print(child.hear(60), child.pid, flush=True)
time.sleep(60)
"""


def test_it_ends_when_its_parent_is_killed_in_the_middle_of_a_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(Path(retouch.__file__).parents[1])]))
    (tmp_path / "made_child.py").write_text(BUSY, encoding="utf-8")
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        said, pid = server.stdout.readline().rsplit(" ", 1)
        assert said == "{'busy': True}"
        assert not gone(int(pid), 0.3)
        server.kill()
        assert gone(int(pid))


def test_numbers_that_json_does_not_have_are_left_out() -> None:
    import numpy as np

    given = {
        "a": float("nan"),
        "b": [1, float("inf"), np.float32(0.5)],
        "c": None,
        "d": {"e": np.int64(7), "f": -float("inf")},
        "g": True,
        "h": "x",
        3: Path("/p"),
    }
    made = finite(given)
    assert made == {"b": [1, None, 0.5], "c": None, "d": {"e": 7}, "g": True, "h": "x", "3": "/p"}
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    assert isinstance(made["d"]["e"], int)


def test_what_failed_is_told_without_a_path() -> None:
    from retouch.errors import UnreadablePicture

    said = failed(UnreadablePicture("/w/abc is empty (0 bytes)"), "fill", {"/w/abc": "cat.png"})
    assert said == {"type": "UnreadablePicture", "detail": "cat.png is empty (0 bytes)"}


def test_a_shortage_of_memory_is_told_as_one() -> None:
    import torch

    for error in (
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("bad allocation"),
    ):
        said = failed(error, "upscale", {})
        assert said["type"] == "OutOfMemory"
        assert "not enough memory for upscale" in said["detail"]
        assert "smaller picture" in said["detail"]


def test_a_bug_is_told_without_its_details() -> None:
    try:
        raise KeyError("/home/me/secret")
    except KeyError as error:
        said = failed(error, "blend", {})
    assert said["type"] == "InternalError"
    assert "secret" not in said["detail"]
    assert "blend failed" in said["detail"]
    assert "report" in said["detail"]
    assert "secret" in said["traceback"]
    assert "test_child.py" in said["traceback"]


def test_a_system_that_has_nothing_left_for_it_is_said(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patched:
        patched.setattr(tempfile, "TemporaryFile", refused)
        with pytest.raises(Ended, match="code 24: Too many open files"):
            started(ECHO)


def test_one_that_nobody_can_hear_is_ended(started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []
    start = subprocess.Popen

    def noted(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        process: subprocess.Popen[bytes] = start(*arguments, **options)
        begun.append(process.pid)
        return process

    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(subprocess, "Popen", noted)
        patched.setattr(threading.Thread, "start", refused)
        with pytest.raises(Ended, match="can't start new thread"):
            started(ECHO)
    assert gone(begun[0])


def test_one_that_is_told_nonsense_ends(started: Started) -> None:
    child = started(ECHO)
    child.get_ready()
    assert child._process.stdin is not None
    child._process.stdin.write(b"not JSON\n")
    child._process.stdin.flush()
    with pytest.raises(Ended):
        child.hear(60)
