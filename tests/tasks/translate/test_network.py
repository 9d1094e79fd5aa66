from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from retouch.errors import InputError
from retouch.nn import layers
from retouch.nn.layers import Blur, DoublingConv, HalvingConv
from retouch.tasks.translate.network import FCN, Norm, PatchGAN, PixelGAN, ResNet, UNet, initialise


def on_paper(build: Callable[[], nn.Module]) -> nn.Module:
    """A network of full size without its memory."""
    with torch.device("meta"):
        return build()


def weights(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


@pytest.mark.parametrize(
    ("build", "millions"),
    [
        (lambda: ResNet(blocks=9), 11.378),
        (lambda: ResNet(blocks=6), 7.838),
        (lambda: UNet(depth=8), 54.414),
        (lambda: UNet(depth=7), 41.829),
        (lambda: PatchGAN(6), 2.769),
        (lambda: PatchGAN(3), 2.7656),
    ],
)
def test_networks_are_as_large_as_the_papers(build: Callable[[], nn.Module], millions: float) -> None:
    assert weights(on_paper(build)) / 1e6 == pytest.approx(millions, abs=5e-4)


def widths(network: nn.Module) -> list[tuple[int, int]]:
    return [
        (module.in_channels, module.out_channels)
        for module in network.modules()
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d)
    ]


def test_the_u_net_of_the_paper() -> None:
    down = [(3, 64), (64, 128), (128, 256), (256, 512), *[(512, 512)] * 4]
    up = [(512, 512), *[(1024, 512)] * 3, (1024, 256), (512, 128), (256, 64), (128, 3)]
    assert widths(on_paper(UNet)) == down + up
    plain = [(512, 512)] * 4 + [(512, 256), (256, 128), (128, 64), (64, 3)]
    assert widths(on_paper(FCN)) == down + plain


@pytest.mark.parametrize("build", [UNet, FCN])
@pytest.mark.parametrize(("depth", "levels"), [(8, [1, 2, 3]), (7, [1, 2]), (5, []), (3, [])])
def test_dropout_sits_in_the_deep_half_of_the_decoder(
    build: type[UNet | FCN], depth: int, levels: list[int]
) -> None:
    shares = [module.p for module in build(depth=depth, width=1).modules() if isinstance(module, nn.Dropout)]
    assert shares == [0.5 if level in levels else 0.0 for level in range(depth)]


def test_a_depth_that_is_no_network_is_refused() -> None:
    with pytest.raises(InputError, match="depth 1 "):
        UNet(depth=1)
    with pytest.raises(InputError, match="depth 0 "):
        FCN(depth=0)
    with pytest.raises(InputError, match="0 layers"):
        PatchGAN(layers=0)


def biases(network: nn.Module) -> list[bool]:
    return [
        module.bias is not None
        for module in network.modules()
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d)
    ]


@pytest.mark.parametrize("norm", ["instance", "instance-affine", "none"])
def test_without_batch_norm_every_convolution_has_a_bias(norm: Norm) -> None:
    for network in (
        UNet(depth=3, width=1, norm=norm),
        FCN(depth=3, width=1, norm=norm),
        ResNet(blocks=1, width=1, norm=norm),
        PatchGAN(width=1, norm=norm),
        PixelGAN(width=1, norm=norm),
    ):
        assert all(biases(network))


def test_with_batch_norm_only_what_it_does_not_follow_has_a_bias() -> None:
    assert biases(UNet(depth=3, width=1)) == [False] * 5 + [True]
    assert biases(FCN(depth=3, width=1)) == [False] * 5 + [True]
    # stem, 2 down, 2 in the block, 2 up, head
    assert biases(ResNet(blocks=1, width=1, norm="batch")) == [False] * 7 + [True]
    assert biases(PatchGAN(width=1)) == [True, False, False, False, True]
    assert biases(PixelGAN(width=1)) == [True, False, False]
    assert all(biases(UNet(depth=3, width=1, bias=True)))


def test_norms_are_where_the_papers_have_them() -> None:
    def normed(network: nn.Module) -> int:
        return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())

    # not on the photo's own convolution, the innermost map, or the result
    assert normed(UNet(depth=5, width=1)) == (5 - 2) + (5 - 1)
    assert normed(FCN(depth=5, width=1)) == (5 - 2) + (5 - 1)
    assert normed(ResNet(blocks=2, width=1, norm="batch")) == 1 + 2 + 2 * 2 + 2
    assert normed(PatchGAN(layers=4, width=1)) == 4
    assert normed(PixelGAN(width=1)) == 1


def test_first_weights_are_those_of_the_paper() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(64, 64, 4), nn.BatchNorm2d(4096), nn.ConvTranspose2d(64, 64, 4), nn.Linear(9, 9)
    )
    for module in network:
        nn.init.constant_(module.bias, 7.0)  # type: ignore[arg-type]
    initialise(network)
    for index, mean in ((0, 0.0), (1, 1.0), (2, 0.0)):
        weight: Tensor = network[index].weight  # type: ignore[assignment]
        bound = 5 * 0.02 / weight.numel() ** 0.5
        assert weight.mean().item() == pytest.approx(mean, abs=bound)
        assert weight.std().item() == pytest.approx(0.02, rel=0.06)
    assert all(not module.bias.any() for module in network)  # type: ignore[operator]
    again = [nn.Conv2d(3, 3, 3), nn.Conv2d(3, 3, 3)]
    for conv in again:
        initialise(conv, 0.5, generator=torch.Generator().manual_seed(4))
    assert torch.equal(again[0].weight, again[1].weight)


@pytest.mark.parametrize(
    "network", [UNet(width=2), FCN(width=2), ResNet(blocks=1, width=2), PatchGAN(width=2)]
)
def test_every_network_draws_its_first_weights_so(network: nn.Module) -> None:
    flat = torch.cat(
        [module.weight.flatten() for module in network.modules() if isinstance(module, nn.Conv2d)]
    )
    assert flat.std().item() == pytest.approx(0.02, rel=0.05)


GENERATORS: list[nn.Module] = [
    UNet(depth=3, width=2, upsampling="transpose"),
    UNet(1, 2, depth=2, width=2, upsampling="blur", norm="instance"),
    FCN(3, 1, depth=3, width=2, upsampling="resize"),
    FCN(depth=1, width=2),
    ResNet(blocks=1, width=2),
    ResNet(1, 3, blocks=1, width=2, downsampling="blur", upsampling="blur", border="zero"),
    ResNet(blocks=1, width=2, upsampling="resize", norm="batch", dropout=0.5),
]


@pytest.mark.parametrize("network", GENERATORS)
def test_generators_keep_the_size_and_stay_in_range(network: nn.Module) -> None:
    inputs, outputs = widths(network)[0][0], widths(network)[-1][1]
    multiple: int = network.multiple  # type: ignore[assignment]
    size = (2 * max(multiple, 4), 3 * max(multiple, 4))
    x = torch.rand(2, inputs, *size) * 2 - 1
    found = network(x)
    assert found.shape == (2, outputs, *size)
    assert found.abs().max() < 1
    found.square().mean().backward()
    assert all(weight.grad is not None for weight in network.parameters())


@pytest.mark.parametrize(
    "network", [UNet(depth=2, width=2), FCN(depth=2, width=2), ResNet(blocks=1, width=2)]
)
def test_the_result_is_float32_under_autocast_so_that_white_has_a_slope(network: nn.Module) -> None:
    last = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.ConvTranspose2d)][-1]
    assert last.bias is not None
    nn.init.constant_(last.bias, 4.0)  # tanh 4 = 0.99933, which bfloat16 rounds to 1
    with torch.autocast("cpu", torch.bfloat16):
        found = network(torch.zeros(1, 3, 8, 8))
    assert found.dtype is torch.float32
    assert found.max() < 1
    found.sum().backward()
    assert last.bias.grad is not None
    assert last.bias.grad.min() > 0


@pytest.mark.parametrize(("layers_", "side", "field"), [(1, 126, 16), (2, 62, 34), (3, 30, 70), (5, 6, 286)])
def test_a_patch_judge_sees_patches_of_the_size_in_the_paper(layers_: int, side: int, field: int) -> None:
    """Maps of 256 px: halved (layers) times, then 1 less for each of two convolutions of stride 1."""
    judge = PatchGAN(1, layers=layers_, width=1, norm="none")
    assert judge(torch.zeros(1, 1, 256, 256)).shape == (1, 1, side, side)
    for conv in judge.modules():
        if isinstance(conv, nn.Conv2d):
            nn.init.constant_(conv.weight, 1.0)
    x = torch.zeros(1, 1, 512, 512).requires_grad_()
    logits = judge(x)
    middle = logits.shape[-1] // 2
    logits[0, 0, middle, middle].backward()
    assert x.grad is not None
    reached = x.grad[0, 0] != 0
    assert reached.any(0).sum() == field
    assert reached.any(1).sum() == field
    assert reached.sum() == field**2


def test_a_blurred_patch_judge_has_maps_as_large() -> None:
    # 64 → 63 (kernel 4, pad 1) → 32 → 31 → 16 → 15 → 8 → 7 → 6
    assert PatchGAN(3, width=2, downsampling="blur")(torch.zeros(1, 3, 64, 64)).shape == (1, 1, 6, 6)


def test_a_pixel_judge_sees_one_pixel() -> None:
    judge = PixelGAN(2, width=3, norm="none")
    x = torch.rand(1, 2, 5, 7, requires_grad=True)
    logits = judge(x)
    assert logits.shape == (1, 1, 5, 7)
    logits[0, 0, 2, 3].backward()
    assert x.grad is not None
    assert x.grad[0, 0].nonzero().tolist() == [[2, 3]]


@pytest.mark.parametrize("judge", [PatchGAN(3, width=2), PixelGAN(3, width=2)])
def test_features_end_in_the_logits(judge: PatchGAN | PixelGAN) -> None:
    x = torch.rand(2, 3, 32, 32)
    judge.eval()
    maps = judge.features(x)
    assert torch.equal(maps[-1], judge(x))
    assert len(maps) == (5 if isinstance(judge, PatchGAN) else 3)
    assert maps[0].shape[1] == 2


@settings(deadline=None, max_examples=25)
@given(st.integers(2, 9), st.integers(2, 9), st.integers(1, 3))
def test_blur_by_the_formula(height: int, width: int, channels: int) -> None:
    x = torch.rand(2, channels, height, width)

    def down(line: list[Tensor]) -> list[Tensor]:
        padded = [line[1], *line, line[-2]]
        return [(padded[i] + 2 * padded[i + 1] + padded[i + 2]) / 4 for i in range(0, len(line), 2)]

    def up(line: list[Tensor]) -> list[Tensor]:
        padded = [line[0], *line, line[-1]]
        pairs = [
            ((padded[i - 1] + 3 * padded[i]) / 4, (3 * padded[i] + padded[i + 1]) / 4)
            for i in range(1, len(line) + 1)
        ]
        return [item for pair in pairs for item in pair]

    for direction, along in (("down", down), ("up", up)):
        rows = torch.stack(along(list(x.unbind(2))), 2)
        wanted = torch.stack(along(list(rows.unbind(3))), 3)
        torch.testing.assert_close(Blur(channels, direction)(x), wanted)  # type: ignore[arg-type]


CONVOLVED: list[type[HalvingConv | DoublingConv]] = [HalvingConv, DoublingConv]


def convolved(layer: HalvingConv | DoublingConv, x: Tensor) -> Tensor:
    call = F.conv2d if isinstance(layer, HalvingConv) else F.conv_transpose2d
    return call(x, layer.weight, layer.bias, stride=2, padding=1)


@pytest.mark.parametrize("kind", CONVOLVED)
@pytest.mark.parametrize("bias", [False, True])
@settings(deadline=None, max_examples=20)
@given(st.integers(1, 3), st.integers(2, 7), st.integers(2, 7))
def test_the_product_is_the_convolution(
    kind: type[HalvingConv | DoublingConv], bias: bool, batch: int, height: int, width: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layers, "_multiplies", lambda x, weight: True)
        layer = kind(3, 5, bias=bias).double()
        x = torch.rand(batch, 3, height, width, dtype=torch.float64, requires_grad=True)
        found, wanted = layer(x), convolved(layer, x)
        torch.testing.assert_close(found, wanted)
        pull = torch.rand_like(wanted)
        inputs = (x, *layer.parameters())
        for mine, theirs in zip(
            torch.autograd.grad(found, inputs, pull), torch.autograd.grad(wanted, inputs, pull), strict=True
        ):
            torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("kind", CONVOLVED)
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("size", [(2, 2), (4, 4), (5, 3), (1, 8)])
def test_the_product_is_taken_in_bfloat16_and_as_good(
    kind: type[HalvingConv | DoublingConv], bias: bool, size: tuple[int, int]
) -> None:
    if kind is HalvingConv and 1 in size:
        pytest.skip("no convolution halves one pixel")
    torch.manual_seed(1)
    layer = kind(128, 128, bias=bias)
    x = torch.randn(2, 128, *size).to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        assert layers._multiplies(x, layer.weight)
        found = layer(x.bfloat16())
    assert found.dtype is torch.bfloat16
    with torch.no_grad():
        exact = convolved(layer.double(), x.double())
        error = (found.double() - exact).square().mean().sqrt() / exact.square().mean().sqrt()
    assert error < 2**-7


def test_the_product_is_not_taken_where_it_is_slower_or_less_exact() -> None:
    x, weight = torch.zeros(1, 128, 16, 16), torch.zeros(128, 128, 4, 4)
    assert not layers._multiplies(x, weight)
    with torch.autocast("cpu", torch.bfloat16):
        assert layers._multiplies(x, weight)
        assert not layers._multiplies(x.expand(2, -1, -1, -1), weight)
        assert not layers._multiplies(x, weight[:64])
        assert not layers._multiplies(x.to("meta"), weight)


def test_memory_format_changes_nothing() -> None:
    for network in (UNet(depth=3, width=4), ResNet(blocks=1, width=4), PatchGAN(3, width=4)):
        network.eval()
        x = torch.rand(2, 3, 32, 32)
        torch.testing.assert_close(network(x.to(memory_format=torch.channels_last)), network(x))
