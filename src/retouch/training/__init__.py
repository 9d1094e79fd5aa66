"""The one training loop: recipes say what a paper says, the engine does the rest."""

from __future__ import annotations

from retouch.training.engine import Outcome, resume, train
from retouch.training.options import changed, flat
from retouch.training.recipe import (
    Batch,
    Data,
    Engine,
    Evaluation,
    Memory,
    Networks,
    NoMemory,
    Optimiser,
    Recipe,
    Turn,
    epochs,
    named,
)

__all__ = [
    "Batch",
    "Data",
    "Engine",
    "Evaluation",
    "Memory",
    "Networks",
    "NoMemory",
    "Optimiser",
    "Outcome",
    "Recipe",
    "Turn",
    "changed",
    "epochs",
    "flat",
    "named",
    "resume",
    "train",
]
