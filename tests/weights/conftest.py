from __future__ import annotations

import time
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def quick_and_small() -> Iterator[None]:
    """No file, not even an attack, may take long or much memory."""
    resource = pytest.importorskip("resource")
    started, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400 << 10  # KiB
    assert time.process_time() - started < 15
