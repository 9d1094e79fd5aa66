"""One process of the studio: a thread that hands edits to it, and looks after it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from retouch.errors import RetouchError
from retouch.studio.child import Child, Ended, Message, ending
from retouch.studio.failures import InternalError, WorkerDied, plain

logger = logging.getLogger(__name__)

_POLL = 0.2  # seconds after which it is looked whether somebody cancelled
_AGAIN = 10.0  # seconds between two starts, if the first did not succeed
_SELDOM = 300.0  # those between two that nobody waits for, after many that did not
_DEATHS = 3  # in a row, after which a process is started when there is something to do, or after a pause
_STUBBORN = "the studio ended it, because a cancelled edit did not stop by itself"


class Work(Protocol):
    """An edit that a lane has taken."""

    @property
    def task(self) -> Message:
        """What the process is asked."""

    @property
    def stopping(self) -> bool:
        """Whether somebody has cancelled it."""

    def report(self, progress: Message) -> None:
        """Hear how far it is.

        Args:
            progress: as the process says it.
        """

    def end(self, said: Message) -> None:
        """Hear what came of it.

        Args:
            said: ``done``, ``failed`` or ``stopped``, as the process says it.
        """


class Lane(threading.Thread):
    """Does one edit after the other in a process of its own, or several at once that are alike.

    A process that dies takes the edit with it that it was doing, and nothing else; of several, each is done
    again by itself, so that the one that is to blame is the one that fails. A process that cannot be started
    is tried again, sooner when there is something to do; what is to be done meanwhile fails with the reason.

    Args:
        device: where the process computes.
        take: gives the next edits for a lane, to be done together; none when there are none for some time.
        folder: the current directory of the process; empty, so that no file stands in for a name of weights.
        module: what is run; it answers as :mod:`retouch.studio.worker` does.
        grace: seconds that an edit may take to stop by itself.
        growth: bytes that the process may take more than at its start while it has nothing to do.
        idle: seconds without an edit after which such a process is started anew.
    """

    def __init__(
        self,
        device: str,
        take: Callable[[Lane], Sequence[Work]],
        *,
        folder: Path,
        module: str,
        grace: float,
        growth: int,
        idle: float,
    ) -> None:
        super().__init__(name=f"retouch-{device}", daemon=True)
        self.device = device
        self.trouble: str | None = None
        self.ready = False
        self.restarts = 0
        self._take, self._folder, self._module = take, folder, module
        self._grace, self._growth, self._idle = grace, growth, idle
        self._closing = threading.Event()
        self._child: Child | None = None
        self._number = self._deaths = 0
        self._begun = self._tried = False
        self._failed = self._died = -_SELDOM
        self._pause = _AGAIN
        self._rested = time.monotonic()

    @property
    def pid(self) -> int | None:
        """The number of the process; None when there is none."""
        child = self._child
        return child.pid if child is not None and child.alive else None

    def stop(self) -> None:
        """End the process, whatever it is doing, and take no more edits."""
        self._closing.set()
        child = self._child
        if child is not None:
            child.kill()

    def close(self) -> None:
        """Stop, and wait until nothing is left of it."""
        self.stop()
        if self.ident is not None:
            self.join()

    def run(self) -> None:
        """Do edits until the lane is closed."""
        while not self._closing.is_set():
            try:
                self._turn()
            except Exception:
                # Without this thread the studio would look alive, and never do an edit on its device again.
                logger.exception("the lane of %s failed, and goes on", self.device)
                self._forget()
                self._closing.wait(_POLL)
        self._forget()

    def _turn(self) -> None:
        if self.pid is None and self.trouble is None and self._deaths < _DEATHS:
            self._begin()
        works = self._take(self)
        if not works:
            if not self._closing.is_set():
                self._rest()
            return
        try:
            for work in self._together(works) if len(works) > 1 else works:
                self._do(work)
        except Exception:
            for work in works:
                work.end({"failed": plain(_bug())})
            raise
        self._rested = time.monotonic()

    def _begin(self) -> Child | None:
        """Start the process; None when that does not succeed."""
        if self._closing.is_set():
            return None
        self._forget()
        self.restarts += self._tried
        self._tried = True
        try:
            child = self._child = Child(self._module, self.device, folder=self._folder)
            if self._closing.is_set():
                child.kill()
            child.get_ready()
        except Exception as error:
            self._forget()
            self._failed = time.monotonic()
            cause = error.cause if isinstance(error, Ended) else f"{type(error).__name__}: {error}"
            if not self._closing.is_set() and cause != self.trouble:
                self.trouble = cause
                logger.error("the worker of %s did not start: %s", self.device, cause)
            return None
        self.trouble, self.ready = None, True
        if self._deaths < _DEATHS:
            self._pause = _AGAIN
        return child

    def _together(self, works: Sequence[Work]) -> Sequence[Work]:
        """Do several edits at once.

        Returns:
            Those that are still to be done, because their process has died.
        """
        child = self._present()
        if child is None:
            return works
        waiting = dict(enumerate(works, self._number + 1))
        self._number += len(works)
        child.ask({"together": [{**work.task, "number": number} for number, work in waiting.items()]})
        try:
            self._hear_all(child, waiting)
        except Ended as error:
            self._forget()
            rest = []
            for work in waiting.values():
                if work.stopping:
                    work.end({"stopped": True})
                else:
                    rest.append(work)
            if rest and not self._closing.is_set():
                logger.warning(
                    "the worker of %s ended with several edits (%s); they are done one by one",
                    self.device,
                    error.cause,
                )
            return rest
        self._did_well()
        return ()

    def _hear_all(self, child: Child, waiting: dict[int, Work]) -> None:
        """Hear what the process says until all edits have ended, and take those out that have.

        One that is cancelled ends for its visitor at once. Its process is killed for it only when it computes
        for nobody else.
        """
        told: set[int] = set()
        kill_at = float("inf")
        while waiting:
            said = child.hear(_POLL)
            number = None if said is None else said.get("number")
            if said is not None and number in waiting:
                if "progress" not in said and "began" not in said:
                    waiting.pop(number).end(said)
                elif "progress" in said and number not in told:
                    waiting[number].report(said["progress"])
            stopping = {number for number, work in waiting.items() if work.stopping}
            for each in stopping - told:
                child.ask({"stop": each})
                waiting[each].end({"stopped": True})
            told |= stopping
            if not waiting or len(stopping) < len(waiting):
                continue
            kill_at = min(kill_at, time.monotonic() + self._grace)
            if time.monotonic() >= kill_at:
                child.kill(_STUBBORN)

    def _present(self) -> Child | None:
        """The process, started when there is none; None when that does not succeed."""
        if self._child is not None and self.pid is not None:
            return self._child
        return self._begin() if time.monotonic() - self._failed >= _AGAIN else None

    def _do(self, work: Work) -> None:
        while True:
            child = self._present()
            if child is None:
                error = ending() if self._closing.is_set() else self._no_worker()
                work.end({"failed": plain(error)})
                return
            self._number += 1
            self._begun = False
            child.ask({**work.task, "number": self._number})
            try:
                work.end(self._heard(child, work))
                self._did_well()
                return
            except Ended as error:
                ended = error
            self._forget()
            if not work.stopping:
                self._count_death(child, ended.cause)
            if not self._closing.is_set() and not work.stopping:
                logger.error("the worker of %s died: %s", self.device, ended.cause)
            # One that died before it began was dying already, and the edit is not to blame.
            if work.stopping or self._closing.is_set() or self._begun or self._deaths >= _DEATHS:
                work.end({"stopped": True} if work.stopping else {"failed": plain(self._died_of(ended))})
                return

    def _heard(self, child: Child, work: Work) -> Message:
        """What the process says in the end."""
        kill_at = None
        while True:
            said = child.hear(_POLL)
            if said is not None and said.get("number") == self._number:
                if "progress" in said:
                    work.report(said["progress"])
                elif "began" in said:
                    self._begun = True
                else:
                    return said
            if work.stopping and kill_at is None:
                kill_at = time.monotonic() + self._grace
                child.ask({"stop": self._number})
            if kill_at is not None and time.monotonic() >= kill_at:
                child.kill(_STUBBORN)
                kill_at = float("inf")

    def _did_well(self) -> None:
        self._deaths, self._pause = 0, _AGAIN

    def _count_death(self, child: Child, cause: str) -> None:
        """Count a process that died by itself; several in a row are what is wrong with the lane."""
        now = time.monotonic()
        if now - child.started > _SELDOM:
            self._did_well()
        self._deaths += 1
        if self._deaths >= _DEATHS and not self._closing.is_set():
            self._died = now
            self.trouble = f"it died {self._deaths} times in a row; the last time, {cause}"

    def _died_of(self, error: Ended) -> RetouchError:
        if self._closing.is_set():
            return ending()
        return WorkerDied(
            f"the worker died in the middle of this edit: {error.cause}; run it again, with a smaller "
            "picture if that was the reason"
        )

    def _no_worker(self) -> WorkerDied:
        return WorkerDied(
            f"the worker of {self.device} cannot be started: {self.trouble}; `retouch doctor` says what "
            "works on this machine"
        )

    def _rest(self) -> None:
        """Clear up while there is nothing to do."""
        child = self._child
        if child is None:
            since = max(self._failed, self._died)
            if self.trouble is not None and time.monotonic() - since >= self._pause:
                self._pause = min(self._pause * 2, _SELDOM)
                self._begin()
            return
        if not child.alive:
            try:
                while True:
                    child.hear(0)
            except Ended as error:
                self._count_death(child, error.cause)
                logger.error("the worker of %s died with nothing to do: %s", self.device, error.cause)
            self._forget()
            return
        child.cut_errors()
        if child.grown > self._growth and time.monotonic() - self._rested > self._idle:
            logger.info("the worker of %s is started anew, to give back its memory", self.device)
            self._begin()

    def _forget(self) -> None:
        self.ready = False
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.close()


def _bug() -> InternalError:
    return InternalError(
        "the edit could not be done: a bug in retouch; please report it with what the studio's log says"
    )
