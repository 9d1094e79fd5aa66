"""``retouch evaluate restore`` and ``retouch data degrade``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from retouch.image import Picture
from retouch.tasks.restore.network import Upscaler
from retouch.tasks.restore.recipe.evaluating import evaluate_restoration
from retouch.weights import Card, save
from tests.cli.conftest import Said, names
from tests.data.made import fill

Say = Callable[..., Said]

TABLES = ["figures.json", "figures.tsv", "pictures.tsv", "table.md"]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Two pictures of 40 × 32."""
    fill(tmp_path / "pictures", 2, height=32, width=40)
    return tmp_path / "pictures"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A network that has learned nothing, and enlarges four times."""
    torch.manual_seed(0)
    card = Card(
        "up",
        "restore",
        "upscaler",
        sizes={"width": 8, "blocks": 1, "scale": 4},
        value_range=(0.0, 1.0),
        scale=4,
    )
    return save(tmp_path / "up.safetensors", Upscaler(width=8, blocks=1, scale=4), card)


def test_the_command_measures_what_the_library_measures(say: Say, model: Path, pictures: Path) -> None:
    said = say("evaluate", "restore", model, "--data", pictures, "--metrics", "psnr,ssim", "--json")
    assert (said.code, said.err) == (0, "")
    expected = json.loads(evaluate_restoration(model, pictures, metrics=("psnr", "ssim")).json())
    assert said.facts["figures"] == expected["figures"]
    assert [one["method"] for one in said.facts["figures"][::2]] == ["bicubic", "lanczos", "up"]
    assert said.facts["set"].startswith(f"{pictures}: 2 pictures")


def test_every_option_arrives(say: Say, model: Path, pictures: Path) -> None:
    words = [
        "evaluate",
        "restore",
        model,
        "--data",
        pictures,
        "--degradations",
        "bicubic(4); area(4),noise(9)",
    ]
    words += ["--baselines", "nearest", "--metrics", "psnr", "--channel", "rgb", "--crop", 2, "--no-rounded"]
    words += [
        "--limit",
        1,
        "--seed",
        3,
        "--ensemble",
        "--tile",
        64,
        "--precision",
        "bfloat16",
        "--split",
        "all",
    ]
    said = say(*words, "--levels", "0-255", "--told", "told", "--device", "cpu", "--json")
    assert said.code == 0, said.out
    figures = said.facts["figures"]
    assert [(one["degradations"], one["method"]) for one in figures] == [
        (case, method)
        for case in ("bicubic(4)", "area(4),noise(9)")
        for method in ("bicubic", "nearest", "up")
    ]
    assert {one["n"] for one in figures} == {1}
    assert all("RGB, crop 2, unrounded results" in one["protocol"] for one in figures)
    assert figures[-1]["circumstances"].endswith(
        "seed 3 and the picture's name; bfloat16, ensemble of 8, tiles of 64"
    )


def test_tables_are_written_and_not_replaced(say: Say, pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "tables"
    words = (
        "evaluate",
        "restore",
        "--data",
        pictures,
        "--degradations",
        "noise(25)",
        "--metrics",
        "psnr",
        "--out",
        out,
    )
    said = say(*words)
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[0].startswith(f"{pictures}: 2 pictures (000, 001), sha256 ")
    assert "self-check: noisy input" in said.out
    assert said.out.splitlines()[-1] == f"{out}: figures.tsv, table.md, figures.json, pictures.tsv"
    assert names(out) == TABLES
    assert (out / "pictures.tsv").read_text().splitlines()[0] == "name\tdegradations\tmethod\tpsnr"
    again = say(*words)
    assert again.code == 2
    assert "add --overwrite" in again.err
    assert say(*words, "--overwrite").code == 0
    (tmp_path / "file").touch()
    assert "is a file" in say(*words[:-1], tmp_path / "file").err
    assert "cannot be made" in say(*words[:-1], tmp_path / "no" / "folder").err


def test_given_inputs_are_measured(say: Say, pictures: Path, tmp_path: Path) -> None:
    assert say("data", "degrade", pictures, tmp_path / "small", "--degradations", "bicubic(4)").code == 0
    said = say(
        "evaluate",
        "restore",
        "--data",
        pictures,
        "--inputs",
        tmp_path / "small",
        "--metrics",
        "psnr",
        "--json",
    )
    made = say(
        "evaluate",
        "restore",
        "--data",
        pictures,
        "--degradations",
        "bicubic(4)",
        "--metrics",
        "psnr",
        "--json",
    )
    assert [one["value"] for one in said.facts["figures"]] == [one["value"] for one in made.facts["figures"]]
    # The same samples: as many decibels as there are, which JSON cannot say.
    assert said.facts["checks"][1]["value"] is None
    assert "MATLAB's" in said.facts["checks"][1]["why"]


def test_mistakes_are_explained_in_one_line(say: Say, model: Path, pictures: Path) -> None:
    for words, message in (
        (("--degradations", "noise(25)"), "needs a scale of 1"),
        (("--degradations", "noize(25)"), "noise"),
        (("--metrics", "psnrs"), "psnr"),
        (("--baselines", "bicubik"), "bicubic"),
        (("--crop", "40"), "leaves nothing"),
        (("--inputs", pictures / "no"), "does not exist"),
    ):
        said = say("evaluate", "restore", model, "--data", pictures, *words)
        assert said.code == 2
        assert message in said.err
        assert said.err.count("\n") == 1


def test_evaluate_sends_networks_that_restore_to_their_own_command(
    say: Say, model: Path, pictures: Path
) -> None:
    said = say("evaluate", model, "--data", pictures)
    assert said.code == 2
    assert f"retouch evaluate restore {model} --data {pictures}" in said.err


def test_a_folder_is_spoiled(say: Say, pictures: Path, tmp_path: Path) -> None:
    said = say(
        "data", "degrade", pictures, tmp_path / "out", "--degradations", "area(2),noise(20)", "--seed", 5
    )
    assert (said.code, said.err) == (0, "")
    assert said.out == f"{tmp_path / 'out'}: 2 pictures, area(2),noise(20)\n"
    assert names(tmp_path / "out") == ["000.png", "001.png"]
    assert Picture.open(tmp_path / "out" / "000.png").size == (16, 20)
    same = say(
        "data",
        "degrade",
        pictures,
        tmp_path / "same",
        "--degradations",
        "area(2),noise(20)",
        "--seed",
        5,
        "--json",
    )
    assert same.facts == {
        "output": str(tmp_path / "same"),
        "pictures": 2,
        "degradations": "area(2),noise(20)",
        "scale": 2,
        "seed": 5,
    }
    other = say("data", "degrade", pictures, tmp_path / "other", "--degradations", "area(2),noise(20)")
    assert other.code == 0
    first, second, third = (
        Picture.open(tmp_path / folder / "001.png").numpy("uint8") for folder in ("out", "same", "other")
    )
    assert np.array_equal(first, second)
    assert not np.array_equal(first, third)


def test_what_cannot_be_spoiled_is_refused(say: Say, pictures: Path, tmp_path: Path) -> None:
    said = say("data", "degrade", pictures, tmp_path / "out", "--degradations", "fog(3)")
    assert said.code == 2
    assert "degradation" in said.err
    assert not (tmp_path / "out").exists()
    assert say("data", "degrade", pictures, pictures, "--degradations", "noise(3)").code == 2
    assert say("data", "degrade", pictures, tmp_path / "out").code == 2
