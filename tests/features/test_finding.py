"""Which feature network is used, and what is said about it."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
import torch

from retouch.errors import InputError, UnknownName, UnknownWeights, UnreadableWeights, WeightsError
from retouch.features import CHOICES, Vgg, find
from retouch.features.filling import filled
from retouch.features.finding import BETTER
from retouch.weights import JSON, Card, save
from tests.features.originals import (
    VGG19,
    WIDTHS,
    DistilledVgg,
    GatysVgg,
    adain_vgg,
    as_caffe,
    as_imagenet,
    photos,
    torchvision_vgg,
    walked,
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of fetched weights."""
    monkeypatch.setenv("RETOUCH_HOME", str(tmp_path / "home"))
    folder = tmp_path / "home" / "weights"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundled network, as a release has one; narrow."""
    sizes: dict[str, JSON] = {"convolutions": [2, 2, 4, 4, 1], "widths": list(WIDTHS), "border": "reflect"}
    network = Vgg((2, 2, 4, 4, 1), WIDTHS, border="reflect")
    card = Card(name="features", task="features", architecture="vgg", sizes=sizes, value_range=(0.0, 1.0))
    save(tmp_path / "features.safetensors", network, card)
    place = tmp_path / "features.safetensors"
    monkeypatch.setattr("retouch.features.finding.bundled", lambda: {"features": place})
    monkeypatch.setattr("retouch.weights.bundled.bundled", lambda: {"features": place})
    return place


@pytest.fixture
def nothing_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retouch.features.finding.bundled", dict)


def put(folder: Path, name: str, module: torch.nn.Module) -> Path:
    torch.save(module.state_dict(), folder / name)
    return folder / name


def test_auto_is_the_bundled_network_until_a_full_one_is_fetched(home: Path, shipped: Path) -> None:
    found = find()
    assert found.card.name == "features"
    assert found.description.startswith("the bundled feature network")
    assert BETTER in found.description
    # From the last choice to the first: each is preferred to all before.
    for number, (name, module) in enumerate(
        (
            ("vgg_normalised.pth", adain_vgg()),
            ("vgg19-normalised.pth", adain_vgg()),
            ("vgg_conv.pth", GatysVgg()),
            ("vgg19-d01eb7cb.pth", torchvision_vgg(classifier=1)),
            ("vgg19-caffe.pth", torchvision_vgg(classifier=1)),
            ("vgg19-dcbb9e9d.pth", torchvision_vgg()),
            ("perceptual-vgg.pth", torchvision_vgg()),
            ("vgg19.pth", torchvision_vgg()),
        )
    ):
        put(home, name, module)
        assert find("auto").card.name == name.removesuffix(".pth"), number
    assert find("bundled").card.name == "features"
    # Neither another depth nor other weights are taken unasked.
    for file in home.iterdir():
        file.unlink()
    put(home, "vgg16.pth", torchvision_vgg((2, 2, 3, 3, 3)))
    put(home, "distilled-encoder-5.pth", DistilledVgg(5))
    assert find().card.name == "features"
    assert find("vgg16").card.name == "vgg16"


@pytest.mark.usefixtures("nothing_shipped")
def test_without_any_weights_there_is_the_random_network() -> None:
    found = find(seed=4, width=0.1)
    assert found.card.name == "random"
    assert "seed 4" in found.description
    assert "6 to 51 channels" in found.description
    assert BETTER in found.description
    assert cast("Vgg", found.network).pooling == "average"
    assert find("random").card.seed == 0
    with pytest.raises(WeightsError, match="choose 'random'"):
        find("bundled")


def test_random_is_random_whatever_is_there(home: Path, shipped: Path) -> None:
    put(home, "vgg19.pth", torchvision_vgg())
    found = find("random", width=0.1, pooling="max", border="zeros")
    network = cast("Vgg", found.network)
    assert (found.card.name, network.pooling, network.border) == ("random", "max", "zeros")


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize("name", CHOICES)
def test_it_is_frozen_and_passes_gradients_on(name: str) -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    network = find(name).network
    assert torch.equal(torch.get_rng_state(), before)
    assert not network.training
    assert not any(item.requires_grad for item in network.parameters())
    x = photos().requires_grad_()
    (slope,) = torch.autograd.grad(network(x, ["relu3_1"])["relu3_1"].square().mean(), x)
    assert slope.abs().sum() > 0


@torch.no_grad()
def test_pooling_and_border_can_be_others_than_the_trained(tmp_path: Path) -> None:
    whole = torchvision_vgg()
    file = put(tmp_path, "some.pth", whole)
    assert (find(file).card.sizes.get("pooling", "max"), find(file).card.sizes["border"]) == ("max", "zeros")
    for layer in whole.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.padding_mode = "reflect"
            layer._reversed_padding_repeated_twice = [1, 1, 1, 1]
    pools = [
        torch.nn.AvgPool2d(2) if isinstance(layer, torch.nn.MaxPool2d) else layer
        for layer in whole.get_submodule("features").children()
    ]
    found = find(str(file), pooling="average", border="reflect")
    assert found.card.sizes["pooling"] == "average"
    x = as_imagenet(photos())
    for layer in pools[:29]:
        x = layer(x)
    torch.testing.assert_close(found.network(photos(), ["conv5_1"])["conv5_1"], x, rtol=1e-4, atol=1e-5)
    with pytest.raises((UnknownName, UnreadableWeights), match="median"):
        find(file, pooling="median")  # type: ignore[arg-type]


@torch.no_grad()
def test_the_preparation_can_be_said_for_files_that_do_not_say_it(tmp_path: Path, shipped: Path) -> None:
    whole = torchvision_vgg((2, 1))
    layers = list(whole.get_submodule("features").children())
    file = put(tmp_path, "renamed.pth", whole)
    caffe = find(file, preparation="caffe")
    assert caffe.card.settings["preparation"] == "caffe"
    wanted = walked(layers, as_caffe(photos()))["relu2_1"]
    torch.testing.assert_close(caffe.network(photos(), ["relu2_1"])["relu2_1"], wanted, rtol=1e-4, atol=1e-3)
    plain = find(put(tmp_path, "x-d01eb7cb.pth", whole), preparation="imagenet")
    wanted = walked(layers, as_imagenet(photos()))["relu2_1"]
    torch.testing.assert_close(plain.network(photos(), ["relu2_1"])["relu2_1"], wanted, rtol=1e-4, atol=1e-5)
    with pytest.raises(UnknownName, match="did you mean caffe"):
        find(file, preparation="cafe")  # type: ignore[arg-type]
    for own in (put(tmp_path, "5SE.pth", DistilledVgg(5)), shipped):
        with pytest.raises(InputError, match="leave preparation out"):
            find(own, preparation="caffe")


def test_a_full_network_is_called_the_best(tmp_path: Path) -> None:
    sizes: dict[str, JSON] = {"convolutions": [1, 1, 3], "widths": [64, 128, 256]}
    network = filled(sizes, Vgg((1, 1, 3), (64, 128, 256)).state_dict())
    card = Card(name="full", task="features", architecture="vgg", sizes=sizes, value_range=(0.0, 1.0))
    save(tmp_path / "full.safetensors", network, card)
    said = find(tmp_path / "full.safetensors").description
    assert said.startswith("VGG-16 (full.safetensors): the best pictures")
    said = find(put(tmp_path, "narrow.pth", torchvision_vgg(VGG19))).description
    assert said.startswith("a narrow VGG-19 (narrow.pth)")
    assert BETTER in said


def test_names_and_files_that_cannot_be_used_say_why(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnknownName, match=r"unknown feature network 'bundeld'; did you mean bundled"):
        find("bundeld")
    with pytest.raises(UnknownName, match="vgg19-caffe"):
        find("cafe")
    with pytest.raises(WeightsError, match="run `retouch weights fetch vgg19-caffe`"):
        find("vgg19-caffe")
    with pytest.raises(UnreadableWeights, match="is not there"):
        find("missing.pth")
    decoder = Card(name="a", task="stylize", architecture="decoders")
    save(tmp_path / "other.safetensors", torch.nn.Linear(2, 2), decoder)
    with pytest.raises(
        UnknownWeights, match=r"another kind \(stylize: decoders\).*choose auto, bundled, random"
    ):
        find(tmp_path / "other.safetensors")
    torch.save({"a": torch.zeros(1)}, tmp_path / "some.pth")
    with pytest.raises(UnknownWeights, match="fit no network"):
        find(tmp_path / "some.pth")
    # A damaged network that would have been chosen is not passed over in silence.
    (home / "vgg19.pth").write_bytes(put(tmp_path, "v.pth", torchvision_vgg()).read_bytes()[:5000])
    with pytest.raises(UnreadableWeights, match="truncated"):
        find("auto")
