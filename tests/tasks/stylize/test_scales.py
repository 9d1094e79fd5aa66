"""Sizes grow to the one that is asked for, in its proportions."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from retouch.errors import InputError
from retouch.tasks.stylize.method.scales import brought, scales


def test_some_by_hand() -> None:
    assert scales((384, 512)) == [(96, 128), (192, 256), (384, 512)]
    assert scales((768, 1024)) == [(96, 128), (192, 256), (384, 512), (768, 1024)]
    assert scales((100, 90)) == [(100, 90)]
    assert scales((512, 512), ratio=2**0.5) == [(each, each) for each in (128, 181, 256, 362, 512)]
    assert scales((40, 1024), least_side=16) == [(20, 512), (40, 1024)]
    assert scales((150, 150), ratio=2) == [(128, 128), (150, 150)]


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 600), st.floats(1.1, 4), st.integers(1, 64))
def test_sizes_ascend(height: int, width: int, smallest: int, ratio: float, least: int) -> None:
    found = scales((height, width), smallest=smallest, ratio=ratio, least_side=least)
    assert found[-1] == (height, width)
    longer = [max(each) for each in found]
    assert longer == sorted(set(longer))
    for sooner, later in pairwise(longer):
        assert later / sooner <= ratio**1.5 * 1.1 + 1
    for each in found[:-1]:
        assert min(each) >= least
        assert max(each) >= min(smallest, max(height, width)) * 0.9
        if min(each) > 1:
            assert abs(each[0] * width / height - each[1]) <= 0.5 * (1 + width / height) + 1e-6


def test_pictures_are_brought() -> None:
    picture = torch.rand(1, 3, 8, 6, generator=torch.Generator().manual_seed(0))
    assert brought(picture, (8, 6)) is picture
    found = brought(picture, (4, 3), kernel="area")
    torch.testing.assert_close(found, torch.nn.functional.avg_pool2d(picture, 2))
    assert brought(picture, (16, 12)).shape == (1, 3, 16, 12)


def test_what_cannot_be_meant_is_refused() -> None:
    for size, smallest, ratio in (((0, 5), 128, 2.0), ((5, 5), 0, 2.0), ((5, 5), 128, 1.0)):
        with pytest.raises(InputError):
            scales(size, smallest=smallest, ratio=ratio)
