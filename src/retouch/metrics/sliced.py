"""Sliced Wasserstein distance between two sets of pictures: a comparison that needs no weights.

Protocol of :func:`sliced_wasserstein`, as in the progressive-growing paper: a Laplacian pyramid
down to 16 pixels; 128 random 7×7 patches of every picture at every level; patches normalised by
the mean and standard deviation of each colour channel over their own set; the one-dimensional
Wasserstein-1 distance along 512 random directions, averaged; the mean over the levels; × 1000.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from retouch.errors import InputError

PATCH = 7
SMALLEST = 16
SCALED_BY = 1000.0

Normalisation = Literal["own", "reference"]

_BINOMIAL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
_DIRECTIONS_AT_ONCE = 128
_PICTURES_AT_ONCE = 16


def sliced_wasserstein(
    a: Tensor | Iterable[Tensor],
    b: Tensor | Iterable[Tensor],
    *,
    seed: int = 0,
    patches: int = 128,
    projections: int = 512,
    normalise: Normalisation = "own",
) -> float:
    """Compare the texture statistics of two sets of pictures; 0 for identical sets.

    The sets need not be paired, nor equally many. Patches are cut at the same places from the
    n-th picture of either set.

    Args:
        a: (N, 3, H, W) in [0, 1], or an iterable of such stacks; H and W at least 16.
        b: (M, 3, H, W) likewise, the reference; the same H and W.
        seed: chooses the places of the patches and the directions.
        patches: how many are cut from each picture at each level.
        projections: the number of random directions.
        normalise: ``"own"``: each set by its own channel statistics, as in the paper, which makes
            the distance blind to a change of brightness, contrast or tint of the whole set.
            ``"reference"``: both by those of ``b``, which sees it.

    Returns:
        The mean distance over the levels, × 1000.

    Raises:
        InputError: A set is empty, its pictures have different sizes or are smaller than 16 pixels, or a
            count is not positive.

    Source:
        Karras, Aila, Laine, Lehtinen, "Progressive growing of GANs", ICLR 2018, arXiv:1710.10196,
        section 5. Departs: patches at the same places in both sets, so that identical sets give
        exactly 0; sets of different sizes are compared by their exact quantile functions.
    """
    levels = sliced_wasserstein_by_level(
        a, b, seed=seed, patches=patches, projections=projections, normalise=normalise
    )
    return sum(levels.values()) / len(levels)


def sliced_wasserstein_by_level(
    a: Tensor | Iterable[Tensor],
    b: Tensor | Iterable[Tensor],
    *,
    seed: int = 0,
    patches: int = 128,
    projections: int = 512,
    normalise: Normalisation = "own",
) -> dict[int, float]:
    """Compare two sets of pictures level by level; see :func:`sliced_wasserstein`.

    Args:
        a: as in :func:`sliced_wasserstein`.
        b: as in :func:`sliced_wasserstein`.
        seed: as in :func:`sliced_wasserstein`.
        patches: as in :func:`sliced_wasserstein`.
        projections: as in :func:`sliced_wasserstein`.
        normalise: as in :func:`sliced_wasserstein`.

    Returns:
        Shorter side of the level in pixels → distance × 1000, finest first.

    Raises:
        InputError: as in :func:`sliced_wasserstein`.
    """
    of_a, of_b = PatchSet(patches=patches, seed=seed), PatchSet(patches=patches, seed=seed)
    for patch_set, pictures in ((of_a, a), (of_b, b)):
        for stack in (pictures,) if isinstance(pictures, Tensor) else pictures:
            patch_set.add(stack)
    return distance_by_level(of_a, of_b, seed=seed, projections=projections, normalise=normalise)


def distance_by_level(
    a: PatchSet,
    b: PatchSet,
    *,
    seed: int = 0,
    projections: int = 512,
    normalise: Normalisation = "own",
) -> dict[int, float]:
    """Compare two sets of pictures whose patches were collected before.

    Args:
        a: the set.
        b: the reference.
        seed: chooses the directions.
        projections: as in :func:`sliced_wasserstein`.
        normalise: as in :func:`sliced_wasserstein`.

    Returns:
        Shorter side of the level in pixels → distance × 1000, finest first.

    Raises:
        InputError: A set is empty, the sizes differ, or there are no projections.
    """
    if projections < 1:
        raise InputError(f"projections={projections}; use at least 1, 512 as in the paper")
    if not (a.size and b.size):
        raise InputError("the sliced Wasserstein distance got a set without pictures; give at least one")
    if a.size != b.size:
        raise InputError(f"cannot compare pictures of {a.size} with {b.size} pixels; resize one set")
    generator = torch.Generator().manual_seed(seed)
    found = {}
    for side, ours, theirs in zip(a.sides(), a.levels(), b.levels(), strict=True):
        directions = torch.randn(3 * PATCH**2, projections, generator=generator)
        directions /= directions.norm(dim=0)
        reference = _channel_statistics(theirs)
        own = reference if normalise == "reference" else _channel_statistics(ours)
        sets = _normalised(ours, own), _normalised(theirs, reference)
        found[side] = SCALED_BY * _along(*sets, directions.to(ours))
    return found


def laplacian_pyramid(pictures: Tensor) -> list[Tensor]:
    """Split pictures into bands of detail, each at half the size of the one before.

    Args:
        pictures: (B, C, H, W).

    Returns:
        Finest band first, the last one being what is left; its shorter side is the smallest that is
        still at least 16. Their sum, each brought up to the size of the one before, is the picture.
    """
    bands = []
    while min(pictures.shape[2:]) >= 2 * SMALLEST:
        smaller = _halved(pictures)
        bands.append(pictures - _doubled(smaller, (pictures.shape[2], pictures.shape[3])))
        pictures = smaller
    return [*bands, pictures]


class PatchSet:
    """Random patches of one set of pictures at every level of their pyramids.

    Args:
        patches: cut from each picture at each level.
        seed: chooses their places, from the number of the picture alone.

    Raises:
        InputError: ``patches`` is not positive.
    """

    def __init__(self, *, patches: int = 128, seed: int = 0) -> None:
        if patches < 1:
            raise InputError(f"patches={patches}; use at least 1, 128 as in the paper")
        self._generator = torch.Generator().manual_seed(seed)
        self._count = patches
        self._levels: list[list[Tensor]] = []
        self.size: tuple[int, int] | None = None

    def add(self, pictures: Tensor) -> None:
        """Cut the patches of further pictures.

        Args:
            pictures: (B, 3, H, W) in [0, 1], of the same size as the others.

        Raises:
            InputError: They have another size, or fewer than 16 pixels on a side.
        """
        self._check(pictures)
        for start in range(0, len(pictures), _PICTURES_AT_ONCE):
            pyramid = laplacian_pyramid(pictures[start : start + _PICTURES_AT_ONCE].float())
            self._levels = self._levels or [[] for _ in pyramid]
            for index in range(len(pyramid[0])):
                for level, band in zip(self._levels, pyramid, strict=True):
                    level.append(self._cut(band[index]))

    def levels(self) -> list[Tensor]:
        """The patches (N, 3, 7·7) of every level, finest first."""
        return [torch.cat(level) for level in self._levels]

    def sides(self) -> list[int]:
        """The shorter side of every level in pixels, finest first."""
        sides = [min(self.size)] if self.size else []
        while len(sides) < len(self._levels):
            sides.append((sides[-1] + 1) // 2)
        return sides

    def _check(self, stack: Tensor) -> None:
        if stack.ndim != 4 or stack.shape[1] != 3 or min(stack.shape[2:]) < SMALLEST:
            raise InputError(
                f"the sliced Wasserstein distance got {tuple(stack.shape)}; "
                f"it compares (N, 3, H, W) of at least {SMALLEST}×{SMALLEST} pixels"
            )
        size = (stack.shape[2], stack.shape[3])
        if self.size not in (None, size):
            raise InputError(f"pictures of {self.size} and {size} in one set; resize them to one size first")
        if len(stack):
            self.size = size

    def _cut(self, band: Tensor) -> Tensor:
        _, height, width = band.shape
        draw = {"size": (self._count, 1, 1), "generator": self._generator}
        top = torch.randint(0, height - PATCH + 1, **draw)  # type: ignore[call-overload]
        left = torch.randint(0, width - PATCH + 1, **draw)  # type: ignore[call-overload]
        steps = torch.arange(PATCH)
        rows, columns = top + steps[:, None], left + steps  # (N, 7, 1), (N, 1, 7)
        cut = band[:, rows.to(band.device), columns.to(band.device)]  # (3, N, 7, 7)
        return cut.transpose(0, 1).flatten(2)


def _channel_statistics(patches: Tensor) -> tuple[Tensor, Tensor]:
    mean = patches.mean(dim=(0, 2), keepdim=True)
    deviation = (patches - mean).square().mean(dim=(0, 2), keepdim=True).sqrt()
    return mean, deviation


def _normalised(patches: Tensor, statistics: tuple[Tensor, Tensor]) -> Tensor:
    """(N, 3·7·7); a channel that never changes stays as it is, less its mean."""
    mean, deviation = statistics
    return ((patches - mean) / torch.where(deviation > 1e-6, deviation, 1)).flatten(1)


def _along(a: Tensor, b: Tensor, directions: Tensor) -> float:
    """The mean Wasserstein-1 distance between two point sets (N, D), (M, D) along unit directions (D, K)."""
    n, m = len(a), len(b)
    # Both quantile functions are constant between consecutive multiples of 1/n and 1/m.
    marks = torch.cat((torch.arange(1, n + 1) * m, torch.arange(1, m + 1) * n)).sort().values
    ends = marks[torch.diff(marks, append=marks.new_zeros(1)) != 0]
    widths = torch.diff(ends, prepend=ends.new_zeros(1)).to(a) / (n * m)
    of_a, of_b = ((ends - 1) // m).to(a.device), ((ends - 1) // n).to(a.device)
    total = 0.0
    for start in range(0, directions.shape[1], _DIRECTIONS_AT_ONCE):
        some = directions[:, start : start + _DIRECTIONS_AT_ONCE]
        sorted_a = (some.T @ a.T).sort(dim=1).values  # (K, N)
        sorted_b = (some.T @ b.T).sort(dim=1).values  # (K, M)
        apart = (sorted_a[:, of_a] - sorted_b[:, of_b]).abs_()
        total += float((apart @ widths).double().sum())
    return total / directions.shape[1]


def _halved(pictures: Tensor) -> Tensor:
    return _smooth(pictures)[:, :, ::2, ::2]


def _doubled(pictures: Tensor, size: tuple[int, int]) -> Tensor:
    """Zeros between the pixels, smoothed; cut to ``size``."""
    batch, channels, height, width = pictures.shape
    spread = pictures.new_zeros(batch, channels, 2 * height, 2 * width)
    spread[:, :, ::2, ::2] = pictures * 4
    return _smooth(spread)[:, :, : size[0], : size[1]]


def _smooth(pictures: Tensor) -> Tensor:
    batch, channels, height, width = pictures.shape
    weights = pictures.new_tensor(_BINOMIAL)
    single = pad(pictures.reshape(batch * channels, 1, height, width), (2, 2, 2, 2), mode="reflect")
    blurred = conv2d(conv2d(single, weights.view(1, 1, 5, 1)), weights.view(1, 1, 1, 5))
    return blurred.reshape(batch, channels, height, width)
