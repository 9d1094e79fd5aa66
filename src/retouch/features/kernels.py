"""A convolution whose weights do not change: forward with its ReLU, and the slope along its input."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retouch.features.vgg import MODES, Vgg

_STRIP = 1 << 20
"""Samples of the first convolution that are computed at once, before they become bfloat16."""


class Kernel:
    """A 3 × 3 convolution of a VGG.

    Args:
        weight: (C', C, 3, 3).
        bias: (C',).
        border: what it sees beyond the rim.
        beyond: (C,), what lies there for border "zeros".
        kind: type of the features that it gives, and of the slopes.
    """

    def __init__(
        self, weight: Tensor, bias: Tensor, *, border: str, beyond: Tensor | None, kind: torch.dtype
    ) -> None:
        self._border = border
        self._beyond = beyond
        self._kind = kind
        self._weight = _laid(weight)
        self._bias = bias.contiguous()
        self._back = _laid(weight.flip(2, 3).transpose(0, 1).to(kind))
        self._fast = weight.device.type == "cpu" and _fused_exists()

    @classmethod
    def of(cls, network: Vgg, name: str, inside: torch.dtype, outside: torch.dtype) -> Kernel:
        """Take a convolution of a network; the first one takes in the preparation of the picture.

        Args:
            network: whose.
            name: ``conv1_1``.
            inside: type that it computes in.
            outside: type of the features that it gives.
        """
        weight, bias = _numbers(network.convolution(name))
        beyond = None
        if name == "conv1_1":
            matrix, shift = (each.double() for each in _numbers(network.entry))
            matrix = matrix[:, :, 0, 0]
            prepared = torch.einsum("oiyx,ic->ocyx", weight.double(), matrix)
            bias = (bias.double() + torch.einsum("oiyx,i->o", weight.double(), shift)).float()
            weight = prepared.float()
            if network.border == "zeros":
                # The colour that the preparation turns into 0.
                beyond = -torch.linalg.solve(matrix, shift).float()
        return cls(weight.to(inside), bias.to(inside), border=network.border, beyond=beyond, kind=outside)

    def __call__(self, x: Tensor, *, relu: bool) -> Tensor:
        """Convolve.

        Args:
            x: (1, C, H, W).
            relu: and leave out what is below 0.

        Returns:
            (1, C', H, W), channels last.
        """
        if self._weight.dtype != x.dtype or x.shape[1] == 3:
            return self._first(x.to(self._weight.dtype), relu)
        if self._border == "zeros":
            return self._convolved(_last(x), 1, relu)
        return self._convolved(_last(F.pad(x, (1, 1, 1, 1), mode=MODES[self._border])), 0, relu)

    def _first(self, x: Tensor, relu: bool) -> Tensor:
        """The picture's own convolution, in its own type and in strips, each of which then is rounded."""
        _, _, height, width = x.shape
        if self._beyond is None:
            padded = _last(F.pad(x, (1, 1, 1, 1), mode=MODES[self._border]))
        else:
            padded = _last(
                self._beyond.to(x).view(1, 3, 1, 1).expand(len(x), 3, height + 2, width + 2).clone()
            )
            padded[:, :, 1:-1, 1:-1] = x
        rows = max(1, _STRIP // (width * len(self._weight)))
        if self._kind == x.dtype and rows >= height:
            return self._convolved(padded, 0, relu)
        made = torch.empty(
            (len(x), len(self._weight), height, width),
            dtype=self._kind,
            device=x.device,
            memory_format=torch.channels_last,
        )
        for start in range(0, height, rows):
            part = padded[:, :, start : start + rows + 2]
            made[:, :, start : start + rows] = self._convolved(_last(part), 0, relu)
        return made

    def _convolved(self, x: Tensor, around: int, relu: bool) -> Tensor:
        if not self._fast:
            found = F.conv2d(x, self._weight, self._bias, padding=around)
            return found.relu_() if relu else found
        return _fused(x, self._weight, self._bias, around, relu)

    def back(self, slope: Tensor) -> Tensor:
        """Bring a slope along what it gives to one along its input.

        Args:
            slope: (1, C', H, W).

        Returns:
            (1, C, H, W), possibly a view.
        """
        slope = _last(slope)
        if self._border == "zeros":
            return F.conv2d(slope, self._back, padding=1)
        full = F.conv2d(slope, self._back, padding=2)
        # What was read beyond the rim was a copy of what lies at it, one further in, or at the other rim.
        for side in (2, 3):
            size = full.shape[side]
            inner = {"replicate": 1, "reflect": 2}.get(self._border, size - 2)
            full.select(side, inner).add_(full.select(side, 0))
            full.select(side, size - 1 - inner).add_(full.select(side, size - 1))
        return full[:, :, 1:-1, 1:-1]


def _numbers(layer: nn.Conv2d) -> tuple[Tensor, Tensor]:
    weight = layer.weight.detach()
    return weight, weight.new_zeros(len(weight)) if layer.bias is None else layer.bias.detach()


def _last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def _laid(weight: Tensor) -> Tensor:
    return weight.contiguous(memory_format=torch.channels_last)


def _fused_exists() -> bool:
    available: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return available and hasattr(torch.ops.mkldnn, "_convolution_pointwise")


def _fused(x: Tensor, weight: Tensor, bias: Tensor, around: int, relu: bool) -> Tensor:
    found: Any = torch.ops.mkldnn._convolution_pointwise(
        x, weight, bias, [around, around], [1, 1], [1, 1], 1, "relu" if relu else "none", [], ""
    )
    made: Tensor = found
    return made
