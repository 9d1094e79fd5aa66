"""The image transformation network, and that it can be computed in pieces."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from retouch.errors import InputError
from retouch.nn.pieces import stream
from retouch.nn.pieces.plan import plan_of
from retouch.tasks.stylize.network.fast import FastStyle
from tests.tasks.stylize import toys


def test_the_size_stays_and_the_published_network_has_its_number_of_weights() -> None:
    assert sum(weight.numel() for weight in FastStyle().parameters()) == 1_679_235  # files of 6.7 MB
    x = torch.rand(2, 3, 12, 20, generator=torch.Generator().manual_seed(0))
    made = toys.fast()(x)
    assert made.shape == x.shape
    assert made.std() > 0.05


def test_a_constant_added_to_the_picture_changes_nothing() -> None:
    # Instance normalisation after the first convolution takes it out again, over a border that is reflected.
    x = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    network = toys.fast()
    assert torch.allclose(network(x), network(x + 3), atol=1e-3)
    assert not torch.allclose(network(x), network(x * x), atol=1e-2)


def test_normalised_at_the_entry_only() -> None:
    network = FastStyle(width=4, blocks=2, norm="entry")
    normed = [name for name, module in network.named_modules() if isinstance(module, nn.InstanceNorm2d)]
    assert normed == ["stem.norm", "down.0.norm", "down.1.norm"]


@given(
    norm=st.sampled_from(["everywhere", "entry"]),
    rows=st.integers(2, 12),
    columns=st.integers(2, 12),
    tile=st.integers(12, 80),
)
@settings(max_examples=25, deadline=None)
def test_pieces_give_the_whole(norm: Any, rows: int, columns: int, tile: int) -> None:
    network = toys.lively(FastStyle(width=4, blocks=2, norm=norm))
    generator = torch.Generator().manual_seed(rows * columns)
    x = torch.rand(1, 3, 4 * rows, 4 * columns, generator=generator)
    x = x * torch.linspace(0.1, 1, 4 * rows)[:, None]
    with torch.no_grad():
        whole = network(x)
    plan = plan_of(network)
    assert torch.allclose(stream.apply(plan, x), whole, atol=1e-5)
    assert torch.allclose(stream.apply(plan, x, tile=tile, limit=20_000), whole, atol=1e-4)


@pytest.mark.parametrize("sizes", [{"width": 0}, {"blocks": -1}])
def test_sizes_that_cannot_be_built_are_refused(sizes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="width is at least 1"):
        FastStyle(**sizes)
