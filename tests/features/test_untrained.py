"""The feature network of random numbers."""

from __future__ import annotations

import pytest
import torch

from retouch.errors import InputError, UnknownName
from retouch.features import Vgg, untrained
from retouch.features.filling import filled
from tests.features.originals import as_imagenet, photos


def test_a_seed_gives_the_same_network_and_another_seed_another() -> None:
    one, other, third = (untrained(seed, width=0.1)[0].state_dict() for seed in (3, 3, 4))
    for key, tensor in one.items():
        assert torch.equal(tensor, other[key])
    assert not torch.equal(one["conv3_2.weight"], third["conv3_2.weight"])
    assert not torch.equal(one["conv3_2.weight"], one["conv3_3.weight"])


def test_the_callers_random_numbers_are_left_alone() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    untrained(5, width=0.05)
    assert torch.equal(torch.get_rng_state(), before)


def test_it_is_a_frozen_vgg19_of_the_width_that_was_asked_for() -> None:
    network, card = untrained(7, width=0.125)
    assert network.layers == Vgg(widths=(1, 1, 1, 1, 1)).layers
    assert network.widths == (8, 16, 32, 64, 64)
    assert untrained(width=0.001)[0].widths == (1, 1, 1, 1, 1)
    assert not network.training
    assert not any(item.requires_grad for item in network.parameters())
    assert (card.name, card.task, card.architecture, card.seed) == ("random", "features", "vgg", 7)
    # The card alone says how to build it.
    again = filled(card.sizes, network.state_dict())
    assert (again.pooling, again.border) == (network.pooling, network.border) == ("average", "reflect")
    assert torch.equal(again(photos(), ["relu4_2"])["relu4_2"], network(photos(), ["relu4_2"])["relu4_2"])


@torch.no_grad()
def test_the_variance_is_kept_from_layer_to_layer() -> None:
    network, _ = untrained(0)
    found = network(photos(64, 64), network.layers)
    # What He's deviation is for: half the square is lost in a ReLU, and the next weights make up for it.
    # By hand: E[conv²] = 9 · inputs · 2 / (9 · inputs) · E[in²] = 2 E[in²], of the same at every place.
    for stage, number in ((1, 2), (3, 2), (3, 3), (4, 3), (5, 4)):
        before = found[f"relu{stage}_{number - 1}"].square().mean()
        here = found[f"conv{stage}_{number}"].square().mean()
        assert 1.0 < here / before < 3.0, (stage, number)
    assert 0.02 < found["relu5_4"].square().mean() < 20
    wanted = torch.nn.functional.avg_pool2d(found["relu1_2"], 2)
    torch.testing.assert_close(found["pool1"], wanted)
    # The preparation is ImageNet's, so that its first filters see numbers around nought.
    first = network.convolution("conv1_1")
    padded = torch.nn.functional.pad(as_imagenet(photos(64, 64)), (1, 1, 1, 1), mode="reflect")
    expected = torch.nn.functional.conv2d(padded, first.weight, first.bias)
    torch.testing.assert_close(found["conv1_1"], expected, rtol=1e-4, atol=1e-4)


def test_choices_that_cannot_be_meant() -> None:
    for width in (0, -1, 5, float("nan")):
        with pytest.raises(InputError, match="the part of VGG-19's channels"):
            untrained(width=width)
    with pytest.raises(UnknownName, match="pooling"):
        untrained(width=0.1, pooling="median")  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match="border"):
        untrained(width=0.1, border="mirror")  # type: ignore[arg-type]
