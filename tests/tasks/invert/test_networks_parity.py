"""Whole networks against the published operations, carried out plainly in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import gradcheck, gradgradcheck

from retouch.tasks.invert.network import StyleGAN2, StyleGAN2Judge
from retouch.tasks.invert.network.judge import spread
from retouch.tasks.invert.network.modulated import ModulatedConv
from tests.tasks.invert import plain


def filled(network: nn.Module, seed: int = 0) -> nn.Module:
    """Give every tensor numbers that matter: no zero biases, no zero strengths."""
    draw = torch.Generator().manual_seed(seed)
    for name, tensor in network.state_dict().items():
        numbers = torch.randn(tensor.shape, generator=draw)
        if name.endswith("noise_strength"):
            numbers = numbers.abs() * 0.3 + 0.1
        elif name.startswith("mapping.fc") and name.endswith("weight"):
            numbers *= 100
        elif name.endswith("affine.bias"):
            numbers = 1 + numbers * 0.3
        elif name.endswith("bias"):
            numbers *= 0.3
        elif name.endswith("running_var"):
            numbers.abs_()
        tensor.copy_(numbers)
    return network.eval().requires_grad_(False)


def double(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.double() for name, tensor in network.state_dict().items()}


def noise_of(count: int, size: int, seed: int = 3) -> Tensor:
    return torch.randn((count, size), generator=torch.Generator().manual_seed(seed))


CASES: dict[str, dict[str, Any]] = {
    "64 px": {"side": 64, "channels": "32,32,24,16,8"},
    "256 px": {"side": 256, "channels": "16,16,16,16,8,8,4"},
    "residual": {"side": 32, "channels": "16,12,8,8", "design": "residual"},
    "original": {"side": 32, "channels": "16,12,8,8", "design": "original"},
    "classes": {"side": 16, "channels": "16,12,8", "classes": 5},
    "one colour": {"side": 16, "channels": "16,12,8", "colours": 1},
    "four colours": {"side": 16, "channels": "16,12,8", "colours": 4, "design": "residual"},
    "clamped": {"side": 32, "channels": "16,12,8,8", "limit": 0.75},
    "clamped residual": {"side": 32, "channels": "16,12,8,8", "limit": 0.75, "design": "residual"},
    "two layers": {"side": 16, "channels": "16,12,8", "layers": 2, "latent": 20, "style": 28, "pace": 0.1},
}


@pytest.mark.parametrize("case", CASES)
def test_a_generator_makes_what_the_papers_say(case: str) -> None:
    sizes: dict[str, Any] = {"latent": 24, "style": 24, **CASES[case]}
    network = filled(StyleGAN2(**sizes))
    assert isinstance(network, StyleGAN2)
    held = double(network)
    z = noise_of(3, sizes["latent"])
    label = torch.eye(5)[:3] if sizes.get("classes") else None
    told = {key: sizes[key] for key in ("side", "design", "limit") if key in sizes}
    w = plain.mapped(
        held,
        z.double(),
        None if label is None else label.double(),
        layers=sizes.get("layers", 8),
        pace=sizes.get("pace", 0.01),
    )
    rows = network.synthesis.rows
    assert rows == 2 * (sizes["side"].bit_length() - 2)
    assert torch.allclose(network.mapping(z, label)[:, -1].double(), w, atol=1e-4)
    average = held["mapping.w_avg"]
    for truncation, cutoff in ((1.0, None), (0.7, None), (0.5, 3), (0.0, None)):
        styles = w[:, None].repeat(1, rows, 1)
        styles[:, :cutoff] = average + truncation * (styles[:, :cutoff] - average)
        wanted = plain.synthesised(held, styles, **told)
        made = network(z, label, truncation=truncation, cutoff=cutoff)
        assert made.shape == wanted.shape == (3, sizes.get("colours", 3), sizes["side"], sizes["side"])
        scale = max(1.0, wanted.abs().max().item() / 10)
        assert (made - wanted).abs().max() < 1e-4 * scale
    quiet = network(z, label, noise="none")
    wanted = plain.synthesised(held, w[:, None].expand(-1, rows, -1), noise=False, **told)
    assert (quiet - wanted).abs().max() < 1e-4 * max(1.0, wanted.abs().max().item() / 10)
    assert not torch.allclose(quiet, network(z, label), atol=1e-2)


def test_every_row_of_styles_goes_where_it_should() -> None:
    for design in ("skip", "residual", "original"):
        network = filled(StyleGAN2(side=16, channels="8,8,8", latent=8, style=8, design=design))
        assert isinstance(network, StyleGAN2)
        w = torch.randn((2, 6, 8), generator=torch.Generator().manual_seed(5))
        wanted = plain.synthesised(double(network), w.double(), side=16, design=design)
        assert (network.synthesis(w) - wanted).abs().max() < 1e-4


@pytest.mark.parametrize("limit", [0.0, 0.5])
@pytest.mark.parametrize(("side", "colours", "count", "group"), [(64, 3, 4, 4), (16, 1, 8, 4), (32, 4, 6, 3)])
def test_a_discriminator_judges_as_the_papers_say(
    side: int, colours: int, count: int, group: int, limit: float
) -> None:
    channels = ",".join(str(12 + number) for number in range(side.bit_length() - 2))
    network = filled(StyleGAN2Judge(side=side, channels=channels, colours=colours, group=group, limit=limit))
    draw = torch.Generator().manual_seed(1)
    x = torch.randn((count, colours, side, side), generator=draw)
    wanted = plain.judged(double(network), x.double(), side=side, group=group, limit=limit)
    assert (network(x) - wanted).abs().max() < 1e-4
    # A grouping of neighbours would be another network.
    other = plain.judged(double(network), x.flip(0).double(), side=side, group=group, limit=limit)
    assert (network(x) - other).abs().max() > 1e-3


def test_pictures_are_grouped_at_a_distance() -> None:
    x = torch.tensor([0.0, 10.0, 0.0, 14.0]).view(4, 1, 1, 1)
    # Two groups of two: pictures 0 and 2, which are equal; and 1 and 3, with a deviation of 2.
    assert torch.allclose(spread(x, 2).flatten(), torch.tensor([1e-4, 2.0, 1e-4, 2.0]), atol=1e-6)


def test_slopes_of_slopes_are_right() -> None:
    """What R1 and the path length need, against finite differences."""
    network = filled(StyleGAN2(side=8, channels="3,2", latent=4, style=4, layers=1, limit=256.0)).double()
    assert isinstance(network, StyleGAN2)
    w = torch.randn((2, 4, 4), generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    weight = network.synthesis.block(8).conv0.weight

    def made(styles: Tensor, numbers: Tensor) -> Tensor:
        pictures: Tensor = torch.func.functional_call(
            network.synthesis, {"b8.conv0.weight": numbers}, (styles,)
        )
        return pictures

    given = (w.requires_grad_(), weight.detach().clone().requires_grad_())
    assert made(*given).dtype == torch.float64
    assert gradcheck(made, given, fast_mode=True)
    assert gradgradcheck(made, given, fast_mode=True)
    judge = filled(StyleGAN2Judge(side=8, channels="3,2")).double()
    x = torch.randn((2, 3, 8, 8), generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    assert gradcheck(judge, (x.requires_grad_(),), fast_mode=True)
    assert gradgradcheck(judge, (x,), fast_mode=True)


def test_what_is_remembered_of_frozen_weights_follows_their_changes() -> None:
    layer = ModulatedConv(3, 2, 4, side=8)
    x, w = torch.ones(1, 3, 8, 8), torch.ones(1, 4)
    layer.requires_grad_(False)
    before = layer(x, w, None)
    layer.weight.mul_(torch.tensor([1.0, 2.0, 3.0])[None, :, None, None])
    after = layer(x, w, None)
    layer.requires_grad_(True)
    assert torch.allclose(layer(x, w, None), after)
    assert not torch.allclose(before, after)
    layer.requires_grad_(False)
    with torch.inference_mode():
        layer.load_state_dict({name: tensor + 1 for name, tensor in layer.state_dict().items()})
        changed = layer(x, w, None)
    layer.requires_grad_(True)
    assert torch.allclose(layer(x, w, None), changed)


@pytest.mark.parametrize("design", ["skip", "residual"])
def test_bfloat16_stays_near(design: Any) -> None:
    network = filled(StyleGAN2(side=32, channels="32,32,24,16", latent=16, style=16, design=design))
    z = noise_of(2, 16)
    exact = network(z)
    with torch.autocast("cpu", torch.bfloat16):
        near = network(z)
    assert near.dtype == torch.float32
    assert (near - exact).abs().mean() < 0.03 * exact.abs().mean()
