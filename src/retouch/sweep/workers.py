"""The processes that make a sweep's cells, from their parent's side.

Each is a fresh Python of its own, so that a cell that runs out of memory or crashes ends one process and
nothing else, and so that the calling program is neither forked nor imported again. One thread here serves
each process; what they say arrives in one queue.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

from retouch.errors import InputError
from retouch.processes import cores, environment

COMMAND = (sys.executable, "-P", "-m", "retouch.sweep.worker")
"""What is started. -P: a file of the current folder must not stand in for a module."""

_LISTEN = 0.2  # seconds, so that Ctrl-C is heard where waiting shuts it out (Windows)

Answer = tuple[int, Mapping[str, Any]]
"""The number of a job, and what its process says of it: how far it is, what came of it, or the error."""


class Workers:
    """Processes that share out jobs; they end with the ``with`` block, whatever they are doing.

    Args:
        jobs: each is plain data for a process.
        count: how many processes; the cores are shared out among them.

    Raises:
        InputError: A count below 1.
    """

    def __init__(self, jobs: Sequence[Mapping[str, Any]], count: int) -> None:
        if count < 1:
            raise InputError(f"a sweep needs at least one job at a time, got {count}; leave out --jobs")
        self._jobs = iter(list(enumerate(jobs)))
        self._left = len(jobs)
        self._taking = threading.Lock()
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._ended = False
        self._environment = environment(max(1, cores() // count))
        self._threads = [
            threading.Thread(target=self._serve, name=f"retouch-sweep-{number}", daemon=True)
            for number in range(min(count, len(jobs)))
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._taking:
            self._ended = True
            running = list(self._processes)
        for process in running:
            process.kill()
        for thread in self._threads:
            thread.join()

    def __iter__(self) -> Iterator[Answer]:
        """What the processes say, until every job is done or has failed."""
        while self._left:
            try:
                number, said = self._answers.get(timeout=_LISTEN)
            except queue.Empty:
                if not any(thread.is_alive() for thread in self._threads) and self._answers.empty():
                    raise RuntimeError(f"{self._left} cells of the sweep have got lost") from None
                continue
            if "fraction" not in said:
                self._left -= 1
            yield number, said

    def _serve(self) -> None:
        process: subprocess.Popen[bytes] | None = None
        with tempfile.TemporaryFile() as errors:
            try:
                while (job := self._next()) is not None:
                    try:
                        process = process or self._started(errors.fileno())
                    except OSError as error:
                        said = f"no process could be started ({error.strerror}); try fewer --jobs"
                        self._answers.put((job[0], {"error": "WorkerDied", "message": said}))
                        continue
                    if not self._ask(process, *job):
                        process.wait()
                        self._answers.put((job[0], _death(process, errors.fileno())))
                        self._forget(process)
                        process = None
            finally:
                if process is not None:
                    self._forget(process)

    def _next(self) -> tuple[int, Mapping[str, Any]] | None:
        with self._taking:
            return None if self._ended else next(self._jobs, None)

    def _started(self, errors: int) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(  # noqa: S603 - our own module
            COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=self._environment
        )
        with self._taking:
            self._processes.add(process)
            if self._ended:
                process.kill()
        return process

    def _ask(self, process: subprocess.Popen[bytes], number: int, job: Mapping[str, Any]) -> bool:
        """Hand over a job and pass on what is said of it; False when the process dies of it."""
        if process.stdin is None or process.stdout is None:
            return False
        try:
            process.stdin.write(f"{json.dumps(job)}\n".encode())
            process.stdin.flush()
        except OSError:
            return False
        for line in process.stdout:
            try:
                said = json.loads(line)
            except ValueError:
                process.kill()
                return False
            self._answers.put((number, said))
            if "fraction" not in said:
                return True
        return False

    def _forget(self, process: subprocess.Popen[bytes]) -> None:
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        process.wait()
        with self._taking:
            self._processes.discard(process)


def _death(process: subprocess.Popen[bytes], errors: int) -> dict[str, str]:
    """Say how a process ended, with the last line that it wrote."""
    os.lseek(errors, 0, os.SEEK_SET)
    lines = os.read(errors, 1 << 20).decode("utf-8", "replace").split("\n")
    os.ftruncate(errors, 0)
    os.lseek(errors, 0, os.SEEK_SET)
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    code = process.returncode
    how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
    advice = (
        "it may have run out of memory: try fewer --jobs" if code == -9 else last[:200] or "it said nothing"
    )
    return {"error": "WorkerDied", "message": f"the process {how}; {advice}"}
