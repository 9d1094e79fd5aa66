"""Tensors to one scalar: adversarial losses and their penalties, feature matching, DiffAugment."""

from __future__ import annotations

from retouch.losses.adversarial import (
    Adversarial,
    deceiving,
    feature_matching,
    gradient_penalty,
    judging,
    r1_penalty,
)
from retouch.losses.diffaugment import augmented

__all__ = [
    "Adversarial",
    "augmented",
    "deceiving",
    "feature_matching",
    "gradient_penalty",
    "judging",
    "r1_penalty",
]
