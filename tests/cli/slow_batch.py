"""The command line with the made-up verbs, in a batch's processes too: ``python -m tests.cli.slow_batch``."""

from __future__ import annotations

import signal
import sys

import retouch.batch
from retouch.cli import main
from tests.cli import made_up

if __name__ == "__main__":
    # A shell that starts jobs in the background makes them ignore Ctrl-C, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    runner = sys.modules[retouch.batch.processes.__module__]
    runner.COMMAND = (sys.executable, "-P", "-m", "tests.batch.worker")  # type: ignore[attr-defined]
    with made_up.in_catalog():
        sys.exit(main())
