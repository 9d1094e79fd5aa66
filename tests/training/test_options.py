"""Dotted names, nested mappings and the words of a command line all mean the same options."""

from __future__ import annotations

import pytest
import yaml

from retouch import training
from retouch.errors import InputError, UnknownName
from retouch.tasks.translate.recipe import RECIPES, Pix2Pix
from retouch.training.files import nested


def test_dotted_and_nested_names_change_the_same_option() -> None:
    dotted = training.changed(Pix2Pix(), {"generator.width": 32, "engine.batch": 4})
    assert dotted == training.changed(Pix2Pix(), {"generator": {"width": 32}, "engine": {"batch": 4}})
    assert dotted.generator.width == 32
    assert dotted.engine.batch == 4
    assert Pix2Pix().generator.width == 64


@pytest.mark.parametrize("recipe", RECIPES)
def test_options_survive_yaml(recipe: type[training.Recipe]) -> None:
    for preset in recipe.presets().values():
        made = training.changed(recipe(), preset)
        text = yaml.safe_dump(nested(training.flat(made)))
        assert training.changed(recipe(), yaml.safe_load(text)) == made


def test_an_unknown_option_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"generator\.width"):
        training.changed(Pix2Pix(), {"generator.widht": 32})
    with pytest.raises(UnknownName, match="engine"):
        training.changed(Pix2Pix(), {"engin": {"batch": 4}})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("generator.width", "wide"),
        ("generator.width", 2.5),
        ("generator.width", True),
        ("generator.kind", "unet-512"),
        ("generator", 3),
        ("l1", None),
        ("l1", [1]),
        ("pictures.flip", 1),
        ("engine.batch", 0),
        ("game.augment", "colour"),
        ("engine.images", float("inf")),
        ("engine.images", float("nan")),
        ("engine.threads", -1),
        ("engine.minutes", -1),
        ("engine.validate_every", -5),
        ("engine.seed", 10**23),
        ("adam.rate", -1),
        ("adam.rate", float("nan")),
        ("adam.beta1", 2),
        ("adam.hold", 3),
        ("l1", "inf"),
        ("generator.width", 0),
        ("generator.depth", 0),
        ("generator.dropout", 3),
        ("discriminator.layers", 0),
        ("game.weight", -1),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(name: str, value: object) -> None:
    with pytest.raises(InputError, match=name.rsplit(".", maxsplit=1)[-1]):
        training.changed(Pix2Pix(), {name: value})


def test_numbers_are_read_as_people_write_them() -> None:
    made = training.changed(Pix2Pix(), {"adam.rate": "2e-4", "l1": 50, "generator.width": 32.0})
    assert made.adam.rate == 2e-4
    assert isinstance(made.l1, float)
    assert made.generator.width == 32
    assert training.changed(Pix2Pix(), {"engine.compile": yaml.safe_load("no")}).engine.compile == "no"


@pytest.mark.parametrize("changes", [{"generator.depth": 7}, {"discriminator.layers": 5}])
def test_pictures_that_no_network_takes_are_refused_before_the_run(changes: dict[str, object]) -> None:
    small = {"generator.kind": "unet", "generator.depth": 4, "pictures.size": 64}
    training.changed(Pix2Pix(), small).check_pictures()
    with pytest.raises(InputError, match=r"pictures\.size is 64"):
        training.changed(Pix2Pix(), small | changes).data("synthetic:facades?count=4&size=64")
