from __future__ import annotations

import math
from typing import cast

import numpy as np
import pytest
import torch
from skimage import color

from retouch.errors import InputError
from retouch.tasks.translate.method import lab as edit
from retouch.tasks.translate.network import PatchGAN
from retouch.tasks.translate.recipe import Colourise
from retouch.tasks.translate.recipe.colourise import lab_of, rgb_of
from retouch.tasks.translate.recipe.parts import Pictures
from retouch.training.game import Game
from tests.tasks.translate.toy_recipes import Watched, batches, toy

GRID = np.stack(np.meshgrid(*[np.linspace(0, 1, 13, dtype=np.float32)] * 3), axis=-1).reshape(-1, 3)
COLOURS = torch.from_numpy(GRID.T.copy()).view(1, 3, -1, 1)


def test_lab_is_that_of_scikit_image() -> None:
    wanted = torch.from_numpy(color.rgb2lab(GRID.astype(np.float64)).T).view(1, 3, -1, 1)
    assert (lab_of(COLOURS) - wanted).abs().max() < 1e-3


def test_lab_is_that_of_the_edit() -> None:
    found = lab_of(COLOURS)[0, 0, :, 0].numpy()
    assert np.abs(found - edit.lightness(GRID)).max() < 1e-3
    chroma = lab_of(COLOURS)[0, 1:, :, 0].numpy().T
    assert np.abs(edit.coloured(found, chroma) - GRID).max() < 2e-3


def test_lab_goes_round() -> None:
    torch.testing.assert_close(rgb_of(lab_of(COLOURS)), COLOURS, atol=2e-5, rtol=0)


def test_lab_is_exact_under_autocast() -> None:
    exact = lab_of(COLOURS)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(lab_of(COLOURS), exact)
        assert torch.equal(rgb_of(exact), rgb_of(exact))
        torch.testing.assert_close(rgb_of(exact), COLOURS, atol=2e-5, rtol=0)


def test_colours_that_do_not_exist_are_clipped() -> None:
    lab = torch.tensor([50.0, 110.0, -110.0]).view(1, 3, 1, 1)
    found = rgb_of(lab)
    assert found.min() >= 0
    assert found.max() <= 1
    assert rgb_of(torch.tensor([-5.0, 0, 0]).view(1, 3, 1, 1)).eq(0).all()


def test_lightness_goes_in_and_colour_comes_out() -> None:
    options = Colourise()
    batch = options.prepare({"image": COLOURS})
    assert batch["input"].shape[1] == 1
    assert batch["target"].shape[1] == 2
    assert batch["input"].min() == pytest.approx(-1, abs=1e-5)
    assert batch["input"].max() == pytest.approx(1, abs=1e-5)
    assert batch["target"].abs().max() < 1
    gray, made, target = options.as_pictures(batch, batch["target"])
    torch.testing.assert_close(target, COLOURS, atol=3e-5, rtol=0)
    assert torch.equal(made, target)
    torch.testing.assert_close(gray, gray[:, :1].expand(-1, 3, -1, -1), atol=1e-3, rtol=0)


def test_networks_have_the_channels_of_lab() -> None:
    options = toy(Colourise)
    networks = options.networks()
    assert cast(PatchGAN, networks["discriminator"]).convs[0].in_channels == 3
    card = options.card("generator")
    assert (card.sizes["input_channels"], card.sizes["output_channels"]) == (1, 2)
    assert card.settings["colour"] == "lab"


def test_what_it_cannot_do_is_refused() -> None:
    with pytest.raises(InputError, match="AtoB"):
        Colourise(pictures=Pictures(direction="BtoA"))
    with pytest.raises(InputError, match="red, green and blue"):
        Colourise(game=Game(augment="translation,color"))


@pytest.mark.parametrize("changes", [{"game.feature_matching": 10.0}, {"discriminator.conditional": False}])
def test_other_options_fit_its_channels(changes: dict[str, object]) -> None:
    options = toy(Colourise, changes, preset="modern")
    told = Watched(options).step(batches(options, 1))
    assert told
    assert all(map(math.isfinite, told.values()))
