"""Restoration: denoising and super-resolution."""

from __future__ import annotations

from retouch.tasks.restore.edit import Restorer, restore, upscale

__all__ = ["Restorer", "restore", "upscale"]
