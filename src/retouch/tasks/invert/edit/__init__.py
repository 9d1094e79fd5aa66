"""The verbs of GAN inversion: find the latent of a photo, walk from one to another, vary it, draw new ones.

Source: Abdal, Qin, Wonka, "Image2StyleGAN", ICCV 2019, arXiv:1904.03189; Karras et al., "Analyzing and
    Improving the Image Quality of StyleGAN", CVPR 2020, arXiv:1912.04958, appendix D; Zhu et al., "Improved
    StyleGAN Embedding: Where are the Good Latents?", 2020, arXiv:2012.09036.
"""

from __future__ import annotations

from retouch.tasks.invert.edit.draw import draw
from retouch.tasks.invert.edit.inverter import Inversion, Inverter
from retouch.tasks.invert.edit.morph import morph
from retouch.tasks.invert.edit.sample import sample
from retouch.tasks.invert.edit.vary import vary
from retouch.tasks.invert.edit.verb import invert

__all__ = ["Inversion", "Inverter", "draw", "invert", "morph", "sample", "vary"]
