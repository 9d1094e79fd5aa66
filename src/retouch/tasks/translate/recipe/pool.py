"""A pool of past pictures, so that a discriminator does not forget what it has seen."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class ImagePool:
    """Remember made pictures and hand out old ones in place of new.

    Until it is full it keeps what it is given. Then each picture is, with even chances, handed back
    as it is, or kept in the place of an old one, which is handed out.

    Args:
        size: how many pictures it holds; 0 hands back what it is given.

    Source: Shrivastava et al. 2017, arXiv:1612.07828, section 2.3; Zhu et al. 2017, arXiv:1703.10593,
        section 4 (50 pictures).
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.pictures: list[Tensor] = []

    def swapped(self, made: Tensor) -> Tensor:
        """Give pictures to judge for the ones just made.

        Args:
            made: ``(B, C, H, W)``, without gradients.

        Returns:
            ``(B, C, H, W)``, each picture new or old. Chance comes from torch's CPU generator.
        """
        if not self.size:
            return made
        given = []
        for picture in made:
            if len(self.pictures) < self.size:
                self.pictures.append(picture.clone())
                given.append(picture)
            elif torch.rand(()).item() < 0.5:
                place = int(torch.randint(self.size, ()).item())
                given.append(self.pictures[place].to(made.device))
                self.pictures[place] = picture.clone()
            else:
                given.append(picture)
        return torch.stack(given)

    def state_dict(self) -> dict[str, Any]:
        """Give the pictures."""
        return {"pictures": [picture.cpu() for picture in self.pictures]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take pictures back; they move to the device of the next one that is made."""
        self.pictures = list(state["pictures"])
