"""Networks of the task: StyleGAN2 and DCGAN, generators and discriminators."""

from __future__ import annotations

from retouch.tasks.invert.network.dcgan import DCGAN, DCGANJudge
from retouch.tasks.invert.network.judge import StyleGAN2Judge
from retouch.tasks.invert.network.stylegan2 import Design, Mapping, NoiseMode, StyleGAN2, Synthesis

__all__ = [
    "DCGAN",
    "DCGANJudge",
    "Design",
    "Mapping",
    "NoiseMode",
    "StyleGAN2",
    "StyleGAN2Judge",
    "Synthesis",
]
