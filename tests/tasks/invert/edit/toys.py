"""Small random generators, and photos of them."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import torch

from retouch import weights
from retouch.image import Picture
from retouch.tasks.invert.edit.model import Model, as_picture
from retouch.tasks.invert.network import DCGAN, StyleGAN2, StyleGAN2Judge
from retouch.tasks.invert.upstream import ARCHITECTURES
from retouch.weights import JSON, Card, Loaded

SIDE, ROWS, STYLE = 16, 6, 8


def network(seed: int = 0, *, classes: int = 0, colours: int = 3) -> StyleGAN2:
    """A StyleGAN2 of 16 pixels, whose noise can be seen."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = StyleGAN2(
            side=SIDE, channels="8,8,8", latent=8, style=STYLE, layers=2, classes=classes, colours=colours
        )
    for conv in made.synthesis.convolutions():
        torch.nn.init.constant_(conv.noise_strength, 0.1)
    for name, weight in made.synthesis.named_parameters():
        # As it is drawn, most of a picture would be beyond black and white.
        if name.endswith("torgb.weight"):
            weight.data *= 0.2
    return made.requires_grad_(False).eval()


def card(*, classes: int = 0, colours: int = 3, name: str = "toy") -> Card:
    sizes: dict[str, JSON] = {
        "side": SIDE,
        "channels": "8,8,8",
        "latent": 8,
        "style": STYLE,
        "layers": 2,
        "classes": classes,
        "colours": colours,
    }
    return Card(name=name, task="invert", architecture="stylegan2", sizes=sizes)


def saved(folder: Path, seed: int = 0, *, name: str = "toy", judge: bool = False) -> Path:
    """Write a generator, and its discriminator beside it."""
    path = weights.save(folder / f"{name}.safetensors", network(seed), card(name=name))
    if judge:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            seer = StyleGAN2Judge(side=SIDE, channels="8,8,8")
        described = Card(
            name=f"{name}-judge",
            task="invert",
            architecture="stylegan2-judge",
            sizes={"side": SIDE, "channels": "8,8,8"},
        )
        weights.save(folder / f"{name}-judge.safetensors", seer, described)
    return path


def loaded(path: Path) -> Model:
    return Model(weights.load(path, architectures=ARCHITECTURES))


@functools.cache
def model(seed: int = 0, *, classes: int = 0, colours: int = 3) -> Model:
    described = card(classes=classes, colours=colours)
    return Model(Loaded(described, network(seed, classes=classes, colours=colours), Path("toy.safetensors")))


@functools.cache
def dcgan() -> Model:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = DCGAN(side=SIDE, latent=8, width=4)
    for parameter in made.parameters():
        # Of the usual spread, 0.02, nothing but gray would come.
        parameter.data *= 10
    described = Card(
        name="toy-dcgan",
        task="invert",
        architecture="dcgan",
        sizes={"side": SIDE, "latent": 8, "width": 4},
    )
    return Model(Loaded(described, made.eval(), Path("toy-dcgan.safetensors")))


def codes(seed: int = 1, count: int = 1, *, of: Model | None = None) -> torch.Tensor:
    """Rows like those of the training."""
    found = model() if of is None else of
    space = found.space("z" if found.kind == "dcgan" else "p", 0 if found.classes else None)
    return space.rows(space.draw(count, torch.Generator().manual_seed(seed)))


def own(seed: int = 1, *, of: Model | None = None) -> Picture:
    """A picture of the generator itself, without a latent."""
    found = model() if of is None else of
    return as_picture(found.render(codes(seed, of=found)))


def photo(height: int = 40, width: int = 30, *, channels: int = 3, depth: int = 8) -> Picture:
    """A smooth picture of something else."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    planes = [0.5 + 0.4 * np.sin((y * (k + 1) + x * (3 - k)) / 9 + k) for k in range(channels)]
    values = np.stack(planes, 2)
    scale, kind = (65535, np.uint16) if depth == 16 else (255, np.uint8)
    return Picture.of(np.round(values * scale).astype(kind))
