"""One network over one picture: which pieces, how much memory, who is told, and when to try with less."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from retouch.errors import InputError
from retouch.image.picture import MAX_PIXELS
from retouch.nn import memory
from retouch.progress import ProgressCallback
from retouch.tasks.restore.method import tiles
from retouch.tasks.restore.method.tiles import Tiling

if TYPE_CHECKING:
    from retouch.tasks.restore.method.forward import Forward

Made = TypeVar("Made")
Size = tuple[int, int]

LEAST = 4096
"""Pixels of the smallest piece, with what is seen around it, that is worth trying."""


@dataclass(frozen=True)
class Pieces:
    """How a person wants a picture to be cut up.

    Args:
        tile: side of the pieces, 0 for the whole at once; None to go by the memory.
        budget: megapixels that are computed at once at most; None to go by the free memory.

    Raises:
        InputError: a number is out of range, or both are given.
    """

    tile: int | None = None
    budget: float | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.tile is not None and (
            isinstance(self.tile, bool) or not isinstance(self.tile, int) or self.tile < 0
        ):
            raise InputError(
                f"tile={self.tile!r}; pass the side of the pieces in pixels, or 0 for the whole at once"
            )
        least = LEAST / 1e6
        if self.budget is None:
            return
        if (
            isinstance(self.budget, bool)
            or not isinstance(self.budget, int | float)
            or not least <= self.budget < math.inf
        ):
            raise InputError(f"budget={self.budget!r}; pass a number of megapixels, at least {least:.4f}")
        if self.tile is not None:
            raise InputError("tile and budget are both given; pass one of them")

    def pixels(self, forward: Forward) -> float:
        """Say how many pixels a network looks at at once."""
        if self.budget is not None:
            return min(self.budget * 1e6, float(MAX_PIXELS))
        free = memory.piece_pixels(forward.bytes_per_pixel, forward.device, least=LEAST)
        return min(free, max(forward.quick_pixels, LEAST))

    def tiling(self, forward: Forward, size: Size, pixels: float) -> Tiling:
        """Cut a picture up.

        Args:
            forward: the network.
            size: height and width of the picture.
            pixels: that the network may look at at once.
        """
        margin, multiple = forward.field.margin, forward.multiple
        fade = forward.field.fade(multiple)
        if self.tile is None:
            return tiles.chosen(
                size, pixels, margin=margin, fade=fade, multiple=multiple, scale=forward.scale
            )
        side = tiles.side_of(self.tile, fade, multiple) if self.tile else 0
        return Tiling(side, side, margin, fade, multiple, forward.scale)


@dataclass(frozen=True)
class Wish:
    """What a person may ask of any network of this task.

    Args:
        pieces: how the picture is cut up.
        ensemble: take the mean over the eight ways to turn and mirror.
        progress: called after every piece.
    """

    pieces: Pieces
    ensemble: bool = False
    progress: ProgressCallback | None = None


def attempted(attempt: Callable[[float], Made], pixels: float, *, fixed: bool) -> Made:
    """Do something that takes memory; where that is short, try with smaller pieces.

    Args:
        attempt: does it, given the pixels that a network may look at at once.
        pixels: to begin with.
        fixed: the size of the pieces was asked for.

    Returns:
        What the attempt gives.

    Raises:
        InputError: there is not enough memory for the smallest pieces, or for those asked for.
    """
    while True:
        try:
            return attempt(pixels)
        except Exception as error:
            if not memory.is_shortage(error):
                raise
            if fixed or pixels <= LEAST:
                raise InputError(
                    f"there is not enough memory ({error!s:.120}); "
                    + ("pass a smaller tile, or none" if fixed else "close other programs, or cut the photo")
                ) from error
        pixels = max(pixels / 2, LEAST)
        _forget()


def _forget() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
