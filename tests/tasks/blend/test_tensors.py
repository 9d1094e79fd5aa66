"""The solver for torch tensors: the same answers, with gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from retouch import solve_poisson
from retouch.errors import EmptyMask, InputError
from retouch.tasks.blend.method.planes import right_side
from retouch.tasks.blend.method.tensors import Grids
from tests.tasks.blend import direct, zoo


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
    b = torch.randn((1, 2, 20, 17), dtype=torch.float64, device=device)
    b -= b.mean(dim=(-2, -1), keepdim=True)
    u, ended = grids.solve(b, 1e-8, None)
    mask = np.ones((20, 17), bool)
    product = direct.matrix_of(mask) @ u[0, 0].cpu().numpy().ravel()
    assert ended.residual <= 1e-8
    assert np.allclose(product, b[0, 0].cpu().numpy().ravel(), atol=1e-6)


def test_bad_tensors() -> None:
    boundary, mask = torch.zeros((6, 5)), torch.ones((6, 5))
    with pytest.raises(InputError, match="floating"):
        solve_poisson(boundary.to(torch.uint8), mask)
    with pytest.raises(EmptyMask):
        solve_poisson(boundary, mask * 0)
    with pytest.raises(InputError, match="finite"):
        solve_poisson(boundary, mask, (boundary + torch.nan, boundary))
