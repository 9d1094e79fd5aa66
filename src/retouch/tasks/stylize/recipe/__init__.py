"""Training the networks of the task."""

from __future__ import annotations

from retouch.tasks.stylize.recipe.decode import Decode
from retouch.tasks.stylize.recipe.distil import Distil
from retouch.tasks.stylize.recipe.fast import Paint

RECIPES = (Decode, Distil, Paint)

__all__ = ["RECIPES", "Decode", "Distil", "Paint"]
