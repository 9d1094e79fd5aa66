"""A picture brought to another size while its rows are still being made."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from retouch.image import resample
from retouch.image.resample import Kernel

Planes = NDArray[np.float32]


class Rows:
    """Brings planes to another size, strip by strip, as :func:`retouch.image.resample.resize` does whole.

    Args:
        old: height and width of the planes that come.
        new: height and width that are wanted.
        kernel: how samples are weighed.
    """

    def __init__(self, old: tuple[int, int], new: tuple[int, int], kernel: Kernel = "bicubic") -> None:
        self._width = new[1]
        self._kernel: Kernel = kernel
        self._same = old[0] == new[0]
        self._taps, self._weights = resample.weights_along(old[0], new[0], kernel=kernel)
        self._last = np.maximum.accumulate(self._taps.max(axis=1))
        self._first = np.minimum.accumulate(self._taps.min(axis=1)[::-1])[::-1]
        self._held: Planes | None = None
        self._start = 0  # the first row that is held
        self._given = 0

    def push(self, strip: Planes) -> Iterator[tuple[int, Planes]]:
        """Take the next rows in.

        Args:
            strip: (C, h, W), the rows after those that came before.

        Yields:
            The first row and the rows that can be made now, (C, rows, new width); nothing if there are none.
        """
        strip = resample.resize(strip, (strip.shape[1], self._width), kernel=self._kernel)
        if self._same:
            yield self._given, strip
            self._given += strip.shape[1]
            return
        held = strip if self._held is None else np.concatenate([self._held, strip], axis=1)
        end = self._start + held.shape[1]
        ready = int(np.searchsorted(self._last, end))
        if ready > self._given:
            yield self._given, self._made(held, ready)
            self._given = ready
        keep = int(self._first[ready]) if ready < len(self._first) else end
        self._held = held[:, keep - self._start :].copy()
        self._start = keep

    def _made(self, held: Planes, ready: int) -> Planes:
        count = ready - self._given
        taps = self._taps[self._given : ready] - self._start
        rows = np.repeat(np.arange(count), taps.shape[1])
        weights = self._weights[self._given : ready].astype(np.float32).ravel()
        matrix = sparse.csr_array((weights, (rows, taps.ravel())), shape=(count, held.shape[1]))
        made = np.empty((len(held), count, held.shape[2]), np.float32)
        for number, plane in enumerate(held):
            made[number] = matrix @ plane
        return made
