"""Films from latent to latent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from retouch.errors import Cancelled, InputError, UnknownName, UnreadableWeights
from retouch.image import Picture
from retouch.progress import Progress
from retouch.tasks.invert.edit.between import Between, Place
from retouch.tasks.invert.edit.latent import Latent
from retouch.tasks.invert.edit.model import Model
from retouch.tasks.invert.edit.morph import morph
from retouch.tasks.invert.edit.sample import sample
from retouch.tasks.invert.method.paths import Route
from retouch.tasks.invert.method.tuning import Tuning
from retouch.tasks.invert.network import StyleGAN2
from tests.tasks.invert import films
from tests.tasks.invert.films import cells, shown


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return films.stylegan2(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def latents(model: str) -> list[Latent]:
    """Three latents of noise, each with maps of its own."""
    made = sample(model=model, count=3, latents=True, noise="random", seed=5)
    return [Latent.read(data) for data in made.companions.values()]


@pytest.mark.parametrize("space", ["p", "w", "z"])
@pytest.mark.parametrize("path", ["linear", "spherical", "cubic"])
def test_the_film_begins_and_ends_with_what_it_was_given_bit_for_bit(
    space: Place, path: Route, model: str, latents: list[Latent]
) -> None:
    film = morph(latents[0], latents[1], model=model, frames=6, space=space, path=path)
    pictures = cells(film)
    assert np.array_equal(pictures[0], shown(latents[0], model))
    assert np.array_equal(pictures[5], shown(latents[1], model))
    assert film.animation is not None
    for frame, picture in zip(film.animation.frames, pictures, strict=True):
        assert np.array_equal(frame, np.rint(picture * 255).astype(np.uint8))
    assert all(np.abs(pictures[2] - pictures[end]).max() > 0.01 for end in (0, 5))


def test_a_film_between_pictures_without_noise(model: str, latents: list[Latent]) -> None:
    silent = [replace(latent, noise="none") for latent in latents[:2]]
    film = cells(morph(silent[0], silent[1], model=model, frames=3))
    assert np.array_equal(film[2], shown(silent[1], model))
    mixed = cells(morph(silent[0], latents[0], model=model, frames=3, even=False))
    assert np.array_equal(mixed[0], shown(silent[0], model))
    # Half way between no noise and maps are maps of half their size.
    maps = latents[0].noise
    assert isinstance(maps, tuple)
    half = replace(latents[0], noise=tuple(plane * 0.5 for plane in maps))
    assert np.abs(mixed[1] - shown(half, model)).max() < 1e-3


@pytest.mark.parametrize("loop", [False, True])
def test_a_film_through_several_shows_each_of_them(loop: bool, model: str, latents: list[Latent]) -> None:
    film = morph(
        latents[0], latents[1], others=(latents[2],), model=model, frames=10, loop=loop, path="cubic"
    )
    pictures = cells(film)
    wanted = [shown(latent, model) for latent in latents]
    found = [number for number, one in enumerate(pictures) for key in wanted if np.array_equal(one, key)]
    assert len(found) == 3
    assert found[0] == 0
    assert (found[2] == 9) is not loop


def test_the_steps_are_made_even(model: str, latents: list[Latent]) -> None:
    told = morph(latents[0], latents[1], model=model, frames=12).report
    assert float(told["unevenness_before"]) > 0.1
    assert float(told["unevenness"]) < float(told["unevenness_before"]) / 3
    plain = morph(latents[0], latents[1], model=model, frames=12, even=False).report
    assert plain["unevenness"] == plain["unevenness_before"] == told["unevenness_before"]


def halfway(first: Latent, second: Latent) -> list[torch.Tensor]:
    """The maps of noise half way."""
    both = [latent.noise for latent in (first, second) if latent.noise is not None]
    return [
        torch.stack([plane.float() for plane in planes]).mean(dim=0) for planes in zip(*both, strict=True)
    ]


def test_half_way_is_half_of_all(model: str, latents: list[Latent]) -> None:
    loaded = Model.load(model)
    found = Between(loaded, latents[:2], place="w").frame(0.5)
    first, second = latents[:2]
    maps = halfway(first, second)
    wanted = loaded.render(((first.rows + second.rows) / 2)[None], maps)
    assert torch.allclose(found, wanted, atol=1e-5)


def test_half_way_in_whitened_coordinates(model: str, latents: list[Latent]) -> None:
    loaded = Model.load(model)
    plain = [replace(latent, noise=None) for latent in latents[:2]]
    found = Between(loaded, plain, place="p").frame(0.5)
    space = loaded.space("p+")
    codes = space.code_of(torch.stack([latent.rows for latent in plain]))
    assert torch.allclose(found, loaded.render(space.rows(codes.mean(dim=0)[None])), atol=1e-5)
    straight = Between(loaded, plain, place="w").frame(0.5)
    assert float((found - straight).abs().max()) > 1e-3


def test_several_pictures_at_once_are_the_same(model: str, latents: list[Latent]) -> None:
    between = Between(Model.load(model), latents, closed=True, route="spherical")
    moments = torch.linspace(0, 3, 20, dtype=torch.float64)
    found = between.pictures(moments)
    for number, moment in enumerate(moments.tolist()):
        assert torch.allclose(found[number : number + 1], between.frame(moment), atol=2e-5)


def changes(seed: int) -> Tuning:
    """What is changed of the weights, as a latent holds it."""
    generator = torch.Generator().manual_seed(seed)
    names = ("b4.conv1.weight", "b16.conv0.weight")
    left = {name: torch.randn(8, 2, generator=generator).half() for name in names}
    return Tuning(left, {name: torch.randn(2, 72, generator=generator).half() for name in names})


def test_changed_weights_are_mixed_along(model: str, latents: list[Latent]) -> None:
    loaded = Model.load(model)
    first, second, third = (
        Latent.of(loaded, latent.rows, noise=latent.noise, tuning=tuning)
        for latent, tuning in zip(latents, (changes(1), changes(2), None), strict=True)
    )
    between = Between(loaded, [first, second, third], place="w")
    for number, latent in enumerate((first, second, third)):
        assert torch.equal(between.frame(number), latent.render(Model.load(model)))
    for number, ends in ((0, (first, second)), (1, (second, third))):
        half = Model.load(model).network
        assert isinstance(half, StyleGAN2)
        networks = [Model.load(model).tuned(end.tuning) if end.tuning else loaded.network for end in ends]
        with torch.no_grad():
            for own, *both in zip(half.parameters(), *(net.parameters() for net in networks), strict=True):
                own.copy_((both[0] + both[1]) / 2)
        rows = (ends[0].rows + ends[1].rows) / 2
        maps = halfway(*ends)
        wanted = loaded.shown(half.synthesis(rows[None], maps))
        # In turns: what was computed of the weights of another time must not be used again.
        for _ in range(2):
            assert torch.allclose(between.frame(number + 0.5), wanted, atol=1e-5)
            assert not torch.allclose(between.frame(number + 0.8), wanted, atol=1e-3)
    moments = torch.linspace(0, 2, 7, dtype=torch.float64)
    one_by_one = torch.cat([between.frame(moment) for moment in moments.tolist()])
    assert torch.allclose(between.pictures(moments), one_by_one, atol=2e-5)


def test_a_way_through_noise_needs_latents_found_there(model: str) -> None:
    made = sample(model=model, count=2, latents=True, truncation=0.7)
    found = [Latent.read(data) for data in made.companions.values()]
    with pytest.raises(InputError, match="found in w\\+; pass space='p', or invert the photo with space='z'"):
        morph(found[0], found[1], model=model, space="z", frames=3)


def test_a_dcgan_has_noise_alone(tmp_path: Path) -> None:
    model = films.dcgan(tmp_path)
    made = sample(model=model, count=2, latents=True)
    first, second = (Latent.read(data) for data in made.companions.values())
    film = morph(first, second, model=model, frames=4)
    assert film.report["space"] == "z"
    assert np.array_equal(cells(film)[0], shown(first, model))
    assert np.array_equal(cells(film)[3], shown(second, model))


def test_a_generator_with_labels(tmp_path: Path) -> None:
    model = films.stylegan2(tmp_path, classes=2)
    made = [sample(model=model, count=1, label=label) for label in (0, 1)]
    latents = [Latent.read(next(iter(picture.companions.values()))) for picture in made]
    film = morph(latents[0], latents[1], model=model, frames=3)
    assert np.array_equal(cells(film)[0], made[0].pixels)
    assert np.array_equal(cells(film)[2], made[1].pixels)
    with pytest.raises(InputError, match="pass label=0 to 1"):
        morph(np.zeros((16, 16, 3), np.uint8), latents[0], model=model, frames=3)


def test_files_and_bytes_are_latents(model: str, latents: list[Latent], tmp_path: Path) -> None:
    path = latents[0].save(tmp_path / "a.latent.safetensors")
    film = morph(path, latents[1].encoded(), model=model, frames=3, seconds=0.6)
    assert np.array_equal(cells(film)[0], shown(latents[0], model))
    assert film.animation is not None
    assert film.animation.seconds == 0.6
    assert film.save(tmp_path / "a.gif").stat().st_size > 0


def test_a_photo_is_looked_for_first(
    model: str, latents: list[Latent], monkeypatch: pytest.MonkeyPatch
) -> None:
    from retouch.tasks.invert.edit import opening

    stages: list[str] = []

    def opened(value: Any, *_: object, progress: Any, **__: object) -> Latent:
        if isinstance(value, Latent):
            return value
        progress(Progress("searching", 1, 2))
        return latents[2]

    monkeypatch.setattr(opening, "opened", opened)
    photo = np.zeros((20, 20, 3), np.uint8)
    film = morph(photo, latents[0], model=model, frames=3, progress=lambda event: stages.append(event.stage))
    assert np.array_equal(cells(film)[0], shown(latents[2], model))
    assert "photo 1 of 2: searching" in stages


def test_progress_shows_frames_and_can_stop_it(model: str, latents: list[Latent]) -> None:
    shots: list[Any] = []

    def watch(event: Progress) -> None:
        if event.stage == "rendering":
            assert event.preview is not None
            shots.append(event.preview())
        if len(shots) == 2:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        morph(latents[0], latents[1], model=model, frames=5, progress=watch)
    assert all(isinstance(shot, Picture) and shot.size == (16, 16) for shot in shots)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"frames": 1}, InputError, "frames=1; pass a whole number from 2 to"),
        ({"frames": 2, "others": ("x",)}, InputError, "frames=2; pass a whole number from 3"),
        ({"frames": 2.5}, InputError, "frames"),
        ({"seconds": 0}, InputError, "seconds"),
        ({"seconds": float("nan")}, InputError, "seconds"),
        ({"path": "round"}, UnknownName, "path 'round'"),
        ({"space": "w+"}, UnknownName, "space 'w\\+'"),
        ({"others": "photo.png"}, InputError, "pass a tuple, as others="),
        ({"seed": -1}, InputError, "seed"),
        ({"label": 0}, InputError, "trained without labels"),
        ({"model": "no-such-model"}, UnknownName, "no-such-model"),
        ({"device": "abacus"}, InputError, "abacus"),
    ],
)
def test_what_cannot_be_meant(
    options: dict[str, Any], error: type[Exception], message: str, model: str, latents: list[Latent]
) -> None:
    with pytest.raises(error, match=message):
        morph(latents[0], latents[1], **{"model": model, **options})


def test_a_latent_of_another_generator_and_a_damaged_one(
    model: str, latents: list[Latent], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="was found with the generator 'tiny-0'"):
        morph(latents[0], latents[1], model=films.stylegan2(tmp_path, seed=1), frames=3)
    data = latents[0].encoded()
    for broken in (data[:-5], data[:8] + b"{" * 5000 + data[5008:]):
        with pytest.raises(UnreadableWeights):
            morph(broken, latents[1], model=model, frames=3)


def test_a_sheet_that_is_too_large_is_refused_before_the_work(
    model: str, latents: list[Latent], monkeypatch: pytest.MonkeyPatch
) -> None:
    from retouch.tasks.invert.edit import contact

    monkeypatch.setattr(contact, "MAX_PIXELS", 16 * 16 * 100)
    with pytest.raises(InputError, match="ask for fewer"):
        morph(latents[0], latents[1], model=model, frames=101)
