"""Degradations: what spoils the pictures that a network learns to restore, seeded and composable."""

from __future__ import annotations

from retouch.data.degradations.degradation import Chain, Degradation, Spoiled
from retouch.data.degradations.examples import Degraded
from retouch.data.degradations.folder import degrade, random_for
from retouch.data.degradations.spec import KINDS, parse

__all__ = ["KINDS", "Chain", "Degradation", "Degraded", "Spoiled", "degrade", "parse", "random_for"]
