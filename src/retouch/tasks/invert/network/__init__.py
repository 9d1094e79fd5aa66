"""Networks of the task: StyleGAN2 and DCGAN, generators and discriminators, and an encoder."""

from __future__ import annotations

from retouch.tasks.invert.network.dcgan import DCGAN, DCGANJudge
from retouch.tasks.invert.network.encoder import StyleGAN2Encoder
from retouch.tasks.invert.network.judge import StyleGAN2Judge
from retouch.tasks.invert.network.stylegan2 import Design, Mapping, NoiseMode, StyleGAN2, Synthesis

__all__ = [
    "DCGAN",
    "DCGANJudge",
    "Design",
    "Mapping",
    "NoiseMode",
    "StyleGAN2",
    "StyleGAN2Encoder",
    "StyleGAN2Judge",
    "Synthesis",
]
