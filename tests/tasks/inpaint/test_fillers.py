"""Networks and methods without one as fillers: what they are shown, and what they are measured as."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from retouch import weights
from retouch.errors import InputError, UnknownName, UnreadableWeights
from retouch.tasks.inpaint.network.generator import FFCGenerator
from retouch.tasks.inpaint.recipe.evaluating import evaluate_inpainting
from retouch.tasks.inpaint.recipe.fillers import Filler, fillers, network_fill
from retouch.weights import Card
from tests.data.made import fill
from tests.tasks.inpaint.measuring import flat, measured, pictures_in

CARD = Card("tiny", "inpaint", "lama", {"width": 4, "blocks": 1}, value_range=(0.0, 1.0), multiple=8)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three pictures of 40×32 pixels."""
    fill(tmp_path / "photos", 3, height=32, width=40)
    return tmp_path / "photos"


def test_baselines_are_the_verb_s_own(photos: Path) -> None:
    found = measured(photos, flat(9), baselines=["telea", "navier-stokes", "biharmonic", "membrane", "telea"])
    assert found.methods == ("gray 9", "telea", "navier-stokes", "biharmonic", "membrane")
    assert found.trained == ("gray 9",)
    bad = found.figure("gray 9", "square", "hole_l1").value
    for method in found.methods[1:]:
        good = found.figure(method, "square", "hole_l1").value
        assert bad is not None
        assert good is not None
        assert good < bad


def test_a_network_is_shown_the_masked_picture_and_the_mask_at_a_size_that_fits() -> None:
    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(1))
            self.shown = torch.empty(0)

        def forward(self, x: Tensor) -> Tensor:
            self.shown = x
            assert not torch.is_autocast_enabled("cpu")
            return x[:, :3] * self.weight

    network = Network()
    picture, hole = torch.rand(3, 21, 5), (torch.rand(1, 21, 5) < 0.3).float()
    with torch.autocast("cpu", torch.bfloat16):
        made = network_fill(network, CARD)(picture, hole)
    shown = network.shown[0]
    assert shown.shape == (4, 24, 16)
    expected = torch.cat((picture * (1 - hole), hole))
    assert torch.equal(shown[:, :21, :5], expected)
    assert torch.equal(shown[:, 21:, :5], expected[:, 18:].flip(1)), "mirrored, the last row twice"
    wider = torch.cat((expected, expected.flip(2), expected, expected[..., 4:]), dim=2)
    assert torch.equal(shown[:, :21], wider), "never narrower than 16, mirrored as often as it takes"
    assert torch.equal(made, picture * (1 - hole))
    assert not made.requires_grad


def test_weights_are_measured_as_they_are(photos: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = FFCGenerator(width=4, blocks=1)
    path = weights.save(tmp_path / "tiny.safetensors", network, CARD)
    found = evaluate_inpainting(
        [path], photos, split="all", size=32, holes=["square"], baselines=(), metrics=["hole_l1"]
    )
    by_hand = Filler("tiny", network_fill(network.eval(), CARD))
    expected = measured(photos, by_hand, metrics=["hole_l1"])
    assert found.methods == ("tiny",)
    assert found.figures[0].value == pytest.approx(expected.figures[0].value, abs=1e-6)
    assert "its output in the hole" in found.figures[0].circumstances
    twice = fillers([path, path], ["telea"], apply="network", device="cpu")
    assert [one.name for one in twice] == ["tiny", f"tiny ({path})", "telea"]


def test_weights_can_be_measured_as_the_verb_applies_them(photos: Path, tmp_path: Path) -> None:
    from retouch.tasks.inpaint.edit import Inpainter

    torch.manual_seed(0)
    path = weights.save(tmp_path / "tiny.safetensors", FFCGenerator(width=4, blocks=1), CARD)
    (filler,) = fillers([path], [], apply="edit", device="cpu")
    name, picture = next(pictures_in(photos))
    hole = torch.zeros(1, 32, 32)
    hole[:, 8:20, 10:25] = 1
    shown = picture * (1 - hole)
    made = filler.fill(shown, hole)
    assert made.shape == (3, 32, 32)
    expected = Inpainter.load(str(path))(shown, hole).tensor()[0]
    assert torch.equal(made, expected), name
    assert filler.protocol.startswith("as retouch.inpaint")
    with pytest.raises(UnknownName, match="way to apply"):
        fillers([path], [], apply="raw", device="cpu")  # type: ignore[arg-type]


def test_weights_of_another_task_are_refused_with_the_right_command(photos: Path, tmp_path: Path) -> None:
    card = Card("other", "translate", "unet")
    path = weights.save(tmp_path / "other.safetensors", torch.nn.Linear(1, 1), card)
    with pytest.raises(InputError, match=r"fills no holes; .* retouch evaluate .*other\.safetensors"):
        evaluate_inpainting([path], photos)
    with pytest.raises(UnreadableWeights, match="is not there"):
        evaluate_inpainting([tmp_path / "none.safetensors"], photos)
