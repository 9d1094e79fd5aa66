"""A run that is killed and resumed ends in the same bits as one that never stopped."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from retouch import training
from retouch.tasks.translate.recipe import RECIPES
from retouch.training.checkpoint import read_state
from retouch.training.recipe import named

TOY: dict[str, dict[str, Any]] = {
    "pix2pix": {
        "generator": {"kind": "unet", "depth": 5, "width": 4},
        "discriminator": {"width": 4, "layers": 1},
        "game": {"r1": 1.0, "augment": "color,translation,cutout"},
        "pool": 2,
    },
    "cyclegan": {
        "generator": {"kind": "resnet-6", "width": 4, "dropout": 0.5},
        "discriminator": {"width": 4, "layers": 1},
        "pool": 2,
    },
}
ENGINE = {
    "images": 8,
    "save_every": 3,
    "validate_every": 5,
    "average": 4.0,
    "log_every": 1,
    "threads": 1,
    "device": "cpu",
    "tensorboard": False,
}
CHILD = """
import os, signal, sys
from retouch import training
from tests.training.test_resume import recipe_of, SOURCE
def die(progress):
    if progress.done == 4:
        os.kill(os.getpid(), signal.SIGKILL)
training.train(recipe_of(sys.argv[1]), SOURCE, sys.argv[2], progress=die)
"""
SOURCE = "synthetic:facades?count=5&size=32"


def recipe_of(name: str) -> training.Recipe:
    return training.changed(named(RECIPES, name)(), {**TOY[name], "pictures": {"size": 32}, "engine": ENGINE})


def same(a: object, b: object) -> bool:
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


@pytest.mark.parametrize("name", list(TOY))
def test_eight_steps_are_three_a_kill_and_five(tmp_path: Path, name: str) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", CHILD, name, str(tmp_path / "killed")],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert read_state(tmp_path / "killed")["seen"] == 3

    training.resume(tmp_path / "killed", RECIPES)
    training.train(recipe_of(name), SOURCE, tmp_path / "whole")
    resumed, whole = read_state(tmp_path / "killed"), read_state(tmp_path / "whole")
    for state in (resumed, whole):
        del state["seconds"]
    assert whole["seen"] == 8
    for part, expected in whole.items():
        assert same(resumed[part], expected), part
    for file in ("best", "last"):
        for path in (tmp_path / "whole").glob(f"{file}*.safetensors"):
            assert path.read_bytes() == (tmp_path / "killed" / path.name).read_bytes()
    # Seeds matter: the comparison is not of constants.
    other = training.changed(recipe_of(name), {"engine.seed": 1})
    training.train(other, SOURCE, tmp_path / "other")
    assert not same(read_state(tmp_path / "other")["networks"], whole["networks"])
