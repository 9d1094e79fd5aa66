"""Teaching a feature network and its decoders: what is refused, what is learned, what a run leaves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from retouch import catalog, training, weights
from retouch.errors import Cancelled, InputError, UnknownName, WeightsError
from retouch.features import Vgg
from retouch.progress import Progress
from retouch.tasks.stylize.network.decoder import Decoder, Decoders
from retouch.tasks.stylize.recipe import Decode, Distil
from retouch.training.distributed import Group
from retouch.training.options import changed
from retouch.training.step import Stepper

SOURCE = "synthetic:seasons?count=6&size=64"
ALONE = Group(0, 1, torch.device("cpu"))
TOY: dict[str, object] = {
    "size": 32,
    "engine.batch": 2,
    "engine.precision": "float32",
    "engine.threads": 1,
    "engine.average": 0.0,
}


@pytest.fixture
def teacher(tmp_path: Path) -> str:
    """A file with a small VGG of random weights, all of whose features are alive."""
    torch.manual_seed(3)
    network = Vgg((2, 1, 1), (4, 6, 8), border="reflect")
    path = tmp_path / "teacher.safetensors"
    sizes: dict[str, Any] = {"convolutions": [2, 1, 1], "widths": [4, 6, 8], "border": "reflect"}
    card = weights.Card(name="teacher", task="features", architecture="vgg", sizes=sizes)
    weights.save(path, network, card)
    return str(path)


def distil(teacher: str, **changes: object) -> Distil:
    return changed(Distil(), TOY | {"teacher": teacher} | changes)


def decode(teacher: str, **changes: object) -> Decode:
    return changed(Decode(), TOY | {"features": teacher, "levels": "1,2,3"} | changes)


def trained(recipe: Distil | Decode, steps: int) -> list[float]:
    """The loss of each step."""
    torch.manual_seed(0)
    networks = recipe.networks()
    stepper = Stepper(recipe, networks, recipe.memory(), ALONE)
    batches = recipe.data(SOURCE).stream(batch=2, seed=0, rank=0, world=1, start=0, workers=0)
    told = [stepper.step([next(batches)], 2 * number, 10_000) for number in range(steps)]
    return [sum(float(value) for name, value in each.items() if "gradient" not in name) for each in told]


@pytest.mark.parametrize("sees", ["teacher", "own"])
def test_a_network_learns_what_its_teacher_sees(teacher: str, sees: str) -> None:
    losses = trained(distil(teacher, sees=sees), 60)
    assert sum(losses[-5:]) < 0.3 * sum(losses[:5])


def test_the_teacher_itself_is_without_error(teacher: str) -> None:
    recipe = distil(teacher, start=teacher)
    for sees in ("teacher", "own"):
        batch = {"image": torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))}
        network = recipe.networks()
        told = distil(teacher, start=teacher, sees=sees).losses(
            "features", network, batch, {}, recipe.memory()
        )
        assert float(told["error"].detach()) < 1e-12


def test_an_error_is_relative_to_what_the_teacher_sees(teacher: str) -> None:
    recipe = distil(teacher, start=teacher)
    networks = recipe.networks()
    network = networks["features"]
    assert isinstance(network, Vgg)
    pictures = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        for number in network.convolution("conv3_1").parameters():
            number.mul_(1.1)
    # Of 7 convolutions and ReLUs all but the last two are exact, and those are 10 % too large: (2·0.01) / 8.
    told = recipe.losses("features", networks, {"image": pictures}, {}, recipe.memory())
    assert float(told["error"].detach()) == pytest.approx(2 * 0.01 / 8, rel=1e-3)


def test_noise_is_mixed_into_a_part_of_the_pictures(teacher: str) -> None:
    pictures = torch.full((64, 3, 8, 8), 0.5)
    torch.manual_seed(0)
    mixed = distil(teacher, noisy=0.25).prepare({"image": pictures})["image"]
    touched = (mixed != 0.5).flatten(1).any(dim=1)
    assert 6 <= int(touched.sum()) <= 28
    assert float(mixed.min()) >= 0
    assert float(mixed.max()) <= 1
    untouched = distil(teacher, noisy=0.0).prepare({"image": pictures})["image"]
    assert torch.equal(untouched, pictures)


def test_the_preparation_of_the_picture_is_the_teachers(teacher: str) -> None:
    network = distil(teacher).networks()["features"]
    theirs = weights.load(teacher).network
    assert isinstance(network, Vgg)
    assert isinstance(theirs, Vgg)
    assert torch.equal(network.entry.weight, theirs.entry.weight)
    assert not network.entry.weight.requires_grad


def test_decoders_learn_to_paint(teacher: str) -> None:
    losses = trained(decode(teacher), 60)
    assert sum(losses[-5:]) < 0.6 * sum(losses[:5])


def test_decoders_measure_each_level(teacher: str) -> None:
    recipe = decode(teacher)
    torch.manual_seed(0)
    found = recipe.validate(recipe.networks(), recipe.data(SOURCE), torch.device("cpu"))
    assert {"loss", "psnr1", "psnr2", "psnr3", "features1"} <= set(found.metrics)
    assert found.panels["painted from each level"].shape == (3, 32, 4 * 32)


@pytest.mark.parametrize(("kind", "made"), [(distil, Vgg), (decode, Decoders)])
def test_a_run_leaves_weights_that_load_as_trained(
    kind: Any, made: type, teacher: str, tmp_path: Path
) -> None:
    recipe = kind(teacher, **{"engine.images": 4, "engine.tensorboard": False})
    training.train(recipe, SOURCE, tmp_path / "run")
    loaded = weights.load(tmp_path / "run" / "last.safetensors")
    assert type(loaded.network) is made
    assert loaded.card.name == recipe.products()[0]


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Distil(noisy=1.5), InputError, "noisy is 1.5"),
        (lambda: Distil(size=16), InputError, "size is 16"),
        (lambda: Distil(images=0), InputError, "images is 0"),
        (lambda: Decode(perceptual=-1.0), InputError, "perceptual is -1"),
        (lambda: Decode(size=40), InputError, "size is 40"),
        (lambda: Decode(images=0), InputError, "images is 0"),
        (lambda: Decode(levels="0,1"), InputError, "levels='0,1'"),
        (lambda: Decode(levels=""), InputError, "levels=''"),
        (lambda: Decoders((6,)), InputError, r"levels \[6\]"),
        (lambda: Decoders(()), InputError, r"levels \[\]"),
    ],
)
def test_what_cannot_be_meant_is_refused(make: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()


def test_only_a_vgg_can_be_learned_from(tmp_path: Path, teacher: str) -> None:
    path = tmp_path / "decoders.safetensors"
    card = weights.Card(name="d", task="stylize", architecture="decoders", sizes={"levels": [1]})
    weights.save(path, Decoders((1,)), card)
    with pytest.raises(WeightsError, match="is a Decoders"):
        distil(str(path)).networks()
    with pytest.raises(WeightsError, match="no VGG of 3 stages"):
        decode(str(path)).networks()


@pytest.mark.parametrize("level", [1, 2, 3, 4, 5])
def test_a_decoder_gives_the_size_that_the_features_are_of(level: int) -> None:
    widths = (2, 3, 4, 5, 6)
    network = Decoder(level, widths)
    for height, width in ((1, 1), (3, 2)):
        painted = network(torch.rand(1, widths[level - 1], height, width))
        assert painted.shape == (1, 3, height * 2 ** (level - 1), width * 2 ** (level - 1))


@pytest.mark.parametrize("kind", [distil, decode])
def test_a_run_that_was_stopped_ends_as_one_that_was_not(kind: Any, teacher: str, tmp_path: Path) -> None:
    recipe = kind(teacher, **{"engine.images": 8, "engine.tensorboard": False, "engine.average": 10.0})

    def stop(event: Progress) -> None:
        if event.done >= 4:
            raise Cancelled("enough for today")

    training.train(recipe, SOURCE, tmp_path / "whole")
    with pytest.raises(Cancelled):
        training.train(recipe, SOURCE, tmp_path / "parts", progress=stop)
    training.resume(tmp_path / "parts", catalog.recipes())
    whole, parts = (weights.load(tmp_path / name / "last.safetensors").network for name in ("whole", "parts"))
    for one, other in zip(whole.state_dict().values(), parts.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_stages_learn_by_themselves_and_are_shared(teacher: str, tmp_path: Path) -> None:
    options = {"parts": "stages", "engine.images": 240, "engine.average": 0.0, "engine.tensorboard": False}
    recipe = decode(teacher, **options)
    torch.manual_seed(0)
    before = recipe.validate(recipe.networks(), recipe.data(SOURCE), torch.device("cpu")).metrics["loss"]
    training.train(recipe, SOURCE, tmp_path / "run")
    network = weights.load(tmp_path / "run" / "last.safetensors").network
    assert isinstance(network, Decoders)
    state = network.state_dict()
    assert torch.equal(state["level2.conv1_2.weight"], state["level3.conv1_2.weight"])
    whole = decode(teacher, start=str(tmp_path / "run" / "last.safetensors"))
    networks = whole.networks()
    assert whole.validate(networks, whole.data(SOURCE), torch.device("cpu")).metrics["loss"] < 0.7 * before
    own = [networks["decoders"].get_submodule(f"level{level}.conv1_2") for level in (2, 3)]
    assert own[0] is not own[1]


def test_a_stage_without_the_one_before_is_refused() -> None:
    with pytest.raises(InputError, match="name all levels from 1"):
        Decode(levels="2,3", parts="stages")
    with pytest.raises(UnknownName, match="halves"):
        Decode(parts="halves")  # type: ignore[arg-type]
