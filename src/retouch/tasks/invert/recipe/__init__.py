"""Recipes of the task: training a StyleGAN2 or a DCGAN on a folder of pictures."""

from __future__ import annotations

from retouch.tasks.invert.recipe.dcgan import DCGANRecipe
from retouch.tasks.invert.recipe.stylegan2 import StyleGAN2Recipe

RECIPES = (StyleGAN2Recipe, DCGANRecipe)

__all__ = ["RECIPES", "DCGANRecipe", "StyleGAN2Recipe"]
