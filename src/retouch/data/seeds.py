"""Random numbers as pure functions of whole numbers, so that nothing depends on who asks first."""

from __future__ import annotations

import numpy as np

_WORD = (1 << 64) - 1


def mixed(*parts: int) -> int:
    """Mix whole numbers into one seed.

    Args:
        parts: any whole numbers; their order counts, negative ones are taken modulo 2⁶⁴.

    Returns:
        A number from 0 to 2⁶⁴ − 1.

    >>> mixed(1, 2) == mixed(1, 2) != mixed(2, 1)
    True
    """
    return int(_sequence(parts).generate_state(1, np.uint64)[0])


def generator(*parts: int) -> np.random.Generator:
    """Make a generator that depends on these numbers and on nothing else.

    Args:
        parts: as for :func:`mixed`.
    """
    return np.random.Generator(np.random.PCG64(_sequence(parts)))


def _sequence(parts: tuple[int, ...]) -> np.random.SeedSequence:
    # SeedSequence cuts each number into as many 32-bit words as it needs: without the length in
    # front, (1, 2) and (1 + 2 · 2³²,) would be the same seed.
    return np.random.SeedSequence([len(parts), *(word for part in parts for word in _words(part & _WORD))])


def _words(value: int) -> tuple[int, int]:
    return value & 0xFFFFFFFF, value >> 32
