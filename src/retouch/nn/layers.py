"""Blocks that the networks share: normalisation, up- and down-sampling, first weights."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Norm = Literal["batch", "instance", "instance-affine", "none"]
"""``instance`` has neither scale nor shift, ``instance-affine`` both; neither keeps running statistics."""

Upsampling = Literal["transpose", "blur", "resize"]
"""``transpose``: a strided transposed convolution, as in the papers. ``blur``: a fixed low-pass filter
doubles the size, then a convolution (Zhang 2019, arXiv:1904.11486). ``resize``: bilinear doubling, then a
convolution (Odena 2016, doi:10.23915/distill.00003). The last two leave no checkerboard."""

Downsampling = Literal["stride", "blur"]
"""``stride``: a convolution of stride 2. ``blur``: a convolution of stride 1, then a fixed low-pass
filter that keeps every second sample (Zhang 2019, arXiv:1904.11486)."""


def normalisation(norm: Norm, channels: int) -> nn.Module:
    """Make one normalisation layer.

    Args:
        norm: its kind.
        channels: the number of feature maps.

    Returns:
        The layer; the identity for ``"none"``.
    """
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    if norm == "none":
        return nn.Identity()
    return nn.InstanceNorm2d(channels, affine=norm == "instance-affine")


def needs_bias(norm: Norm, bias: bool | None) -> bool:
    """Say whether a convolution that a normalisation follows has a bias of its own.

    Args:
        norm: the normalisation that follows.
        bias: the caller's wish; None for the rule that only batch normalisation, which has a shift
            itself, goes without.

    Returns:
        Whether to give the convolution a bias.
    """
    return norm != "batch" if bias is None else bias


def initialise(network: nn.Module, gain: float = 0.02, *, generator: torch.Generator | None = None) -> None:
    """Draw first weights as the pix2pix paper does: N(0, gain), biases 0, batch norm scales N(1, gain).

    Args:
        network: changed in place.
        gain: the standard deviation.
        generator: where the random numbers come from; torch's own when None.

    Source: Isola et al. 2017, arXiv:1611.07004, section 6.2.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, 0.0, gain, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d | nn.InstanceNorm2d) and module.weight is not None:
            nn.init.normal_(module.weight, 1.0, gain, generator=generator)
            nn.init.zeros_(module.bias)


class Tanh(nn.Module):
    """Bring a generator's last map to (-1, 1), in float32 at least.

    In bfloat16 tanh is 1 from 3.5 on, and has no slope left to learn from.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map any shape to the same shape."""
        return torch.tanh(x.float() if x.dtype in (torch.bfloat16, torch.float16) else x)


class Blur(nn.Module):
    """Halve or double a map through a fixed binomial low-pass filter, each channel for itself.

    Args:
        channels: the number of maps.
        direction: ``"down"``: filter [1 2 1] over a reflected border, then every second sample.
            ``"up"``: filter [1 3 3 1] over a repeated border, which doubles the size.

    Source: Zhang 2019, "Making Convolutional Networks Shift-Invariant Again", arXiv:1904.11486.
    """

    filter: Tensor

    def __init__(self, channels: int, direction: Literal["down", "up"]) -> None:
        super().__init__()
        self.channels = channels
        self.direction = direction
        row = torch.tensor([1.0, 2.0, 1.0] if direction == "down" else [1.0, 3.0, 3.0, 1.0])
        kernel = torch.outer(row, row)
        kernel = kernel / kernel.sum() * (1.0 if direction == "down" else 4.0)
        self.register_buffer("filter", kernel.expand(channels, 1, -1, -1).contiguous(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Filter ``(B, C, H, W)`` to ``(B, C, ⌈H/2⌉, ⌈W/2⌉)`` or ``(B, C, 2H, 2W)``."""
        if self.direction == "down":
            padded = F.pad(x, (1, 1, 1, 1), mode="reflect")
            return F.conv2d(padded, self.filter, stride=2, groups=self.channels)
        padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
        # The padded border makes one column too many on each side.
        return F.conv_transpose2d(padded, self.filter, stride=2, padding=2, groups=self.channels)[
            :, :, 1:-1, 1:-1
        ]


SMALL_MAP = 256
"""Positions up to which a strided convolution is faster as one matrix product on a CPU in bfloat16."""

LARGE_KERNEL = 1 << 18
"""Weights from which it is: reading and reordering them is then most of the work."""


class HalvingConv(nn.Conv2d):
    """A convolution 4×4 of stride 2, which halves a map.

    Over the few positions of a deep map, a convolution spends its time on reordering millions of
    weights; there, under bfloat16 autocast on a CPU, this multiplies them as they lie, which makes
    training 2 to 3 times faster in such a layer. The sums are the same, in another order.

    Args:
        inner: channels in.
        outer: channels out.
        bias: whether it has a bias.
    """

    def __init__(self, inner: int, outer: int, *, bias: bool) -> None:
        super().__init__(inner, outer, 4, stride=2, padding=1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, inner, H, W)`` to ``(B, outer, ⌊H/2⌋, ⌊W/2⌋)``."""
        if not _multiplies(x, self.weight):
            return super().forward(x)
        B, C, H, W = x.shape
        patches = F.unfold(x, 4, padding=1, stride=2)  # (B, 16·C, H/2·W/2)
        columns = patches.transpose(0, 1).reshape(16 * C, -1)
        out = self.weight.reshape(self.out_channels, -1) @ columns
        out = out.reshape(self.out_channels, B, H // 2, W // 2).transpose(0, 1)
        return out if self.bias is None else out + self.bias.to(out.dtype)[:, None, None]


class DoublingConv(nn.ConvTranspose2d):
    """A transposed convolution 4×4 of stride 2, which doubles a map; see :class:`HalvingConv`.

    Args:
        inner: channels in.
        outer: channels out.
        bias: whether it has a bias.
    """

    def __init__(self, inner: int, outer: int, *, bias: bool) -> None:
        super().__init__(inner, outer, 4, stride=2, padding=1, bias=bias)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Map ``(B, inner, H, W)`` to ``(B, outer, 2H, 2W)``."""
        if output_size is not None or not _multiplies(x, self.weight):
            return super().forward(x, output_size)
        B, C, H, W = x.shape
        # In this order neither factor is read across its rows, which at 8×8 takes half the time.
        rows = x.permute(0, 2, 3, 1).reshape(-1, C) @ self.weight.reshape(C, -1)
        patches = rows.reshape(B, H * W, -1).transpose(1, 2)  # (B, 16·outer, H·W)
        out = F.fold(patches, (2 * H, 2 * W), 4, padding=1, stride=2)
        return out if self.bias is None else out + self.bias.to(out.dtype)[:, None, None]


def _multiplies(x: Tensor, weight: Tensor) -> bool:
    positions = x.shape[0] * x.shape[2] * x.shape[3]
    return (
        x.device.type == "cpu"
        and positions <= SMALL_MAP
        and weight.numel() >= LARGE_KERNEL
        and torch.is_autocast_enabled("cpu")
    )


def upsampler(how: Upsampling, inner: int, outer: int, *, kernel: Literal[3, 4], bias: bool) -> nn.Module:
    """Make the layer that doubles the size of a map and changes its number of channels.

    Args:
        how: see :data:`Upsampling`.
        inner: channels in.
        outer: channels out.
        kernel: side of the transposed convolution; the others always convolve 3×3.
        bias: whether the convolution has a bias.

    Returns:
        A module ``(B, inner, H, W)`` → ``(B, outer, 2H, 2W)``.
    """
    if how == "transpose" and kernel == 4:
        return DoublingConv(inner, outer, bias=bias)
    if how == "transpose":
        return nn.ConvTranspose2d(inner, outer, kernel, stride=2, padding=1, output_padding=1, bias=bias)
    larger = (
        Blur(inner, "up")
        if how == "blur"
        else nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
    )
    return nn.Sequential(larger, nn.Conv2d(inner, outer, 3, padding=1, bias=bias))
