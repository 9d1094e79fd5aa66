"""The process that does items of a batch, with the made-up verbs: ``python -m tests.batch.worker``."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from retouch.batch import worker
from tests.cli import made_up


def _happens() -> None:
    """What a test wants to befall the process: it names a file that counts how often it may still."""
    given = made_up.calls[-1]["note"]
    if isinstance(given, str) and given.startswith("say "):
        sys.stdout.write(given.removeprefix("say ") * 700_000 + "\n")
        sys.stdout.flush()
    if isinstance(given, str) and given.startswith("die "):
        left = Path(given.removeprefix("die "))
        times = int(left.read_text())
        if times:
            left.write_text(str(times - 1))
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    made_up.meanwhile.append(_happens)
    with made_up.in_catalog():
        worker.main()
