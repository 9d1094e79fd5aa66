"""Features given other moments: whitened and coloured, or transported."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from retouch.tasks.stylize.method.moments import Moments, moments
from retouch.tasks.stylize.method.whitening import Affine, coloured, mixed, transported

both = pytest.mark.parametrize("between", [coloured, transported])


def features(seed: int, channels: int = 6, side: int = 20) -> Tensor:
    """(1, C, h, w) whose channels depend on each other."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(channels, channels, generator=generator)
    x = torch.randn(channels, side * side, generator=generator)
    return (mixing @ x + torch.randn(channels, 1, generator=generator)).view(1, channels, side, side)


def near(found: Moments, wanted: Moments, tolerance: float = 1e-3) -> bool:
    return torch.allclose(found.mean, wanted.mean, atol=tolerance) and torch.allclose(
        found.covariance, wanted.covariance, atol=tolerance * float(wanted.covariance.abs().max())
    )


@both
def test_the_moments_afterwards_are_the_styles(between: Callable[[Moments, Moments], Affine]) -> None:
    content, style = features(1), features(2)
    have, want = moments(content), moments(style)
    assert not near(have, want, 0.1)
    assert near(moments(between(have, want)(content)), want)


@both
def test_features_are_left_alone_by_their_own_moments(
    between: Callable[[Moments, Moments], Affine],
) -> None:
    content = features(1)
    have = moments(content)
    assert torch.allclose(between(have, have)(content), content, atol=1e-3)


def test_a_map_of_two_channels_by_hand() -> None:
    # Uncorrelated channels of deviation 1 and 2 to deviation 3 and 1: scaled by 3 and 1/2, mean 0 to (5, 7).
    have = Moments(torch.zeros(2), torch.diag(torch.tensor([1.0, 4.0])))
    want = Moments(torch.tensor([5.0, 7.0]), torch.diag(torch.tensor([9.0, 1.0])))
    for between in (coloured, transported):
        found = between(have, want)
        assert torch.allclose(found.matrix, torch.diag(torch.tensor([3.0, 0.5])), atol=1e-6)
        assert torch.allclose(found.shift, want.mean)


def test_transport_is_symmetric_and_moves_features_less() -> None:
    content, style = features(3), features(4)
    have, want = moments(content), moments(style)
    carried, painted = transported(have, want), coloured(have, want)
    assert torch.allclose(carried.matrix, carried.matrix.T, atol=1e-4)
    assert not torch.allclose(painted.matrix, painted.matrix.T, atol=1e-2)
    moved, more = ((one(content) - content).square().mean() for one in (carried, painted))
    assert moved < 0.95 * more


@both
def test_a_channel_that_does_not_vary_gets_the_styles_mean(
    between: Callable[[Moments, Moments], Affine],
) -> None:
    content = features(5)
    content[:, 2] = 1.5
    trembling = content + 1e-4 * (features(7) - features(8)) * (torch.arange(6) == 2).view(1, 6, 1, 1)
    made, again = (between(moments(x), moments(features(6)))(x) for x in (content, trembling))
    assert torch.isfinite(made).all()
    assert torch.allclose(made.mean((2, 3)), features(6).mean((2, 3)), atol=1e-3)
    # What hardly varies is not blown up to the style's spread.
    assert torch.allclose(made, again, atol=0.02)


def test_a_part_of_a_map_lies_between() -> None:
    content = features(1)
    whole = coloured(moments(content), moments(features(2)))
    assert torch.allclose(whole.part(0.25)(content), torch.lerp(content, whole(content), 0.25), atol=1e-4)


def test_a_mixture_of_maps_gives_the_mixture_of_what_they_give() -> None:
    content = features(1)
    maps = [coloured(moments(content), moments(features(seed))) for seed in (2, 3)]
    wanted = 0.75 * maps[0](content) + 0.25 * maps[1](content)
    assert torch.allclose(mixed(maps, [0.75, 0.25])(content), wanted, atol=1e-4)
