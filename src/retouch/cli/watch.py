"""What a person at the terminal sees of a running edit, and how Ctrl-C stops it."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Self

from retouch.errors import Cancelled
from retouch.progress import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

PATIENCE = 0.3
"""Seconds before a bar is shown; most edits are done by then."""

GRACE = 0.5
"""Seconds from Ctrl-C to the next progress event before the edit is stopped without one."""


class Watch:
    """The progress callback of the command line.

    Inside its ``with`` block the first Ctrl-C only leaves a note, which the next progress event
    turns into :class:`Cancelled`, so that the edit stops between two steps. When no event comes
    within half a second, the edit is stopped where it is. The second Ctrl-C ends the process.

    Args:
        label: what is being done, shown before the bar.
        bar: show a bar. It is only ever shown when standard error is a terminal.
    """

    def __init__(self, label: str, *, bar: bool) -> None:
        self._label = label
        self._wants_bar = bar and sys.stderr.isatty()
        self._shown: tuple[Bar, TaskID] | None = None
        self._started = time.perf_counter()
        self._interrupted = False
        self._caught = False

    def __enter__(self) -> Self:
        # A handler that is not Python's own belongs to someone: a parent that ignores Ctrl-C for
        # its background jobs, or a program that calls main(). It stays.
        if (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        ):
            signal.signal(signal.SIGINT, self._note)
            self._caught = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            self._shown[0].stop()
        if self._caught:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            if self._interrupted and hasattr(signal, "setitimer"):
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, signal.SIG_DFL)
        if kind is None:
            self._stop_if_asked()

    def __call__(self, event: Progress) -> None:
        """Show how far the edit is.

        Args:
            event: what the edit reports.

        Raises:
            Cancelled: Ctrl-C was pressed.
        """
        self._stop_if_asked()
        if not self._wants_bar or time.perf_counter() - self._started < PATIENCE:
            return
        if self._shown is None:
            self._shown = _bar(self._label)
        bar, task = self._shown
        bar.update(task, stage=told(event), completed=event.done, total=event.total)

    def _note(self, _: int, __: FrameType | None) -> None:
        self._interrupted = True
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if hasattr(signal, "setitimer"):
            signal.signal(signal.SIGALRM, self._stop_if_asked)
            signal.setitimer(signal.ITIMER_REAL, GRACE)

    def _stop_if_asked(self, *_: object) -> None:
        if self._interrupted:
            if hasattr(signal, "setitimer"):
                # Once is enough: the next would interrupt the cleaning up.
                signal.setitimer(signal.ITIMER_REAL, 0)
            raise Cancelled("cancelled by Ctrl-C")


def told(event: Progress) -> str:
    """Put an event into words: what is done, and the numbers worth showing.

    Args:
        event: what the work reports.
    """
    return ", ".join([event.stage, *(f"{name} {value:.3g}" for name, value in event.facts.items())])


@contextlib.contextmanager
def cleaning_up_on_sigterm() -> Iterator[None]:
    """Let SIGTERM (``kill``, a job's time limit) end a command the way Ctrl-C does.

    Python's own reaction is to end at once, and a draft that was being written would stay.
    """
    ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    )
    if ours:
        signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _end(_: int, __: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # Not an Exception: those are taken for signs of a broken file where files are decoded.
    raise KeyboardInterrupt("SIGTERM")


def _bar(label: str) -> tuple[Bar, TaskID]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar
    from rich.table import Column

    bar = Bar(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn(
            "{task.fields[stage]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")
        ),
        console=Console(stderr=True),
        transient=True,
        # Drawing takes time from the work, which fills every core.
        refresh_per_second=4,
    )
    task = bar.add_task(label, total=None, stage="")
    bar.start()
    return bar, task
