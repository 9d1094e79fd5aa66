"""Perceptual networks: which file is which, and the maps they compute."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retouch.errors import InputError, UnknownName, UnknownWeights, UnreadableWeights, WeightsError
from retouch.tasks.inpaint.network.perceptual import (
    Choice,
    find_perceptual,
    perceptual_from,
    read_perceptual,
)
from tests.tasks.inpaint.originals import randomised

STAGES = (2, 2, 4, 4, 4)
WIDTHS = (4, 6, 8, 10, 12)


def torchvision_vgg(stages: Sequence[int] = STAGES) -> nn.Module:
    """``features.N`` of a VGG-19, five times narrower or more."""
    layers: list[nn.Module] = []
    inputs = 3
    for count, width in zip(stages, WIDTHS, strict=True):
        for _ in range(count):
            layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU()]
            inputs = width
        layers.append(nn.MaxPool2d(2))
    whole = nn.Module()
    whole.features = nn.Sequential(*layers)
    whole.classifier = nn.Linear(3, 2)
    return randomised(whole)


def distilled_vgg(last: int = 5) -> nn.Module:
    """``convSN`` of a narrow VGG-19 up to stage ``last``."""
    whole = nn.Module()
    whole.conv0 = nn.Conv2d(3, 3, 1)
    inputs = 3
    for stage, (count, width) in enumerate(zip(STAGES[:last], WIDTHS[:last], strict=True), start=1):
        for number in range(1, (count if stage < last else 1) + 1):
            whole.add_module(f"conv{stage}{number}", nn.Conv2d(inputs, width, 3))
            inputs = width
        whole.add_module(f"conv{stage}1_aux", nn.Conv2d(width, 64, 1))
    return randomised(whole)


class Block(nn.Module):
    def __init__(self, inputs: int, inside: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, inside, 1, bias=False)
        self.conv2 = nn.Conv2d(inside, inside, 3, stride, dilation, dilation, bias=False)
        self.conv3 = nn.Conv2d(inside, 4 * inside, 1, bias=False)
        self.bn1, self.bn2, self.bn3 = (nn.BatchNorm2d(size) for size in (inside, inside, 4 * inside))
        self.downsample: nn.Module = nn.Identity()
        if stride > 1 or inputs != 4 * inside:
            conv = nn.Conv2d(inputs, 4 * inside, 1, stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(4 * inside))

    def forward(self, x: Tensor) -> Tensor:
        made = F.relu(self.bn1(self.conv1(x)))
        made = F.relu(self.bn2(self.conv2(made)))
        return F.relu(self.bn3(self.conv3(made)) + self.downsample(x))


class ResNet(nn.Module):
    """A small dilated ResNet: ``deep`` as CSAIL's with three convolutions first, else as torchvision's."""

    def __init__(self, *, deep: bool) -> None:
        super().__init__()
        self.deep = deep
        if deep:
            self.conv1 = nn.Conv2d(3, 4, 3, 2, 1, bias=False)
            self.conv2 = nn.Conv2d(4, 4, 3, 1, 1, bias=False)
            self.conv3 = nn.Conv2d(4, 8, 3, 1, 1, bias=False)
            self.bn1, self.bn2, self.bn3 = (nn.BatchNorm2d(size) for size in (4, 4, 8))
        else:
            self.conv1 = nn.Conv2d(3, 8, 7, 2, 3, bias=False)
            self.bn1 = nn.BatchNorm2d(8)
            self.fc = nn.Linear(5, 7)
        self.layer1 = nn.Sequential(Block(8, 2, 1, 1), Block(8, 2, 1, 1))
        self.layer2 = nn.Sequential(Block(8, 3, 2, 1), Block(12, 3, 1, 1))
        # Strides given up for dilation: the first block of a stage has that of the stage before.
        self.layer3 = nn.Sequential(Block(12, 4, 1, 1), Block(16, 4, 1, 2), Block(16, 4, 1, 2))
        self.layer4 = nn.Sequential(Block(16, 5, 1, 2), Block(20, 5, 1, 4))

    def maps(self, x: Tensor) -> list[Tensor]:
        x = F.relu(self.bn1(self.conv1(x)))
        if self.deep:
            x = F.relu(self.bn3(self.conv3(F.relu(self.bn2(self.conv2(x))))))
        x = F.max_pool2d(x, 3, 2, 1)
        found = []
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
            found.append(x)
        return found


def resnet(*, deep: bool) -> ResNet:
    network = ResNet(deep=deep)
    randomised(network)
    return network


MAKERS: dict[str, Callable[[], nn.Module]] = {
    "ade20k": lambda: resnet(deep=True),
    "imagenet": lambda: resnet(deep=False),
    "vgg": torchvision_vgg,
}


def photos(height: int = 64, width: int = 80) -> Tensor:
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(5))


def as_imagenet(x: Tensor) -> Tensor:
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    return (x - mean) / torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


def assert_proportional(found: Tensor, wanted: Tensor) -> float:
    """One is a positive multiple of the other."""
    scale = float(found.norm() / wanted.norm())
    torch.testing.assert_close(found, wanted * scale, rtol=1e-4, atol=1e-5)
    return scale


@torch.no_grad()
def test_torchvision_vgg_gives_the_first_map_of_each_stage() -> None:
    original = torchvision_vgg()
    network = perceptual_from(original.state_dict(), "vgg19.pth")
    assert network.kind == "vgg"
    # What lies behind the last map would cost time for nothing.
    assert sum(isinstance(layer, nn.Conv2d) for layer in network.modules()) == 1 + 13
    found = network(photos())
    x, wanted = as_imagenet(photos()), []
    for number, layer in enumerate(original.get_submodule("features").children()):
        x = layer(x)
        if number in (1, 6, 11, 20, 29):  # the ReLUs of conv1_1, conv2_1, …, conv5_1
            wanted.append(x)
    assert [tuple(item.shape) for item in found] == [
        (2, width, 64 >> level, 80 >> level) for level, width in enumerate(WIDTHS)
    ]
    for one, other in zip(found, wanted, strict=True):
        assert_proportional(one, other)


@torch.no_grad()
@pytest.mark.parametrize("last", [1, 3, 5])
def test_distilled_vgg_is_padded_by_reflection(last: int) -> None:
    original = distilled_vgg(last)
    network = perceptual_from(original.state_dict(), "5SE.pth")
    x, wanted = original.get_submodule("conv0")(photos()), []
    for stage in range(1, last + 1):
        for number in range(1, (STAGES[stage - 1] if stage < last else 1) + 1):
            x = F.pad(x, (1, 1, 1, 1), mode="reflect")
            x = F.relu(original.get_submodule(f"conv{stage}{number}")(x))
            if number == 1:
                wanted.append(x)
        x = F.max_pool2d(x, 2)
    found = network(photos())
    assert len(found) == last
    for one, other in zip(found, wanted, strict=True):
        assert_proportional(one, other)


def test_another_depth_is_no_vgg_19() -> None:
    sixteen = torchvision_vgg((2, 2, 3, 3, 3)).state_dict()
    with pytest.raises(UnknownWeights, match=r"\[2, 2, 3, 3, 3\] convolutions, .* give the file of a VGG-19"):
        perceptual_from(sixteen, "vgg16.pth")


@torch.no_grad()
def test_caffes_file_is_given_caffes_picture() -> None:
    original = torchvision_vgg()
    state = original.state_dict() | {"classifier.1.weight": torch.zeros(2, 3)}
    found = perceptual_from(state, "vgg19.pth")(photos())
    x = 255 * photos().flip(1) - torch.tensor([103.939, 116.779, 123.68]).view(3, 1, 1)
    assert_proportional(found[0], original.get_submodule("features")[:2](x))  # type: ignore[index]


@torch.no_grad()
def test_every_level_of_a_vgg_weighs_the_same_whatever_the_file() -> None:
    state = torchvision_vgg().state_dict()
    usual = perceptual_from(state, "vgg19.pth")(photos())
    for item in usual:
        assert 0.2 < item.square().mean().sqrt() < 5
    # Twice the weights of the first layer make every later map larger, but none of ours.
    state["features.0.weight"] = state["features.0.weight"] * 8
    state["features.0.bias"] = state["features.0.bias"] * 8
    for item in perceptual_from(state, "vgg19.pth")(photos()):
        assert 0.2 < item.square().mean().sqrt() < 5


@torch.no_grad()
@pytest.mark.parametrize("deep", [True, False])
def test_dilated_resnet_computes_what_its_original_does(deep: bool) -> None:
    original = resnet(deep=deep)
    network = perceptual_from(original.state_dict(), "encoder.pth")
    assert network.kind == ("ade20k" if deep else "imagenet")
    found, wanted = network(photos()), original.maps(as_imagenet(photos()))
    assert [tuple(item.shape[1:]) for item in found] == [(8, 16, 20), (12, 8, 10), (16, 8, 10), (20, 8, 10)]
    for one, other in zip(found, wanted, strict=True):
        assert other.std() > 0.01
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_resnet_of_full_size_has_the_published_shapes() -> None:
    blocks, inputs, state = (3, 4, 6, 3), 64, {"conv1.weight": torch.empty(64, 3, 7, 7), **norm("bn1", 64)}
    for stage, count in enumerate(blocks, start=1):
        inside = 32 << stage
        for number in range(count):
            path = f"layer{stage}.{number}"
            state[f"{path}.conv1.weight"] = torch.empty(inside, inputs, 1, 1)
            state[f"{path}.conv2.weight"] = torch.empty(inside, inside, 3, 3)
            state[f"{path}.conv3.weight"] = torch.empty(4 * inside, inside, 1, 1)
            for index, width in ((1, inside), (2, inside), (3, 4 * inside)):
                state |= norm(f"{path}.bn{index}", width)
            if number == 0:
                state[f"{path}.downsample.0.weight"] = torch.empty(4 * inside, inputs, 1, 1)
                state |= norm(f"{path}.downsample.1", 4 * inside)
            inputs = 4 * inside
    with torch.device("meta"):
        meta = {key: tensor.to("meta") for key, tensor in state.items()}
        network = perceptual_from(meta, "resnet50-0676ba61.pth")
    assert "ResNet-50" in network.description
    # 23,508,032 without the classifier. Of the two numbers for each of 26,560 channels folding leaves one;
    # the normalisation of the picture has 12.
    assert sum(item.numel() for item in network.parameters()) == 23_508_032 - 26_560 + 12


def norm(name: str, width: int) -> dict[str, Tensor]:
    return {f"{name}.{key}": torch.ones(width) for key in ("weight", "bias", "running_mean", "running_var")}


def test_the_one_inside_a_lama_checkpoint_is_found(tmp_path: Path) -> None:
    original = resnet(deep=True)
    state = {f"loss_resnet_pl.impl.{key}": tensor for key, tensor in original.state_dict().items()}
    state["generator.model.1.ffc.convl2l.weight"] = torch.zeros(4, 4, 7, 7)
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "best.ckpt")
    network = read_perceptual(tmp_path / "best.ckpt")
    assert network.kind == "ade20k"
    with torch.no_grad():
        torch.testing.assert_close(network(photos())[3], original.maps(as_imagenet(photos()))[3])


@pytest.mark.parametrize("kind", MAKERS)
def test_it_is_frozen_and_passes_gradients_on(kind: str) -> None:
    network = perceptual_from(MAKERS[kind]().state_dict(), "file.pth")
    outer = nn.Sequential(network).train()
    assert outer.training
    assert not any(module.training for module in network.modules())
    assert not any(parameter.requires_grad for parameter in network.parameters())
    x = photos().requires_grad_()
    loss = torch.stack([item.square().mean() for item in network(x)]).sum()
    (slope,) = torch.autograd.grad(loss, x)
    assert slope.abs().sum() > 0


def test_the_random_numbers_of_the_caller_are_left_alone() -> None:
    states = [make().state_dict() for make in MAKERS.values()]
    torch.manual_seed(1)
    before = torch.get_rng_state()
    for state in states:
        perceptual_from(state, "file.pth")
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 4, 64, 64), (1, 3, 31, 64)])
@pytest.mark.parametrize("kind", MAKERS)
def test_what_it_cannot_look_at_is_refused(kind: str, shape: tuple[int, ...]) -> None:
    network = perceptual_from(MAKERS[kind]().state_dict(), "file.pth")
    with pytest.raises(InputError, match=r"at least 32×32"):
        network(torch.zeros(shape))
    assert all(item.isfinite().all() for item in network(torch.zeros(1, 3, 32, 33)))


def put(folder: Path, name: str, state: Mapping[str, Tensor]) -> Path:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    torch.save(dict(state), folder / name)
    return folder / name


def test_auto_takes_the_best_that_is_there(tmp_path: Path) -> None:
    assert find_perceptual("auto", tmp_path) is None
    put(tmp_path, "distilled_vgg19/5SE.pth", distilled_vgg().state_dict())
    narrow = find_perceptual("auto", tmp_path)
    assert narrow is not None
    assert narrow.description == "distilled narrow VGG-19 (5SE.pth)"
    put(tmp_path, "vgg19-dcbb9e9d.pth", torchvision_vgg().state_dict())
    wide = find_perceptual("auto", tmp_path)
    assert wide is not None
    assert wide.description == "VGG-19 of ImageNet (vgg19-dcbb9e9d.pth)"
    put(tmp_path, "resnet50-0676ba61.pth", resnet(deep=False).state_dict())
    assert getattr(find_perceptual("auto", tmp_path), "kind", "") == "imagenet"
    # Where LaMa's own instructions put it.
    place = "ade20k/ade20k-resnet50dilated-ppm_deepsup/encoder_epoch_20.pth"
    put(tmp_path, place, resnet(deep=True).state_dict())
    assert getattr(find_perceptual("auto", tmp_path), "kind", "") == "ade20k"
    for choice in ("ade20k", "imagenet", "vgg"):
        assert getattr(find_perceptual(choice, tmp_path), "kind", "") == choice
    assert find_perceptual("none", tmp_path) is None


def test_fetched_weights_are_looked_through_unless_a_place_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETOUCH_HOME", str(tmp_path))
    assert find_perceptual("auto") is None
    put(tmp_path, "weights/perceptual-imagenet.pth", resnet(deep=False).state_dict())
    assert getattr(find_perceptual("auto"), "kind", "") == "imagenet"


@pytest.mark.parametrize("choice", ["ade20k", "imagenet", "vgg"])
def test_a_named_one_that_is_not_there_is_an_error(choice: Choice, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=f"retouch weights fetch perceptual-{choice}") as caught:
        find_perceptual(choice, tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_a_file_may_be_named_outright(tmp_path: Path) -> None:
    file = put(tmp_path, "mine.pth", resnet(deep=True).state_dict())
    assert getattr(find_perceptual("auto", file), "kind", "") == "ade20k"
    assert getattr(find_perceptual("ade20k", file), "kind", "") == "ade20k"
    with pytest.raises(UnknownWeights, match=r"mine\.pth holds .* 'ade20k', and 'vgg' was asked for"):
        find_perceptual("vgg", file)
    with pytest.raises(UnreadableWeights, match="cannot be opened"):
        find_perceptual("auto", tmp_path / "missing.pth")
    with pytest.raises(UnknownName, match="did you mean"):
        find_perceptual("adee20k", file)  # type: ignore[arg-type]


def without(state: Mapping[str, Tensor], key: str) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in state.items() if name != key}


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (lambda: {"a": torch.zeros(1)}, "no perceptual network"),
        (lambda: without(torchvision_vgg().state_dict(), "features.28.bias"), r"lacks features\.28\.bias"),
        (lambda: without(distilled_vgg().state_dict(), "conv34.weight"), r"lacks conv34\.weight"),
        (lambda: without(resnet(deep=True).state_dict(), "bn2.running_var"), r"lacks bn2\.running_var"),
        (
            lambda: without(resnet(deep=False).state_dict(), "layer2.0.downsample.0.weight"),
            r"lacks layer2\.0\.downsample\.0\.weight",
        ),
        (
            lambda: without(resnet(deep=False).state_dict(), "layer3.0.conv1.weight"),
            r"lacks layer3\.0\.conv1",
        ),
        (
            lambda: torchvision_vgg().state_dict() | {"features.5.weight": torch.zeros(6, 4, 1, 1)},
            r"features\.5\.weight is \(6, 4, 1, 1\) where \(outputs, 4, 3, 3\) belongs",
        ),
        (
            lambda: resnet(deep=False).state_dict() | {"bn1.bias": torch.zeros(7)},
            r"bn1\.bias is \(7,\) where \(8,\) belongs",
        ),
    ],
)
def test_wrong_files_say_what_is_wrong(state: Callable[[], Mapping[str, Tensor]], said: str) -> None:
    with pytest.raises(UnknownWeights, match=said):
        perceptual_from(state(), "some.pth")
