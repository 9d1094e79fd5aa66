"""Examples of spoiled pictures: what is drawn, what stays the same, and which sizes they have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from retouch import data
from retouch.data.degradations import Chain, Degraded, parse
from retouch.data.examples import Examples
from retouch.errors import InputError
from tests.data.made import fill, noise


@pytest.fixture
def examples(tmp_path: Path) -> Examples:
    """Four pictures of 48 × 36."""
    fill(tmp_path / "all", 4, height=36, width=48)
    return data.singles(tmp_path / "all", "all", augment=False, size=None, load_size=None)


def test_an_example_is_a_function_of_index_and_seed(examples: Examples) -> None:
    made = Degraded(examples, parse("noise(5..50)"), size=16, zoom=1.5)
    first, again, other = made.example(1, 7), made.example(1, 7), made.example(1, 8)
    assert sorted(first) == ["input", "noise", "target"]
    for role, planes in first.items():
        assert torch.equal(planes, again[role])
        assert not torch.equal(planes, other[role])
        assert planes.dtype == torch.float32
    assert not torch.equal(first["target"], made.example(2, 7)["target"])


def test_the_input_is_the_spoiled_target_and_the_map_its_noise(examples: Examples) -> None:
    made = Degraded(examples, parse("noise(20)"), size=32)
    differences = [one["input"] - one["target"] for one in (made.example(0, seed) for seed in range(30))]
    found = torch.cat([difference.flatten() for difference in differences])
    assert float(found.std()) * 255 == pytest.approx(20, rel=0.02)
    assert made.example(0, 0)["noise"].shape == (1, 32, 32)
    assert float(made.example(0, 0)["noise"].mean()) * 255 == pytest.approx(20, rel=1e-4)


def test_inputs_are_smaller_by_the_scale(examples: Examples) -> None:
    one = Degraded(examples, parse("bicubic(4),noise(0..25)"), size=32).example(0, 0)
    assert {role: tuple(planes.shape) for role, planes in one.items()} == {
        "input": (3, 8, 8),
        "target": (3, 32, 32),
        "noise": (1, 8, 8),
    }


def test_a_square_without_zoom_is_a_part_of_the_picture(examples: Examples) -> None:
    whole = examples.example(0, 0)["image"]
    made = Degraded(examples, Chain(()), size=16)
    places = set()
    for seed in range(20):
        square = made.example(0, seed)["target"]
        windows = whole.unfold(1, 16, 1).unfold(2, 16, 1)
        same = (windows == square[:, None, None]).all(dim=(0, 3, 4)).nonzero()
        assert len(same) >= 1
        places.add(tuple(same[0].tolist()))
    assert len(places) > 10


def test_zoom_shrinks_half_of_the_squares(examples: Examples) -> None:
    whole = examples.example(0, 0)["image"]
    windows = whole.unfold(1, 16, 1).unfold(2, 16, 1)
    made = Degraded(examples, Chain(()), size=16, zoom=2)
    kept = 0
    for seed in range(60):
        square = made.example(0, seed)["target"]
        assert square.shape == (3, 16, 16)
        assert float(square.min()) >= 0
        assert float(square.max()) <= 1
        kept += bool((windows == square[:, None, None]).all(dim=(0, 3, 4)).any())
    assert kept == pytest.approx(30, abs=14)


def test_a_picture_smaller_than_the_square_is_enlarged(examples: Examples) -> None:
    made = Degraded(examples, parse("bicubic(4)"), size=64, zoom=1.5)
    for seed in range(6):
        assert made.example(0, seed)["target"].shape == (3, 64, 64)


def test_validation_spoils_whole_pictures_always_alike(tmp_path: Path) -> None:
    fill(tmp_path / "odd", 3, height=35, width=46)
    examples = data.singles(tmp_path / "odd", "all", augment=False, size=None, load_size=None)
    made = Degraded(examples, parse("bicubic(4),noise(5..50)"), size=16).plain()
    first, other = made.example(1, 0), made.example(1, 99)
    assert all(torch.equal(planes, other[role]) for role, planes in first.items())
    assert first["target"].shape == (3, 32, 44)
    assert first["input"].shape == (3, 8, 11)
    expected = torch.from_numpy(noise(1, 35, 46)[:32, :44].transpose(2, 0, 1).copy()) / 255
    assert torch.allclose(first["target"], expected)
    strengths = {round(float(made.example(index, 0)["noise"].mean()), 5) for index in range(3)}
    assert len(strengths) == 3


def test_training_and_validation_draw_other_noise(examples: Examples) -> None:
    made = Degraded(examples, parse("noise(25)"))
    whole, fixed = made.example(0, 0), made.plain().example(0, 0)
    assert torch.equal(whole["target"], fixed["target"])
    assert not torch.equal(whole["input"], fixed["input"])


def test_a_picture_smaller_than_the_scale_is_refused(tmp_path: Path) -> None:
    fill(tmp_path / "tiny", 1, height=3, width=20)
    examples = data.singles(tmp_path / "tiny", "all", augment=False, size=None, load_size=None)
    with pytest.raises(InputError, match="at least 1×1"):
        Degraded(examples, parse("bicubic(4)"), fixed=True).example(0, 0)


def test_names_length_and_facts_are_those_of_the_examples(examples: Examples) -> None:
    made = Degraded(examples, parse("noise(25)"), size=16, zoom=1.5)
    assert list(made.names) == list(examples.names)
    assert len(made) == 4
    facts = made.describe()
    assert facts["degradations"] == "noise(25)"
    assert (facts["patch"], facts["zoom"]) == (16, 1.5)
    assert set(examples.describe()) <= set(facts)


def test_planes_are_not_changed_by_spoiling_them(examples: Examples) -> None:
    made = Degraded(examples, parse("noise(25),jpeg(20)"))
    made.example(0, 0)
    again = made.example(0, 5)["target"]
    assert np.array_equal(again.numpy(), examples.example(0, 0)["image"].numpy())
