from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from retouch.errors import EmptyMask, InputError, SizeMismatch
from retouch.image import Box, Polygon, Region
from retouch.tasks.stylize.method import regions, starts

SIZE = (12, 16)
LEFT, RIGHT = Box(0, 0, 8, 12), Box(8, 0, 16, 12)


def test_without_masks_every_style_goes_everywhere() -> None:
    found = regions.read(None, (), SIZE, styles=2)
    assert found == regions.Regions(None, (None, None))


def test_one_mask_is_for_all_styles() -> None:
    found = regions.read(LEFT, (), SIZE, styles=2)
    assert found.where is not None
    assert found.where.mean() == 0.5
    assert found.where[:, :8].all()
    assert all(part is found.where for part in found.each)


def test_each_style_has_its_mask_within_the_mask_of_all() -> None:
    found = regions.read(Box(0, 0, 16, 6), (LEFT, RIGHT), SIZE, styles=2)
    first, second = found.each
    assert first is not None
    assert second is not None
    assert found.where is not None
    assert (first.sum(), second.sum(), found.where.sum()) == (48, 48, 96)
    assert first[:6, :8].all()
    assert second[:6, 8:].all()
    both = regions.read(None, (LEFT, RIGHT), SIZE, styles=2)
    assert both.where is None


def test_a_soft_mask_stays_soft() -> None:
    found = regions.read(Region(LEFT, feather=3), (), SIZE, styles=1)
    assert found.where is not None
    assert 0 < found.where[5, 7] < found.where[5, 6] < 1


def test_what_cannot_be_seen_is_not_painted() -> None:
    seen = np.zeros(SIZE, bool)
    seen[:, 4:] = True
    found = regions.read(LEFT, (), SIZE, styles=1, seen=seen)
    assert found.where is not None
    assert found.where.sum() == 48
    assert regions.read(None, (), SIZE, styles=1, seen=np.zeros(SIZE, bool)).where is None
    with pytest.raises(EmptyMask, match="selects no pixel of what may be painted"):
        regions.read(Box(0, 0, 4, 12), (), SIZE, styles=1, seen=seen)


def test_masks_that_cannot_be_meant_are_refused() -> None:
    with pytest.raises(InputError, match=re.escape("there are 1 masks and 2 styles; give one mask for each")):
        regions.read(None, (LEFT,), SIZE, styles=2)
    with pytest.raises(EmptyMask, match="the mask of style 2 selects no pixel; mark"):
        regions.read(None, (LEFT, Polygon([(50, 50), (60, 50), (60, 60)])), SIZE, styles=2)
    with pytest.raises(SizeMismatch):
        regions.read(np.ones((3, 4), bool), (), SIZE, styles=1)


def test_parts_follow_the_size_of_the_result() -> None:
    found = regions.read(LEFT, (LEFT,), SIZE, styles=1).resized((6, 8))
    assert found.where is not None
    assert found.where.shape == (6, 8)
    assert found.where.mean() == pytest.approx(0.5)
    assert found.each[0] is not None
    assert np.array_equal(found.each[0], found.where)
    assert found.where.min() >= 0
    assert found.where.max() <= 1


def test_noise_has_the_colours_of_a_picture_and_no_structure() -> None:
    generator = torch.Generator().manual_seed(3)
    like = 0.5 + 0.1 * torch.randn((1, 3, 40, 40), generator=generator)
    like[:, 1] = 0.3 + 0.5 * (like[:, 0] - 0.5)
    made = starts.noise((64, 96), 7, like=like)
    assert made.shape == (1, 3, 64, 96)
    assert torch.equal(made, starts.noise((64, 96), 7, like=like))
    assert not torch.equal(made, starts.noise((64, 96), 8, like=like))
    first, second = (torch.cov(each.flatten(2)[0]) for each in (made, like))
    assert torch.allclose(first, second, atol=1e-3)
    assert torch.allclose(made.mean((2, 3)), like.mean((2, 3)), atol=5e-3)
    flat = made.flatten(2)[0] - made.mean((2, 3))[0, :, None]
    assert float((flat[0, 1:] * flat[0, :-1]).mean() / flat[0].square().mean()) < 0.05


def test_noise_that_knows_nothing_is_gray_on_average() -> None:
    state = torch.random.get_rng_state()
    made = starts.noise((50, 60), 0)
    assert torch.equal(state, torch.random.get_rng_state())
    assert torch.allclose(made.mean((2, 3)), torch.tensor(0.5), atol=0.02)
    assert 0.1 < float(made.std()) < 0.2


@pytest.mark.parametrize("size", [(1, 1), (2, 40), (5, 3)])
def test_a_small_picture_goes_on_as_its_mirror_image(size: tuple[int, int]) -> None:
    picture = torch.rand((1, 3, *size), generator=torch.Generator().manual_seed(1))
    found = starts.mirrored(picture, 32)
    height, width = max(size[0], 32), max(size[1], 32)
    assert found.shape == (1, 3, height, width)
    assert torch.equal(found[..., : size[0], : size[1]], picture)
    wanted = np.pad(
        picture.numpy(), ((0, 0), (0, 0), (0, height - size[0]), (0, width - size[1])), mode="symmetric"
    )
    assert np.array_equal(found.numpy(), wanted)
