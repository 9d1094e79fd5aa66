"""The files of published networks give what their own code gives."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from retouch import weights
from retouch.errors import UnknownWeights
from retouch.tasks.stylize.network.decoder import Decoders
from retouch.tasks.stylize.upstream import LAYOUTS
from retouch.weights import Loaded
from tests.tasks.stylize import originals, toys

State = dict[str, Tensor]


def loaded(path: Path) -> Loaded:
    return weights.load(path, architectures=toys.EVERY_ARCHITECTURE, layouts=toys.EVERY_LAYOUT)


def written(folder: Path, state: State, name: str = "candy.pth") -> Path:
    torch.save(state, folder / name)
    return folder / name


def examples() -> originals.TransformerNet:
    made: originals.TransformerNet = toys.lively(originals.TransformerNet(4))
    return made


def picture(channels: int = 3, side: int = 16, high: float = 1.0) -> Tensor:
    return torch.rand(1, channels, side, side + 8, generator=torch.Generator().manual_seed(2)) * high


@pytest.mark.parametrize("name", ["candy.pth", "candy.model"])
def test_a_file_of_pytorch_examples(tmp_path: Path, name: str) -> None:
    theirs = examples()
    found = loaded(written(tmp_path, theirs.state_dict(), name))
    x = picture(high=255.0)
    with torch.no_grad():
        assert torch.allclose(found.network(x), theirs(x), rtol=1e-4, atol=1e-3)
    assert found.card.name == "candy"
    assert found.card.value_range == (0.0, 255.0)
    assert found.card.multiple == 4
    assert found.card.sizes == {"width": 4, "blocks": 5}


def test_the_statistics_of_old_files_are_dropped(tmp_path: Path) -> None:
    theirs = examples()
    state = dict(theirs.state_dict())
    for name, module in theirs.named_modules():
        if isinstance(module, nn.InstanceNorm2d):
            state[f"{name}.running_mean"] = torch.full((module.num_features,), 7.0)
            state[f"{name}.running_var"] = torch.full((module.num_features,), 9.0)
    x = picture(high=255.0)
    with torch.no_grad():
        assert torch.allclose(loaded(written(tmp_path, state)).network(x), theirs(x), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"in3.weight": None}, r"candy looks like a pytorch/examples .* but it lacks in3\.weight"),
        ({"res6.weight": torch.zeros(3)}, r"also holds res6\.weight"),
        ({"deconv3.conv2d.bias": torch.zeros(4)}, r"deconv3\.conv2d\.bias \(4,\) instead of \(3,\)"),
        ({"in9.running_std": torch.zeros(3)}, "also holds in9"),
    ],
)
def test_an_incomplete_file_is_named(tmp_path: Path, change: dict[str, Tensor | None], message: str) -> None:
    state = {**examples().state_dict(), **change}
    kept = {key: tensor for key, tensor in state.items() if tensor is not None}
    with pytest.raises(UnknownWeights, match=message):
        loaded(written(tmp_path, kept))


def test_a_network_of_ours_is_written_for_pytorch_examples(tmp_path: Path) -> None:
    ours = toys.fast(blocks=5)
    layout = next(layout for layout in LAYOUTS if layout.writes == "pytorch-examples")
    assert layout.write is not None
    for low, high in ((0.0, 1.0), (-1.0, 1.0)):
        card = toys.card(sizes={"width": 4, "blocks": 5}, value_range=(low, high))
        theirs = originals.TransformerNet(4).eval()
        theirs.load_state_dict(layout.write(ours.state_dict(), card))
        x = picture()
        with torch.no_grad():
            wanted = (ours(x * (high - low) + low) - low) / (high - low)
            assert torch.allclose(theirs(255 * x) / 255, wanted, atol=1e-4)


def test_what_pytorch_examples_cannot_build_is_not_written() -> None:
    layout = next(layout for layout in LAYOUTS if layout.writes == "pytorch-examples")
    assert layout.write is not None
    with pytest.raises(UnknownWeights, match="blocks=2, and pytorch-examples builds blocks=5"):
        layout.write(toys.fast().state_dict(), toys.card())
    with pytest.raises(UnknownWeights, match="norm=entry"):
        layout.write({}, toys.card(sizes={"norm": "entry"}))
    with pytest.raises(UnknownWeights, match="is a decoders"):
        layout.write({}, toys.card(architecture="decoders"))


def test_a_decoder_of_adain(tmp_path: Path) -> None:
    theirs = toys.lively(originals.adain_decoder((4, 6, 8, 10)))
    found = loaded(written(tmp_path, theirs.state_dict(), "decoder.pth"))
    network = found.network
    assert isinstance(network, Decoders)
    assert found.card.sizes == {"levels": [4], "widths": [4, 6, 8, 10]}
    x = picture(10, 4)
    with torch.no_grad():
        made, wanted = network(x, 4), theirs(x)
    assert made.shape == (1, 3, 32, 96)
    assert torch.allclose(made, wanted, atol=1e-5)
    assert float(wanted.min()) < 0  # no ReLU at the end


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_decoder_of_collaborative_distillation(tmp_path: Path, wrapped: bool) -> None:
    theirs = toys.lively(originals.SmallDecoder((4, 6, 8)))
    state = theirs.state_dict()
    content = {"model": state, "epoch": 20} if wrapped else state
    torch.save(content, tmp_path / "3SD.pth")
    found = loaded(tmp_path / "3SD.pth")
    network = found.network
    assert isinstance(network, Decoders)
    assert found.card.sizes == {"levels": [3], "widths": [4, 6, 8], "last": "relu"}
    x = picture(8, 4)
    with torch.no_grad():
        made, wanted = network(x, 3), theirs(x)
    assert torch.allclose(made, wanted, atol=1e-5)
    assert float((wanted == 0).float().mean()) > 0.01


def test_a_decoder_that_lacks_a_layer_is_named(tmp_path: Path) -> None:
    state = originals.SmallDecoder((4, 6, 8)).state_dict()
    del state["conv22.bias"]
    with pytest.raises(UnknownWeights, match=r"looks like a distilled decoder, but it lacks conv22\.bias"):
        loaded(written(tmp_path, state, "3SD.pth"))


def test_strangers_are_left_to_others() -> None:
    strangers: list[State] = [
        {"1.weight": torch.zeros(3)},
        {"conv11.weight": torch.zeros(3), "conv0.weight": torch.zeros(3)},
        {"conv1.conv2d.weight": torch.zeros(4, 3, 9, 9)},
        {"conv1.conv2d.weight": torch.zeros(()), "deconv1.conv2d.weight": torch.zeros(())},
        {},
    ]
    for state in strangers:
        assert [layout.name for layout in LAYOUTS if layout.recognise(state, {})] == []
