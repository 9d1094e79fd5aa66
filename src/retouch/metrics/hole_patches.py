"""Texture of filled holes against that of the true pictures: a sliced Wasserstein distance of holes alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from retouch.errors import InputError
from retouch.metrics.holes import check_holes, exactly, selected
from retouch.metrics.sliced import PATCH, SCALED_BY, SMALLEST, laplacian_pyramid

_DIRECTIONS_AT_ONCE = 64


class HolePatches:
    """Random 7×7 patches of holes, at every level of the pictures' Laplacian pyramids.

    The patches of a picture lie at the same places whoever filled it, so that two sets of the same
    pictures and holes differ by the filling alone.

    Args:
        patches: cut from each picture at each level.
        seed: chooses their places, together with the number of the picture.

    Raises:
        InputError: ``patches`` is not positive.
    """

    def __init__(self, *, patches: int = 64, seed: int = 0) -> None:
        if patches < 1:
            raise InputError(f"patches={patches}; use at least 1, 64 for a hundred pictures")
        self._count = patches
        self._seed = seed
        self._cut: list[list[Tensor]] = []
        self.size: tuple[int, int] | None = None

    def __len__(self) -> int:
        """How many pictures were added."""
        return len(self._cut)

    def add(self, picture: Tensor, hole: Tensor) -> None:
        """Cut the patches of one more picture; each holds at least one pixel of the hole.

        Args:
            picture: (1, 3, H, W) in [0, 1], H and W at least 16, the same for all.
            hole: (1, 1, H, W), 1 = hole.

        Raises:
            SizeMismatch: The hole does not fit the picture.
            InputError: The picture is not of that shape, or of another size than those before.
            EmptyMask: There is no hole.
        """
        inside = selected(picture, hole)
        size = (picture.shape[2], picture.shape[3])
        if picture.shape[:2] != (1, 3) or min(size) < SMALLEST or self.size not in (None, size):
            raise InputError(
                f"patches of holes are cut from (1, 3, H, W) of at least {SMALLEST}×{SMALLEST} pixels, all "
                f"of one size; got {tuple(picture.shape)} after {self.size}: bring them to one size"
            )
        check_holes(inside)
        self.size = size
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + len(self))
        found = []
        level = inside.float().cpu()
        with exactly(picture):
            for band in laplacian_pyramid(picture.float()):
                found.append(self._patches(band[0], level[0, 0] > 0, generator))
                level = max_pool2d(level, 2, ceil_mode=True)
        self._cut.append(found)

    def levels(self, chosen: Collection[int] | None = None) -> list[Tensor]:
        """The patches of every level, finest first.

        Args:
            chosen: numbers of pictures, in the order of adding; None: all.

        Returns:
            For each level (N, 3, 7·7) float32.
        """
        some = self._cut if chosen is None else [self._cut[index] for index in chosen]
        return [torch.cat(level) for level in zip(*some, strict=True)]

    def _patches(self, band: Tensor, inside: Tensor, generator: torch.Generator) -> Tensor:
        places = inside.nonzero()
        drawn = places[torch.randint(0, len(places), (self._count,), generator=generator)]
        height, width = band.shape[1:]
        reach = PATCH // 2
        top = (drawn[:, 0] - reach).clamp(0, height - PATCH)[:, None, None]
        left = (drawn[:, 1] - reach).clamp(0, width - PATCH)[:, None, None]
        steps = torch.arange(PATCH)
        rows, columns = top + steps[:, None], left + steps  # (N, 7, 1), (N, 1, 7)
        return band[:, rows.to(band.device), columns.to(band.device)].transpose(0, 1).flatten(2).cpu()


def hole_sliced_wasserstein(
    filled: Mapping[str, HolePatches],
    true: HolePatches,
    *,
    chosen: Collection[int] | None = None,
    projections: int = 256,
    seed: int = 0,
) -> dict[str, float]:
    """Compare the texture of filled holes with that of the true pictures: 0 for identical ones.

    The sliced Wasserstein distance of :func:`retouch.metrics.sliced_wasserstein`, from patches of the
    holes alone, each channel normalised by the mean and standard deviation of the true patches.

    Args:
        filled: name → the patches of what was filled.
        true: the patches of the true pictures at the same holes, of the same size and seed.
        chosen: numbers of the pictures that count; None: all.
        projections: the number of random directions.
        seed: chooses the directions.

    Returns:
        Name → the mean distance over the levels, × 1000.

    Raises:
        InputError: There are no pictures or projections, or the sets are not of the same pictures.

    Source:
        Karras, Aila, Laine, Lehtinen, arXiv:1710.10196, section 5. Departs: patches lie where the holes
        are; normalised by the reference, so that a shift of colour or contrast counts.
    """
    if projections < 1:
        raise InputError(f"projections={projections}; use at least 1, 256 for a hundred pictures")
    pictures = len(true) if chosen is None else len(chosen)
    if not pictures:
        raise InputError("the sliced Wasserstein distance of holes got no pictures; add at least one")
    for name, patches in filled.items():
        if len(patches) != len(true) or patches.size != true.size:
            raise InputError(
                f"{name} has the holes of {len(patches)} pictures of {patches.size} pixels, the true set "
                f"{len(true)} of {true.size}; add the same pictures to both"
            )
    generator = torch.Generator().manual_seed(seed)
    ours = {name: patches.levels(chosen) for name, patches in filled.items()}
    totals = dict.fromkeys(ours, 0.0)
    reference = true.levels(chosen)
    for index, level in enumerate(reference):
        directions = torch.randn(level[0].numel(), projections, generator=generator)
        found = _apart({name: levels[index] for name, levels in ours.items()}, level, directions)
        for name, distance in found.items():
            totals[name] += SCALED_BY * distance / len(reference)
    return totals


def _apart(sets: Mapping[str, Tensor], reference: Tensor, directions: Tensor) -> dict[str, float]:
    """The mean Wasserstein-1 distance of equally large sets (N, 3, 49) from one along directions (147, K)."""
    mean = reference.mean(dim=(0, 2), keepdim=True)
    deviation = (reference - mean).square().mean(dim=(0, 2), keepdim=True).sqrt()
    scale = torch.where(deviation > 1e-6, deviation, 1)
    directions = directions / directions.norm(dim=0)
    totals = dict.fromkeys(sets, 0.0)
    with exactly(reference):
        for start in range(0, directions.shape[1], _DIRECTIONS_AT_ONCE):
            some = directions[:, start : start + _DIRECTIONS_AT_ONCE]
            theirs = (some.T @ ((reference - mean) / scale).flatten(1).T).sort(dim=1).values  # (K, N)
            for name, patches in sets.items():
                ours = (some.T @ ((patches - mean) / scale).flatten(1).T).sort(dim=1).values
                totals[name] += float((ours - theirs).abs().double().mean(dim=1).sum())
    return {name: total / directions.shape[1] for name, total in totals.items()}
