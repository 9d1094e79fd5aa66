"""A child process of the studio, as the server sees it."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from retouch.processes import environment
from retouch.studio.failures import Unavailable

Message = Mapping[str, Any]

LONGEST = 1 << 20  # bytes of a line that a child says
_START = 120.0  # seconds that a child may take to get ready
_LEAVE = 2.0  # seconds that it may take to end by itself
_LAST_WORDS = 0.5  # seconds until what it said before it ended has been heard
_STDERR = 1 << 20  # bytes of what it writes to standard error before that is cut


class Ended(Exception):
    """A child has ended.

    Args:
        code: as :class:`subprocess.Popen` gives it: the negative of a signal.
        last: the last line that it wrote to standard error.
        why: we ended it, as a clause for a person; empty when it ended otherwise.
    """

    def __init__(self, code: int, last: str, why: str = "") -> None:
        self.code, self.last, self.why = code, last, why
        super().__init__(self.cause)

    @property
    def cause(self) -> str:
        """Why it ended, as a clause for a person."""
        if self.why:
            return self.why
        if self.code == -9:
            return "it was killed (signal 9), which is what happens when there is not enough memory"
        how = f"signal {-self.code}" if self.code < 0 else f"code {self.code}"
        return f"it ended with {how}" + (f": {self.last}" if self.last else "")


class Child:
    """A fresh Python that runs a module, and talks with this one in lines of JSON.

    It ends when this process does: it watches its standard input.

    Args:
        module: to run, such as ``retouch.studio.worker``.
        arguments: for it.
        folder: its current directory; this process's own when None.

    Raises:
        Ended: It cannot be started.
    """

    def __init__(self, module: str, *arguments: str, folder: Path | None = None) -> None:
        self._said: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._asking = threading.Lock()
        self._small = 0
        self._why = ""
        self.started = time.monotonic()
        try:
            self._errors: IO[bytes] = tempfile.TemporaryFile("a+b")  # noqa: SIM115 - closed with the child
        except OSError as error:
            raise _refused(error) from None
        try:
            # -P: a file of the current folder must not stand in for a module.
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                (sys.executable, "-P", "-m", module, *arguments),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=environment(without=("RETOUCH_TOKEN",)),
                cwd=folder,
            )
        except OSError as error:
            self._errors.close()
            raise _refused(error) from None
        self._pump = threading.Thread(target=self._listen, name=f"{module}-{self.pid}", daemon=True)
        try:
            self._pump.start()
        except RuntimeError as error:  # the system has no thread left
            self._discard()
            raise Ended(1, str(error)) from None

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    @property
    def grown(self) -> int:
        """Bytes of memory that it has taken since it was ready; 0 where that cannot be known."""
        return max(resident(self.pid) - self._small, 0) if self._small else 0

    def get_ready(self, patience: float = _START) -> None:
        """Wait until it says that it can take tasks.

        Args:
            patience: seconds after which it is killed.

        Raises:
            Ended: It ended, or was killed, before.
        """
        end = time.monotonic() + patience
        while "ready" not in (self.hear(max(end - time.monotonic(), 0)) or ()):
            if time.monotonic() >= end:
                self.kill()
                raise Ended(1, f"it was not ready after {patience:g} s")
        self._small = resident(self.pid)

    def ask(self, message: Message) -> None:
        """Tell it something; that it has ended is found out when it is heard.

        Args:
            message: plain data.
        """
        stream = self._process.stdin
        with self._asking, contextlib.suppress(OSError, ValueError):
            if stream is not None:
                stream.write(json.dumps(message).encode() + b"\n")
                stream.flush()

    def hear(self, patience: float) -> Message | None:
        """Take what it says.

        Args:
            patience: seconds to wait at most.

        Returns:
            The message; None when it says nothing for so long.

        Raises:
            Ended: It has ended, and has nothing more to say.
        """
        try:
            said = self._said.get(timeout=patience)
        except queue.Empty:
            if self.alive:
                return None
            try:
                said = self._said.get(timeout=_LAST_WORDS)
            except queue.Empty:
                # A process that it has started holds its output open.
                said = None
        if said is None:
            self._said.put(None)
            raise Ended(self._process.wait(), self._last_line(), self._why)
        return said

    def kill(self, why: str = "the studio ended it") -> None:
        """End it at once.

        Args:
            why: as a clause for a person.
        """
        if self.alive and not self._why:
            self._why = why
        self._process.kill()

    def close(self) -> None:
        """Let it end by itself, or kill it, and clear up."""
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        try:
            self._process.wait(_LEAVE)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()
        self._pump.join(_LEAVE)
        self._errors.close()

    def _discard(self) -> None:
        """End a process that nobody can hear."""
        self.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                stream.close()

    def cut_errors(self) -> None:
        """Keep what it writes to standard error small."""
        if os.fstat(self._errors.fileno()).st_size > _STDERR:
            os.ftruncate(self._errors.fileno(), 0)

    def _listen(self) -> None:
        with self._process.stdout or contextlib.nullcontext() as stream:
            while stream is not None and (line := stream.readline(LONGEST)):
                try:
                    said = json.loads(line)
                except ValueError:
                    said = None
                if not isinstance(said, dict):
                    # It is not our program any more that speaks.
                    self.kill("the studio ended it, because it said what is no answer")
                    break
                self._said.put(said)
        self._said.put(None)

    def _last_line(self) -> str:
        try:
            self._errors.seek(0, os.SEEK_END)
            self._errors.seek(max(self._errors.tell() - 10_000, 0))
            lines = self._errors.read().decode("utf-8", "replace").split("\n")
        except ValueError:
            return ""
        return next((line.strip() for line in reversed(lines) if line.strip()), "")[:200]


def _refused(error: OSError) -> Ended:
    """Say that the system starts no process."""
    return Ended(error.errno or 1, error.strerror or str(error))


def resident(pid: int) -> int:
    """Say how much memory a process has.

    Args:
        pid: of the process.

    Returns:
        Bytes; 0 where the system does not say.
    """
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def draining() -> Unavailable:
    """Say that the server takes no more jobs.

    Returns:
        The error, to be raised.
    """
    return Unavailable(
        "this server ends and takes no more jobs; send the edit to another one, or once more in some seconds"
    )


def ending() -> Unavailable:
    """Say that the studio ends.

    Returns:
        The error, to be raised.
    """
    return Unavailable("the studio is ending; start it again, and send the edit once more")
