"""Training networks that fill holes, and measuring them."""

from __future__ import annotations

from retouch.tasks.inpaint.recipe.lama import Inpaint

RECIPES = (Inpaint,)

__all__ = ["RECIPES", "Inpaint"]
