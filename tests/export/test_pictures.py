"""What a file gives is what the verb gives: range, channels and frame are inside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from retouch import weights
from retouch.export.families import graph_of
from retouch.export.frame import Frame
from retouch.export.trying import session_of
from retouch.tasks.inpaint.method import forward
from retouch.tasks.inpaint.method.frame import quick_side
from retouch.tasks.invert.edit.model import Model
from retouch.tasks.invert.network import StyleGAN2
from retouch.tasks.restore.edit import Restorer
from retouch.tasks.stylize.edit.painter import Painter
from retouch.tasks.translate.edit import Translator
from tests.export.toys import toy, written

SIZE = (29, 38)
slow = pytest.mark.slow


def photo(size: tuple[int, int] = SIZE) -> NDArray[np.float32]:
    rng = np.random.default_rng(3)
    rows, columns = np.mgrid[: size[0], : size[1]]
    waves = [0.5 + 0.4 * np.sin(rows / (5 + channel) + columns / 7) for channel in range(3)]
    noisy = np.stack(waves, -1) + rng.normal(0, 0.05, (*size, 3))
    clipped: NDArray[np.float32] = noisy.clip(0, 1).astype(np.float32)
    return clipped


def run(name: str, **feeds: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the file of a toy gives, (H, W, 3)."""
    _, content, _ = written(name)
    made: NDArray[np.float32] = session_of(content).run(None, feeds)[0][0].transpose(1, 2, 0)
    return made


def planes(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))[None]


@pytest.mark.parametrize(
    "name",
    [
        "colourisation",
        *(
            pytest.param(each, marks=slow)
            for each in ("pix2pix", "gray to colours", "colours to gray", "CUT", "FCN")
        ),
    ],
)
def test_translate(name: str) -> None:
    wanted = Translator(written(name)[0].loaded)(photo()).pixels
    np.testing.assert_allclose(run(name, picture=planes(photo())), wanted, rtol=0, atol=1e-4)
    assert wanted.std() > 0.01


@slow
def test_translate_with_statistics_of_its_own_but_without_dropout() -> None:
    found, content, _ = written("pix2pix as trained")
    quiet = {**found.loaded.card.settings, "dropout": False}
    object.__setattr__(found.loaded.card, "settings", quiet)
    wanted = Translator(found.loaded)(photo()).pixels
    object.__setattr__(found.loaded.card, "settings", {**quiet, "dropout": True})
    made = run("pix2pix as trained", picture=planes(photo()))
    np.testing.assert_allclose(made, wanted, rtol=0, atol=1e-4)
    assert "draws dropout" in found.graph.notes[0]
    # The statistics are those of each picture, not of all that came with it.
    both = np.concatenate([planes(photo()), 1 - planes(photo())])
    together = session_of(content).run(None, {"picture": both})[0][0]
    np.testing.assert_allclose(together.transpose(1, 2, 0), made, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["upscaler", pytest.param("Real-ESRGAN ×2", marks=slow)])
def test_upscale(name: str) -> None:
    wanted = Restorer(written(name)[0].loaded)(photo(), scale=2).pixels
    np.testing.assert_allclose(run(name, picture=planes(photo())), wanted, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ["gray denoiser", pytest.param("denoiser", marks=slow)])
def test_restore(name: str) -> None:
    # noise=None may find the photo clean and leave it; a level that is said is told to the network.
    wanted = Restorer(written(name)[0].loaded)(photo(), noise=20).pixels
    made = run(name, picture=planes(photo()), noise=np.array(20, np.float32))
    np.testing.assert_allclose(made, wanted, rtol=0, atol=1e-4)
    assert np.abs(run(name, picture=planes(photo())) - made).max() > 1e-3


@slow
def test_repaint() -> None:
    wanted = Painter(written("fast style")[0].loaded)(photo()).pixels
    np.testing.assert_allclose(run("fast style", picture=planes(photo())), wanted, rtol=0, atol=1e-4)


def test_inpaint_is_the_network_on_the_whole_picture() -> None:
    found, _, _ = written("LaMa Fourier")
    pixels = photo((40, 48))
    mask = np.zeros((40, 48), np.float32)
    mask[10:20, 12:30] = 1
    mask[9, 12:30] = 0.25
    given = np.concatenate([pixels, mask[..., None]], -1)
    made = run("LaMa Fourier", picture=planes(given))
    filled = forward.filled(found.loaded.network, pixels, mask > 0, device=torch.device("cpu"), multiple=8)
    wanted = pixels + mask[..., None] * (filled - pixels)
    np.testing.assert_allclose(made, wanted, rtol=0, atol=1e-4)
    np.testing.assert_array_equal(made[mask == 0], pixels[mask == 0])
    # What is under the mask is not looked at.
    given[10:20, 12:30, :3] = 0.9
    again = run("LaMa Fourier", picture=planes(given))
    np.testing.assert_allclose(again[mask > 0], made[mask > 0], rtol=0, atol=1e-6)
    assert "the network alone" in json.dumps(found.graph.notes)


def test_a_file_of_inpaint_says_where_its_frame_is_not_that_of_the_verb() -> None:
    found, _, _ = written("LaMa Fourier")
    side = Frame(8, 16, centred=False).around(torch.zeros(1, 4, 88, 40)).shape[2]
    assert (side, quick_side(88)) == (88, 96)
    assert "next multiple of 8 pixels, and by inpaint on to a side" in found.graph.notes[1]
    assert "as from 88 to 96: there the fills differ" in found.graph.notes[1]


def test_changed_normalisation_is_compared_with_the_network_as_it_is(tmp_path: Path) -> None:
    graph = graph_of(weights.load(toy("pix2pix as trained", tmp_path)))
    assert graph.reference is not None
    layers = [module for module in graph.reference.modules() if isinstance(module, nn.BatchNorm2d)]
    assert layers
    assert not any(isinstance(module, nn.BatchNorm2d) for module in graph.module.modules())
    pictures = torch.from_numpy(np.concatenate([planes(photo()), 1 - planes(photo())]))
    with torch.inference_mode():
        torch.testing.assert_close(graph.module(pictures), graph.reference(pictures), rtol=0, atol=1e-5)
        layers[0].eps = 0.1
        assert (graph.module(pictures) - graph.reference(pictures)).abs().max() > 1e-3


@pytest.mark.parametrize("name", ["DCGAN", pytest.param("StyleGAN2", marks=slow)])
def test_sample(name: str) -> None:
    found, _, _ = written(name)
    model = Model(found.loaded)
    z = torch.randn(1, model.latent, generator=torch.Generator().manual_seed(1))
    rows = model.network.mapping(z) if isinstance(model.network, StyleGAN2) else z
    wanted = model.render(rows)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(run(name, z=z.numpy()), wanted, rtol=0, atol=1e-4)


@slow
def test_truncation_draws_styles_towards_their_average() -> None:
    found, content, _ = written("StyleGAN2")
    network = cast("StyleGAN2", Model(found.loaded).network)
    z = torch.randn(2, 8, generator=torch.Generator().manual_seed(1))
    made = session_of(content).run(None, {"z": z.numpy(), "truncation": np.array(0.5, np.float32)})[0]
    wanted = Model.shown(network.synthesis(network.mapping(z, truncation=0.5)))
    np.testing.assert_allclose(made, wanted.detach().numpy(), rtol=0, atol=1e-4)


def test_features_are_those_of_the_network() -> None:
    found, content, _ = written("VGG")
    picture = planes(photo())
    made = session_of(content).run(None, {"picture": picture})
    wanted = found.loaded.network(torch.from_numpy(picture), ("relu1_1", "relu2_1", "relu3_1"))
    for ours, theirs in zip(made, wanted.values(), strict=True):
        np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-4, atol=1e-4)
