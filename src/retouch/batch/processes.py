"""The runner of many processes on one machine.

Each is a fresh Python of its own, so that a picture that crashes or eats the memory ends one process and
nothing else. One thread here serves each process; the items go out and the rows come back in order.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from retouch.batch.item import Item, Row
from retouch.batch.work import WINDOW, Work
from retouch.errors import InputError
from retouch.processes import cores, environment

COMMAND = (sys.executable, "-P", "-m", "retouch.batch.worker")
"""What is started. -P: a file of the current folder must not stand in for a module."""

_LISTEN = 0.2  # seconds, so that Ctrl-C is heard where waiting shuts it out (Windows)
_ATTEMPTS = 2  # to do one item
_STARTS = 3  # to get a process ready; someone may kill one, or memory be short for a moment
_PAUSES = tuple(2.0**power for power in range(8))  # seconds before the next ones, once a process was ready
_NONE = "no process could be started for it in some minutes; the machine may be out of memory: run it again"
_SAID = 1 << 20  # bytes of what a process says that are kept, from one item to the next


def processes(work: Work, items: Iterable[Item], *, workers: int | None = None) -> Iterator[Row]:
    """Do items in several processes.

    A process that dies is replaced, and what it did is tried once more; an item of which two have died gets a
    row that says so. Closing the iterator ends the processes, whatever they are doing.

    Args:
        work: what is done to each.
        items: taken as they are needed: :data:`retouch.batch.work.WINDOW` for each process are on their way.
        workers: how many processes, between which the cores are shared out; None: one for each core.

    Yields:
        A row for each item, in their order.

    Raises:
        InputError: Fewer than one process, or they cannot be started.
    """
    if workers is not None and workers < 1:
        raise InputError(f"a batch needs at least one worker, got {workers}; leave out --workers")
    crew = _Crew(work, workers or cores())
    source = iter(items)
    ready: dict[int, Row] = {}
    sent = given = 0
    try:
        while True:
            while sent - given < crew.window and (item := next(source, None)) is not None:
                crew.send(sent, item)
                sent += 1
            if given == sent:
                return
            while given not in ready:
                number, row = crew.row()
                ready[number] = row
            yield ready.pop(given)
            given += 1
    finally:
        crew.end()


class _Crew:
    """The processes; they are started when there is work for them."""

    def __init__(self, work: Work, count: int) -> None:
        self.window = WINDOW * count
        self._work = work
        self._count = count
        self._environment = environment(max(1, cores() // count))
        self._todo: queue.SimpleQueue[tuple[int, Item] | None] = queue.SimpleQueue()
        self._rows: queue.SimpleQueue[tuple[int, Row] | BaseException] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._threads: list[threading.Thread] = []
        self._up = False
        self._ended = False
        self._over = threading.Event()

    def send(self, number: int, item: Item) -> None:
        self._todo.put((number, item))
        if len(self._threads) < self._count:
            thread = threading.Thread(target=self._serve, name=f"retouch-batch-{number}", daemon=True)
            thread.start()
            # Afterwards: Ctrl-C may come in between, and one that was not started cannot be waited for.
            self._threads.append(thread)

    def row(self) -> tuple[int, Row]:
        while True:
            with contextlib.suppress(queue.Empty):
                said = self._rows.get(timeout=_LISTEN)
                if isinstance(said, BaseException):
                    raise said
                return said

    def end(self) -> None:
        with self._lock:
            self._ended = True
            running = list(self._running)
        for process in running:
            process.kill()
        self._over.set()
        for _ in range(self._count):
            self._todo.put(None)
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        """Give one process after the other items to do, until there are no more."""
        process: subprocess.Popen[bytes] | None = None
        with tempfile.TemporaryFile() as errors:
            try:
                while not self._ended and (next_one := self._todo.get()) is not None:
                    number, item = next_one
                    row: Row | None = None
                    for attempt in range(_ATTEMPTS):
                        process = process or self._started(errors.fileno())
                        if process is None:
                            row = replace(self._work.lost(item), message=_NONE)
                            break
                        _forget_said(errors.fileno())
                        row = _ask(process, item)
                        if row is not None or self._ended:
                            break
                        self._forget(process)
                        process = None
                        row = self._work.lost(item) if attempt + 1 == _ATTEMPTS else None
                    if row is not None:
                        self._rows.put((number, row))
            except BaseException as error:
                self._rows.put(error)
            finally:
                if process is not None:
                    self._forget(process)

    def _started(self, errors: int) -> subprocess.Popen[bytes] | None:
        """Start a process and wait until it is ready to work; None when none is for minutes.

        Where none ever was, the batch cannot be done; later it may be the machine that is short of memory.
        """
        why = ""
        for pause in itertools.chain([0.0] * _STARTS, _PAUSES):
            if pause and not self._up:
                raise InputError(f"{why}; try fewer --workers")
            self._over.wait(pause)
            try:
                process = self._begun(errors)
            except OSError as error:
                why = f"no process could be started ({error.strerror})"
                continue
            if _said(process, self._work.plain()) is not None:
                self._up = True
                return process
            if self._ended:
                return process
            self._forget(process)
            why = f"{_STARTS} workers ended before they were ready ({_last_line(errors)})"
        return None

    def _begun(self, errors: int) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(  # noqa: S603 - our own module
            COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=self._environment
        )
        with self._lock:
            self._running.add(process)
            if self._ended:
                process.kill()
        return process

    def _forget(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        process.wait()
        with self._lock:
            self._running.discard(process)


def _ask(process: subprocess.Popen[bytes], item: Item) -> Row | None:
    """Have an item done; None when the process dies of it."""
    said = _said(process, item.plain())
    return None if said is None else Row.of(said)


def _said(process: subprocess.Popen[bytes], question: dict[str, Any]) -> dict[str, Any] | None:
    if process.stdin is None or process.stdout is None:
        return None
    try:
        process.stdin.write(f"{json.dumps(question)}\n".encode())
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
    except (OSError, ValueError):
        return None
    return answer if isinstance(answer, dict) else None


def _forget_said(errors: int) -> None:
    """Keep the file small that a process writes what it says to; the two have one place in it."""
    if os.fstat(errors).st_size > _SAID:
        os.ftruncate(errors, 0)
        os.lseek(errors, 0, os.SEEK_SET)


def _last_line(errors: int) -> str:
    os.lseek(errors, max(0, os.fstat(errors).st_size - _SAID), os.SEEK_SET)
    lines = os.read(errors, _SAID).decode("utf-8", "replace").split("\n")
    return next((line.strip()[:200] for line in reversed(lines) if line.strip()), "it said nothing")
