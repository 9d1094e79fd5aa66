"""Holes to fill, drawn at random: what inpainting is trained and measured with.

>>> import numpy as np
>>> from retouch.data import holes
>>> hole = holes.parse("polygon:2,thick(largest=0.5)").draw((256, 256), np.random.default_rng(0))
>>> hole.shape, hole.dtype
((256, 256), dtype('bool'))

What a user can write is said at :func:`parse`. :class:`Holed` adds holes to examples for training
and validation; :func:`freeze`, :func:`write_manifest` and :func:`read_manifest` make and read sets
whose holes never change.
"""

from __future__ import annotations

from retouch.data.holes.examples import Holed
from retouch.data.holes.freezing import freeze
from retouch.data.holes.frozen import Difference, Item, Manifest, digest
from retouch.data.holes.kind import Holes
from retouch.data.holes.manifest import check_target, read_manifest, write_manifest
from retouch.data.holes.mixtures import LARGEST, AtMost, Evenly, Mixture, at_most
from retouch.data.holes.spec import KINDS, NAMES, parse, split

__all__ = [
    "KINDS",
    "LARGEST",
    "NAMES",
    "AtMost",
    "Difference",
    "Evenly",
    "Holed",
    "Holes",
    "Item",
    "Manifest",
    "Mixture",
    "at_most",
    "check_target",
    "digest",
    "freeze",
    "parse",
    "read_manifest",
    "split",
    "write_manifest",
]
