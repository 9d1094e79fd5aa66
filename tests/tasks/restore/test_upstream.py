"""The files of published networks are recognised, and compute what they computed there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from retouch import catalog
from retouch.cli import main
from retouch.errors import UnknownWeights
from retouch.tasks.restore.upstream import ARCHITECTURES, LAYOUTS
from retouch.weights import Card, Layout, load, read
from retouch.weights.card import JSON
from tests.tasks.restore import originals

BUILD = {architecture.name: architecture.build for architecture in ARCHITECTURES}
OURS = tuple(layout for layout in LAYOUTS if layout.load is None)

Tensors = Mapping[str, Tensor]

ORIGINALS: dict[str, tuple[str, int, Callable[[], nn.Module]]] = {
    "imdn": ("imdn", 4, lambda: originals.IMDN(16)),
    "imdn x3, gray": ("imdn", 3, lambda: originals.IMDN(32, 3, 1)),
    "srgan": ("srresnet", 4, lambda: originals.SRGAN(8)),
    "srgan x2, later": ("srresnet", 2, lambda: originals.SRGAN(6, 1, early=False)),
    "msrresnet": ("msrresnet", 4, lambda: originals.MSRResNet(8, 3)),
    "msrresnet x2": ("msrresnet", 2, lambda: originals.MSRResNet(8, 12, 2)),
    "msrresnet x3, older": ("msrresnet", 3, lambda: originals.MSRResNet(8, 2, 3, older=True)),
    "real-esrgan": ("rrdb", 4, lambda: originals.RRDBNet(8, 2, 4)),
    "real-esrgan x2": ("rrdb", 2, lambda: originals.RRDBNet(8, 1, 4, 2)),
    "real-esrgan x1": ("rrdb", 1, lambda: originals.RRDBNet(6, 2, 3, 1)),
    "bsrgan": ("rrdb", 4, lambda: originals.RRDBNet(8, 2, 4, kair=True)),
    "bsrgan x2": ("rrdb", 2, lambda: originals.RRDBNet(8, 1, 4, 2, kair=True)),
    "esrgan": ("rrdb", 4, lambda: originals.first_esrgan(8, 11, 4)),
    "esrgan x1": ("rrdb", 1, lambda: originals.first_esrgan(8, 1, 4, 0)),
    "esrgan x8": ("rrdb", 8, lambda: originals.first_esrgan(4, 1, 4, 3)),
    "srvgg": ("srvgg", 4, lambda: originals.SRVGG(8, 3)),
    "srvgg x1, gray": ("srvgg", 1, lambda: originals.SRVGG(8, 0, 1, 1)),
    "dncnn": ("dncnn", 1, lambda: originals.DnCNN(17, 8)),
    "dncnn blind": ("dncnn", 1, lambda: originals.DnCNN(20, 8, 3)),
    "dncnn with normalisation": ("dncnn", 1, lambda: originals.DnCNN(20, 8, 3, norm=True)),
    "dncnn older": ("dncnn", 1, lambda: originals.OlderDnCNN(17, 8)),
    "dncnn of SaoYan": ("dncnn", 1, lambda: originals.OlderDnCNN(17, 8, saoyan=True)),
}
"""What it is → its architecture, its scale, and how it is made."""

FOLDED = ("srgan", "srgan x2, later", "dncnn with normalisation", "dncnn older", "dncnn of SaoYan")

FORMATS = {
    "imdn": ("imdn", ""),
    "msrresnet": ("basicsr", "params"),
    "msrresnet x3, older": ("kair", ""),
    "real-esrgan": ("basicsr", "params"),
    "real-esrgan x2": ("basicsr", "params"),
    "bsrgan x2": ("kair", ""),
    "esrgan": ("esrgan", ""),
    "esrgan x8": ("esrgan", ""),
    "srvgg": ("basicsr", "params"),
    "dncnn": ("kair", ""),
}
"""What can be written → as what, and under which name."""


def made(name: str) -> nn.Module:
    return originals.randomised(ORIGINALS[name][2]())


def recognised(tensors: Tensors, options: Mapping[str, str] | None = None) -> tuple[Layout, Card]:
    """Ask every layout; exactly one may say yes, and the others must not even complain."""
    layouts = [layout for layout in catalog.layouts() if layout.load is None]
    cards = [(layout, layout.recognise(tensors, options or {})) for layout in layouts]
    found = [(layout, card) for layout, card in cards if card is not None]
    assert len(found) == 1, [layout.name for layout, _ in found]
    return found[0]


def asked(tensors: Tensors, file: str) -> None:
    for layout in OURS:
        layout.recognise(tensors, {"file_name": file})


@torch.no_grad()
def assert_same(ours: nn.Module, original: nn.Module, channels: JSON) -> None:
    assert isinstance(channels, int)
    x = torch.rand(1, channels, 16, 24, generator=torch.Generator().manual_seed(3))
    wanted = original(x)
    assert wanted.std() > 0.01
    torch.testing.assert_close(ours(x), wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ORIGINALS)
def test_recognised_by_one_layout_and_computes_the_same(name: str) -> None:
    architecture, scale, _ = ORIGINALS[name]
    original = made(name)
    state = original.state_dict()
    before = {key: tensor.clone() for key, tensor in state.items()}
    layout, card = recognised(state)
    assert (card.task, card.architecture, card.scale) == ("restore", architecture, scale)
    assert card.value_range == (0.0, 1.0)
    assert card.multiple == {"real-esrgan x2": 2, "real-esrgan x1": 4}.get(name, 1)
    network = BUILD[architecture](**card.sizes).eval()
    renamed = layout.rename(state, card)
    network.load_state_dict(renamed)
    assert list(renamed) == list(network.state_dict())
    assert_same(network, original, card.sizes["channels"])
    assert all(torch.equal(state[key], before[key]) for key in state)
    assert Card.from_json(card.to_json()) == card
    if name not in FOLDED:
        network.double()
        x = torch.rand(1, int(str(card.sizes["channels"])), 8, 8, dtype=torch.float64)
        torch.testing.assert_close(network(x), original.double()(x), rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("make", "architecture", "sizes"),
    [
        (originals.IMDN, "imdn", {}),
        (originals.SRGAN, "srresnet", {"bent": True}),
        (originals.MSRResNet, "msrresnet", {}),
        (originals.RRDBNet, "rrdb", {}),
        (lambda: originals.RRDBNet(scale=2), "rrdb", {"unshuffle": 2}),
        (lambda: originals.RRDBNet(scale=1), "rrdb", {"unshuffle": 4}),
        (originals.first_esrgan, "rrdb", {}),
        (originals.SRVGG, "srvgg", {}),
        (lambda: originals.SRVGG(depth=32), "srvgg", {"depth": 32}),
        (originals.DnCNN, "dncnn", {}),
        (lambda: originals.DnCNN(20, 64, 3), "dncnn", {"depth": 20, "channels": 3}),
    ],
)
def test_the_published_sizes_are_the_defaults(
    make: Callable[[], nn.Module], architecture: str, sizes: dict[str, Any]
) -> None:
    with torch.device("meta"):
        _, card = recognised(make().state_dict())
        found = BUILD[architecture](**card.sizes).state_dict()
        wanted = BUILD[architecture](**sizes).state_dict()
    assert card.architecture == architecture
    assert {key: item.shape for key, item in found.items()} == {
        key: item.shape for key, item in wanted.items()
    }


@pytest.mark.parametrize("wrapper", ["", "params_ema", "params", "state_dict"])
@pytest.mark.parametrize("name", ["imdn", "real-esrgan x2", "srvgg", "dncnn with normalisation"])
def test_a_checkpoint_loads_with_no_flag(name: str, wrapper: str, tmp_path: Path) -> None:
    original = made(name)
    content: dict[str, Any] = dict(original.state_dict())
    if wrapper:
        content = dict(originals.under(wrapper, original))
    if wrapper == "params_ema":
        content |= originals.under("params", originals.randomised(ORIGINALS[name][2](), seed=1))
    if not wrapper:
        content = {f"module.{key}": tensor for key, tensor in content.items()}
    torch.save(content, tmp_path / "best_one.pth")
    loaded = load(tmp_path / "best_one.pth")
    assert loaded.card.name == "best_one"
    assert not loaded.network.training
    assert_same(loaded.network, original, loaded.card.sizes["channels"])


def test_a_whole_pickled_network_loads_too(tmp_path: Path) -> None:
    # As the DnCNN project of 2018 saves its networks.
    original = made("dncnn older")
    torch.save(original, tmp_path / "model_180.pth")
    loaded = load(tmp_path / "model_180.pth")
    assert_same(loaded.network, original, 1)


def test_half_precision_is_read_as_single(tmp_path: Path) -> None:
    original = made("srgan").half()
    torch.save(original.state_dict(), tmp_path / "x.pth")
    loaded = load(tmp_path / "x.pth")
    assert {item.dtype for item in loaded.network.parameters()} == {torch.float32}
    assert_same(loaded.network, original.float(), 3)


@pytest.mark.parametrize(
    ("file", "sigma"),
    [
        ("dncnn_25.pth", 25),
        ("dncnn_25_gray.pth", 25),
        ("DnCNN-15.safetensors", 15),
        ("dncnn_gray_50.pth", 50),
        ("DnCNN_sigma5.pth", 5),
        ("dncnn_color_blind.pth", None),
        ("dncnn3.pth", None),
        ("dncnn_2018.pth", None),
        ("dncnn_00.pth", None),
        ("net.pth", None),
    ],
)
def test_the_level_of_noise_is_in_the_name(file: str, sigma: int | None) -> None:
    _, card = recognised(made("dncnn").state_dict(), {"file_name": file})
    assert card.settings == ({} if sigma is None else {"sigma": sigma})


@pytest.mark.parametrize("name", FORMATS)
def test_written_back_as_it_was(name: str) -> None:
    state = made(name).state_dict()
    layout, card = recognised(state)
    assert (layout.writes, layout.wrapper) == FORMATS[name]
    assert layout.write is not None
    written = layout.write(layout.rename(state, card), card)
    assert set(written) == set(state)
    assert all(torch.equal(written[key], tensor) for key, tensor in state.items())


@pytest.mark.parametrize(
    ("name", "to"),
    [("bsrgan", "basicsr"), ("esrgan", "kair"), ("real-esrgan", "esrgan"), ("dncnn older", "kair")],
)
def test_converted_from_one_format_to_another(name: str, to: str, tmp_path: Path) -> None:
    original = made(name)
    torch.save(original.state_dict(), tmp_path / "in.pth")
    ours, theirs = tmp_path / "ours.safetensors", tmp_path / "theirs.pth"
    assert main(["weights", "convert", str(tmp_path / "in.pth"), "-o", str(ours), "--quiet"]) == 0
    assert main(["weights", "convert", str(ours), "-o", str(theirs), "--to", to, "--quiet"]) == 0
    assert read(ours).card is not None
    for file in (ours, theirs):
        loaded = load(file)
        assert_same(loaded.network, original, loaded.card.sizes["channels"])
    assert recognised(read(theirs).tensors)[0].writes == to


@pytest.mark.parametrize(
    ("name", "to", "said"),
    [
        ("esrgan x8", "basicsr", "doubles the size 3 times"),
        ("bsrgan x2", "basicsr", "doubles the size 1 times"),
        ("real-esrgan x2", "esrgan", "squares of 2 pixels"),
        ("real-esrgan x1", "kair", "squares of 4 pixels"),
        ("esrgan x1", "kair", "doubles the size 0 times"),
        ("imdn", "kair", "is a imdn, and"),
    ],
)
def test_what_their_code_cannot_compute_is_not_written(name: str, to: str, said: str) -> None:
    state = made(name).state_dict()
    layout, card = recognised(state)
    tensors = layout.rename(state, card)
    kind = "dncnn" if name == "imdn" else card.architecture
    other = next(
        other
        for other in OURS
        if other.writes == to and kind.replace("rrdb", "RRDB").lower() in other.name.lower()
    )
    assert other.write is not None
    with pytest.raises(UnknownWeights, match=said):
        other.write(tensors, card)


def test_sizes_that_a_card_leaves_out_are_the_defaults() -> None:
    with torch.device("meta"):
        state = BUILD["rrdb"](blocks=1).state_dict()
    card = Card("mine", "restore", "rrdb", {"blocks": 1})
    for layout in OURS:
        if layout.write is not None and "RRDB" in layout.name:
            assert recognised(layout.write(state, card))[1].sizes["blocks"] == 1


def _drawn_sizes(data: st.DataObject, kind: str) -> dict[str, Any]:
    number = st.integers
    if kind == "imdn":
        drawn = {"width": 16 * data.draw(number(1, 3)), "blocks": data.draw(number(1, 7))}
        return drawn | {"scale": data.draw(number(1, 5)), "channels": data.draw(st.sampled_from([1, 3]))}
    sizes: dict[str, Any] = {"width": data.draw(number(1, 9)), "channels": data.draw(st.sampled_from([1, 3]))}
    if kind == "dncnn":
        return sizes | {"depth": data.draw(number(8, 24))}
    if kind == "srvgg":
        return sizes | {"depth": data.draw(number(0, 12)), "scale": data.draw(number(1, 5))}
    sizes["blocks"] = data.draw(number(1, 3) if kind == "rrdb" else number(1, 12))
    if kind == "msrresnet":
        return sizes | {"scale": data.draw(number(2, 4))}
    doublings = data.draw(number(0, 4))
    squares = 2 ** data.draw(number(0, doublings))
    return sizes | {"growth": data.draw(number(1, 5)), "doublings": doublings, "unshuffle": squares}


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_any_size_comes_back(data: st.DataObject) -> None:
    layout = data.draw(st.sampled_from([layout for layout in OURS if layout.write is not None]))
    assert layout.write is not None
    kinds = {
        "IMDN": "imdn",
        "MSRResNet": "msrresnet",
        "RRDBNet": "rrdb",
        "Compact": "srvgg",
        "DnCNN": "dncnn",
    }
    kind = next(kind for part, kind in kinds.items() if part in layout.name)
    sizes = _drawn_sizes(data, kind)
    card = Card("mine", "restore", kind, sizes)
    squares, doublings = sizes.get("unshuffle", 1), sizes.get("doublings", 2)
    possible = {
        "basicsr": doublings == 2,
        "esrgan": squares == 1,
        "kair": squares == 1 and 1 <= doublings <= 2,
    }
    with torch.device("meta"):
        state = BUILD[kind](**sizes).state_dict()
        if kind == "rrdb" and not possible[layout.writes]:
            with pytest.raises(UnknownWeights, match="keep it as safetensors"):
                layout.write(state, card)
            return
        again, found = recognised(layout.write(state, card))
    assert again is layout
    assert found.sizes == sizes


@pytest.mark.parametrize(
    "name", ["imdn", "srgan", "msrresnet", "real-esrgan", "esrgan x1", "srvgg", "dncnn older"]
)
def test_never_a_wrong_network(name: str) -> None:
    state = made(name).state_dict()
    keys = [key for key in state if not key.endswith("num_batches_tracked")]

    def refused(changed: Tensors) -> bool:
        try:
            return all(layout.recognise(changed, {}) is None for layout in OURS)
        except UnknownWeights:
            return True

    for key in keys[:: max(1, len(keys) // 8)] + keys[-1:]:
        tensor = state[key]
        assert refused({other: state[other] for other in state if other != key}), key
        assert refused({**state, key: torch.zeros(*tensor.shape, 2)}), key
        assert refused({**state, key: torch.zeros(*[side + 1 for side in tensor.shape] or [3])}), key
        assert refused({**state, key: torch.zeros(0)}), key
    for length in range(0, len(keys), max(1, len(keys) // 8)):
        assert refused({key: state[key] for key in keys[:length]}), length
        if length:
            assert refused({key: state[key] for key in keys[length:]}), length
    assert refused({**state, "something.else": torch.zeros(3)})


def test_the_first_five_are_named_as_the_file_names_them() -> None:
    state = made("esrgan").state_dict()
    short = {key: tensor for key, tensor in state.items() if not key.startswith("model.1.sub.3.RDB2")}
    short |= {"model.77.extra": torch.zeros(1), "model.8.bias": torch.zeros(3)}
    with pytest.raises(UnknownWeights) as caught:
        asked(short, "best.pth")
    said = str(caught.value)
    assert (
        "best.pth looks like a ESRGAN RRDBNet of 2018 with width 8, blocks 11, growth 4, doublings 2" in said
    )
    assert "lacks model.1.sub.3.RDB2.conv1.0.weight, model.1.sub.3.RDB2.conv1.0.bias" in said
    assert "and 5 more" in said
    assert "also holds model.77.extra" in said
    assert "model.8.bias (3,) instead of (8,)" in said


HUGE = 999_999
STRANGERS: list[Tensors] = [
    {},
    {"weight": torch.zeros(3, 3)},
    {"fea_conv.weight": torch.zeros(16, 3, 3, 3)},
    {"fea_conv.weight": torch.zeros(16)},
    {"block1.0.weight": torch.zeros(8, 3, 9, 9)},
    {"conv_first.weight": torch.zeros(8, 3, 3, 3), "upconv1.weight": torch.zeros(0, 8, 3, 3)},
    {"conv_first.weight": torch.zeros(8, 0, 3, 3), "body.0.rdb1.conv1.weight": torch.zeros(4, 8, 3, 3)},
    {"body.0.weight": torch.zeros(8, 3, 3, 3), "body.1.weight": torch.zeros(8, 2)},
    {f"model.{2 * number}.weight": torch.zeros(8, 8, 3, 3) for number in range(17)},
    {f"dncnn.{'9' * 5000}.weight": torch.zeros(1)},
    # ESRGAN+, IMDN for any size, and a seven-layer IRCNN.
    {"model.0.weight": torch.zeros(8, 3, 3, 3), "model.1.sub.0.RDB1.conv1x1.weight": torch.zeros(4, 8, 1, 1)},
    {"fea_conv.0.weight": torch.zeros(16, 3, 3, 3), "IMDB1.c1.weight": torch.zeros(16, 16, 3, 3)},
    dict(originals.DnCNN(7, 8).state_dict()),
]


@pytest.mark.parametrize("number", range(len(STRANGERS)))
def test_strangers_are_left_to_other_layouts(number: int) -> None:
    assert all(layout.recognise(STRANGERS[number], {}) is None for layout in OURS)


HOSTILE: dict[str, Tensors] = {
    "a number that is no count": {
        **originals.SRVGG(8, 1).state_dict(),
        f"body.{HUGE}.weight": torch.zeros(8),
    },
    "blocks without end": {
        **originals.RRDBNet(8, 1, 4).state_dict(),
        f"body.{HUGE}.rdb1.conv1.weight": torch.zeros(4, 8, 3, 3),
    },
    "doublings without end": {
        **originals.first_esrgan(8, 1, 4).state_dict(),
        **{f"model.{number}.weight": torch.zeros(8, 8, 3, 3) for number in range(11, 60)},
    },
    "no doublings at all": {
        key: tensor
        for key, tensor in originals.first_esrgan(8, 1, 4).state_dict().items()
        if key.startswith(("model.0", "model.1"))
    },
    "a scale that is not whole": {
        **originals.IMDN(16).state_dict(),
        "upsampler.0.weight": torch.zeros(47, 16, 3, 3),
        "upsampler.0.bias": torch.zeros(47),
    },
    "squares that are not whole": {
        **originals.RRDBNet(8, 1, 4).state_dict(),
        "conv_first.weight": torch.zeros(8, 7, 3, 3),
    },
    "a width that leaves no attention": {
        **originals.IMDN(16).state_dict(),
        "fea_conv.weight": torch.zeros(8, 3, 3, 3),
    },
    "statistics of another width": {
        **originals.DnCNN(9, 8, norm=True).state_dict(),
        "model.3.running_mean": torch.zeros(9),
    },
    "a variance that is a picture": {
        **originals.SRGAN(8).state_dict(),
        "block2.bn1.running_var": torch.zeros(8, 8, 3, 3),
    },
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_shapes_are_refused_in_words(name: str) -> None:
    with pytest.raises(UnknownWeights, match=r"looks like a .*(original file)"):
        asked(HOSTILE[name], "x.pth")
