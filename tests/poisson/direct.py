"""The Poisson equation the slow way: every equation written out, solved directly in float64."""

from __future__ import annotations

from typing import Literal

import numpy as np
import scipy.sparse
import scipy.sparse.linalg
from numpy.typing import NDArray

Planes = NDArray[np.float64]
Flags = NDArray[np.bool_]


def matrix_of(mask: Flags) -> scipy.sparse.csc_matrix:
    """The equations' matrix, unknowns in the order of ``mask.ravel()``."""
    height, width = mask.shape
    number = np.full(mask.shape, -1)
    number[mask] = np.arange(mask.sum())
    degree = np.zeros(mask.shape)
    rows, columns = [], []
    for dy, dx in ((0, 1), (1, 0)):
        p = (slice(0, height - dy), slice(0, width - dx))
        q = (slice(dy, height), slice(dx, width))
        degree[p] += 1
        degree[q] += 1
        both = mask[p] & mask[q]
        rows += [number[p][both], number[q][both]]
        columns += [number[q][both], number[p][both]]
    i, j = np.concatenate(rows), np.concatenate(columns)
    n = int(mask.sum())
    entries = np.concatenate([degree[mask], -np.ones(len(i))])
    indices = np.concatenate([np.arange(n), i]), np.concatenate([np.arange(n), j])
    return scipy.sparse.csc_matrix((entries, indices), shape=(n, n))


def solve(mask: Flags, b: Planes) -> Planes:
    """u with A u = b on the mask, 0 elsewhere; b is (H, W). On a whole picture, the u with mean 0."""
    u = np.zeros(mask.shape)
    if mask.all():
        # free by a constant: hold the first pixel at 0, drop its equation, and shift afterwards
        u.flat[1:] = scipy.sparse.linalg.splu(matrix_of(mask)[1:, 1:]).solve(b.ravel()[1:])
        u -= u.mean()
        return u
    u[mask] = scipy.sparse.linalg.splu(matrix_of(mask)).solve(b[mask])
    return u


def clone(
    source: Planes, target: Planes, mask: Flags, gradients: Literal["source", "mixed"] = "source"
) -> Planes:
    """Pérez et al. 2003, equation 7, pixel by pixel and neighbour by neighbour; planes (H, W)."""
    height, width = mask.shape
    b = np.zeros(mask.shape)
    for y, x in zip(*np.nonzero(mask), strict=True):
        for qy, qx in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if not (0 <= qy < height and 0 <= qx < width):
                continue
            v = source[y, x] - source[qy, qx]
            other = target[y, x] - target[qy, qx]
            if gradients == "mixed" and abs(other) > abs(v):
                v = other
            b[y, x] += v + (0.0 if mask[qy, qx] else target[qy, qx])
    return np.where(mask, solve(mask, b), target)
