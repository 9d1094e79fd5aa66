"""LaMa's files are recognised, and compute what they computed there."""

from __future__ import annotations

import sys
import types
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn

from retouch.errors import UnknownWeights
from retouch.tasks.inpaint.upstream import ARCHITECTURES, LAYOUTS, discriminator_in
from retouch.tasks.translate import upstream as translate
from retouch.weights import load
from retouch.weights.architecture import Layout
from retouch.weights.card import Card
from tests.tasks.inpaint import originals

BUILD = {architecture.name: architecture.build for architecture in ARCHITECTURES}

ORIGINALS: dict[str, tuple[str, Callable[[], nn.Module]]] = {
    "fourier 6": ("lama", lambda: originals.fourier(width=8, blocks=6)),
    "fourier 9": ("lama", lambda: originals.fourier(width=8, blocks=9)),
    "big": ("lama", lambda: originals.fourier(width=4, blocks=18)),
    "lfu": ("lama", lambda: originals.fourier(width=8, blocks=2, lfu=True)),
    "half global": ("lama", lambda: originals.fourier(width=6, blocks=2, ratio=0.5)),
    "all local": ("lama", lambda: originals.fourier(width=4, blocks=2, ratio=0.0)),
    "regular 9": ("lama-regular", lambda: originals.regular(width=4, blocks=9)),
    "big regular": ("lama-regular", lambda: originals.regular(width=3, blocks=15)),
    "dilated": ("lama-dilated", lambda: originals.dilated(width=4, blocks=9)),
    "discriminator": ("lama-discriminator", lambda: originals.Discriminator(8)),
}
"""What it is → (its architecture, how it is made)."""

PREFIXES = {"bare": "", "Lightning": "generator.", "TorchScript": "model.generator.", "spandrel": "model."}

Tensors = Mapping[str, Tensor]


def recognised(tensors: Tensors, options: Mapping[str, str] | None = None) -> tuple[Layout, Card]:
    """Ask every layout; exactly one may say yes, and the others must not even complain."""
    layouts = (*translate.LAYOUTS, *LAYOUTS)
    cards = [(layout, layout.recognise(tensors, options or {})) for layout in layouts]
    found = [(layout, card) for layout, card in cards if card is not None]
    assert len(found) == 1, [layout.name for layout, _ in found]
    return found[0]


def prefixed(state: Tensors, prefix: str) -> dict[str, Tensor]:
    return {f"{prefix}{key}": tensor for key, tensor in state.items()}


@torch.no_grad()
def assert_same(ours: nn.Module, original: nn.Module) -> None:
    channels = next(module for module in original.modules() if isinstance(module, nn.Conv2d)).in_channels
    x = torch.rand(1, channels, 72, 80, generator=torch.Generator().manual_seed(3))
    if any("lfu" in name for name, _ in original.named_modules()):
        x = x[..., :64, :64]
    wanted = original(x)
    assert wanted.std() > 0.01
    torch.testing.assert_close(ours(x), wanted, rtol=0, atol=1e-5)
    x = x.double()
    torch.testing.assert_close(ours.double()(x), original.double()(x), rtol=0, atol=1e-9)
    ours.float()
    original.float()


@pytest.mark.parametrize("name", ORIGINALS)
def test_recognised_by_one_layout_and_computes_the_same(name: str) -> None:
    architecture, make = ORIGINALS[name]
    original = originals.randomised(make())
    state = original.state_dict()
    layout, card = recognised(state)
    assert (card.task, card.architecture) == ("inpaint", architecture)
    network = BUILD[architecture](**card.sizes).eval()
    assert list(network.state_dict()) == list(state)
    network.load_state_dict(layout.rename(state, card))
    assert_same(network, original)
    if architecture != "lama-discriminator":
        assert (card.value_range, card.multiple, card.settings) == ((0.0, 1.0), 8, {"trained_size": 256})


@pytest.mark.parametrize(
    ("make", "parameters", "tensors"),
    [
        (lambda: originals.fourier(blocks=6), 19_073_155, 365),
        (lambda: originals.fourier(blocks=9), 27_048_835, 521),
        (lambda: originals.fourier(blocks=18), 50_975_875, 989),
        (lambda: originals.regular(blocks=9), 45_617_731, None),
        (lambda: originals.regular(blocks=15), 73_947_715, None),
        (lambda: originals.dilated(blocks=9), 45_645_379, None),
        (originals.Discriminator, 6_962_369, None),
    ],
)
def test_full_size_networks_have_the_published_keys_and_counts(
    make: Callable[[], nn.Module], parameters: int, tensors: int | None
) -> None:
    with torch.device("meta"):
        original = make()
        state = original.state_dict()
        _, card = recognised(state)
        network = BUILD[card.architecture](**card.sizes)
    ours = network.state_dict()
    assert {key: tensor.shape for key, tensor in ours.items()} == {
        key: tensor.shape for key, tensor in state.items()
    }
    assert sum(item.numel() for item in network.parameters()) == parameters
    assert tensors is None or len(ours) == tensors
    with torch.device("meta"):
        default = BUILD[card.architecture](
            **{name: card.sizes[name] for name in ("blocks",) if name in card.sizes}
        )
    assert sum(item.numel() for item in default.parameters()) == parameters


def test_the_key_table_of_lama_fourier() -> None:
    with torch.device("meta"):
        state = BUILD["lama"]().state_dict()
    shapes = {key: tuple(tensor.shape) for key, tensor in state.items()}
    statistics = {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"}
    assert shapes["model.1.ffc.convl2l.weight"] == (64, 4, 7, 7)
    assert shapes["model.4.ffc.convl2g.weight"] == (384, 256, 3, 3)
    block = {key.removeprefix("model.5.conv1."): shape for key, shape in shapes.items() if ".5.conv1." in key}
    assert {key: shape for key, shape in block.items() if len(shape) == 4} == {
        "ffc.convl2l.weight": (128, 128, 3, 3),
        "ffc.convl2g.weight": (384, 128, 3, 3),
        "ffc.convg2l.weight": (128, 384, 3, 3),
        "ffc.convg2g.conv1.0.weight": (192, 384, 1, 1),
        "ffc.convg2g.fu.conv_layer.weight": (384, 384, 1, 1),
        "ffc.convg2g.conv2.weight": (384, 192, 1, 1),
    }
    norms = {key for key, shape in block.items() if len(shape) < 4}
    assert norms == {
        f"{norm}.{name}"
        for norm in ("ffc.convg2g.conv1.1", "ffc.convg2g.fu.bn", "bn_l", "bn_g")
        for name in statistics
    }
    assert shapes["model.15.weight"] == (512, 256, 3, 3)
    assert shapes["model.25.weight"] == (3, 64, 7, 7)
    assert "model.14.weight" not in shapes


@pytest.mark.parametrize("kind", PREFIXES)
@pytest.mark.parametrize("name", ["fourier 6", "regular 9", "dilated"])
def test_whatever_stands_before_the_names(name: str, kind: str) -> None:
    architecture, make = ORIGINALS[name]
    state = originals.randomised(make()).state_dict()
    layout, card = recognised(prefixed(state, PREFIXES[kind]))
    found = layout.rename(prefixed(state, PREFIXES[kind]), card)
    assert card.architecture == architecture
    assert list(found) == list(state)
    assert all(torch.equal(found[key], state[key]) for key in state)


class Config:
    """Stands for what hydra puts into a checkpoint: no class of ours, and it must not be made."""

    def __init__(self) -> None:
        self.generator = {"kind": "ffc_resnet", "ngf": 4}

    def __reduce__(self) -> tuple[Any, ...]:
        return _alarm, ()


def _alarm() -> None:
    raise AssertionError("what lies in a file was run")


@pytest.fixture
def omegaconf(monkeypatch: pytest.MonkeyPatch) -> type[Config]:
    """A class of a module that only the program that writes the checkpoint has."""
    module = types.ModuleType("omegaconf_dictconfig")
    for item in (Config, _alarm):
        monkeypatch.setattr(item, "__module__", module.__name__)
        setattr(module, item.__name__, item)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return Config


@pytest.mark.parametrize("complete", [True, False])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_lightning_checkpoint_loads_with_no_flag(
    complete: bool, zipped: bool, omegaconf: type[Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = originals.randomised(originals.fourier(width=4, blocks=3))
    rest = originals.Discriminator(4) if complete else None
    checkpoint = originals.lightning(
        originals.Training(generator, rest),
        hyper_parameters=omegaconf(),
        optimizer_states=[{"state": {0: {"exp_avg": torch.ones(3)}}}],
    )
    if complete:
        state: Any = checkpoint["state_dict"]
        state["loss_resnet_pl.impl.conv1.weight"] = torch.zeros(64, 3, 3, 3)
        state["val_evaluator.scores.ssim.window"] = torch.zeros(11)
        state |= prefixed(originals.fourier(width=4, blocks=3).state_dict(), "generator_average.")
    path = tmp_path / "best.ckpt"
    torch.save(checkpoint, path, _use_new_zipfile_serialization=zipped)
    monkeypatch.delitem(sys.modules, "omegaconf_dictconfig")
    loaded = load(path, architectures=ARCHITECTURES, layouts=(*translate.LAYOUTS, *LAYOUTS))
    assert not loaded.network.training
    assert loaded.card.sizes["blocks"] == 3
    assert loaded.card.name == "best"
    assert_same(loaded.network, generator)


@pytest.mark.parametrize("how", ["script", "trace"])
def test_torchscript_loads_as_tensors(how: str, tmp_path: Path) -> None:
    make = originals.regular if how == "script" else originals.fourier
    generator = originals.randomised(make(width=4, blocks=2))
    wrapper = originals.Traced(originals.Training(generator))
    x = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        jit: Any = torch.jit  # noqa: TID251 - big-lama.pt is such a file
        made = jit.script(wrapper) if how == "script" else jit.trace(wrapper, (x, x[:, :1].round()))
        jit.save(made, tmp_path / "big-lama.pt")
    loaded = load(tmp_path / "big-lama.pt", architectures=ARCHITECTURES, layouts=LAYOUTS)
    assert loaded.card.name == "big-lama"
    assert_same(loaded.network, generator)


def test_safetensors_of_others_load(tmp_path: Path) -> None:
    generator = originals.randomised(originals.fourier(width=4, blocks=2))
    state = {key: tensor.half() for key, tensor in generator.state_dict().items() if tensor.dim()}
    save_file(prefixed(state, "model."), tmp_path / "lama.safetensors")
    loaded = load(tmp_path / "lama.safetensors", architectures=ARCHITECTURES, layouts=LAYOUTS)
    # Rounded to 11 bits, and without the counts of batches.
    x = torch.rand(1, 4, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(loaded.network(x), generator(x), rtol=0, atol=2e-2)
    assert next(loaded.network.parameters()).dtype == torch.float32


def test_the_discriminator_of_a_checkpoint_is_found() -> None:
    discriminator = originals.randomised(originals.Discriminator(4))
    both = originals.Training(originals.fourier(width=4, blocks=1), discriminator)
    found, sizes = discriminator_in(both.state_dict())
    network = BUILD["lama-discriminator"](**sizes).eval()
    network.load_state_dict(found)
    assert_same(network, discriminator)
    with pytest.raises(UnknownWeights, match=r"best\.ckpt holds no discriminator.*with-discr"):
        discriminator_in(originals.fourier(width=4, blocks=1).state_dict(), "best.ckpt")


@pytest.mark.parametrize("kind", ["Lightning", "safetensors"])
def test_each_network_of_a_checkpoint_is_a_part(kind: str, tmp_path: Path) -> None:
    both = originals.Training(
        originals.randomised(originals.fourier(width=4, blocks=1)),
        originals.randomised(originals.Discriminator(4)),
    )
    if kind == "Lightning":
        torch.save(originals.lightning(both), tmp_path / "file")
    else:
        save_file(both.state_dict(), tmp_path / "file")
    for part, original in (("discriminator", both.discriminator), ("generator", both.generator)):
        loaded = load(tmp_path / "file", architectures=ARCHITECTURES, layouts=LAYOUTS, part=part)
        assert_same(loaded.network, original)


@pytest.mark.parametrize("name", ORIGINALS)
def test_written_back_as_it_was(name: str) -> None:
    architecture, make = ORIGINALS[name]
    state = originals.randomised(make()).state_dict()
    layout, card = recognised(state)
    # Their predict.py looks for the tensors there.
    assert (layout.writes, layout.wrapper) == ("lama", "state_dict")
    assert layout.write is not None
    written = layout.write(layout.rename(state, card), card)
    prefix = "discriminator." if architecture == "lama-discriminator" else "generator."
    assert list(written) == [f"{prefix}{key}" for key in state]
    assert all(torch.equal(written[f"{prefix}{key}"], tensor) for key, tensor in state.items())
    assert recognised(written)[1].sizes == card.sizes
    assert Card.from_json(card.to_json()) == card


@given(st.data())
@settings(max_examples=15, deadline=None)
def test_any_size_comes_back(data: st.DataObject) -> None:
    sizes: dict[str, Any] = {
        "width": data.draw(st.integers(2, 12)),
        "blocks": data.draw(st.integers(1, 10)),
        "downsampling": data.draw(st.integers(1, 4)),
    }
    kind = data.draw(st.sampled_from(["lama", "lama-regular", "lama-dilated"]))
    if kind == "lama":
        sizes["ratio"] = data.draw(st.floats(0, 1))
        sizes["local"] = data.draw(st.sampled_from(["conv", "spectral", "all-spectral"]))
    if kind == "lama-dilated":
        sizes["width"] = 4 * sizes["width"]
        sizes["dilations"] = data.draw(st.sampled_from([1, 2, 4]))
    inside = sizes["width"] << sizes["downsampling"]
    far = int(inside * sizes.get("ratio", 0.5))
    # A spectral transform halves the channels it makes.
    if kind == "lama" and (far == 1 or inside - far == 1):
        return
    with torch.device("meta"):
        state = BUILD[kind](**sizes).state_dict()
        layout = next(layout for layout in LAYOUTS if layout.recognise(state, {}) is not None)
        card = layout.recognise(state, {})
        assert card is not None
        again = BUILD[card.architecture](**card.sizes).state_dict()
    assert card.architecture == kind
    assert [(key, tensor.shape) for key, tensor in again.items()] == [
        (key, tensor.shape) for key, tensor in state.items()
    ]


def test_a_ratio_that_dividing_and_multiplying_would_lose() -> None:
    assert int(88 * (15 / 88)) == 14
    with torch.device("meta"):
        state = originals.fourier(width=11, blocks=1, ratio=15.5 / 88).state_dict()
        _, card = recognised(state)
        found = BUILD["lama"](**card.sizes).state_dict()
    assert found["model.4.bn_g.weight"].shape == (15,)
    assert {key: item.shape for key, item in found.items()} == {
        key: item.shape for key, item in state.items()
    }


@pytest.mark.parametrize("name", ["lfu", "big regular", "dilated", "discriminator"])
def test_never_a_wrong_network(name: str) -> None:
    state = originals.randomised(ORIGINALS[name][1]()).state_dict()
    keys = [key for key in state if not key.endswith("num_batches_tracked")]

    def refused(changed: Tensors) -> bool:
        try:
            return all(layout.recognise(changed, {}) is None for layout in LAYOUTS)
        except UnknownWeights:
            return True

    for key in keys[:: max(1, len(keys) // 10)]:
        tensor = state[key]
        assert refused({other: state[other] for other in state if other != key}), key
        assert refused({**state, key: torch.zeros(*tensor.shape, 2)}), key
        assert refused({**state, key: torch.zeros(*[side + 1 for side in tensor.shape] or [3])}), key
    for length in range(0, len(keys), max(1, len(keys) // 10)):
        assert refused({key: state[key] for key in keys[:length]}), length
        if length:
            assert refused({key: state[key] for key in keys[length:]}), length
    assert refused({**state, "model.99.weight": torch.zeros(3), "model0.9.weight": torch.zeros(3)})


def test_the_first_five_missing_tensors_are_named() -> None:
    state = originals.fourier(width=4, blocks=2).state_dict()
    short = {key: tensor for key, tensor in state.items() if not key.startswith("model.6.conv2.bn_")}
    short |= {"model.77.extra": torch.zeros(1), "model.5.conv1.bn_l.bias": torch.zeros(3)}
    with pytest.raises(UnknownWeights) as caught:
        LAYOUTS[0].recognise(short, {"file_name": "best.ckpt"})
    said = str(caught.value)
    assert "best.ckpt looks like a lama with width 4, blocks 2" in said
    for name in ("bn_l.weight", "bn_l.bias", "bn_l.running_mean", "bn_l.running_var", "bn_g.weight"):
        assert f"model.6.conv2.{name}" in said
    assert "and 3 more" in said
    assert "also holds model.77.extra" in said
    assert "model.5.conv1.bn_l.bias (3,) instead of (8,)" in said


@pytest.mark.parametrize(
    "tensors",
    [
        {},
        {"weight": torch.zeros(3, 3)},
        {"model.1.ffc.convl2l.weight": torch.zeros(4, 3, 7, 7)},
        {"model.1.ffc.convl2l.weight": torch.zeros(4)},
        {
            "model.1.ffc.convl2l.weight": torch.zeros(4, 4, 7, 7),
            "model.999999.ffc.convl2l.weight": torch.zeros(1),
        },
        {
            "model.1.weight": torch.zeros(4, 4, 7, 7),
            f"model.{'9' * 5000}.conv_block.1.weight": torch.zeros(1),
        },
        {"model0.0.weight": torch.zeros(0, 3, 4, 4)},
    ],
    ids=range(7),
)
def test_strangers_are_left_to_other_layouts(tensors: Tensors) -> None:
    assert all(layout.recognise(tensors, {}) is None for layout in LAYOUTS)


def test_cyclegan_of_four_channels_stays_cyclegan() -> None:
    network = translate.ARCHITECTURES[1].build(input_channels=4, width=4, norm="batch")
    card = Card("mine", "translate", "resnet", {"input_channels": 4, "width": 4, "norm": "batch"})
    layout = next(layout for layout in translate.LAYOUTS if layout.writes == "junyanz")
    assert layout.write is not None
    assert recognised(layout.write(network.state_dict(), card))[1].task == "translate"


@pytest.mark.parametrize(
    ("architecture", "sizes", "said"),
    [
        ("lama", {"ratio": 1.0}, "a ratio of 1"),
        ("lama", {"local": "spectral"}, "local 'spectral'"),
        ("lama", {"edges": "mirror"}, "edges 'mirror'"),
        ("lama-discriminator", {"norm": "instance"}, "norm 'instance'"),
    ],
)
def test_what_lama_has_not_is_not_written(architecture: str, sizes: dict[str, Any], said: str) -> None:
    card = Card("mine", "inpaint", architecture, {"width": 4, **sizes})
    with torch.device("meta"):
        state = BUILD[architecture](**card.sizes).state_dict()
    layout = next(
        layout for layout, item in zip(LAYOUTS, ARCHITECTURES, strict=True) if item.name == architecture
    )
    assert layout.write is not None
    with pytest.raises(UnknownWeights, match=said):
        layout.write(state, card)


def test_a_layout_writes_its_own_network_alone() -> None:
    card = Card("mine", "inpaint", "lama", {"width": 4, "blocks": 1})
    state = BUILD["lama"](**card.sizes).state_dict()
    writing = [layout.write for layout in LAYOUTS]
    assert writing[0] is not None
    originals.Training(originals.fourier(width=4, blocks=1)).load_state_dict(writing[0](state, card))
    for write in writing[1:]:
        assert write is not None
        with pytest.raises(UnknownWeights, match="is wanted"):
            write(state, card)
    with pytest.raises(UnknownWeights, match="lacks"):
        writing[0]({key: tensor for key, tensor in state.items() if "conv1" not in key}, card)
