"""Neural style: content reconstruction, texture synthesis, style transfer."""

from __future__ import annotations

from retouch.tasks.stylize.edit import Painter, Stylizer, reconstruct, repaint, stylize, texture

__all__ = ["Painter", "Stylizer", "reconstruct", "repaint", "stylize", "texture"]
