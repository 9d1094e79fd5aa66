"""LaMa's networks, in the paper's order."""

from __future__ import annotations

from retouch.tasks.inpaint.network.discriminator import DiscriminatorNorm, PatchDiscriminator
from retouch.tasks.inpaint.network.fourier import FFC, Edges, FourierUnit, Local, SpectralTransform
from retouch.tasks.inpaint.network.generator import FFCGenerator

__all__ = [
    "FFC",
    "DiscriminatorNorm",
    "Edges",
    "FFCGenerator",
    "FourierUnit",
    "Local",
    "PatchDiscriminator",
    "SpectralTransform",
]
