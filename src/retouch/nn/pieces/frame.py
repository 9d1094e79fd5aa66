"""A picture continued beyond its sides, so that a network that wants certain sizes takes any."""

from __future__ import annotations

import torch
from torch import Tensor

from retouch.nn.pieces.operations import Span, Window

SMALLEST = 8
"""The least height and width for a network: in less, a ResNet has a map of one value, without variance."""


def framed(picture: Tensor, multiple: int, *, least: int = SMALLEST) -> tuple[Tensor, Window]:
    """Continue a picture by its mirror image, as little as needed and alike on opposite sides.

    Args:
        picture: ``(1, C, H, W)``.
        multiple: the height and width of the result are multiples of it.
        least: and no smaller than this.

    Returns:
        The larger picture, and where in it the given one lies. A picture smaller than its frame is
        mirrored again and again.
    """
    spans = []
    for dim in (2, 3):
        size = picture.shape[dim]
        wanted = -(-max(size, least) // multiple) * multiple
        before = (wanted - size) // 2
        spans.append(Span(before, before + size))
        if wanted != size:
            picture = picture.index_select(dim, mirrored(size, before, wanted).to(picture.device))
    return picture, Window(*spans)


def mirrored(size: int, before: int, wanted: int) -> Tensor:
    """Number the rows of a picture that goes on as its mirror image, the outermost row not repeated.

    Args:
        size: rows there are.
        before: rows added before the first.
        wanted: rows in all.

    Returns:
        ``(wanted,)`` indices from 0 to size − 1.
    """
    if size == 1:
        return torch.zeros(wanted, dtype=torch.long)
    period = 2 * (size - 1)
    places = (torch.arange(wanted) - before) % period
    return torch.minimum(places, period - places)
