"""Poisson image editing: seamless cloning and its relatives."""

from __future__ import annotations

from retouch.tasks.blend.edit import blend, fill, flatten, recolor, relight, tile

__all__ = ["blend", "fill", "flatten", "recolor", "relight", "tile"]
