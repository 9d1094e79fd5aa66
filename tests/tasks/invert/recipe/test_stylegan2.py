"""The recipe of StyleGAN2: its steps, what it remembers, and that it resumes exactly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from retouch import training
from retouch.errors import InputError
from retouch.tasks.invert.network import StyleGAN2, StyleGAN2Encoder
from retouch.tasks.invert.network.modulated import FullyConnected, unit_mean_square
from retouch.tasks.invert.recipe import RECIPES, StyleGAN2Recipe
from retouch.tasks.invert.recipe.augmenting import Learned
from retouch.tasks.invert.recipe.sampling import fit
from retouch.training.checkpoint import read_state
from retouch.training.distributed import Group
from retouch.training.step import Stepper
from retouch.weights import load
from tests.tasks.invert.recipe.toys import SOURCE, stylegan2


def same(a: object, b: object) -> bool:
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def stepper(recipe: StyleGAN2Recipe) -> tuple[Stepper, Learned, dict[str, nn.Module]]:
    networks = {name: network.train() for name, network in recipe.networks().items()}
    memory = recipe.memory()
    return Stepper(recipe, networks, memory, Group(0, 1, torch.device("cpu"))), memory, networks


def test_six_steps_are_three_and_three(tmp_path: Path) -> None:
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    training.train(training.changed(stylegan2(), {"engine.validate_every": 12}), SOURCE, whole)
    halved = {"engine.images": 12, "engine.validate_every": 100}
    training.train(training.changed(stylegan2(), halved), SOURCE, parted)
    training.resume(parted, RECIPES, changes={"engine.images": 24, "engine.validate_every": 12})
    resumed, expected = read_state(parted), read_state(whole)
    for state in (resumed, expected):
        del state["seconds"]
    assert expected["seen"] == 24
    for part in expected:
        assert same(resumed[part], expected[part]), part
    memory = expected["processes"][0]["memory"]
    assert 0 < abs(memory["controller"]["p"] - 0.5) < 0.1
    assert memory["path"] > 0
    assert expected["networks"]["generator"]["mapping.w_avg"].abs().sum() > 0
    for product in ("generator", "judge"):
        name = f"last-{product}.safetensors"
        assert (whole / name).read_bytes() == (parted / name).read_bytes()
    assert (whole / "samples.gif").is_file()
    lines = (whole / "log.csv").read_text(encoding="utf-8")
    for figure in ("ada_p", "sign_real", "path", "r1", "validation_swd_floor", "validation_variety"):
        assert f",{figure}," in lines
    generator = load(whole / "last-generator.safetensors")
    assert generator.card.settings["trained_size"] == 16
    assert generator.network(torch.zeros(1, 6) + 1).shape == (1, 3, 16, 16)
    assert load(whole / "last-judge.safetensors").card.architecture == "stylegan2-judge"


def test_penalties_come_in_their_turns() -> None:
    torch.manual_seed(0)
    steps, _, _ = stepper(stylegan2(augment={"kind": "none"}))
    batch = {"image": torch.rand(4, 3, 16, 16)}
    told = [steps.step([batch], 0, 100) for _ in range(18)]
    assert [number for number, terms in enumerate(told) if "r1" in terms] == [0, 16]
    assert [number for number, terms in enumerate(told) if "path" in terms] == [0, 4, 8, 12, 16]
    rates = [mover.optimiser.param_groups[0] for mover in steps.movers]
    # c = k / (k + 1): 4/5 for the generator's lazy penalty, 16/17 for the judge's.
    assert rates[0]["lr"] == pytest.approx(0.0025 * 4 / 5)
    assert rates[1]["lr"] == pytest.approx(0.0025 * 16 / 17)
    assert rates[1]["betas"][1] == pytest.approx(0.99 ** (16 / 17))


def test_one_pass_judges_as_two_do() -> None:
    torch.manual_seed(1)
    recipe = stylegan2(augment={"kind": "none"})
    networks = recipe.networks()
    judge, memory = networks["judge"], recipe.memory()
    real, made = torch.rand(8, 3, 16, 16), torch.rand(8, 3, 16, 16) * 0.1
    together = recipe._judged(judge, real, made, memory)
    for found, kind in zip(together, (real, made), strict=True):
        assert torch.allclose(found, judge(kind), atol=1e-5)
    mixed = judge(torch.cat([real, made]))
    assert not torch.allclose(mixed[:8], judge(real), atol=1e-3)
    odd = recipe._judged(judge, real[:3], made[:3], memory)
    assert torch.allclose(odd[0], judge(real[:3]), atol=1e-5)


def test_a_step_moves_each_network_in_its_turn_only() -> None:
    torch.manual_seed(0)
    recipe = stylegan2()
    steps, memory, networks = stepper(recipe)
    generator = networks["generator"]
    assert isinstance(generator, StyleGAN2)
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    steps.step([{"image": torch.rand(4, 3, 16, 16)}], 0, 100)
    still = [
        name
        for name, value in generator.named_parameters()
        if torch.equal(value, before[name]) and "noise_strength" not in name
    ]
    assert not still
    assert not torch.equal(generator.mapping.w_avg, before["mapping.w_avg"])
    assert memory.steps == 1


def test_few_steps_bring_samples_nearer_to_the_pictures() -> None:
    torch.manual_seed(0)
    recipe = stylegan2(path=0.0, augment={"kind": "none"}, adam={"rate": 0.01})
    steps, _, networks = stepper(recipe)
    # Pictures of one colour: what has to be learned is their mean.
    colour = torch.tensor([0.9, 0.2, 0.1]).view(1, 3, 1, 1)
    batch = {"image": (colour + 0.05 * torch.randn(8, 3, 16, 16)).clamp(0, 1)}

    def apart() -> float:
        with torch.no_grad():
            made = networks["generator"](torch.randn(16, 6)) * 0.5 + 0.5
        return float((made - colour).abs().mean())

    before = apart()
    for _ in range(40):
        steps.step([batch], 0, 1000)
    assert apart() < 0.5 * before


def test_batch_0_is_refused_where_nothing_chooses_it(tmp_path: Path) -> None:
    training.train(training.changed(stylegan2(), {"engine.images": 4}), SOURCE, tmp_path / "run")
    with pytest.raises(InputError, match=r"engine\.batch"):
        training.resume(tmp_path / "run", RECIPES, changes={"engine.batch": 0, "engine.images": 8})


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"size": 24}, "size"),
        ({"mixing": 1.5}, "mixing"),
        ({"r1": -1.0}, "r1"),
        ({"images": 0}, "images"),
        ({"network": {"channels": "8,8"}}, "channels"),
        ({"network": {"limit": -1.0}}, "limit"),
        ({"augment": {"kind": "ada", "kinds": "translation"}}, "translation"),
        ({"augment": {"kind": "none", "kinds": "color"}}, "augment"),
        ({"augment": {"target": 2.0}}, "target"),
        ({"adversarial": 0.0}, "nothing to learn from"),
        ({"adversarial": -1.0}, "adversarial"),
        ({"reconstruction": {"kl": -1.0}}, "kl"),
        ({"start_encoder": "some"}, "start_encoder"),
        ({"start_judge": "some", "adversarial": 0.0, "reconstruction.weight": 1.0}, "start_judge"),
    ],
)
def test_what_cannot_be_meant_is_refused(changes: dict[str, object], named: str) -> None:
    with pytest.raises(InputError, match=named):
        stylegan2(**changes)


@pytest.mark.parametrize("name", list(StyleGAN2Recipe.presets()))
def test_presets_fit_the_recipe(name: str) -> None:
    recipe = training.changed(StyleGAN2Recipe(), StyleGAN2Recipe.presets()[name])
    assert next(turn.name for turn, _ in recipe.turns()) == "generator"
    if name != "paper":  # whose networks are large
        assert recipe.networks().keys() == set(recipe.products())


def fully(network: StyleGAN2) -> Callable[[torch.Tensor], torch.Tensor]:
    """The first layer of a mapping, without its rectifier."""
    layer = network.mapping.get_submodule("fc0")
    assert isinstance(layer, FullyConnected)
    scale = layer.pace / layer.weight.shape[1] ** 0.5
    return lambda x: torch.nn.functional.linear(x, layer.weight * scale, layer.bias * layer.pace)


def test_a_sampler_draws_what_the_encoder_says_of_pictures() -> None:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"side": 8, "channels": "8,8", "latent": 16, "style": 16, "layers": 2}
    generator, sampler = (StyleGAN2(**sizes).requires_grad_(False) for _ in range(2))
    encoder = StyleGAN2Encoder(side=8, channels="8,8", latent=16).requires_grad_(False)
    pictures = torch.randn(500, 3, 8, 8) + torch.tensor([1.0, 0.0, -1.0]).view(3, 1, 1)
    fit(sampler, generator, encoder, torch.split(pictures, 100))
    guesses = [encoder(side)[0] for side in (pictures, pictures.flip(3))]
    linear = [
        fully(network)(unit_mean_square(z))
        for network, z in ((generator, torch.cat(guesses)), (sampler, torch.randn(20_000, 16)))
    ]
    # The same mean and covariance, up to 20,000 drawings and to noise of constant length.
    for moment in (lambda x: x.mean(dim=0), lambda x: torch.cov(x.T)):
        wanted, found = moment(linear[0]), moment(linear[1])
        assert (found - wanted).norm() < 0.1 * wanted.norm()
    same = set(generator.state_dict()) - {"mapping.fc0.weight", "mapping.fc0.bias", "mapping.w_avg"}
    assert all(torch.equal(generator.state_dict()[key], sampler.state_dict()[key]) for key in same)
    assert not torch.equal(generator.mapping.w_avg, sampler.mapping.w_avg)
