"""Metrics of holes: closed forms, scikit-image, LaMa's formula, loops over pixels, what must not count."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage.metrics import structural_similarity
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d

from retouch.errors import EmptyMask, InputError, SizeMismatch
from retouch.metrics import (
    HolePatches,
    hole_l1,
    hole_psnr,
    hole_sliced_wasserstein,
    hole_ssim,
    seam,
    similarity_map,
    ssim,
)

FEW = settings(max_examples=20, deadline=None)


def pictures(seed: int, size: tuple[int, int] = (24, 33), count: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return avg_pool2d(torch.rand(count, 3, *size, generator=generator), 3, stride=1, padding=1)


def holes(seed: int, size: tuple[int, int] = (24, 33), count: int = 2) -> Tensor:
    """Ragged holes, each of at least one pixel and at most all but one."""
    generator = torch.Generator().manual_seed(seed)
    made = (torch.rand(count, 1, *size, generator=generator) < 0.4).float()
    made[..., 0, 0], made[..., -1, -1] = 1, 0
    return made


def row(*values: float) -> Tensor:
    """A picture one pixel high, gray."""
    return torch.tensor(values, dtype=torch.float64).expand(1, 3, 1, -1)


def test_a_constant_error_in_the_hole_is_found_whatever_lies_outside() -> None:
    target, hole = pictures(0) * 0.5, holes(1)
    filled = torch.where(hole > 0, target + 0.1, torch.rand(target.shape))
    assert hole_l1(filled, target, hole).tolist() == pytest.approx([0.1, 0.1], abs=1e-6)
    # −20·log₁₀ 0.1 = 20 dB
    assert hole_psnr(filled, target, hole).tolist() == pytest.approx([20.0, 20.0], abs=1e-4)
    assert hole_l1(filled, target, hole).dtype == torch.float64


def test_one_wrong_value() -> None:
    # 1 of 3·2 = 6 values in the hole is off by 0.6: mean |difference| 0.1, mean square 0.06.
    target = torch.zeros(1, 3, 2, 2, dtype=torch.float64)
    filled = target.clone()
    filled[0, 1, 1, 0] = 0.6
    hole = torch.tensor([[0.0, 0.0], [1.0, 1.0]]).expand(1, 1, 2, 2)
    assert float(hole_l1(filled, target, hole)) == pytest.approx(0.1)
    assert float(hole_psnr(filled, target, hole)) == pytest.approx(-10 * math.log10(0.06))
    assert hole_l1(filled, target, 1 - hole).tolist() == [0.0]
    assert hole_psnr(filled, target, 1 - hole).tolist() == [math.inf]


def test_masks_may_be_bool_and_count_from_one_half_on() -> None:
    target, hole = pictures(2), holes(3)
    filled = pictures(4)
    soft = torch.where(hole > 0, 0.5, 0.49)
    for measure in (hole_l1, hole_psnr, hole_ssim):
        expected = measure(filled, target, hole).tolist()
        assert measure(filled, target, hole.bool()).tolist() == expected
        assert measure(filled, target, soft).tolist() == expected
    assert seam(filled, soft).tolist() == seam(filled, hole.bool()).tolist() == seam(filled, hole).tolist()


@FEW
@given(st.integers(0, 2**31), st.integers(11, 40), st.integers(11, 40))
def test_ssim_in_the_hole_is_the_mean_of_scikit_image_s_map(seed: int, height: int, width: int) -> None:
    size = height, width
    filled, target, hole = pictures(seed, size), pictures(seed + 1, size), holes(seed + 2, size)
    ours = hole_ssim(filled, target, hole)
    quick = hole_ssim(filled, target, hole, dtype=torch.float32)
    for one, other, where, found, rough in zip(filled, target, hole, ours, quick, strict=True):
        _, full = structural_similarity(  # type: ignore[no-untyped-call]
            one.double().movedim(0, -1).numpy(),
            other.double().movedim(0, -1).numpy(),
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=1,
            channel_axis=-1,
            full=True,
        )
        assert float(found) == pytest.approx(full[where[0].numpy() > 0].mean(), abs=1e-9)
        assert float(rough) == pytest.approx(float(found), abs=1e-4)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (4, 5), (12, 12)])
def test_ssim_of_flat_pictures_of_any_size(size: tuple[int, int]) -> None:
    # No variance: (2xy + C1) / (x² + y² + C1), C1 = 1e-4, also where the frame is mirrored twice.
    a, b = torch.full((1, 3, *size), 0.2), torch.full((1, 3, *size), 0.6)
    expected = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
    assert float(hole_ssim(a, b, torch.ones(1, 1, *size))) == pytest.approx(expected, abs=1e-7)


def test_the_map_with_zeros_around_is_the_formula_of_lama_s_evaluation() -> None:
    a, b = pictures(5).double(), pictures(6).double()
    line = torch.exp(-((torch.arange(11, dtype=torch.float64) - 5) ** 2) / (2 * 1.5**2))
    window = (line[:, None] * line / line.sum() ** 2).expand(3, 1, 11, 11)

    def mean(x: Tensor) -> Tensor:
        return conv2d(x, window, padding=5, groups=3)

    of_a, of_b = mean(a), mean(b)
    variance_a, variance_b = mean(a * a) - of_a**2, mean(b * b) - of_b**2
    together = mean(a * b) - of_a * of_b
    top = (2 * of_a * of_b + 0.01**2) * (2 * together + 0.03**2)
    expected = top / ((of_a**2 + of_b**2 + 0.01**2) * (variance_a + variance_b + 0.03**2))
    torch.testing.assert_close(similarity_map(a, b, border="zeros"), expected, rtol=0, atol=1e-10)
    inner = similarity_map(a, b)[..., 5:-5, 5:-5].mean(dim=(1, 2, 3))
    torch.testing.assert_close(inner, ssim(a, b), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("values", "hole", "expected"),
    [
        # across |0.3 − 0.8| = 0.5; inside |0.8 − 0.9| = 0.1; outside |0.1 − 0.3| = 0.2: 0.5 − 0.15
        ((0, 0.1, 0.3, 0.8, 0.9, 0.9), (0, 0, 0, 1, 1, 1), 0.35),
        # a hole of one pixel has no step inside: (0.7 + 0.5)/2 − (0.1 + 0)/2
        ((0.1, 0.2, 0.9, 0.4, 0.4), (0, 0, 1, 0, 0), 0.55),
        # one known pixel, the mirror image: (0.7 + 0.5)/2 − (0.1 + 0)/2
        ((0.1, 0.2, 0.9, 0.4, 0.4), (1, 1, 0, 1, 1), 0.55),
        # nothing beside: 0.4
        ((0.2, 0.6), (0, 1), 0.4),
        # a slope goes through
        ((0.1, 0.2, 0.3, 0.4, 0.5, 0.6), (0, 0, 1, 1, 0, 0), 0.0),
        # smoother than beside: 0 − (0.2 + 0.4)/2
        ((0.2, 0.4, 0.4, 0.8), (0, 0, 1, 1), -0.3),
    ],
)
def test_seams_worked_by_hand(values: tuple[float, ...], hole: tuple[float, ...], expected: float) -> None:
    where = torch.tensor(hole, dtype=torch.float32).expand(1, 1, 1, -1)
    assert float(seam(row(*values), where)) == pytest.approx(255 * expected, abs=1e-9)
    assert float(seam(row(*values).mT, where.mT)) == pytest.approx(255 * expected, abs=1e-9)


def test_colours_are_averaged_and_a_shifted_hole_has_a_seam_of_the_shift() -> None:
    picture, hole = torch.full((1, 3, 16, 16), 0.4, dtype=torch.float64), torch.zeros(1, 1, 16, 16)
    hole[..., 4:9, 5:13] = 1
    assert float(seam(picture, hole)) == 0
    picture[:, 0] += 0.3 * hole[:, 0]
    assert float(seam(picture, hole)) == pytest.approx(255 * 0.1)


def test_without_an_edge_there_is_no_seam() -> None:
    picture = pictures(7)
    assert seam(picture, torch.zeros(2, 1, 24, 33)).isnan().all()
    mixed = torch.cat((torch.ones(1, 1, 24, 33), holes(8, count=1)))
    found = seam(picture, mixed)
    assert found[0].isnan()
    assert found[1].isfinite()
    assert float(found[1]) == float(seam(picture[1:], mixed[1:]))


def slow_seam(picture: NDArray[np.float64], hole: NDArray[np.bool_]) -> float:
    """The definition, pixel by pixel: (H, W, 3) and (H, W)."""
    height, width = hole.shape
    across, inner, outer = [], [], []

    def step(p: tuple[int, int], q: tuple[int, int]) -> float:
        return float(np.abs(picture[p] - picture[q]).mean())

    def there(p: tuple[int, int]) -> bool:
        return p[0] in range(height) and p[1] in range(width)

    for y, x in np.ndindex(height, width):
        for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            p, q = (y, x), (y + dy, x + dx)
            if not there(q) or not hole[p] or hole[q]:
                continue
            across.append(step(p, q))
            further_in, further_out = (y - dy, x - dx), (y + 2 * dy, x + 2 * dx)
            if there(further_in) and hole[further_in]:
                inner.append(step(further_in, p))
            if there(further_out) and not hole[further_out]:
                outer.append(step(q, further_out))
    if not across:
        return math.nan
    beside = [float(np.mean(steps)) for steps in (inner, outer) if steps]
    return float(255 * (np.mean(across) - (np.mean(beside) if beside else 0)))


@FEW
@given(st.integers(0, 2**31), st.integers(1, 9), st.integers(1, 9), st.floats(0.05, 0.95))
def test_the_seam_is_what_its_definition_says(seed: int, height: int, width: int, share: float) -> None:
    random = np.random.default_rng(seed)
    picture, hole = random.random((height, width, 3)), random.random((height, width)) < share
    ours = seam(torch.from_numpy(picture).movedim(2, 0)[None], torch.from_numpy(hole)[None, None])
    assert float(ours) == pytest.approx(slow_seam(picture, hole), abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("measure", [hole_l1, hole_psnr, hole_ssim])
def test_what_cannot_be_measured_is_refused(measure: object) -> None:
    assert callable(measure)
    a, hole = pictures(9), holes(10)
    hole[1] = 0
    with pytest.raises(EmptyMask, match="picture 1 of 2 has no hole"):
        measure(a, a, hole)
    with pytest.raises(SizeMismatch, match="cannot compare"):
        measure(a, a[..., 1:], hole)
    with pytest.raises(SizeMismatch, match=r"must be \(2, 1, 24, 33\)"):
        measure(a, a, hole[:, 0])
    with pytest.raises(InputError, match="divide 8-bit pixels by 255"):
        measure((a * 255).byte(), (a * 255).byte(), hole)


def test_seams_need_a_hole_of_the_picture_s_size() -> None:
    with pytest.raises(SizeMismatch, match=r"must be \(2, 1, 24, 33\)"):
        seam(pictures(9), holes(10)[:1])
    with pytest.raises(InputError, match="divide 8-bit"):
        seam(torch.zeros(1, 3, 4, 4, dtype=torch.uint8), torch.ones(1, 1, 4, 4))


def patches(stack: Tensor, where: Tensor, **options: int) -> HolePatches:
    found = HolePatches(**options)
    for picture, hole in zip(stack, where, strict=True):
        found.add(picture[None], hole[None])
    return found


@FEW
@given(st.integers(0, 2**31), st.integers(16, 31), st.integers(16, 31))
def test_every_patch_touches_the_hole(seed: int, height: int, width: int) -> None:
    random = np.random.default_rng(seed)
    hole = torch.zeros(1, 1, height, width)
    hole[..., random.integers(height), random.integers(width)] = 1
    # One level: the patches are those of the picture, which is its own hole here.
    (level,) = patches(hole.expand(-1, 3, -1, -1), hole, patches=20, seed=seed % 100).levels()
    assert level.shape == (20, 3, 49)
    assert level.amax(dim=2).eq(1).all()


def test_pixels_far_from_the_hole_do_not_count() -> None:
    true, hole = pictures(11, (31, 31), 3), torch.zeros(3, 1, 31, 31)
    hole[..., 14:17, 14:17] = 1
    changed = true.clone()
    changed[..., :8, :], changed[..., 23:, :] = 0, 1
    reference = patches(true, hole)
    assert hole_sliced_wasserstein({"x": patches(changed, hole)}, reference) == {"x": 0.0}
    changed[..., 15, 15] += 0.1
    assert hole_sliced_wasserstein({"x": patches(changed, hole)}, reference)["x"] > 1


def test_a_shift_of_colour_moves_every_projection_by_the_same_amount() -> None:
    # With the shift d in channel c of deviation s, a direction v moves all its projections by d/s·Σ v over c.
    true, hole = pictures(12, (20, 20), 4), holes(13, (20, 20), 4)
    shifted = true.clone()
    shifted[:, 1] += 0.25
    reference = patches(true, hole)
    (level,) = reference.levels()
    directions = torch.randn(147, 64, generator=torch.Generator().manual_seed(3))
    directions /= directions.norm(dim=0)
    sums = directions.view(3, 49, 64)[1].sum(dim=0).abs().mean()
    expected = 1000 * 0.25 / level[:, 1].std(correction=0) * sums
    found = hole_sliced_wasserstein({"x": patches(shifted, hole)}, reference, projections=64, seed=3)
    assert found["x"] == pytest.approx(float(expected), rel=1e-4)


def test_levels_average_and_pictures_can_be_chosen() -> None:
    size = (64, 70)
    true, hole, filled = pictures(14, size, 4), holes(15, size, 4), pictures(16, size, 4)
    ours, reference = patches(filled, hole), patches(true, hole)
    assert len(reference.levels()) == 3  # 64, 32 and 16 pixels
    assert len(reference) == 4
    both = {"filled": ours, "true": reference}
    some = hole_sliced_wasserstein(both, reference, chosen=[0, 1])
    first = hole_sliced_wasserstein({"filled": patches(filled[:2], hole[:2])}, patches(true[:2], hole[:2]))
    assert some["filled"] == pytest.approx(first["filled"])
    assert some["true"] == 0
    assert hole_sliced_wasserstein(both, reference)["filled"] != pytest.approx(some["filled"])
    twice = patches(true[:1].expand(2, -1, -1, -1), hole[:1].expand(2, -1, -1, -1)).levels()[0]
    assert not torch.equal(twice[:64], twice[64:]), "the same picture again has other patches"
    other = patches(true, hole, seed=1)
    assert not torch.equal(other.levels()[0], reference.levels()[0])


def test_autocast_changes_nothing() -> None:
    true, hole, filled = pictures(17, (40, 40)), holes(18, (40, 40)), pictures(19, (40, 40))

    def everything() -> list[object]:
        sets = patches(filled, hole), patches(true, hole)
        measured = [measure(filled, true, hole).tolist() for measure in (hole_l1, hole_psnr, hole_ssim)]
        return [*measured, seam(filled, hole).tolist(), hole_sliced_wasserstein({"": sets[0]}, sets[1])]

    exact = everything()
    with torch.autocast("cpu", torch.bfloat16):
        assert everything() == exact


def test_sets_that_cannot_be_compared_are_refused() -> None:
    true, hole = pictures(20, (20, 20)), holes(21, (20, 20))
    reference = patches(true, hole)
    with pytest.raises(InputError, match="patches=0"):
        HolePatches(patches=0)
    with pytest.raises(InputError, match="projections=0"):
        hole_sliced_wasserstein({"x": reference}, reference, projections=0)
    with pytest.raises(InputError, match="no pictures"):
        hole_sliced_wasserstein({}, HolePatches())
    with pytest.raises(InputError, match="no pictures"):
        hole_sliced_wasserstein({"x": reference}, reference, chosen=[])
    with pytest.raises(InputError, match="x has the holes of 1 pictures"):
        hole_sliced_wasserstein({"x": patches(true[:1], hole[:1])}, reference)
    with pytest.raises(InputError, match="all of one size"):
        reference.add(torch.rand(1, 3, 20, 21), torch.ones(1, 1, 20, 21))
    with pytest.raises(InputError, match="at least 16×16"):
        HolePatches().add(torch.rand(1, 3, 15, 20), torch.ones(1, 1, 15, 20))
    with pytest.raises(EmptyMask, match="no hole"):
        reference.add(true[:1], torch.zeros(1, 1, 20, 20))
    with pytest.raises(SizeMismatch):
        reference.add(true[:1], torch.zeros(1, 1, 20, 21))
    assert len(reference) == 2
