"""A tiny StyleGAN2 and a tiny DCGAN as weights files, and what the verbs made of them is cut from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from retouch.image import Picture
from retouch.tasks.invert.edit.latent import Latent
from retouch.tasks.invert.edit.model import Model
from retouch.tasks.invert.network import DCGAN, StyleGAN2
from retouch.weights import Card, save

SIDE = 16


def stylegan2(folder: Path, seed: int = 0, classes: int = 0) -> str:
    """Write a StyleGAN2 of 16 pixels whose noise can be seen.

    Returns:
        Its path.
    """
    sizes: dict[str, Any] = {
        "side": SIDE,
        "channels": "8,8,8",
        "latent": 8,
        "style": 8,
        "layers": 2,
        "classes": classes,
    }
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = StyleGAN2(**sizes)
        with torch.no_grad():
            for conv in network.synthesis.convolutions():
                conv.noise_strength.fill_(0.2)
            network.mapping.w_avg.copy_(torch.randn(8))
    card = Card(name=f"tiny-{seed}", task="invert", architecture="stylegan2", sizes={**sizes})
    return str(save(folder / f"tiny-{seed}-{classes}.safetensors", network, card))


def dcgan(folder: Path) -> str:
    """Write a DCGAN of 16 pixels; gives its path."""
    sizes: dict[str, Any] = {"side": SIDE, "latent": 6, "width": 4}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = DCGAN(**sizes)
    card = Card(name="tiny-dcgan", task="invert", architecture="dcgan", sizes={**sizes})
    return str(save(folder / "dcgan.safetensors", network, card))


def cells(sheet: Picture) -> list[NDArray[np.float32]]:
    """Cut a sheet into its pictures, row by row."""
    rows, columns = sheet.height // SIDE, sheet.width // SIDE
    return [
        sheet.pixels[row * SIDE : (row + 1) * SIDE, column * SIDE : (column + 1) * SIDE]
        for row in range(rows)
        for column in range(columns)
    ]


def shown(latent: Latent, model: str) -> NDArray[np.float32]:
    """The picture of a latent, unrounded."""
    return latent.picture(Model.load(model)).pixels
