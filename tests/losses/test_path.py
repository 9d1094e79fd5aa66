"""Path length: against a generator whose slope is known."""

from __future__ import annotations

import math

import pytest
import torch

from retouch.losses.path import DECAY, path_penalty


def test_the_length_is_that_of_the_slope() -> None:
    draw = torch.Generator().manual_seed(0)
    matrix = torch.randn(3 * 4 * 4, 5, generator=draw)
    styles = torch.randn(2, 3, 5, generator=draw).requires_grad_()
    pictures = (styles.sum(dim=1) @ matrix.T).view(2, 3, 4, 4)
    penalty, usual = path_penalty(
        pictures, styles, torch.tensor(2.0), generator=torch.Generator().manual_seed(1)
    )
    # The slope is the same in each row: matrixᵀ direction, whose length is that of every row.
    direction = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(1)) / math.sqrt(16)
    lengths = (direction.flatten(1) @ matrix).norm(dim=1)
    now = 2.0 + DECAY * (float(lengths.mean()) - 2.0)
    assert float(usual) == pytest.approx(now, rel=1e-5)
    assert float(penalty.detach()) == pytest.approx(float((lengths - now).square().mean()), rel=1e-4)


def test_it_teaches_the_generator_and_not_the_usual_length() -> None:
    weight = torch.tensor([[1.0, 2.0], [0.5, -1.0]], requires_grad=True)

    def penalty() -> torch.Tensor:
        styles = torch.ones(1, 1, 2, requires_grad=True)
        pictures = (styles[:, 0] @ weight.T).view(1, 1, 1, 2)
        draw = torch.Generator().manual_seed(2)
        return path_penalty(pictures, styles, torch.tensor(10.0), generator=draw)[0]

    before = penalty()
    (slope,) = torch.autograd.grad(before, weight)
    with torch.no_grad():
        weight -= 0.01 * slope
    assert float(penalty().detach()) < float(before.detach())
