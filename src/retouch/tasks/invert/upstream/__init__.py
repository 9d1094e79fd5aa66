"""Read the published files of GANs: NVlabs, rosinality and those derived from it, DCGANs."""

from __future__ import annotations

from retouch.tasks.invert.upstream import dcgan, nvlabs, others, rosinality
from retouch.tasks.invert.upstream.fitting import ARCHITECTURES

LAYOUTS = (*nvlabs.LAYOUTS, *rosinality.LAYOUTS, *dcgan.LAYOUTS, *others.LAYOUTS)
"""The ways in which published files name their tensors."""

__all__ = ["ARCHITECTURES", "LAYOUTS"]
