"""Poisson image editing: seamless cloning and its relatives, and the solver under them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from retouch.tasks.blend.edit import blend, fill, flatten, recolor, relight, tile

if TYPE_CHECKING:
    from retouch.tasks.blend.method.poisson import PoissonSolver as PoissonSolver
    from retouch.tasks.blend.method.solve import solve_poisson as solve_poisson

_SOLVER = {
    "PoissonSolver": "retouch.tasks.blend.method.poisson",
    "solve_poisson": "retouch.tasks.blend.method.solve",
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
