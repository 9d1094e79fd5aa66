"""A picture whose manner is wanted, at the sizes at which it is looked at."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from retouch.image import Picture
from retouch.image.convert import is_opaque
from retouch.tasks.stylize.edit.painting import resized
from retouch.tasks.stylize.edit.sheet import spread

if TYPE_CHECKING:
    import torch
    from torch import Tensor

LEAST = 32
"""Pixels of the longer side below which a style is not reduced: less has no manner."""


ENLARGED = 2.0
"""How many times a style may be enlarged: more leaves no strokes, less gives too fine ones."""


class StyleSheet:
    """A style.

    Args:
        picture: any. What is transparent in it does not count.
    """

    def __init__(self, picture: Picture) -> None:
        import torch

        pixels = np.clip(picture.pixels, 0, 1)
        alpha = None if is_opaque(picture) else picture.alpha
        self.mask: Tensor | None = None
        if alpha is not None and (alpha > 0).any():
            pixels = spread(pixels, alpha > 0)
            self.mask = torch.from_numpy(alpha.copy())[None, None]
        self.pixels = torch.from_numpy(np.ascontiguousarray(np.moveaxis(pixels, 2, 0)))[None]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.pixels.shape[2], self.pixels.shape[3]

    def at(
        self, longest: float, device: torch.device, *, enlarge: bool = False, most: float = math.inf
    ) -> tuple[Tensor, Tensor | None]:
        """Give the style as it is looked at.

        Args:
            longest: its longer side in pixels.
            device: where to.
            enlarge: it may become more than twice as large as it is.
            most: pixels of what is given; of a larger one only the middle is.

        Returns:
            (1, 3, h, w) in [0, 1], and (1, 1, h, w), what of it counts, or None for all.
        """
        height, width = self.pixels.shape[2:]
        factor = max(longest, LEAST) / max(height, width)
        factor = factor if enlarge else min(factor, ENLARGED)
        part = min(1.0, math.sqrt(most / (height * width)) / factor)
        middle = _middle(height, part), _middle(width, part)
        size = tuple(max(round((each.stop - each.start) * factor), 1) for each in middle)
        mask = None if self.mask is None else resized(self.mask[..., *middle], size).to(device)
        if mask is not None and not bool((mask > 0).any()):
            mask = None
        return resized(self.pixels[..., *middle], size).to(device), mask


def _middle(side: int, part: float) -> slice:
    kept = max(round(side * part), 1)
    return slice((side - kept) // 2, (side - kept) // 2 + kept)
