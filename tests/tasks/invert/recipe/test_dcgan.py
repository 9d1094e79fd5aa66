"""The recipe of DCGAN, and what both recipes measure their samples by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from retouch import training
from retouch.errors import InputError
from retouch.image import Picture
from retouch.tasks.invert.recipe import RECIPES, measuring
from retouch.tasks.invert.recipe.measuring import Yardstick, apart, opened, sheet
from retouch.training.checkpoint import read_state
from retouch.weights import load
from tests.tasks.invert.recipe.toys import SOURCE, dcgan


def test_it_trains_resumes_and_leaves_both_networks(tmp_path: Path) -> None:
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    outcome = training.train(dcgan(), SOURCE, whole)
    training.train(training.changed(dcgan(), {"engine.images": 12}), SOURCE, parted)
    training.resume(parted, RECIPES, changes={"engine.images": 24})
    first, second = (read_state(run)["networks"] for run in (whole, parted))
    for network, tensors in first.items():
        for name, value in tensors.items():
            assert torch.equal(value, second[network][name]), name
    assert set(outcome.metrics) == {"swd", "swd_floor", "variety"}
    generator = load(outcome.weights["generator"])
    assert (generator.card.architecture, generator.card.settings["trained_size"]) == ("dcgan", 16)
    assert generator.network(torch.randn(2, 6)).shape == (2, 3, 16, 16)
    assert load(outcome.weights["judge"]).card.architecture == "dcgan-judge"
    # The judge is saved as it is, the generator averaged.
    judge = load(whole / "last-judge.safetensors").network.state_dict()
    assert all(torch.equal(judge[name], value) for name, value in first["judge"].items())
    averaged = load(whole / "last-generator.safetensors").network.state_dict()
    assert not all(torch.equal(averaged[name], value) for name, value in first["generator"].items())


def test_instance_normalisation_is_another_network() -> None:
    networks = dcgan(network={"norm": "instance", "judge_width": 8}).networks()
    assert len(networks["generator"].state_dict()) == 3
    assert networks["judge"].state_dict()["layers.0.weight"].shape == (8, 3, 4, 4)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"size": 20}, "20"),
        ({"augment": "blit"}, "blit"),
        ({"images": 0}, "images"),
        ({"network.latent": 0}, "latent"),
    ],
)
def test_what_cannot_be_meant_is_refused(changes: dict[str, object], named: str) -> None:
    with pytest.raises(InputError, match=named):
        dcgan(**changes)


def test_real_pictures_are_near_the_floor_and_noise_is_far() -> None:
    data = opened(SOURCE, 16, flip=False)
    yardstick = Yardstick(data, Path("nowhere"))
    noise = yardstick.measured(lambda z: torch.randn(len(z), 3, 16, 16), latent=2)
    floor = noise.metrics["swd_floor"]
    assert noise.metrics["swd"] > 2 * floor > 0
    known = torch.cat([batch["image"] for batch in data.ordered_train(4)])
    again = yardstick.measured(lambda z: known[torch.arange(len(z)) % len(known)] * 2 - 1, latent=2)
    assert again.metrics["swd"] < 0.7 * noise.metrics["swd"]
    assert noise.film in noise.panels
    assert Yardstick.of(data) is Yardstick.of(data)


def test_both_sides_of_the_floor_are_taken_from_all_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A folder of dark pictures and one of light ones, in each part: together they are the same.
    for part, count in (("train", 40), ("val", 3)):
        for name, light in (("a-dark", 0.2), ("b-light", 0.8)):
            (tmp_path / part / name).mkdir(parents=True)
            for number in range(count):
                pixels = np.full((16, 16, 3), light, np.float32)
                Picture.of(pixels).save(tmp_path / part / name / f"{number}.png")
    monkeypatch.setattr(measuring, "COUNT", 20)
    yardstick = Yardstick(opened(str(tmp_path), 16, flip=False), Path("nowhere"))
    assert yardstick.floor["swd_floor"] < 1.0


def test_variety_shows_a_collapse() -> None:
    draw = torch.Generator().manual_seed(0)
    many = torch.rand((40, 3, 16, 16), generator=draw)
    few = many[:4].repeat(10, 1, 1, 1)
    assert apart(many) > 0.05
    assert apart(few) == pytest.approx(0.0, abs=1e-3)
    assert apart(many[:1]) == 0.0


def test_pictures_without_a_held_out_part_are_measured_against_themselves(tmp_path: Path) -> None:
    for number in range(2):
        pixels = torch.rand((16, 16, 3), generator=torch.Generator().manual_seed(number)).numpy()
        Picture.of(pixels).save(tmp_path / f"{number}.png")
    data = opened(str(tmp_path), 16, flip=True)
    assert data.validation is not None
    assert len(data.train) >= 1


def test_a_sheet_is_a_square_of_pictures() -> None:
    pictures = torch.arange(10.0).view(10, 1, 1, 1).expand(-1, 3, 4, 4)
    found = sheet(pictures)
    assert found.shape == (3, 12, 12)
    assert found[0, ::4, ::4].flatten().tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8]
    assert sheet(pictures[:1]).shape == (3, 4, 4)
    assert sheet(torch.zeros(64, 3, 512, 512)).shape == (3, 1024, 1024)
