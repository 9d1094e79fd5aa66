"""The generator rearranged for filling: the same results, sooner.

Batch normalisation is part of the convolution before it; convolutions of the same input are one; the input is
mirrored at its edges once for all of them; channels come last in memory; 16-bit weights are rounded once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retouch.tasks.inpaint.network.fourier import (
    Features,
    FFCNormReLU,
    FFCResnetBlock,
    SpectralTransform,
)
from retouch.tasks.inpaint.network.generator import FFCGenerator

Precision = Literal["float32", "bfloat16"]

Filler = Callable[[Tensor], Tensor]
"""``(B, 4, H, W)`` → ``(B, 3, H, W)``, both float32 in [0, 1]."""


def prepared(network: nn.Module, precision: Precision = "float32") -> Filler:
    """Rearrange a network for filling.

    Args:
        network: a generator of this task, in eval mode; it is not changed.
        precision: ``bfloat16`` computes convolutions in 16 bit, and transforms in 32.

    Returns:
        What it computes, up to rounding: 1e-4 for float32. Networks other than :class:`FFCGenerator` are
        called as they are.
    """
    half = precision == "bfloat16"
    if isinstance(network, FFCGenerator):
        made = Fast(network, torch.bfloat16 if half else torch.float32)

        def fill(x: Tensor) -> Tensor:
            with torch.inference_mode():
                return made(x)

        return fill

    def call(x: Tensor) -> Tensor:
        with torch.inference_mode(), torch.autocast(x.device.type, torch.bfloat16, enabled=half):
            found: Tensor = network(x.to(memory_format=torch.channels_last))
        return found.float()

    return call


class Fast:
    """An :class:`FFCGenerator` in eval mode, rearranged.

    Args:
        network: the original.
        dtype: of weights and maps.
    """

    def __init__(self, network: FFCGenerator, dtype: torch.dtype) -> None:
        self._dtype = dtype
        with torch.no_grad():
            self._steps = self._read(list(network.model), network.stem)

    def _read(self, layers: list[nn.Module], stem: int) -> list[Callable[..., object]]:
        steps: list[Callable[..., object]] = [Crossing(layers[1], self._dtype, margin=3)]
        steps += [Crossing(layer, self._dtype, margin=1) for layer in layers[2:stem]]
        at = stem
        while isinstance(block := layers[at], FFCResnetBlock):
            steps.append(Residual(block, self._dtype))
            at += 1
        steps.append(_joined)
        rest = layers[at + 1 :]
        while isinstance(rest[0], nn.ConvTranspose2d):
            steps.append(Doubling(rest[0], rest[1], self._dtype))
            rest = rest[3:]
        last = rest[1]
        if not isinstance(last, nn.Conv2d):
            raise TypeError(f"the last layer is a {type(last).__name__}, not a convolution")
        steps += [Mirrored(last.weight, last.bias, self._dtype, 3), rest[2]]
        return steps

    def __call__(self, x: Tensor) -> Tensor:
        """Fill ``(B, 4, H, W)``."""
        found: object = x.to(self._dtype, memory_format=torch.channels_last)
        for step in self._steps:
            found = step(found)
        if not isinstance(found, Tensor):
            raise TypeError("the network gave no picture")
        return found.float()


class Mirrored:
    """A convolution of a map continued by its mirror image.

    Args:
        weight: ``(out, in, k, k)``.
        bias: ``(out)``.
        dtype: of the computation.
        margin: rows and columns that are continued at each side.
        stride: of the kernel.
    """

    def __init__(
        self, weight: Tensor, bias: Tensor | None, dtype: torch.dtype, margin: int, stride: int = 1
    ) -> None:
        self.weight = weight.detach().to(dtype, memory_format=torch.channels_last)
        self.bias = None if bias is None else bias.detach().to(dtype)
        self.margin, self.stride = margin, stride

    def __call__(self, x: Tensor) -> Tensor:
        """Convolve."""
        side = self.margin
        return F.conv2d(
            F.pad(x, (side, side, side, side), mode="reflect") if side else x,
            self.weight,
            self.bias,
            self.stride,
        )


class Spectral:
    """A spectral transform and the normalisation behind it.

    Args:
        layer: the original.
        scale: of that normalisation, ``(out)``.
        shift: what it adds, ``(out)``, or None.
        dtype: of the convolutions.
    """

    def __init__(
        self, layer: SpectralTransform, scale: Tensor, shift: Tensor | None, dtype: torch.dtype
    ) -> None:
        self.enter = Mirrored(*_folded(layer.conv1[0], layer.conv1[1]), dtype, 0)
        self.conv = Mirrored(*_folded(layer.fu.conv_layer, layer.fu.bn), dtype, 0)
        self.fu, self.lfu = layer.fu, layer.lfu
        self.leave = Mirrored(layer.conv2.weight * scale[:, None, None, None], shift, dtype, 0)
        self.dtype = dtype

    def __call__(self, x: Tensor) -> Tensor:
        """Transform."""
        x = F.relu_(self.enter(x))
        seen = self.fu.applied(x, lambda parts: F.relu_(self.conv(parts.to(self.dtype)))) + x
        if self.lfu is not None:
            seen = seen + self.lfu(x.float())
        return self.leave(seen.to(self.dtype, memory_format=torch.channels_last))


class Crossing:
    """A fast Fourier convolution with its normalisations and ReLU.

    Args:
        layer: the original.
        dtype: of its convolutions.
        margin: its padding.
    """

    def __init__(self, layer: nn.Module, dtype: torch.dtype, *, margin: int) -> None:
        if not isinstance(layer, FFCNormReLU):
            raise TypeError(f"a {type(layer).__name__} is not a fast Fourier convolution")
        ffc = layer.ffc
        norms = (layer.bn_l, layer.bn_g)
        shifts = [None if norm is None else _affine(norm)[1] for norm in norms]
        self.convs: list[tuple[int, Mirrored, tuple[int, ...], tuple[int, ...]]] = []
        self.spectral: list[tuple[int, int, Spectral]] = []
        for source, paths in enumerate(((ffc.convl2l, ffc.convl2g), (ffc.convg2l, ffc.convg2g))):
            weights, biases, goals = [], [], []
            for goal, (path, norm) in enumerate(zip(paths, norms, strict=True)):
                if path is None or norm is None:
                    continue
                scale, shift = _affine(norm)[0], shifts[goal]
                shifts[goal] = None  # it is added once
                if isinstance(path, SpectralTransform):
                    self.spectral.append((source, goal, Spectral(path, scale, shift, dtype)))
                    continue
                weight = path.weight * scale[:, None, None, None]  # type: ignore[operator]
                weights.append(weight)
                biases.append(torch.zeros_like(scale) if shift is None else shift)
                goals.append(goal)
                stride = path.stride[0]  # type: ignore[index]
            if weights:
                widths = tuple(len(weight) for weight in weights)
                conv = Mirrored(torch.cat(weights), torch.cat(biases), dtype, margin, int(stride))
                self.convs.append((source, conv, tuple(goals), widths))

    def __call__(self, x: Features | Tensor) -> Features:
        """Convolve, normalise, cut below 0."""
        given: Features = (x, None) if isinstance(x, Tensor) else x
        sums: list[Tensor | None] = [None, None]
        for source, conv, goals, widths in self.convs:
            come = given[source]
            if come is None:
                continue
            for goal, part in zip(goals, torch.split(conv(come), list(widths), 1), strict=True):
                sums[goal] = _plus(sums[goal], part)
        for source, goal, transform in self.spectral:
            come = given[source]
            if come is not None:
                sums[goal] = _plus(transform(come), sums[goal])
        near, far = (None if each is None else F.relu(each) for each in sums)
        return near, far


class Residual:
    """A residual block.

    Args:
        layer: the original.
        dtype: of its convolutions.
    """

    def __init__(self, layer: FFCResnetBlock, dtype: torch.dtype) -> None:
        self.convs = [Crossing(each, dtype, margin=1) for each in (layer.conv1, layer.conv2)]

    def __call__(self, x: Features) -> Features:
        """Add what two convolutions find."""
        found = self.convs[1](self.convs[0](x))
        near, far = (
            None if old is None or new is None else new.add_(old) for old, new in zip(x, found, strict=True)
        )
        return near, far


class Doubling:
    """A transposed convolution, its normalisation and ReLU.

    Args:
        conv: the original.
        norm: what follows it.
        dtype: of the computation.
    """

    def __init__(self, conv: nn.ConvTranspose2d, norm: nn.Module, dtype: torch.dtype) -> None:
        scale, shift = _affine(norm)
        bias = 0.0 if conv.bias is None else conv.bias.detach()
        weight = conv.weight.detach() * scale[None, :, None, None]
        self.weight = weight.to(dtype, memory_format=torch.channels_last)
        self.bias = (bias * scale + shift).to(dtype)

    def __call__(self, x: Tensor) -> Tensor:
        """Double."""
        return F.relu_(F.conv_transpose2d(x, self.weight, self.bias, 2, 1, 1))


def _joined(x: Features) -> Tensor:
    found = torch.cat([part for part in x if part is not None], 1)
    return found.contiguous(memory_format=torch.channels_last)


def _affine(norm: nn.Module) -> tuple[Tensor, Tensor]:
    """What a batch normalisation multiplies with and adds."""
    if not isinstance(norm, nn.BatchNorm2d) or norm.running_mean is None or norm.running_var is None:
        raise TypeError(f"a {type(norm).__name__} is no batch normalisation with statistics")
    scale = norm.weight.detach() / (norm.running_var + norm.eps).sqrt()
    return scale, norm.bias.detach() - norm.running_mean * scale


def _folded(conv: nn.Module, norm: nn.Module) -> tuple[Tensor, Tensor]:
    """Weight and bias of a 1×1 convolution with its normalisation."""
    scale, shift = _affine(norm)
    if not isinstance(conv, nn.Conv2d):
        raise TypeError(f"a {type(conv).__name__} is no convolution")
    return conv.weight.detach() * scale[:, None, None, None], shift


def _plus(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    if one is None or other is None:
        return other if one is None else one
    return one + other
