"""How good the filling of a hole is: errors inside it, the seam along its edge, its texture.

Averages over a whole picture are mostly about pixels that nobody changed. These are about the hole:
:func:`hole_l1`, :func:`hole_psnr` and :func:`hole_ssim` compare it with the true picture, :func:`seam`
looks for a step along its edge. :mod:`retouch.metrics.hole_patches` compares the texture of many
filled holes. All of them compute in float32 or float64 also under autocast.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import pad

from retouch.errors import EmptyMask, SizeMismatch
from retouch.metrics.fidelity import RADIUS, ssim_maps
from retouch.nn.stacks import check_pair

Border = Literal["mirror", "zeros"]
"""What lies around a picture for a window that reaches beyond it."""


def hole_l1(picture: Tensor, target: Tensor, hole: Tensor) -> Tensor:
    """Mean absolute difference inside the hole, of each pair.

    Args:
        picture: (B, C, H, W) in [0, 1], what was filled.
        target: like ``picture``, the true one.
        hole: (B, 1, H, W), 1 = hole; a pixel counts from one half on.

    Returns:
        (B,) float64, the mean over the hole's pixels and the channels.

    Raises:
        SizeMismatch: The three do not fit each other.
        InputError: A stack is not of floating-point numbers (B, C, H, W).
        EmptyMask: A picture has no hole.
    """
    inside = _inside(picture, target, hole)
    return _mean_inside((picture.double() - target.double()).abs(), inside)


def hole_psnr(picture: Tensor, target: Tensor, hole: Tensor) -> Tensor:
    """Peak signal-to-noise ratio inside the hole in decibels, of each pair.

    Args:
        picture: as in :func:`hole_l1`.
        target: as in :func:`hole_l1`.
        hole: as in :func:`hole_l1`.

    Returns:
        (B,) float64, 10·log₁₀(1 / mean squared difference over the hole); infinite where it is identical.

    Raises:
        SizeMismatch: as in :func:`hole_l1`.
        InputError: as in :func:`hole_l1`.
        EmptyMask: as in :func:`hole_l1`.
    """
    inside = _inside(picture, target, hole)
    return -10 * torch.log10(_mean_inside((picture.double() - target.double()).square(), inside))


def hole_ssim(picture: Tensor, target: Tensor, hole: Tensor, *, dtype: torch.dtype = torch.float64) -> Tensor:
    """Structural similarity inside the hole, of each pair: the mean of SSIM's map over the hole's pixels.

    The window of a hole's pixel is whole: it also sees what is around the hole, as the eye does. At
    the border of the picture it sees the mirrored picture, so that no pixel of the hole is left out.
    This is the mean over the hole of the map that scikit-image's ``structural_similarity(full=True,
    gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1)`` gives.

    Args:
        picture: as in :func:`hole_l1`; of any size.
        target: as in :func:`hole_l1`.
        hole: as in :func:`hole_l1`.
        dtype: the arithmetic; float32 is three times as fast and right to about 1e-5.

    Returns:
        (B,) in [-1, 1], float64; 1 where the surroundings of the hole are identical, too.

    Raises:
        SizeMismatch: as in :func:`hole_l1`.
        InputError: as in :func:`hole_l1`.
        EmptyMask: as in :func:`hole_l1`.

    Source:
        Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment", IEEE TIP 2004. Departs: colour
        channels are averaged; restricted to the hole.
    """
    inside = _inside(picture, target, hole)
    return _mean_inside(similarity_map(picture, target, dtype=dtype).double(), inside)


def similarity_map(
    a: Tensor, b: Tensor, *, border: Border = "mirror", dtype: torch.dtype = torch.float64
) -> Tensor:
    """SSIM around every pixel, by an 11×11 Gaussian window of σ = 1.5 and population covariance.

    Args:
        a: (B, C, H, W) in [0, 1], of any size.
        b: like ``a``.
        border: what a window sees outside the picture: the mirrored picture, as in scikit-image, or
            zeros, as in LaMa's evaluation, whose SSIM is the mean of this map.
        dtype: the arithmetic.

    Returns:
        (B, C, H, W) of ``dtype``, in [-1, 1].

    Raises:
        SizeMismatch: The stacks have different shapes.
        InputError: A stack is not of floating-point numbers (B, C, H, W).
    """
    check_pair(a, b)
    luminance, structure = ssim_maps(_framed(a.to(dtype), border), _framed(b.to(dtype), border))
    return luminance * structure


def seam(picture: Tensor, hole: Tensor) -> Tensor:
    """How much steeper a picture is across the edge of a hole than beside it.

    For every pair of neighbours, one in the hole and one outside, it takes the step between them, and
    the steps of the same direction right beside: from the pixel further in, and to the one further out.
    It is the mean step across less the mean of the inner and of the outer steps. A step beside that
    would leave the picture or cross the edge again does not count; where one side has none, the other
    counts for both; where neither has, nothing is subtracted. An untouched photo has about 0.

    Args:
        picture: (B, C, H, W) in [0, 1].
        hole: (B, 1, H, W), 1 = hole; a pixel counts from one half on.

    Returns:
        (B,) float64, in levels of 8 bits, signed: below 0 the edge is smoother than what lies beside it.
        A step between two pixels is the mean absolute difference over the channels. NaN where there is no
        edge: no hole, or nothing but hole.

    Raises:
        SizeMismatch: The two do not fit each other.
        InputError: A stack is not of floating-point numbers (B, C, H, W).
    """
    inside = selected(picture, hole)[:, 0]
    sums = torch.zeros(3, len(picture), dtype=torch.float64, device=picture.device)
    counts = torch.zeros_like(sums)
    colours = picture.double()
    for axis in (-2, -1):
        _add_steps(colours.movedim(axis, -1), inside.movedim(axis, -1), sums, counts)
    across, inner, outer = (sums / counts).unbind()  # NaN where there is none
    beside = torch.stack((inner, outer)).nanmean(dim=0).nan_to_num(nan=0.0)
    return 255 * (across - beside)


def selected(picture: Tensor, hole: Tensor) -> Tensor:
    """Say which pixels are the hole's.

    Args:
        picture: (B, C, H, W).
        hole: (B, 1, H, W), 1 = hole; a pixel counts from one half on.

    Returns:
        (B, 1, H, W) bool.

    Raises:
        SizeMismatch: The two do not fit each other.
        InputError: The picture is not of floating-point numbers (B, C, H, W).
    """
    check_pair(picture, picture)
    if hole.shape != (len(picture), 1, *picture.shape[2:]):
        raise SizeMismatch(
            f"the hole is {tuple(hole.shape)} and the picture {tuple(picture.shape)}; "
            f"it must be {(len(picture), 1, *picture.shape[2:])}, 1 = hole"
        )
    return hole >= 0.5


def check_holes(inside: Tensor) -> None:
    """Check that every picture has a hole.

    Args:
        inside: (B, 1, H, W) bool.

    Raises:
        EmptyMask: One has none.
    """
    if not (whole := inside.flatten(1).any(dim=1)).all():
        missing = int((~whole).nonzero()[0])
        raise EmptyMask(
            f"picture {missing} of {len(inside)} has no hole to be measured in; leave it out, "
            "or check that 1 means hole"
        )


def exactly(like: Tensor) -> AbstractContextManager[object]:
    """Compute as written although the caller is under autocast.

    Args:
        like: a tensor of the device that is meant.
    """
    return torch.autocast(like.device.type, enabled=False)


def _add_steps(colours: Tensor, inside: Tensor, sums: Tensor, counts: Tensor) -> None:
    """Add the steps along the last axis to the sums (3, B): across the edge, inside, outside."""
    if inside.shape[-1] < 2:
        return
    step = (
        (colours[..., 1:] - colours[..., :-1]).abs().mean(dim=1)
    )  # (B, H, W − 1), from each pixel to the next
    crosses = inside[..., 1:] != inside[..., :-1]
    # The step that comes before a crossing one, and the one that comes after it.
    before = crosses[..., 1:] & ~crosses[..., :-1], step[..., :-1], inside[..., 1:-1]
    after = crosses[..., :-1] & ~crosses[..., 1:], step[..., 1:], inside[..., 1:-1]
    _add(sums, counts, 0, crosses, step)
    for beside, size, hole in (before, after):
        _add(sums, counts, 1, beside & hole, size)
        _add(sums, counts, 2, beside & ~hole, size)


def _add(sums: Tensor, counts: Tensor, row: int, chosen: Tensor, values: Tensor) -> None:
    sums[row] += torch.where(chosen, values, 0).sum(dim=(1, 2))
    counts[row] += chosen.sum(dim=(1, 2))


def _framed(stack: Tensor, border: Border) -> Tensor:
    """Give a stack a frame of the window's radius."""
    if border == "zeros":
        return pad(stack, (RADIUS, RADIUS, RADIUS, RADIUS))
    for axis in (2, 3):
        length = stack.shape[axis]
        place = torch.arange(-RADIUS, length + RADIUS, device=stack.device) % (2 * length)
        stack = stack.index_select(axis, torch.where(place < length, place, 2 * length - 1 - place))
    return stack


def _inside(picture: Tensor, target: Tensor, hole: Tensor) -> Tensor:
    """(B, 1, H, W) bool, after everything was found to fit."""
    check_pair(picture, target)
    inside = selected(picture, hole)
    check_holes(inside)
    return inside


def _mean_inside(values: Tensor, inside: Tensor) -> Tensor:
    """(B,): the mean over the hole's pixels and all channels."""
    total = torch.where(inside, values, 0).sum(dim=(1, 2, 3))
    return total / (inside.sum(dim=(1, 2, 3)) * values.shape[1])
