"""The training recipes of image translation."""

from __future__ import annotations

from retouch.tasks.translate.recipe.colourise import Colourise
from retouch.tasks.translate.recipe.cyclegan import CycleGAN
from retouch.tasks.translate.recipe.pix2pix import Pix2Pix
from retouch.tasks.translate.recipe.segmenter import Segmentation
from retouch.tasks.translate.recipe.sketch import Sketch

RECIPES = (Pix2Pix, CycleGAN, Colourise, Sketch, Segmentation)
"""In the order in which they are listed."""

__all__ = ["RECIPES", "Colourise", "CycleGAN", "Pix2Pix", "Segmentation", "Sketch"]
