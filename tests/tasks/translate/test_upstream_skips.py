"""U-Nets from before October 2017 joined skips the other way round; the stored means tell."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from retouch.tasks.translate.upstream.skips import joined_in_old_order
from tests.tasks.translate import originals
from tests.tasks.translate.test_upstream import assert_same, rebuilt


def trained(*, old_order: bool, seed: int = 0) -> nn.Module:
    """A U-Net whose running statistics are those of its own maps, as after training."""
    network = originals.randomised(originals.unet(width=12, dropout=False, old_order=old_order), seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
            module.reset_running_stats()
    numbers = torch.Generator().manual_seed(seed)
    network.train()
    with torch.no_grad():
        for _ in range(4):
            network(torch.rand(2, 3, 64, 64, generator=numbers) * 2 - 1)
    return network.eval()


@pytest.mark.parametrize("seed", range(3))
def test_the_order_is_told_from_the_means(seed: int) -> None:
    for old_order in (False, True):
        state = originals.uncounted(trained(old_order=old_order, seed=seed).state_dict())
        assert joined_in_old_order(state, 5) is old_order


@pytest.mark.parametrize("old_order", [False, True])
def test_either_computes_what_it_computed(old_order: bool) -> None:
    original = trained(old_order=old_order)
    network, _ = rebuilt(originals.uncounted(original.state_dict()))
    assert_same(network, original, 32)


def test_a_file_that_counts_batches_is_younger() -> None:
    assert not joined_in_old_order(trained(old_order=True).state_dict(), 5)


def test_statistics_that_fit_neither_order_mean_todays() -> None:
    state = originals.uncounted(originals.randomised(originals.unet(width=12)).state_dict())
    numbers = torch.Generator().manual_seed(0)
    for _ in range(300):
        for key, tensor in state.items():
            if key.endswith("running_mean"):
                tensor.normal_(generator=numbers)
        assert not joined_in_old_order(state, 5)


@pytest.mark.parametrize("value", [0.0, 1.0, float("nan")])
def test_statistics_without_information_mean_todays(value: float) -> None:
    state: dict[str, Tensor] = originals.uncounted(trained(old_order=True).state_dict())
    flat = {key: torch.full_like(item, value) for key, item in state.items() if "running" in key}
    assert not joined_in_old_order(state | flat, 5)


def test_without_statistics_todays_order_is_taken() -> None:
    state = originals.randomised(originals.unet(norm="instance-affine", width=12)).state_dict()
    assert not joined_in_old_order(state, 5)
    assert not joined_in_old_order(state, 2)
