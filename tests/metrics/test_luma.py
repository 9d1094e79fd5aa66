"""Y: by hand, and scikit-image's."""

from __future__ import annotations

import math

import pytest
import torch
from skimage.color import rgb2ycbcr

from retouch.errors import InputError
from retouch.metrics import psnr
from retouch.metrics.luma import luma


def colour(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64).view(1, 3, 1, 1)


@pytest.mark.parametrize(
    ("rgb", "levels"),
    [
        ((0, 0, 0), 16),
        ((1, 1, 1), 235),
        ((1, 0, 0), 16 + 65.481),
        ((0, 1, 0), 16 + 128.553),
        ((0, 0, 1), 16 + 24.966),
        ((0.5, 0.5, 0.5), 125.5),
    ],
)
def test_the_corners_by_hand(rgb: tuple[float, float, float], levels: float) -> None:
    assert float(luma(colour(*rgb))) * 255 == pytest.approx(levels)
    assert float(luma(colour(*rgb), full=True)) == pytest.approx((levels - 16) / 219)


def test_scikit_image_agrees() -> None:
    picture = torch.rand(1, 3, 9, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = rgb2ycbcr(picture[0].permute(1, 2, 0).numpy())[..., 0]
    assert torch.allclose(luma(picture)[0, 0] * 255, torch.from_numpy(expected))


def test_a_wrong_gray_level_costs_what_it_is_in_levels_of_y() -> None:
    # A gray that is off by 10 of 255 is off by 10 · 219/255 in Y.
    a, b = torch.full((1, 3, 4, 4), 100 / 255.0).double(), torch.full((1, 3, 4, 4), 110 / 255.0).double()
    found = float(psnr(luma(a), luma(b)))
    assert found == pytest.approx(20 * math.log10(255 / (10 * 219 / 255)), abs=1e-4)
    assert float(psnr(luma(a, full=True), luma(b, full=True))) == pytest.approx(
        found - 20 * math.log10(255 / 219), abs=1e-4
    )


@pytest.mark.parametrize(
    "wrong",
    [torch.zeros(3, 4, 4), torch.zeros(1, 1, 4, 4), torch.zeros(1, 3, 4, 4, dtype=torch.uint8)],
)
def test_what_is_no_colour_picture_is_refused(wrong: torch.Tensor) -> None:
    with pytest.raises(InputError, match=r"\(B, 3, H, W\)"):
        luma(wrong)
