"""Stopping politely: SIGTERM and Ctrl-C ask the loop to write a checkpoint and end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from retouch.errors import Cancelled

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@dataclass
class Stop:
    """Whether somebody asked the run to stop, and how.

    Args:
        signal: the signal's name, None while nobody did.
        error: what the caller's callback raised, or a run that broke down; None while neither did.
    """

    signal: str | None = None
    error: BaseException | None = None

    @property
    def wanted(self) -> bool:
        """Whether the run shall stop."""
        return self.signal is not None or self.error is not None

    def raise_cancelled(self, run: Path, seen: int, total: int) -> NoReturn:
        """End the run.

        Raises:
            Cancelled: The user asked for it, here or at another process.
            BaseException: What stopped this process, when that is something else.
        """
        if self.error is not None:
            raise self.error
        raise Cancelled(
            f"stopped by {self.signal or 'another process'} after {seen:,} of {total:,} images; "
            f"go on with: retouch train --resume {run}"
        )


@contextmanager
def listening() -> Iterator[Stop]:
    """Note the signals that ask to stop, instead of dying of them; a second one is obeyed at once.

    Yields:
        What was asked. Outside the main thread, where Python allows no handlers, nothing ever is.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        stop.signal = signal.Signals(number).name
        for each, handler in before.items():
            signal.signal(each, handler if handler is not None else signal.SIG_DFL)

    for number in SIGNALS:
        signal.signal(number, note)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
