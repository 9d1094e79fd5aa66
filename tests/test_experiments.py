"""Every published run can be started from its file, and its weights can be opened again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from retouch import catalog
from retouch.cli import main
from retouch.cli.recipes import read_config
from retouch.training import Recipe, changed, flat, named

FOLDER = Path(__file__).parents[1] / "experiments"
FILES = sorted(FOLDER.glob("*.yaml"))
every_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def recipe_of(file: Path) -> Recipe:
    options, record = read_config(file)
    return changed(named(catalog.recipes(), record["recipe"])(), options)


@every_file
def test_the_command_in_its_head_starts_it(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = file.read_text().splitlines()
    heads = {line[2:].split(":")[0]: line for line in lines if line.startswith("# ") and ":" in line}
    assert {"Command", "Judged by", "Hardware", "Hours", "Expected"} <= set(heads)
    words = heads["Command"].split()[2:]
    assert words[:2] == ["retouch", "train"]
    assert words[2:4] == ["--config", f"experiments/{file.name}"]
    assert words[6:] == ["--out", f"runs/{file.stem}"]
    judged = heads["Judged by"]
    weights = [f"runs/{file.stem}/{which}.safetensors" for which in ("best", "last", "last-a-to-b")]
    said = judged.replace("evaluate inpaint", "evaluate").replace("evaluate restore", "evaluate")
    report = f"its own validation, in runs/{file.stem}/report.html"
    assert report in judged or any(f"retouch evaluate {path}" in said for path in weights)
    ours = [
        "train",
        "--config",
        str(file),
        "--data",
        "synthetic:facades?count=3&size=32",
        "--dry-run",
        "--json",
    ]
    ours += [f"--{name}={value}" for name, value in here(recipe_of(file), tmp_path).items()]
    assert main(ours) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["options"]["engine.images"] == facts["images"] > 0
    assert facts["recipe"] == recipe_of(file).name


@every_file
def test_its_networks_take_its_pictures_and_open_again(file: Path, tmp_path: Path) -> None:
    recipe = recipe_of(file)
    recipe = changed(recipe, here(recipe, tmp_path))
    builders: dict[str, Callable[..., torch.nn.Module]] = {
        item.name: item.build for item in catalog.architectures()
    }
    if recipe.name in ("distil", "decode", "dcgan", "stylegan2"):  # they read another network, or noise
        trained = recipe.networks()
        for product in recipe.products():
            card = recipe.card(product)
            assert shapes(builders[card.architecture](**card.sizes)) == shapes(trained[product])
        return
    with torch.device("meta"):
        trained = recipe.networks()
        for product in recipe.products():
            card = recipe.card(product)
            again = builders[card.architecture](**card.sizes)
            assert shapes(again) == shapes(trained[product])
            size = card.settings["trained_size"]
            assert isinstance(size, int)
            # beside the picture a mask, or a map of the noise
            beside = card.task == "inpaint" or card.architecture == "denoiser"
            channels = card.sizes.get("input_channels", 4 if beside else 3)
            assert isinstance(channels, int)
            side = size // card.scale
            made = trained[product](torch.zeros(recipe.engine.batch, channels, side, side))
            assert made.shape[2:] == (size, size)


def here(recipe: Recipe, folder: Path) -> dict[str, object]:
    """What a run takes from outside, replaced by what is on every machine."""
    picture = folder / "style.png"
    Image.new("RGB", (64, 64)).save(picture)
    known = {"start": "", "start_encoder": "", "teacher": "features", "style.picture": str(picture)}
    return {name: value for name, value in known.items() if name in flat(recipe)}


def shapes(network: torch.nn.Module) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in network.state_dict().items()}


def test_the_table_lists_every_run() -> None:
    table = (FOLDER / "README.md").read_text()
    listed = [line.split("`")[1] for line in table.splitlines() if line.startswith("| `")]
    assert set(listed) == {file.stem for file in FILES}


def test_the_paper_s_comparisons_differ_in_one_thing() -> None:
    whole, bare = (read_config(FOLDER / f"camvid-{name}.yaml")[0] for name in ("l1-cgan", "l1"))
    assert bare == whole | {"game.weight": 0.0}
    assert read_config(FOLDER / "camvid-cgan.yaml")[0] == whole | {"l1": 0.0}
    flattened = read_config(FOLDER / "camvid-fcn-l1-cgan.yaml")[0]
    assert flattened == whole | {"generator.kind": "fcn", "generator.depth": 7}, "the U-Net's own depth"
    assert read_config(FOLDER / "camvid-fcn-l1.yaml")[0] == flattened | {"game.weight": 0.0}
