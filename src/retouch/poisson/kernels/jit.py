"""How the kernels are compiled.

The cache knows a kernel by the file it stands in: a kernel must not read a constant of another
file, or call a kernel there, because a change to that file alone would go unnoticed.

Arithmetic is strict (no ``fastmath``): with it a kernel that was just compiled and the same kernel
loaded from the cache differ in the last bit, since its callees are optimised in another module, and
two workers would disagree on a pixel that lies between two levels. It saves no time here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """Compile a kernel to machine code: no interpreter lock, cached on disk."""
    try:
        return _jit(function, cache=True)
    except RuntimeError:
        # neither the package's folder nor the user's cache folder can be written
        return _jit(function, cache=False)


def _jit(function: F, *, cache: bool) -> F:
    jit = numba.njit(nogil=True, cache=cache, error_model="numpy")
    return cast(F, jit(function))
