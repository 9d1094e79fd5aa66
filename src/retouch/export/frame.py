"""A picture of any size brought to one that a network takes, and its result cut back, inside the graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor


@dataclass(frozen=True)
class Frame:
    """How a picture is continued by its mirror image, and what is made of it is cut.

    Sizes are read from the tensors and computed with, so that a traced graph takes any.

    Args:
        multiple: height and width become multiples of it.
        least: and no smaller than this.
        centred: the picture goes on at all four sides, alike on opposite ones; else on the right and below.
        scale: new pixels per old one, along a side, of what is made.
    """

    multiple: int = 1
    least: int = 1
    centred: bool = True
    scale: int = 1

    def around(self, pictures: Tensor) -> Tensor:
        """Continue ``(B, C, H, W)``; a picture smaller than its frame is mirrored again and again."""
        if self.multiple == self.least == 1:
            return pictures
        for axis in (2, 3):
            side = pictures.shape[axis]
            wanted = self._wanted(side)
            pictures = pictures.index_select(axis, mirrored(side, self._before(side), wanted))
        return pictures

    def inside(self, made: Tensor, pictures: Tensor) -> Tensor:
        """Cut what was made.

        Args:
            made: ``(B, C', scale · H', scale · W')``, of continued pictures.
            pictures: ``(B, C, H, W)``, as they were before.

        Returns:
            ``(B, C', scale · H, scale · W)``.
        """
        if self.multiple == self.least == 1:
            return made
        height, width = pictures.shape[2:]
        top, left = self._before(height) * self.scale, self._before(width) * self.scale
        return made[:, :, top : top + height * self.scale, left : left + width * self.scale]

    def _wanted(self, side: int) -> int:
        least = -(-self.least // self.multiple) * self.multiple
        return cast("int", torch.sym_max((side + self.multiple - 1) // self.multiple * self.multiple, least))

    def _before(self, side: int) -> int:
        return (self._wanted(side) - side) // 2 if self.centred else 0


def mirrored(side: int, before: int, wanted: int) -> Tensor:
    """Number the rows of a picture that goes on as its mirror image, the outermost row not repeated.

    Args:
        side: rows there are.
        before: rows added before the first.
        wanted: rows in all.

    Returns:
        ``(wanted,)`` indices from 0 to side − 1.
    """
    period = cast("int", 2 * (torch.sym_max(side, 2) - 1))
    places = torch.arange(wanted) - before
    # Not %: the exporter has no remainder by a size that is not known yet.
    places = places - torch.div(places, period, rounding_mode="floor") * period
    return torch.minimum(places, period - places).clamp_max(side - 1)
