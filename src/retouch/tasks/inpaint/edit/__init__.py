"""The inpaint verb: what is in the way taken out of a photo.

Source: Suvorov et al. 2021, "Resolution-robust Large Mask Inpainting with Fourier Convolutions",
    arXiv:2109.07161.
"""

from __future__ import annotations

from retouch.tasks.inpaint.edit.inpainter import Inpainter
from retouch.tasks.inpaint.edit.verb import inpaint

__all__ = ["Inpainter", "inpaint"]
