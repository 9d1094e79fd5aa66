from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from retouch.errors import UnknownName, UnknownWeights, UnreadableWeights, WeightsError
from retouch.weights import Architecture, Card, Layout, Loaded, load, save, save_torch
from retouch.weights.load import identify
from tests.weights.toys import CARD, FOREIGN, TOY, Toy, foreign, same, toy


def load_toy(path: str | Path, **options: Any) -> Loaded:
    return load(path, architectures=[TOY], layouts=[FOREIGN], **options)


def test_our_own_file_needs_no_flag(tmp_path: Path) -> None:
    save(tmp_path / "toy.safetensors", toy().train(), CARD)
    loaded = load_toy(tmp_path / "toy.safetensors")
    assert loaded.card == CARD
    assert loaded.path == tmp_path / "toy.safetensors"
    assert same(loaded.network.state_dict(), toy().state_dict())
    assert not any(module.training for module in loaded.network.modules())
    assert all(isinstance(item, nn.Parameter) and item.requires_grad for item in loaded.network.parameters())
    assert torch.equal(loaded.network.get_buffer("kernel"), toy().get_buffer("kernel"))


def test_half_precision_becomes_float32_and_counters_stay_whole(tmp_path: Path) -> None:
    save(tmp_path / "half.safetensors", toy().half(), CARD)
    network = load_toy(tmp_path / "half.safetensors").network
    assert {tensor.dtype for tensor in network.state_dict().values()} == {torch.float32, torch.int64}
    assert torch.equal(network.get_parameter("first.weight"), toy().half().first.weight.float())


def test_the_network_does_not_lie_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "toy.pth"
    torch.save(foreign(toy().state_dict()), path)
    network = load_toy(path).network
    path.write_bytes(bytes(path.stat().st_size))
    assert same(network.state_dict(), toy().state_dict())


def test_loading_does_not_touch_the_global_random_numbers(tmp_path: Path) -> None:
    save(tmp_path / "toy.safetensors", toy(), CARD)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    load_toy(tmp_path / "toy.safetensors")
    assert torch.equal(torch.get_rng_state(), before)


def test_a_foreign_file_is_recognised_by_its_tensors(tmp_path: Path) -> None:
    torch.save(
        {"state_dict": {f"module.{name}": item for name, item in foreign(toy().state_dict()).items()}},
        tmp_path / "net.pth",
    )
    loaded = load_toy(tmp_path / "net.pth")
    assert loaded.card.sizes == {"width": 4}
    assert same(loaded.network.state_dict(), toy().state_dict())


def test_options_come_from_the_sidecar_and_from_the_file(tmp_path: Path) -> None:
    torch.save(foreign(toy().state_dict()), tmp_path / "net.pth")
    (tmp_path / "train_opt.txt").write_text(
        "----------------- Options ---------------\n"
        "               no_dropout: True                          \t[default: False]\n"
        "                     name: horses                        \n"
        "----------------- End -------------------\n"
    )
    card = load_toy(tmp_path / "net.pth").card
    assert (card.name, card.settings) == ("horses", {"dropout": False})
    other = tmp_path / "other"
    other.mkdir()
    torch.save(
        {"model": foreign(toy().state_dict()), "opt": argparse.Namespace(no_dropout=True)}, other / "net.pth"
    )
    assert load_toy(other / "net.pth").card.settings == {"dropout": False}


def test_layouts_are_tried_in_order_and_told_the_file_name(tmp_path: Path) -> None:
    asked: list[str] = []

    def refuse(tensors: Mapping[str, Tensor], options: Mapping[str, str]) -> Card | None:
        asked.append(options["file_name"])
        return None

    first = dataclasses.replace(FOREIGN, name="the first", recognise=refuse)
    torch.save(foreign(toy().state_dict()), tmp_path / "net.pth")
    found = identify(tmp_path / "net.pth", layouts=[first, FOREIGN])
    assert found.layout is FOREIGN
    assert asked == ["net.pth"]


def test_tensors_that_nobody_knows_are_named(tmp_path: Path) -> None:
    torch.save({f"layer{index}.weight": torch.zeros(1) for index in range(7)}, tmp_path / "net.pth")
    with pytest.raises(UnknownWeights) as caught:
        load_toy(tmp_path / "net.pth")
    message = str(caught.value)
    assert "7 tensors" in message
    assert "layer0.weight, layer1.weight, layer2.weight, layer3.weight, layer4.weight (and 2 more)" in message
    assert "the foreign toys" in message


def test_missing_and_left_over_tensors_are_named(tmp_path: Path) -> None:
    state = {name: item for name, item in toy().state_dict().items() if not name.startswith("norm")}
    save(tmp_path / "toy.safetensors", {**state, "surplus": torch.zeros(1)}, CARD)
    with pytest.raises(
        UnknownWeights,
        match=r"lacks norm\.weight, norm\.bias, norm\.running_mean, norm\.running_var, "
        r"norm\.num_batches_tracked and has surplus left over",
    ):
        load_toy(tmp_path / "toy.safetensors")


def test_a_shape_that_differs_is_said(tmp_path: Path) -> None:
    state = {**toy().state_dict(), "last.bias": torch.zeros(4)}
    save(tmp_path / "toy.safetensors", state, CARD)
    with pytest.raises(UnreadableWeights, match=r"last\.bias is \[4\], wanted \[3\]"):
        load_toy(tmp_path / "toy.safetensors")


def test_an_architecture_of_a_later_version_is_said(tmp_path: Path) -> None:
    save(tmp_path / "toy.safetensors", toy(), dataclasses.replace(CARD, architecture="dream"))
    with pytest.raises(UnknownWeights, match=r"translate network 'dream'.*has translate toy; update retouch"):
        load_toy(tmp_path / "toy.safetensors")
    save(tmp_path / "toy.safetensors", toy(), dataclasses.replace(CARD, task="inpaint"))
    with pytest.raises(UnknownWeights, match="inpaint network 'toy'"):
        load_toy(tmp_path / "toy.safetensors")


@pytest.mark.parametrize(
    "sizes",
    [
        {"width": 1 << 30},
        {"width": 4, "blocks": 1 << 30},
        {"width": -1},
        {"width": "4"},
        {"width": None},
        {"width": [4]},
        {"width": 4, "colour": "red"},
        {},
    ],
)
def test_sizes_on_a_card_that_cannot_be_are_refused_at_once(sizes: dict[str, Any], tmp_path: Path) -> None:
    save(tmp_path / "toy.safetensors", toy(), dataclasses.replace(CARD, sizes=sizes))
    with pytest.raises(
        UnreadableWeights, match=r"card describes a toy that cannot be built|does not fit its card"
    ):
        load_toy(tmp_path / "toy.safetensors")


def test_one_of_several_networks_is_chosen_by_name(tmp_path: Path) -> None:
    both = {"G_A": foreign(toy(1).state_dict()), "G_B": foreign(toy(2).state_dict())}
    torch.save(both, tmp_path / "both.pth")
    with pytest.raises(UnknownWeights, match=r"G_A\.net_first\.weight"):
        load_toy(tmp_path / "both.pth")
    assert same(load_toy(tmp_path / "both.pth", part="G_B").network.state_dict(), toy(2).state_dict())


def test_bundled_and_fetched_weights_go_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "somewhere.safetensors", toy(), CARD)
    monkeypatch.setattr(
        "retouch.weights.bundled.bundled", lambda: {"a-toy": tmp_path / "somewhere.safetensors"}
    )
    monkeypatch.setenv("RETOUCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert load_toy("a-toy").path == tmp_path / "somewhere.safetensors"
    (tmp_path / "a-toy").mkdir()
    assert load_toy("a-toy").path == tmp_path / "somewhere.safetensors"
    place = tmp_path / "home" / "weights" / "cyclegan-horse2zebra.pth"
    with pytest.raises(
        WeightsError, match=r"run `retouch weights fetch cyclegan-horse2zebra`, or put .*by hand"
    ):
        load_toy("cyclegan-horse2zebra")
    place.parent.mkdir(parents=True)
    save_torch(place, foreign(toy().state_dict()))
    assert load_toy("cyclegan-horse2zebra").path == place


def test_a_name_that_nobody_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnknownName, match="did you mean cyclegan-horse2zebra"):
        load_toy("cyclegan-horse2zebr")
    for missing in ("missing.pth", "folder/missing", Path("missing")):
        with pytest.raises(UnreadableWeights, match="is not there"):
            load_toy(missing)


def test_the_bundled_files_are_found_where_tasks_keep_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from retouch.weights.bundled import bundled

    folder = tmp_path / "translate" / "weights"
    folder.mkdir(parents=True)
    (tmp_path / "blend").mkdir()
    save(folder / "b.safetensors", toy(), CARD)
    save(folder / "a.safetensors", toy(), CARD)
    (folder / "README.md").write_text("about them")
    monkeypatch.setattr("importlib.resources.files", lambda name: tmp_path)
    assert bundled() == {"a": folder / "a.safetensors", "b": folder / "b.safetensors"}


def test_the_feature_networks_are_bundled_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from retouch.weights.bundled import bundled

    rooms = {"retouch": tmp_path, "retouch.tasks": tmp_path / "tasks"}
    for folder in (tmp_path / "features" / "weights", tmp_path / "tasks" / "blend" / "weights"):
        folder.mkdir(parents=True)
        save(folder / f"{folder.parent.name}.safetensors", toy(), CARD)
    monkeypatch.setattr("importlib.resources.files", lambda name: rooms[name])
    assert list(bundled()) == ["blend", "features"]
    assert bundled()["features"] == tmp_path / "features" / "weights" / "features.safetensors"
    assert (
        bundled()["features"].parent.parent.name == "features"
    )  # what `retouch weights list` calls its task


def test_a_network_without_unsaved_buffers_is_not_built_twice(tmp_path: Path) -> None:
    built: list[bool] = []

    def build(width: int) -> nn.Module:
        network = nn.Linear(width, width)
        built.append(network.weight.is_meta)
        return network

    linear = nn.Linear(3, 3)
    save(
        tmp_path / "l.safetensors",
        linear,
        dataclasses.replace(CARD, architecture="linear", sizes={"width": 3}),
    )
    architecture = Architecture("linear", "translate", build)
    loaded = load(tmp_path / "l.safetensors", architectures=[architecture], layouts=[])
    assert same(loaded.network.state_dict(), {name: linear.state_dict()[name] for name in ("weight", "bias")})
    assert built == [True]


def test_a_layout_has_no_writer_unless_told() -> None:
    layout = Layout("reads only", "translate", FOREIGN.recognise, FOREIGN.rename)
    assert (layout.write, layout.writes) == (None, "")
    assert isinstance(TOY.build(width=2), Toy)
