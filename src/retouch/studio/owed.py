"""Results that nobody has fetched yet, and somebody may be about to; downloads that are under way."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LATELY = 10.0
"""Seconds for which a result is waited for, from when it was made or the server began to end."""

MOST = 10_000
"""Results that are remembered, the latest."""


class Owed:
    """Remembers what was made and not fetched, and counts what is being sent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: OrderedDict[str, float] = OrderedDict()
        self._since = float("-inf")
        self._under_way = 0

    def __len__(self) -> int:
        """How many results are waited for."""
        now = time.monotonic()
        with self._lock:
            return sum(now - max(made, self._since) <= LATELY for made in self._made.values())

    @property
    def left(self) -> int:
        """How many results nobody has fetched, whether they are waited for or not."""
        with self._lock:
            return len(self._made)

    @property
    def under_way(self) -> int:
        """How many downloads have begun and not ended."""
        with self._lock:
            return self._under_way

    def add(self, handle: str) -> None:
        """Remember a result.

        Args:
            handle: of its file.
        """
        with self._lock:
            self._made[handle] = time.monotonic()
            while len(self._made) > MOST:
                self._made.popitem(last=False)

    def fetched(self, *handles: str) -> None:
        """Hear that somebody has some files, uses them, or has removed them.

        Args:
            handles: of the files; they need not be results.
        """
        with self._lock:
            for handle in handles:
                self._made.pop(handle, None)

    def end(self, there: Callable[[str], bool]) -> None:
        """Hear that the server begins to end: who has left a result for later has to come now.

        Args:
            there: whether a file was not removed.
        """
        with self._lock:
            handles = list(self._made)
        self.fetched(*(handle for handle in handles if not there(handle)))
        with self._lock:
            self._since = time.monotonic()

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Count a download while it is under way."""
        with self._lock:
            self._under_way += 1
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1
