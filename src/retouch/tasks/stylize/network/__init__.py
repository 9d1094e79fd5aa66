"""Networks of the task: one that paints one style, and decoders that paint from features."""

from __future__ import annotations

from retouch.tasks.stylize.network.decoder import Decoder, Decoders
from retouch.tasks.stylize.network.fast import FastStyle

__all__ = ["Decoder", "Decoders", "FastStyle"]
