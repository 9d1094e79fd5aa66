"""Networks that others trained, whose features say whether a filled hole looks right.

The loss compares what such a network finds in the prediction with what it finds in the photo. The
best is the one with the widest field of view: a segmenting ResNet-50 whose last two stages are
dilated, then the same of a classifying ResNet-50, then VGG-19.

Source: Suvorov et al., "Resolution-robust Large Mask Inpainting with Fourier Convolutions", WACV 2022,
    arXiv:2109.07161, section 2.2 and table 3 (the high receptive field perceptual loss, and what is lost
    with other networks). Maps of VGG-19: Wang et al., pix2pixHD, arXiv:1711.11585. The narrow VGG-19:
    Wang et al., "Collaborative Distillation", arXiv:2003.08436.
Departs:
    Maps of a VGG-19 are divided by their root mean square on one fixed picture, so that the five levels
    weigh the same whatever the file; those of a ResNet-50 are used as they are, as in LaMa.
    Batch normalisations are folded into the convolutions before them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retouch.errors import InputError
from retouch.features import Vgg
from retouch.features.clouds import clouds
from retouch.features.folding import folded
from retouch.features.upstream.preparing import entry_of

Kind = Literal["ade20k", "imagenet", "vgg"]
"""What the network learnt to do: segment scenes, classify; or a VGG-19, which classifies, too."""

SMALLEST = 32
"""The shortest side of a picture that every one of the networks takes."""

_LEAST = 1e-3

_DILATIONS = ((1, 1, 1), (2, 1, 1), (1, 1, 2), (1, 2, 4))
"""Of each stage: the stride and dilation of its first block, and the dilation of the others."""


class Perceptual(nn.Module):
    """A frozen network that gives the maps which a perceptual loss compares.

    It is always in eval mode, and none of its parameters asks for a gradient; gradients flow
    through it to its input.

    Args:
        kind: what the network learnt to do.
        description: what a run's record says about it.
    """

    def __init__(self, kind: Kind, description: str) -> None:
        super().__init__()
        self.kind: Kind = kind
        self.description = description

    def train(self, mode: bool = True) -> Self:
        """Stay in eval mode, whatever the network around it is put into."""
        del mode
        return super().train(False)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Compute the maps.

        Args:
            x: (B, 3, H, W), RGB in [0, 1], at least 32×32.

        Returns:
            (B, C, h, w) each, finest first.

        Raises:
            InputError: It is not (B, 3, H, W), or too small.
        """
        if x.dim() != 4 or x.shape[1] != 3 or min(x.shape[2:]) < SMALLEST:
            raise InputError(
                f"the perceptual network got {tuple(x.shape)}; it looks at (B, 3, H, W) of at least "
                f"{SMALLEST}×{SMALLEST} pixels"
            )
        return self._maps(x)

    def _maps(self, x: Tensor) -> list[Tensor]:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Kernel:
    """One convolution's numbers.

    Args:
        weight: (outputs, inputs, side, side).
        bias: (outputs,).
    """

    weight: Tensor
    bias: Tensor

    @classmethod
    def folded(cls, weight: Tensor, norm: tuple[Tensor, Tensor, Tensor, Tensor]) -> Kernel:
        """Join a convolution without bias with the batch normalisation behind it.

        Args:
            weight: (outputs, inputs, side, side).
            norm: its weight, bias, running mean and running variance, (outputs,) each.
        """
        return cls(*folded(weight, None, norm))


class Vgg19(Perceptual):
    """A VGG-19 of any widths; its maps are those after the first convolution of each stage.

    Args:
        network: the VGG; its last stage is but the one convolution of the last map.
        description: what a run's record says about it.
    """

    scales: Tensor

    def __init__(self, network: Vgg, description: str) -> None:
        super().__init__("vgg", description)
        self.network = network
        self._levels = [f"relu{stage}_1" for stage in range(1, len(network.widths) + 1)]
        self.register_buffer("scales", torch.ones(len(self._levels)))
        self.requires_grad_(False).eval()
        with torch.no_grad():
            found = [each.square().mean().sqrt() for each in self._maps(clouds())]
        self.scales = 1 / torch.stack(found).clamp_min(_LEAST)

    def _maps(self, x: Tensor) -> list[Tensor]:
        found = self.network(x, self._levels)
        # (B, C, H / 2^level, W / 2^level) each
        return [found[name] * scale for name, scale in zip(self._levels, self.scales, strict=True)]


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """The convolutions of one block of a ResNet.

    Args:
        convolutions: 1×1, 3×3 and 1×1.
        shortcut: 1×1 where the block changes the number of maps, else None.
    """

    convolutions: tuple[Kernel, Kernel, Kernel]
    shortcut: Kernel | None


class DilatedResNet(Perceptual):
    """A ResNet of bottlenecks whose third and fourth stage do not halve the size; four maps, one a stage.

    Where a stage would halve, its 3×3 convolutions are dilated instead, by 2 in the third stage and
    by 4 in the fourth; the first block of each still has the dilation of the stage before.

    Args:
        stem: one 7×7 convolution, or three 3×3.
        stages: the blocks of the four stages.
        kind: what it learnt.
        description: what a run's record says about it.
    """

    def __init__(
        self, stem: list[Kernel], stages: list[list[Bottleneck]], kind: Kind, description: str
    ) -> None:
        super().__init__(kind, description)
        # Not folded into the stem: the padding there is of normalised zeros.
        self.entry = _convolution(_imagenet_entry())
        self.stem = nn.ModuleList(
            _convolution(kernel, stride=1 if number else 2, padding=kernel.weight.shape[-1] // 2)
            for number, kernel in enumerate(stem)
        )
        self.stages = nn.ModuleList(
            nn.Sequential(
                *(
                    _Block(block, stride=1 if number else stride, dilation=dilation if number else before)
                    for number, block in enumerate(blocks)
                )
            )
            for blocks, (stride, before, dilation) in zip(stages, _DILATIONS, strict=True)
        )
        self.requires_grad_(False).eval()

    def _maps(self, x: Tensor) -> list[Tensor]:
        x = self.entry(x)
        for layer in self.stem:
            x = F.relu(layer(x))  # (B, C, H/2, W/2)
        x = F.max_pool2d(x, 3, 2, 1)  # (B, C, H/4, W/4)
        found: list[Tensor] = []
        for stage in self.stages:
            x = stage(x)  # (B, C, H/4, W/4) from the first, (B, C, H/8, W/8) from the others
            found.append(x)
        return found


class _Block(nn.Module):
    def __init__(self, block: Bottleneck, *, stride: int, dilation: int) -> None:
        super().__init__()
        first, second, third = block.convolutions
        self.first = _convolution(first)
        self.second = _convolution(second, stride=stride, padding=dilation, dilation=dilation)
        self.third = _convolution(third)
        self.shortcut = (
            nn.Identity() if block.shortcut is None else _convolution(block.shortcut, stride=stride)
        )

    def forward(self, x: Tensor) -> Tensor:
        inside = F.relu(self.second(F.relu(self.first(x))))
        return F.relu(self.third(inside) + self.shortcut(x))


def _convolution(kernel: Kernel, *, stride: int = 1, padding: int = 0, dilation: int = 1) -> nn.Conv2d:
    outputs, inputs, side, _ = kernel.weight.shape
    layer = nn.Conv2d(inputs, outputs, side, stride, padding, dilation, device="meta")
    layer.weight = nn.Parameter(kernel.weight.detach().clone())
    layer.bias = nn.Parameter(kernel.bias.detach().clone())
    return layer


def _imagenet_entry() -> Kernel:
    """ImageNet's normalisation as a 1×1 convolution."""
    tensors = entry_of("imagenet")
    return Kernel(tensors["entry.weight"], tensors["entry.bias"])
