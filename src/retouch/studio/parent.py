"""The parent of a child process of the studio, as the child sees it: tasks come in, answers go out.

Both are lines of JSON. The child ends when its parent does, whatever it is doing.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import gc
import json
import math
import operator
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from retouch.errors import RetouchError
from retouch.studio.failures import InternalError, OutOfMemory, plain

_PAUSE = 0.1  # seconds between two reports of progress
_MOMENT = 0.3  # seconds
_LONGEST_TRACEBACK = 20_000

Message = Mapping[str, Any]


class Parent:
    """Takes tasks from standard input, and answers on what was standard output.

    What a library prints goes to standard error instead. Ctrl-C is not for a child but for its parent.
    """

    def __init__(self) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        faulthandler.enable()
        with contextlib.suppress(OSError):
            # Where memory runs out, it is a child that goes and not the server.
            Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")
        self._answers = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        self._lock = threading.Lock()
        self._tasks: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._stopped: set[int] = set()
        self._reports: dict[int, Message] = {}
        self._due = threading.Event()
        threading.Thread(target=self._listen, name="listen", daemon=True).start()
        threading.Thread(target=self._pass_on, name="report", daemon=True).start()

    def __iter__(self) -> Iterator[Message]:
        """The tasks, as they come; memory is given back when there is none for a moment."""
        while True:
            try:
                task = self._tasks.get(timeout=_MOMENT)
            except queue.Empty:
                release_memory()
                task = self._tasks.get()
            yield task

    def is_stopped(self, number: int) -> bool:
        """Say whether a task is to be given up.

        Args:
            number: of the task.
        """
        return number in self._stopped

    def answer(self, message: Message) -> None:
        """Say something now; what is left of the progress of its task is not said any more.

        Args:
            message: plain data; a number that JSON does not have is left out.
        """
        with self._lock:
            self._reports.pop(message.get("number", -1), None)
            self._say(message)

    def report(self, message: Message) -> None:
        """Say how far the task is, now or soon; of several reports in a short time the last one is said.

        Args:
            message: plain data, with the ``number`` of the task; a number that JSON does not have is left
                out.
        """
        with self._lock:
            self._reports[message["number"]] = message
        self._due.set()

    def _say(self, message: Message) -> None:
        try:
            self._answers.write(json.dumps(finite(message), allow_nan=False).encode() + b"\n")
            self._answers.flush()
        except OSError:
            _end()

    def _pass_on(self) -> None:
        while True:
            self._due.wait()
            self._due.clear()
            with self._lock:
                reports, self._reports = self._reports, {}
                for message in reports.values():
                    self._say(message)
            time.sleep(_PAUSE)

    def _listen(self) -> None:
        # What is no JSON comes from no parent of ours: nobody would be heard, and the end not be noticed.
        try:
            for line in sys.stdin.buffer:
                said = json.loads(line)
                if "stop" in said:
                    self._stopped.add(said["stop"])
                else:
                    self._tasks.put(said)
        finally:
            _end()


def failed(error: Exception, doing: str, places: Mapping[str, str]) -> dict[str, str]:
    """Say what came of a task that failed.

    Args:
        error: that was raised.
        doing: what was done, such as the name of an edit.
        places: path → what to call it: the paths of the studio are nobody's business.

    Returns:
        ``type`` and ``detail``, and the ``traceback`` of a bug.
    """
    if isinstance(error, RetouchError):
        said = plain(error)
    elif _is_shortage(error):
        said = plain(
            OutOfMemory(
                f"there is not enough memory for {doing} on this machine; use a smaller picture, or a "
                "smaller size or tile where there is such an option"
            )
        )
    else:
        said = plain(
            InternalError(
                f"{doing} failed for a reason of its own ({type(error).__name__}): a bug in retouch; try "
                "other options, and please report it with what the studio's log says"
            )
        )
        said["traceback"] = "".join(traceback.format_exception(error))[-_LONGEST_TRACEBACK:]
    for path, name in places.items():
        said["detail"] = said["detail"].replace(path, name)
    return said


def finite(value: object) -> Any:
    """Give plain data without the numbers that JSON does not have.

    Args:
        value: mappings, sequences and what is in them.

    Returns:
        The same, where infinity and NaN are None, and of a mapping are missing.
    """
    if isinstance(value, Mapping):
        items = ((str(name), item, finite(item)) for name, item in value.items())
        return {name: after for name, before, after in items if after is not None or before is None}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        pass
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return str(value)
    return number if math.isfinite(number) else None


def release_memory() -> None:
    """Give back what is not used any more."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    if sys.platform == "linux":
        try:
            ctypes.CDLL(None).malloc_trim(0)
        except (AttributeError, OSError):
            return  # another C library than glibc


def _is_shortage(error: Exception) -> bool:
    if isinstance(error, MemoryError):
        return True
    if "torch" not in sys.modules:
        return False
    from retouch.nn.memory import is_shortage

    return is_shortage(error)


def _end() -> None:
    """End at once, in the middle of anything."""
    os._exit(0)
