"""How far pictures are from a coloured scribble: colours and lines where it has them, a number for each.

Source: Zhu et al., "Generative Visual Manipulation on the Natural Image Manifold", ECCV 2016,
arXiv:1609.03552, section 4.1: a colour term over the mask's area and an edge term of histograms of gradients.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from retouch.image.colour import LUMINANCE, XYZ_OF_SRGB

COARSENESS = 3
"""Scales at which colours are compared: pixels, and means of 2 and of 4 of them along each side."""

BINS = 8
"""Orientations of a histogram, over half a turn."""

CELL = 8
"""Pixels of a histogram's cell, along each side."""

FAINT = 0.02
"""The gradient, of [0, 1] a pixel, of which half counts: what is fainter is no line."""

THIN = 1 / 32
"""Part of the picture's side up to which a stroke is a line, across; 2 of 64 pixels."""

DARK = 0.4
"""The lightness, of [0, 1], up to which a thin stroke is an outline."""

_BENT = (6 / 29) ** 3
_EMPTY = 1e-6


@dataclass(frozen=True)
class Strokes:
    """A scribble at the size of the pictures.

    Attributes:
        colours: (1, 3, R, R), RGB, in [0, 1]; anything where there is no stroke.
        weight: (1, 1, R, R), how much of each pixel is covered, in [0, 1].
    """

    colours: Tensor
    weight: Tensor

    @property
    def area(self) -> float:
        """The covered part of the picture, 0 … 1."""
        return float(self.weight.mean())

    def lines(self) -> Tensor:
        """Tell which strokes are outlines: thin and dark ones.

        Returns:
            (1, 1, R, R), their weight.
        """
        reach = max(1, math.ceil(self.weight.shape[-1] * THIN / 2))
        dark = self.weight * (lab(self.colours)[:, :1] <= DARK)
        # What goes over the rim may be as broad as it likes there.
        inner = -F.max_pool2d(-F.pad(dark, [reach] * 4, mode="replicate"), 2 * reach + 1, stride=1)
        thick = F.max_pool2d(inner, 2 * reach + 1, stride=1, padding=reach)
        return dark * (thick < 0.5)

    def to(self, device: torch.device) -> Strokes:
        """Give the same strokes on another device."""
        return Strokes(self.colours.to(device), self.weight.to(device))


def lab(rgb: Tensor) -> Tensor:
    """Turn sRGB into CIE L*a*b* under D50, a hundredth of each: black to white is 1.

    Goes on in straight lines below 0, so that slopes are finite anywhere.

    Args:
        rgb: (B, 3, H, W), nominally in [0, 1].

    Returns:
        (B, 3, H, W): L* from 0 to 1, a* and b* about ±1.3.
    """
    light = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb.clamp(min=0.04045) + 0.055) / 1.055).pow(2.4))
    relative = torch.from_numpy(XYZ_OF_SRGB / XYZ_OF_SRGB.sum(axis=1, keepdims=True)).to(rgb)
    xyz = torch.einsum("ij,bjhw->bihw", relative, light)
    bent = torch.where(xyz > _BENT, xyz.clamp(min=_BENT).pow(1 / 3), xyz * ((29 / 6) ** 2 / 3) + 4 / 29)
    x, y, z = bent.unbind(1)
    return torch.stack([1.16 * y - 0.16, 5 * (x - y), 2 * (y - z)], dim=1)


def colour_error(
    pictures: Tensor, strokes: Strokes, *, tolerance: int = 0, coarseness: int = COARSENESS
) -> Tensor:
    """Measure how far colours are from those of the strokes, as the eye sees them.

    Means over 2 and 4 pixels count as much as the pixels, each over what broad strokes cover of it: the
    colour of a stroke matters more than its grain, and nothing outside the strokes matters at all.

    Args:
        pictures: (N, 3, R, R), nominally in [0, 1].
        strokes: what they should show.
        tolerance: pixels by which a line may be missed: of the colours so near to a pixel of a line, the
            best one counts. Broad strokes count where they are.
        coarseness: how many scales.

    Returns:
        (N,), the mean square of ΔE / 100 over the area of the strokes.
    """
    weight, lines = strokes.weight, strokes.lines() > 0
    wanted, seen = lab(strokes.colours), lab(pictures)
    square = (seen - wanted).square().sum(dim=1, keepdim=True)
    if tolerance and bool(lines.any()):
        square = torch.where(lines, _nearest(seen, wanted, tolerance), square)
    total = (weight * square).sum(dim=(1, 2, 3)) / weight.sum().clamp(min=_EMPTY)
    # A line says nothing of what is around it, unless there is nothing else.
    broad = weight * ~lines
    cover = broad if bool(broad.any()) else weight
    apart = (seen - wanted) * cover
    for _ in range(1, coarseness):
        apart, cover = F.avg_pool2d(apart, 2), F.avg_pool2d(cover, 2)
        # The square of the mean over what is covered, times how much that is.
        error = apart.square().sum(dim=1, keepdim=True) / cover.clamp(min=_EMPTY)
        total = total + error.sum(dim=(1, 2, 3)) / cover.sum().clamp(min=_EMPTY)
    return total / coarseness


def edge_error(pictures: Tensor, strokes: Strokes) -> Tensor:
    """Measure how far edges run from the directions of the outlines among the strokes.

    Args:
        pictures: (N, 3, R, R), nominally in [0, 1].
        strokes: what they should show; where they have no thin dark strokes, nothing counts.

    Returns:
        (N,), the mean square distance of histograms of gradients along the outlines, times their part of the
        strokes' area; the latter for pictures without any edge there, 0 without outlines.

    Source: section 4.1 of the paper; Dalal, Triggs, "Histograms of oriented gradients for human detection",
        CVPR 2005.
    Departs: cells overlap by half, and a histogram has a length below 1 where edges are faint, so that noise
        has no direction.
    """
    lines = strokes.lines()
    if not bool(lines.any()):
        return pictures.new_zeros(len(pictures))
    wanted = histograms(1 - lines)
    seen = histograms(_gray(pictures))
    weight = _cells(lines)
    apart = (seen - wanted).square().sum(dim=1, keepdim=True) * weight
    return apart.sum(dim=(1, 2, 3)) / weight.sum() * (lines.sum() / strokes.weight.sum())


def keep_error(pictures: Tensor, kept: Tensor, strokes: Strokes, *, rim: int = 2) -> Tensor:
    """Measure what changed outside the strokes.

    Args:
        pictures: (N, 3, R, R), nominally in [0, 1].
        kept: (1, 3, R, R), what they should stay like.
        strokes: where change is wanted.
        rim: pixels around the strokes that may change, too.

    Returns:
        (N,), the mean square of ΔE / 100 over the rest.
    """
    weight = 1 - F.max_pool2d(strokes.weight, 2 * rim + 1, stride=1, padding=rim)
    apart = (lab(pictures) - lab(kept)).square().sum(dim=1, keepdim=True) * weight
    return apart.sum(dim=(1, 2, 3)) / weight.sum().clamp(min=_EMPTY)


def histograms(gray: Tensor) -> Tensor:
    """Count in which directions a picture changes, cell by cell.

    Args:
        gray: (N, 1, R, R).

    Returns:
        (N, BINS, rows, columns): lengths at most 1, near 0 where nothing changes. Light to dark and dark to
        light are the same direction.
    """
    filled = F.pad(gray, [1] * 4, mode="replicate")
    across = (filled[:, :, 1:-1, 2:] - filled[:, :, 1:-1, :-2]) / 2
    down = (filled[:, :, 2:, 1:-1] - filled[:, :, :-2, 1:-1]) / 2
    strength = (across.square() + down.square() + _EMPTY**2).sqrt()
    # The angle doubled, so that half a turn is the whole circle.
    twice = torch.cat([across.square() - down.square(), 2 * across * down], dim=1) / strength.square()
    turns = torch.arange(BINS, device=gray.device, dtype=gray.dtype) * (2 * math.pi / BINS)
    axes = torch.stack([turns.cos(), turns.sin()], dim=1)
    # cos⁸ of the angle to the middle of each bin: as wide as a bin, without a jump at its ends.
    share = ((1 + torch.einsum("kc,nchw->nkhw", axes, twice)) / 2).pow(4)
    counts = _cells(strength * share)
    return counts / (counts.square().sum(dim=1, keepdim=True) + FAINT**2).sqrt()


def _cells(maps: Tensor) -> Tensor:
    """Means over cells that overlap by half; over all of it for pictures smaller than a cell."""
    side = min(CELL, maps.shape[-1])
    return F.avg_pool2d(maps, side, stride=max(side // 2, 1))


def _gray(pictures: Tensor) -> Tensor:
    weights = torch.from_numpy(LUMINANCE).to(pictures)
    return (pictures * weights[:, None, None]).sum(dim=1, keepdim=True)


def _nearest(seen: Tensor, wanted: Tensor, reach: int) -> Tensor:
    """The least square distance of a colour to those up to some pixels away, (N, 1, R, R)."""
    side = seen.shape[-1]
    filled = F.pad(seen, [reach] * 4, mode="replicate")
    best: Tensor | None = None
    for dy in range(2 * reach + 1):
        for dx in range(2 * reach + 1):
            moved = filled[:, :, dy : dy + side, dx : dx + side]
            error = (moved - wanted).square().sum(dim=1, keepdim=True)
            best = error if best is None else torch.minimum(best, error)
    return seen.new_zeros(()) if best is None else best
