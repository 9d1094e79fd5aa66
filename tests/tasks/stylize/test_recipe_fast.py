"""Teaching a network one style: what is compared, what is refused, what a run leaves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from retouch import catalog, training, weights
from retouch.errors import Cancelled, InputError, UnknownName, UnreadablePicture
from retouch.image import Picture
from retouch.progress import Progress
from retouch.tasks.stylize.edit.painter import Painter
from retouch.tasks.stylize.method import statistics
from retouch.tasks.stylize.recipe import Paint
from retouch.training.distributed import Group
from retouch.training.options import changed
from retouch.training.step import Stepper
from tests.tasks.stylize import toys

SOURCE = "synthetic:seasons?count=6&size=64"
ALONE = Group(0, 1, torch.device("cpu"))


@pytest.fixture(autouse=True)
def the_catalog_knows_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "architectures", lambda: toys.EVERY_ARCHITECTURE)
    monkeypatch.setattr(catalog, "layouts", lambda: toys.EVERY_LAYOUT)


@pytest.fixture
def options(tmp_path: Path) -> dict[str, object]:
    """A striped style, and a small VGG that judges."""
    rows = np.zeros((48, 40, 3), np.uint8)
    rows[::4, :, 0] = 255
    rows[1::4, :, 2] = 200
    Picture.of(rows).save(tmp_path / "stripes.png")
    network = toys.vgg()
    sizes: dict[str, Any] = {"convolutions": [2, 2, 1], "widths": [4, 6, 8], "border": "reflect"}
    card = weights.Card(name="eye", task="features", architecture="vgg", sizes=sizes)
    weights.save(tmp_path / "eye.safetensors", network, card)
    return {
        "style.picture": str(tmp_path / "stripes.png"),
        "style.size": 40,
        "style.credit": "drawn by the test",
        "features": str(tmp_path / "eye.safetensors"),
        "style_layers": "relu1_1, relu2_1,relu3_1",
        "content_layer": "relu2_2",
        "network.width": 4,
        "network.blocks": 1,
        "size": 32,
        "adam.rate": 1e-2,
        "engine.batch": 2,
        "engine.precision": "float32",
        "engine.threads": 1,
    }


def recipe(options: dict[str, object], **changes: object) -> Paint:
    renamed = {name.replace("__", "."): value for name, value in changes.items()}
    return changed(Paint(), options | renamed)


def photos(count: int = 2) -> Tensor:
    return torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def parts(made: Paint, painted: Tensor, shown: Tensor) -> dict[str, float]:
    """The terms of the loss when this is what was painted."""

    class Same(torch.nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return painted

    told = made.losses("painter", {"painter": Same()}, {"image": shown}, {}, made.memory())
    return {name: float(value.detach()) for name, value in told.items()}


@pytest.mark.parametrize("statistic", ["gram", "wasserstein", "mean-std"])
def test_it_learns(options: dict[str, object], statistic: str) -> None:
    torch.manual_seed(0)
    made = recipe(options, statistic=statistic, adam__rate=2e-2)
    stepper = Stepper(made, made.networks(), made.memory(), ALONE)
    told = [stepper.step([{"image": photos()}], 0, 10_000) for _ in range(30)]
    losses = [float(each["content"] + each["style"] + each["box"]) for each in told]
    assert sum(losses[-5:]) < 0.6 * sum(losses[:5])


def test_the_style_itself_is_without_style_loss_and_the_photo_without_content_loss(
    options: dict[str, object],
) -> None:
    made = recipe(options)
    style, photo = made.style.tensor(), photos(1)
    assert style.shape == (1, 3, 48, 40)
    assert parts(made, style, style) == pytest.approx({"content": 0, "style": 0, "box": 0}, abs=1e-6)
    found = parts(made, photo, photo)
    assert found["content"] == 0
    assert found["style"] > 0.01


def test_the_content_loss_is_relative_to_the_photos_features(options: dict[str, object]) -> None:
    made, photo = recipe(options, weights__content=3.0), photos()
    painted = photos().flip(3)
    seen = made.eye(painted, ["relu2_2"])["relu2_2"], made.eye(photo, ["relu2_2"])["relu2_2"]
    wanted = 3 * (seen[0] - seen[1]).square().mean() / seen[1].square().mean()
    assert parts(made, painted, photo)["content"] == pytest.approx(float(wanted), rel=1e-5)


def test_the_style_loss_is_the_mean_over_layers_and_pictures(options: dict[str, object]) -> None:
    made, painted = recipe(options, weights__style=2.0), photos()
    wanted = 0.0
    for layer in ("relu1_1", "relu2_1", "relu3_1"):
        target = statistics.target("gram", made.eye(made.style.tensor(), [layer])[layer])
        for one in made.eye(painted, [layer])[layer].split(1):
            wanted += 2.0 * float(statistics.distance("gram", one, target)) / target.energy / 6
    assert parts(made, painted, painted)["style"] == pytest.approx(wanted, rel=1e-5)


def test_variation_is_that_of_neighbours(options: dict[str, object]) -> None:
    # Columns of 0 and 1 in turn: neighbours in a row and across differ by 1, those above each other do not.
    painted = (torch.arange(32) % 2).float().expand(1, 3, 32, 32)
    found = parts(recipe(options, weights__variation=0.5), painted, photos(1))
    assert found["variation"] == pytest.approx(
        0.5 * (2 * (31 / 32) / 3 + 2 * 2 * (31 / 32) ** 2 / 12), rel=1e-4
    )


def test_samples_outside_the_range_count(options: dict[str, object]) -> None:
    photo = photos(1)
    assert "box" not in parts(recipe(options, weights__box=0.0), photo, photo)
    assert parts(recipe(options), photo, photo)["box"] == 0
    # A quarter of the samples is 0.2 too dark: 100 · 0.2² / 4.
    painted = photo.clone()
    painted[:, :, ::2, ::2] = -0.2
    assert parts(recipe(options), painted, photo)["box"] == pytest.approx(1.0)


@pytest.mark.parametrize("name", ["content", "style", "box"])
def test_what_weighs_nothing_is_not_computed(options: dict[str, object], name: str) -> None:
    found = parts(recipe(options, **{f"weights__{name}": 0.0}), photos(1), photos(1))
    assert set(found) == {"content", "style", "box"} - {name}


def test_the_size_of_the_style_is_that_of_its_shorter_side(options: dict[str, object]) -> None:
    assert recipe(options, style__size=0).style.tensor().shape == (1, 3, 48, 40)
    assert recipe(options, style__size=60).style.tensor().shape == (1, 3, 72, 60)


def test_bfloat16_does_not_change_what_is_compared(options: dict[str, object]) -> None:
    made, photo = recipe(options, statistic="wasserstein"), photos()
    exact = parts(made, photo, photo)["style"]
    with torch.autocast("cpu", torch.bfloat16):
        rounded = parts(recipe(options, statistic="wasserstein"), photo, photo)["style"]
    assert rounded == pytest.approx(exact, rel=0.02)
    assert rounded != exact


def test_a_run_leaves_a_network_that_paints_and_says_whose_style_it_is(
    options: dict[str, object], tmp_path: Path
) -> None:
    made = recipe(
        options,
        network__norm="entry",
        engine__images=8,
        engine__validate_every=8,
        engine__tensorboard=False,
    )
    training.train(made, SOURCE, tmp_path / "run")
    painter = Painter.load(tmp_path / "run" / "best.safetensors")
    card = painter.card
    assert card.name == "paint-stripes"
    assert card.settings["style"] == "stripes"
    assert card.settings["style_credit"] == "drawn by the test"
    assert card.value_range == (0.0, 1.0)
    assert card.sizes == {"width": 4, "blocks": 1, "norm": "entry"}
    painted = painter(np.full((30, 21, 3), 0.5, np.float32))
    assert painted.size == (30, 21)
    assert painted.report["style_credit"] == "drawn by the test"


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(
    options: dict[str, object], tmp_path: Path
) -> None:
    made = recipe(options, engine__images=8, engine__save_every=4, engine__tensorboard=False)
    training.train(made, SOURCE, tmp_path / "whole")

    def stop(event: Progress) -> None:
        if event.stage == "training" and event.done >= 4:
            raise Cancelled("stopped by the test")

    with pytest.raises(Cancelled):
        training.train(made, SOURCE, tmp_path / "parts", progress=stop)
    training.resume(tmp_path / "parts", (Paint,))
    one, other = (
        weights.load(tmp_path / name / "last.safetensors").network.state_dict() for name in ("whole", "parts")
    )
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_it_goes_on_from_weights(options: dict[str, object], tmp_path: Path) -> None:
    path = toys.saved(tmp_path)
    begun = recipe(options, network__blocks=2, start=str(path)).networks()["painter"].state_dict()
    assert all(torch.equal(value, begun[key]) for key, value in toys.fast().state_dict().items())
    with pytest.raises(InputError, match=r"give the options network\.\*"):
        recipe(options, start=str(path)).networks()


def test_every_preset_is_one() -> None:
    for name, preset in Paint.presets().items():
        assert isinstance(changed(Paint(), preset), Paint), name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 30}, "size is 30; it must be a multiple of 4"),
        ({"images": 0}, "images is 0"),
        ({"style_layers": " , "}, "style_layers is empty"),
        ({"style.size": 8}, r"style\.size is 8"),
        ({"weights.style": -1.0}, r"weights\.style is -1"),
        ({"network.width": 0}, "width is at least 1"),
    ],
)
def test_what_contradicts_itself_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        changed(Paint(), change)


def test_a_run_without_a_style_is_not_begun(options: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"--style\.picture FILE"):
        recipe(options, style__picture="").networks()
    with pytest.raises(UnreadablePicture):
        recipe(options, style__picture="nowhere.png").networks()


def test_a_layer_that_there_is_not_is_named(options: dict[str, object]) -> None:
    with pytest.raises(UnknownName, match="relu9_1"):
        _ = recipe(options, content_layer="relu9_1").eye
