"""The process that makes cells, with the made-up verb: ``python -m tests.sweep.worker``."""

from __future__ import annotations

from retouch.sweep import worker
from tests.sweep import made_up

if __name__ == "__main__":
    with made_up.in_catalog():
        worker.main()
