"""The recipes: what they refuse, what a step does, what a run leaves."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from retouch import catalog, training, weights
from retouch.data.degradations import parse
from retouch.errors import Cancelled, InputError, UnknownName
from retouch.progress import Progress
from retouch.tasks.restore.network import Denoiser, Upscaler
from retouch.tasks.restore.network.unet import UNetRestorer
from retouch.tasks.restore.recipe import Restore, RestorePix2Pix
from retouch.tasks.restore.recipe.fidelity import distance
from retouch.tasks.restore.recipe.parts import Pictures
from retouch.tasks.restore.recipe.validating import evaluated
from retouch.training.distributed import Group
from retouch.training.options import changed, flat
from retouch.training.start import begin
from retouch.training.step import Stepper

ALONE = Group(0, 1, torch.device("cpu"))
TOY: dict[str, object] = {
    "network.width": 8,
    "network.blocks": 1,
    "network.deep": 8,
    "network.level_blocks": 1,
    "pictures.size": 32,
    "engine.batch": 2,
    "engine.precision": "float32",
    "engine.threads": 1,
}
GAME: dict[str, object] = {
    "unet.width": 4,
    "unet.depth": 3,
    "discriminator.width": 4,
    "discriminator.layers": 2,
}
SOURCE = "synthetic:seasons?count=6&size=64"


def toy(**changes: object) -> Restore:
    return changed(Restore(), TOY | {name.replace("__", "."): value for name, value in changes.items()})


def game(**changes: object) -> RestorePix2Pix:
    named = {name.replace("__", "."): value for name, value in changes.items()}
    return changed(RestorePix2Pix(), TOY | GAME | named)


def batch_of(recipe: Restore) -> dict[str, torch.Tensor]:
    return next(recipe.data(SOURCE).stream(batch=2, seed=0, rank=0, world=1, start=0, workers=0))


@pytest.mark.parametrize(
    ("recipe", "kind"),
    [
        (toy(), Upscaler),
        (toy(degradations="area(2),jpeg", loss="charbonnier"), Upscaler),
        (toy(degradations="noise(5..50)", loss="mse"), Denoiser),
        (game(), UNetRestorer),
        (game(degradations="noise(25)", game__kind="hinge"), UNetRestorer),
        (game(degradations="noise(25)", generator="residual", game__r1=1.0), Denoiser),
        (game(generator="residual", game__kind="wgan-gp", discriminator__norm="none"), Upscaler),
        (game(game__feature_matching=1.0, game__augment="color"), UNetRestorer),
        (game(discriminator__conditional=False, l1=0.0), UNetRestorer),
        (game(game__weight=0.0), UNetRestorer),
    ],
)
def test_a_step_moves_every_network(recipe: Restore, kind: type[nn.Module]) -> None:
    torch.manual_seed(0)
    networks = recipe.networks()
    assert isinstance(networks["restorer"], kind)
    before = {name: [p.detach().clone() for p in net.parameters()] for name, net in networks.items()}
    told = Stepper(recipe, networks, recipe.memory(), ALONE).step([batch_of(recipe)], 0, 100)
    assert all(math.isfinite(value) for value in told.values())
    for name, network in networks.items():
        still = [torch.equal(a, b) for a, b in zip(before[name], network.parameters(), strict=True)]
        # A bias before a normalisation has no gradient but rounding.
        assert still.count(True) <= 2, name


def test_a_denoiser_is_told_in_a_part_of_the_pictures() -> None:
    recipe = toy(degradations="noise(25)")
    batch = batch_of(recipe)
    batch = {name: value.repeat(200, 1, 1, 1) for name, value in batch.items()}
    torch.manual_seed(0)
    maps = recipe.prepare(batch)["input"][:, 3:]
    known = maps.amax(dim=(1, 2, 3))
    torch.testing.assert_close(known[known > 0], torch.full_like(known[known > 0], 25 / 255))
    assert 0.4 < float((known > 0).float().mean()) < 0.6
    for part, level in ((0.0, 0.0), (1.0, 25 / 255)):
        maps = changed(recipe, {"told": part}).prepare(batch)["input"][:, 3:]
        assert float(maps.min()) == float(maps.max()) == pytest.approx(level)


def test_distances_by_hand() -> None:
    made, wanted = torch.tensor([0.0, 0.5, 1.0]), torch.tensor([0.3, 0.5, 0.6])
    assert distance("l1", made, wanted).item() == pytest.approx(0.7 / 3)
    assert distance("mse", made, wanted).item() == pytest.approx(0.25 / 3)
    smooth = (math.hypot(0.3, 1e-3) + 1e-3 + math.hypot(0.4, 1e-3)) / 3
    assert distance("charbonnier", made, wanted).item() == pytest.approx(smooth)


@pytest.mark.parametrize("kind", [Restore, RestorePix2Pix])
def test_presets_are_options(kind: type[Restore]) -> None:
    for changes in kind.presets().values():
        assert set(changes) <= set(flat(kind()))
        recipe = changed(kind(), changes)
        assert all(flat(recipe)[name] == value for name, value in changes.items())


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: toy(degradations="rain(4)"), UnknownName, "bicubic"),
        (lambda: toy(told=1.5), InputError, "told"),
        (lambda: toy(images=0), InputError, "images"),
        (lambda: toy(degradations="bicubic(3)").data(SOURCE), InputError, "multiple of 3"),
        (lambda: Pictures(size=36), InputError, "multiple of 8"),
        (lambda: Pictures(zoom=0.5), InputError, "zoom"),
        (lambda: toy(network__width=0).networks(), InputError, "width 0"),
        (lambda: game(l1=-1.0), InputError, "l1"),
        (lambda: game(l1=0.0, game__weight=0.0), InputError, "nothing to learn"),
        (lambda: game(game__weight=0.0, game__feature_matching=1.0), InputError, "feature matching"),
        (lambda: game(unet__depth=6), InputError, "multiples of 64"),
        (lambda: game(discriminator__layers=4), InputError, "layers"),
        (lambda: game(game__kind="wgan-gp"), InputError, "wgan-gp"),
    ],
)
def test_what_cannot_be_meant_is_refused(make: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()


def test_validation_measures_what_the_network_makes() -> None:
    recipe = toy(degradations="noise(25)")
    networks = recipe.networks()
    denoiser = networks["restorer"]
    assert isinstance(denoiser, Denoiser)
    nn.init.zeros_(denoiser.tail.weight)
    nn.init.zeros_(denoiser.tail.bias)  # type: ignore[arg-type]
    found = recipe.validate(networks, recipe.data(SOURCE), torch.device("cpu"))
    # a network that changes nothing leaves the noise; clipping takes a little of it
    assert 20 * math.log10(255 / 25) - 0.1 < found.metrics["psnr"] < 20 * math.log10(255 / 25) + 1.0
    assert "noise(25)" in found.protocol
    assert found.panels["validation"].shape[0] == 3


def test_validation_takes_pictures_smaller_than_the_network_wants() -> None:
    picture = torch.rand(1, 3, 12, 20, generator=torch.Generator().manual_seed(1))
    batch = {"input": picture, "target": picture}
    found = evaluated(lambda x: x, iter([batch]), parse("noise(5)"), multiple=128, distribution=False)
    assert found.metrics["ssim"] == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("recipe", [toy(), toy(degradations="noise(25)"), game(), game(generator="residual")])
def test_a_run_leaves_weights_that_load_as_trained(recipe: Restore, tmp_path: Path) -> None:
    recipe = changed(recipe, {"engine.images": 4, "engine.tensorboard": False})
    found = training.train(recipe, SOURCE, tmp_path / "run")
    loaded = weights.load(tmp_path / "run" / "last.safetensors")
    assert (loaded.card.task, loaded.card.scale) == ("restore", recipe.chain.scale)
    assert loaded.card.settings["degradations"] == recipe.degradations
    assert ("swd" in found.metrics) == isinstance(recipe, RestorePix2Pix)
    side = 8 * loaded.card.multiple
    x = torch.rand(1, 4 if loaded.card.architecture == "denoiser" else 3, side, side)
    with torch.no_grad():
        assert loaded.network(x).shape == (1, 3, side * loaded.card.scale, side * loaded.card.scale)


def test_a_run_can_begin_with_weights(tmp_path: Path) -> None:
    recipe = toy()
    torch.manual_seed(0)
    first = recipe.networks()["restorer"]
    file = weights.save(tmp_path / "first.safetensors", first, recipe.card("restorer"))
    second = toy(start=str(file)).networks()["restorer"]
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)
    tuned = game(generator="residual", start=str(file)).networks()["restorer"]
    assert torch.equal(next(tuned.parameters()), next(first.parameters()))
    with pytest.raises(InputError, match="width=16"):
        toy(start=str(file), network__width=16).networks()
    with pytest.raises(InputError, match="restore-unet"):
        begin(UNetRestorer(4, depth=3, width=4), str(file), game().card("restorer"), options="unet.*")


def test_it_learns_to_take_noise_out() -> None:
    recipe = toy(degradations="noise(50)", network__width=16, adam__rate=5e-3, engine__clip=0.0)
    torch.manual_seed(0)
    networks = recipe.networks()
    stepper = Stepper(recipe, networks, recipe.memory(), ALONE)
    stream = recipe.data(SOURCE).stream(batch=8, seed=0, rank=0, world=1, start=0, workers=0)
    lost = [float(stepper.step([next(stream)], 8 * number, 640)["l1"]) for number in range(60)]
    # the mean difference that noise of 50 makes is 50/255 · √(2/π) = 0.156
    assert lost[0] > 0.15
    assert sum(lost[-5:]) / 5 < 0.135


@pytest.mark.parametrize("recipe", [toy(degradations="noise(5..50)"), game(game__r1=1.0)])
def test_a_run_that_was_stopped_ends_as_one_that_was_not(recipe: Restore, tmp_path: Path) -> None:
    recipe = changed(recipe, {"engine.images": 8, "engine.tensorboard": False, "engine.average": 10.0})
    training.train(recipe, SOURCE, tmp_path / "whole")

    def stop(progress: Progress) -> None:
        if progress.done >= 4:
            raise Cancelled("enough for today")

    with pytest.raises(Cancelled):
        training.train(recipe, SOURCE, tmp_path / "parts", progress=stop)
    training.resume(tmp_path / "parts", catalog.recipes())
    whole, parts = (weights.load(tmp_path / name / "last.safetensors").network for name in ("whole", "parts"))
    for one, other in zip(whole.state_dict().values(), parts.state_dict().values(), strict=True):
        assert torch.equal(one, other)
