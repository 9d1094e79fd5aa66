"""PSNR, SSIM and MS-SSIM: closed forms, scikit-image, and what must not change them."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor

from retouch.errors import InputError, SizeMismatch
from retouch.metrics import mean_absolute_difference, ms_ssim, psnr, ssim

FEW = settings(max_examples=20, deadline=None)
Metric = Callable[[Tensor, Tensor], Tensor]


def pair(seed: int, size: tuple[int, int] = (40, 52), noise: float = 0.1) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    a = torch.rand(2, 3, *size, generator=generator)
    a = torch.nn.functional.avg_pool2d(a, 3, stride=1, padding=1)
    b = a + noise * torch.randn(a.shape, generator=generator)
    return a, b.clamp(0, 1)


@given(st.floats(0.01, 0.5))
def test_psnr_of_a_constant_offset(offset: float) -> None:
    # Mean square d², so 10 log10(1 / d²) = −20 log10 d.
    a = torch.full((2, 3, 4, 5), 0.25, dtype=torch.float64)
    expected = [-20 * math.log10(offset)] * 2
    assert psnr(a, a + offset).tolist() == pytest.approx(expected)


def test_psnr_and_l1_of_one_wrong_value() -> None:
    # 1 of 3·2·2 = 12 values is off by 0.6: mean square 0.03, mean |difference| 0.05.
    a = torch.zeros(1, 3, 2, 2, dtype=torch.float64)
    b = a.clone()
    b[0, 1, 1, 0] = 0.6
    assert float(psnr(a, b)) == pytest.approx(-10 * math.log10(0.03))
    assert float(mean_absolute_difference(a, b)) == pytest.approx(0.05)


def test_identical_pictures() -> None:
    a, _ = pair(0, (180, 180))
    assert psnr(a, a).tolist() == [math.inf] * 2
    assert mean_absolute_difference(a, a).tolist() == [0, 0]
    assert ssim(a, a).tolist() == pytest.approx([1, 1], abs=1e-12)
    assert ms_ssim(a, a).tolist() == pytest.approx([1, 1], abs=1e-12)


def test_ssim_of_two_flat_pictures() -> None:
    # No variance: the structure term is 1, and luminance is (2xy + C1) / (x² + y² + C1), C1 = 1e-4.
    a, b = torch.full((1, 3, 12, 12), 0.2), torch.full((1, 3, 12, 12), 0.6)
    expected = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
    assert float(ssim(a, b)) == pytest.approx(expected, abs=1e-7)


@FEW
@given(st.integers(0, 2**31), st.integers(11, 50), st.integers(11, 50), st.floats(0, 0.5))
def test_agrees_with_scikit_image(seed: int, height: int, width: int, noise: float) -> None:
    a, b = pair(seed, (height, width), noise)
    for one, other, ours, decibels in zip(a, b, ssim(a, b), psnr(a, b), strict=True):
        x, y = one.double().movedim(0, -1).numpy(), other.double().movedim(0, -1).numpy()
        theirs = structural_similarity(  # type: ignore[no-untyped-call]
            x,
            y,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=1,
            channel_axis=-1,
        )
        assert float(ours) == pytest.approx(theirs, abs=1e-9)
        if not torch.equal(one, other):
            skimage = peak_signal_noise_ratio(x, y, data_range=1)  # type: ignore[no-untyped-call]
            assert float(decibels) == pytest.approx(skimage, abs=1e-9)


def test_float32_is_close() -> None:
    a, b = pair(1)
    exact, quick = ssim(a, b), ssim(a, b, dtype=torch.float32)
    assert quick.dtype == torch.float32
    torch.testing.assert_close(quick.double(), exact, atol=1e-5, rtol=0)


def test_ms_ssim_at_one_scale_is_ssim_to_the_power() -> None:
    # With flat luminance differences the mean over positions of the product is SSIM's own mean.
    a, b = pair(2)
    per_channel = torch.stack([ssim(a[:, [c]], b[:, [c]]) for c in range(3)])
    torch.testing.assert_close(ms_ssim(a, b, weights=(0.7,)), (per_channel**0.7).mean(dim=0))


def test_ms_ssim_of_flat_pictures() -> None:
    # All structure terms are 1; the luminance counts at the coarsest scale only, to its exponent.
    a, b = torch.full((1, 3, 176, 176), 0.2), torch.full((1, 3, 176, 176), 0.6)
    luminance = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
    assert float(ms_ssim(a, b)) == pytest.approx(luminance**0.1333, abs=1e-7)


def test_ms_ssim_of_opposite_pictures_is_zero() -> None:
    checks = (torch.arange(24)[:, None] + torch.arange(24)) % 2
    a = checks.float().expand(1, 3, 24, 24)
    assert float(ms_ssim(a, 1 - a, weights=(0.5, 0.5))) == 0


@pytest.mark.parametrize("metric", [psnr, ssim, mean_absolute_difference])
@FEW
@given(seed=st.integers(0, 2**31))
def test_order_mirror_and_batch_do_not_matter(metric: Metric, seed: int) -> None:
    a, b = pair(seed, (20, 24))
    expected = metric(a, b)
    torch.testing.assert_close(metric(b, a), expected)
    torch.testing.assert_close(metric(a.flip(-1), b.flip(-1)), expected)
    torch.testing.assert_close(metric(a.mT, b.mT), expected)
    torch.testing.assert_close(metric(a[:, [2, 0, 1]], b[:, [2, 0, 1]]), expected)
    torch.testing.assert_close(metric(a[1:], b[1:]), expected[1:])


@pytest.mark.parametrize("metric", [psnr, ssim, mean_absolute_difference])
def test_crop_leaves_the_border_out(metric: Callable[..., Tensor]) -> None:
    a, b = pair(3)
    inside = (..., slice(4, -4), slice(4, -4))
    expected = metric(a[inside], b[inside])
    a[:, :, :4], b[:, :, -4:] = 0, 1
    torch.testing.assert_close(metric(a, b, crop=4), expected)


@pytest.mark.parametrize("metric", [psnr, ssim, ms_ssim, mean_absolute_difference])
def test_what_does_not_fit_is_refused(metric: Callable[..., Tensor]) -> None:
    a = torch.zeros(1, 3, 16, 20)
    with pytest.raises(SizeMismatch, match=r"\(1, 3, 16, 20\) with \(1, 3, 16, 21\)"):
        metric(a, torch.zeros(1, 3, 16, 21))
    with pytest.raises(InputError, match="batch dimension"):
        metric(a[0], a[0])
    with pytest.raises(InputError, match="divide 8-bit pixels by 255"):
        metric(a.byte(), a.byte())
    with pytest.raises(InputError, match=r"crop=8 .* use 0 … 7"):
        metric(a, a, crop=8)


def test_pictures_below_the_window_are_refused() -> None:
    a = torch.zeros(1, 3, 16, 20)
    with pytest.raises(InputError, match="at least 11×11 pixels, got 10×14"):
        ssim(a, a, crop=3)
    with pytest.raises(InputError, match="5 scales needs at least 176×176 pixels, got 16×20"):
        ms_ssim(a, a)
    with pytest.raises(InputError, match="no weights"):
        ms_ssim(a, a, weights=())
