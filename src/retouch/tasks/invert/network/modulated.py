"""Layers of StyleGAN2: fully connected ones at equalised rates, and convolutions that a style modulates."""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.nn import functional as F

from retouch.tasks.invert.network.resampling import doubling_conv

SLOPE = 0.2
"""Of the leaky rectifier left of 0; its result is scaled by √2, which keeps the mean square about 1."""

ROOT = math.sqrt(2.0)

EPSILON = 1e-8


def unit_mean_square(x: Tensor) -> Tensor:
    """Scale each row so that the mean of its squares is 1.

    Args:
        x: (B, N).

    Returns:
        (B, N). A row of zeros has no direction to keep: its slope is 10⁴ there.
    """
    return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + EPSILON)


def rectified(x: Tensor, gain: float = 1.0) -> Tensor:
    """Apply the leaky rectifier and its gain √2.

    Args:
        x: any shape.
        gain: a further factor.

    Returns:
        The same shape.
    """
    return F.leaky_relu(x, SLOPE) * (ROOT * gain)


class FullyConnected(nn.Module):
    """A fully connected layer whose weights all learn at the same rate.

    Args:
        inner: numbers in.
        outer: numbers out.
        active: whether the leaky rectifier follows.
        pace: the rate of learning, relative to other layers.
        bias: what the bias is at first.

    Source: Karras et al., "Progressive Growing of GANs", ICLR 2018, arXiv:1710.10196, section 4.1.
    """

    def __init__(
        self, inner: int, outer: int, *, active: bool = False, pace: float = 1.0, bias: float = 0.0
    ) -> None:
        super().__init__()
        self.active, self.pace = active, pace
        self.weight = nn.Parameter(torch.randn(outer, inner) / pace)
        self.bias = nn.Parameter(torch.full((outer,), bias / pace))

    def forward(self, x: Tensor) -> Tensor:
        """Apply it.

        Args:
            x: (B, inner).

        Returns:
            (B, outer).
        """
        scale = self.pace / math.sqrt(self.weight.shape[1])
        # Styles steer everything else, and cost little: they are not rounded to the short type of autocast.
        with torch.autocast(x.device.type, enabled=False):
            y = F.linear(x.to(self.weight.dtype), self.weight * scale, self.bias * self.pace)
        return rectified(y) if self.active else y


class ModulatedConv(nn.Module):
    """A 3×3 convolution whose inputs a style scales, and whose results are brought back to mean square 1.

    Args:
        inner: channels in.
        outer: channels out.
        style: numbers of the style.
        side: of the result, in pixels.
        up: double the maps first.
        limit: where results are clamped, on either side of 0; 0: not at all.

    Source: Karras et al. 2020, arXiv:1912.04958, section 2.2, equations 1 and 3.
    Departs: the maps are scaled before and after one convolution, instead of its weights for each picture,
        which is the same and faster.
    """

    def __init__(
        self, inner: int, outer: int, style: int, *, side: int, up: bool = False, limit: float = 0.0
    ) -> None:
        super().__init__()
        self.up, self.limit, self.side = up, limit, side
        self.affine = FullyConnected(style, inner, bias=1.0)
        self.weight = nn.Parameter(torch.randn(outer, inner, 3, 3))
        self.noise_const: Tensor
        self.register_buffer("noise_const", torch.randn(side, side))
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(outer))
        self._energies: tuple[tuple[int, int], Tensor] | None = None

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None, gain: float = 1.0) -> Tensor:
        """Apply it.

        Args:
            x: (B, inner, H, W).
            w: (B, style).
            noise: (H', W') or (B, 1, H', W') of the result's size; None for none.
            gain: a factor of the result.

        Returns:
            (B, outer, H', W'), with H' = 2H when it doubles.
        """
        scale = self.affine(w)  # (B, inner)
        energies = self.energies()
        with torch.autocast(x.device.type, enabled=False):
            demodulation = torch.rsqrt(F.linear(scale.to(energies.dtype).square(), energies) + EPSILON)
        y = x * scale.to(x.dtype)[:, :, None, None]
        y = doubling_conv(y, self.weight) if self.up else F.conv2d(y, self.weight, padding=1)
        # The rectifier commutes with a positive factor: √2 goes into what is multiplied and added anyhow.
        factor = ROOT * gain
        y = y * (demodulation * factor).to(y.dtype)[:, :, None, None]
        if noise is not None:
            y += (noise * (self.noise_strength * factor)).to(y.dtype)
        y += (self.bias * factor).to(y.dtype).view(1, -1, 1, 1)
        y = F.leaky_relu_(y, SLOPE)
        return y.clamp(-self.limit * gain, self.limit * gain) if self.limit else y

    def energies(self) -> Tensor:
        """Give the sum of squares of each pair of channels, computed once while weights stand still.

        Returns:
            (outer, inner).
        """
        if torch.is_grad_enabled() and self.weight.requires_grad:
            return cast("Tensor", _Energies.apply(self.weight))
        if torch.compiler.is_exporting():
            return _energies(self.weight)  # what is traced has no address
        state = (self.weight.data_ptr(), self.weight._version)
        if self._energies is None or self._energies[0] != state or self.weight.is_inference():
            with torch.no_grad():
                self._energies = (state, _energies(self.weight))
        return self._energies[1]


class _Energies(torch.autograd.Function):
    """Sums of squares, without a copy of the weights."""

    @staticmethod
    def forward(ctx: FunctionCtx, weight: Tensor) -> Tensor:
        ctx.save_for_backward(weight)
        return _energies(weight)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        (weight,) = ctx.saved_tensors
        return cast("Tensor", weight * (2.0 * slope).to(weight.dtype)[:, :, None, None])


def _energies(weight: Tensor) -> Tensor:
    wide = torch.promote_types(weight.dtype, torch.float32)
    norms: Tensor = torch.linalg.vector_norm(weight, dim=(2, 3), dtype=wide)
    return norms.square()


class ToRGB(nn.Module):
    """A 1×1 convolution that a style modulates, from maps to a picture.

    Args:
        inner: channels in.
        outer: channels of the picture.
        style: numbers of the style.
        limit: where results are clamped, on either side of 0; 0: not at all.
    """

    def __init__(self, inner: int, outer: int, style: int, *, limit: float = 0.0) -> None:
        super().__init__()
        self.limit = limit
        self.affine = FullyConnected(style, inner, bias=1.0)
        self.weight = nn.Parameter(torch.randn(outer, inner, 1, 1))
        self.bias = nn.Parameter(torch.zeros(outer))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Apply it.

        Args:
            x: (B, inner, H, W).
            w: (B, style).

        Returns:
            (B, outer, H, W).
        """
        scale = self.affine(w) / math.sqrt(self.weight.shape[1])
        y = F.conv2d(x * scale.to(x.dtype)[:, :, None, None], self.weight, self.bias)
        return y.clamp(-self.limit, self.limit) if self.limit else y
