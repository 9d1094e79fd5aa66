"""Ways of filling whose figures can be written down, and a short way to measure them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from retouch.tasks.inpaint.recipe.comparison import Comparison
from retouch.tasks.inpaint.recipe.evaluating import evaluate_inpainting
from retouch.tasks.inpaint.recipe.fillers import Filler


def flat(level: int, name: str = "") -> Filler:
    """Fills with one gray level of 8 bits."""
    return Filler(name or f"gray {level}", lambda picture, hole: torch.full_like(picture, level / 255))


class Watching:
    """Fills with gray, and remembers what it was shown."""

    def __init__(self, name: str = "watching") -> None:
        self.shown: list[tuple[Tensor, Tensor]] = []
        self.filler = Filler(name, self)

    def __call__(self, picture: Tensor, hole: Tensor) -> Tensor:
        self.shown.append((picture.clone(), hole.clone()))
        return torch.full_like(picture, 0.5)


def measured(source: Path, *methods: Filler, **options: object) -> Comparison:
    usual: dict[str, object] = {"split": "all", "baselines": (), "size": 32, "holes": ["square"]}
    return evaluate_inpainting(methods, source, **(usual | options))  # type: ignore[arg-type]


def pictures_in(folder: Path) -> Iterator[tuple[str, Tensor]]:
    """What the pictures of 40×32 look like at 32×32: their middle."""
    for path in sorted(folder.iterdir()):
        samples = np.asarray(Image.open(path), np.float32)[:, 4:36] / 255
        yield path.stem, torch.from_numpy(samples.copy()).permute(2, 0, 1)
