"""The colours in which label pictures are painted, and the way back from colours to classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from retouch.errors import DataError, InputError

VOID = 255
"""The label of a pixel that belongs to no class; scores and losses leave it out."""

Colour = tuple[int, int, int]
"""8-bit sRGB."""


@dataclass(frozen=True, slots=True)
class Palette:
    """The classes of a label data set and their colours.

    Args:
        name: the data set: ``"CamVid"``.
        colours: class name → colour, in the order of the labels 0, 1, …
        void: colours of pixels without a class.
        source: where the table is from.
    """

    name: str
    colours: dict[str, Colour]
    void: tuple[Colour, ...] = field(default=())
    source: str = ""

    @property
    def classes(self) -> int:
        """How many classes there are, void not counted."""
        return len(self.colours)

    def tensor(self) -> Tensor:
        """(K + V, 3) in [0, 1]: the classes' colours, then void's."""
        return torch.tensor([*self.colours.values(), *self.void], dtype=torch.float32) / 255


CAMVID = Palette(
    "CamVid, 11 classes",
    {
        "sky": (128, 128, 128),
        "building": (128, 0, 0),
        "pole": (192, 192, 128),
        "road": (128, 64, 128),
        "pavement": (60, 40, 222),
        "tree": (128, 128, 0),
        "sign": (192, 128, 128),
        "fence": (64, 64, 128),
        "car": (64, 0, 128),
        "pedestrian": (64, 64, 0),
        "bicyclist": (0, 128, 192),
    },
    void=((0, 0, 0),),
    source="Badrinarayanan, Kendall, Cipolla, arXiv:1511.00561 (SegNet): CamVid's 32 classes grouped to 11",
)

FACADES = Palette(
    "CMP facades, 12 classes",
    {
        "background": (0, 0, 170),
        "facade": (0, 0, 255),
        "window": (0, 85, 255),
        "door": (0, 170, 255),
        "cornice": (0, 255, 255),
        "sill": (85, 255, 170),
        "balcony": (170, 255, 85),
        "blind": (255, 255, 0),
        "deco": (255, 170, 0),
        "molding": (255, 85, 0),
        "pillar": (255, 0, 0),
        "shop": (170, 0, 0),
    },
    source="Tyleček, Šára, CMP Facade Database, CTU-CMP-2012-24: twelve steps from blue to red",
)


def labels_from_colours(
    pictures: Tensor, palette: Palette, *, tolerance: float = 0.1, reach: int = 2
) -> Tensor:
    """Read the class of every pixel from a label picture, though JPEG has blurred its edges.

    A pixel whose colour is close to one of the palette takes that class. Any other pixel, such as
    the mixture on the edge between two regions, takes the nearest colour among those that pixels
    around it are sure of, so that an edge between sky and building does not read as a third class.

    Args:
        pictures: (B, 3, H, W) in [0, 1], a palette's colours with noise.
        palette: the colours and what they mean.
        tolerance: how far, in Euclidean RGB distance of [0, 1], a sure pixel may be from its colour.
        reach: how many pixels away an unsure pixel looks; JPEG's halved chroma blurs over 2.

    Returns:
        (B, H, W) int64: 0 … K − 1, or :data:`VOID`.

    Raises:
        InputError: The pictures are not (B, 3, H, W).
    """
    if pictures.ndim != 4 or pictures.shape[1] != 3:
        raise InputError(
            f"label pictures are (B, 3, H, W), got {tuple(pictures.shape)}; "
            "add a batch dimension with [None], or convert to RGB"
        )
    colours = palette.tensor().to(pictures.device)
    labels = torch.stack([_nearest(one, colours, tolerance, reach) for one in pictures.float()])
    return torch.where(labels < palette.classes, labels, VOID)


def colours_from_labels(labels: Tensor, palette: Palette) -> Tensor:
    """Paint labels.

    Args:
        labels: (B, H, W) integers, 0 … K − 1 or :data:`VOID`.
        palette: their colours; void is black when the palette has no colour for it.

    Returns:
        (B, 3, H, W) float32 in [0, 1].

    Raises:
        InputError: A label is not in the palette.
    """
    known = (labels == VOID) | ((labels >= 0) & (labels < palette.classes))
    if not bool(known.all()):
        raise InputError(
            f"label {int(labels[~known][0])} is not in {palette.name}; "
            f"use 0 … {palette.classes - 1}, or {VOID} for void"
        )
    colours = torch.cat((palette.tensor(), torch.zeros(1, 3))).to(labels.device)
    painted = colours[torch.where(labels == VOID, palette.classes, labels).long()]
    return painted.movedim(-1, 1)


def palette_of(pictures: Iterable[Tensor], max_classes: int = 32, *, share: float = 1e-5) -> Palette:
    """Find the colours of a label data set whose palette is not known.

    Only pixels in flat surroundings vote, so that JPEG's mixtures along the edges do not count;
    nearby votes are merged into one colour.

    Args:
        pictures: stacks (B, 3, H, W) in [0, 1], or single pictures (3, H, W).
        max_classes: at most this many colours, the most frequent ones.
        share: colours rarer than this share of the flat pixels are taken for noise.

    Returns:
        Colours in the order of their frequency, named ``"#804080"``; nothing is taken for void.

    Raises:
        DataError: No picture has a flat pixel, so these are not label pictures.
    """
    votes = torch.zeros(_BINS**3, dtype=torch.int64)
    sums = torch.zeros(_BINS**3, 3, dtype=torch.float64)
    for stack in _stacks(pictures):
        flat = _flat_pixels(stack)  # (N, 3), 0…255
        where = _bin_of(flat)
        votes += torch.bincount(where, minlength=_BINS**3)
        sums.index_add_(0, where, flat.double())
    if not int(votes.sum()):
        raise DataError(
            "no flat region in these pictures, so they are not label pictures; "
            "check which half is the label, or pass a palette"
        )
    found = _merged(votes, sums, max_classes, share)
    return Palette("found in the data", {"#{:02x}{:02x}{:02x}".format(*colour): colour for colour in found})


_BINS = 32
_FLAT = 6.0
_APART = 24.0


def _nearest(picture: Tensor, colours: Tensor, tolerance: float, reach: int) -> Tensor:
    apart = (picture[None] - colours[:, :, None, None]).square().sum(dim=1)  # (K, H, W)
    nearest = apart.argmin(dim=0)
    sure = apart.amin(dim=0) <= tolerance**2
    if reach < 1 or bool(sure.all()):
        return nearest
    claims = torch.zeros_like(apart).scatter_(0, nearest[None], sure[None].to(apart.dtype))
    around = max_pool2d(claims[None], 2 * reach + 1, stride=1, padding=reach)[0] > 0
    among = torch.where(around, apart, torch.inf).argmin(dim=0)
    return torch.where(sure | ~around.any(dim=0), nearest, among)


def _stacks(pictures: Iterable[Tensor]) -> Iterator[Tensor]:
    for picture in pictures:
        yield picture if picture.ndim == 4 else picture[None]


def _flat_pixels(stack: Tensor) -> Tensor:
    """The pixels that differ little from all eight neighbours: (N, 3) in 0…255."""
    levels = stack.float() * 255
    spread = max_pool2d(levels, 3, stride=1) + max_pool2d(-levels, 3, stride=1)
    flat = (spread <= _FLAT).all(dim=1)
    return levels[:, :, 1:-1, 1:-1].movedim(1, -1)[flat].cpu()


def _bin_of(colours: Tensor) -> Tensor:
    steps = (colours * (_BINS / 256)).long().clamp_(0, _BINS - 1)
    return (steps[:, 0] * _BINS + steps[:, 1]) * _BINS + steps[:, 2]


def _merged(votes: Tensor, sums: Tensor, most: int, share: float) -> list[Colour]:
    """Join every bin to the first more frequent colour near it."""
    weights: list[float] = []
    centres: list[Tensor] = []
    for index in votes.argsort(descending=True).tolist():
        count = int(votes[index])
        if not count:
            break
        mean = sums[index] / count
        near = [i for i, centre in enumerate(centres) if float((centre - mean).norm()) < _APART]
        if near:
            first = near[0]
            total = weights[first] + count
            centres[first] = centres[first] + (mean - centres[first]) * (count / total)
            weights[first] = total
        else:
            weights.append(count)
            centres.append(mean)
    least = share * float(votes.sum())
    ranked = sorted(zip(weights, centres, strict=True), key=lambda item: -item[0])
    kept = [centre.round().int().tolist() for weight, centre in ranked if weight >= least]
    return [(red, green, blue) for red, green, blue in kept[:most]]
