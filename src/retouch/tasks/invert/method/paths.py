"""Ways through codes: straight, around a centre, or smooth; every one passes exactly through its keys."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from retouch.errors import InputError, UnknownName

Route = Literal["linear", "spherical", "cubic"]
"""``linear``: straight from key to key. ``spherical``: around a centre, so that codes stay as far from it as
the keys are. ``cubic``: smoothly through the keys."""

_PARALLEL = 1e-4
"""Sine of the angle below which two directions are one, or opposite, and the way between them is straight."""


def along(
    keys: Tensor,
    times: Tensor,
    route: Route = "linear",
    *,
    closed: bool = False,
    centre: Tensor | None = None,
) -> Tensor:
    """Give the codes on a way.

    Args:
        keys: (K, …, D), two or more codes.
        times: (N,), from 0 at the first key: key k is at time k. Up to K − 1, or up to K, which is the first
            key again, on a way that is closed.
        route: the kind of way.
        closed: whether it leads back to the first key.
        centre: (D,), around which it leads when it is spherical; zero when None.

    Returns:
        (N, …, D); at a key's time the key itself, bit for bit.

    Raises:
        UnknownName: there is no such way.
        InputError: there are fewer than two keys, or a time lies outside.

    Source: Shoemake, "Animating Rotation with Quaternion Curves", SIGGRAPH 1985, for the spherical way;
        Catmull, Rom, "A Class of Local Interpolating Splines", 1974, for the cubic one.
    Departs: between keys of unlike lengths the length changes evenly; opposite keys, between which no way
        around is the shortest, are joined straight. At the ends of an open way the neighbour that a
        Catmull–Rom spline lacks is the end reflected about: with two keys it is the straight way.
    """
    if route not in get_args(Route):
        raise UnknownName("path", route, get_args(Route))
    count = len(keys)
    if count < 2:
        raise InputError(f"a way through {count} code was asked for; give at least two")
    end = count if closed else count - 1
    if len(times) and not (float(times.min()) >= 0 and float(times.max()) <= end):
        raise InputError(f"times run from {float(times.min()):g} to {float(times.max()):g}; give 0 to {end}")
    segment = times.floor().long().clamp(max=end - 1)
    share = (times - segment).to(keys.dtype).to(keys.device)
    segment = segment.to(keys.device)
    share = share.reshape(-1, *[1] * (keys.dim() - 1))
    first, second = keys[segment], keys[(segment + 1) % count]
    if route == "linear":
        found = torch.lerp(first, second, share)
    elif route == "spherical":
        middle = torch.zeros_like(keys[0]) if centre is None else centre
        found = middle + around(first - middle, second - middle, share)
    else:
        before = _beyond(keys, segment - 1, 0, 1, closed=closed)
        after = _beyond(keys, segment + 2, count - 1, count - 2, closed=closed)
        found = smooth(before, first, second, after, share)
    # Rounding must not move what was asked for exactly.
    found = torch.where(share == 0, first, found)
    return torch.where(share == 1, second, found)


def around(first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    """Turn one vector into another.

    Args:
        first: (…, D).
        second: (…, D).
        share: how far, 0 to 1, of a shape that goes with theirs.

    Returns:
        (…, D): the direction turns at an even rate, and the length changes at an even rate. Where the
        directions are the same or opposite, or a vector is zero, the straight way.
    """
    lengths = [each.norm(dim=-1, keepdim=True) for each in (first, second)]
    units = [
        each / length.clamp_min(torch.finfo(each.dtype).tiny)
        for each, length in zip((first, second), lengths, strict=True)
    ]
    # From the chords: the arc cosine of nearly parallel directions has few digits.
    apart = (units[0] - units[1]).norm(dim=-1, keepdim=True)
    beside = (units[0] + units[1]).norm(dim=-1, keepdim=True)
    angle = 2 * torch.atan2(apart, beside)
    sine = angle.sin()
    straight = (sine < _PARALLEL) | (lengths[0] == 0) | (lengths[1] == 0)
    safe = torch.where(straight, torch.ones_like(sine), sine)
    turned = (((1 - share) * angle).sin() * units[0] + (share * angle).sin() * units[1]) / safe
    return torch.where(
        straight, torch.lerp(first, second, share), turned * torch.lerp(lengths[0], lengths[1], share)
    )


def smooth(before: Tensor, first: Tensor, second: Tensor, after: Tensor, share: Tensor) -> Tensor:
    """Go from one point to the next, with slopes that suit their neighbours.

    Args:
        before: (…), the point before the first.
        first: (…).
        second: (…).
        after: (…), the point after the second.
        share: how far, 0 to 1.

    Returns:
        (…): the cubic from first to second whose slopes there are half the way between the neighbours.
    """
    slopes = (second - before) / 2, (after - first) / 2
    squared, cubed = share**2, share**3
    return (
        (2 * cubed - 3 * squared + 1) * first
        + (cubed - 2 * squared + share) * slopes[0]
        + (3 * squared - 2 * cubed) * second
        + (cubed - squared) * slopes[1]
    )


def _beyond(keys: Tensor, number: Tensor, end: int, inner: int, *, closed: bool) -> Tensor:
    """Keys by number; past an end the last but one reflected about it, on a closed way the other end's."""
    count = len(keys)
    found = keys[number % count]
    if closed:
        return found
    outside = ((number < 0) | (number >= count)).reshape(-1, *[1] * (keys.dim() - 1))
    return torch.where(outside, 2 * keys[end] - keys[inner], found)
