"""Modes of inference, and the figures of validation."""

from __future__ import annotations

import json
import math

import pytest
import torch
from torch import nn

from retouch.tasks.translate.network import UNet
from retouch.tasks.translate.recipe.judging import (
    Inference,
    Results,
    applied,
    best_inference,
    evaluated,
    fidelity,
    likeness,
    panel,
)


def network() -> nn.Sequential:
    """Batch norm and dropout, some of them in modes of their own, with statistics off their defaults."""
    made = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.BatchNorm2d(4))
    made(torch.rand(4, 3, 8, 8))
    made[3].eval()
    return made


def snapshot(made: nn.Module) -> tuple[list[bool], dict[str, torch.Tensor]]:
    return [module.training for module in made.modules()], {
        k: v.clone() for k, v in made.state_dict().items()
    }


def assert_same(made: nn.Module, before: tuple[list[bool], dict[str, torch.Tensor]]) -> None:
    modes, state = snapshot(made)
    assert modes == before[0]
    assert state.keys() == before[1].keys()
    assert all(torch.equal(state[key], value) for key, value in before[1].items())


@pytest.mark.parametrize("inference", ["eval", "batch"])
@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("fails", [False, True])
def test_a_mode_leaves_no_trace(inference: Inference, dropout: bool, fails: bool) -> None:
    made = network()
    before = snapshot(made)
    try:
        with applied(made, inference, dropout=dropout):
            made(torch.rand(2, 3, 8, 8))
            with applied(made, "batch"):
                made(torch.rand(2, 3, 8, 8))
            made(torch.rand(2, 3, 8, 8))
            if fails:
                raise KeyError("x")
    except KeyError:
        assert fails
    assert_same(made, before)


def test_modes_do_what_they_say() -> None:
    made = network()
    x = torch.rand(2, 3, 8, 8)
    with applied(made, "eval"):
        first = made(x)
        assert torch.equal(first, made(x))
    assert torch.equal(first, made.eval()(x))
    with applied(made, "batch"):
        found = made(x)
        # batch norm of its own statistics: every channel has mean 0
        torch.testing.assert_close(found.mean((0, 2, 3)), torch.zeros(4), atol=1e-5, rtol=0)
        assert torch.equal(found, made(x))
    with applied(made, "eval", dropout=True):
        assert not torch.equal(made(x), made(x))


L1: dict[str, float] = {"eval": 0.4, "batch": 0.4, "eval+dropout": 0.4, "batch+dropout": 0.4}


@pytest.mark.parametrize(
    ("l1", "best"),
    [
        ({}, "eval"),
        ({"batch": 0.3}, "batch"),
        ({"eval+dropout": 0.3}, "eval+dropout"),
        ({"batch+dropout": 0.3}, "batch+dropout"),
        ({"batch": 0.397}, "eval"),  # chance
        ({"batch+dropout": 0.3, "batch": 0.302}, "batch"),  # chance
        ({"batch+dropout": 0.3, "eval+dropout": 0.302}, "eval+dropout"),
        ({"eval": math.nan}, "batch"),
        ({"eval": math.inf, "batch": math.inf, "eval+dropout": math.inf}, "batch+dropout"),
        (dict.fromkeys(L1, math.nan), "eval"),
        (dict.fromkeys(L1, 0.0), "eval"),
    ],
)
def test_the_best_mode_is_chosen(l1: dict[str, float], best: str) -> None:
    made = network()
    before = snapshot(made)
    asked: list[str] = []

    def measure() -> dict[str, float]:
        mode = "batch" if made[1].running_mean is None else "eval"
        mode += "+dropout" if made[2].training else ""
        asked.append(mode)
        return {"l1": (L1 | l1)[mode], "psnr": math.inf}

    settings, scores = best_inference(made, measure)
    assert set(asked) == set(L1)
    assert settings["inference"] == best.partition("+")[0]
    assert settings["dropout"] is best.endswith("dropout")
    assert set(scores) == set(L1)
    json.dumps(settings, allow_nan=False)
    assert_same(made, before)


@pytest.mark.parametrize(
    ("made", "ways"),
    [
        (UNet(depth=6, width=2), {"eval", "batch", "eval+dropout", "batch+dropout"}),
        (UNet(depth=5, width=2, dropout=0.0), {"eval", "batch"}),
        (UNet(depth=6, width=2, norm="instance"), {"eval", "eval+dropout"}),
        (UNet(depth=3, width=2, norm="instance"), {"eval"}),
    ],
)
def test_only_modes_that_differ_are_tried(made: nn.Module, ways: set[str]) -> None:
    _, scores = best_inference(made, lambda: {"l1": 1.0})
    assert set(scores) == ways


def pictures(count: int = 5, size: int = 32) -> Results:
    torch.manual_seed(0)
    inputs, targets = torch.rand(count, 3, size, size), torch.rand(count, 3, size, size)
    return Results(inputs, (targets + 0.1 * torch.rand_like(targets)).clamp(0, 1), targets)


def test_figures_are_of_the_8_bit_picture() -> None:
    outputs = torch.full((2, 3, 16, 16), 0.5)
    found = fidelity(Results(outputs, outputs, torch.full_like(outputs, 0.25)), "train_")
    off = 128 / 255 - 0.25
    assert found["train_l1"] == pytest.approx(off, abs=1e-6)
    assert found["train_psnr"] == pytest.approx(-20 * math.log10(off), abs=1e-4)


def test_figures_are_exact_under_autocast() -> None:
    found = pictures()
    exact = fidelity(found) | likeness(found)
    with torch.autocast("cpu", torch.bfloat16):
        assert fidelity(found) | likeness(found) == exact


def test_small_pictures_have_no_texture() -> None:
    assert likeness(pictures(size=15)) == {}
    assert set(likeness(pictures(size=16))) == {"swd"}


def test_a_panel_shows_four_rows() -> None:
    found = pictures()
    shown = panel(found)
    assert shown.shape == (3, 4 * 32, 3 * 32)
    assert torch.equal(shown[:, 32:64, 64:], found.targets[1])
    assert torch.equal(shown[:, :32, 32:64], found.outputs[0])


def test_an_evaluation_sets_learned_pictures_apart() -> None:
    found = evaluated(pictures(), pictures(3))
    assert set(found.metrics) == {"l1", "psnr", "ssim", "swd", "train_l1", "train_psnr", "train_ssim"}
    assert found.count == 5
    assert "32×32" in found.protocol
