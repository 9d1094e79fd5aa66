"""Training networks that restore, and measuring them."""

from __future__ import annotations

from retouch.tasks.restore.recipe.fidelity import Restore

RECIPES = (Restore,)

__all__ = ["RECIPES", "Restore"]
