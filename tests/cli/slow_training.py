"""The command line with one recipe, that of a line, as a process of its own."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from unittest import mock

from retouch import catalog
from retouch.cli import main
from retouch.training import Batch
from tests.training.line import Line, LineRecipe


class Slowly(Line):
    def stream(
        self, *, batch: int, seed: int, rank: int, world: int, start: int, workers: int
    ) -> Iterator[Batch]:
        drawn = super().stream(batch=batch, seed=seed, rank=rank, world=world, start=start, workers=workers)
        for each in drawn:
            time.sleep(0.005)
            yield each


class SlowRecipe(LineRecipe):
    def data(self, source: str) -> Slowly:
        return Slowly(int(source))


if __name__ == "__main__":
    # A shell that starts jobs in the background makes them ignore Ctrl-C, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with mock.patch.object(catalog, "recipes", return_value=(SlowRecipe,)):
        sys.exit(main())
