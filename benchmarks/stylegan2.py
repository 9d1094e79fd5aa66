"""How long do forward and backward through StyleGAN2 take, beside plain eager operations of the reference?

One question, at 64, 128 and 256 pixels, one picture and four:

* **styles** — the slope of a picture by its styles, with frozen weights: what inversion does;
* **weights** — the slope by every weight: what training does.

Ours in float32 and bfloat16, and in float32 what the reference computes where its compiled kernels are
missing: weights made for each picture and one grouped convolution, and the low-pass filter as zeros between
pixels, padding and a convolution channel by channel. All compute the same picture of the same weights and
styles; how far the others are from the reference's is told. Networks: NVlabs' for these sizes (16384 / side
channels, at most 512), and the bundled one's, 64 pixels alone.

In the same run, in turns; the ratio is the median over the rounds of each round's ratio. ``--cpu`` counts the
processor's seconds, for machines that have other things to do.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from record import keep
from torch import Tensor
from torch.nn import functional as F

from retouch.tasks.invert.network import StyleGAN2, Synthesis
from retouch.tasks.invert.network.modulated import FullyConnected, ModulatedConv, ToRGB

SIDES = (64, 128, 256)
COUNTS = (1, 4)
TARGETS = {"float32": 1.5, "bfloat16": 2.5}

Make = Callable[[Tensor], Tensor]
"""Styles (B, rows, style) → pictures."""


def main() -> None:
    """Measure, print the table, and keep the figures."""
    parser = argparse.ArgumentParser(description="StyleGAN2 beside plain operations")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--sides", type=int, nargs="*", default=SIDES)
    parser.add_argument("--counts", type=int, nargs="*", default=COUNTS)
    parser.add_argument("--cpu", action="store_true", help="count the processor's seconds")
    parser.add_argument("--dry", action="store_true", help="print only")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    clock = time.process_time if options.cpu else time.perf_counter
    nets = {f"{side} px": (side, published(side), 512) for side in options.sides}
    nets["64 px, kaokore"] = (64, "256,256,128,64,32", 256)
    rows: dict[str, object] = {}
    for name, (side, channels, style) in nets.items():
        for count in options.counts:
            for by in ("styles", "weights"):
                place = f"{name}, {count}, by {by}"
                network = StyleGAN2(
                    side=side, channels=channels, latent=8, style=style, layers=1, limit=256.0
                )
                rows[place] = measured(place, network.synthesis, count, by, options.rounds, clock)
    figures = {
        "threads": options.threads,
        "clock": "processor" if options.cpu else "wall",
        "rounds": options.rounds,
        "targets": TARGETS,
        "rows": rows,
    }
    if not options.dry:
        keep("stylegan2", figures, ("torch",))


def measured(
    place: str, synthesis: Synthesis, count: int, by: str, rounds: int, clock: Callable[[], float]
) -> dict[str, object]:
    """Seconds of forward and backward, of all three."""
    draw = torch.Generator().manual_seed(0)
    w = torch.randn((count, synthesis.rows, synthesis.style), generator=draw)
    wanted = torch.randn((count, 3, synthesis.sides[-1], synthesis.sides[-1]), generator=draw)
    synthesis.requires_grad_(by == "weights")
    ways: dict[str, tuple[Make, Callable[[], AbstractContextManager[object]]]] = {
        "plain": (lambda styles: reference(synthesis, styles), nullcontext),
        "float32": (synthesis, nullcontext),
        "bfloat16": (synthesis, lambda: torch.autocast("cpu", torch.bfloat16)),
    }
    with torch.no_grad():
        exact = reference(synthesis, w)
        apart: dict[str, float] = {}
        for name, (make, precision) in ways.items():
            with precision():
                apart[name] = float((make(w) - exact).abs().max() / exact.abs().max())
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    names = list(ways)
    for number in range(rounds + 1):
        for name in names[number % 3 :] + names[: number % 3]:
            make, precision = ways[name]
            styles = w.clone().requires_grad_(by == "styles")
            synthesis.zero_grad(set_to_none=True)
            started = clock()
            with precision():
                loss = (make(styles).float() - wanted).square().mean()
            loss.backward()  # type: ignore[no-untyped-call]
            if number:
                seconds[name].append(clock() - started)
    found: dict[str, object] = {}
    told = f"{place:<30}"
    for name, values in seconds.items():
        low, middle, high = statistics.quantiles(values, n=4)
        found[name] = {"median_s": middle, "iqr_s": high - low, "apart": apart[name]}
        told += f"  {name} {1000 * middle:7.1f} ms"
        if name != "plain":
            times = statistics.median(a / b for a, b in zip(seconds["plain"], values, strict=True))
            found[f"{name} is times faster"] = times
            told += f" ({times:.2f} times)"
    print(told, flush=True)
    return found


def published(side: int) -> str:
    """Channels of maps of 4 pixels, 8, … as stylegan2-ada-pytorch chooses them below 512 pixels."""
    return ",".join(str(min(16384 // (4 << number), 512)) for number in range(side.bit_length() - 2))


def reference(synthesis: Synthesis, styles: Tensor) -> Tensor:
    """Make pictures by the reference's operations."""
    picture: Tensor | None = None
    x: Tensor | None = None
    row = 0
    for side in synthesis.sides:
        block = synthesis.block(side)
        if x is None:
            x = block.const.expand(len(styles), -1, -1, -1)
        else:
            x = convolved(x, styles[:, row], block.conv0)
            row += 1
        x = convolved(x, styles[:, row], block.conv1)
        row += 1
        shown = coloured(x, styles[:, row], block.torgb)
        if picture is not None:
            picture = filtered(picture, up=2, pad=(2, 1))
        picture = shown if picture is None else picture + shown
    assert picture is not None
    return picture


def convolved(x: Tensor, styles: Tensor, layer: ModulatedConv) -> Tensor:
    """Weights for each picture, one grouped convolution, noise, bias, rectifier, clamp."""
    B, inner, H, W = x.shape
    scale = connected(styles, layer.affine)
    weights = layer.weight[None] * scale[:, None, :, None, None]  # (B, O, I, 3, 3)
    weights = weights * (weights.square().sum(dim=(2, 3, 4), keepdim=True) + 1e-8).rsqrt()
    outer = weights.shape[1]
    merged = x.reshape(1, B * inner, H, W)
    if layer.up:
        turned = weights.transpose(1, 2).reshape(B * inner, outer, 3, 3)
        y = F.conv_transpose2d(merged, turned, stride=2, groups=B)
        y = filtered(y.reshape(B, outer, *y.shape[2:]), gain=4.0, pad=(1, 1))
    else:
        y = F.conv2d(merged, weights.reshape(B * outer, inner, 3, 3), padding=1, groups=B)
        y = y.reshape(B, outer, *y.shape[2:])
    y = y + layer.noise_const * layer.noise_strength
    y = F.leaky_relu(y + layer.bias.view(1, -1, 1, 1), 0.2) * math.sqrt(2)
    return y.clamp(-layer.limit, layer.limit)


def coloured(x: Tensor, styles: Tensor, layer: ToRGB) -> Tensor:
    """Weights for each picture, one grouped convolution by 1×1, bias, clamp."""
    B, inner, H, W = x.shape
    scale = connected(styles, layer.affine) / math.sqrt(inner)
    weights = layer.weight[None] * scale[:, None, :, None, None]
    y = F.conv2d(x.reshape(1, B * inner, H, W), weights.reshape(-1, inner, 1, 1), groups=B)
    y = y.reshape(B, -1, H, W) + layer.bias.view(1, -1, 1, 1)
    return y.clamp(-layer.limit, layer.limit)


def connected(x: Tensor, layer: FullyConnected) -> Tensor:
    """A fully connected layer."""
    return torch.addmm(layer.bias, x, (layer.weight / math.sqrt(layer.weight.shape[1])).t())


def filtered(x: Tensor, *, up: int = 1, gain: float = 1.0, pad: tuple[int, int] = (0, 0)) -> Tensor:
    """Zeros between pixels, padding, and the filter channel by channel."""
    B, C, H, W = x.shape
    if up > 1:
        gain = gain * up**2
        x = F.pad(x.reshape(B, C, H, 1, W, 1), (0, up - 1, 0, 0, 0, up - 1)).reshape(B, C, H * up, W * up)
    x = F.pad(x, (pad[0], pad[1], pad[0], pad[1]))
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    kernel = torch.outer(taps, taps) * gain
    return F.conv2d(x, kernel[None, None].repeat(C, 1, 1, 1), groups=C)


if __name__ == "__main__":
    main()
