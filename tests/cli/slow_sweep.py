"""The command line with the made-up verbs, in a sweep's processes too: ``python -m tests.cli.slow_sweep``."""

from __future__ import annotations

import signal
import sys

from retouch.cli import main
from retouch.sweep import workers
from tests.cli import made_up

if __name__ == "__main__":
    # A shell that starts jobs in the background makes them ignore Ctrl-C, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    workers.COMMAND = (sys.executable, "-P", "-m", "tests.cli.sweep_worker")
    with made_up.in_catalog():
        sys.exit(main())
