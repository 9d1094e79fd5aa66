"""Which networks look at pictures while a photo is looked for."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from retouch.features import Features
from retouch.features.finding import find
from retouch.features.lpips import BACKBONE_FILES, HEAD_FILES, SMALLEST, Backbone, Lpips
from retouch.tasks.invert.edit.model import Model
from retouch.tasks.invert.method.objective import Maps, Seers
from retouch.tasks.invert.method.wish import Perceptual
from retouch.tasks.invert.network import DCGANJudge, StyleGAN2Judge
from retouch.weights.fetch import home

LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
"""Whose features are compared: those of LPIPS, but for the deepest, which sees more than a small picture."""

BACKBONES: tuple[Backbone, ...] = ("vgg", "alex")
"""Of LPIPS, in the order in which they are looked for."""


def seers(model: Model, perceptual: Perceptual) -> Seers:
    """Give the networks of which one is asked for, and LPIPS where it is there, which also measures.

    Args:
        model: the generator, whose discriminator may lie beside it.
        perceptual: what is compared beside pixels.

    Returns:
        What is there. "auto" is answered by LPIPS or by the gradient pyramid, which needs no network and was
        seen to do no worse than the features of small ones.

    Raises:
        WeightsError: the network that was asked for is not there, or cannot be read.
    """
    features = judge = None
    if perceptual == "features":
        features = _maps(_network(str(model.device), str(home())))
    if perceptual == "judge" and (found := model.judge()) is not None:
        judge = cast("StyleGAN2Judge | DCGANJudge", found).maps
    return Seers(lpips=_lpips(model, needed=perceptual == "lpips"), features=features, judge=judge)


def _maps(network: Features) -> Maps:
    layers = [name for name in LAYERS if name in network.layers]

    def maps(pictures: Tensor) -> list[Tensor]:
        found = network(_coloured(pictures), layers)
        return [found[name] for name in layers]

    return maps


def _lpips(model: Model, *, needed: bool) -> Callable[[Tensor, Tensor], Tensor] | None:
    if model.side < SMALLEST and not needed:
        return None
    if not needed and not any(_is_there(backbone) for backbone in BACKBONES):
        return None
    network = _measure(str(model.device), str(home()))

    def unlike(pictures: Tensor, targets: Tensor) -> Tensor:
        found: Tensor = network(_coloured(pictures), _coloured(targets.expand_as(pictures)))
        return found

    return unlike


def _coloured(pictures: Tensor) -> Tensor:
    """Bring (N, 1 | 3 | 4, R, R) in [-1, 1] to (N, 3, R, R) in [0, 1]."""
    return pictures[:, :3].expand(-1, 3, -1, -1) * 0.5 + 0.5


def _is_there(backbone: Backbone) -> bool:
    return all((home() / files[backbone].name).is_file() for files in (BACKBONE_FILES, HEAD_FILES))


@functools.lru_cache(maxsize=1)
def _measure(device: str, folder: str) -> Lpips:
    found = Lpips.in_folder(Path(folder), BACKBONES, needed=True)
    return cast("Lpips", found).to(torch.device(device))


@functools.lru_cache(maxsize=1)
def _network(device: str, folder: str) -> Features:
    del folder  # another one may hold another network
    return find("auto", border="reflect", pooling="average").network.to(torch.device(device))
