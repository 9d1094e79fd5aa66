"""The solver for torch tensors: gradients on every device, and multigrid in tensor operations.

Tensors on the CPU are solved by the compiled kernels. On any other device the same hierarchy
(bilinear interpolation, exact Galerkin products) is built from tensor operations, smoothed by
Chebyshev polynomials, which need no order of the unknowns, and wrapped in conjugate gradients.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional

from retouch.errors import EmptyMask, InputError, NotConverged
from retouch.poisson.planes import right_side, solve_planes
from retouch.poisson.solver import VISUAL, Convergence, Tolerance, check_tolerance
from retouch.progress import Progress, ProgressCallback

COARSEST = 4
ITERATIONS = 200


def solve(
    boundary: Tensor,
    mask: Tensor,
    gx: Tensor | None,
    gy: Tensor | None,
    tolerance: Tolerance,
    progress: ProgressCallback | None,
) -> tuple[Tensor, Convergence]:
    """Solve as :func:`.solve.solve_poisson` says, differentiably."""
    if not boundary.is_floating_point():
        raise InputError(
            f"the boundary is {boundary.dtype}; pass a floating-point tensor with values in [0, 1]"
        )
    unknown = mask != 0
    if not bool(unknown.flatten(-2).any(dim=-1).all()):
        raise EmptyMask("the mask selects no pixel; mark at least one pixel to solve for")
    kind = boundary.dtype
    # half precision holds a picture, but not the sums of its differences
    work = torch.promote_types(kind, torch.float32)
    boundary = boundary.to(work)
    gx, gy = (None, None) if gx is None or gy is None else (gx.to(work), gy.to(work))
    b = right_side(torch.where, boundary, unknown, gx, gy)
    if not bool(torch.isfinite(b).all()):
        raise InputError("the boundary or the guidance has values that are not finite; replace them first")
    system = System(unknown, tolerance, progress)
    u = cast(Tensor, _Solve.apply(b, system))
    values = torch.where(unknown, u, boundary)
    whole = unknown.all(dim=-1, keepdim=True).all(dim=-2, keepdim=True)
    values = values + torch.where(whole, boundary.mean(dim=(-2, -1), keepdim=True), 0.0)
    return values.to(kind), system.convergence


class System:
    """A u = b on fixed masks; remembers how its last solve ended."""

    def __init__(self, unknown: Tensor, tolerance: Tolerance, progress: ProgressCallback | None) -> None:
        self.unknown = unknown
        self.tolerance: Tolerance = tolerance
        self.progress = progress
        self.convergence = Convergence(0.0, 0)
        self._grids: Grids | None = None

    def solve(self, b: Tensor) -> Tensor:
        """Find u, in the shape, type and device of b."""
        if b.device.type == "cpu":
            solved, self.convergence = solve_planes(
                b.detach().numpy(), self.unknown.numpy(), self.tolerance, self.progress
            )
            return torch.from_numpy(solved)
        if self._grids is None:
            height, width = b.shape[-2:]
            batched = self.unknown.ndim == b.ndim and self.unknown.shape[0] == b.shape[0]
            shape = (b.shape[0], 1, height, width) if batched and b.ndim > 2 else (1, 1, height, width)
            self._grids = Grids(self.unknown.reshape(shape))
        planes = b.reshape(self._grids.masks, -1, *b.shape[-2:])
        u, self.convergence = self._grids.solve(planes, check_tolerance(self.tolerance), self.progress)
        return u.reshape(b.shape).to(b.dtype)


class _Solve(torch.autograd.Function):
    """A⁻¹ b; A is symmetric, so the gradient with respect to b is A⁻¹ applied to the incoming one."""

    @staticmethod
    def forward(ctx: Any, b: Tensor, system: System) -> Tensor:
        ctx.system = system
        return system.solve(b)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return cast(Tensor, _Solve.apply(gradients[0], ctx.system)), None


class Operator:
    """One grid's matrix: diagonal and the couplings to the right, down, down-right and down-left.

    All are (M, 1, h, w). On the finest grid the diagonal couplings are None.
    """

    def __init__(
        self, diagonal: Tensor, east: Tensor, south: Tensor, corners: tuple[Tensor, Tensor] | None
    ) -> None:
        self.diagonal, self.east, self.south, self.corners = diagonal, east, south, corners
        self.inverse = torch.where(diagonal > 0, 1 / diagonal.clamp_min(1e-30), 0.0)

    def apply(self, u: Tensor) -> Tensor:
        """A u for (M, C, h, w)."""
        out = self.diagonal * u
        out[..., :, :-1] -= self.east[..., :, :-1] * u[..., :, 1:]
        out[..., :, 1:] -= self.east[..., :, :-1] * u[..., :, :-1]
        out[..., :-1, :] -= self.south[..., :-1, :] * u[..., 1:, :]
        out[..., 1:, :] -= self.south[..., :-1, :] * u[..., :-1, :]
        if self.corners:
            falling, rising = self.corners
            out[..., :-1, :-1] -= falling[..., :-1, :-1] * u[..., 1:, 1:]
            out[..., 1:, 1:] -= falling[..., :-1, :-1] * u[..., :-1, :-1]
            out[..., :-1, 1:] -= rising[..., :-1, 1:] * u[..., 1:, :-1]
            out[..., 1:, :-1] -= rising[..., :-1, 1:] * u[..., :-1, 1:]
        return out

    def smooth(self, u: Tensor, b: Tensor) -> Tensor:
        """Two Chebyshev steps on the Jacobi-scaled operator for eigenvalues in [0.6, 2]."""
        middle, radius = 1.3, 0.7
        first = self.inverse * (b - self.apply(u)) / middle
        u = u + first
        rho = 1 / (2 * middle / radius - radius / middle)
        return u + rho * (radius / middle) * first + (2 * rho / radius) * self.inverse * (b - self.apply(u))


class Grids:
    """The hierarchy of one or more masks in tensor operations.

    Args:
        unknown: (M, 1, H, W) boolean; M masks, each for its own pictures.
    """

    def __init__(self, unknown: Tensor) -> None:
        self.masks = unknown.shape[0]
        self.unknown = unknown
        self.single = unknown.all(dim=-1).all(dim=-1)[..., None, None]  # (M, 1, 1, 1): singular systems
        self.operators = [_mask_operator(unknown, torch.float32)]
        while max(self.operators[-1].diagonal.shape[-2:]) > COARSEST or len(self.operators) == 1:
            self.operators.append(_galerkin(self.operators[-1]))
        n = self.operators[-1].diagonal[0].numel()
        columns = torch.eye(n, device=unknown.device).reshape(1, n, *self.operators[-1].diagonal.shape[-2:])
        matrix = self.operators[-1].apply(columns.expand(self.masks, -1, -1, -1)).reshape(self.masks, n, n)
        self.coarsest = torch.linalg.pinv(matrix, rtol=1e-6, hermitian=True)

    def precondition(self, b: Tensor, level: int = 0) -> Tensor:
        """One V-cycle from zero on (M, C, h, w)."""
        operator = self.operators[level]
        if level == len(self.operators) - 1:
            direct: Tensor = b.flatten(2) @ self.coarsest
            return direct.reshape(b.shape)
        u = operator.smooth(torch.zeros_like(b), b)
        residual = torch.where(operator.diagonal > 0, b - operator.apply(u), 0.0)
        coarse = self.precondition(_restrict(residual), level + 1)
        u = u + torch.where(operator.diagonal > 0, _interpolate(coarse, b.shape[-2:]), 0.0)
        return operator.smooth(u, b)

    def solve(
        self, b: Tensor, tolerance: float | None, progress: ProgressCallback | None
    ) -> tuple[Tensor, Convergence]:
        """Conjugate gradients in float64 where the device has it; None is the visual tolerance."""
        work = torch.float32 if b.device.type == "mps" else torch.float64
        operator = _mask_operator(self.unknown, work)
        b = torch.where(self.unknown, b.to(work), 0.0)
        b = torch.where(self.single, b - b.mean(dim=(-2, -1), keepdim=True), b)
        scale = _dot(b, b).sqrt().clamp_min(torch.finfo(work).tiny)
        x, r = torch.zeros_like(b), b.clone()
        direction, previous, slope = torch.zeros_like(b), torch.zeros_like(b), torch.ones_like(scale)
        residual, iteration = 1.0, 0
        while iteration < ITERATIONS:
            largest = r.abs().amax(dim=(-2, -1), keepdim=True).clamp_min(torch.finfo(torch.float32).tiny)
            z = self.precondition((r / largest).float()).to(work) * largest
            z = torch.where(self.single, z - z.mean(dim=(-2, -1), keepdim=True), z)
            new_slope = _dot(z, r)
            direction = z + direction * ((new_slope - _dot(z, previous)) / slope if iteration else 0.0)
            slope = torch.where(new_slope > 0, new_slope, 1.0)
            product = operator.apply(direction)
            product = torch.where(self.unknown, product, 0.0)
            curvature = _dot(direction, product)
            step = torch.where(
                curvature > 0, _dot(direction, r) / curvature.clamp_min(torch.finfo(work).tiny), 0.0
            )
            previous = r
            x, r = x + step * direction, r - step * product
            iteration += 1
            residual = float((_dot(r, r).sqrt() / scale).max())
            change = float((step * direction).abs().max())
            if progress:
                progress(Progress("solving", iteration, facts={"residual": residual}))
            if residual <= tolerance if tolerance is not None else change <= VISUAL / 8 and residual <= 1e-5:
                return x, Convergence(residual, iteration)
        raise NotConverged(
            f"the residual is {residual:.1e} after {iteration} iterations and {tolerance or 1e-5:.1e} was "
            "asked for; pass a larger tolerance, or another device: MPS works in float32"
        )


def _mask_operator(unknown: Tensor, dtype: torch.dtype) -> Operator:
    inside = unknown.to(dtype)
    degree = torch.zeros_like(inside)
    degree[..., :, 1:] += 1
    degree[..., :, :-1] += 1
    degree[..., 1:, :] += 1
    degree[..., :-1, :] += 1
    east, south = torch.zeros_like(inside), torch.zeros_like(inside)
    east[..., :, :-1] = inside[..., :, :-1] * inside[..., :, 1:]
    south[..., :-1, :] = inside[..., :-1, :] * inside[..., 1:, :]
    return Operator(degree * inside, east, south, None)


def _galerkin(fine: Operator) -> Operator:
    """Pᵀ A P, read off by probing: hats three points apart do not meet, so nine products show every entry."""
    masks, _, height, width = fine.diagonal.shape
    h, w = height // 2 + 1, width // 2 + 1
    rows = torch.arange(h, device=fine.diagonal.device)[:, None]
    columns = torch.arange(w, device=fine.diagonal.device)[None, :]
    active = fine.diagonal > 0
    answers: dict[tuple[int, int], Tensor] = {}
    for i in range(3):
        for j in range(3):
            hats = ((rows % 3 == i) & (columns % 3 == j)).to(fine.diagonal.dtype).expand(masks, 1, h, w)
            spread = torch.where(active, _interpolate(hats, (height, width)), 0.0)
            answers[i, j] = _restrict(torch.where(active, fine.apply(spread), 0.0))

    def entry(dy: int, dx: int) -> Tensor:
        """A[J, J + (dy, dx)] for every coarse point J."""
        out = torch.zeros_like(answers[0, 0])
        for (i, j), answer in answers.items():
            here = ((rows + dy) % 3 == i) & ((columns + dx) % 3 == j)
            there = (rows + dy < h) & (columns + dx >= 0) & (columns + dx < w)
            out = torch.where(here & there, answer, out)
        return out

    return Operator(entry(0, 0), -entry(0, 1), -entry(1, 0), (-entry(1, 1), -entry(1, -1)))


def _interpolate(coarse: Tensor, size: Any) -> Tensor:
    """Bilinear interpolation of (M, C, h, w) to (M, C, H, W); coarse points lie on even pixels."""
    height, width = int(size[0]), int(size[1])
    rows = coarse.new_empty((*coarse.shape[:-2], height, coarse.shape[-1]))
    rows[..., ::2, :] = coarse[..., : (height + 1) // 2, :]
    rows[..., 1::2, :] = (coarse[..., : height // 2, :] + coarse[..., 1 : height // 2 + 1, :]) / 2
    out = coarse.new_empty((*coarse.shape[:-2], height, width))
    out[..., ::2] = rows[..., : (width + 1) // 2]
    out[..., 1::2] = (rows[..., : width // 2] + rows[..., 1 : width // 2 + 1]) / 2
    return out


def _restrict(fine: Tensor) -> Tensor:
    """The transpose of :func:`_interpolate`."""
    height, width = fine.shape[-2:]
    odd = functional.pad(fine[..., 1::2, :] / 2, (0, 0, 1, 1))
    even = functional.pad(fine[..., ::2, :], (0, 0, 0, height // 2 + 1 - (height + 1) // 2))
    rows = even + odd[..., :-1, :] + odd[..., 1:, :]
    odd = functional.pad(rows[..., 1::2] / 2, (1, 1))
    even = functional.pad(rows[..., ::2], (0, width // 2 + 1 - (width + 1) // 2))
    return even + odd[..., :-1] + odd[..., 1:]


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(dim=(-2, -1), keepdim=True)
