"""GAN inversion: photo to latent, edit, and back."""

from __future__ import annotations

from retouch.tasks.invert.edit import Inversion, Inverter, draw, invert, morph, sample, vary

__all__ = ["Inversion", "Inverter", "draw", "invert", "morph", "sample", "vary"]
