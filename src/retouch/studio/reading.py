"""Reading files in another process: what the server asks of :mod:`retouch.studio.reader`."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retouch.studio.child import Child, Ended, Message, ending
from retouch.studio.described import Facts
from retouch.studio.failures import InternalError, ReaderDied, TimedOut, Unavailable, raised
from retouch.studio.store import Limits

logger = logging.getLogger(__name__)

MODULE = "retouch.studio.reader"

ANY = 1 << 40
"""A limit of pixels that no picture exceeds."""

_WAITING = 500  # tasks that may wait
_GROWTH = 400 << 20  # bytes that the process may take more than at its start while it has nothing to do
_POLL = 1.0  # seconds
_AGAIN = 30.0  # seconds between two starts that nobody waits for, when the last did not succeed


@dataclass(frozen=True, slots=True)
class _Task:
    message: Message
    future: Future[Facts]

    def fail(self, error: Exception) -> None:
        """Say that it was not done, unless nobody waits for it any more."""
        if self.future.done():
            return
        if self.future.running() or self.future.set_running_or_notify_cancel():
            self.future.set_exception(error)


class Reader:
    """Decodes, shows, draws and converts files, in processes of its own.

    Every call returns at once with a future; one that is cancelled while it waits is not done any more. When
    a process dies of a file or takes too long with it, the future fails, and the next gets a fresh process.

    What is shown or converted lies in the store already: it was inspected, or made here, and an edit may make
    pictures that are larger than those that may be sent.

    Args:
        limits: how large a picture from outside may be.
        timeout: seconds that one file may take.
        processes: how many files are read at once; with two, one that takes long holds up nobody.
        module: what is run; it answers as :mod:`retouch.studio.reader` does.
    """

    def __init__(
        self, limits: Limits | None = None, *, timeout: float = 30.0, processes: int = 2, module: str = MODULE
    ) -> None:
        self._pixels = (limits or Limits()).pixels
        self._tasks: queue.Queue[_Task | None] = queue.Queue(_WAITING)
        self._closing = threading.Event()
        self._desks = [_Desk(self._tasks, self._closing, timeout, module) for _ in range(processes)]

    @property
    def pids(self) -> tuple[int, ...]:
        """The numbers of the processes that run."""
        return tuple(pid for desk in self._desks if (pid := desk.pid) is not None)

    @property
    def ready(self) -> bool:
        """Whether one of the processes waits for a file, or reads one."""
        return any(desk.ready and desk.pid is not None for desk in self._desks)

    @property
    def trouble(self) -> str | None:
        """Why none of the processes could be started; None when one could."""
        troubles = [desk.trouble for desk in self._desks]
        return troubles[0] if all(troubles) else None

    def start(self) -> None:
        """Start the processes, in the background."""
        for desk in self._desks:
            desk.start()

    def close(self) -> None:
        """End the processes; what waits fails."""
        self._closing.set()
        self._fail_all()
        for _ in self._desks:
            with contextlib.suppress(queue.Full):
                self._tasks.put_nowait(None)
        for desk in self._desks:
            desk.close()
        self._fail_all()

    def inspect(self, path: Path, name: str, *, trusted: bool = False) -> Future[Facts]:
        """Find out what a file is, by decoding all of it.

        Args:
            path: of the file.
            name: what it is called outside; messages say this and not the path.
            trusted: it is our own, and may be larger than a picture from outside.

        Returns:
            Its ``kind`` ("picture" or "latent"), ``width``, ``height``, ``mode``, ``bits`` and ``format``. It
            fails with a PictureError, UnreadableWeights, TimedOut, ReaderDied or Unavailable.
        """
        pixels = ANY if trusted else self._pixels
        return self._do("inspect", name, {path: name}, path=str(path), pixels=pixels)

    def view(self, path: Path, side: int, out: Path, name: str = "the picture") -> Future[Facts]:
        """Make a PNG for the screen: sRGB, 8 bits, upright.

        Args:
            path: of a picture.
            side: the longest side at most; it is not enlarged.
            out: the file to write, a ``.png``.
            name: what the picture is called outside.

        Returns:
            The facts of the view.
        """
        return self._do("view", name, {path: name}, path=str(path), side=side, out=str(out), pixels=ANY)

    def draw(self, drawing: Mapping[str, Any], size: tuple[int, int] | None, out: Path) -> Future[Facts]:
        """Write a drawing as a gray picture, white where the mask is.

        Args:
            drawing: the JSON of a :class:`retouch.image.drawing.Drawing`.
            size: height and width of the picture to be masked; None for the drawing's own.
            out: the file to write, a ``.png``.

        Returns:
            The facts of the mask. It fails with an InputError or PictureTooLarge, too.
        """
        given = None if size is None else list(size)
        return self._do(
            "draw",
            "the drawing",
            {out: "the mask"},
            drawing=dict(drawing),
            size=given,
            out=str(out),
            pixels=self._pixels,
        )

    def convert(self, path: Path, out: Path, name: str = "the picture") -> Future[Facts]:
        """Write a picture in another format.

        Args:
            path: of a picture.
            out: the file to write; its suffix chooses the format.
            name: what the picture is called outside.

        Returns:
            The facts of the new file. It fails with UnwritablePicture where the format does not hold it.
        """
        places = {path: name, out: f"{name} as {out.suffix[1:]}"}
        return self._do("convert", name, places, path=str(path), out=str(out), pixels=ANY)

    def _fail_all(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                task = self._tasks.get_nowait()
                if task is not None:
                    task.fail(ending())

    def _do(self, act: str, name: str, places: Mapping[Path, str], **what: object) -> Future[Facts]:
        future: Future[Facts] = Future()
        shown = {str(path): called for path, called in places.items()}
        message = {"act": act, "name": name, "places": shown, **what}
        try:
            if self._closing.is_set():
                raise ending()
            self._tasks.put_nowait(_Task(message, future))
        except queue.Full:
            future.set_exception(
                Unavailable(
                    "the studio has too many files to read at the moment; send it again in some seconds"
                )
            )
        except Unavailable as error:
            future.set_exception(error)
        return future


class _Desk(threading.Thread):
    """A thread that hands tasks to a process of its own, and waits for what it says."""

    def __init__(
        self, tasks: queue.Queue[_Task | None], closing: threading.Event, timeout: float, module: str
    ) -> None:
        super().__init__(name="retouch-reader", daemon=True)
        self._tasks, self._closing, self._timeout, self._module = tasks, closing, timeout, module
        self.ready = False
        self.trouble: str | None = None
        self._failed = 0.0
        self._child: Child | None = None
        self._number = 0
        self._begun = False

    @property
    def pid(self) -> int | None:
        child = self._child
        return child.pid if child is not None and child.alive else None

    def close(self) -> None:
        child = self._child
        if child is not None:
            child.kill()
        if self.is_alive():
            self.join()

    def run(self) -> None:
        first = True
        while not self._closing.is_set():
            try:
                if first:
                    first = False
                    self._ready()
                self._turn()
            except Ended:
                continue
            except Exception:
                # Without this thread the studio would look alive, and never answer for a file again.
                logger.exception("a reader failed, and goes on")
                self._forget()
                self._closing.wait(_POLL)
        self._forget()

    def _turn(self) -> None:
        try:
            task = self._tasks.get(timeout=_POLL)
        except queue.Empty:
            self._rest()
            return
        if task is None or not task.future.set_running_or_notify_cancel():
            return
        try:
            self._answer(task)
        except Exception:
            task.fail(
                InternalError(
                    f"{task.message['name']} could not be read: a bug in retouch; please report it with what "
                    "the studio's log says"
                )
            )
            raise

    def _answer(self, task: _Task, *, again: bool = True) -> None:
        try:
            child = self._ready()
        except Ended as error:
            failure = Unavailable(f"files cannot be read here now: the reader did not start ({error.cause})")
            task.fail(ending() if self._closing.is_set() else failure)
            return
        name = task.message["name"]
        try:
            said = self._asked(child, task.message)
        except Ended as error:
            self._forget()
            if not self._begun and again and not self._closing.is_set():
                # It was dying already, and the file is not to blame.
                self._answer(task, again=False)
                return
            if not self._closing.is_set():
                logger.warning("the reader ended with %s: %s", _shown(task.message), error.cause)
            died = ReaderDied(
                f"{name} could not be read: the reader died of it ({error.cause}); send another file"
            )
            task.fail(ending() if self._closing.is_set() else died)
            return
        if said is None:
            self._forget()
            task.fail(
                TimedOut(f"{name} took more than {self._timeout:g} s to read; send a smaller or simpler file")
            )
        elif "done" in said:
            task.future.set_result(said["done"])
        else:
            if "traceback" in said["failed"]:
                trace = said["failed"]["traceback"].replace(name, "the file")
                logger.error("the reader failed with %s:\n%s", _shown(task.message), trace)
            task.fail(raised(said["failed"]))

    def _asked(self, child: Child, message: Message) -> Message | None:
        """What the process says to a task; None when it says nothing in time."""
        self._number += 1
        self._begun = False
        child.ask({**message, "number": self._number})
        end = time.monotonic() + self._timeout
        while (left := end - time.monotonic()) > 0:
            said = child.hear(left)
            if said is not None and said.get("number") == self._number:
                if "began" not in said:
                    return said
                self._begun = True
        return None

    def _ready(self) -> Child:
        """The process, started when there is none."""
        if self._child is not None and self._child.alive:
            return self._child
        self._forget()
        try:
            child = self._child = Child(self._module)
            if self._closing.is_set():
                child.kill()
            child.get_ready()
        except Ended as error:
            if not self._closing.is_set():
                logger.error("the reader did not start: %s", error.cause)
                self.trouble = error.cause
            self._failed = time.monotonic()
            self._forget()
            raise
        self.ready, self.trouble = True, None
        return child

    def _rest(self) -> None:
        """Give back the memory of a process that has taken a lot, and start one where there is none."""
        child = self._child
        if self._closing.is_set():
            return
        if child is not None:
            child.cut_errors()
        if child is None and time.monotonic() - self._failed < _AGAIN:
            return
        if child is None or not child.alive or child.grown > _GROWTH:
            self._forget()
            with contextlib.suppress(Ended):
                self._ready()

    def _forget(self) -> None:
        self.ready = False
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.close()


def _shown(message: Message) -> str:
    """A task for the log, which is no place for what visitors call their files."""
    act, path = message["act"], message.get("path")
    size = 0
    with contextlib.suppress(OSError):
        size = Path(path).stat().st_size if path else 0
    return f"a file of {size:,} bytes ({act})" if size else f"a task ({act})"
