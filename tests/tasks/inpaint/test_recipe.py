"""LaMa's recipe: what it refuses, what a step does, what a run leaves."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from retouch import training, weights
from retouch.errors import InputError, UnknownName, WeightsError
from retouch.tasks.inpaint.network import FFCGenerator
from retouch.tasks.inpaint.recipe import Inpaint
from retouch.tasks.inpaint.recipe.lama import masked, zoomed
from retouch.tasks.inpaint.recipe.parts import Discriminator, Generator, Pictures, Weights
from retouch.training.distributed import Group
from retouch.training.options import changed, flat
from retouch.training.step import Stepper
from retouch.weights import Card

ALONE = Group(0, 1, torch.device("cpu"))
TOY: dict[str, object] = {
    "generator.width": 4,
    "generator.blocks": 1,
    "discriminator.width": 4,
    "discriminator.layers": 2,
    "pictures.size": 32,
    "perceptual": "none",
    "engine.batch": 2,
    "engine.precision": "float32",
    "engine.threads": 1,
}
SOURCE = "synthetic:seasons?count=4&size=48"


def toy(**changes: object) -> Inpaint:
    return changed(Inpaint(), TOY | {name.replace("__", "."): value for name, value in changes.items()})


def batch() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    hole = torch.zeros(2, 1, 32, 32)
    hole[..., 8:20, 10:26] = 1.0
    return {"image": torch.rand(2, 3, 32, 32, generator=generator), "hole": hole}


@pytest.mark.parametrize(
    ("changes", "moved"),
    [
        ({}, ["generator", "discriminator"]),
        ({"loss": "hinge", "weights__frequency": 1.0}, ["generator", "discriminator"]),
        ({"loss": "wgan-gp", "local": "spectral"}, ["generator", "discriminator"]),
        ({"local": "all-spectral", "discriminator__sees": "inpainted"}, ["generator", "discriminator"]),
        ({"local": "global", "discriminator__fake": "maxpool"}, ["generator", "discriminator"]),
        ({"weights__adversarial": 0.0, "weights__feature_matching": 0.0}, ["generator"]),
    ],
)
def test_a_step_moves_every_network(changes: dict[str, object], moved: list[str]) -> None:
    recipe = toy(**changes)
    torch.manual_seed(0)
    networks = recipe.networks()
    assert list(networks) == moved
    before = {name: [p.detach().clone() for p in net.parameters()] for name, net in networks.items()}
    told = Stepper(recipe, networks, recipe.memory(), ALONE).step([batch()], 0, 100)
    assert all(math.isfinite(value) for value in told.values())
    for name, network in networks.items():
        still = [torch.equal(a, b) for a, b in zip(before[name], network.parameters(), strict=True)]
        # A bias before a normalisation has no gradient but rounding.
        assert still.count(True) <= 1, name


def test_a_critic_moves_more_often() -> None:
    recipe = toy(loss="wgan-gp", discriminator__every=3)
    torch.manual_seed(0)
    networks = recipe.networks()
    stepper = Stepper(recipe, networks, recipe.memory(), ALONE)
    told = [set(stepper.step([batch()], 2 * number, 100)) for number in range(4)]
    assert ["deceiving" in each for each in told] == [True, False, False, True]
    assert all("penalty" in each for each in told)


def test_the_default_losses_weigh_as_lamas() -> None:
    weights_of = Weights()
    assert (weights_of.known, weights_of.missing, weights_of.adversarial) == (10.0, 0.0, 10.0)
    assert (weights_of.feature_matching, weights_of.perceptual, weights_of.slope) == (100.0, 30.0, 0.001)
    recipe = Inpaint()
    (first, generator), (second, discriminator) = recipe.turns()
    assert (first.name, second.name) == ("generator", "discriminator")
    assert (generator.rate, generator.beta1, generator.beta2) == (1e-3, 0.9, 0.999)
    assert discriminator.rate == pytest.approx(1e-4)
    assert (recipe.engine.batch, recipe.engine.clip, recipe.masks) == (10, 1.0, "large")
    made = recipe.networks()
    assert isinstance(made["generator"], FFCGenerator)
    assert sum(p.numel() for p in made["generator"].parameters()) == 27_048_835
    assert sum(p.numel() for p in made["discriminator"].parameters()) == 6_962_369


@pytest.mark.parametrize("preset", Inpaint.presets())
def test_presets_are_options(preset: str) -> None:
    changes = Inpaint.presets()[preset]
    assert set(changes) <= set(flat(Inpaint()))
    recipe = changed(Inpaint(), changes)
    assert all(flat(recipe)[name] == value for name, value in changes.items())


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: toy(loss="wgan-gp", discriminator__norm="batch"), InputError, "Wasserstein"),
        (lambda: toy(discriminator__every=2), InputError, "wgan-gp"),
        (lambda: toy(loss="hinge", discriminator__slope_every=2), InputError, "for r1"),
        (lambda: toy(weights__adversarial=0.0), InputError, "feature matching"),
        (lambda: toy(masks="rings"), UnknownName, "polygon"),
        (lambda: toy(images=0), InputError, "images"),
        (lambda: Weights(known=-1.0), InputError, "weights.known"),
        (lambda: Weights(0.0, 0.0, 0.0, 0.0, 0.0), InputError, "nothing to learn"),
        (lambda: Pictures(size=36), InputError, "multiple of 8"),
        (lambda: Pictures(zoom=0.5), InputError, "zoom"),
        (lambda: Pictures(size=256, load=200), InputError, "pictures.load"),
        (lambda: Discriminator(rate=-1.0), InputError, "discriminator.rate"),
        (lambda: Generator(width=0).build("conv"), InputError, "width"),
        (lambda: toy(perceptual="vgg", perceptual_file="nowhere").memory(), WeightsError, "nowhere"),
    ],
)
def test_what_cannot_be_meant_is_refused(make: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()


def test_the_network_never_sees_the_hole() -> None:
    photos, hole = batch()["image"], batch()["hole"]
    x = masked(photos, hole)
    assert x.shape == (2, 4, 32, 32)
    assert x[:, :3, 8:20, 10:26].abs().max() == 0
    assert torch.equal(x[:, :3, :8], photos[:, :, :8])
    assert torch.equal(x[:, 3:], hole)


def test_zooming_shows_between_all_and_the_middle() -> None:
    ramp = torch.linspace(0.0, 1.0, 64).expand(1, 3, 64, 64).contiguous()
    torch.manual_seed(1)
    widths = []
    for _ in range(50):
        seen = zoomed(ramp, 32)
        assert seen.shape == (1, 3, 32, 32)
        assert seen.mean().item() == pytest.approx(0.5, abs=0.02)
        widths.append((seen[0, 0, 0, -1] - seen[0, 0, 0, 0]).item())
    assert min(widths) < 0.6 < 0.9 < max(widths)


def test_a_run_leaves_weights_that_load_and_resumes_bit_for_bit(tmp_path: Path) -> None:
    recipe = toy(engine__images=8, pictures__zoom=1.25, masks="medium", engine__average=4.0)
    training.train(recipe, SOURCE, tmp_path / "whole")
    half = changed(recipe, {"engine.images": 4})
    training.train(half, SOURCE, tmp_path / "halves")
    training.resume(tmp_path / "halves", [Inpaint], changes={"engine.images": 8})
    whole, halves = (weights.load(tmp_path / name / "last.safetensors") for name in ("whole", "halves"))
    assert whole.card.architecture == "lama"
    assert whole.card.settings["trained_size"] == 32
    assert whole.card.settings["perceptual"] == "none"
    for key, value in whole.network.state_dict().items():
        assert torch.equal(value, halves.network.state_dict()[key]), key
    found = whole.network(torch.rand(1, 4, 32, 40))
    assert found.shape == (1, 3, 32, 40)
    names = {each["name"] for each in whole.card.metrics}
    assert {"hole_psnr", "hole_swd", "seam"} <= names


def test_still_blocks_change_nothing_at_first() -> None:
    torch.manual_seed(0)
    network = Generator(width=4, blocks=2, still=True).build("conv").eval()
    assert isinstance(network, FFCGenerator)
    features = network.front(torch.rand(1, 4, 32, 32))
    with torch.no_grad():
        for block in network.model[network.stem : network.stem + 2]:
            for before, after in zip(features, block(features), strict=True):
                assert before is not None
                assert torch.equal(before, after)


def test_a_run_begins_with_the_weights_of_another(tmp_path: Path) -> None:
    first = toy()
    made = first.networks()["generator"]
    file = weights.save(tmp_path / "first.safetensors", made, first.card("generator"))
    begun = toy(start=str(file)).networks()["generator"]
    for key, value in made.state_dict().items():
        assert torch.equal(value, begun.state_dict()[key])
    bare = Card(name="upstream", task="inpaint", architecture="lama", sizes={"width": 4, "blocks": 1})
    begun = toy(start=str(weights.save(tmp_path / "bare.safetensors", made, bare))).networks()["generator"]
    assert torch.equal(begun.state_dict()["model.1.bn_l.bias"], made.state_dict()["model.1.bn_l.bias"])
    with pytest.raises(InputError, match=r"width=4.*width=8"):
        toy(start=str(file), generator__width=8).networks()
    with pytest.raises(WeightsError, match="nowhere"):
        toy(start=str(tmp_path / "nowhere.safetensors")).networks()


def test_the_card_names_the_network_that_looked_on(tmp_path: Path) -> None:
    (tmp_path / "5SE.pth").touch()
    found = toy(perceptual="auto", perceptual_file=str(tmp_path)).card("generator")
    assert found.settings["perceptual"] == "5SE.pth"
    blind = toy(perceptual="auto", perceptual_file=str(tmp_path), weights__perceptual=0.0)
    assert blind.card("generator").settings["perceptual"] == "none"


def test_a_rarer_slope_weighs_as_much_more() -> None:
    recipe = toy(discriminator__slope_every=3)
    torch.manual_seed(0)
    networks = recipe.networks()
    memory = recipe.memory()
    given = recipe.prepare(batch())
    made = {"made": torch.rand(2, 3, 32, 32)}
    told = [recipe.losses("discriminator", networks, given, made, memory) for _ in range(4)]
    assert ["slope" in each for each in told] == [True, False, False, True]
    every = toy()
    torch.testing.assert_close(
        told[0]["slope"], 3 * every.losses("discriminator", networks, given, made, every.memory())["slope"]
    )
    assert memory.state_dict() == {"judged": 4}
