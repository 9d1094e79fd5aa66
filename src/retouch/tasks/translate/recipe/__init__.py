"""The training recipes of image translation."""

from __future__ import annotations

from retouch.tasks.translate.recipe.pix2pix import Pix2Pix
from retouch.tasks.translate.recipe.segmenter import Segmentation
from retouch.tasks.translate.recipe.sketch import Sketch

RECIPES = (Pix2Pix, Sketch, Segmentation)

__all__ = ["RECIPES", "Pix2Pix", "Segmentation", "Sketch"]
