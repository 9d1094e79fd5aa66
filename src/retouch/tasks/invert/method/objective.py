"""How far pictures are from what is wanted of them, each for itself, so that many are tried at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from retouch.errors import EmptyMask, InputError, SizeMismatch
from retouch.tasks.invert.method.wish import Perceptual, Wish

Maps = Callable[[Tensor], Sequence[Tensor]]
"""Pictures (N, C, R, R) in [-1, 1] → maps (N, c, h, w) of one or more sizes."""

SMALLEST = 4
"""Shorter side below which a pyramid is not continued, in pixels."""

SOFT = 0.01
"""Differences much smaller than this, of [-1, 1], count by their square even where the power is 1."""

_LEAST = 1e-8


@dataclass(frozen=True)
class Seers:
    """What sees pictures, given from outside; None for what is not there.

    Attributes:
        lpips: pictures and targets (N, 3, R, R) in [-1, 1] → (N,).
        features: of a network like VGG.
        judge: of the GAN's own discriminator.
    """

    lpips: Callable[[Tensor, Tensor], Tensor] | None = None
    features: Maps | None = None
    judge: Maps | None = None

    def choose(self, asked: Perceptual) -> Perceptual:
        """Say which perceptual loss is meant.

        Args:
            asked: the wish.

        Returns:
            One that can be had, never "auto".

        Raises:
            InputError: what was asked for was not given.
        """
        there = [name for name in ("lpips", "features", "judge") if getattr(self, name) is not None]
        if asked == "auto":
            return self.choose(there[0] if there else "pyramid")  # type: ignore[arg-type]
        if asked not in (*there, "pyramid", "none"):
            raise InputError(
                f"perceptual={asked!r} was asked for, and its network is not there; choose one of "
                f"{', '.join((*there, 'pyramid', 'none'))}"
            )
        return asked


@dataclass(frozen=True)
class Judged:
    """What an objective says of pictures.

    Attributes:
        loss: (N,), with slopes along the pictures.
        terms: name → (N,), weighted, without slopes; their sum is the loss.
    """

    loss: Tensor
    terms: dict[str, Tensor]


class Wanted(Protocol):
    """What a search makes smaller."""

    @property
    def wish(self) -> Wish:
        """Gives the weights of what a search adds for the codes: ``delta``, ``prior``, ``noise``."""

    def __call__(self, pictures: Tensor, /) -> Judged:
        """Judge pictures (N, C, R, R)."""

    def taking(self, numbers: Sequence[int], /) -> Wanted:
        """Give the objective of some of the pictures, by their places in the batch."""


class Objective:
    """Likeness to a picture.

    Args:
        target: (1, C, R, R) in [-1, 1], wanted of all pictures, or (N, C, R, R), each of its own.
        wish: what is compared, with which weights.
        mask: (1 or N, 1, R, R), how much a pixel counts; None: all the same.
        seers: what sees pictures.

    Raises:
        InputError: the target is no (N, C, R, R), or a network that was asked for is not there.
        SizeMismatch: the mask is not of the target's size.
        EmptyMask: nothing counts.
    """

    def __init__(
        self,
        target: Tensor,
        wish: Wish | None = None,
        *,
        mask: Tensor | None = None,
        seers: Seers | None = None,
    ) -> None:
        if target.dim() != 4:
            raise InputError(f"the target is {tuple(target.shape)}; it must be (N, C, R, R)")
        self.target, self.mask = target, mask
        self.wish, self.seers = wish or Wish(), seers or Seers()
        self.kind = self.seers.choose(self.wish.perceptual)
        if mask is not None:
            _check_mask(mask, target)
        self._maps = self._looking() if self.wish.perceptual_weight else None
        with torch.no_grad():
            self._wanted = [] if self._maps is None else list(self._maps(target))

    def taking(self, numbers: Sequence[int]) -> Objective:
        """Give the objective of some of the pictures.

        Args:
            numbers: their places in the batch.

        Returns:
            Itself, where all pictures have one target.
        """
        if len(self.target) == 1 and (self.mask is None or len(self.mask) == 1):
            return self
        chosen = list(numbers)
        mask = self.mask if self.mask is None or len(self.mask) == 1 else self.mask[chosen]
        target = self.target if len(self.target) == 1 else self.target[chosen]
        return Objective(target, self.wish, mask=mask, seers=self.seers)

    def __call__(self, pictures: Tensor) -> Judged:
        """Say how far pictures are from the target.

        Args:
            pictures: (N, C, R, R) in [-1, 1].

        Returns:
            The loss of each, and its terms: "pixels" and the name of the perceptual loss.

        Raises:
            SizeMismatch: they are not of the target's size.
        """
        if pictures.shape[1:] != self.target.shape[1:]:
            raise SizeMismatch(
                f"the pictures are {tuple(pictures.shape[1:])} but the target "
                f"{tuple(self.target.shape[1:])}; bring the target to the model's size"
            )
        apart = pictures - self.target
        terms: dict[str, Tensor] = {}
        if self.wish.pixels:
            each = apart.square() if self.wish.power == 2 else _soft(apart)
            terms["pixels"] = self.wish.pixels * _mean(each, self.mask)
        if self.wish.perceptual_weight and self.kind != "none":
            terms[self.kind] = self.wish.perceptual_weight * self._perceived(pictures, apart)
        loss = torch.stack(list(terms.values())).sum(dim=0)
        return Judged(loss, {name: term.detach() for name, term in terms.items()})

    def _looking(self) -> Maps | None:
        return {"features": self.seers.features, "judge": self.seers.judge}.get(self.kind)

    def _perceived(self, pictures: Tensor, apart: Tensor) -> Tensor:
        if self.kind == "pyramid":
            return pyramid(apart, self.mask)
        if self._maps is not None:
            return unlikeness(self._maps(pictures), self._wanted, self.mask)
        if self.seers.lpips is None:
            raise InputError("LPIPS is not there; choose another perceptual loss")
        # What the mask leaves out is the same in both, so that it makes no difference.
        target = self.target.expand_as(pictures)
        seen = pictures if self.mask is None else torch.lerp(target, pictures, self.mask.to(pictures))
        return self.seers.lpips(seen, target)


def pyramid(apart: Tensor, mask: Tensor | None = None) -> Tensor:
    """Give the size of differences and of their gradients, from the pixels to the coarsest blocks.

    Args:
        apart: (N, C, R, R), differences of pictures.
        mask: (1 or N, 1, R, R), how much a pixel counts.

    Returns:
        (N,), the mean over the sizes, each half of the one before, of mean |d| + mean |∂d|.
    """
    found: list[Tensor] = []
    while True:
        down, right = apart.diff(dim=2), apart.diff(dim=3)
        found.append(_mean(_soft(apart), mask))
        if mask is None:
            found.append((_mean(_soft(down), None) + _mean(_soft(right), None)) / 2)
        else:
            # A difference of neighbours counts as far as both count.
            found.append(_mean(_soft(down), torch.minimum(mask[:, :, 1:], mask[:, :, :-1])) / 2)
            found.append(_mean(_soft(right), torch.minimum(mask[:, :, :, 1:], mask[:, :, :, :-1])) / 2)
        if min(apart.shape[2:]) < 2 * SMALLEST:
            break
        if mask is None:
            apart = F.avg_pool2d(apart, 2)
        else:
            counts = F.avg_pool2d(mask, 2)
            apart = F.avg_pool2d(apart * mask, 2) / counts.clamp_min(_LEAST)
            mask = counts
    return torch.stack(found).sum(dim=0) / (len(found) / (2 if mask is None else 3))


def unlikeness(maps: Sequence[Tensor], wanted: Sequence[Tensor], mask: Tensor | None = None) -> Tensor:
    """Compare maps of pictures.

    Args:
        maps: (N, c, h, w) each.
        wanted: (1 or N, c, h, w) each.
        mask: (1 or N, 1, R, R), how much a pixel counts; a place of a map as much as its pixels on average.

    Returns:
        (N,), the mean over the maps of mean (f − g)² / mean g².
    """
    found: list[Tensor] = []
    for seen, aims in zip(maps, wanted, strict=True):
        weights = None if mask is None else F.adaptive_avg_pool2d(mask, (seen.shape[2], seen.shape[3]))
        precise = torch.promote_types(seen.dtype, torch.float32)
        own, aim = seen.to(precise), aims.to(precise)
        size = _mean(aim.square(), weights).clamp_min(_LEAST)
        found.append(_mean((own - aim).square(), weights) / size)
    return torch.stack(found).mean(dim=0)


def _mean(values: Tensor, mask: Tensor | None) -> Tensor:
    """Give the mean of each picture, (N,), as far as the mask lets it count."""
    if mask is None:
        return values.flatten(1).mean(dim=1)
    weights = mask.to(values)
    total = weights.flatten(1).sum(dim=1).clamp_min(_LEAST) * values.shape[1]
    return (values * weights).flatten(1).sum(dim=1) / total


def _soft(values: Tensor) -> Tensor:
    """Give absolute values, round at 0: a corner there would stop a method that believes in slopes."""
    return (values.square() + SOFT * SOFT).sqrt() - SOFT


def _check_mask(mask: Tensor, target: Tensor) -> None:
    if mask.dim() != 4 or mask.shape[1] != 1 or mask.shape[2:] != target.shape[2:]:
        raise SizeMismatch(
            f"the mask is {tuple(mask.shape)} but the target {tuple(target.shape)}; give (N, 1, R, R) of "
            "its size"
        )
    if not bool((mask.flatten(1).sum(dim=1) > 0).all()):
        raise EmptyMask("the mask lets no pixel count; paint where the picture is to be like the target")
