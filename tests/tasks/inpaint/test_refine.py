"""Refinement: a fine fill is brought to agree with a coarser one, and nothing else changes."""

from __future__ import annotations

import numpy as np
import torch

from retouch.image import Box
from retouch.tasks.inpaint.method.forward import filled
from retouch.tasks.inpaint.method.pyramid import Pixels, doubled, halved
from retouch.tasks.inpaint.method.refine import refined
from tests.tasks.inpaint.painters import inpainter, network

CPU = torch.device("cpu")


def scene() -> tuple[Pixels, np.ndarray[tuple[int, int], np.dtype[np.bool_]], Pixels]:
    random = np.random.default_rng(2)
    pixels = random.random((60, 77, 3)).astype(np.float32)
    unknown = np.zeros((60, 77), np.bool_)
    unknown[12:48, 15:62] = True
    return pixels, unknown, np.full_like(pixels, 0.2)


def disagreement(made: Pixels, guide: Pixels) -> float:
    """How far a fill's low frequencies are from the guide, inside the hole."""
    low = doubled(halved(made))[: made.shape[0], : made.shape[1]]
    return float(np.abs(low - guide)[22:40, 25:52].mean())


def test_more_steps_agree_better() -> None:
    pixels, unknown, guide = scene()
    made = network()
    start = filled(made, pixels, unknown, device=CPU, multiple=8)
    found = [
        refined(made, pixels, unknown, guide, steps=steps, device=CPU, multiple=8) for steps in (1, 3, 9)
    ]
    apart = [disagreement(one, guide) for one in (start, *found)]
    assert apart[3] < apart[2] < apart[1] < apart[0]
    assert apart[3] < 0.99 * apart[0]
    assert all(one.shape == pixels.shape and one.dtype == np.float32 for one in found)
    assert found[2].min() >= 0
    assert found[2].max() <= 1


def test_no_step_changes_nothing() -> None:
    pixels, unknown, guide = scene()
    made = network()
    start = filled(made, pixels, unknown, device=CPU, multiple=8)
    assert np.abs(refined(made, pixels, unknown, guide, steps=0, device=CPU, multiple=8) - start).max() < 1e-6


def test_the_network_is_not_changed() -> None:
    pixels, unknown, guide = scene()
    made = network()
    before = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    one, other = (refined(made, pixels, unknown, guide, steps=3, device=CPU, multiple=8) for _ in range(2))
    assert np.array_equal(one, other)
    assert all(torch.equal(tensor, before[name]) for name, tensor in made.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in made.parameters())
    assert not made.training


def test_the_edit_refines_wide_holes_only() -> None:
    ready = inpainter()
    random = np.random.default_rng(0)
    picture = random.random((260, 250, 3)).astype(np.float32)
    narrow, wide = Box(100, 100, 160, 150), Box(60, 60, 200, 190)
    assert np.array_equal(ready(picture, narrow, refine=2).pixels, ready(picture, narrow).pixels)
    found, plain = ready(picture, wide, refine=2), ready(picture, wide)
    assert found.report["levels"] == 1
    assert not np.array_equal(found.pixels, plain.pixels)
    outside = np.ones((260, 250), bool)
    outside[wide.slices] = False
    assert np.array_equal(found.pixels[outside], picture[outside])
