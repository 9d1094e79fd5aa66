"""The terms of the loss, worked by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from retouch.errors import UnknownName
from retouch.tasks.inpaint.recipe import terms


def plane(*values: float) -> torch.Tensor:
    return torch.tensor(values).view(1, 1, 1, -1)


def test_pixels_weigh_by_where_they_are() -> None:
    # Differences 0.1, 0.2, 0.3, 0.4; the last two in the hole: (10·0.1 + 10·0.2 + 2·0.3 + 2·0.4) / 4.
    made = plane(0.1, 0.2, 0.3, 0.4).expand(1, 3, 1, 4)
    found = terms.differing(made, torch.zeros(1, 3, 1, 4), plane(0, 0, 1, 1), 10.0, 2.0)
    assert found.item() == pytest.approx(1.1)


def test_patches_of_a_hole() -> None:
    hole = torch.zeros(1, 1, 8, 8)
    hole[..., 3, 3] = 1.0
    logits = torch.zeros(1, 1, 4, 4)
    # The patch in row 1, column 1 covers pixels 2 and 3; the nearest to its corner is pixel 2.
    assert terms.fake_patches(hole, logits, "nearest").sum() == 0
    assert terms.fake_patches(hole, logits, "maxpool").nonzero().tolist() == [[0, 0, 1, 1]]
    hole[..., 2, 2] = 1.0
    assert terms.fake_patches(hole, logits, "nearest").nonzero().tolist() == [[0, 0, 1, 1]]
    with pytest.raises(UnknownName, match="nearest"):
        terms.fake_patches(hole, logits, "mean")  # type: ignore[arg-type]


def test_lama_judges_known_patches_of_a_filled_picture_as_real() -> None:
    def soft(x: float) -> float:
        return math.log1p(math.exp(x))

    found = terms.judging("r1", plane(2.0, 1.0), plane(0.5, -3.0), plane(1, 0))
    assert found.item() == pytest.approx((soft(-2.0) + soft(0.5) + soft(-1.0) + soft(3.0)) / 2, rel=1e-6)
    assert terms.deceiving("r1", plane(0.5, -3.0)).item() == pytest.approx((soft(-0.5) + soft(3.0)) / 2)


def test_hinge_by_hand() -> None:
    # Real: 0 and 0.5. Filled: 1 + 0.5 where fake, 1 − (−3) where known.
    found = terms.judging("hinge", plane(2.0, 0.5), plane(0.5, -3.0), plane(1, 0))
    assert found.item() == pytest.approx((0 + 0.5 + 1.5 + 4.0) / 2)
    assert terms.deceiving("hinge", plane(0.5, -3.0)).item() == pytest.approx(1.25)


def test_a_critic_compares_the_hole_with_photos_and_has_no_level() -> None:
    real, filled, fake = plane(2.0, 1.0, 3.0), plane(0.5, -3.0, 9.0), plane(1, 1, 0)
    found = terms.judging("wgan-gp", real, filled, fake)
    assert found.item() == pytest.approx((0.5 - 3.0) / 2 - 2.0)
    torch.testing.assert_close(terms.judging("wgan-gp", real + 7.0, filled + 7.0, fake), found)
    assert terms.judging("wgan-gp", real, filled, plane(0, 0, 0)).item() == pytest.approx(-2.0)
    assert terms.deceiving("wgan-gp", filled).item() == pytest.approx(-6.5 / 3)
    with pytest.raises(UnknownName, match="hinge"):
        terms.judging("vanilla", real, filled, fake)  # type: ignore[arg-type]


def test_the_slope_is_of_the_sum_of_logits() -> None:
    class Steep(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 3.0 * x[:, :1]  # the sum's slope: 3 at each pixel of the first channel

    found = terms.slope_at_real(Steep(), torch.rand(2, 3, 4, 5))
    assert found.item() == pytest.approx(9 * 4 * 5)


def test_matching_is_the_mean_of_layers_and_perceiving_their_sum() -> None:
    made = [torch.zeros(1, 2, 2, 2), torch.ones(1, 1, 1, 1)]
    seen = [torch.full((1, 2, 2, 2), 2.0), torch.zeros(1, 1, 1, 1)]
    assert terms.matching(made, seen).item() == pytest.approx((4 + 1) / 2)

    class Twice(nn.Module):
        def forward(self, x: torch.Tensor) -> Any:
            return [x, 2 * x]

    photos = torch.full((1, 3, 4, 4), 0.5)
    assert terms.perceived(Twice(), photos - 0.5, photos).item() == pytest.approx(0.25 + 1.0)


def test_waves_of_a_constant_difference_lie_in_one_place() -> None:
    # A difference of 0.25 everywhere: one amplitude of 0.25·√(H·W), the others 0; 4 × 3 amplitudes.
    photos = torch.rand(1, 3, 4, 4)
    found = terms.waves(photos + 0.25, photos)
    assert found.item() == pytest.approx(0.25 * 4 / (4 * 3), abs=1e-6)
