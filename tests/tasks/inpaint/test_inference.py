"""The rearranged generator gives what the generator gives."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from retouch.tasks.inpaint.network import FFCGenerator
from retouch.tasks.inpaint.network.inference import prepared


def lived(network: torch.nn.Module) -> torch.nn.Module:
    """Give batch normalisation statistics as a training leaves them."""
    torch.manual_seed(3)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0.0, 0.3)  # type: ignore[union-attr]
            module.running_var.uniform_(0.3, 2.0)  # type: ignore[union-attr]
            torch.nn.init.uniform_(module.weight, 0.3, 2.0)
            torch.nn.init.normal_(module.bias, 0.0, 0.3)
    return network.eval()


VARIANTS: list[dict[str, Any]] = [
    {},
    {"ratio": 1.0},
    {"ratio": 0.0},
    {"ratio": 0.5, "lfu": True},
    {"local": "spectral"},
    {"local": "all-spectral"},
    {"edges": "mirror"},
    {"downsampling": 1},
    {"blocks": 0},
    {"activation": "tanh"},
]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_the_rearranged_network_is_the_network(variant: dict[str, Any]) -> None:
    network = lived(FFCGenerator(**{"width": 8, "blocks": 2, **variant}))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    x = torch.rand(2, 4, 40, 56)
    with torch.no_grad():
        wanted = network(x)
    found = prepared(network)(x)
    assert found.dtype == torch.float32
    assert wanted.std() > 1e-3
    torch.testing.assert_close(found, wanted, rtol=0, atol=2e-6)
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())


def test_sixteen_bits_are_close() -> None:
    network = lived(FFCGenerator(8, 3))
    x = torch.rand(1, 4, 64, 64)
    with torch.no_grad():
        wanted = network(x)
    found = prepared(network, "bfloat16")(x)
    assert found.dtype == torch.float32
    error = (found - wanted).square().mean().sqrt()
    assert 1e-6 < error < 0.1 * wanted.std()


def test_other_networks_are_called_as_they_are() -> None:
    network = torch.nn.Conv2d(4, 3, 3, padding=1).eval()
    x = torch.rand(1, 4, 16, 24)
    torch.testing.assert_close(prepared(network)(x), network(x).detach(), rtol=0, atol=1e-6)
    assert not torch.equal(prepared(network, "bfloat16")(x), network(x))
