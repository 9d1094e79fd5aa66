from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from retouch.errors import UnknownName
from retouch.losses import augmented

ALL = "color,translation,cutout"


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int, channels: int = 3, size: tuple[int, int] = (16, 24)) -> Tensor:
    return torch.rand(count, channels, *size, generator=seeded(9)) * 2 - 1


@pytest.mark.parametrize("kinds", ["", " ", " , "])
def test_nothing_is_done_when_nothing_is_named(kinds: str) -> None:
    x = pictures(2)
    assert torch.equal(augmented(x, kinds), x)


@pytest.mark.parametrize("kinds", ["color", "translation", "cutout", ALL, " color , cutout"])
def test_a_generator_decides(kinds: str) -> None:
    x = pictures(4)
    before = torch.get_rng_state()
    first = augmented(x, kinds, generator=seeded(1))
    assert first.shape == x.shape
    assert torch.equal(first, augmented(x, kinds, generator=seeded(1)))
    assert not torch.equal(first, augmented(x, kinds, generator=seeded(2)))
    assert not torch.equal(first, x)
    assert torch.equal(before, torch.get_rng_state())


def test_an_unknown_kind_is_refused_and_named() -> None:
    with pytest.raises(UnknownName, match="colour"):
        augmented(pictures(1), "colour")


@pytest.mark.parametrize("kinds", ["translation", "cutout"])
def test_joined_pictures_move_together(kinds: str) -> None:
    one = pictures(6)
    both = augmented(torch.cat([one, one[:, :1]], 1), kinds, channels=(3, 1), generator=seeded())
    assert torch.equal(both[:, :1], both[:, 3:])
    assert torch.equal(both[:, :3], augmented(one, kinds, generator=seeded()))


@pytest.mark.parametrize("channels", [(1, 3), (3, 3), (3, 1), (1, 1), (3,)])
def test_colours_change_alike_but_about_means_of_their_own(channels: tuple[int, ...]) -> None:
    parts = [pictures(5, count) * (index + 1) for index, count in enumerate(channels)]
    joined = augmented(torch.cat(parts, 1), "color", channels=channels, generator=seeded())
    for part, found in zip(parts, torch.split(joined, list(channels), dim=1), strict=True):
        # numbers depend on the batch alone, so that each part alone draws the same
        torch.testing.assert_close(found, augmented(part, "color", generator=seeded()))


def test_colour_changes_by_formula() -> None:
    x = pictures(2)
    draw = seeded(5)
    brightness, saturation, contrast = (torch.rand(2, 1, 1, 1, generator=draw) for _ in range(3))
    wanted = x + brightness - 0.5
    gray = wanted.mean(1, keepdim=True)
    wanted = gray + (wanted - gray) * 2 * saturation
    mean = wanted.mean((1, 2, 3), keepdim=True)
    wanted = mean + (wanted - mean) * (contrast + 0.5)
    torch.testing.assert_close(augmented(x, "color", generator=seeded(5)), wanted)


def test_a_gray_picture_stays_gray() -> None:
    found = augmented(pictures(4, 1).expand(-1, 3, -1, -1), "color")
    torch.testing.assert_close(found[:, :1].expand(-1, 3, -1, -1), found)


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 21), st.integers(1, 21), st.integers(0, 1000))
def test_a_shift_fills_with_zeros_and_never_wraps(height: int, width: int, seed: int) -> None:
    # every pixel has its own number, so that one tells where it came from
    x = (1.0 + torch.arange(height * width)).view(1, 1, height, width).repeat(3, 2, 1, 1)
    found = augmented(x, "translation", generator=seeded(seed))
    reach_y, reach_x = int(height / 8 + 0.5), int(width / 8 + 0.5)
    for picture in found[:, 0]:
        fits = [
            (dy, dx)
            for dy in range(-reach_y, reach_y + 1)
            for dx in range(-reach_x, reach_x + 1)
            if torch.equal(picture, shifted(x[0, 0], dy, dx))
        ]
        assert len(fits) == 1
    assert torch.equal(found[:, 0], found[:, 1])


def shifted(x: Tensor, dy: int, dx: int) -> Tensor:
    """What a window sees that lies dy lower and dx further right."""
    height, width = x.shape
    wide = torch.zeros(3 * height, 3 * width)
    wide[height : 2 * height, width : 2 * width] = x
    return wide[height + dy : 2 * height + dy, width + dx : 2 * width + dx]


def test_every_shift_occurs() -> None:
    x = (1.0 + torch.arange(64.0)).view(1, 1, 8, 8).repeat(300, 1, 1, 1)
    centres = augmented(x, "translation", generator=seeded())[:, 0, 4, 4]
    wanted = {x[0, 0, 4 + dy, 4 + dx].item() for dy in (-1, 0, 1) for dx in (-1, 0, 1)}
    assert set(centres.tolist()) == wanted


def test_the_hole_is_half_as_high_and_wide_or_cut_by_the_edge() -> None:
    x = torch.ones(400, 2, 16, 24)
    hole = augmented(x, "cutout", generator=seeded()) == 0
    assert torch.equal(hole[:, 0], hole[:, 1])
    rows, columns = hole[:, 0].any(2).sum(1), hole[:, 0].any(1).sum(1)
    assert torch.equal(hole[:, 0].sum((1, 2)), rows * columns)
    # offset 0 … 16 of the middle of 8 rows: 4 to 8 of them are inside
    assert set(rows.tolist()) == {4, 5, 6, 7, 8}
    assert set(columns.tolist()) == {6, 7, 8, 9, 10, 11, 12}
    for side in (0, -1):
        assert rows[hole[:, 0, side].any(1)].min() == 4
        assert columns[hole[:, 0, :, side].any(1)].min() == 6


@pytest.mark.parametrize("kinds", ["color", "translation", "cutout", ALL])
def test_gradients_pass(kinds: str) -> None:
    x = pictures(2, size=(4, 6)).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda y: augmented(y, kinds, generator=seeded(3)), x)


def test_half_precision_and_channels_last_stay_right() -> None:
    x = pictures(2)
    found = augmented(x.to(memory_format=torch.channels_last), ALL, generator=seeded())
    torch.testing.assert_close(found, augmented(x, ALL, generator=seeded()))
    half = augmented(x.bfloat16(), ALL, generator=seeded())
    torch.testing.assert_close(half.float(), augmented(x, ALL, generator=seeded()), atol=0.02, rtol=0)
