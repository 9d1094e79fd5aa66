"""How far a network looks, and how much memory it takes for every pixel."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from retouch.tasks.restore.network import Denoiser, Upscaler

LOCAL = ("dncnn", "msrresnet", "rrdb", "srresnet", "srvgg")
"""Architectures of convolutions alone, which see no more than those reach."""

WIDE = 64
"""Pixels around a piece for a network that looks at the whole picture, or farther than this."""

FADE = 16
"""Pixels on both sides of a cut over which the pieces of such a network are mixed."""

QUICK = 30 << 20
"""Bytes of the largest map with which a CPU is quickest: glibc keeps blocks below 32 MiB from one layer to
the next, and takes larger ones anew, page by page, which takes as long as the layer."""

_PROBE = 16  # the least side of the picture by which memory is measured
_BESIDE = 3.0


@dataclass(frozen=True)
class Field:
    """How far a network looks.

    Args:
        margin: pixels around a piece that change its result, in pixels of the input; a multiple of what
            the network's input is a multiple of.
        exact: nothing farther away changes it.
    """

    margin: int
    exact: bool

    def fade(self, multiple: int) -> int:
        """Over how many pixels the pieces of the network are mixed.

        Args:
            multiple: of which the result is one.
        """
        return 0 if self.exact else math.ceil(FADE / multiple) * multiple


def field_of(network: nn.Module, architecture: str, multiple: int) -> Field:
    """Find out how far a network looks.

    Args:
        network: of this task.
        architecture: what its card calls it.
        multiple: of which its input's sides are one.

    Returns:
        Its field: exact for networks of convolutions that do not look too far; else a wide margin.
    """
    reach = WIDE + 1
    if isinstance(network, Upscaler):
        reach = 2 + 2 * len(network.body)
    elif isinstance(network, Denoiser):
        # Its pieces begin where its coarsest pixels do; the margin may then be what it is.
        return Field(_of_denoiser(len(network.middle)), exact=True)
    elif architecture in LOCAL and multiple == 1:
        reach = sum(
            max(side // 2 * step for side, step in zip(layer.kernel_size, layer.dilation, strict=True))
            for layer in network.modules()
            if isinstance(layer, nn.Conv2d)
        )
    exact = reach <= WIDE
    return Field(math.ceil(min(reach, WIDE) / multiple) * multiple, exact)


@dataclass(frozen=True)
class Cost:
    """What a pixel of the input costs while a network computes.

    Args:
        peak: bytes at the most.
        map: bytes of the largest map.
    """

    peak: float
    map: float

    def quick(self, margin: int, gain: float) -> float:
        """Say in pieces of how many pixels, with what is seen around them, a CPU is quickest.

        Args:
            margin: pixels around a piece.
            gain: how many times as fast a pixel is computed in such a piece.

        Returns:
            Pixels; infinity where the margins cost more than the pieces gain.
        """
        pixels = QUICK / max(self.map, 1e-9)
        side = math.sqrt(pixels)
        worth = side > 2 * margin and (side / (side - 2 * margin)) ** 2 < gain
        return pixels if worth else math.inf


def cost_per_pixel(apply: Callable[[Tensor], object], channels: int, multiple: int) -> Cost:
    """Estimate what a pixel of the input costs while a network computes.

    Args:
        apply: the network, on a batch (1, channels, H, W).
        channels: of its input.
        multiple: of which its input's sides are one.

    Returns:
        At the most three times what goes in and comes out of the widest step, for what waits beside it and
        for the convolution's own workspace: measured were between 0.5 and 1.1 of that.
    """
    side = math.ceil(_PROBE / multiple) * multiple
    with torch.inference_mode(), _Widest() as widest:
        apply(torch.zeros(1, channels, side, side))
    pixels = side * side
    return Cost(_BESIDE * float(widest.bytes) / pixels, widest.map / pixels)


class _Widest(TorchFunctionMode):
    """Notes the most bytes that one step takes and gives, and gives alone; in its own thread."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0
        self.map = 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        del types
        found = func(*args, **(kwargs or {}))
        if isinstance(found, Tensor):
            maps = [found, *(item for item in args[:2] if isinstance(item, Tensor))]
            self.map = max(self.map, found.nbytes)
            self.bytes = max(
                self.bytes, sum(item.nbytes for item in maps if not isinstance(item, nn.Parameter))
            )
        return found


def _of_denoiser(blocks: int) -> int:
    """Follow a pixel of the result back to the pixels it is made of, level by level."""
    level = 2 * blocks
    half = 1 + level  # the last layer, and the blocks on the way up
    quarter = math.ceil(half / 2) + level
    eighth = math.ceil(quarter / 2) + level
    quarter = 2 * eighth + level
    half = 2 * quarter + level + 1
    return math.ceil(2 * half / Denoiser.multiple) * Denoiser.multiple
