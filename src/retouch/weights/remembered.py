"""What was loaded last, so that an edit of a thousand photos loads its network once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from retouch.weights.find import find

Loaded = TypeVar("Loaded")


class Remembered(Generic[Loaded]):
    """Loads by file, device and precision, and keeps what was used last.

    A file that has changed since is loaded again.

    Args:
        load: makes what is kept of the name or path of weights, a device and a precision.
        count: how many are kept.
    """

    def __init__(self, load: Callable[[str, str, Any], Loaded], count: int = 1) -> None:
        self._load = load
        self._count = count
        self._kept: dict[tuple[object, ...], Loaded] = {}
        self._lock = threading.Lock()

    def __call__(self, model: str, device: str, precision: str) -> Loaded:
        """Give what is kept, or load it.

        Args:
            model: the name or path of weights.
            device: where to compute.
            precision: of the arithmetic.

        Raises:
            RetouchError: as the loading does.
        """
        path = find(model)
        try:
            status = path.stat()
            key = (path.resolve(), status.st_mtime_ns, status.st_size, device, precision)
        except OSError:
            return self._load(model, device, precision)
        with self._lock:
            found = self._kept.pop(key, None) or self._load(str(path), device, precision)
            self._kept[key] = found
            for oldest in list(self._kept)[: -self._count]:
                del self._kept[oldest]
        return found
