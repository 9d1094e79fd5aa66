"""Where which manner is wanted: the statistics of styles, and the parts of the picture they are for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from retouch.errors import InputError
from retouch.features import Features
from retouch.features.frozen import Look
from retouch.tasks.stylize.method.statistics import Target, mixed, target
from retouch.tasks.stylize.method.wish import Wish

COLOURS = "colours"
"""The name of the pixels' colours among an area's targets."""

_LEAST_LEFT = 0.1
"""Share of a region that must survive when its rim is taken off, lest there be too few positions."""


@dataclass(frozen=True)
class Style:
    """A picture whose manner is wanted.

    Attributes:
        picture: (1, 3, h, w), RGB in [0, 1].
        mask: (1, 1, h, w), the part of it that counts; None for all.
        share: how much it counts beside the other styles of the same region.
        region: (1, 1, H, W), where in the new picture it is wanted; None for everywhere.
    """

    picture: Tensor
    mask: Tensor | None = None
    share: float = 1.0
    region: Tensor | None = None


@dataclass(frozen=True)
class Area:
    """Where one mixture of styles is wanted, and what it is.

    Attributes:
        part: how much of the picture it is.
        wanted: layer, or ``COLOURS`` → statistics.
        weights: likewise → (1, 1, h, w), what each position counts; None where all count alike.
    """

    part: float
    wanted: Mapping[str, Target]
    weights: Mapping[str, Tensor | None]


def areas(
    network: Features, look: Look, wish: Wish, styles: Sequence[Style], size: tuple[int, int]
) -> list[Area]:
    """Take the statistics of styles, and bring the parts they are for to the size of each layer.

    Args:
        network: whose features are compared.
        look: computes them.
        wish: what is wanted.
        styles: those of the same region are mixed.
        size: height and width of the picture that is to be made.

    Returns:
        One for each region; none where no style is wanted.

    Raises:
        InputError: a region does not have the picture's size, or a mask that of its style.
    """
    layers = list(wish.shares()) if wish.style_weight > 0 else []
    if not styles or not (layers or wish.rgb_weight > 0):
        return []
    together: list[list[Style]] = []
    for style in styles:
        for group in together:
            if _same(group[0].region, style.region):
                group.append(style)
                break
        else:
            together.append([style])
    regional = any(style.region is not None for style in styles)
    picture = styles[0].picture.new_zeros(1, 3, *size)
    shapes = (
        {layer: found.shape[-2:] for layer, found in look(picture, layers).items()}
        if regional and layers
        else {}
    )
    made = []
    for group in together:
        region = group[0].region
        weights: dict[str, Tensor | None] = dict.fromkeys([*layers, COLOURS])
        if region is not None:
            _check_mask(region, size, "a region", "the picture")
            weights = {layer: reduced(region, shapes[layer], network.reach(layer)) for layer in layers}
            weights[COLOURS] = region
        each = [_targets(network, look, wish, style, layers) for style in group]
        parts = [style.share for style in group]
        wanted = {name: mixed([one[name] for one in each], parts) for name in each[0]}
        made.append(Area(1.0 if region is None else float(region.mean()), wanted, weights))
    return made


def reduced(mask: Tensor, size: tuple[int, int] | torch.Size, reach: int) -> Tensor:
    """Bring a mask to the size of a layer, without the positions that look beyond it.

    Args:
        mask: (1, 1, H, W) in [0, 1].
        size: height and width of the layer.
        reach: how many pixels to each side a position of the layer looks at.

    Returns:
        (1, 1, h, w) in [0, 1]. Where less than a tenth would be left, less is taken off.
    """
    small = F.adaptive_avg_pool2d(mask, (size[0], size[1]))
    off = round(reach * size[0] / mask.shape[-2])
    while off > 0:
        inner = 1 - F.max_pool2d(1 - small, 2 * off + 1, stride=1, padding=off)
        if float(inner.sum()) >= _LEAST_LEFT * float(small.sum()):
            return inner
        off //= 2
    return small


def _targets(
    network: Features, look: Look, wish: Wish, style: Style, layers: Sequence[str]
) -> dict[str, Target]:
    mask = style.mask
    if mask is not None:
        _check_mask(mask, tuple(style.picture.shape[-2:]), "the mask of a style", "the style")
    found = look(style.picture, layers) if layers else {}
    made = {}
    for layer in layers:
        features = found[layer]
        weights = None if mask is None else reduced(mask, features.shape[-2:], network.reach(layer))
        made[layer] = target(wish.statistic, features, weights)
    if wish.rgb_weight > 0:
        made[COLOURS] = target("wasserstein", style.picture, mask)
    return made


def _same(one: Tensor | None, other: Tensor | None) -> bool:
    if one is None or other is None:
        return one is other
    return one is other or (one.shape == other.shape and bool((one == other).all()))


def _check_mask(mask: Tensor, size: tuple[int, ...], name: str, of: str) -> None:
    if tuple(mask.shape[-2:]) != tuple(size):
        raise InputError(
            f"{name} is {tuple(mask.shape[-2:])} but {of} {tuple(size)}; bring the mask to that size"
        )
