"""Processes of our own: how many cores there are for them, and what they inherit."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
"""What libraries ask for the threads that they may use."""


def cores() -> int:
    """How many cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def environment(threads: int | None = None, *, without: Collection[str] = ()) -> dict[str, str]:
    """Make the environment of a process of ours: this one's, with this very package.

    Args:
        threads: its share of the cores; somebody's smaller wish stays. None leaves all as it is.
        without: names that it must not know.
    """
    # Absolute, as the process may be in another folder.
    given = [
        str(Path(each).absolute()) for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each
    ]
    path = os.pathsep.join([str(Path(__file__).absolute().parents[1]), *given])
    ours = {name: value for name, value in os.environ.items() if name not in without}
    shares = {} if threads is None else {name: _share(os.environ.get(name, ""), threads) for name in THREADS}
    return {**ours, **shares, "PYTHONPATH": path, "PYTHONUTF8": "1"}


def _share(wish: str, threads: int) -> str:
    return str(min(threads, int(wish)) if wish.isdecimal() and int(wish) else threads)
