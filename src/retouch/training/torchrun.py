"""torchrun without its own report: which processes failed goes into a file for the launcher to read."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

FAILURES = "failures.json"

TICK = 0.2
PATIENCE = 60.0
"""Seconds that torchrun has to end its processes when the launcher has gone."""


def main(words: Sequence[str]) -> int:
    """Start the processes of one attempt and wait for them.

    Args:
        words: the folder of the attempt, the launcher's process id, and torchrun's own words.

    Returns:
        0, or 1 when a process failed or the launcher ended.
    """
    folder, launcher = Path(words[0]), int(words[1])
    threading.Thread(target=_end_with, args=(launcher,), name="retouch-launcher", daemon=True).start()
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import main as torchrun

    logging.disable(logging.CRITICAL)
    try:
        torchrun(list(words[2:]))
    except SignalException:
        return 1
    except ChildFailedError as error:
        found = [
            {"rank": int(rank), "code": failure.exitcode, "time": failure.timestamp}
            for rank, failure in error.failures.items()
        ]
        (folder / FAILURES).write_text(json.dumps(found), encoding="utf-8")
        return 1
    return 0


def _end_with(launcher: int) -> None:
    """End this process, and through torchrun its own, when the launcher ended, however it did."""
    while os.getppid() == launcher:
        time.sleep(TICK)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(PATIENCE)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
