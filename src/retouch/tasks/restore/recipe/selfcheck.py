"""The row that comes first: a figure that is known beforehand, so that a wrong protocol is noticed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor

from retouch.metrics import psnr
from retouch.tasks.restore.recipe.cases import Case, Given, Pair, Spoilt
from retouch.tasks.restore.recipe.protocol import Protocol
from retouch.tasks.restore.recipe.testset import TestSet

PUBLISHED = {("Set5", 2): 33.66, ("Set5", 3): 30.39, ("Set5", 4): 28.42}
"""PSNR of bicubic enlargement in dB, Y in 16-235, crop = scale: the first row of the papers' tables."""

TOLERANCE = 0.02
"""In dB; the papers' own rows differ by less."""


@dataclass(frozen=True, slots=True)
class Check:
    """What the self-check of a case found.

    Args:
        case: which one.
        what: what was measured.
        value: in dB.
        expected: what it must be; None when nothing is known about it.
        tolerance: by how much it may be off.
        why: where the expectation comes from, or why there is none.
    """

    case: str
    what: str
    value: float
    expected: float | None
    tolerance: float
    why: str

    @property
    def agrees(self) -> bool | None:
        """Whether it is what it must be; None when nothing is known about that."""
        if self.expected is None:
            return None
        return abs(self.value - self.expected) <= self.tolerance

    def __str__(self) -> str:
        """One line."""
        found = f"self-check: {self.what} {self.value:.2f} dB"
        if self.expected is None:
            return f"{found}; {self.why}"
        if self.agrees:
            return f"{found}, {self.why} {self.expected:.2f}: agrees"
        return (
            f"{found}, {self.why} {self.expected:.2f}: WARNING, off by {self.value - self.expected:+.2f} dB; "
            "figures below do not compare with published ones"
        )


def check_enlarged(case: Case, pictures: TestSet, protocol: Protocol, value: float) -> Check:
    """Compare the bicubic row with the papers'.

    Args:
        case: what was to be enlarged.
        pictures: the true ones.
        protocol: what was compared.
        value: the PSNR of the bicubic row.
    """
    as_papers = isinstance(case, Given) or (
        isinstance(case, Spoilt) and case.name == f"bicubic({case.scale})"
    )
    expected = PUBLISHED.get((pictures.known, case.scale))
    if expected is None:
        why = (
            "nothing is published for these pictures"
            if not pictures.known
            else (f"nothing is known for {pictures.known} at ×{case.scale}")
        )
    elif not as_papers:
        expected, why = None, f"published figures are of bicubic({case.scale})"
    elif not protocol.published or protocol.crop != case.scale:
        expected, why = None, f"published figures are of Y in 16-235 of 255, crop {case.scale}, 8-bit results"
    else:
        why = "published"
    return Check(case.name, "bicubic", value, expected, TOLERANCE, why)


def check_inputs(case: Given, made_here: Iterable[tuple[Tensor, Tensor]]) -> Check:
    """Compare given inputs with those that we would make of the true pictures.

    Args:
        case: the given ones.
        made_here: given and ours, (C, h, w).
    """
    values = [float(psnr(given[None], ours[None])) for given, ours in made_here]
    worst = min(values)
    what = f"given inputs beside bicubic({case.scale}) of the true pictures, the worst of {len(values)},"
    why = "they are MATLAB's" if worst >= 50 else "they were made in another way: below 50 dB"
    return Check(case.name, what, worst, None, 0.0, why)


def check_noise(case: Case, pairs: Iterable[Pair]) -> Check | None:
    """Compare the noise in the inputs with what was asked for.

    Args:
        case: the degradations.
        pairs: inputs and true pictures.

    Returns:
        None unless all that happens to the pictures is noise of known strength.
    """
    if not (isinstance(case, Spoilt) and case.additive):
        return None
    found, expected, fewest = [], [], math.inf
    for pair in pairs:
        if pair.sigma is None:
            return None
        found.append(-10 * math.log10(float((pair.spoiled - pair.true).double().square().mean())))
        expected.append(20 * math.log10(255 / pair.sigma))
        fewest = min(fewest, pair.true.numel())
    # The mean square of N normal numbers has a relative deviation of √(2 / N).
    chance = 3 * 10 / math.log(10) * math.sqrt(2 / fewest)
    return Check(
        case.name,
        "noisy input, all channels,",
        sum(found) / len(found),
        sum(expected) / len(expected),
        TOLERANCE + chance,
        "by theory 20·log₁₀(255/σ) =",
    )
