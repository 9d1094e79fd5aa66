"""One number between a picture that takes edits well and one that is like the photo."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from retouch.errors import InputError
from retouch.tasks.invert.method.spaces import Name
from retouch.tasks.invert.method.wish import Wish

DEFAULT = 0.6

_PRIORS = (1e-2, 1e-5)
_TOGETHER = (3e-2, 3e-5)
"""Weights of the ends, between which their logarithms go evenly."""

_ALONE = 8e-2
"""Weight of the prior where there is one style, which has to go further for the same likeness."""


@dataclass(frozen=True)
class Opening:
    """How far the search may go.

    Attributes:
        space: p at 0, p+ above.
        prior: as in a wish.
        together: as in a wish.
    """

    space: Name
    prior: float
    together: float

    def applied(self, wish: Wish) -> Wish:
        """Give a wish with these weights."""
        return replace(wish, prior=self.prior, together=self.together)


def opening(fidelity: float) -> Opening:
    """Say what a fidelity means.

    At 0 there is one style in p, held firmly to the training's. Above, each row has a style of its own in
    p+. That they are alike, and like the training's, is worth less and less: by a factor of 1000 up to 1,
    where nothing holds rows together any more.

    Args:
        fidelity: from 0, a picture like the training's, to 1, like the photo.

    Returns:
        The space and the weights.

    Raises:
        InputError: it is not from 0 to 1.
    """
    if not 0.0 <= fidelity <= 1.0:
        raise InputError(
            f"fidelity is {fidelity}; it is from 0, a picture that takes edits well, to 1, like the photo"
        )
    return Opening(
        "p+" if fidelity > 0 else "p",
        _between(_PRIORS, fidelity) if fidelity > 0 else _ALONE,
        _between(_TOGETHER, fidelity) if 0 < fidelity < 1 else 0.0,
    )


def _between(ends: tuple[float, float], part: float) -> float:
    return math.exp((1.0 - part) * math.log(ends[0]) + part * math.log(ends[1]))
