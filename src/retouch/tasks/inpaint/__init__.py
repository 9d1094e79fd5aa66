"""Inpainting: a hole in a photo filled with what could be behind it."""

from __future__ import annotations

from retouch.tasks.inpaint.edit import Inpainter, inpaint

__all__ = ["Inpainter", "inpaint"]
