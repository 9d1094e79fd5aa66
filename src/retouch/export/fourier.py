"""The Fourier transform as products with matrices of cosines and sines, for runtimes that have no fast one.

onnxruntime has the operator, but computes it 4 to 15 times more slowly than torch, and in the newer sets of
operators not at all when sizes are open.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from retouch.tasks.inpaint.network.fourier import FourierUnit


class Products:
    """Both transforms, and the matrices of the sizes at hand: a network has many units, and few sizes."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], Tensor] = {}

    def forget(self) -> None:
        """Let the matrices go. A trace must not see those of another."""
        self._kept.clear()

    def spectrum(self, x: Tensor) -> Tensor:
        """Transform real maps to the half spectrum of their two axes, orthonormally.

        Args:
            x: ``(B, C, H, W)``.

        Returns:
            ``(B, 2C, H, W // 2 + 1)``, real and imaginary parts in turn.
        """
        batch, channels, height, width = x.shape
        half = width // 2 + 1
        rows = (x @ self._matrix("rows", width)).reshape(batch, channels, height, 2, half)
        stacked = rows.transpose(2, 3).reshape(batch, channels, 2 * height, half)
        return (self._matrix("columns", height) @ stacked).reshape(batch, 2 * channels, height, half)

    def picture_of(self, parts: Tensor, size: tuple[int, int]) -> Tensor:
        """Transform a half spectrum back to real maps.

        Args:
            parts: ``(B, 2C, H, W // 2 + 1)``, as :meth:`spectrum` gives it.
            size: H and W.

        Returns:
            ``(B, C, H, W)``.
        """
        height, width = size
        batch, channels, half = parts.shape[0], parts.shape[1] // 2, parts.shape[3]
        stacked = parts.reshape(batch, channels, 2 * height, half)
        columns = self._matrix("columns", height).T @ stacked
        rows = columns.reshape(batch, channels, 2, height, half).transpose(2, 3)
        return rows.reshape(batch, channels, height, 2 * half) @ self._matrix("back", width)

    def _matrix(self, name: str, side: int) -> Tensor:
        key = name, str(side)  # a size that is traced has no hash
        if key not in self._kept:
            self._kept[key] = {"rows": _rows, "columns": _columns, "back": _back}[name](side)
        return self._kept[key]


def by_matrices(network: nn.Module) -> Products:
    """Let the Fourier units of a network transform by products with matrices.

    Args:
        network: changed in place.

    Returns:
        What they all share.
    """
    products = Products()
    for module in network.modules():
        if isinstance(module, FourierUnit):
            module.transforms = (products.spectrum, products.picture_of)
    return products


def _rows(side: int) -> Tensor:
    """``(side, 2·half)``: real maps times this are the real parts, then the imaginary ones."""
    cos, sin = _waves(side // 2 + 1, side)
    return torch.cat([cos.T, -sin.T], 1).float()


def _columns(side: int) -> Tensor:
    """``(2·side, 2·side)``: orthogonal; this times real parts above imaginary ones."""
    cos, sin = _waves(side, side)
    return torch.cat([torch.cat([cos, sin], 1), torch.cat([-sin, cos], 1)], 0).float()


def _back(side: int) -> Tensor:
    """``(2·half, side)``: real parts beside imaginary ones times this are real maps."""
    half = side // 2 + 1
    cos, sin = _waves(half, side)
    number = torch.arange(half)[:, None]
    # Waves that the half spectrum leaves out are the conjugates of those it has; two kinds have none.
    times = 2.0 - ((number == 0) | (2 * number == side)).double()
    return torch.cat([cos * times, -sin * times], 0).float()


def _waves(count: int, of: int) -> tuple[Tensor, Tensor]:
    """Sample cosines and sines of 2π·k·n/of, orthonormal: float64 ``(count, of)``."""
    whole = torch.full((), of, dtype=torch.float64)
    turns = torch.outer(torch.arange(count, dtype=torch.float64), torch.arange(of, dtype=torch.float64))
    # The whole turns are taken away first, so that the angle of a large product is exact.
    angles = (turns - torch.floor(turns / whole) * whole) * (2.0 * math.pi / whole)
    scale = torch.rsqrt(whole)
    return torch.cos(angles) * scale, torch.sin(angles) * scale
