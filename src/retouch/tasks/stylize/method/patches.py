"""Features that need no weights: filters that are learned from one picture's own patches.

Patches of 7×7 pixels are whitened and grouped by k-means, at each level of the picture's pyramid; the middle
of each group is a filter. What they answer to is what this picture is made of.

Source: Coates, Ng, Lee, "An analysis of single-layer networks in unsupervised feature learning", AISTATS 2011
    (whitened patches, k-means, rectified answers). Dhillon, Modha, "Concept decompositions for large sparse
    text data using clustering", Machine Learning 42, 2001 (k-means of directions).
Departs:
    One picture in place of many, and filters at every level of an image pyramid in place of one level.
    Patches are compared by direction alone; each answer is brought to a deviation of 1 on the picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retouch.errors import InputError, UnknownName
from retouch.features import Features

SIDE = 7
"""Pixels of a patch's side."""

FILTERS = 64
"""Filters of each level."""

LEVELS = 4
"""Levels of the pyramid, each of half the size of the one before."""

LAYERS = tuple(f"patch{level}" for level in range(1, LEVELS + 1))
"""The layers of an exemplar's features whose statistics make a texture."""

_REACH = SIDE // 2
_PATCHES = 8192  # that are grouped at each level; more change nothing that can be seen
_ROUNDS = 10  # after which k-means hardly moves
_FLOOR = 0.1  # of the mean variance, added before whitening, lest noise be made as loud as what is seen
_NOTHING = 1e-6  # variance of a picture of one colour

_MODES = {"reflect": "reflect", "circular": "circular", "replicate": "replicate", "zeros": "constant"}


class Patches(Features):
    """Rectified answers of patch filters at the levels of an image pyramid.

    Its layers are called ``patch1``, at full size, ``patch2``, at half of it, … and ``input``, the picture.

    Args:
        filters: of each level, (C, 3, 7, 7), for RGB in [0, 1].
        shifts: of each level, (C,), added to the answers before they are rectified.

    Attributes:
        border: what filters see beyond the rim: "reflect", "circular", "replicate" or "zeros".

    Raises:
        InputError: there is no level, or filters and shifts do not fit.
    """

    def __init__(self, filters: Sequence[Tensor], shifts: Sequence[Tensor]) -> None:
        super().__init__()
        if not filters or len(filters) != len(shifts):
            raise InputError(
                f"{len(filters)} levels of patch filters and {len(shifts)} of shifts; give as many of both, "
                "at least 1"
            )
        for level, (bank, shift) in enumerate(zip(filters, shifts, strict=True), start=1):
            if bank.dim() != 4 or bank.shape[1:] != (3, SIDE, SIDE) or shift.shape != bank.shape[:1]:
                raise InputError(
                    f"the filters of level {level} are {tuple(bank.shape)} and its shifts "
                    f"{tuple(shift.shape)}; give (C, 3, {SIDE}, {SIDE}) and (C,)"
                )
            # Made without numbers: the usual start would draw from the global generator.
            layer = nn.Conv2d(3, len(bank), SIDE, device="meta").to_empty(device="cpu")
            layer.load_state_dict({"weight": bank, "bias": shift})
            self.add_module(f"patch{level}", layer)
        self.layers = ("input", *(f"patch{level}" for level in range(1, len(filters) + 1)))
        self.border = "reflect"
        self.requires_grad_(False)

    def forward(self, x: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Compute features, no further than they are needed.

        Args:
            x: (B, 3, H, W), RGB in [0, 1], at least ``least_side(layers)`` on each side.
            layers: whose features are wanted.

        Returns:
            Layer → (B, C, H / 2ⁿ⁻¹, W / 2ⁿ⁻¹) for ``patchn``, at least 0, in the network's order.

        Raises:
            UnknownName: there is no such layer, or no such border.
            InputError: the picture is too small, or is not (B, 3, H, W).
        """
        wanted = self.checked(x, layers)
        if self.border not in _MODES:
            raise UnknownName("border", self.border, _MODES)
        found: dict[str, Tensor] = {}
        for name in self.layers[: max(map(self.layers.index, wanted)) + 1]:
            if name not in ("input", "patch1"):
                x = F.avg_pool2d(x, 2)  # (B, 3, H/2, W/2)
            if name in wanted:
                found[name] = x if name == "input" else F.relu(self._answers(name, x))
        return found

    def least_side(self, layers: Iterable[str]) -> int:
        """Say how small a picture may be.

        Args:
            layers: whose features are wanted.

        Returns:
            The shortest side, in pixels, at which each of these levels is large enough for a reflected rim.
        """
        levels = [int(name.removeprefix("patch")) for name in layers if name != "input"]
        return (_REACH + 1) * 2 ** (max(levels) - 1) if levels else 1

    def reach(self, layer: str) -> int:
        """Say how far around itself a position of a layer looks.

        Args:
            layer: one of ``layers``.

        Returns:
            Pixels of the picture to each side.

        Raises:
            UnknownName: there is no such layer.
        """
        if layer not in self.layers:
            raise UnknownName("layer", layer, self.layers)
        if layer == "input":
            return 0
        apart: int = 2 ** (int(layer.removeprefix("patch")) - 1)
        # A pixel of a level is the mean of apart × apart; the larger half of it counts.
        return _REACH * apart + apart // 2

    def _answers(self, name: str, x: Tensor) -> Tensor:
        layer = self.get_submodule(name)
        answers: Tensor = layer(F.pad(x, (_REACH,) * 4, mode=_MODES[self.border]))
        return answers


@torch.no_grad()
def exemplar(picture: Tensor, seed: int, *, filters: int = FILTERS, levels: int = LEVELS) -> Patches:
    """Learn the features of a picture from its own patches, in well under a second.

    Args:
        picture: (1, 3, H, W), RGB in [0, 1]. Learn again at each size that the picture is used at: what its
            patches show depends on it.
        seed: chooses which patches are grouped, and where k-means begins.
        filters: of each level.
        levels: of the pyramid.

    Returns:
        Features with the layers ``input``, ``patch1``, ``patch2``, …

    Raises:
        InputError: the picture is not (1, 3, H, W), is too small for the levels, or is not finite; or there
            is no filter or level.
    """
    if filters < 1 or levels < 1:
        raise InputError(f"{filters} filters at {levels} levels were asked for; at least 1 of each is needed")
    least = (_REACH + 1) * 2 ** (levels - 1)
    if picture.dim() != 4 or picture.shape[:2] != (1, 3) or min(picture.shape[2:]) < least:
        raise InputError(
            f"patch filters got {tuple(picture.shape)}; they are learned from (1, 3, H, W) of at least "
            f"{least}×{least} pixels; enlarge the picture, or use fewer levels"
        )
    if not bool(picture.isfinite().all()):
        raise InputError("patch filters got a picture with values that are not finite; give RGB in [0, 1]")
    generator = torch.Generator().manual_seed(seed)
    pyramid = [picture.detach().float().cpu()]
    while len(pyramid) < levels:
        pyramid.append(F.avg_pool2d(pyramid[-1], 2))
    learned = [_learned(level, filters, generator) for level in pyramid]
    made = Patches([bank for bank, _ in learned], [shift for _, shift in learned])
    return made.to(picture.device)


def _learned(picture: Tensor, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The filters (C, 3, 7, 7) and shifts (C,) of one level."""
    patches = _drawn(picture, generator)
    mean = patches.mean(dim=0)
    around = patches - mean
    values, vectors = torch.linalg.eigh((around.T @ around / len(around)).double())
    floor = _FLOOR * float(values.clamp(min=0).mean()) + _NOTHING
    whiten = ((vectors * (values.clamp(min=0) + floor).rsqrt()) @ vectors.T).float()  # (147, 147)
    middles = _grouped(F.normalize(around @ whiten, dim=1), count, generator)
    banks = middles @ whiten  # (C, 147)
    spread = (around @ banks.T).square().mean(dim=0).sqrt()
    # Where the picture has but one colour no filter answers; its deviation of 0 must not be brought to 1.
    banks = banks / spread.clamp(min=_NOTHING**0.5)[:, None]
    return banks.view(count, 3, SIDE, SIDE), -(banks @ mean)


def _drawn(picture: Tensor, generator: torch.Generator) -> Tensor:
    """Patches (N, 3·7·7) of a picture and of what reflection shows beyond its rim."""
    padded = F.pad(picture, (_REACH,) * 4, mode="reflect")
    windows = padded[0].unfold(1, SIDE, 1).unfold(2, SIDE, 1)  # (3, H, W, 7, 7)
    height, width = picture.shape[2:]
    chosen = torch.randperm(height * width, generator=generator)[:_PATCHES]
    return windows[:, chosen // width, chosen % width].transpose(0, 1).flatten(1)


def _grouped(directions: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """The middles (count, D), of length 1, of groups of directions (N, D)."""
    start = torch.randperm(len(directions), generator=generator)
    middles = directions[start.repeat(-(-count // len(start)))[:count]]
    for _ in range(_ROUNDS):
        nearest = (directions @ middles.T).argmax(dim=1)
        sums = torch.zeros_like(middles).index_add_(0, nearest, directions)
        empty = torch.bincount(nearest, minlength=count) == 0
        anew = torch.randint(len(directions), (count,), generator=generator)
        middles = F.normalize(torch.where(empty[:, None], directions[anew], sums), dim=1)
    return middles
