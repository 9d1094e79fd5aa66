"""Edges that hang together: hysteresis between two thresholds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from retouch.poisson.kernels.jit import compiled


@compiled
def hysteresis(strength: NDArray[np.float32], low: float, high: float) -> NDArray[np.bool_]:
    """Flag (H, W) pixels of at least ``high``, and those of at least ``low`` that touch a flagged one."""
    height, width = strength.shape
    kept = np.zeros((height, width), np.bool_)
    stack = np.empty(height * width, np.int64)
    waiting = 0
    for y in range(height):
        for x in range(width):
            if strength[y, x] >= high and not kept[y, x]:
                kept[y, x] = True
                stack[waiting] = y * width + x
                waiting += 1
                while waiting > 0:
                    waiting -= 1
                    cy, cx = stack[waiting] // width, stack[waiting] % width
                    for ny in range(max(cy - 1, 0), min(cy + 2, height)):
                        for nx in range(max(cx - 1, 0), min(cx + 2, width)):
                            if strength[ny, nx] >= low and not kept[ny, nx]:
                                kept[ny, nx] = True
                                stack[waiting] = ny * width + nx
                                waiting += 1
    return kept
