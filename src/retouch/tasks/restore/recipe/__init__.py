"""Training networks that restore, and measuring them."""

from __future__ import annotations

from retouch.tasks.restore.recipe.adversarial import RestorePix2Pix
from retouch.tasks.restore.recipe.fidelity import Restore

RECIPES = (Restore, RestorePix2Pix)

__all__ = ["RECIPES", "Restore", "RestorePix2Pix"]
