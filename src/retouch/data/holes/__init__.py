"""Holes to fill, drawn at random: what inpainting is trained and measured with.

>>> import numpy as np
>>> from retouch.data import holes
>>> hole = holes.parse("polygon:2,thick(largest=0.5)").draw((256, 256), np.random.default_rng(0))
>>> hole.shape, hole.dtype
((256, 256), dtype('bool'))
"""

from __future__ import annotations

from retouch.data.holes.examples import Holed
from retouch.data.holes.kind import Holes
from retouch.data.holes.mixtures import LARGEST, AtMost, Evenly, Mixture
from retouch.data.holes.spec import KINDS, NAMES, parse

__all__ = ["KINDS", "LARGEST", "NAMES", "AtMost", "Evenly", "Holed", "Holes", "Mixture", "parse"]
