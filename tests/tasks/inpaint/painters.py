"""Networks for tests of the edit: one with random weights, and some whose results are known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from retouch.tasks.inpaint import Inpainter
from retouch.tasks.inpaint.network import FFCGenerator
from retouch.weights import Card, Loaded

SIZES: dict[str, Any] = {"width": 4, "blocks": 1}


def card(**changes: Any) -> Card:
    """The card of a small generator."""
    known: dict[str, Any] = {
        "name": "tiny",
        "task": "inpaint",
        "architecture": "lama",
        "sizes": SIZES,
        "value_range": (0.0, 1.0),
        "multiple": 8,
        "settings": {"trained_size": 256},
    }
    return Card(**{**known, **changes})


def network() -> FFCGenerator:
    """A small generator with lively random weights."""
    made = FFCGenerator(**SIZES)
    generator = torch.Generator().manual_seed(3)
    for module in made.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, (2 / module.weight[0].numel()) ** 0.5, generator=generator)
            if module.bias is not None:
                nn.init.normal_(module.bias, 0.0, 0.2, generator=generator)
    return made.eval()


class Painter(nn.Module):
    """A network that calls a function, and remembers the sizes and the last picture that it was given."""

    def __init__(self, paint: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))
        self.paint = paint
        self.sizes: list[tuple[int, int]] = []
        self.last = torch.empty(0)

    def forward(self, x: Tensor) -> Tensor:
        self.sizes.append((x.shape[2], x.shape[3]))
        self.last = x.clone()
        return self.paint(x)


def inpainter(made: nn.Module | None = None, **changes: Any) -> Inpainter:
    """A network, ready to fill."""
    return Inpainter(Loaded(card(**changes), network() if made is None else made, Path()))
