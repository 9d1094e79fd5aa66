"""What a scribble wants of pictures: sums by hand, and what must not matter."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from retouch.image.selecting import lab as lab_of_arrays
from retouch.tasks.invert.method.strokes import (
    BINS,
    Strokes,
    colour_error,
    edge_error,
    histograms,
    keep_error,
    lab,
)

SIDE = 32


def gray(value: float, count: int = 1, side: int = SIDE) -> Tensor:
    return torch.full((count, 3, side, side), value)


def square(side: int = SIDE) -> Tensor:
    weight = torch.zeros(1, 1, side, side)
    weight[..., 8:20, 8:20] = 1
    return weight


def drawn(seed: int = 0, count: int = 1) -> Tensor:
    return torch.rand(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


def line(*, down: bool, at: int = 15, side: int = SIDE) -> Strokes:
    """A dark line, two pixels broad."""
    weight = torch.zeros(1, 1, side, side)
    rows, columns = (slice(4, -4), slice(at, at + 2)) if down else (slice(at, at + 2), slice(4, -4))
    weight[..., rows, columns] = 1
    return Strokes(gray(0.1, side=side), weight)


def test_colours_are_those_of_pictures() -> None:
    pixels = np.random.default_rng(0).random((5, 7, 3), dtype=np.float32)
    found = lab(torch.from_numpy(np.moveaxis(pixels, 2, 0).copy())[None])
    wanted = np.moveaxis(lab_of_arrays(pixels), 2, 0) / 100
    assert np.abs(found[0].numpy() - wanted).max() < 1e-5


@given(st.floats(-0.5, 1.5))
def test_slopes_of_colours_are_finite(value: float) -> None:
    rgb = gray(value, side=1).requires_grad_()
    (slope,) = torch.autograd.grad(lab(rgb).sum(), rgb)
    assert torch.isfinite(slope).all()
    assert float(slope.sum()) > 0


def test_colour_error_is_a_mean_over_the_strokes() -> None:
    # Black strokes, white pictures: ΔE is 100 in each pixel of the strokes, at every scale.
    assert colour_error(gray(1.0), Strokes(gray(0.0), square())).item() == pytest.approx(1, abs=1e-4)
    small = torch.zeros(1, 1, SIDE, SIDE)
    small[..., 3, 5] = 1
    assert colour_error(gray(1.0), Strokes(gray(0.0), small)).item() == pytest.approx(1, abs=1e-4)


def test_colours_outside_the_strokes_do_not_count() -> None:
    picture, other = drawn(0), drawn(1)
    strokes = Strokes(picture, square())
    mixed = torch.where(square() > 0, picture, other).requires_grad_()
    error = colour_error(mixed, strokes, tolerance=1)
    assert error.item() == 0
    (slope,) = torch.autograd.grad(colour_error(mixed * 0.9, strokes).sum(), mixed)
    assert (slope * (1 - square())).abs().max() == 0
    assert slope.abs().max() > 0


def test_grain_counts_less_than_colour() -> None:
    # The same difference of pixels, of one sign or of both: means over pixels see but the first.
    strokes = Strokes(gray(0.5), square())
    signs = torch.ones(SIDE, SIDE)
    signs[::2, ::2] = signs[1::2, 1::2] = -1
    grain, tint = gray(0.5) + 0.1 * signs, gray(0.5) + 0.1
    fine, flat = colour_error(grain, strokes).item(), colour_error(tint, strokes).item()
    assert fine == pytest.approx(flat / 3, rel=0.1)


def test_half_covered_pixels_count_half() -> None:
    weight = torch.zeros(1, 1, SIDE, SIDE)
    weight[..., 8:12, 8:12] = 1
    weight[..., 20:24, 8:12] = 0.5
    picture = gray(0.0)
    picture[..., 20:24, 8:12] = 1.0
    error = colour_error(picture, Strokes(gray(0.0), weight), coarseness=1)
    assert error.item() == pytest.approx(1 / 3, abs=1e-4)


def test_every_picture_is_judged_for_itself() -> None:
    strokes = line(down=True)
    both = torch.cat([drawn(0), drawn(1)])
    for error in (
        colour_error(both, strokes, tolerance=1),
        edge_error(both, strokes),
        keep_error(both, drawn(2), strokes),
    ):
        assert error.shape == (2,)
    for number in range(2):
        one = both[number : number + 1]
        assert colour_error(both, strokes)[number].item() == pytest.approx(colour_error(one, strokes).item())
        assert edge_error(both, strokes)[number].item() == pytest.approx(edge_error(one, strokes).item())


def test_lines_are_thin_and_dark() -> None:
    thin = line(down=True)
    assert torch.equal(thin.lines(), thin.weight)
    light = Strokes(gray(0.9), thin.weight)
    assert light.lines().max() == 0
    broad = Strokes(gray(0.1), square())
    assert broad.lines().max() == 0
    both = Strokes(gray(0.1), torch.maximum(square(), line(down=False, at=26).weight))
    assert torch.equal(both.lines(), line(down=False, at=26).weight)


def test_a_dark_area_at_the_rim_is_no_line() -> None:
    weight = torch.zeros(1, 1, SIDE, SIDE)
    weight[..., :2] = 1
    assert Strokes(gray(0.1), weight).lines().max() == 0


def test_lines_may_be_missed_by_a_pixel() -> None:
    strokes = line(down=True, at=15)
    picture = gray(1.0)
    picture[..., 16:18] = 0.1
    far = gray(1.0)
    far[..., 19:21] = 0.1
    assert colour_error(picture, strokes, tolerance=1, coarseness=1).item() == pytest.approx(0, abs=1e-6)
    exact = colour_error(picture, strokes, tolerance=0, coarseness=1).item()
    assert exact > 0.2
    assert colour_error(far, strokes, tolerance=1, coarseness=1).item() > exact


def test_broad_strokes_may_not_be_missed() -> None:
    strokes = Strokes(gray(0.1), square())
    picture = gray(1.0)
    picture[..., 8:20, 9:21] = 0.1
    assert colour_error(picture, strokes, tolerance=1).item() == colour_error(picture, strokes).item() > 0.03


def test_lines_do_not_darken_what_is_around_them() -> None:
    # A light face with a dark line across: the line counts where it is, and not in the means over pixels.
    strokes = Strokes(gray(0.9), square())
    strokes.colours[..., 13:15, 8:20] = 0.1
    assert strokes.lines().sum().item() == 2 * 12
    fine = colour_error(gray(0.9), strokes, coarseness=1).item()
    assert fine > 0.05
    assert colour_error(gray(0.9), strokes).item() == pytest.approx(fine / 3, rel=1e-5)


def test_edges_run_along_lines() -> None:
    strokes = line(down=True)
    along, across = gray(0.9), gray(0.9)
    along[..., 17:] = 0.2  # an edge from top to bottom
    across[:, :, 17:] = 0.2
    assert edge_error(along, strokes).item() < 0.5 < edge_error(across, strokes).item()
    assert edge_error(along.flip(3), strokes).item() < 0.5
    assert edge_error(gray(0.5), strokes).item() == pytest.approx(1, abs=0.05)
    assert edge_error(along, Strokes(gray(0.1), square())).item() == 0
    # Beside a broad stroke of three times the area, the line counts a quarter.
    mixed = Strokes(strokes.colours.clone(), strokes.weight.clone())
    mixed.weight[..., 4:-4, 24:30] = 1
    mixed.colours[..., 20:] = 0.9
    assert torch.equal(mixed.lines(), strokes.lines())
    assert edge_error(across, mixed).item() == pytest.approx(edge_error(across, strokes).item() / 4, rel=1e-4)


def test_histograms_count_directions() -> None:
    # A ramp that rises along x has one direction everywhere: bin 0; along y it is bin BINS / 2.
    ramp = torch.linspace(0, 1, SIDE).expand(1, 1, SIDE, SIDE)
    assert histograms(ramp).argmax(dim=1).flatten().tolist() == [0] * 49
    assert histograms(ramp.mT).argmax(dim=1).flatten().tolist() == [BINS // 2] * 49
    assert torch.allclose(histograms(1 - ramp), histograms(ramp), atol=1e-5)
    assert histograms(torch.zeros(1, 1, SIDE, SIDE)).abs().max() < 1e-3
    lengths = histograms(ramp).norm(dim=1)
    assert (lengths <= 1).all()
    assert (lengths > 0.85).all()


@given(st.integers(0, BINS - 1))
def test_directions_turn_with_the_picture(turns: int) -> None:
    angle = math.pi * turns / BINS
    y, x = torch.meshgrid(torch.linspace(0, 1, SIDE), torch.linspace(0, 1, SIDE), indexing="ij")
    ramp = (x * math.cos(angle) + y * math.sin(angle))[None, None]
    assert (histograms(ramp)[..., 1:-1, 1:-1].argmax(dim=1) == turns).all()


def test_slopes_of_edges_are_finite_where_nothing_changes() -> None:
    picture = gray(0.5).requires_grad_()
    (slope,) = torch.autograd.grad(edge_error(picture, line(down=True)).sum(), picture)
    assert torch.isfinite(slope).all()


def test_strokes_and_their_rims_may_change() -> None:
    strokes, kept = Strokes(gray(0.1), square()), drawn(0)
    inside = torch.zeros(1, 1, SIDE, SIDE)
    inside[..., 6:22, 6:22] = 1  # the strokes, and two pixels around them
    changed = torch.where(inside > 0, drawn(1), kept)
    assert keep_error(changed, kept, strokes).item() == 0
    changed[..., 5, 5] = 1 - changed[..., 5, 5].round()
    # ΔE² of that one pixel, over all that are kept
    apart = (lab(changed) - lab(kept)).square().sum().item()
    inside_apart = ((lab(changed) - lab(kept)).square() * inside).sum().item()
    expected = (apart - inside_apart) / (SIDE * SIDE - 16 * 16)
    assert keep_error(changed, kept, strokes).item() == pytest.approx(expected, rel=1e-4)


def test_area_is_what_is_covered() -> None:
    assert Strokes(gray(0.1), square()).area == pytest.approx(144 / 1024)
    moved = Strokes(gray(0.1), square()).to(torch.device("meta"))
    assert moved.weight.device.type == moved.colours.device.type == "meta"
