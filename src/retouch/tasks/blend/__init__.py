"""Poisson image editing: seamless cloning and its relatives, and the solver under them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from retouch.tasks.blend.edit import blend, fill, flatten, recolor, relight, tile

if TYPE_CHECKING:
    from retouch.poisson.solve import solve_poisson as solve_poisson
    from retouch.poisson.solver import PoissonSolver as PoissonSolver

_SOLVER = {
    "PoissonSolver": "retouch.poisson.solver",
    "solve_poisson": "retouch.poisson.solve",
}

__all__ = ["PoissonSolver", "blend", "fill", "flatten", "recolor", "relight", "solve_poisson", "tile"]


def __getattr__(name: str) -> object:
    """Load the solver, and numba with it, when it is first asked for: ``--help`` needs neither."""
    if name not in _SOLVER:
        raise AttributeError(
            f"module 'retouch.tasks.blend' has no attribute {name!r}; it has {', '.join(__all__)}"
        )
    value = getattr(importlib.import_module(_SOLVER[name]), name)
    globals()[name] = value
    return value
