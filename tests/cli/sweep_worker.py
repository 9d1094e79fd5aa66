"""The process that makes a sweep's cells, with the made-up verbs: ``python -m tests.cli.sweep_worker``."""

from __future__ import annotations

from retouch.sweep import worker
from tests.cli import made_up

if __name__ == "__main__":
    with made_up.in_catalog():
        worker.main()
