"""Image translation: pix2pix, CycleGAN, colourisation."""

from __future__ import annotations

from retouch.tasks.translate.edit import Translator, translate

__all__ = ["Translator", "translate"]
