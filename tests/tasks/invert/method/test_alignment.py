"""Frames: cut by hand, differentiable, and found in photos that hold a network's picture off their middle."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from retouch.errors import InputError
from retouch.tasks.invert.method import alignment
from retouch.tasks.invert.method.alignment import Frame, align, framed
from tests.tasks.invert.method import toys

PHOTO = torch.rand(1, 3, 16, 24, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_the_photos_own_frame_is_its_middle() -> None:
    # Twice as many samples as pixels, four of them a pixel: half way between a pixel and the next.
    cut = framed(PHOTO, Frame(), 16)
    square = PHOTO[..., 4:20]
    weights = torch.tensor([0.125, 0.75, 0.125], dtype=torch.float64)
    kernel = torch.outer(weights, weights).expand(3, 1, 3, 3)
    torch.testing.assert_close(cut[..., 1:-1, 1:-1], F.conv2d(square, kernel, groups=3))


def test_frames_are_scaled_moved_and_turned() -> None:
    plain = framed(PHOTO, Frame(), 16)
    moved = framed(PHOTO, Frame(right=2 / 16), 16)
    torch.testing.assert_close(moved[..., :-2], plain[..., 2:])
    down = framed(PHOTO, Frame(down=-3 / 16), 16)
    torch.testing.assert_close(down[..., 4:, :], plain[..., 1:-3, :])
    # Turned clockwise by a quarter, its right is the photo's down: what was above is to its left.
    turned = framed(PHOTO, Frame(angle=90.0), 16)
    torch.testing.assert_close(turned, plain.rot90(1, (2, 3)), rtol=1e-6, atol=1e-6)
    half = framed(PHOTO, Frame(scale=0.5), 8)
    torch.testing.assert_close(half[..., 1:-1, 1:-1], plain[..., 5:11, 5:11])


def test_large_photos_are_made_smaller_not_thinned_out() -> None:
    checks = torch.ones(1, 1, 128, 128)
    checks[..., ::2, ::2] = checks[..., 1::2, 1::2] = -1.0
    assert float(framed(checks, Frame(), 16).abs().max()) < 0.05


def test_slopes_along_frames() -> None:
    smooth = F.interpolate(PHOTO[..., :4, :6], (16, 24), mode="bicubic")
    numbers = torch.tensor([[0.2, 0.3, -0.1, 0.15]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda asked: alignment._cut(smooth, asked, 6).mean(dim=(0, 1, 2)), (numbers,), atol=1e-3, rtol=1e-2
    )


def test_a_frame_off_the_middle_is_found() -> None:
    inside = toys.own(1, seed=2)
    photo = F.pad(inside, (0, 4, 0, 4), mode="replicate")  # of 20 pixels; the picture is 2 up and left of it
    found = align(toys.of("p"), photo, evaluations=210)
    assert found.kept
    assert found.after < 0.7 * found.before
    assert found.evaluations <= 210
    wanted = Frame(0.8, 0.0, -0.1, -0.1)
    own = float((framed(photo, found.frame, 16) - framed(photo, wanted, 16)).square().mean())
    assert own < 0.5 * float((framed(photo, Frame(), 16) - framed(photo, wanted, 16)).square().mean())


def test_a_photo_that_is_in_place_stays() -> None:
    found = align(toys.of("p"), toys.own(1, seed=2), evaluations=70)
    assert not found.kept
    assert found.frame == Frame()
    assert found.before == found.after


def test_refusals() -> None:
    with pytest.raises(InputError, match="1, C, H, W"):
        align(toys.of("p"), PHOTO.expand(2, -1, -1, -1))
    with pytest.raises(InputError, match="at least 14"):
        align(toys.of("p"), PHOTO, evaluations=13)
    with pytest.raises(InputError, match="above 0"):
        Frame(scale=0.0)
