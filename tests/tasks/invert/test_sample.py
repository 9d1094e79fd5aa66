"""Pictures of noise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from retouch.errors import InputError, UnknownName
from retouch.image import Picture
from retouch.progress import Progress
from retouch.tasks.invert.edit.contact import rows_of
from retouch.tasks.invert.edit.latent import SUFFIX, Latent
from retouch.tasks.invert.edit.model import Model
from retouch.tasks.invert.edit.sample import sample
from retouch.tasks.invert.network import StyleGAN2
from tests.tasks.invert import films
from tests.tasks.invert.films import cells, shown


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return films.stylegan2(tmp_path_factory.mktemp("weights"))


def network_of(model: str) -> StyleGAN2:
    network = Model.load(model).network
    assert isinstance(network, StyleGAN2)
    return network


def made_of(z: torch.Tensor, model: str, **options: Any) -> list[Any]:
    """What the network itself makes of noise."""
    network = network_of(model)
    with torch.no_grad():
        pictures = network(z, **options).mul(0.5).add(0.5).clamp(0, 1)
    return [picture.permute(1, 2, 0).numpy() for picture in pictures]


def test_the_pictures_are_those_of_the_seeds_noise(model: str) -> None:
    sheet = sample(model=model, count=5, seed=3)
    generator = torch.Generator().manual_seed(3)
    z = torch.cat([torch.randn(1, 8, generator=generator) for _ in range(5)])
    assert sheet.size == (2 * 16, 3 * 16)
    for got, wanted in zip(cells(sheet), made_of(z, model), strict=False):
        assert np.allclose(got, wanted, atol=1e-5)
    assert (cells(sheet)[5] == 1).all()  # the rest of the last row is white
    assert np.array_equal(sample(model=model, count=5, seed=3).samples, sheet.samples)
    assert not np.array_equal(sample(model=model, count=5, seed=4).samples, sheet.samples)
    more = cells(sample(model=model, count=7, seed=3, columns=7))
    for few, many in zip(cells(sheet)[:5], more, strict=False):
        assert np.array_equal(few, many)


def test_one_picture_has_its_latent_beside_it(model: str) -> None:
    picture = sample(model=model, count=1, seed=9, noise="random")
    assert picture.size == (16, 16)
    assert list(picture.companions) == [SUFFIX]
    latent = Latent.read(picture.companions[SUFFIX])
    assert np.array_equal(shown(latent, model), picture.pixels)
    assert (latent.seed, latent.space) == (9, "z")


@pytest.mark.parametrize("noise", ["const", "random", "none"])
def test_the_latents_of_a_sheet_give_its_pictures_bit_for_bit(noise: Any, model: str) -> None:
    sheet = sample(model=model, count=4, latents=True, noise=noise)
    assert list(sheet.companions) == [f".{number}{SUFFIX}" for number in (1, 2, 3, 4)]
    for data, cell in zip(sheet.companions.values(), cells(sheet), strict=True):
        assert np.array_equal(shown(Latent.read(data), model), cell)
    assert dict(sample(model=model, count=4, noise=noise).companions) == {}


def test_noise(model: str) -> None:
    const, none, drawn = (
        cells(sample(model=model, count=2, noise=noise)) for noise in ("const", "none", "random")
    )
    z = Latent.read(sample(model=model, count=1).companions[SUFFIX]).codes
    assert z is not None
    z = z.reshape(1, 8)
    assert np.allclose(const[0], made_of(z, model)[0], atol=1e-5)
    assert np.allclose(none[0], made_of(z, model, noise="none")[0], atol=1e-5)
    assert not np.allclose(drawn[0], const[0], atol=0.01)
    assert not np.allclose(drawn[0], none[0], atol=0.01)


def test_truncation_leads_to_the_average(model: str) -> None:
    network = network_of(model)
    with torch.no_grad():
        average = network.synthesis(network.mapping.w_avg[None]).mul(0.5).add(0.5).clamp(0, 1)
    for cell in cells(sample(model=model, count=4, truncation=0)):
        assert np.allclose(cell, average[0].permute(1, 2, 0).numpy(), atol=1e-5)
    halfway = sample(model=model, count=1, truncation=0.5, seed=2)
    z = torch.randn(1, 8, generator=torch.Generator().manual_seed(2))
    assert np.allclose(halfway.pixels, made_of(z, model, truncation=0.5)[0], atol=1e-5)
    coarse = sample(model=model, count=1, truncation=0.5, cutoff=2, seed=2)
    assert np.allclose(coarse.pixels, made_of(z, model, truncation=0.5, cutoff=2)[0], atol=1e-5)
    assert not np.allclose(coarse.pixels, halfway.pixels, atol=0.01)
    assert Latent.read(halfway.companions[SUFFIX]).space == "w+"


def test_mixing_takes_rows_from_the_pictures_above(model: str) -> None:
    sheet = sample(model=model, count=5, columns=3, mix="0-1,4", latents=True)
    assert sheet.size == (3 * 16, 4 * 16)
    table = np.array(cells(sheet)).reshape(3, 4, 16, 16, 3)
    assert (table[0, 0] == 1).all()
    assert (table[2, 3] == 1).all()
    loaded = Model.load(model)
    own = [Latent.read(data) for data in sheet.companions.values()]
    assert len(own) == 5
    for number, latent in enumerate(own):
        assert np.array_equal(shown(latent, model), table[1 + number // 3, 1 + number % 3])
    # Rows of one column are the same where they were taken, rows of one line where they were not.
    assert torch.equal(own[0].rows[[0, 1, 4]], own[3].rows[[0, 1, 4]])
    assert torch.equal(own[0].rows[[2, 3, 5]], own[1].rows[[2, 3, 5]])
    assert not torch.equal(own[0].rows[0], own[1].rows[0])
    assert not torch.equal(own[0].rows[2], own[3].rows[2])
    # With all its rows taken a picture is the one above it; the first column is as a plain sheet begins.
    for number, above in enumerate(table[0, 1:]):
        taken = torch.stack([own[number].rows[0]] * loaded.rows)
        assert np.allclose(loaded.render(taken[None])[0].permute(1, 2, 0).numpy(), above, atol=1e-5)
    assert np.array_equal(table[1, 0], cells(sample(model=model, count=2))[0])
    assert not np.allclose(table[0, 1], table[1, 0], atol=0.01)


def test_labels(tmp_path: Path) -> None:
    model = films.stylegan2(tmp_path, classes=3)
    z = torch.randn(1, 8, generator=torch.Generator().manual_seed(0))
    pictures = [sample(model=model, count=1, label=number) for number in range(3)]
    for number, picture in enumerate(pictures):
        label = torch.eye(3)[number : number + 1]
        assert np.allclose(picture.pixels, made_of(z, model, label=label)[0], atol=1e-5)
        assert Latent.read(picture.companions[SUFFIX]).label == number
    some = sample(model=model, count=20, latents=True).companions.values()
    assert {Latent.read(data).label for data in some} == {0, 1, 2}
    with pytest.raises(InputError, match="classes 0 to 2"):
        sample(model=model, label=3)


def test_a_dcgan_has_neither_styles_nor_maps(tmp_path: Path) -> None:
    model = films.dcgan(tmp_path)
    picture = sample(model=model, count=1)
    latent = Latent.read(picture.companions[SUFFIX])
    assert torch.equal(latent.rows, torch.randn(1, 6, generator=torch.Generator().manual_seed(0))[0])
    assert np.array_equal(shown(latent, model), picture.pixels)
    for options in ({"truncation": 0.5}, {"cutoff": 1}, {"mix": "0"}, {"noise": "random"}):
        with pytest.raises(InputError, match=f"is a DCGAN, .*leave {next(iter(options))} out"):
            sample(model=model, **options)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"count": 0}, InputError, "count=0"),
        ({"count": 10**9}, InputError, "count"),
        ({"columns": 0}, InputError, "columns=0"),
        ({"truncation": float("nan")}, InputError, "truncation"),
        ({"cutoff": 7}, InputError, "cutoff=7; pass a whole number from 0 to 6"),
        ({"noise": "loud"}, UnknownName, "noise 'loud'"),
        ({"label": 0}, InputError, "trained without labels"),
        ({"latents": 1}, InputError, "latents=1; pass True or False"),
        ({"seed": 2**63}, InputError, "seed"),
        ({"mix": "0-6"}, InputError, "mix='0-6'; this generator has rows 0 \\(the coarsest\\) to 5"),
        ({"mix": 3}, InputError, "mix=3"),
    ],
)
def test_what_cannot_be_meant(
    options: dict[str, Any], error: type[Exception], message: str, model: str
) -> None:
    with pytest.raises(error, match=message):
        sample(model=model, **options)


@pytest.mark.parametrize("text", ["3-1", "a", "-1", "1-", "0,,1", "9999999999", "0;1", "½", "1 2"])
def test_what_are_no_rows(text: str) -> None:
    with pytest.raises(InputError, match="rows="):
        rows_of(text, 6)


def test_rows() -> None:
    assert rows_of("", 3) == (0, 1, 2)
    assert rows_of(" 4, 0 - 1,1", 6) == (0, 1, 4)


def test_progress_shows_each_picture(model: str) -> None:
    events: list[Progress] = []
    sample(model=model, count=3, progress=events.append)
    assert [event.done for event in events if event.stage == "making pictures"] == [1, 2, 3]
    assert events[-1].preview is not None
    shot = events[-1].preview()
    assert isinstance(shot, Picture)
    assert shot.size == (16, 16)


def test_the_global_generator_is_left_alone(model: str) -> None:
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    sample(model=model, count=2, noise="random", mix="0")
    assert torch.equal(torch.random.get_rng_state(), before)
