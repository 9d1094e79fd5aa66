"""Silence Pillow's warnings, from any number of threads at once.

``warnings.catch_warnings`` restores what it found; two threads that leave in another order
than they came would restore each other's silence for good. So the first thread in saves the
filters and the last one out restores them.
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

# Without any handler, Python prints what Pillow logs about broken files on standard error.
logging.getLogger("PIL").addHandler(logging.NullHandler())

_lock = threading.Lock()
_inside = 0
_saved: warnings.catch_warnings[None] | None = None


@contextmanager
def no_pillow_warnings() -> Iterator[None]:
    """Ignore warnings that start in Pillow while the block runs."""
    global _inside, _saved  # noqa: PLW0603 - the filters are the interpreter's own global state
    with _lock:
        if _inside == 0:
            _saved = warnings.catch_warnings()
            _saved.__enter__()
            warnings.filterwarnings("ignore", module=r"PIL\.")
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0 and _saved is not None:
                _saved.__exit__(None, None, None)
                _saved = None
