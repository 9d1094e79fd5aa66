"""Sketch to picture: pix2pix on pairs that it draws itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from retouch.errors import InputError
from retouch.tasks.translate.method.lines import drawn
from retouch.tasks.translate.recipe import examples
from retouch.tasks.translate.recipe.parts import Pictures
from retouch.tasks.translate.recipe.pix2pix import Pix2Pix
from retouch.training import Batch, Data


@dataclass(frozen=True)
class Sketch(Pix2Pix):
    """Turn line drawings into pictures, learned from pictures alone.

    The lines are drawn anew for every batch, thick and thin, full and sparse, so that the network
    also takes drawings by hand.

    Args:
        pictures: how pictures come to the networks.

    Source: Isola et al. 2017, arXiv:1611.07004, section 4.2 ("edges→photo").
    Departs: lines by XDoG, with random parameters, instead of HED edges.
    """

    name: ClassVar[str] = "sketch"
    summary: ClassVar[str] = "Turn line drawings into pictures; it draws the lines of the pictures itself."
    channels: ClassVar[tuple[int, int]] = (1, 3)

    pictures: Pictures = field(default_factory=Pictures)

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        Pix2Pix.__post_init__(self)
        if self.pictures.direction != "AtoB":
            raise InputError("a sketch recipe goes from lines to picture; leave pictures.direction at AtoB")

    def data(self, source: str) -> Data:
        """Open the pictures."""
        self.check_pictures()
        return examples.alone(source, self.pictures)

    def prepare(self, batch: Batch) -> Batch:
        """Draw lines with a pen of chance."""
        chance = torch.rand(4).tolist()
        lines = drawn(
            batch["image"],
            width=0.6 * 2.5 ** chance[0],
            darkness=0.3 + 0.35 * chance[1],
            sharpness=3.0 * 10.0 ** chance[2],
            contrast=9.0 + 9.0 * chance[3],
        )
        return _pair(lines, batch["image"])

    def ready(self, batch: Batch) -> Batch:
        """Draw lines with the usual pen."""
        return _pair(drawn(batch["image"]), batch["image"])


def _pair(lines: Tensor, picture: Tensor) -> Batch:
    return {"input": lines * 2.0 - 1.0, "target": picture * 2.0 - 1.0}
