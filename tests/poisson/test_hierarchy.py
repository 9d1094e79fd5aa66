"""The coarse operators against the Galerkin product written out as matrices."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from numpy.typing import NDArray

from retouch.poisson.hierarchy import Hierarchy
from tests.poisson import direct, zoo


def interpolation(fine: int, coarse: int) -> scipy.sparse.csr_matrix:
    """One-dimensional linear interpolation from points on even pixels."""
    matrix = np.zeros((fine, coarse))
    for i in range(fine):
        if i % 2:
            matrix[i, i // 2] = matrix[i, i // 2 + 1] = 0.5
        else:
            matrix[i, i // 2] = 1
    return scipy.sparse.csr_matrix(matrix)


def dense(operator: NDArray[np.float32]) -> NDArray[np.float64]:
    """A matrix from a stored operator (couplings, and 1/diagonal)."""
    east, south, falling, rising, inverse = operator.astype(np.float64)
    height, width = inverse.shape[0] - 2, inverse.shape[1] - 2
    matrix = np.zeros((height, width, height, width))
    for y in range(height):
        for x in range(width):
            i = inverse[y + 1, x + 1]
            matrix[y, x, y, x] = 1 / i if i else 0
            for coupling, dy, dx in ((east, 0, 1), (south, 1, 0), (falling, 1, 1), (rising, 1, -1)):
                if y + dy < height and 0 <= x + dx < width:
                    matrix[y, x, y + dy, x + dx] = matrix[y + dy, x + dx, y, x] = -coupling[y + 1, x + 1]
                else:
                    assert coupling[y + 1, x + 1] == 0
    return matrix.reshape(height * width, height * width)


@pytest.mark.parametrize("name", zoo.MASKS)
@pytest.mark.parametrize("shape", [(30, 30), (21, 29), (16, 9)])
def test_every_grid_is_the_galerkin_product_of_the_one_above(name: str, shape: tuple[int, int]) -> None:
    mask = zoo.MASKS[name](30)[: shape[0], : shape[1]]
    hierarchy = Hierarchy(mask)
    spread = scipy.sparse.csr_matrix(
        (np.ones(mask.sum()), (np.flatnonzero(mask), np.arange(mask.sum()))), shape=(mask.size, mask.sum())
    )
    matrix = (spread @ direct.matrix_of(mask) @ spread.T).toarray()
    height, width = shape
    for operator in hierarchy.operators:
        h, w = operator.shape[1] - 2, operator.shape[2] - 2
        p = scipy.sparse.kron(interpolation(height, h), interpolation(width, w)).toarray()
        p[np.diag(matrix) == 0] = 0
        matrix = p.T @ matrix @ p
        assert np.allclose(dense(operator), matrix, atol=1e-5 * np.abs(matrix).max())
        height, width = h, w
    assert max(height, width) <= 4
    # an inverse up to what the operator does not see: constants, and points without unknowns
    assert np.allclose(matrix @ hierarchy.coarsest @ matrix, matrix, atol=1e-3 * np.abs(matrix).max())
