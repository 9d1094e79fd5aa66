"""Several processes that train together, and that are started again when one of them dies.

torchrun starts the processes of an attempt and ends all of them when one fails; it is never asked to restart
any, since restarted ones do not always find each other. Here is the loop around it: every attempt is made of
fresh processes, which go on from the last checkpoint.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from retouch.errors import Cancelled, InputError, TrainingError
from retouch.processes import cores
from retouch.training import checkpoint, meeting
from retouch.training.lifeline import VARIABLE, Lifeline, check_possible
from retouch.training.signals import Stop, listening
from retouch.training.torchrun import FAILURES

logger = logging.getLogger(__name__)

RELAUNCHED = "RETOUCH_RELAUNCHED"
"""The environment variable that tells processes to go on with what an earlier attempt left."""

REFUSED, CANCELLED = 2, 130
"""Exit codes of processes that give a reason."""

PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before the first relaunch without progress, twice as many before each further one, and at most."""

TICK = 0.1
LOOK = 1.0
"""Seconds between looks at what the first machine says."""

PATIENCE = 60.0
"""Seconds that the processes of an attempt have to be gone."""


@dataclass(frozen=True, slots=True)
class Place:
    """This machine among those that train.

    Args:
        processes: of this machine; every machine has as many.
        machines: how many there are.
        machine: this one's number, from 0; the first one leads.
        master: address and port of the first machine, which the others reach: ``10.0.0.1:29500``.
    """

    processes: int
    machines: int = 1
    machine: int = 0
    master: str = ""

    def __post_init__(self) -> None:
        """Check that the numbers make sense.

        Raises:
            InputError: they do not.
        """
        for name, value in (("processes", self.processes), ("machines", self.machines)):
            if value < 1:
                raise InputError(f"--{name} is {value} but must be at least 1")
        if not 0 <= self.machine < self.machines:
            raise InputError(
                f"--machine is {self.machine}, and there are {self.machines} machines; they count from 0"
            )
        host, colon, port = self.master.rpartition(":")
        if self.machines > 1 and not (host and colon and port.isdecimal() and 0 < int(port) < 65536):
            raise InputError(
                f"--master is {self.master!r} but must be the first machine's address and a free port there, "
                "as in --master 10.0.0.1:29500"
            )
        if self.machines == 1 and self.master:
            raise InputError("--master is for several machines; give --machines too, or leave it out")

    @property
    def leads(self) -> bool:
        """Whether the process that writes runs here."""
        return self.machine == 0

    def torchrun(self, meeting_place: str) -> list[str]:
        """Say all this to torchrun.

        Args:
            meeting_place: a name that is this attempt's alone.
        """
        host, _, port = (self.master or f"127.0.0.1:{_free_port()}").rpartition(":")
        return [
            *("--nnodes", str(self.machines), "--node-rank", str(self.machine)),
            *("--nproc-per-node", str(self.processes), "--max-restarts", "0"),
            # Not c10d: its heartbeats end an attempt when a busy machine is late with them.
            *("--rdzv-backend", "static", "--rdzv-id", meeting_place, "--rdzv-conf", "timeout=900"),
            *("--master-addr", host, "--master-port", port),
        ]


@dataclass(frozen=True, slots=True)
class Words:
    """The last words of a process, or what is known of its end.

    Args:
        rank: its number.
        name: the error's; empty when it said nothing.
        message: what went wrong.
        code: its exit code; negative for a signal.
        again: another try may succeed.
        time: when, in seconds.
    """

    rank: int
    name: str
    message: str
    code: int
    again: bool
    time: float = 0.0

    @property
    def weight(self) -> tuple[int, float]:
        """Smaller for what rather began the end: one process takes the others with it within milliseconds."""
        if self.code == REFUSED and not self.again:
            return 0, self.time
        if not self.name:
            return 1, self.time
        return (3 if self.code == CANCELLED else 2), self.time


class Refused(TrainingError):
    """A process ended with an error that another try would meet again, or too many tries have failed.

    Args:
        words: of the process that began it.
        message: the whole message.
    """

    def __init__(self, words: Words, message: str) -> None:
        super().__init__(message)
        self.words = words


def supervise(
    program: Sequence[str],
    run: Path,
    place: Place,
    *,
    relaunches: int = 3,
    environment: Mapping[str, str] | None = None,
    output: tuple[IO[str] | None, IO[str] | None] = (None, None),
    tell: Callable[[str], None] = logger.warning,
) -> None:
    """Run a program in several processes until one attempt succeeds.

    Every process must call :func:`retouch.training.lifeline.tie`, pass ``relaunched`` on to
    :func:`retouch.training.train`, and leave its last words with :func:`retouch.training.lifeline.note`.

    Args:
        program: the words after ``python``: ``("-m", "retouch.cli", "train", …)``.
        run: the folder of the run; of several machines on a disk that all see.
        place: how many processes, and on which machine.
        relaunches: how often the run is started again without a new checkpoint in between.
        environment: what the processes get besides this one's own.
        output: standard output and error of the processes; None: this process's own.
        tell: called with a sentence for a person whenever something is started again.

    Raises:
        Refused: The run failed for good; with the words of the process that began it.
        TrainingError: Processes cannot be started or ended here.
        Cancelled: Ctrl-C or SIGTERM, here or on another machine, after a checkpoint.
    """
    if relaunches < 0:
        raise InputError(f"--relaunches is {relaunches} but must be at least 0")
    check_possible()
    with listening() as stop:
        met = meeting.Meeting(run, place.machines, place.machine)
        launcher = _Launcher(run, place, relaunches, stop, met, tell)
        try:
            while (name := met.next_attempt(launcher.heed, tell)) is not None:
                with Attempt(
                    program, place, name, dict(environment or {}), output, relaunched=launcher.begun
                ) as attempt:
                    ended = attempt.watched(stop, met.over)
                if ended is None:
                    met.finish()
                    return
                if not launcher.again(ended):
                    return
        except BaseException as error:
            met.end(str(error) or "its launcher was stopped")
            raise


class _Launcher:
    """Decide, after an attempt, whether there is another one.

    Args:
        run: the folder of the run.
        place: this machine.
        relaunches: how often without progress.
        stop: whether somebody asked the run to end.
        met: the other machines.
        tell: called with a sentence for a person.
    """

    def __init__(
        self,
        run: Path,
        place: Place,
        relaunches: int,
        stop: Stop,
        met: meeting.Meeting,
        tell: Callable[[str], None],
    ) -> None:
        self._run, self._place, self._relaunches = run, place, relaunches
        self._stop, self._met, self._tell = stop, met, tell
        self._progress = _progress(run)
        self._failed = 0
        self.begun = False

    def heed(self) -> None:
        """Raise Cancelled when somebody asked the run to end."""
        if self._stop.wanted:
            raise Cancelled(f"stopped by {self._stop.signal}; go on with: {_how(self._run)}")

    def again(self, ended: Words) -> bool:
        """Wait until another attempt is due.

        Args:
            ended: why the last one was over.

        Returns:
            Whether one is; not when the first machine finished the run.

        Raises:
            Refused: There is no sense in another one.
            Cancelled: Somebody asked the run to end.
        """
        if ended.code == CANCELLED:
            raise Cancelled(ended.message)
        done = self._met.done()
        if not done:
            self.heed()
        if ended.code == REFUSED and not ended.again:
            raise Refused(ended, ended.message)
        if done:
            return False
        self.begun = True
        before, self._progress = self._progress, _progress(self._run)
        self._failed = 1 if self._progress != before else self._failed + 1
        if self._place.leads and self._failed > self._relaunches:
            raise Refused(
                ended,
                f"{ended.message}. Attempts without a new checkpoint, one after the other: {self._failed}; "
                f"when the reason is gone: {_how(self._run)}",
            )
        self._met.end()
        pause = min(PAUSE * 2 ** (self._failed - 1), LONGEST_PAUSE)
        self._tell(f"{ended.message}; starting again from {_whence(self._run)} in {pause:.0f} s")
        until = time.monotonic() + pause
        while time.monotonic() < until:
            self.heed()
            time.sleep(TICK)
        return True


class Attempt:
    """The processes of one machine, from their start to their end.

    Args:
        program: the words after ``python``.
        place: how many.
        name: of the attempt, the same on every machine.
        environment: what the processes get besides this one's own.
        output: standard output and error.
        relaunched: an earlier attempt may have left something.
    """

    def __init__(
        self,
        program: Sequence[str],
        place: Place,
        name: str,
        environment: dict[str, str],
        output: tuple[IO[str] | None, IO[str] | None],
        *,
        relaunched: bool,
    ) -> None:
        self._kept = contextlib.ExitStack()
        self.folder = Path(self._kept.enter_context(tempfile.TemporaryDirectory(prefix="retouch-attempt-")))
        self._lifeline = Lifeline(self.folder)
        self._kept.callback(self._lifeline.close)
        threads = max(1, cores() // place.processes)
        words = [str(self.folder), str(os.getpid()), *place.torchrun(name), *program]
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable, "-m", "retouch.training.torchrun", *words],
            env={
                "OMP_NUM_THREADS": str(threads),
                **os.environ,
                **environment,
                VARIABLE: str(self.folder),
                RELAUNCHED: str(int(relaunched)),
            },
            stdin=subprocess.DEVNULL,
            stdout=_file(output[0]),
            stderr=_file(output[1]),
            # Ctrl-C at the terminal is for this process, which passes it on as a wish for a checkpoint.
            start_new_session=True,
        )

    def watched(self, stop: Stop, over: Callable[[], bool]) -> Words | None:
        """Wait for the end.

        Args:
            stop: whether somebody asked the run to end; passed on until it is heard.
            over: whether the attempt is over on another machine.

        Returns:
            None when all processes are done; otherwise the words of the one that failed first.
        """
        asked = False
        looked = time.monotonic()
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self._process.wait(TICK)
                return None if code == 0 else self._first_failure(code)
            if stop.wanted and not asked:
                asked = self._lifeline.stop()
            if time.monotonic() - looked > LOOK:
                looked = time.monotonic()
                if over():
                    return Words(-1, "", "the attempt ended on another machine", 1, again=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End what is left of the attempt.

        Raises:
            TrainingError: A process cannot be ended.
        """
        with self._kept:
            until = time.monotonic() + PATIENCE
            self._end_agent()
            while not self._lifeline.released(TICK):
                self._lifeline.end()
                if time.monotonic() > until:
                    raise TrainingError(
                        f"processes of the last attempt do not end within {PATIENCE:.0f} s; look for them "
                        "with ps, end them with kill -9, and resume the run"
                    )

    def _end_agent(self) -> None:
        """End the processes through the lifeline, so that torchrun ends, too; after 10 s it is killed."""
        until = time.monotonic() + 10.0
        heard = self._lifeline.end()
        while time.monotonic() < until:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(TICK)
                return
            heard = heard or self._lifeline.end()
        self._process.kill()
        self._process.wait()

    def _first_failure(self, code: int) -> Words:
        """Find out why torchrun ended, from the failures that it saw first and their own words."""
        noted = {words.rank: words for words in _noted(self.folder)}
        try:
            failures = json.loads((self.folder / FAILURES).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            failures = []
        found = [
            noted.get(rank)
            or Words(rank, "", f"process {rank} {_end_in_words(code)}", 1, again=True, time=failure["time"])
            for failure in failures
            for rank, code in [(int(failure["rank"]), int(failure["code"]))]
        ] or list(noted.values())
        if found:
            return min(found, key=lambda words: words.weight)
        return Words(-1, "", f"torchrun {_end_in_words(code)}", 1, again=True)


def _noted(folder: Path) -> Iterator[Words]:
    for path in folder.glob("rank-*.json"):
        with contextlib.suppress(OSError, ValueError):
            yield Words(**json.loads(path.read_text(encoding="utf-8")))


def _end_in_words(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    with contextlib.suppress(ValueError):
        name = signal.Signals(-code).name
        return f"was ended by {name}" + (", as when memory runs out" if name == "SIGKILL" else "")
    return f"was ended by signal {-code}"


def _how(run: Path) -> str:
    if (run / checkpoint.FILE).is_file():
        return f"retouch train --resume {run}"
    return "the same command, after removing its folder"


def _whence(run: Path) -> str:
    return "the last checkpoint" if (run / checkpoint.FILE).is_file() else "the beginning"


def _progress(run: Path) -> object:
    """What changes with every checkpoint, which is a new file each time."""
    try:
        status = (run / checkpoint.FILE).stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _file(stream: IO[str] | None) -> int | None:
    """The descriptor behind a stream, if there is one."""
    if stream is None:
        return None
    try:
        return stream.fileno()
    except OSError:
        return None
