"""Our own networks: what they are before they have learned anything, and what they can see."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import interpolate

from retouch.errors import InputError
from retouch.image.resample import resize
from retouch.tasks.restore.network import Denoiser, ResidualBlock, Upscaler, told
from retouch.tasks.restore.network.unet import UNetRestorer


def silenced(layer: nn.Conv2d) -> None:
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def parameters(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def test_sizes_are_those_of_the_bundled_weights() -> None:
    # head 3·64·9 + 64, block 2 (64·64·9 + 64), tail 64·48·9 + 48
    assert parameters(Upscaler()) == 1_792 + 8 * 73_856 + 27_696
    assert parameters(Denoiser()) == 1_431_820


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_an_upscaler_adds_to_the_repeated_pixels(scale: int) -> None:
    network = Upscaler(8, 2, scale)
    silenced(network.tail)
    x = torch.rand(2, 3, 5, 7)
    with torch.no_grad():
        assert torch.equal(network(x), interpolate(x, scale_factor=scale, mode="nearest"))


def test_a_denoiser_takes_away_from_the_picture() -> None:
    network = Denoiser(8, 8, 1)
    silenced(network.tail)
    x = torch.rand(2, 3, 16, 24)
    with torch.no_grad():
        assert torch.equal(network(told(x, 0.1)), x)


def test_told_lays_the_noise_beside_the_picture() -> None:
    x = torch.rand(2, 3, 8, 8)
    assert torch.equal(told(x)[:, 3:], torch.zeros(2, 1, 8, 8))
    assert torch.equal(told(x, 0.25)[:, 3:], torch.full((2, 1, 8, 8), 0.25))
    noise = torch.rand(2, 1, 8, 8)
    assert torch.equal(told(x, noise), torch.cat([x, noise], 1))
    last = told(x.contiguous(memory_format=torch.channels_last))
    assert last.is_contiguous(memory_format=torch.channels_last)


def seen(network: nn.Module, x: torch.Tensor, at: tuple[int, int]) -> tuple[int, int, int, int]:
    """Top, bottom, left, right: the rows and columns of the input that one pixel of the output looks at."""
    x = x.double().requires_grad_()
    network.double()(x)[0, 0, at[0], at[1]].backward()
    assert x.grad is not None
    there = x.grad[0].abs().sum(0) > 0
    rows, columns = there.any(1).nonzero(), there.any(0).nonzero()
    return int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max())


def test_an_upscaler_looks_as_far_as_its_convolutions() -> None:
    # one pixel for each of 2 + 2 · blocks convolutions
    assert seen(Upscaler(4, 3), torch.rand(1, 3, 41, 41), (80, 80)) == (12, 28, 12, 28)


def test_a_denoiser_looks_no_farther_than_it_may() -> None:
    top, bottom, left, right = seen(Denoiser(4, 4, 1), torch.rand(1, 4, 256, 256), (128, 128))
    # 2 (head, tail) and 4 convolutions at 1/2, 4 at 1/4, 2 at 1/8, and the cell of 8 pixels it lies in
    reach = 2 * (2 + 4) + 4 * 4 + 8 * 2 + 8
    assert 30 < 128 - top <= reach
    assert 30 < bottom - 128 <= reach
    assert (top, bottom) == (left, right)


def test_a_block_begins_as_nearly_nothing() -> None:
    torch.manual_seed(0)
    block, x = ResidualBlock(16), torch.randn(1, 16, 12, 12)
    assert (block(x) - x).std() < 0.1 * x.std()


def test_a_u_net_enlarges_as_matlab_before_it_translates() -> None:
    network = UNetRestorer(4, depth=2, width=4, norm="none")
    seen_by_unet: list[torch.Tensor] = []
    network.unet.register_forward_pre_hook(lambda _, inputs: seen_by_unet.append(inputs[0]))
    x = torch.rand(1, 3, 6, 5)
    made = network(x).detach()
    assert made.shape == (1, 3, 24, 20)
    assert 0 < float(made.min()) < float(made.max()) < 1

    wanted = torch.from_numpy(resize(x.numpy(), (24, 20)))
    # beyond the edge MATLAB mirrors, torch leaves the kernel out: the middle is the same
    torch.testing.assert_close(
        seen_by_unet[0][..., 8:-8, 8:-8] / 2 + 0.5, wanted[..., 8:-8, 8:-8], atol=1e-5, rtol=0
    )


@pytest.mark.parametrize(
    "make",
    [lambda: Upscaler(0), lambda: Upscaler(scale=0), lambda: Denoiser(blocks=0), lambda: UNetRestorer(0)],
)
def test_what_cannot_be_built_is_refused(make: object) -> None:
    with pytest.raises(InputError, match="0"):
        make()  # type: ignore[operator]
