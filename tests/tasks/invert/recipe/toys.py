"""Small recipes and the pictures they learn from."""

from __future__ import annotations

from typing import Any

from retouch import training
from retouch.tasks.invert.recipe import DCGANRecipe, StyleGAN2Recipe

SOURCE = "synthetic:facades?count=12&size=32"
ENGINE = {
    "images": 24,
    "batch": 4,
    "save_every": 12,
    "validate_every": 24,
    "average": 8.0,
    "log_every": 4,
    "threads": 1,
    "device": "cpu",
    "precision": "float32",
    "tensorboard": False,
}
SMALL: dict[str, Any] = {
    "size": 16,
    "network": {"channels": "8,8,8", "latent": 6, "style": 6, "layers": 2},
    "r1": 0.5,
    "path": 2.0,
    "augment": {"kind": "ada", "pace": 500, "p": 0.5},
}


def stylegan2(**changes: Any) -> StyleGAN2Recipe:
    """A StyleGAN2 of 16 pixels that uses everything there is."""
    return training.changed(StyleGAN2Recipe(), {**SMALL, "engine": ENGINE, **changes})


def dcgan(**changes: Any) -> DCGANRecipe:
    """A DCGAN of 16 pixels."""
    small = {"size": 16, "network": {"width": 4, "latent": 6}, "augment": "color", "engine": ENGINE}
    return training.changed(DCGANRecipe(), {**small, **changes})
