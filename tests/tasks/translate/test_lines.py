from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from retouch.errors import InputError
from retouch.tasks.translate.method.lines import drawn
from retouch.tasks.translate.recipe import Sketch
from retouch.tasks.translate.recipe.parts import Pictures
from tests.tasks.translate.toy_recipes import toy


@pytest.mark.parametrize("level", [0.0, 0.2, 0.45, 0.5, 0.8, 1.0])
def test_a_constant_picture_is_its_own_level(level: float) -> None:
    # (1 + p) · fine − p · coarse of a constant is the constant
    found = drawn(torch.full((1, 3, 32, 48), level), darkness=0.5, sharpness=10.0)
    wanted = 1.0 if level >= 0.5 else 1.0 + math.tanh(10.0 * (level - 0.5))
    torch.testing.assert_close(found, torch.full((1, 1, 32, 48), wanted), atol=2e-4, rtol=0)


def bar(size: int, thickness: float = 0.02) -> Tensor:
    """A dark line on a light ground, as thick a part of the picture at any size."""
    across = (torch.arange(size) + 0.5) / size
    line = 1.0 - 0.6 * ((across - 0.5).abs() < thickness).float()
    return line.view(1, 1, 1, size).expand(1, 3, size, size)


def edge(size: int) -> Tensor:
    across = (torch.arange(size) + 0.5) / size
    return (0.55 + 0.4 * (across > 0.5).float()).view(1, 1, 1, size).expand(1, 3, size, size)


@pytest.mark.parametrize("width", [0.9, 1.5])
@pytest.mark.parametrize("picture", [bar, edge])
def test_lines_are_as_wide_a_part_of_a_large_picture(picture: object, width: float) -> None:
    ink = [1 - drawn(picture(size), width=width).mean().item() for size in (128, 256, 512)]  # type: ignore[operator]
    assert ink[0] > 0.005
    assert ink[1] == pytest.approx(ink[2], rel=0.15)
    assert ink[0] == pytest.approx(ink[2], rel=0.35)


def test_an_edge_becomes_a_line_on_its_dark_side() -> None:
    found = drawn(edge(128))[0, 0, 64]
    assert found[:50].eq(1).all()
    assert found[64:].eq(1).all()
    assert found[60:64].min() < 0.1


def test_lines_turn_with_the_picture() -> None:
    x = torch.rand(1, 3, 40, 40)
    torch.testing.assert_close(drawn(x.transpose(2, 3)), drawn(x).transpose(2, 3), atol=1e-4, rtol=1e-4)


@settings(deadline=None, max_examples=25)
@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.floats(0.3, 3),
    st.floats(0, 1),
    st.floats(1, 60),
    st.floats(0, 30),
    st.integers(0, 99),
)
def test_lines_are_pictures(
    height: int, width: int, line: float, darkness: float, sharpness: float, contrast: float, seed: int
) -> None:
    x = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(seed))
    found = drawn(x, width=line, darkness=darkness, sharpness=sharpness, contrast=contrast)
    assert found.shape == (2, 1, height, width)
    assert found.dtype is torch.float32
    assert 0 <= found.min() <= found.max() <= 1


def test_lines_are_exact_under_autocast() -> None:
    x = torch.rand(1, 3, 32, 32)
    exact = drawn(x)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(drawn(x), exact)


def test_a_sketch_learns_from_pens_of_chance_and_is_judged_by_one() -> None:
    options = toy(Sketch)
    image = torch.rand(2, 3, 32, 32)
    torch.manual_seed(0)
    first, second = options.prepare({"image": image}), options.prepare({"image": image})
    assert not torch.equal(first["input"], second["input"])
    torch.testing.assert_close(first["target"], image * 2 - 1)
    assert first["input"].shape == (2, 1, 32, 32)
    assert first["input"].min() >= -1
    assert first["input"].max() <= 1
    state = torch.get_rng_state()
    assert torch.equal(options.ready({"image": image})["input"], drawn(image) * 2 - 1)
    assert torch.equal(state, torch.get_rng_state())


def test_a_sketch_shows_its_lines_as_gray_pictures() -> None:
    options = toy(Sketch)
    image = torch.rand(2, 3, 32, 32)
    ready = options.ready({"image": image})
    lines, made, target = options.as_pictures(ready, ready["target"])
    torch.testing.assert_close(target, image)
    assert torch.equal(made, target)
    torch.testing.assert_close(lines, drawn(image).expand(-1, 3, -1, -1))


def test_a_sketch_goes_one_way() -> None:
    with pytest.raises(InputError, match="AtoB"):
        Sketch(pictures=Pictures(direction="BtoA"))
