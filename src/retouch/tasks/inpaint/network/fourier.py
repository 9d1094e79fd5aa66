"""Fast Fourier convolutions: layers that see the whole picture at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retouch.errors import InputError

Local = Literal["conv", "spectral", "all-spectral"]
"""How the local branch of a block looks at its surroundings.

``conv``: by 3×3 convolutions, as LaMa. ``spectral``: what goes from local to local channels is a spectral
transform too. ``all-spectral``: so is what goes between local and global channels."""

Edges = Literal["periodic", "mirror"]
"""What lies beyond the picture for a Fourier unit: the other side of it, as the transform has it, or its
mirror image, at the cost of transforming more."""

Features = tuple[Tensor | None, Tensor | None]
"""Local and global channels, each ``(B, C, H, W)``; None where there are none."""

Transforms = tuple[Callable[[Tensor], Tensor], Callable[[Tensor, tuple[int, int]], Tensor]]
"""To the half spectrum and back, as :func:`spectrum` and :func:`picture_of` do; runtimes without a fast
Fourier transform need others."""

MIRRORED = 0.25
"""The part of height and width that is mirrored at each side."""


def spectrum(x: Tensor) -> Tensor:
    """Transform real maps to the half spectrum of their two axes, orthonormally.

    Args:
        x: ``(B, C, H, W)``, any floating type.

    Returns:
        float32 or float64 ``(B, 2C, H, W // 2 + 1)``, real and imaginary parts in turn.
    """
    if x.device.type == "mps":
        return _spectrum_by_matrices(x)
    found = torch.fft.rfft2(_exact(x), norm="ortho")
    parts = torch.view_as_real(found)
    batch, channels, height, width, _ = parts.shape
    return parts.permute(0, 1, 4, 2, 3).reshape(batch, 2 * channels, height, width)


def picture_of(parts: Tensor, size: tuple[int, int]) -> Tensor:
    """Transform a half spectrum back to real maps.

    Args:
        parts: ``(B, 2C, H, W // 2 + 1)``, as :func:`spectrum` gives it.
        size: H and W.

    Returns:
        float32 or float64 ``(B, C, H, W)``.
    """
    if parts.device.type == "mps":
        return _picture_by_matrices(parts, size)
    batch, channels, height, width = parts.shape
    pairs = _exact(parts).reshape(batch, channels // 2, 2, height, width).permute(0, 1, 3, 4, 2).contiguous()
    found: Tensor = torch.fft.irfft2(torch.view_as_complex(pairs), s=size, norm="ortho")
    return found


class FourierUnit(nn.Module):
    """A 1×1 convolution of the spectrum: every output value depends on the whole map.

    Args:
        inputs: channels that come in.
        outputs: channels that go out.
        edges: what lies beyond the map.

    Source: Chi, Jiang, Mu 2020 (Fast Fourier Convolution), section 3; Suvorov et al. 2021 (LaMa),
        arXiv:2109.07161, section 2.1.
    Departs: the transform is computed in float32 under autocast, which upstream cannot; by products with
        matrices of cosines and sines on MPS, whose inverse transform is wrong for odd sizes.
    """

    def __init__(self, inputs: int, outputs: int, *, edges: Edges = "periodic") -> None:
        super().__init__()
        self.conv_layer = nn.Conv2d(2 * inputs, 2 * outputs, 1, bias=False)
        self.bn = nn.BatchNorm2d(2 * outputs)
        self.edges = edges
        self.transforms: Transforms = (spectrum, picture_of)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve.

        Args:
            x: ``(B, inputs, H, W)``.

        Returns:
            ``(B, outputs, H, W)``, float32 or float64.
        """
        return self.applied(x, lambda parts: F.relu(self.bn(self.conv_layer(parts))))

    def applied(self, x: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
        """Change the spectrum of a map.

        Args:
            x: ``(B, C, H, W)``.
            change: ``(B, 2C, h, w)``, real and imaginary parts in turn, → likewise.

        Returns:
            ``(B, C, H, W)``, float32 or float64.
        """
        height, width = x.shape[-2:]
        down, right = (_mirrored(side) if self.edges == "mirror" else 0 for side in (height, width))
        if down or right:
            x = F.pad(x, (right, right, down, down), mode="reflect")
        there, back = self.transforms
        found = back(change(there(x)), (height + 2 * down, width + 2 * right))
        return found[..., down : down + height, right : right + width]


class LocalFourierUnit(FourierUnit):
    """A Fourier unit over quarters of the map, which sees middling distances.

    A quarter of the channels is cut into four pieces, one for each quarter of the map, and the result
    repeated over it. An odd map is continued by its last row or column.

    Args:
        channels: in and out; a multiple of 4.
        edges: what lies beyond the map.

    Raises:
        InputError: The channels cannot be cut into four.

    Source: Chi, Jiang, Mu 2020, section 3.3.
    Departs: upstream fails on odd maps.
    """

    def __init__(self, channels: int, *, edges: Edges = "periodic") -> None:
        if channels % 4:
            raise InputError(
                f"local Fourier units need channels in multiples of 4, and there are {channels}; "
                "choose a width that is a multiple of 16, or leave them out"
            )
        super().__init__(channels, channels, edges=edges)
        self.quarter = channels // 4

    def forward(self, x: Tensor) -> Tensor:
        """Convolve ``(B, channels, H, W)``."""
        height, width = x.shape[-2:]
        even = F.pad(x[:, : self.quarter], (0, width % 2, 0, height % 2), mode="replicate")
        # By slices: what is traced for export cannot cut a size into parts that it does not know.
        down, right = even.shape[-2] // 2, even.shape[-1] // 2
        rows = torch.cat([even[..., :down, :], even[..., down : 2 * down, :]], 1)
        pieces = torch.cat([rows[..., :right], rows[..., right : 2 * right]], 1)
        found = super().forward(pieces)
        return found.repeat(1, 1, 2, 2)[..., :height, :width]


class SpectralTransform(nn.Module):
    """A Fourier unit between two 1×1 convolutions, of half the channels.

    Args:
        inputs: channels that come in.
        outputs: channels that go out.
        lfu: also look at quarters of the map.
        edges: what lies beyond the map.

    Source: Suvorov et al. 2021, section 2.1 and figure 2.
    Departs: none; LaMa's released networks have no local Fourier unit.
    """

    def __init__(self, inputs: int, outputs: int, *, lfu: bool = False, edges: Edges = "periodic") -> None:
        super().__init__()
        half = outputs // 2
        if half < 1:
            raise InputError(
                f"a spectral transform needs at least 2 channels to go out, got {outputs}; "
                "choose a larger width, or another ratio"
            )
        self.conv1 = nn.Sequential(
            nn.Conv2d(inputs, half, 1, bias=False), nn.BatchNorm2d(half), nn.ReLU(inplace=True)
        )
        self.fu = FourierUnit(half, half, edges=edges)
        self.lfu = LocalFourierUnit(half, edges=edges) if lfu else None
        self.conv2 = nn.Conv2d(half, outputs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Transform ``(B, inputs, H, W)`` into ``(B, outputs, H, W)``."""
        x = self.conv1(x)
        seen = x + self.fu(x)
        if self.lfu is not None:
            seen = seen + self.lfu(x)
        found: Tensor = self.conv2(seen)
        return found


class FFC(nn.Module):
    """A fast Fourier convolution: two branches, a local and a global one, that exchange what they see.

    Args:
        inputs: channels that come in, local and global together.
        outputs: channels that go out.
        kernel: side of the local kernels.
        ratios: the global part of what comes in and of what goes out, 0…1.
        stride: of the local kernels; 1 where anything global comes in.
        padding: at each side, mirrored.
        lfu: also look at quarters of the map.
        local: how the local branch looks around.
        edges: what lies beyond the map for the Fourier units.

    Raises:
        InputError: A ratio is not a part, or a strided layer gets global channels.

    Source: Chi, Jiang, Mu 2020, section 3.2; Suvorov et al. 2021, section 2.1.
    Departs: either branch may be empty, which upstream's cannot.
    """

    convl2l: nn.Module | None
    convl2g: nn.Module | None
    convg2l: nn.Module | None
    convg2g: nn.Module | None

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        ratios: tuple[float, float],
        *,
        stride: int = 1,
        padding: int = 0,
        lfu: bool = False,
        local: Local = "conv",
        edges: Edges = "periodic",
    ) -> None:
        super().__init__()
        into, out = split(inputs, ratios[0]), split(outputs, ratios[1])
        if stride != 1 and into[1]:
            raise InputError("only layers without global input halve the map; give them a ratio of 0")

        def path(name: str, come: int, go: int, *, spectral: bool) -> None:
            if come and go and spectral:
                setattr(self, name, SpectralTransform(come, go, lfu=lfu, edges=edges))
            elif come and go:
                conv = nn.Conv2d(
                    come,
                    go,
                    kernel,
                    stride,
                    padding,
                    bias=False,
                    padding_mode="reflect" if padding else "zeros",
                )
                setattr(self, name, conv)
            else:
                setattr(self, name, None)

        crossing = local == "all-spectral"
        path("convl2l", into[0], out[0], spectral=local != "conv")
        path("convl2g", into[0], out[1], spectral=crossing)
        path("convg2l", into[1], out[0], spectral=crossing)
        path("convg2g", into[1], out[1], spectral=True)

    def forward(self, x: Features) -> Features:
        """Convolve local and global channels."""
        near, far = x
        return (
            _summed(self.convl2l, near, self.convg2l, far),
            _summed(self.convl2g, near, self.convg2g, far),
        )


class FFCNormReLU(nn.Module):
    """A fast Fourier convolution, batch normalisation and ReLU, for each branch its own.

    Args:
        inputs: channels that come in.
        outputs: channels that go out.
        kernel: side of the local kernels.
        ratios: the global part of what comes in and of what goes out.
        stride: of the local kernels.
        padding: at each side.
        lfu: also look at quarters of the map.
        local: how the local branch looks around.
        edges: what lies beyond the map for the Fourier units.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        ratios: tuple[float, float],
        *,
        stride: int = 1,
        padding: int = 0,
        lfu: bool = False,
        local: Local = "conv",
        edges: Edges = "periodic",
    ) -> None:
        super().__init__()
        self.ffc = FFC(
            inputs,
            outputs,
            kernel,
            ratios,
            stride=stride,
            padding=padding,
            lfu=lfu,
            local=local,
            edges=edges,
        )
        near, far = split(outputs, ratios[1])
        self.bn_l = nn.BatchNorm2d(near) if near else None
        self.bn_g = nn.BatchNorm2d(far) if far else None

    def forward(self, x: Features) -> Features:
        """Convolve, normalise, cut below 0."""
        near, far = self.ffc(x)
        return (
            None if self.bn_l is None else F.relu(self.bn_l(near)),
            None if self.bn_g is None else F.relu(self.bn_g(far)),
        )


class FFCResnetBlock(nn.Module):
    """Two fast Fourier convolutions, added to what came in.

    Args:
        channels: in and out.
        ratio: the global part.
        lfu: also look at quarters of the map.
        local: how the local branch looks around.
        edges: what lies beyond the map for the Fourier units.

    Source: Suvorov et al. 2021, figure 2.
    """

    def __init__(
        self,
        channels: int,
        ratio: float,
        *,
        lfu: bool = False,
        local: Local = "conv",
        edges: Edges = "periodic",
    ) -> None:
        super().__init__()
        self.conv1, self.conv2 = (
            FFCNormReLU(channels, channels, 3, (ratio, ratio), padding=1, lfu=lfu, local=local, edges=edges)
            for _ in range(2)
        )

    def forward(self, x: Features) -> Features:
        """Add what two convolutions find."""
        near, far = self.conv2(self.conv1(x))
        return _added(x[0], near), _added(x[1], far)


def split(channels: int, ratio: float) -> tuple[int, int]:
    """Divide channels into local and global ones.

    Args:
        channels: all of them.
        ratio: the global part, 0…1.

    Returns:
        How many are local, how many global.

    Raises:
        InputError: The ratio is not a part.
    """
    if not 0.0 <= ratio <= 1.0:
        raise InputError(f"the ratio of global channels is {ratio}; it must be from 0 to 1")
    far = int(channels * ratio)
    return channels - far, far


def _summed(
    one: nn.Module | None, near: Tensor | None, other: nn.Module | None, far: Tensor | None
) -> Tensor | None:
    first = None if one is None or near is None else one(near)
    second = None if other is None or far is None else other(far)
    return second if first is None else _added(first, second)


def _added(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    if one is None or other is None:
        return one
    return one + other


def _exact(x: Tensor) -> Tensor:
    """The transform has no 16-bit form on most machines, and needs the precision."""
    return x if x.dtype == torch.float64 else x.float()


def _mirrored(side: int) -> int:
    return min(side - 1, math.ceil(side * MIRRORED))


def _waves(count: int, of: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines and sines of 2π·k·n/of, orthonormal: (count, of)."""
    # In whole numbers, so that the angle of a large product is exact.
    turns = torch.outer(torch.arange(count), torch.arange(of)) % of
    angles = turns.double() * (2.0 * math.pi / of)
    scale = 1.0 / math.sqrt(of)
    return tuple((wave(angles) * scale).to(like) for wave in (torch.cos, torch.sin))  # type: ignore[return-value]


def _spectrum_by_matrices(x: Tensor) -> Tensor:
    x = _exact(x)
    batch, channels, height, width = x.shape
    with torch.autocast(x.device.type, enabled=False):
        cos, sin = _waves(width // 2 + 1, width, x)
        real, imaginary = x @ cos.T, -(x @ sin.T)
        cos, sin = _waves(height, height, x)
        found = torch.stack(
            [cos @ real + sin @ imaginary, cos @ imaginary - sin @ real],
            dim=2,
        )
    return found.reshape(batch, 2 * channels, height, width // 2 + 1)


def _picture_by_matrices(parts: Tensor, size: tuple[int, int]) -> Tensor:
    parts = _exact(parts)
    batch, channels, _, half = parts.shape
    height, width = size
    with torch.autocast(parts.device.type, enabled=False):
        real, imaginary = parts.reshape(batch, channels // 2, 2, height, half).unbind(2)
        cos, sin = _waves(height, height, parts)
        real, imaginary = cos @ real - sin @ imaginary, cos @ imaginary + sin @ real
        cos, sin = _waves(half, width, parts)
        # Waves that the half spectrum leaves out are the conjugates of those it has.
        twice = torch.full((half, 1), 2.0).to(parts)
        twice[0] = 1.0
        if width % 2 == 0:
            twice[-1] = 1.0
        return real @ (cos * twice) - imaginary @ (sin * twice)
