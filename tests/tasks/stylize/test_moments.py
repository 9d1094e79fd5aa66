"""Moments are as exact in bfloat16 as in float32, and weights are what they say."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from retouch.tasks.stylize.method import moments as module
from retouch.tasks.stylize.method.moments import averages, by_position, moments


def features(channels: int, height: int, width: int, *, seed: int = 0) -> Tensor:
    """Channels that depend on each other and are far from 0, as after a ReLU."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(1, channels, height, width, generator=generator)
    mixing = torch.randn(channels, channels, generator=generator)
    return torch.einsum("oc,bchw->bohw", mixing, drawn).add(2.0).relu()


def test_by_hand() -> None:
    # Two channels at four positions: (1, 0), (3, 0), (1, 4), (3, 4). Means 2 and 2; variances 1 and 4; the
    # channels do not vary together.
    seen = torch.tensor([[1.0, 3.0, 1.0, 3.0], [0.0, 0.0, 4.0, 4.0]]).view(1, 2, 2, 2)
    found = moments(seen)
    torch.testing.assert_close(found.mean, torch.tensor([2.0, 2.0]))
    torch.testing.assert_close(found.covariance, torch.tensor([[1.0, 0.0], [0.0, 4.0]]))
    # The first row alone: the second channel is 0 there.
    found = moments(seen, torch.tensor([[[[1.0, 1.0], [0.0, 0.0]]]]))
    torch.testing.assert_close(found.mean, torch.tensor([2.0, 0.0]))
    torch.testing.assert_close(found.covariance, torch.tensor([[1.0, 0.0], [0.0, 0.0]]))


@pytest.mark.parametrize("channels", [3, 16, 24, 64, 80])
@pytest.mark.parametrize("last", [False, True])
def test_bfloat16_loses_nothing_but_the_features_own_rounding(channels: int, last: bool) -> None:
    seen = features(channels, 37, 40).bfloat16()
    if last:
        seen = seen.contiguous(memory_format=torch.channels_last)
    wanted = moments(seen.double())
    found = moments(seen)
    assert found.covariance.dtype == torch.float32
    size = float(wanted.covariance.diagonal().max())
    torch.testing.assert_close(found.mean.double(), wanted.mean, rtol=3e-5, atol=0)
    torch.testing.assert_close(found.covariance.double(), wanted.covariance, rtol=0, atol=1e-4 * size)


def test_without_exact_products_strips_do_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = features(24, 30, 30).bfloat16()
    fast = averages(by_position(seen))
    monkeypatch.setattr(module, "_exact_in_halves", lambda device: False)
    monkeypatch.setattr(module, "_STRIP", 24 * 7)
    slow = averages(by_position(seen))
    for one, other in zip(fast, slow, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(1, 6), st.integers(1, 6))
def test_weights_are_repetitions(seed: int, channels: int, height: int, width: int) -> None:
    seen = features(channels, height, width, seed=seed).double()
    generator = torch.Generator().manual_seed(seed)
    often = torch.randint(0, 3, (1, 1, height, width), generator=generator)
    often[..., 0, 0] += 1
    repeated = seen.flatten(2).repeat_interleave(often.flatten(), dim=2)[:, :, None]
    wanted, found = moments(repeated), moments(seen, often.double())
    torch.testing.assert_close(found.mean, wanted.mean)
    torch.testing.assert_close(found.covariance, wanted.covariance)
