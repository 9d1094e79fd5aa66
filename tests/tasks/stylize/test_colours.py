from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from retouch.image import samples
from retouch.tasks.stylize.method import colours


def _random(seed: int, size: tuple[int, int] = (24, 31)) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    mix = torch.rand((3, 3), generator=generator, dtype=torch.float64) * 0.3
    # Colours near the middle, so that nothing is clipped and the moments can be exact.
    raw = torch.rand((3, size[0] * size[1]), generator=generator, dtype=torch.float64) - 0.5
    return (0.5 + mix @ raw).view(1, 3, *size).float()


def _moments(picture: Tensor) -> tuple[Tensor, Tensor]:
    flat = picture.double().flatten(2)[0]
    return flat.mean(1), torch.cov(flat, correction=0)


def test_a_recoloured_style_has_the_moments_of_the_photo() -> None:
    style, photo = _random(1), 0.1 + _random(2, (17, 9)) * 0.7
    found = colours.recoloured(style, photo)
    for got, wanted in zip(_moments(found), _moments(photo), strict=True):
        assert torch.allclose(got, wanted, atol=1e-6), (got, wanted)


def test_only_the_pixels_that_count_give_their_colours() -> None:
    style, photo = _random(1), _random(2)
    weights = torch.zeros(1, 1, 24, 31)
    weights[..., :10] = 1
    found = colours.recoloured(style, photo, weights)
    assert torch.allclose(found, colours.recoloured(style, photo[..., :10]), atol=1e-5)
    assert not torch.allclose(found, colours.recoloured(style, photo), atol=1e-3)
    nothing = colours.recoloured(style, photo, torch.zeros_like(weights))
    assert torch.equal(nothing, colours.recoloured(style, photo))


def test_the_style_of_the_same_colours_stays() -> None:
    style = _random(3)
    assert torch.allclose(colours.recoloured(style, style), style, atol=1e-4)


def test_a_flat_style_and_a_flat_photo_give_numbers() -> None:
    flat, photo = torch.full((1, 3, 5, 5), 0.25), _random(4)
    assert torch.allclose(colours.recoloured(photo, flat), flat[..., :1, :1], atol=0.02)
    mean = photo.mean((2, 3), keepdim=True)
    assert torch.allclose(colours.recoloured(flat, photo), mean.expand_as(flat), atol=1e-5)
    assert torch.allclose(colours.relit(flat, photo), colours.luma(photo).mean().expand_as(flat), atol=1e-5)


def test_relit_light_has_the_mean_and_the_spread_of_the_photos() -> None:
    style, photo = _random(5), 0.2 + 0.5 * _random(6)
    found = colours.relit(style, photo)
    assert torch.equal(found[:, 0], found[:, 2])
    assert float(found.mean()) == pytest.approx(float(colours.luma(photo).mean()), abs=1e-5)
    assert float(found.std()) == pytest.approx(float(colours.luma(photo).std()), rel=2e-2)


@given(st.integers(0, 2**31), st.integers(0, 2**31))
def test_hues_keep_the_luma_and_the_range(first: int, second: int) -> None:
    light, photo = (
        torch.rand((1, 3, 6, 7), generator=torch.Generator().manual_seed(seed)) for seed in (first, second)
    )
    found = colours.with_hues(light, photo)
    assert float(found.min()) >= 0
    assert float(found.max()) <= 1
    assert torch.allclose(colours.luma(found), colours.luma(light), atol=1e-5)
    hue, own = photo - colours.luma(photo), found - colours.luma(found)
    # The same direction, never stronger.
    assert float((hue * own).sum(1).min()) >= -1e-5
    assert float((own.norm(dim=1) - hue.norm(dim=1)).max()) <= 1e-5


def test_hues_of_a_photo_over_its_own_light_are_the_photo() -> None:
    photo = samples.open("coffee").tensor()
    assert torch.allclose(colours.with_hues(photo, photo), photo, atol=1e-5)


def test_gray_stays_gray() -> None:
    picture = torch.full((1, 3, 4, 4), 0.3)
    assert torch.allclose(colours.gray(picture), picture, atol=1e-6)
