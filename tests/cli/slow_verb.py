"""The command line with the made-up verbs, as a process of its own: ``python -m tests.cli.slow_verb``."""

from __future__ import annotations

import signal
import sys

from retouch.cli import main
from tests.cli import made_up

if __name__ == "__main__":
    # A shell that starts jobs in the background makes them ignore Ctrl-C, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with made_up.in_catalog():
        made_up.meanwhile.append(lambda: sys.stderr.write("running\n"))
        sys.exit(main())
