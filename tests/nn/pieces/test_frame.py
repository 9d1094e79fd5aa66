from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from retouch.nn.pieces.frame import SMALLEST, framed, mirrored


@given(st.integers(1, 40), st.integers(0, 60), st.integers(0, 60))
def test_the_mirror_image_is_that_of_numpy(size: int, before: int, after: int) -> None:
    wanted = np.pad(np.arange(size), (before, after), mode="reflect")
    assert mirrored(size, before, before + size + after).tolist() == wanted.tolist()


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 16))
@settings(deadline=None)
def test_a_frame_has_the_size_and_holds_the_picture(height: int, width: int, multiple: int) -> None:
    picture = torch.rand(1, 2, height, width)
    larger, inside = framed(picture, multiple)
    for side, size in zip(larger.shape[2:], (height, width), strict=True):
        assert side % multiple == 0
        assert max(size, SMALLEST) <= side < max(size, SMALLEST) + multiple
    assert torch.equal(larger[:, :, slice(*inside.rows), slice(*inside.columns)], picture)
    for span, side in zip(inside, larger.shape[2:], strict=True):
        assert 0 <= side - span.stop - span.start <= 1


def test_a_picture_that_fits_is_not_copied() -> None:
    picture = torch.rand(1, 3, 16, 32)
    assert framed(picture, 16)[0] is picture
