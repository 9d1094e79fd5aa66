"""The command line with the recipe of a line only, as a process of its own: ``-m tests.cli.slow_training``."""

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
    with mock.patch.object(catalog, "recipes", lambda: (SlowRecipe,)):
        sys.exit(main())
