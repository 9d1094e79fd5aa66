"""Restoration on the command line, with the bundled networks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import retouch
from retouch import weights
from retouch.image import samples
from retouch.tasks.restore.edit import verbs
from tests.cli.conftest import Said

Say = Callable[..., Said]


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """Two small noisy pictures."""
    home = tmp_path / "photos"
    home.mkdir()
    for name, sample in (("cat.png", "cat"), ("coffee.png", "coffee")):
        clean = samples.open(sample).pixels[100:148, 140:204]
        noise = np.random.default_rng(3).normal(0, 20 / 255, clean.shape)
        Image.fromarray(np.rint(np.clip(clean + noise, 0, 1) * 255).astype(np.uint8)).save(home / name)
    return home


def test_a_folder_is_upscaled_with_one_load(
    say: Say, shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verbs._loaded.cache_clear()
    load, loaded = weights.load, []

    def counted(path: Path, *rest: str) -> weights.Loaded:
        loaded.append(path)
        return load(path, *rest)

    monkeypatch.setattr(weights, "load", counted)
    said = say("upscale", shelf, "-o", tmp_path / "out", "--scale", 2.5, "--denoise", "auto", "--json")
    assert (said.code, said.facts["pictures"]) == (0, 2)
    assert len(loaded) == 2  # one that cleans and one that enlarges
    for name in ("cat.png", "coffee.png"):
        wanted = retouch.upscale(shelf / name, scale=2.5, denoise="auto")
        assert wanted.size == (120, 160)
        assert np.array_equal(np.asarray(Image.open(tmp_path / "out" / name)), wanted.samples)


def test_the_noise_is_said(say: Say, shelf: Path, tmp_path: Path) -> None:
    said = say("restore", shelf / "cat.png", "-o", tmp_path / "out.png", "--noise", 20)
    assert said.code == 0
    assert "(64×48 pixels, " in said.out
    assert said.out.endswith(" s, noise 20.0)\n")
    said = say("restore", tmp_path / "out.png", "-o", tmp_path / "again.png", "--json")
    assert said.facts["noise_is"] == "estimated"
    clean = samples.path("rocket")
    said = say("restore", clean, "-o", tmp_path / "same.jpg")
    assert "\nnote: hardly any noise was found (" in said.out


def test_the_bundled_networks_are_better_than_nothing(shelf: Path) -> None:
    clean = samples.open("cat").pixels[100:148, 140:204]

    def error(picture: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> float:
        return float(np.mean((picture - clean) ** 2))

    found = retouch.restore(shelf / "cat.png", noise=20)
    assert error(found.pixels) < error(retouch.Picture.open(shelf / "cat.png").pixels) / 4
