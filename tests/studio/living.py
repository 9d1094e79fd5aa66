"""A studio as its owner starts it: a process of its own with its children, on a free port."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120.0
"""Seconds until a wait is given up: many times what anything here takes, on a machine that is busy too."""

T = TypeVar("T")


def until(wanted: Callable[[], T | None], what: str, patience: float = PATIENCE) -> T:
    """Ask again until the answer is true."""
    end = time.monotonic() + patience
    while not (answer := wanted()):
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {patience:g} s")
        time.sleep(0.01)
    return answer


class Studio:
    """One running ``retouch studio``.

    Args:
        folder: its work folder; None for one of its own choice.
        words: more options of the command.
        environment: what is special for it.
    """

    command: tuple[str, ...] = ("studio", "--no-browser")
    first = "/"
    """What is asked for to see that it answers."""

    def __init__(self, folder: Path | None, *words: str, **environment: str) -> None:
        self.folder = folder
        self.words = [*words, "--folder", str(folder)] if folder else list(words)
        self.environment = environment
        self.url = ""
        self.lines: list[str] = []
        self.begun: list[str] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, and return when the address is printed and the first page answers."""
        command = [sys.executable, "-m", "retouch.cli", *self.command, "--port", "0"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [*command, *self.words],
            env={**environment, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()
        address = until(self._address, "the printed address")
        self.url = address.rstrip("/")
        self.client = httpx.Client(base_url=self.url, timeout=PATIENCE, trust_env=False)
        until(self._answers, "the first page")

    def stop(self) -> None:
        """End it as Ctrl-C does, and let nothing of it live on."""
        self.client.close()
        family = [self.process.pid, *descendants(self.process.pid)]
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(PATIENCE / 2)
        except subprocess.TimeoutExpired:
            for pid in family:
                kill(pid)
            raise AssertionError(f"the studio does not end; it said:\n{self.said}") from None
        finally:
            self._hang_up()

    def kill(self) -> None:
        """End the server as ``kill -9`` does."""
        self.client.close()
        kill(self.process.pid)
        self._hang_up()

    @property
    def said(self) -> str:
        """What it printed."""
        return "".join(self.lines)

    def ready(self) -> dict[str, Any]:
        """Wait until edits can start, and return what it says of its health."""

        def healthy() -> dict[str, Any] | None:
            health: dict[str, Any] = self.client.get("/v1/health").json()
            return health if health["ready"] else None

        return until(healthy, "ready")

    def upload(self, data: bytes, name: str = "photo.png") -> dict[str, Any]:
        """Bring a file in."""
        return self.told(self.client.post("/v1/pictures", params={"name": name}, content=data), 201)

    def edit(self, verb: str, format: str = "", **options: object) -> dict[str, Any]:  # noqa: A002
        """Ask for an edit."""
        wanted = {"format": format} if format else {}
        job = self.told(self.client.post(f"/v1/edits/{verb}", params=wanted, json=options), 202)
        self.begun.append(job["id"])
        return job

    def job(self, name: str) -> dict[str, Any]:
        """How a job stands now."""
        return self.told(self.client.get(f"/v1/jobs/{name}"))

    def ended(self, name: str) -> dict[str, Any]:
        """Wait for the end of a job."""

        def over() -> dict[str, Any] | None:
            job = self.job(name)
            return job if job["state"] in ("done", "failed", "cancelled") else None

        return until(over, f"the end of job {name}")

    def running(self, name: str) -> dict[str, Any]:
        """Wait until a job has told of its progress."""

        def told() -> dict[str, Any] | None:
            job = self.job(name)
            assert job["state"] in ("queued", "running"), job
            return job if job["state"] == "running" and job["progress"] else None

        return until(told, f"progress of job {name}")

    def cancel(self, name: str) -> None:
        """Stop a job."""
        self.told(self.client.post(f"/v1/jobs/{name}/cancel"), 202)

    def rest(self) -> None:
        """Cancel whatever a test began and did not end."""
        while self.begun:
            name = self.begun.pop()
            self.client.post(f"/v1/jobs/{name}/cancel")
            self.ended(name)

    def result(self, name: str) -> bytes:
        """The file that a job wrote."""
        answer = self.client.get(f"/v1/jobs/{name}/result")
        assert answer.status_code == 200, answer.text
        return answer.content

    @staticmethod
    def told(answer: httpx.Response, status: int = 200) -> dict[str, Any]:
        """The JSON of an answer that is as wanted."""
        assert answer.status_code == status, f"{answer.request.method} {answer.url}: {answer.text:.2000}"
        told: dict[str, Any] = answer.json()
        return told

    def files(self) -> dict[str, int]:
        """What lies in its folder: name → bytes."""
        assert self.folder
        return files_in(self.folder)

    def children(self) -> list[int]:
        """The processes that it started."""
        return descendants(self.process.pid)

    def worker(self) -> int:
        """The process that runs the edits."""
        return until(lambda: self._child("retouch.studio.worker"), "a worker")

    def reader(self) -> int:
        """The process that opens what is brought in."""
        return until(lambda: self._child("retouch.studio.reader"), "a reader")

    def memory(self) -> float:
        """Resident megabytes of the server and all its children."""
        return sum(resident(pid) for pid in [self.process.pid, *self.children()])

    def _child(self, module: str) -> int:
        return next((pid for pid in self.children() if module in command_of(pid)), 0)

    def _hang_up(self) -> None:
        self.process.wait()
        # Its children have the same standard output; the last of them to end is the end of the listening.
        self._listening.join(PATIENCE)
        assert self.process.stdout
        self.process.stdout.close()

    def _listen(self) -> None:
        assert self.process.stdout
        self.lines.extend(iter(self.process.stdout.readline, ""))

    def _address(self) -> str:
        if self.process.poll() is not None:
            raise AssertionError(f"the studio ended with {self.process.returncode}:\n{self.said}")
        found = re.search(r"http://\S+", self.said)
        return found.group() if found else ""

    def _answers(self) -> bool:
        try:
            return self.client.get(self.first).status_code == 200
        except httpx.TransportError:
            return False


@contextmanager
def studio_in(folder: Path | None, *words: str, **environment: str) -> Iterator[Studio]:
    """A studio that is ready for edits."""
    with Studio(folder, *words, **environment) as studio:
        studio.ready()
        yield studio


def descendants(parent: int) -> list[int]:
    """The processes below a process that are not dead."""
    below: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))) and fields[0] != "Z":
            below.setdefault(int(fields[1]), []).append(int(entry.name))
    found, ahead = [], [parent]
    while ahead:
        children = below.get(ahead.pop(), [])
        found += children
        ahead += children
    return found


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    fields = _stat(pid)
    return bool(fields) and fields[0] != "Z"


def kill(pid: int) -> None:
    """``kill -9``, of a process that may be gone."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def resident(pid: int) -> float:
    """Resident megabytes of a process."""
    found = re.search(r"VmRSS:\s+(\d+) kB", _read(f"/proc/{pid}/status"))
    return int(found.group(1)) / 1024 if found else 0.0


def mapped(pid: int) -> str:
    """The files that a process has mapped, libraries among them."""
    return _read(f"/proc/{pid}/maps")


def command_of(pid: int) -> str:
    """The words that a process was started with."""
    return _read(f"/proc/{pid}/cmdline").replace("\0", " ")


def files_in(folder: Path) -> dict[str, int]:
    """Every file below a folder: name → bytes."""
    found = {}
    for path in sorted(folder.rglob("*")):
        try:
            if path.is_file():
                found[str(path.relative_to(folder))] = path.stat().st_size
        except FileNotFoundError:
            continue
    return found


def _stat(pid: int) -> list[str]:
    return _read(f"/proc/{pid}/stat").rpartition(")")[2].split()


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return ""
