"""StyleGAN2 as the papers describe it, slowly: weights made for each picture, zeros between pixels.

Everything is computed in the type of the tensors, which the tests make float64. Names of tensors are those of
NVlabs' files.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

Tensors = Mapping[str, Tensor]


def filtered(x: Tensor, *, up: int = 1, down: int = 1, pad: tuple[int, int] = (0, 0)) -> Tensor:
    """Put zeros between pixels, pad, convolve by the outer product of [1, 3, 3, 1] / 8, keep every n-th."""
    B, C, H, W = x.shape
    spread = x.new_zeros(B, C, H * up, W * up)
    spread[:, :, ::up, ::up] = x
    padded = F.pad(spread, (pad[0], pad[1], pad[0], pad[1]))
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=x.dtype) / 8
    kernel = torch.outer(taps, taps) * up**2
    smooth = F.conv2d(padded, kernel.expand(C, 1, 4, 4), groups=C)
    return smooth[:, :, ::down, ::down]


def activated(x: Tensor, bias: Tensor, *, gain: float = 1.0, limit: float = 0.0) -> Tensor:
    """Add the bias, apply the leaky rectifier with gain √2, clamp."""
    y = F.leaky_relu(x + bias.view(1, -1, *[1] * (x.dim() - 2)), 0.2) * (math.sqrt(2) * gain)
    return y.clamp(-limit * gain, limit * gain) if limit else y


def connected(x: Tensor, held: Tensors, name: str, *, active: bool = False, pace: float = 1.0) -> Tensor:
    weight, bias = held[f"{name}.weight"], held[f"{name}.bias"] * pace
    y = x @ (weight * (pace / math.sqrt(weight.shape[1]))).T
    return activated(y, bias) if active else y + bias


def normalised(x: Tensor) -> Tensor:
    return x / (x.square().mean(dim=1, keepdim=True) + 1e-8).sqrt()


def mapped(
    held: Tensors, z: Tensor, label: Tensor | None = None, *, layers: int, pace: float = 0.01
) -> Tensor:
    """Give w (B, style)."""
    x = normalised(z)
    if label is not None:
        x = torch.cat([x, normalised(connected(label, held, "mapping.embed"))], dim=1)
    for number in range(layers):
        x = connected(x, held, f"mapping.fc{number}", active=True, pace=pace)
    return x


def convolved(x: Tensor, weights: Tensor, *, up: bool = False) -> Tensor:
    """Convolve each picture by weights of its own: one grouped convolution."""
    B, outer, _, size, _ = weights.shape
    pad = size // 2
    if up:
        # Doubling convolves, and does not correlate: the published weights mean that.
        weights = weights.flip((3, 4))
        x = filtered(x, up=2, pad=(pad + 2, pad + 1))
        pad = 0
    merged = x.reshape(1, -1, *x.shape[2:])
    y = F.conv2d(merged, weights.reshape(B * outer, -1, size, size), padding=pad, groups=B)
    return y.reshape(B, outer, *y.shape[2:])


def modulated(
    x: Tensor,
    w: Tensor,
    held: Tensors,
    name: str,
    noise: Tensor | None,
    *,
    up: bool = False,
    gain: float = 1.0,
    limit: float = 0.0,
) -> Tensor:
    style = connected(w, held, f"{name}.affine")
    weights = held[f"{name}.weight"][None] * style[:, None, :, None, None]
    weights = weights / (weights.square().sum(dim=(2, 3, 4), keepdim=True) + 1e-8).sqrt()
    y = convolved(x, weights, up=up)
    if noise is not None:
        y = y + noise * held[f"{name}.noise_strength"]
    return activated(y, held[f"{name}.bias"], gain=gain, limit=limit)


def shown(x: Tensor, w: Tensor, held: Tensors, name: str, limit: float) -> Tensor:
    weight = held[f"{name}.weight"]
    style = connected(w, held, f"{name}.affine") / math.sqrt(weight.shape[1])
    y = convolved(x, weight[None] * style[:, None, :, None, None])
    y = y + held[f"{name}.bias"].view(1, -1, 1, 1)
    return y.clamp(-limit, limit) if limit else y


def synthesised(
    held: Tensors, w: Tensor, *, side: int, design: str = "skip", limit: float = 0.0, noise: bool = True
) -> Tensor:
    """Make pictures of styles (B, rows, style)."""
    x = held["synthesis.b4.const"].expand(len(w), -1, -1, -1)
    picture: Tensor | None = None
    row = 0
    for size in (4 << number for number in range(side.bit_length() - 2)):
        block = f"synthesis.b{size}"
        beside = None
        if size > 4:
            if design == "residual":
                weight = held[f"{block}.skip.weight"]
                beside = (
                    filtered(F.conv2d(x, weight / math.sqrt(weight.shape[1])), up=2, pad=(2, 1)) * 0.5**0.5
                )
            own = held[f"{block}.conv0.noise_const"] if noise else None
            x = modulated(x, w[:, row], held, f"{block}.conv0", own, up=True, limit=limit)
            row += 1
        gain = 1.0 if beside is None else 0.5**0.5
        own = held[f"{block}.conv1.noise_const"] if noise else None
        x = modulated(x, w[:, row], held, f"{block}.conv1", own, gain=gain, limit=limit)
        x = x if beside is None else x + beside
        row += 1
        if picture is not None:
            picture = filtered(picture, up=2, pad=(2, 1))
        if design == "skip" or size == side:
            added = shown(x, w[:, row], held, f"{block}.torgb", limit)
            picture = added if picture is None else picture + added
    assert picture is not None
    return picture


def judged(held: Tensors, x: Tensor, *, side: int, group: int = 4, limit: float = 0.0) -> Tensor:
    """Judge pictures: (B, 1)."""

    def layer(y: Tensor, name: str, *, pad: int = 0, gain: float = 1.0, step: int = 1) -> Tensor:
        weight = held[f"{name}.weight"]
        weight = weight / math.sqrt(weight[0].numel())
        y = F.conv2d(y, weight, padding=pad, stride=step)
        if f"{name}.bias" not in held:
            return y * gain
        return activated(y, held[f"{name}.bias"], gain=gain, limit=limit)

    x = layer(x, f"b{side}.fromrgb")
    size = side
    while size > 4:
        beside = layer(filtered(x, down=2, pad=(1, 1)), f"b{size}.skip", gain=0.5**0.5)
        x = layer(x, f"b{size}.conv0", pad=1)
        x = beside + layer(filtered(x, pad=(2, 2)), f"b{size}.conv1", gain=0.5**0.5, step=2)
        size //= 2
    count, C, H, W = x.shape
    # Picture n belongs to the group n mod (B / size of a group).
    parts = x.reshape(group, -1, 1, C, H, W)
    deviation = ((parts - parts.mean(dim=0)).square().mean(dim=0) + 1e-8).sqrt().mean(dim=(2, 3, 4))
    x = torch.cat([x, deviation.reshape(-1, 1, 1, 1).repeat(group, 1, H, W)], dim=1)
    assert len(x) == count
    x = layer(x, "b4.conv", pad=1)
    return connected(connected(x.flatten(1), held, "b4.fc", active=True), held, "b4.out")
