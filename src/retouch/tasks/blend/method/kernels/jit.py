"""How the kernels are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., object])

_FAST = {"contract", "nsz", "arcp", "nnan", "reassoc"}


def compiled(function: F) -> F:
    """Compile a kernel to machine code: no interpreter lock, cached on disk, fused arithmetic."""
    options = {"nogil": True, "fastmath": _FAST, "error_model": "numpy"}
    try:
        return cast(F, numba.njit(cache=True, **options)(function))
    except RuntimeError:
        # neither the package's folder nor the user's cache folder can be written
        return cast(F, numba.njit(**options)(function))
