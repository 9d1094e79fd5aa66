"""Weights files: cards, the registry, safe reading, detection. The only place that opens a checkpoint."""

from __future__ import annotations

from retouch.weights.architecture import Architecture, Layout
from retouch.weights.card import JSON, Card
from retouch.weights.load import Loaded, load
from retouch.weights.read import Contents, read
from retouch.weights.save import save, save_torch

__all__ = [
    "JSON",
    "Architecture",
    "Card",
    "Contents",
    "Layout",
    "Loaded",
    "load",
    "read",
    "save",
    "save_torch",
]
