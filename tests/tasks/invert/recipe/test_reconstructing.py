"""Learning from pictures that are made again."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from retouch import training
from retouch.tasks.invert.network import StyleGAN2Encoder
from retouch.tasks.invert.recipe import RECIPES
from retouch.tasks.invert.recipe.reconstructing import Reconstruction, divergence, drawn, terms
from retouch.training.checkpoint import read_state
from retouch.training.distributed import Group
from retouch.training.step import Stepper
from retouch.weights import load
from tests.tasks.invert.recipe.toys import SOURCE, stylegan2

ALONE = {
    "adversarial": 0.0,
    "noise": "none",
    "path": 0.0,
    "augment": {"kind": "none"},
    "reconstruction": {"weight": 1.0, "features": ""},
}


def test_the_divergence_is_that_of_two_normal_distributions() -> None:
    middle, spread = torch.tensor([[0.5, -1.0]]), torch.tensor([[0.3, -2.0]])
    known = torch.distributions.kl_divergence(
        torch.distributions.Normal(middle, (0.5 * spread).exp()), torch.distributions.Normal(0.0, 1.0)
    )
    assert torch.allclose(divergence(middle, spread), known.mean())
    assert float(divergence(torch.zeros(2, 3), torch.zeros(2, 3))) == 0.0


def test_noise_is_drawn_about_the_guess() -> None:
    torch.manual_seed(0)
    z = drawn(torch.full((20_000, 1), 3.0), torch.full((20_000, 1), 2 * -0.7))
    assert float(z.mean()) == pytest.approx(3.0, abs=0.02)
    assert float(z.std()) == pytest.approx(2.718281828**-0.7, abs=0.01)


def test_pictures_made_again_exactly_cost_nothing_but_their_guess() -> None:
    image = torch.rand(4, 3, 32, 32) * 2 - 1
    wish = Reconstruction(weight=2.0, kl=0.5)
    shared = {"again": image[:2], "middle": torch.ones(2, 3), "spread": torch.zeros(2, 3)}
    eye = wish.eye(32)
    found = terms(wish, eye, shared, image)
    assert float(found["pixels"]) == float(found["features"]) == 0.0
    assert float(found["kl"]) == pytest.approx(0.5 * 0.5)
    other = terms(wish, eye, {**shared, "again": image[:2] + 0.1}, image)
    assert float(other["pixels"]) == pytest.approx(0.2, rel=1e-4)
    assert float(other["features"]) > 0.001
    assert set(terms(wish, None, shared, image)) == {"kl", "pixels"}


def test_a_few_steps_make_pictures_again() -> None:
    torch.manual_seed(0)
    recipe = training.changed(stylegan2(), {**ALONE, "adam": {"rate": 0.005, "beta1": 0.5}})
    networks = {name: network.train() for name, network in recipe.networks().items()}
    assert set(networks) == {"generator", "encoder", "sampler"}
    steps = Stepper(recipe, networks, recipe.memory(), Group(0, 1, torch.device("cpu")))
    # Two kinds of pictures, which the encoder has to tell from one another.
    light = torch.tensor([0.9, 0.1] * 4).view(8, 1, 1, 1)
    batch = {"image": light.expand(-1, 3, 16, 16) + 0.02 * torch.randn(8, 3, 16, 16)}
    told = [steps.step([batch], 0, 1000)["pixels"] for _ in range(40)]
    assert float(told[-1]) < 0.4 * float(told[0])
    with torch.no_grad():
        code, _ = networks["encoder"](batch["image"] * 2 - 1)
        again = networks["generator"](code, noise="none") * 0.5 + 0.5
    assert float((again[::2].mean() - again[1::2].mean()).detach()) > 0.4
    strengths = [value for name, value in networks["generator"].named_parameters() if "strength" in name]
    assert not any(float(value.detach()) for value in strengths)


def test_it_resumes_exactly_and_a_game_goes_on_from_its_files(tmp_path: Path) -> None:
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    recipe = training.changed(stylegan2(), ALONE)
    outcome = training.train(recipe, SOURCE, whole)
    training.train(
        training.changed(recipe, {"engine.images": 12, "engine.validate_every": 100}), SOURCE, parted
    )
    training.resume(parted, RECIPES, changes={"engine.images": 24, "engine.validate_every": 24})
    first, second = (read_state(run)["networks"] for run in (whole, parted))
    for network, tensors in first.items():
        for name, value in tensors.items():
            assert torch.equal(value, second[network][name]), name
    assert set(outcome.weights) == {"generator", "encoder", "sampler"}
    assert outcome.metrics["psnr_again"] > 0
    encoder = load(outcome.weights["encoder"])
    assert isinstance(encoder.network, StyleGAN2Encoder)
    game = training.changed(
        recipe,
        {
            "adversarial": 1.0,
            "engine.images": 4,
            "start": str(outcome.weights["generator"]),
            "start_encoder": str(outcome.weights["encoder"]),
        },
    )
    begun = game.networks()
    assert set(begun) == {"generator", "judge", "encoder"}
    for name, value in encoder.network.state_dict().items():
        assert torch.equal(begun["encoder"].state_dict()[name], value)
    assert set(training.train(game, SOURCE, tmp_path / "game").weights) == {"generator", "judge", "encoder"}
    lines = (tmp_path / "game" / "log.csv").read_text(encoding="utf-8")
    assert all(f",{figure}," in lines for figure in ("deceiving", "judging", "pixels", "kl"))
