"""What no layout of ours knows is shown to spandrel, if it is there: a made-up one, and the real one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from retouch.cli import main
from retouch.errors import MissingDependency, UnknownWeights
from retouch.tasks.restore.upstream import LAYOUTS
from retouch.tasks.restore.upstream.spandrel import described
from retouch.weights import load
from tests.tasks.restore import originals


@dataclass
class Descriptor:
    """What spandrel knows of a network that it has built."""

    model: nn.Module
    architecture: Any
    purpose: str = "Restoration"
    scale: int = 1
    input_channels: int = 3
    output_channels: int = 3
    supports_bfloat16: bool = False
    size_requirements: Any = field(default_factory=lambda: SimpleNamespace(multiple_of=8, minimum=16))
    tiling: Any = field(default_factory=lambda: SimpleNamespace(name="DISCOURAGED"))

    @torch.inference_mode()
    def __call__(self, picture: Tensor) -> Tensor:
        assert picture.shape[0] == 1
        made: Tensor = self.model(picture)
        return made.clamp_(0, 1)


class Toy(nn.Module):
    """Its constructor draws random numbers, as they all do."""

    def __init__(self) -> None:
        super().__init__()
        self.toy = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.toy(x)  # type: ignore[no-any-return]


class Kind:
    """One entry of the registry."""

    def __init__(self, make: Callable[[Mapping[str, Tensor]], nn.Module], **facts: Any) -> None:
        self.architecture = self
        self.name = "Toynet"
        self._make, self._facts = make, facts

    def detect(self, state: Mapping[str, Tensor]) -> bool:
        return "toy.weight" in state

    def load(self, state: Mapping[str, Tensor]) -> Descriptor:
        network = self._make(state)
        network.load_state_dict(dict(state))
        return Descriptor(network, self, **self._facts)


Put = Callable[..., None]


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch) -> Put:
    """Put a spandrel that knows one kind of network in the place of the real one."""

    def install(
        make: Callable[[Mapping[str, Tensor]], nn.Module] = lambda state: Toy(), **facts: Any
    ) -> None:
        module = ModuleType("spandrel")
        registry = SimpleNamespace(architectures=lambda order: [Kind(make, **facts)])
        monkeypatch.setattr(module, "MAIN_REGISTRY", registry, raising=False)
        monkeypatch.setattr(module, "canonicalize_state_dict", dict, raising=False)
        monkeypatch.setitem(sys.modules, "spandrel", module)

    return install


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.manual_seed(5)
    torch.save({"params": Toy().state_dict()}, tmp_path / "colour_noise25.pth")
    return tmp_path / "colour_noise25.pth"


def test_a_network_of_spandrel_loads_like_any_other(put: Put, file: Path) -> None:
    put()
    torch.manual_seed(9)
    before = torch.get_rng_state()
    loaded = load(file)
    assert torch.equal(torch.get_rng_state(), before)
    card = loaded.card
    assert (card.name, card.task, card.architecture) == ("colour_noise25", "restore", "spandrel")
    assert (card.scale, card.multiple, card.value_range) == (1, 8, (0.0, 1.0))
    assert card.sizes == {"channels": 3}
    assert card.settings == {
        "network": "Toynet",
        "tiles": "discouraged",
        "least": 16,
        "bfloat16": False,
        "sigma": 25,
    }
    assert not loaded.network.training
    assert not any(item.requires_grad for item in loaded.network.parameters())
    original = Toy()
    torch.manual_seed(5)
    original = Toy()
    x = torch.rand(2, 3, 9, 7, generator=torch.Generator().manual_seed(1))
    made = loaded.network(x)
    torch.testing.assert_close(made, original(x).clamp(0, 1), rtol=0, atol=1e-6)
    made += 1  # which a tensor of inference mode would not bear


def test_it_is_asked_last(put: Put, tmp_path: Path) -> None:
    def never(state: Mapping[str, Tensor]) -> nn.Module:
        raise AssertionError("it was asked")

    put(never)
    state = originals.DnCNN(8, 4).state_dict()
    torch.save(state, tmp_path / "dncnn.pth")
    first = tuple(sorted(LAYOUTS, key=lambda layout: layout.load is None))
    assert first[0].load is not None
    assert load(tmp_path / "dncnn.pth", layouts=first).card.architecture == "dncnn"


def test_what_it_does_not_know_stays_unknown(put: Put, tmp_path: Path) -> None:
    put()
    torch.save({"what.weight": torch.zeros(2)}, tmp_path / "x.pth")
    with pytest.raises(UnknownWeights, match=r"fit no network that retouch knows .*spandrel") as caught:
        load(tmp_path / "x.pth")
    assert "pip install" not in str(caught.value)


def test_without_it_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setitem(sys.modules, "spandrel", None)
    with pytest.raises(UnknownWeights, match=r"pip install 'retouch\[spandrel\]'"):
        load(file)
    with pytest.raises(MissingDependency, match=r"pip install 'retouch\[spandrel\]'"):
        described(Toy().state_dict(), {})


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"purpose": "FaceSR"}, "is a Toynet, which restores faces"),
        ({"purpose": "Inpainting"}, "is a Toynet, which fills holes"),
        ({"output_channels": 1}, "is a Toynet that takes 3 channels and gives 1"),
        ({"input_channels": 4, "output_channels": 4}, "is a Toynet that takes 4 channels and gives 4"),
    ],
)
def test_networks_for_something_else_are_refused(put: Put, file: Path, facts: Any, said: str) -> None:
    put(**facts)
    with pytest.raises(UnknownWeights, match=rf"colour_noise25\.pth {said}"):
        load(file)


def _too_deep(state: Mapping[str, Tensor]) -> nn.Module:
    return nn.Sequential(*(nn.Conv2d(1, 1, 1) for _ in range(10**9)))


def _too_wide(state: Mapping[str, Tensor]) -> nn.Module:
    return nn.Linear(1 << 15, 1 << 14)


def _clumsy(state: Mapping[str, Tensor]) -> nn.Module:
    raise KeyError("layers.0.weight")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_too_deep, "far more layers than the file has tensors"),
        (_too_wide, "far more numbers than the file"),
        (_clumsy, r"KeyError: 'layers\.0\.weight'"),
        (lambda state: nn.Identity(), "Unexpected key"),
    ],
)
def test_a_file_that_it_cannot_build_is_refused_in_words(put: Put, file: Path, make: Any, said: str) -> None:
    put(make)
    with pytest.raises(UnknownWeights, match=rf"(?s)takes colour_noise25\.pth for a Toynet.*{said}"):
        load(file)


def test_the_name_alone_makes_no_level_of_noise_for_enlarging(put: Put, file: Path) -> None:
    put(purpose="SR", scale=2)
    loaded = load(file)
    assert loaded.card.scale == 2
    assert "sigma" not in loaded.card.settings


def test_it_is_shown_and_not_converted(
    put: Put, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put()
    assert main(["weights", "show", str(file)]) == 0
    assert "layout        spandrel\n" in capsys.readouterr().out
    assert main(["weights", "convert", str(file), "-o", str(tmp_path / "x.safetensors")]) == 2
    assert "another library computes" in capsys.readouterr().err
    assert not (tmp_path / "x.safetensors").exists()


@pytest.mark.filterwarnings("ignore:torch.meshgrid")  # the toys here are made without our care
def test_the_real_one_computes_and_opens_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spandrel = pytest.importorskip("spandrel")
    span = pytest.importorskip("spandrel.architectures.SPAN")
    swinir = pytest.importorskip("spandrel.architectures.SwinIR")
    for name in ("load_from_file", "load_state_dict_from_file"):
        monkeypatch.setattr(spandrel.ModelLoader, name, None)
    monkeypatch.setattr(torch, "load", None)
    torch.manual_seed(4)
    toys = {
        "span": span.SPAN(num_in_ch=3, num_out_ch=3, feature_channels=8),
        "noise50": swinir.SwinIR(
            img_size=16, window_size=8, depths=[1], embed_dim=4, num_heads=[2], mlp_ratio=2, in_chans=1
        ),
    }
    for name, toy in toys.items():
        torch.save({"params": toy.state_dict()}, tmp_path / f"{name}.pth")
        loaded = load(tmp_path / f"{name}.pth")
        channels = loaded.card.sizes["channels"]
        assert (loaded.card.settings["network"], loaded.card.scale, channels) == {
            "span": ("SPAN", 4, 3),
            "noise50": ("SwinIR", 1, 1),
        }[name]
        assert loaded.card.settings.get("sigma") == {"noise50": 50}.get(name)
        x = torch.rand(2, int(str(channels)), 16, 24, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            wanted = toy.eval()(x).clamp(0, 1)
        assert wanted.std() > 0.01
        torch.testing.assert_close(loaded.network(x), wanted, rtol=0, atol=1e-5)
