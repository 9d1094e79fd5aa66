"""``retouch sample``, ``vary`` and ``morph``: the same as the library."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retouch import catalog
from retouch.cli import folders, main
from retouch.image import Picture
from retouch.tasks.invert.edit.latent import SUFFIX
from retouch.tasks.invert.edit.morph import morph
from retouch.tasks.invert.edit.sample import sample
from retouch.tasks.invert.edit.vary import vary
from tests.tasks.invert import films

EDITS = (
    catalog.Edit("morph", "invert", "Make a film from one photo to another.", moving=True),
    catalog.Edit("sample", "invert", "Make pictures of noise, as a generator was trained to."),
    catalog.Edit("vary", "invert", "Change a photo along a direction that a generator knows.", moving=True),
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return films.stylegan2(tmp_path_factory.mktemp("weights"))


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(catalog, "EDITS", EDITS)


def names() -> list[str]:
    return sorted(path.name for path in Path().iterdir())


def test_sample_vary_and_morph_one_after_the_other(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(
            ["sample", "-o", "s.png", "--model", model, "--count", "2", "--latents", "--seed", "4", "--json"]
        )
        == 0
    )
    facts = json.loads(capsys.readouterr().out)
    assert [Path(path).name for path in facts["companions"]] == [f"s.1{SUFFIX}", f"s.2{SUFFIX}"]
    assert (
        main(
            ["vary", f"s.1{SUFFIX}", "-o", "v.png", "--model", model, "--direction", "pca:2", "--steps", "1"]
        )
        == 0
    )
    assert capsys.readouterr().out.endswith(f"\nv{SUFFIX}\n")
    words = ["--frames", "6", "--path", "spherical", "--space", "w", "--model", model]
    assert (
        main(["morph", f"s.1{SUFFIX}", f"v{SUFFIX}", "--others", f"s.2{SUFFIX}", "-o", "m.apng", *words]) == 0
    )
    assert (
        main(["morph", f"s.1{SUFFIX}", f"v{SUFFIX}", "--others", f"s.2{SUFFIX}", "-o", "m.png", *words]) == 0
    )
    assert names() == ["m.apng", "m.png", f"s.1{SUFFIX}", f"s.2{SUFFIX}", "s.png", f"v{SUFFIX}", "v.png"]

    sheet = sample(model=model, count=2, latents=True, seed=4)
    assert np.array_equal(Picture.of("s.png").samples, sheet.samples)
    assert Path(f"s.2{SUFFIX}").read_bytes() == sheet.companions[f".2{SUFFIX}"]
    moved = vary(f"s.1{SUFFIX}", model=model, direction="pca:2", steps=1)
    assert np.array_equal(Picture.of("v.png").samples, moved.samples)
    film = morph(
        f"s.1{SUFFIX}",
        f"v{SUFFIX}",
        others=(f"s.2{SUFFIX}",),
        model=model,
        frames=6,
        path="spherical",
        space="w",
    )
    assert np.array_equal(Picture.of("m.png").samples, film.samples)
    assert film.animation is not None
    with Image.open("m.apng") as moving:
        for number, frame in enumerate(film.animation.frames):
            moving.seek(number)
            assert np.array_equal(np.asarray(moving.convert("RGB")), frame)


def test_a_folder_of_latents_is_varied(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("in").mkdir()
    main(["sample", "-o", "in/s.png", "--model", model, "--count", "2", "--latents"])
    Path("in/s.png").unlink()
    assert main(["vary", "in", "-o", "out", "--model", model, "--steps", "3"]) == 0
    assert sorted(path.name for path in Path("out").iterdir()) == ["s.1.png", "s.2.png"]
    assert Picture.of("out/s.1.png").size == (16, 48)


def test_what_cannot_be_meant_is_said_in_one_line(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["sample", "-o", "s.png", "--model", model, "--count", "1"])
    capsys.readouterr()
    for words, message in (
        (["vary", f"s{SUFFIX}", "-o", "v.png", "--direction", "gone.npz"], "gone.npz does not exist"),
        (["morph", f"s{SUFFIX}", "gone.png", "-o", "m.gif"], "gone.png does not exist"),
        (["morph", f"s{SUFFIX}", f"s{SUFFIX}", "-o", "m.gif", "--frames", "1"], "frames=1"),
        (["sample", "-o", "a.gif"], "a.gif ends in '.gif'; name the format by one of .png"),
        (["sample", "-o", "s.bmp", "--count", "1"], f"s{SUFFIX} exists already"),
    ):
        assert main([*words, "--model", model]) == 2
        said = capsys.readouterr().err
        assert message in said
        assert said.count("\n") == 1
    assert names() == [f"s{SUFFIX}", "s.png"]


def test_the_ending_of_latent_files_is_the_same_everywhere() -> None:
    assert folders.LATENT == SUFFIX


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_the_catalog_can_show_every_option(edit: catalog.Edit) -> None:
    kinds = {option.name: option.kind for option in edit.options()}
    wanted = {"morph": ("a", "b", "others"), "sample": (), "vary": ("latent",)}[edit.name]
    assert [name for name, kind in kinds.items() if kind in ("latent", "latents")] == list(wanted)
    assert all(option.help for option in edit.options())
    assert main([edit.name, "--help"]) == 0
