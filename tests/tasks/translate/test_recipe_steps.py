"""What one step of every recipe does."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from retouch import weights
from retouch.tasks.translate.network import ResNet
from retouch.tasks.translate.recipe import RECIPES, Colourise, CycleGAN, Pix2Pix, Segmentation, Sketch
from retouch.tasks.translate.recipe.judging import applied
from retouch.training.options import changed, flat
from tests.tasks.translate.toy_recipes import EVERY, SIZE, STILL, Watched, batches, networks_of, source, toy

ORDER: dict[type[Any], list[tuple[str, set[str]]]] = {
    Pix2Pix: [("discriminator", {"discriminator"}), ("generator", {"generator"})],
    CycleGAN: [("generators", {"a_to_b", "b_to_a"}), ("discriminators", {"judge_a", "judge_b"})],
    Segmentation: [("segmenter", {"segmenter"})],
}
ORDER[Colourise] = ORDER[Sketch] = ORDER[Pix2Pix]


@pytest.mark.parametrize(("recipe", "preset"), EVERY)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_step_changes_the_networks_of_each_turn_in_order(
    recipe: type[Any], preset: str, precision: str
) -> None:
    options = toy(recipe, {"engine.precision": precision}, preset=preset)
    torch.manual_seed(0)
    watched = Watched(options)
    given = batches(options, 2, batch=2)
    told = [watched.step([batch]) for batch in given]
    assert watched.moved == ORDER[recipe] * 2
    assert [(turn, set(pulled)) for turn, pulled in watched.pulled] == ORDER[recipe] * 2
    for _, pulled in watched.pulled:
        for name, gradients in pulled.items():
            assert len(gradients) == len(list(watched.networks[name].parameters()))
            assert all(gradient.isfinite().all() for gradient in gradients)
    assert all(math.isfinite(value) for losses in told for value in losses.values())


@pytest.mark.parametrize(
    ("recipe", "more"),
    [(Pix2Pix, {"engine.accumulate": 2}), (CycleGAN, {"engine.accumulate": 2, "pool": 0})],
)
def test_two_batches_of_two_pull_as_one_of_four(recipe: type[Any], more: dict[str, object]) -> None:
    options = toy(recipe, STILL | more)
    two = batches(options, 2, batch=2)
    four = {name: torch.cat([batch[name] for batch in two]) for name in two[0]}
    halves, whole = Watched(options, move=False), Watched(options, move=False)
    told = halves.step(two)
    assert told == pytest.approx(whole.step([four]), rel=1e-5)
    for (turn, mine), (other, theirs) in zip(halves.pulled, whole.pulled, strict=True):
        assert (turn, mine.keys()) == (other, theirs.keys())
        for name, gradients in mine.items():
            largest = max(gradient.abs().max().item() for gradient in theirs[name])
            for gradient, wanted in zip(gradients, theirs[name], strict=True):
                torch.testing.assert_close(gradient, wanted, rtol=1e-3, atol=1e-5 * largest)


@pytest.mark.parametrize("recipe", RECIPES)
def test_presets_are_options_and_the_paper_is_the_default(recipe: type[Any]) -> None:
    presets = recipe.presets()
    assert presets["paper"] == {}
    known = flat(recipe())
    for changes in presets.values():
        assert set(changes) <= set(known)
        built = flat(changed(recipe(), changes))
        assert all(built[name] == value for name, value in changes.items())


@pytest.mark.parametrize("recipe", [Pix2Pix, CycleGAN, Colourise, Sketch])
def test_the_modern_preset_has_what_it_is_for(recipe: type[Any]) -> None:
    options = changed(recipe(), recipe.presets()["modern"])
    assert options.generator.upsampling != "transpose"
    assert options.game.r1
    assert options.game.augment
    assert options.engine.average


def test_defaults_are_those_of_the_papers() -> None:
    pix2pix, cyclegan = flat(Pix2Pix()), flat(CycleGAN())
    both = {
        "adam.rate": 2e-4,
        "adam.beta1": 0.5,
        "adam.beta2": 0.999,
        "adam.schedule": "linear",
        "adam.hold": 0.5,
        "epochs": 200.0,
        "engine.batch": 1,
        "pictures.size": 256,
        "pictures.load_size": 0,
        "pictures.flip": True,
        "pictures.jitter": 0.0,
        "discriminator.kind": "patch",
        "discriminator.layers": 3,
        "discriminator.rate": 1.0,
        "generator.width": 64,
        "generator.upsampling": "transpose",
        "game.weight": 1.0,
        "game.r1": 0.0,
        "game.augment": "",
    }
    assert pix2pix.items() >= both.items()
    assert cyclegan.items() >= both.items()
    own = {
        "generator.kind": "unet-256",
        "generator.norm": "batch",
        "generator.dropout": 0.5,
        "discriminator.norm": "batch",
        "discriminator.conditional": True,
        "game.kind": "vanilla",
        "l1": 100.0,
        "pool": 0,
    }
    assert pix2pix.items() >= own.items()
    own = {
        "generator.kind": "resnet-9",
        "generator.norm": "instance",
        "generator.dropout": 0.0,
        "discriminator.norm": "instance",
        "discriminator.conditional": False,
        "game.kind": "least-squares",
        "cycle": 10.0,
        "identity": 0.5,
        "pool": 50,
    }
    assert cyclegan.items() >= own.items()


@pytest.mark.parametrize(("recipe", "preset"), EVERY)
def test_a_saved_product_gives_the_same_pictures(recipe: type[Any], preset: str, tmp_path: Path) -> None:
    options = toy(recipe, preset=preset)
    networks = networks_of(options)
    for product in options.products():
        network = networks[product].eval()
        card = options.card(product)
        loaded = weights.load(weights.save(tmp_path / f"{product}.safetensors", network, card))
        assert loaded.card.settings == card.settings
        assert loaded.card.multiple == card.multiple
        low, high = card.value_range
        channels = int(str(card.sizes.get("input_channels", 3)))
        x = torch.rand(1, channels, 2 * SIZE, SIZE) * (high - low) + low
        assert torch.equal(loaded.network(x), network(x))


@pytest.mark.parametrize("recipe", RECIPES)
def test_validation_repeats_itself_and_leaves_no_trace(recipe: type[Any]) -> None:
    options = toy(recipe)
    networks = networks_of(options)
    data = options.data(source(options))
    before = {name: {k: v.clone() for k, v in net.state_dict().items()} for name, net in networks.items()}
    random = torch.get_rng_state()
    with torch.no_grad():
        found = [options.validate(networks, data, torch.device("cpu")) for _ in range(2)]
        with torch.autocast("cpu", torch.bfloat16):
            half = options.validate(networks, data, torch.device("cpu"))
    assert found[0].metrics == found[1].metrics
    assert options.judge[0] in found[0].metrics
    assert found[0].count == 2
    for panel in found[0].panels.values():
        assert panel.shape == (3, 2 * SIZE, 3 * SIZE)
        assert 0 <= panel.min() <= panel.max() <= 1
    # the pictures differ by rounding, the metrics must not be rounded as well
    for name, value in half.metrics.items():
        assert value == pytest.approx(found[0].metrics[name], rel=0.05, abs=0.02), name
    assert torch.equal(random, torch.get_rng_state())
    for name, network in networks.items():
        assert all(module.training for module in network.modules())
        after = network.state_dict()
        assert all(torch.equal(after[key], value) for key, value in before[name].items())


@pytest.mark.parametrize("recipe", [Pix2Pix, Colourise, Sketch])
def test_at_the_end_validation_decides_how_the_network_is_applied(recipe: type[Any]) -> None:
    options = toy(recipe, {"generator.depth": 6, "pictures.size": 64})
    networks = networks_of(options)
    data = options.data(source(options))
    random = torch.get_rng_state()
    with torch.no_grad():
        settings = options.conclude(networks, data, torch.device("cpu"))["generator"]
        assert settings == options.conclude(networks, data, torch.device("cpu"))["generator"]
        scores = settings["inference_scores"]
        assert set(scores) == {"eval", "batch", "eval+dropout", "batch+dropout"}
        with applied(networks["generator"], "batch"):
            found = options.translated(networks["generator"], data.ordered(1), torch.device("cpu"), 9)
    assert (found.outputs - found.targets).abs().mean().item() == pytest.approx(
        scores["batch"]["l1"], abs=0.003
    )
    assert torch.equal(random, torch.get_rng_state())


@pytest.mark.parametrize("kind", ["resnet-9", "unet-128", "fcn-large", "fcn-small"])
def test_the_card_says_of_what_sizes_must_be_multiples(kind: str) -> None:
    options = changed(Pix2Pix(), {"generator.kind": kind, "generator.width": 1})
    network = options.networks()["generator"]
    assert options.card("generator").multiple == network.multiple
    assert options.card("generator").architecture == kind.partition("-")[0]
    if isinstance(network, ResNet):
        assert len(network.blocks) == 9
