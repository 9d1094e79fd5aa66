"""Networks as files for other runtimes: ONNX, and OpenVINO in 8 bits."""

from __future__ import annotations

from retouch.export.eight_bits import Quantised, quantise
from retouch.export.families import FAMILIES, REFUSED
from retouch.export.latents import Latent
from retouch.export.quality import Quality
from retouch.export.trying import TOLERANCE, Difference
from retouch.export.writing import Exported, export

__all__ = [
    "FAMILIES",
    "REFUSED",
    "TOLERANCE",
    "Difference",
    "Exported",
    "Latent",
    "Quality",
    "Quantised",
    "export",
    "quantise",
]
