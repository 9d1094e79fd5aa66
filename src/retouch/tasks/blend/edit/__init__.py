"""The blend verbs: Poisson image editing on photographs.

Source: P. Pérez, M. Gangnet, A. Blake, "Poisson Image Editing", ACM SIGGRAPH 2003.
"""

from __future__ import annotations

from retouch.tasks.blend.edit.clone import blend
from retouch.tasks.blend.edit.gradients import flatten, relight
from retouch.tasks.blend.edit.surroundings import fill, recolor, tile

__all__ = ["blend", "fill", "flatten", "recolor", "relight", "tile"]
