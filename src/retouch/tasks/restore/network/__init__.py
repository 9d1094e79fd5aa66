"""Networks that restore pictures: ours, and the published ones that people have files of."""

from __future__ import annotations

from retouch.tasks.restore.network.denoiser import Denoiser, told
from retouch.tasks.restore.network.residual import ResidualBlock
from retouch.tasks.restore.network.upscaler import Upscaler

__all__ = ["Denoiser", "ResidualBlock", "Upscaler", "told"]
