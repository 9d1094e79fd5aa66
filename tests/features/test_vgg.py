"""The prepared network computes what the plain one does, features and slopes, with less of everything."""

from __future__ import annotations

import gc
import weakref
from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from retouch.errors import InputError, UnknownName
from retouch.features import Vgg
from retouch.features.frozen import Precision, frozen, natural_precision
from retouch.features.judging import differentiated, judged, together
from retouch.features.network import Features
from retouch.features.vgg import Border, Pooling

SOME = ("relu1_1", "conv2_1", "relu2_1", "relu3_4", "pool3", "relu4_2", "relu5_1")


def network(
    border: Border = "reflect", pooling: Pooling = "max", *, ceil: bool = False, scale: float = 1.0
) -> Vgg:
    made = Vgg((2, 2, 4, 4, 1), (6, 7, 8, 8, 8), border=border, pooling=pooling, ceil=ceil)
    generator = torch.Generator().manual_seed(3)
    for module in made.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            assert module.bias is not None
            nn.init.normal_(module.bias, std=0.1, generator=generator)
    made.set_entry(
        torch.eye(3) + 0.2 * torch.randn(3, 3, generator=generator), torch.tensor([0.3, -0.4, 0.1]) * scale
    )
    return made.requires_grad_(False)


def picture(height: int = 37, width: int = 50) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(7))


def slope_of(look: object, layers: tuple[str, ...]) -> tuple[dict[str, Tensor], Tensor]:
    """Features, and the slope of their product with numbers of a seed."""
    asked = picture().requires_grad_()
    found = look(asked, layers)  # type: ignore[operator]
    total = torch.zeros(())
    for number, name in enumerate(found):
        generator = torch.Generator().manual_seed(number)
        total = total + (found[name].float() * torch.randn(found[name].shape, generator=generator)).sum()
    return found, torch.autograd.grad(total, asked)[0]


@pytest.mark.parametrize("border", get_args(Border))
@pytest.mark.parametrize("pooling", get_args(Pooling))
@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize("checkpoint", [False, True])
def test_prepared_network_is_the_plain_one(
    border: Border, pooling: Pooling, ceil: bool, checkpoint: bool
) -> None:
    plain = network(border, pooling, ceil=ceil)
    for layers in (SOME, ("conv1_1",), ("relu1_2", "pool1", "input")):
        wanted, slope = slope_of(plain, layers)
        found, along = slope_of(frozen(plain, checkpoint=checkpoint), layers)
        assert found.keys() == wanted.keys()
        for name in layers:
            torch.testing.assert_close(found[name], wanted[name], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(along, slope, rtol=1e-4, atol=1e-4 * float(slope.abs().max()))


@pytest.mark.parametrize("border", get_args(Border))
def test_bfloat16_is_near(border: Border) -> None:
    plain = network(border)
    layers = ("relu1_1", "relu2_1", "relu3_1")
    wanted, slope = slope_of(plain, layers)
    found, along = slope_of(frozen(plain, precision="bfloat16"), layers)
    for name in layers:
        assert found[name].dtype == torch.bfloat16
        off = (found[name] - wanted[name]).detach().norm() / wanted[name].detach().norm()
        assert float(off) < 0.03
    assert along.dtype == torch.float32
    assert float((along - slope).norm() / slope.norm()) < 0.1


def test_what_is_zero_beyond_the_rim_is_so_after_the_preparation() -> None:
    # A picture of the colour that the preparation turns into 0 gives the biases alone, at the rim as well.
    plain = network("zeros", scale=1.0)
    matrix = plain.entry.weight[:, :, 0, 0].double()
    assert plain.entry.bias is not None
    colour = -torch.linalg.solve(matrix, plain.entry.bias.double()).float()
    found = frozen(plain)(colour.view(1, 3, 1, 1).expand(1, 3, 8, 8).contiguous(), ["conv1_1"])["conv1_1"]
    bias = plain.convolution("conv1_1").bias
    assert bias is not None
    torch.testing.assert_close(found, bias.view(1, -1, 1, 1).expand_as(found), rtol=1e-4, atol=1e-5)


def test_pictures_in_strips_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = network()
    whole = frozen(plain, precision="bfloat16")(picture(), ["relu1_1"])["relu1_1"]
    monkeypatch.setattr("retouch.features.kernels._STRIP", 6 * 50 * 5)
    in_strips = frozen(plain, precision="bfloat16")(picture(), ["relu1_1"])["relu1_1"]
    assert torch.equal(whole, in_strips)


@pytest.mark.parametrize("checkpoint", [False, True])
def test_verdicts_inside_are_those_outside(checkpoint: bool) -> None:
    plain = network()
    first = differentiated(lambda seen: seen.square().mean())
    second = differentiated(lambda seen: (seen - 1).abs().mean())
    judges = {
        ("relu2_1", "one"): together([first, second]),
        ("relu2_1", "two"): second,
        ("pool2", "one"): first,
        ("relu4_2", "one"): second,
        ("input", "one"): first,
    }
    asked = picture().requires_grad_()
    found = frozen(plain, checkpoint=checkpoint).judge(asked, judges)
    weights = dict(zip(judges, (1.0, 0.5, -2.0, 3.0, 0.7), strict=True))
    (along,) = torch.autograd.grad(
        torch.stack([weights[key] * value for key, value in found.items()]).sum(), asked
    )
    seen = plain(asked, {layer for layer, _ in judges})
    wanted = {key: judged(seen[key[0]], judge) for key, judge in judges.items()}
    (slope,) = torch.autograd.grad(
        torch.stack([weights[key] * value for key, value in wanted.items()]).sum(), asked
    )
    for key in judges:
        torch.testing.assert_close(found[key], wanted[key], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(along, slope, rtol=1e-3, atol=1e-4 * float(slope.abs().max()))


@pytest.mark.parametrize("checkpoint", [False, True])
def test_nothing_is_kept_when_nobody_can_ask_for_it(checkpoint: bool) -> None:
    look = frozen(network(), checkpoint=checkpoint)
    found = look(picture().requires_grad_(), ["pool1", "relu3_1"])
    gone = [weakref.ref(each) for each in found.values()]
    gc.disable()
    try:
        del found
        assert [each() for each in gone] == [None, None], "features hold on to themselves"
    finally:
        gc.enable()


class Blur(Features):
    """No VGG."""

    layers = ("input", "blurred")

    def forward(self, x: Tensor, layers: object) -> dict[str, Tensor]:
        del layers
        return {"blurred": nn.functional.avg_pool2d(x, 3, 1, 1)}

    def least_side(self, layers: object) -> int:
        del layers
        return 1


def test_any_network_can_judge() -> None:
    asked = picture().requires_grad_()
    judge = differentiated(lambda seen: seen.square().sum())
    look = frozen(Blur(), precision="bfloat16", checkpoint=True)
    (value,) = look.judge(asked, {("blurred", ""): judge}).values()
    (along,) = torch.autograd.grad(value, asked)
    blurred = nn.functional.avg_pool2d(picture(), 3, 1, 1)
    torch.testing.assert_close(value.detach(), blurred.square().sum())
    torch.testing.assert_close(along, 2 * nn.functional.avg_pool2d(blurred, 3, 1, 1))


def test_reach_is_what_moves_a_position() -> None:
    plain = network("zeros", "average")
    for layer in ("relu1_1", "relu1_2", "pool1", "relu2_1", "relu3_1"):
        asked = picture(96, 96).requires_grad_()
        found = plain(asked, [layer])[layer]
        middle = found.shape[-1] // 2
        (along,) = torch.autograd.grad(found[..., middle, middle].sum(), asked)
        rows = along.abs().sum(dim=(0, 1, 3)).nonzero().flatten()
        centre = (middle + 0.5) * 96 / found.shape[-1] - 0.5
        far = max(centre - int(rows.min()), int(rows.max()) - centre)
        assert far <= plain.reach(layer) <= far + 1, layer
    with pytest.raises(UnknownName):
        plain.reach("relu9_9")
    assert Blur().reach("blurred") == 0


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(UnknownName, match="precision"):
        frozen(network(), precision="float8")  # type: ignore[arg-type]
    look = frozen(network())
    with pytest.raises(UnknownName):
        look(picture(), ["relu7_1"])
    with pytest.raises(InputError):
        look(picture(8, 50), ["relu5_1"])
    with pytest.raises(InputError):
        look.judge(picture(8, 50), {("relu5_1", ""): differentiated(torch.sum)})


def test_natural_precision_is_one_that_there_is() -> None:
    assert natural_precision(torch.device("cpu")) in get_args(Precision)
    assert natural_precision(torch.device("meta")) == "float32"
