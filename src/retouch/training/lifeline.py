"""What ties the processes of an attempt to the one that launched them, so that none is left behind.

A named pipe: the launcher holds its writing end, each process a reading end. When the launcher ends,
however it ends, the processes see the end of the file and end, too. Ending processes one by one would need
to know them all, and torchrun puts each into a session of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import threading
import time
from pathlib import Path

from retouch.errors import TrainingError

VARIABLE = "RETOUCH_ATTEMPT"
"""The environment variable that holds the folder of the attempt."""

ENDED = 75
"""Exit code of a process that ended because its launcher did, or said so."""

_PIPE = "lifeline"
_STOP, _END = b"s", b"e"
_MOST = 4096
"""Bytes that a pipe takes at once on every system; more than there are processes on a machine."""


class Lifeline:
    """The launcher's end.

    Args:
        folder: of the attempt; on a disk of this machine.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / _PIPE
        os.mkfifo(path, 0o600)
        # A pipe cannot be opened for writing at once while nobody reads it.
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._pipe = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        os.close(reader)

    def stop(self) -> bool:
        """Ask the run to write a checkpoint and end; one process hears it and tells the others.

        Returns:
            Whether there is a process to hear it; they tie themselves some seconds after their start.
        """
        return self._say(_STOP)

    def end(self) -> bool:
        """Let every process end at once.

        Returns:
            Whether there is one to hear it.
        """
        return self._say(_END * _MOST)

    def released(self, patience: float) -> bool:
        """Wait until no process holds the other end.

        Args:
            patience: seconds to wait.

        Returns:
            Whether all are gone.
        """
        poller = select.poll()
        poller.register(self._pipe, 0)
        until = time.monotonic() + patience
        while not any(event & select.POLLERR for _, event in poller.poll(0)):
            if time.monotonic() > until:
                return False
            time.sleep(0.02)
        return True

    def close(self) -> None:
        """Let go; processes that are still there end."""
        os.close(self._pipe)

    def _say(self, words: bytes) -> bool:
        try:
            os.write(self._pipe, words)
        except (BrokenPipeError, BlockingIOError):
            return False
        return True


def tie() -> None:
    """Tie this process to its launcher, if it has one; both words of it and its end are heeded."""
    folder = os.environ.get(VARIABLE)
    if folder is None:
        return
    try:
        pipe = os.open(Path(folder) / _PIPE, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        os._exit(ENDED)
    threading.Thread(target=_heed, args=(pipe,), name="retouch-lifeline", daemon=True).start()


def _heed(pipe: int) -> None:
    poller = select.poll()
    poller.register(pipe, select.POLLIN)
    while True:
        # Read before waiting: of a pipe opened after its launcher ended, poll never reports the end.
        try:
            word = os.read(pipe, 1)
        except BlockingIOError:
            poller.poll()
            continue
        if word != _STOP:
            os._exit(ENDED)
        os.kill(os.getpid(), signal.SIGTERM)


def note(name: str, message: str, code: int, *, again: bool) -> bool:
    """Leave this process's last words to its launcher, which decides what to do and says them.

    Args:
        name: the error's.
        message: what went wrong.
        code: the exit code.
        again: another try may succeed.

    Returns:
        Whether there is a launcher.
    """
    folder = os.environ.get(VARIABLE)
    if folder is None:
        return False
    rank = int(os.environ.get("RANK", "0"))
    words = {
        "rank": rank,
        "name": name,
        "message": message,
        "code": code,
        "again": again,
        "time": time.time(),
    }
    with contextlib.suppress(OSError):
        draft = Path(folder) / f"rank-{rank}.part"
        draft.write_text(json.dumps(words), encoding="utf-8")
        draft.replace(draft.with_suffix(".json"))
    return True


def check_possible() -> None:
    """Refuse systems without named pipes.

    Raises:
        TrainingError: this is one.
    """
    if not hasattr(os, "mkfifo") or not hasattr(select, "poll"):
        raise TrainingError("--processes needs Linux or macOS; start the processes with torchrun instead")
