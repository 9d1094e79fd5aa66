"""Files of the pix2pix, CycleGAN and CUT projects are recognised, and compute what they computed there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from retouch.errors import UnknownWeights
from retouch.tasks.translate.upstream import ARCHITECTURES, LAYOUTS
from retouch.weights import load
from retouch.weights.architecture import Layout
from retouch.weights.card import Card
from tests.tasks.translate import originals

BUILD = {architecture.name: architecture.build for architecture in ARCHITECTURES}

ORIGINALS: dict[str, tuple[str, Callable[[], nn.Module], int]] = {
    "cyclegan": ("pytorch-CycleGAN-and-pix2pix ResNet", originals.resnet, 24),
    "six blocks": ("pytorch-CycleGAN-and-pix2pix ResNet", lambda: originals.resnet(blocks=6, inner=1), 16),
    "resnet dropout": ("pytorch-CycleGAN-and-pix2pix ResNet", lambda: originals.resnet(dropout=True), 16),
    "resnet batch": ("pytorch-CycleGAN-and-pix2pix ResNet", lambda: originals.resnet(norm="batch"), 16),
    "resnet none": ("pytorch-CycleGAN-and-pix2pix ResNet", lambda: originals.resnet(norm="none"), 16),
    "resnet affine": (
        "pytorch-CycleGAN-and-pix2pix ResNet",
        lambda: originals.resnet(norm="instance-affine", dropout=True),
        16,
    ),
    "cut without filters": ("pytorch-CycleGAN-and-pix2pix ResNet", lambda: originals.resnet(blocks=4), 16),
    "first cyclegan": (
        "pytorch-CycleGAN-and-pix2pix ResNet of 2017, padded with zeros",
        lambda: originals.resnet(norm="instance-affine", zeros=True),
        16,
    ),
    "first cyclegan dropout": (
        "pytorch-CycleGAN-and-pix2pix ResNet of 2017, padded with zeros",
        lambda: originals.resnet(norm="instance-affine", zeros=True, dropout=True),
        16,
    ),
    "pix2pix": ("pytorch-CycleGAN-and-pix2pix U-Net", originals.unet, 32),
    "colorization": ("pytorch-CycleGAN-and-pix2pix U-Net", lambda: originals.unet(inner=1, outer=2), 32),
    "unet seven": ("pytorch-CycleGAN-and-pix2pix U-Net", lambda: originals.unet(depth=7, width=2), 128),
    "unet instance": ("pytorch-CycleGAN-and-pix2pix U-Net", lambda: originals.unet(norm="instance"), 64),
    "unet affine": ("pytorch-CycleGAN-and-pix2pix U-Net", lambda: originals.unet(norm="instance-affine"), 64),
    "unet none": ("pytorch-CycleGAN-and-pix2pix U-Net", lambda: originals.unet(norm="none"), 32),
    "cut": ("CUT ResNet", lambda: originals.resnet(blur_down=True, blur_up=True), 24),
    "cut four blocks": (
        "CUT ResNet",
        lambda: originals.resnet(blur_down=True, blur_up=True, blocks=4, norm="batch", dropout=True),
        16,
    ),
    "cut no_antialias": ("CUT ResNet, no_antialias", lambda: originals.resnet(blur_up=True), 16),
    "cut no_antialias_up": ("CUT ResNet, no_antialias_up", lambda: originals.resnet(blur_down=True), 16),
    "patchgan": ("pytorch-CycleGAN-and-pix2pix NLayerDiscriminator", originals.patchgan, 32),
    "patchgan one": (
        "pytorch-CycleGAN-and-pix2pix NLayerDiscriminator",
        lambda: originals.patchgan(layers=1, norm="instance", inner=3),
        16,
    ),
    "patchgan five": (
        "pytorch-CycleGAN-and-pix2pix NLayerDiscriminator",
        lambda: originals.patchgan(layers=5, width=2),
        128,
    ),
    "patchgan none": (
        "pytorch-CycleGAN-and-pix2pix NLayerDiscriminator",
        lambda: originals.patchgan(norm="none"),
        32,
    ),
    "pixel": ("pytorch-CycleGAN-and-pix2pix PixelDiscriminator", originals.pixelgan, 8),
    "pixel instance": (
        "pytorch-CycleGAN-and-pix2pix PixelDiscriminator",
        lambda: originals.pixelgan(norm="instance"),
        8,
    ),
    "cut patchgan": (
        "CUT NLayerDiscriminator",
        lambda: originals.patchgan(blur=True, norm="instance", inner=3),
        32,
    ),
    "cut patchgan one": ("CUT NLayerDiscriminator", lambda: originals.patchgan(blur=True, layers=1), 16),
}
"""What it is → (the layout that must recognise it, how it is made, a picture's side)."""


def recognised(
    tensors: Mapping[str, Tensor], options: Mapping[str, str] | None = None
) -> tuple[Layout, Card]:
    """Ask every layout; exactly one may say yes, and the others must not even complain."""
    cards = [(layout, layout.recognise(tensors, options or {})) for layout in LAYOUTS]
    found = [(layout, card) for layout, card in cards if card is not None]
    assert len(found) == 1, [layout.name for layout, _ in found]
    return found[0]


def rebuilt(
    tensors: Mapping[str, Tensor], options: Mapping[str, str] | None = None
) -> tuple[nn.Module, Card]:
    layout, card = recognised(tensors, options)
    network = BUILD[card.architecture](**card.sizes)
    network.load_state_dict(layout.rename(tensors, card))
    return network.eval(), card


def picture(original: nn.Module, side: int) -> Tensor:
    channels = next(module for module in original.modules() if isinstance(module, nn.Conv2d)).in_channels
    return torch.rand(1, channels, side, side, generator=torch.Generator().manual_seed(3)) * 2 - 1


@torch.no_grad()
def assert_same(ours: nn.Module, original: nn.Module, side: int) -> None:
    x = picture(original, side)
    wanted = original(x.clone())
    assert wanted.std() > 0.01
    torch.testing.assert_close(ours(x), wanted, rtol=0, atol=1e-5)
    x = x.double()
    torch.testing.assert_close(ours.double()(x), original.double()(x.clone()), rtol=0, atol=1e-9)
    ours.float()
    original.float()


@pytest.mark.parametrize("name", ORIGINALS)
def test_recognised_by_one_layout_and_computes_the_same(name: str) -> None:
    layout_name, make, side = ORIGINALS[name]
    original = originals.randomised(make())
    layout, card = recognised(original.state_dict())
    assert layout.name == layout_name
    network, _ = rebuilt(original.state_dict())
    assert card.multiple == getattr(network, "multiple", 1)
    assert_same(network, original, side)


@pytest.mark.parametrize("name", ORIGINALS)
def test_written_back_as_it_was(name: str) -> None:
    state = originals.randomised(ORIGINALS[name][1]()).state_dict()
    layout, card = recognised(state)
    assert layout.write is not None
    written = layout.write(layout.rename(state, card), card)
    assert list(written) == list(state)
    for key, tensor in state.items():
        assert written[key].dtype == tensor.dtype, key
        assert torch.equal(written[key], tensor), key


def test_sizes_are_read_from_shapes() -> None:
    _, card = recognised(originals.resnet(inner=2, outer=5, width=7, blocks=9, dropout=True).state_dict())
    assert card.sizes == {
        "input_channels": 2,
        "output_channels": 5,
        "blocks": 9,
        "width": 7,
        "dropout": 0.5,
        "norm": "instance",
        "bias": True,
        "downsampling": "stride",
        "upsampling": "transpose",
        "border": "reflect",
    }


def test_nine_blocks_lie_where_the_project_has_them() -> None:
    # The numbers from the projects' own files, not from our lists.
    keys = list(originals.resnet(blocks=9).state_dict())
    numbers = [1, 4, 7, *(number for number in range(10, 19) for _ in (1, 5)), 19, 22, 26]
    assert [int(key.split(".")[1]) for key in keys if key.endswith("weight")] == numbers
    assert len(keys) == 48
    state = originals.resnet(blocks=9, blur_down=True, blur_up=True).state_dict()
    assert [key for key in state if key.endswith("filt")] == [
        f"model.{number}.filt" for number in (7, 11, 21, 25)
    ]
    top = [key for key in state if key.endswith("weight") and "block" not in key]
    assert top == [f"model.{number}.weight" for number in (1, 4, 8, 22, 26, 30)]
    assert len(originals.unet(depth=8).state_dict()) == 82
    assert len(originals.unet(depth=7).state_dict()) == 70


@pytest.mark.parametrize("norm", ["instance", "instance-affine"])
@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("make", [originals.resnet, originals.unet, originals.patchgan, originals.pixelgan])
def test_unused_statistics_are_dropped(make: Callable[..., nn.Module], counted: bool, norm: str) -> None:
    original = originals.randomised(make(norm=norm))
    state = originals.with_unused_statistics(original, counted=counted)
    assert len(state) > len(original.state_dict())
    network, card = rebuilt(state)
    assert card.sizes["norm"] == norm
    assert_same(network, original, 64)


@pytest.mark.parametrize("make", [originals.resnet, originals.unet, originals.patchgan, originals.pixelgan])
def test_batch_normalisation_from_before_it_counted(make: Callable[..., nn.Module]) -> None:
    original = originals.randomised(make(norm="batch"))
    network, card = rebuilt(originals.uncounted(original.state_dict()))
    assert card.sizes["norm"] == "batch"
    assert_same(network, original, 32)


def test_only_options_tell_early_batch_from_affine_instance() -> None:
    state = originals.uncounted(originals.randomised(originals.unet(early=True)).state_dict())
    assert recognised(state)[1].sizes["norm"] == "instance-affine"
    _, card = recognised(state, {"norm": "batch"})
    assert (card.sizes["norm"], card.sizes["bias"]) == ("batch", True)
    original = originals.randomised(originals.unet(early=True))
    assert_same(rebuilt(originals.uncounted(original.state_dict()), {"norm": "batch"})[0], original, 32)


def test_early_batch_as_affine_instance_is_the_same_at_batch_one() -> None:
    original = originals.randomised(originals.unet(early=True, dropout=False))
    network, _ = rebuilt(originals.uncounted(original.state_dict()))
    assert_same(network, original.train(), 64)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.module."])
@pytest.mark.parametrize("name", ["cyclegan", "pix2pix", "cut", "patchgan", "pixel"])
def test_wrappers_leave_no_trace(name: str, prefix: str) -> None:
    original = originals.randomised(ORIGINALS[name][1]())
    state = {f"{prefix}{key}": tensor for key, tensor in original.state_dict().items()}
    assert_same(rebuilt(state)[0], original, ORIGINALS[name][2])


def test_compiled_inside_a_wrapper() -> None:
    original = originals.randomised(originals.unet())
    state = {f"module.model._orig_mod{key[5:]}": value for key, value in original.state_dict().items()}
    assert "module.model._orig_mod.model.0.weight" in state
    assert_same(rebuilt(state)[0], original, 32)


@pytest.mark.parametrize(
    "name", ["cyclegan", "resnet batch", "pix2pix", "cut", "patchgan", "pixel", "cut patchgan"]
)
@pytest.mark.parametrize("zipped", [True, False])
def test_loaded_from_a_file_with_no_flag(name: str, zipped: bool, tmp_path: Path) -> None:
    original = originals.randomised(ORIGINALS[name][1]())
    path = tmp_path / "latest_net_G.pth"
    state = {f"module.{key}": tensor for key, tensor in original.state_dict().items()}
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    loaded = load(path, architectures=ARCHITECTURES, layouts=LAYOUTS)
    assert not loaded.network.training
    assert loaded.card.name == "latest_net_G"
    assert_same(loaded.network, original, ORIGINALS[name][2])


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_any_size_comes_back(data: st.DataObject) -> None:
    def one(*choices: Any) -> Any:
        return data.draw(st.sampled_from(choices))

    numbers = st.integers(1, 5)
    shared: dict[str, Any] = {"inner": data.draw(numbers), "width": data.draw(numbers)}
    shared["norm"] = one("batch", "instance", "instance-affine", "none")
    kind = one("resnet", "unet", "patchgan", "pixelgan")
    if kind == "resnet":
        shared |= {name: one(True, False) for name in ("dropout", "blur_down", "blur_up")}
        shared |= {"blocks": data.draw(st.integers(1, 10)), "outer": data.draw(numbers)}
    elif kind == "unet":
        shared |= {"depth": data.draw(st.integers(5, 7)), "outer": data.draw(numbers)}
    elif kind == "patchgan":
        shared |= {"layers": data.draw(st.integers(1, 6)), "blur": one(True, False)}
    state = originals.randomised(getattr(originals, str(kind))(**shared)).state_dict()
    layout, card = recognised(state)
    assert card.sizes["width"] == shared["width"]
    assert card.sizes["norm"] == shared["norm"]
    assert layout.write is not None
    written = layout.write(layout.rename(state, card), card)
    assert list(written) == list(state)
    assert all(torch.equal(written[key], state[key]) for key in state)
    assert Card.from_json(card.to_json()) == card


@pytest.mark.parametrize("name", ["cyclegan", "resnet batch", "first cyclegan", "pix2pix", "cut", "patchgan"])
def test_never_a_wrong_network(name: str) -> None:
    state = originals.randomised(ORIGINALS[name][1]()).state_dict()

    def refused(changed: Mapping[str, Tensor]) -> bool:
        try:
            return all(layout.recognise(changed, {}) is None for layout in LAYOUTS)
        except UnknownWeights:
            return True

    for key, tensor in state.items():
        if not key.endswith("num_batches_tracked"):
            assert refused({other: state[other] for other in state if other != key}), key
        assert refused({**state, key: torch.zeros(*tensor.shape, 2)}), key
        assert refused({**state, key: torch.zeros(*[side + 1 for side in tensor.shape] or [3])}), key
    keys = list(state)
    for length in range(len(keys)):
        assert refused({key: state[key] for key in keys[:length] if "num_batches" not in key}), length
        # From the front: what is left is no network either.
        if length:
            assert refused({key: state[key] for key in keys[length:]}), length
    assert refused({**state, "model.99.weight": torch.zeros(3)})


def test_the_first_five_missing_tensors_are_named() -> None:
    state = originals.resnet(blocks=3).state_dict()
    short = {key: tensor for key, tensor in state.items() if not key.startswith("model.11.")}
    short |= {"model.11.conv_block.9.extra": torch.zeros(1)}
    with pytest.raises(UnknownWeights) as caught:
        LAYOUTS[0].recognise(short, {"file_name": "latest_net_G.pth"})
    assert "latest_net_G.pth" in str(caught.value)
    for name in ("1.weight", "1.bias", "5.weight", "5.bias", "9.extra"):
        assert f"model.11.conv_block.{name}" in str(caught.value)


def test_other_filters_are_refused() -> None:
    state = originals.resnet(blur_down=True, blur_up=True).state_dict()
    layout, card = recognised(state)
    state["model.7.filt"] = torch.full_like(state["model.7.filt"], 1 / 9)
    with pytest.raises(UnknownWeights, match=r"model\.7\.filt"):
        layout.rename(state, card)


@pytest.mark.parametrize(
    "tensors",
    [
        {},
        {"weight": torch.zeros(3, 3)},
        {"model.1.weight": torch.zeros(4, 3, 7, 7)},
        {"model.0.weight": torch.zeros(4, 3, 3, 3), "model.2.weight": torch.zeros(4, 4, 3, 3)},
        {"features.0.weight": torch.zeros(64, 3, 3, 3), "features.0.bias": torch.zeros(64)},
        {"net.0.weight": torch.zeros(8, 3), "net.2.weight": torch.zeros(8, 8)},
        {"model.model.0.weight": torch.zeros(0, 3, 4, 4)},
    ],
)
def test_strangers_are_left_to_other_layouts(tensors: Mapping[str, Tensor]) -> None:
    assert all(layout.recognise(tensors, {}) is None for layout in LAYOUTS)


def test_deep_global_generator_of_pix2pixhd_is_left_to_other_layouts() -> None:
    # Four halvings: its blocks begin at 16.
    state = {
        "model.1.weight": torch.zeros(4, 3, 7, 7),
        "model.16.conv_block.1.weight": torch.zeros(4, 4, 3, 3),
    }
    assert all(layout.recognise(state, {}) is None for layout in LAYOUTS)


def written(architecture: str, **sizes: object) -> dict[str, Tensor]:
    network = BUILD[architecture](**sizes)
    card = Card("mine", "translate", architecture, dict(sizes))  # type: ignore[arg-type]
    layout = next(layout for layout in LAYOUTS if layout.writes == "junyanz")
    assert layout.write is not None
    return layout.write(network.state_dict(), card)


@pytest.mark.parametrize(
    ("architecture", "sizes"),
    [
        ("fcn", {}),
        ("unet", {"upsampling": "resize"}),
        ("unet", {"upsampling": "blur"}),
        ("unet", {"depth": 3}),
        ("resnet", {"upsampling": "blur", "width": 4}),
        ("resnet", {"upsampling": "resize", "width": 4}),
        ("resnet", {"norm": "none", "width": 4}),
        ("patchgan", {"downsampling": "blur"}),
    ],
)
def test_what_the_project_has_not_is_not_written(architecture: str, sizes: dict[str, object]) -> None:
    with pytest.raises(UnknownWeights):
        written(architecture, **{"width": 4, **sizes})


@pytest.mark.parametrize(
    ("architecture", "sizes", "original"),
    [
        ("unet", {"width": 2, "depth": 7}, lambda: originals.unet(width=2, depth=7)),
        ("resnet", {"width": 2}, lambda: originals.resnet(width=2, blocks=9)),
        ("patchgan", {"width": 2}, lambda: originals.patchgan(width=2)),
        ("pixelgan", {"width": 2}, lambda: originals.pixelgan(width=2)),
    ],
)
def test_ours_load_there(
    architecture: str, sizes: dict[str, object], original: Callable[[], nn.Module]
) -> None:
    original().load_state_dict(written(architecture, **sizes), strict=True)


def test_weights_of_another_card_are_not_written() -> None:
    card = Card("mine", "translate", "unet", {"width": 4, "depth": 6})
    layout = next(layout for layout in LAYOUTS if layout.writes == "junyanz")
    assert layout.write is not None
    with pytest.raises(UnknownWeights, match="do not fit the card"):
        layout.write(BUILD["unet"](width=4, depth=7).state_dict(), card)
