"""Kernels over rows, on as many threads as the machine lends us."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise

from retouch.processes import cores

Kernel = Callable[..., float | None]

SMALLEST_SHARE = 20_000  # values a thread should get: below, waking it costs more than it saves


def over_rows(kernel: Kernel, rows: int, row_values: int, *arguments: object) -> float:
    """Run ``kernel(*arguments, y0, y1)`` over all rows, shared among threads when that pays.

    Args:
        kernel: a compiled kernel whose last two arguments are a range of rows.
        rows: how many rows there are.
        row_values: how many values a row has, all channels together.
        arguments: what the kernel takes before the range.

    Returns:
        The largest of what the kernel returned, 0 when it returns nothing.
    """
    shares = max(1, min(cores(), rows // 2, rows * row_values // SMALLEST_SHARE))
    if shares == 1:
        return kernel(*arguments, 0, rows) or 0.0
    cuts = [rows * i // shares for i in range(shares + 1)]
    others = [_pool().submit(kernel, *arguments, y0, y1) for y0, y1 in pairwise(cuts[1:])]
    results = [kernel(*arguments, cuts[0], cuts[1])] + [other.result() for other in others]
    return max(result or 0.0 for result in results)


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=max(1, cores() - 1), thread_name_prefix="retouch-solver")


if hasattr(os, "register_at_fork"):
    # a forked child has the pool but not its threads, and would wait for them for ever
    os.register_at_fork(after_in_child=_pool.cache_clear)
