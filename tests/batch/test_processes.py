"""The runner of many processes: the same rows in the same order, whatever befalls a process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from retouch.batch import Item, Plan, processes, run, serial
from retouch.batch.work import WINDOW
from retouch.errors import Cancelled, InputError
from retouch.progress import Progress
from tests.batch.conftest import HOUSE, draw, outputs, rows

Todo = Callable[..., Plan]

pytestmark = pytest.mark.usefixtures("worker")


def two(work: object, items: object) -> Iterator[object]:
    return processes(work, items, workers=2)  # type: ignore[arg-type]


def one(work: object, items: object) -> Iterator[object]:
    return processes(work, items, workers=1)  # type: ignore[arg-type]


def test_processes_and_one_process_give_the_same_bytes(todo: Todo, photos: Path) -> None:
    for number in range(12):
        draw(photos / f"e{number}.png", number)
    (photos / "b.png").write_bytes(b"no picture")
    draw(photos.parent / "hole.png", 40)
    asked = {"files": {"edges": str(photos.parent / "hole.png")}, "options": {"strength": 0.75}}
    assert run(todo(**asked), serial).done == 15
    assert run(todo(out="two", **asked), two).done == 15  # type: ignore[arg-type]
    one, other = photos.parent / "out", photos.parent / "two"
    assert outputs(one) == outputs(other)
    ledger = "ledger-0001-of-0001.jsonl"
    assert (one / ledger).read_bytes() == (other / ledger).read_bytes()
    told = (other / "times-0001-of-0001.jsonl").read_text().splitlines()
    workers = {json.loads(line)["worker"] for line in told}
    assert os.getpid() not in workers
    assert len(workers) == 2


@pytest.mark.parametrize(("times", "done"), [(1, 4), (2, 3)])
def test_a_process_that_dies_costs_a_second_try_and_then_one_row(
    todo: Todo, photos: Path, times: int, done: int
) -> None:
    run(todo(), serial)
    count = photos.parent / "count"
    count.write_text(str(times))
    listed = photos.parent / "list.csv"
    lines = [f"photos/{name}.png,{f'die {count}' if name == 'b' else ''}" for name in "abc"]
    listed.write_text("\n".join(["photo,note", *lines, "photos/day/d.png,"]))
    asked = todo(listed, "died")
    tally = run(asked, two)  # type: ignore[arg-type]
    assert (tally.done, tally.failed, count.read_text()) == (done, 4 - done, "0")
    found = rows(photos.parent / "died")
    assert [Path(row["name"]).name for row in found] == ["a.png", "b.png", "c.png", "d.png"]
    if done == 4:
        assert [row["sha256"] for row in found] == [row["sha256"] for row in rows(photos.parent / "out")]
    else:
        assert found[1]["error"]["type"] == "WorkerDied"
        assert "two processes died of it" in found[1]["error"]["message"]
        assert run(asked, two).there == 3  # type: ignore[arg-type]


def test_items_are_taken_as_they_are_needed_and_processes_end_with_the_iterator(todo: Todo) -> None:
    work = todo(options={"steps": 1}).work
    first = next(iter(todo()))
    taken = 0

    def endless() -> Iterator[Item]:
        nonlocal taken
        while True:
            taken += 1
            yield replace(first, name=f"{taken}.png")

    going = processes(work, endless(), workers=1)
    names = [next(going).name for _ in range(10)]
    assert names == [f"{number}.png" for number in range(1, 11)]
    assert taken <= 10 + WINDOW
    assert any(thread.name.startswith("retouch-batch") for thread in threading.enumerate())
    going.close()  # type: ignore[attr-defined]
    assert not any(thread.name.startswith("retouch-batch") for thread in threading.enumerate())


def test_cancelling_does_not_wait_for_a_long_picture(todo: Todo, photos: Path) -> None:
    listed = photos.parent / "list.csv"
    listed.write_text("photo,steps\nphotos/a.png,0\nphotos/b.png,3000\nphotos/c.png,0\n")

    def stop(_: Progress) -> None:
        raise Cancelled("enough")

    begun = time.monotonic()
    with pytest.raises(Cancelled, match="1 of about 3 pictures are done"):
        run(todo(listed), two, progress=stop)  # type: ignore[arg-type]
    assert time.monotonic() - begun < 15
    assert len(rows(photos.parent / "out")) == 1
    assert not list((photos.parent / "out").rglob("*.tmp"))


def test_processes_that_do_not_start_are_an_error_and_not_a_thousand_rows(
    todo: Todo, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sys.modules[processes.__module__]
    said = "import sys; sys.exit('no such thing')"
    monkeypatch.setattr(module, "COMMAND", (sys.executable, "-c", said))
    with pytest.raises(InputError, match=r"3 workers ended before they were ready \(no such thing\)"):
        run(todo(), two)  # type: ignore[arg-type]
    monkeypatch.setattr(module, "COMMAND", ("/no/such/program",))
    with pytest.raises(InputError, match="no process could be started"):
        run(todo(), two)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="at least one worker, got 0"):
        next(processes(todo().work, [], workers=0))


def test_a_process_that_does_not_start_later_costs_a_wait_or_a_picture(
    todo: Todo, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sys.modules[processes.__module__]
    monkeypatch.setattr(module, "_PAUSES", (0.01, 0.02))
    count = photos.parent / "count"
    count.write_text("1")
    listed = photos.parent / "list.csv"
    listed.write_text(f"photo,note\nphotos/a.png,\nphotos/b.png,die {count}\nphotos/c.png,\n")
    begun = module._Crew._begun
    started: list[int] = []

    def short_of_memory(again: int) -> Callable[..., object]:
        def starting(crew: object, errors: int) -> object:
            started.append(errors)
            if 2 <= len(started) < again:
                raise OSError(12, "Cannot allocate memory")
            return begun(crew, errors)

        return starting

    monkeypatch.setattr(module._Crew, "_begun", short_of_memory(6))
    assert run(todo(listed), one).done == 3  # type: ignore[arg-type]
    assert len(started) == 6
    started.clear()
    count.write_text("1")
    monkeypatch.setattr(module._Crew, "_begun", short_of_memory(7))
    tally = run(todo(listed, "other"), one)  # type: ignore[arg-type]
    assert (tally.done, tally.failed) == (2, 1)
    assert rows(photos.parent / "other")[1]["error"]["message"].startswith(
        "no process could be started for it"
    )


def test_what_a_process_says_is_not_kept_for_ever(
    todo: Todo, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = photos.parent / "said"
    monkeypatch.setattr("tempfile.TemporaryFile", lambda: said.open("w+b"))
    listed = photos.parent / "list.csv"
    lines = [f"photos/{name}.png,say {name}" for name in ("a", "b", "c", "day/d")]
    listed.write_text("\n".join(["photo,note", *lines]))
    assert run(todo(listed), one).done == 4  # type: ignore[arg-type]
    data = said.read_bytes()
    assert len(data) < 5_000_000
    assert b"\0" not in data
    assert data.endswith(b"day/d\n")
    with said.open("a+b") as errors:
        errors.write(b"the last word\n")
        errors.flush()
        assert sys.modules[processes.__module__]._last_line(errors.fileno()) == "the last word"


def test_ctrl_c_while_a_thread_is_started(todo: Todo, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: threading.Thread) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(todo(), two)  # type: ignore[arg-type]


def test_a_process_ends_in_the_middle_of_a_picture_when_its_driver_is_gone(todo: Todo) -> None:
    work = todo(options={"steps": 6000}).work
    item = next(iter(todo()))
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "tests.batch.worker"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=HOUSE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HOUSE / "src"), str(HOUSE)])},
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{json.dumps(work.plain())}\n".encode())
    process.stdin.flush()
    assert json.loads(process.stdout.readline()) == {"ready": True}
    process.stdin.write(f"{json.dumps(item.plain())}\n".encode())
    process.stdin.flush()
    time.sleep(0.2)
    # Ctrl-C at a terminal reaches it, too, and is none of its business.
    process.send_signal(signal.SIGINT)
    time.sleep(0.1)
    assert process.poll() is None
    process.stdin.close()
    assert process.wait(timeout=10) == 0
    assert process.stdout.read() == b""
    process.stdout.close()
