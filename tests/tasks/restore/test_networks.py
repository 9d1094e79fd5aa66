"""The published networks: their sizes, their shapes, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from retouch.errors import InputError
from retouch.tasks.restore.network.dncnn import DnCNN
from retouch.tasks.restore.network.imdn import IMDN
from retouch.tasks.restore.network.rrdb import RRDBNet
from retouch.tasks.restore.network.srresnet import MSRResNet, SRResNet
from retouch.tasks.restore.network.srvgg import SRVGGNetCompact
from tests.tasks.restore.originals import randomised

SMALL: dict[str, tuple[Callable[[], nn.Module], int, int]] = {
    "imdn": (lambda: IMDN(width=32, blocks=2), 4, 3),
    "imdn x3, gray": (lambda: IMDN(width=16, blocks=1, scale=3, channels=1), 3, 1),
    "srresnet": (lambda: SRResNet(width=8, blocks=2), 4, 3),
    "srresnet x1": (lambda: SRResNet(width=8, blocks=1, doublings=0, bent=True), 1, 3),
    "msrresnet": (lambda: MSRResNet(width=8, blocks=2), 4, 3),
    "msrresnet x3": (lambda: MSRResNet(width=8, blocks=1, scale=3), 3, 3),
    "dncnn": (lambda: DnCNN(depth=8, width=8), 1, 1),
    "rrdb": (lambda: RRDBNet(width=8, blocks=1, growth=4), 4, 3),
    "rrdb x2": (lambda: RRDBNet(width=8, blocks=1, growth=4, unshuffle=2), 2, 3),
    "rrdb x8": (lambda: RRDBNet(width=8, blocks=1, growth=4, doublings=3, channels=1), 8, 1),
    "srvgg": (lambda: SRVGGNetCompact(width=8, depth=2), 4, 3),
    "srvgg x1": (lambda: SRVGGNetCompact(width=8, depth=0, scale=1), 1, 3),
}
"""What it is → how it is made, its scale, its channels."""


@pytest.mark.parametrize(
    ("make", "parameters"),
    [
        (IMDN, 715_176),
        # 734,092 with ten normalisations of 128 each.
        (lambda: SRResNet(bent=True), 734_092 - 10 * 128),
        (MSRResNet, 1_517_571),
        (DnCNN, 555_137),
        (lambda: DnCNN(depth=20, channels=3), 668_227),
        (RRDBNet, 16_697_987),
        (lambda: RRDBNet(unshuffle=2), 16_703_171),
        (lambda: RRDBNet(blocks=6), 4_467_779),
        (SRVGGNetCompact, 621_424),
        (lambda: SRVGGNetCompact(depth=32), 1_213_296),
    ],
)
def test_full_sizes_have_the_published_counts(make: Callable[[], nn.Module], parameters: int) -> None:
    with torch.device("meta"):
        network = make()
    assert sum(item.numel() for item in network.parameters()) == parameters
    assert len(network.state_dict()) == len(list(network.parameters()))


@pytest.mark.parametrize("name", SMALL)
def test_any_size_and_layout_in_memory(name: str) -> None:
    make, scale, channels = SMALL[name]
    network = randomised(make())
    assert getattr(network, "scale", 1) == scale
    x = torch.rand(2, channels, 10, 14, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        made = network(x)
        last = network.to(memory_format=torch.channels_last)(x.to(memory_format=torch.channels_last))
    assert made.shape == (2, channels, scale * 10, scale * 14)
    assert made.std() > 0.01
    torch.testing.assert_close(last, made, rtol=0, atol=1e-5)
    torch.testing.assert_close(network(x[1:]), made[1:], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", SMALL)
def test_everything_learns_and_the_input_stays(name: str) -> None:
    make, _, channels = SMALL[name]
    network = randomised(make())
    x = torch.rand(1, channels, 8, 8, generator=torch.Generator().manual_seed(2))
    before = x.clone()
    network(x).square().sum().backward()
    assert torch.equal(x, before)
    assert all(item.grad is not None and item.grad.abs().sum() > 0 for item in network.parameters())


def test_srgan_gives_pictures() -> None:
    network = randomised(SRResNet(width=8, blocks=1))
    with torch.no_grad():
        made = network(100 * torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(2)))
    assert made.min() == 0
    assert made.max() == 1


def test_the_contrast_of_a_flat_picture_is_nothing() -> None:
    network = randomised(IMDN(width=16, blocks=1))
    assert torch.isfinite(network(torch.full((1, 3, 8, 8), 0.5))).all()


@pytest.mark.parametrize(
    ("make", "sizes"),
    [
        (IMDN, {"width": 24}),
        (IMDN, {"width": 0}),
        (IMDN, {"blocks": 0}),
        (IMDN, {"scale": 0}),
        (SRResNet, {"doublings": -1}),
        (SRResNet, {"doublings": 10**9}),
        (SRResNet, {"blocks": 0}),
        (MSRResNet, {"scale": 5}),
        (MSRResNet, {"channels": 0}),
        (DnCNN, {"depth": 1}),
        (DnCNN, {"width": 0}),
        (RRDBNet, {"unshuffle": 3}),
        (RRDBNet, {"unshuffle": 8}),
        (RRDBNet, {"unshuffle": 0}),
        (RRDBNet, {"doublings": -1}),
        (RRDBNet, {"doublings": 10**9}),
        (RRDBNet, {"growth": 0}),
        (SRVGGNetCompact, {"depth": -1}),
        (SRVGGNetCompact, {"scale": 0}),
    ],
)
def test_impossible_sizes_are_named(make: Callable[..., nn.Module], sizes: dict[str, Any]) -> None:
    with torch.device("meta"), pytest.raises(InputError, match=str(next(iter(sizes.values())))):
        make(**sizes)
