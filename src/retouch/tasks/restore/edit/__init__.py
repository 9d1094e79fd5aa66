"""The verbs of restoration: noise taken out of a photo, and a photo enlarged."""

from __future__ import annotations

from retouch.tasks.restore.edit.restorer import Restorer
from retouch.tasks.restore.edit.verbs import restore, upscale

__all__ = ["Restorer", "restore", "upscale"]
