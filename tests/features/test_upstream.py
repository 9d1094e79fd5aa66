"""Files of published feature networks: read as they were meant, or refused with a reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from retouch.errors import UnknownWeights, UnreadableWeights
from retouch.features import ARCHITECTURES, LAYOUTS, Vgg
from retouch.weights import load, save
from tests.features.originals import (
    ORIGINALS,
    VGG19,
    DistilledVgg,
    GatysVgg,
    adain_vgg,
    as_caffe,
    as_imagenet,
    photos,
    torchvision_vgg,
    walked,
)

State = dict[str, Tensor]


def loaded(path: Path) -> Vgg:
    """With the catalog's layouts, as everybody loads it."""
    network = load(path).network
    assert isinstance(network, Vgg)
    return network


@torch.no_grad()
@pytest.mark.parametrize("kind", ORIGINALS)
def test_every_layer_is_what_the_original_computes(kind: str, tmp_path: Path) -> None:
    state, wanted = ORIGINALS[kind]()
    torch.save(state, tmp_path / "file.pth")
    network = loaded(tmp_path / "file.pth")
    found = network(photos(), network.layers)
    assert torch.equal(found.pop("input"), photos())
    assert set(wanted) - set(found) <= {"pool5"}
    for name, one in found.items():
        other = wanted[name].float()
        scale = float(other.abs().max())
        assert scale > 0.01, name
        assert one.shape == other.shape, name
        torch.testing.assert_close(one / scale, other / scale, rtol=0, atol=1e-5, msg=name)


@torch.no_grad()
@pytest.mark.parametrize("form", ["zip", "legacy", "safetensors", "half"])
@pytest.mark.parametrize("kind", ["torchvision", "gatys", "adain", "distilled-5"])
def test_the_form_of_the_file_does_not_matter(kind: str, form: str, tmp_path: Path) -> None:
    state = cast("dict[str, Any]", ORIGINALS[kind]()[0])
    torch.save(state, tmp_path / "plain.pth")
    plain = loaded(tmp_path / "plain.pth").state_dict()
    tensors: State = state.get("model", state)
    tensors = {key: tensor.contiguous() for key, tensor in tensors.items()}
    other = tmp_path / ("file.safetensors" if form in ("safetensors", "half") else "file.pth")
    if form == "half":
        save_file({key: tensor.half() for key, tensor in tensors.items()}, other)
    elif form == "safetensors":
        save_file(tensors, other)
    else:
        torch.save(state, other, _use_new_zipfile_serialization=form == "zip")
    found = loaded(other).state_dict()
    tolerance = 2e-3 if form == "half" else 0
    for key, tensor in plain.items():
        torch.testing.assert_close(found[key], tensor, rtol=tolerance, atol=tolerance * 0.5)
        assert found[key].dtype == torch.float32


def test_cards_say_what_the_files_do_not(tmp_path: Path) -> None:
    torch.save(torchvision_vgg().state_dict(), tmp_path / "vgg19-dcbb9e9d.pth")
    card = load(tmp_path / "vgg19-dcbb9e9d.pth").card
    assert (card.name, card.task, card.architecture, card.value_range) == (
        "vgg19-dcbb9e9d",
        "features",
        "vgg",
        (0, 1),
    )
    assert card.sizes == {"convolutions": [2, 2, 4, 4, 4], "widths": [4, 6, 8, 10, 12], "border": "zeros"}
    assert card.settings == {"family": "torchvision VGG", "preparation": "imagenet"}
    assert "1409.1556" in card.paper
    assert card.licence
    torch.save(adain_vgg(31).state_dict(), tmp_path / "vgg.pth")
    card = load(tmp_path / "vgg.pth").card
    assert card.sizes == {
        "convolutions": [2, 2, 4, 1],
        "widths": [4, 6, 8, 10],
        "border": "reflect",
        "ceil": True,
    }
    assert "preparation" not in card.settings


@torch.no_grad()
@pytest.mark.parametrize("kind", ["torchvision-norm", "caffe", "adain", "distilled-3"])
def test_what_was_read_survives_our_own_file(kind: str, tmp_path: Path) -> None:
    torch.save(ORIGINALS[kind]()[0], tmp_path / "file.pth")
    before = load(tmp_path / "file.pth")
    save(tmp_path / "ours.safetensors", before.network, before.card)
    after = load(tmp_path / "ours.safetensors")
    assert after.card.sizes == before.card.sizes
    assert after.card.settings == before.card.settings
    network = cast("Vgg", after.network)
    for name, one in network(photos(), network.layers).items():
        assert torch.equal(one, cast("Vgg", before.network)(photos(), [name])[name])


def relu1_1(network: Vgg) -> Tensor:
    return cast("Tensor", network(photos(), ["relu1_1"])["relu1_1"])


def features(whole: nn.Module, x: Tensor) -> Tensor:
    return walked(list(whole.get_submodule("features").children()), x)["relu1_1"]


@torch.no_grad()
@pytest.mark.parametrize(
    ("file", "corner", "prepared"),
    [
        ("vgg19.pth", None, as_imagenet),
        ("vgg19-d01eb7cb.pth", None, as_caffe),
        ("my-vgg16-00b39a1b-fixed.pth", None, as_caffe),
        ("vgg19-caffe.pth", None, as_caffe),
        # What files were renamed cannot hide: the first numbers of the published ones.
        ("vgg.pth", (0.341195, 0.464184, 0.394167), as_caffe),
        ("vgg.pth", (0.4294706, 0.5503795, 0.4800154), as_caffe),
        ("caffe.pth", (-5.3474e-02, 1.7015e-02, -4.4885e-02), as_imagenet),
        ("caffe.pth", (-0.5537, 0.1755, 0.3130), as_imagenet),
        ("vgg.pth", (0.4297, 0.5503795, 0.4800154), as_imagenet),
    ],
)
def test_caffes_files_are_told_from_torchvisions(
    file: str,
    corner: tuple[float, float, float] | None,
    prepared: Callable[[Tensor], Tensor],
    tmp_path: Path,
) -> None:
    whole = torchvision_vgg((2, 1))
    if corner is not None:
        cast("nn.Conv2d", whole.get_submodule("features.0")).weight[0, :, 0, 0] = torch.tensor(corner)
    torch.save(whole.state_dict(), tmp_path / file)
    torch.testing.assert_close(
        relu1_1(loaded(tmp_path / file)), features(whole, prepared(photos())), rtol=1e-4, atol=1e-4
    )


def without(state: Mapping[str, Tensor], *keys: str) -> State:
    return {name: tensor for name, tensor in state.items() if name not in keys}


def distilled(last: int) -> State:
    return DistilledVgg(last).state_dict()


TV = torchvision_vgg().state_dict()


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (lambda: without(TV, "features.28.bias"), r"torchvision VGG, but lacks features\.28\.bias; download"),
        (lambda: without(TV, "features.7.weight", "features.7.bias"), r"features\.7 or features\.8\.weight"),
        (
            lambda: TV | {"features.5.weight": torch.zeros(6, 4, 1, 1)},
            r"\(6, 4, 1, 1\) where \(outputs, 4, 3, 3",
        ),
        (lambda: TV | {"features.7.weight": torch.zeros(5, 6, 3, 3)}, r"where \(6, 6, 3, 3\) belongs"),
        (lambda: TV | {"features.7.bias": torch.zeros(1)}, r"features\.7\.bias is \(1,\) where \(6,\)"),
        (lambda: TV | {"features.7.weight": torch.zeros(())}, r"features\.7\.weight is \(\) where"),
        (lambda: TV | {"features.5.weight": torch.zeros(0, 4, 3, 3)}, r"features\.5\.weight is \(0, 4"),
        (lambda: TV | {"mask": torch.zeros(1), "other": torch.zeros(1)}, "also holds mask, other; give"),
        (
            lambda: without(torchvision_vgg(norm=True).state_dict(), "features.4.running_var"),
            r"lacks features\.4\.running_var",
        ),
        (
            lambda: without(torchvision_vgg(norm=True).state_dict(), "features.4.running_mean"),
            r"lacks features\.4\.running_mean",
        ),
        (lambda: without(distilled(5), "conv34.weight"), r"distilled VGG-19, but lacks conv34\.weight"),
        (lambda: distilled(3) | {"conv32.weight": torch.zeros(1)}, r"also holds conv32\.weight"),
        (lambda: without(GatysVgg().state_dict(), "conv4_2.weight"), r"Caffe VGG, but lacks conv4_2\.weight"),
        (
            lambda: without(GatysVgg().state_dict(), *(f"conv3_{n}.weight" for n in range(1, 5))),
            r"lacks conv3_1\.weight",
        ),
        (lambda: without(adain_vgg().state_dict(), "9.bias"), r"normalised VGG-19, but lacks 9\.bias"),
        (lambda: without(adain_vgg().state_dict(), "9.bias", "9.weight"), r"lacks 8 or 9\.weight"),
        (lambda: adain_vgg().state_dict() | {"0.bias": torch.zeros(4)}, r"0\.bias is \(4,\) where \(3,\)"),
    ],
)
def test_incomplete_and_changed_files_are_refused(
    state: Callable[[], State], said: str, tmp_path: Path
) -> None:
    torch.save(state(), tmp_path / "some.pth")
    with pytest.raises(UnknownWeights, match=said) as caught:
        load(tmp_path / "some.pth")
    assert str(caught.value).startswith("some.pth looks like a ")


@pytest.mark.parametrize(
    "state",
    [
        {"features.0.weight": torch.zeros(64, 3, 11, 11), "features.0.bias": torch.zeros(64)},
        {"features.0.weight": torch.zeros(9, 3, 3, 3), "features.3.squeeze.weight": torch.zeros(2, 9, 1, 1)},
        {"features.0.0.weight": torch.zeros(9, 3, 3, 3)},
        {"conv1_1.weight": torch.zeros(64, 1, 3, 3)},
        {"0.weight": torch.zeros(9, 3, 3, 3), "2.weight": torch.zeros(9, 9, 3, 3)},
        {"conv11.weight": torch.zeros(3, 16, 3, 3), "conv12.weight": torch.zeros(16, 16, 3, 3)},
    ],
    ids=["alexnet", "squeezenet", "mobilenet", "grey", "other sequence", "distilled decoder"],
)
def test_other_networks_are_not_taken_for_a_vgg(state: State) -> None:
    assert all(layout.recognise(state, {"file_name": "a.pth"}) is None for layout in LAYOUTS)


def test_a_file_is_of_one_family_only() -> None:
    for make in ORIGINALS.values():
        state = cast("dict[str, Any]", make()[0])
        tensors = state.get("model", state)
        assert sum(layout.recognise(tensors, {}) is not None for layout in LAYOUTS) == 1


@pytest.mark.parametrize("form", ["zip", "legacy", "safetensors"])
@pytest.mark.parametrize("part", [0.01, 0.4, 0.9, 0.999])
def test_a_download_that_broke_off_says_so(form: str, part: float, tmp_path: Path) -> None:
    state = torchvision_vgg().state_dict()
    file = tmp_path / "vgg.pth"
    if form == "safetensors":
        save_file(state, file)
    else:
        torch.save(state, file, _use_new_zipfile_serialization=form == "zip")
    whole = file.read_bytes()
    file.write_bytes(whole[: int(part * len(whole))])
    with pytest.raises(UnreadableWeights, match=r"truncated|announce|ends in the middle|broken") as caught:
        load(file)
    assert "download it again" in str(caught.value)


def test_the_originals_at_full_size_have_the_papers_numbers() -> None:
    with torch.device("meta"):
        network = ARCHITECTURES[0].build()
    # 20,024,384 of VGG-19's convolutions, and 12 of the preparation.
    assert sum(item.numel() for item in network.parameters()) == 20_024_384 + 12
    assert [name for name in network.state_dict() if name.startswith("conv")][-1] == "conv5_4.bias"
    assert sum(VGG19) == 16
