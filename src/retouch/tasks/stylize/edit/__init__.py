"""The verbs of style: paint a photo in a manner, make more of a texture, make a photo anew from features.

Source: Gatys, Ecker, Bethge, "Image Style Transfer Using Convolutional Neural Networks", CVPR 2016;
    "Texture Synthesis Using Convolutional Neural Networks", NIPS 2015, arXiv:1505.07376; Johnson, Alahi,
    Fei-Fei, ECCV 2016, arXiv:1603.08155.
"""

from __future__ import annotations

from retouch.tasks.stylize.edit.painter import Painter
from retouch.tasks.stylize.edit.reconstruct import reconstruct
from retouch.tasks.stylize.edit.repaint import repaint
from retouch.tasks.stylize.edit.stylizer import Stylizer
from retouch.tasks.stylize.edit.texture import texture
from retouch.tasks.stylize.edit.verb import stylize

__all__ = ["Painter", "Stylizer", "reconstruct", "repaint", "stylize", "texture"]
