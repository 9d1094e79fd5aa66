"""The solver for torch tensors: the same answers, with gradients."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
import torch

from retouch import solve_poisson
from retouch.errors import EmptyMask, InputError, NotConverged
from retouch.poisson.planes import right_side
from retouch.poisson.tensors import Grids
from tests.poisson import direct, zoo


def scene(
    side: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    mask = torch.from_numpy(np.stack([zoo.holes(side), zoo.border(side)])[:, None]).to(device)
    planes = torch.rand((3, 2, 3, side, side), generator=generator).to(device)
    return planes[0], mask, (planes[1] - 0.5, planes[2] - 0.5)


def test_tensors_and_arrays_agree(device: torch.device) -> None:
    boundary, mask, guidance = scene(40, device)
    found = solve_poisson(boundary, mask, guidance, tolerance=1e-6).values
    expected = solve_poisson(
        boundary.cpu().double().numpy(),
        mask.cpu().numpy(),
        (guidance[0].cpu().double().numpy(), guidance[1].cpu().double().numpy()),
        tolerance=1e-9,
    ).values
    assert found.device.type == device.type
    assert found.dtype == boundary.dtype
    assert np.abs(found.cpu().numpy() - expected).max() < 1e-4


def test_gradients_of_boundary_and_guidance() -> None:
    random = np.random.default_rng(2)
    mask = torch.from_numpy(zoo.holes(6)[:, :5].copy())
    inputs = [torch.from_numpy(random.random(mask.shape)).double().requires_grad_(True) for _ in range(3)]

    def solved(boundary: torch.Tensor, gx: torch.Tensor, gy: torch.Tensor) -> torch.Tensor:
        values: torch.Tensor = solve_poisson(boundary, mask, (gx, gy), tolerance=1e-13).values
        return values

    assert torch.autograd.gradcheck(solved, inputs)
    assert torch.autograd.gradgradcheck(solved, inputs)


def test_gradient_on_a_whole_picture() -> None:
    mask = torch.ones((5, 6), dtype=torch.bool)
    inputs = [torch.rand((5, 6), dtype=torch.float64).requires_grad_(True) for _ in range(3)]

    def solved(boundary: torch.Tensor, gx: torch.Tensor, gy: torch.Tensor) -> torch.Tensor:
        values: torch.Tensor = solve_poisson(boundary, mask, (gx, gy), tolerance=1e-13).values
        return values

    assert torch.autograd.gradcheck(solved, inputs)


@pytest.mark.parametrize("name", zoo.MASKS)
@pytest.mark.parametrize("shape", [(60, 60), (31, 44)])
def test_tensor_multigrid_on_every_mask(name: str, shape: tuple[int, int], device: torch.device) -> None:
    mask = zoo.MASKS[name](60)[: shape[0], : shape[1]]
    random = np.random.default_rng(1)
    boundary, gx, gy = (random.random(mask.shape) for _ in range(3))
    b = right_side(np.where, boundary, mask, gx, gy)
    expected = direct.solve(mask, b)
    grids = Grids(torch.from_numpy(mask)[None, None].to(device))
    side = torch.from_numpy(b)[None, None].to(device)
    exact, ended = grids.solve(side, 1e-9, None)
    visual, quick = grids.solve(side, None, None)
    assert ended.residual <= 1e-9
    assert ended.cycles <= 15  # a wrong coarse operator shows as dozens of iterations
    assert np.abs(exact[0, 0].cpu().numpy() - expected).max() < 1e-5
    assert np.abs(visual[0, 0].cpu().numpy() - expected).max() < 0.5 / 255
    assert quick.cycles <= ended.cycles


def test_tensor_multigrid_on_a_whole_picture(device: torch.device) -> None:
    grids = Grids(torch.ones((1, 1, 20, 17), dtype=torch.bool, device=device))
    b = torch.randn((1, 2, 20, 17), dtype=torch.float64, device=device) + 0.5
    u, ended = grids.solve(b, 1e-8, None)
    mask = np.ones((20, 17), bool)
    product = direct.matrix_of(mask) @ u[0, 0].cpu().numpy().ravel()
    balanced = b[0, 0] - b[0, 0].mean()
    assert ended.residual <= 1e-8
    assert np.allclose(product, balanced.cpu().numpy().ravel(), atol=1e-6)
    assert float(u.mean(dim=(-2, -1)).abs().max()) < 1e-6


def test_a_whole_picture_keeps_each_planes_mean() -> None:
    boundary = torch.rand((2, 3, 8, 9), dtype=torch.float64) + torch.arange(3)[:, None, None]
    mask = torch.ones((8, 9), dtype=torch.bool)
    wanted = boundary.mean(dim=(-2, -1)).numpy()
    of_tensor = solve_poisson(boundary, mask).values.numpy()
    of_array = solve_poisson(boundary.numpy(), mask.numpy()).values
    for found in (of_tensor, of_array):
        assert np.allclose(found.mean(axis=(-2, -1)), wanted)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_precision_loses_nothing_but_its_own_rounding(kind: torch.dtype) -> None:
    boundary, mask, guidance = scene(40, torch.device("cpu"))
    half = [plane.to(kind) for plane in (boundary, *guidance)]
    found = solve_poisson(half[0], mask, (half[1], half[2])).values
    wide = [plane.float() for plane in half]
    expected = solve_poisson(wide[0], mask, (wide[1], wide[2]), tolerance=1e-6).values
    assert found.dtype == kind
    room = float(torch.finfo(kind).eps) * float(expected.abs().max())
    assert float((found.float() - expected).abs().max()) <= 0.5 / 255 + room


def test_the_visual_tolerance_holds_on_the_hardest_mask() -> None:
    mask = zoo.one_known(200)
    random = np.random.default_rng(1)
    b = right_side(np.where, *(random.random(mask.shape), mask), random.random(mask.shape), mask * 0.0)
    grids = Grids(torch.from_numpy(mask)[None, None])
    visual, _ = grids.solve(torch.from_numpy(b)[None, None], None, None)
    assert np.abs(visual[0, 0].numpy() - direct.solve(mask, b)).max() <= 0.5 / 255


def test_a_tolerance_out_of_reach_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retouch.poisson.tensors.ITERATIONS", 2)
    grids = Grids(torch.from_numpy(zoo.one_known(40))[None, None])
    with pytest.raises(NotConverged, match="larger tolerance"):
        grids.solve(torch.rand((1, 1, 40, 40), dtype=torch.float64), 1e-14, None)


def test_bad_tensors() -> None:
    boundary, mask = torch.zeros((6, 5)), torch.ones((6, 5))
    with pytest.raises(InputError, match="floating"):
        solve_poisson(boundary.to(torch.uint8), mask)
    with pytest.raises(EmptyMask):
        solve_poisson(boundary, mask * 0)
    with pytest.raises(EmptyMask):
        solve_poisson(torch.zeros((2, 1, 6, 5)), torch.stack([mask, mask * 0])[:, None])
    with pytest.raises(InputError, match="finite"):
        solve_poisson(boundary, mask, (boundary + torch.nan, boundary))
    with pytest.raises(InputError, match="ndarray"):
        solve_poisson(boundary, cast("torch.Tensor", mask.numpy()))
    with pytest.raises(InputError, match="more axes"):
        solve_poisson(boundary, mask[None, None])
