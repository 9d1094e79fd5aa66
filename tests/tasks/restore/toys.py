"""Small networks with lively random weights, and their files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from retouch.image import samples
from retouch.tasks.restore import Restorer
from retouch.tasks.restore.network import Denoiser, Upscaler
from retouch.weights import Card, Loaded, save

UPSCALER: dict[str, Any] = {"width": 6, "blocks": 2, "scale": 4}
DENOISER: dict[str, Any] = {"width": 6, "deep": 8, "blocks": 1}


def lively(network: nn.Module, seed: int = 3) -> nn.Module:
    """Give a network weights by which far pixels show."""
    generator = torch.Generator().manual_seed(seed)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, 0.0, (1 / layer.weight[0].numel()) ** 0.5, generator=generator)
            if layer.bias is not None:
                nn.init.normal_(layer.bias, 0.0, 0.05, generator=generator)
    return network.eval()


def card(architecture: str, **changes: Any) -> Card:
    """The card of a network of ours."""
    up = architecture == "upscaler"
    known: dict[str, Any] = {
        "name": f"toy {architecture}",
        "task": "restore",
        "architecture": architecture,
        "sizes": UPSCALER if up else DENOISER,
        "value_range": (0.0, 1.0),
        "multiple": 1 if up else 8,
        "scale": 4 if up else 1,
    }
    return Card(**{**known, **changes})


def upscaler(**sizes: Any) -> Loaded:
    """One that enlarges."""
    sizes = {**UPSCALER, **sizes}
    return Loaded(
        card("upscaler", sizes=sizes, scale=sizes["scale"]), lively(Upscaler(**sizes)), Path("up.safetensors")
    )


def denoiser(**settings: Any) -> Loaded:
    """One that cleans."""
    return Loaded(card("denoiser", settings=settings), lively(Denoiser(**DENOISER)), Path("dn.safetensors"))


def saved(folder: Path, loaded: Loaded) -> Path:
    """One of them as a file."""
    return save(folder / loaded.path.name, loaded.network, loaded.card)


class Blur(nn.Module):
    """A network for gray that takes means over 3 × 3 pixels, in its own value range."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 3, padding=1, bias=False)
        nn.init.constant_(self.conv.weight, 1 / 9)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.conv(x)
        return found


def blur(value_range: tuple[float, float] = (0.0, 1.0), **settings: Any) -> Restorer:
    """The blur, ready."""
    described = card(
        "dncnn",
        name="toy blur",
        sizes={"channels": 1},
        multiple=1,
        value_range=value_range,
        settings=settings,
    )
    return Restorer(Loaded(described, Blur().eval(), Path()))


def photo(height: int = 20, width: int = 27, channels: int = 3, kind: str = "uint8") -> np.ndarray[Any, Any]:
    """Colours over the whole range, as an array that Picture.of takes."""
    values = np.random.default_rng(height * width).random((height, width, channels))
    if kind == "float32":
        return values.astype(np.float32)
    largest = {"uint8": 255, "uint16": 65535}[kind]
    return np.rint(values * largest).astype(kind)


def noisy(level: float, size: tuple[int, int] = (60, 80)) -> np.ndarray[Any, Any]:
    """A part of a photo with noise, 8 bit."""
    clean = samples.open("coffee").pixels[: size[0], : size[1]]
    noise = np.random.default_rng(5).normal(0, level / 255, clean.shape)
    return np.rint(np.clip(clean + noise, 0, 1) * 255).astype(np.uint8)
