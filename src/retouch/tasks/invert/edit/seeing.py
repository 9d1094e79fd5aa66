"""How unlike pictures look that follow each other."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from retouch import features

LAYERS = ("relu1_1", "relu2_1", "relu3_1")
"""Of the bundled feature network: edges, textures, small parts."""

_LEAST = 1e-10


class Eye:
    """Sees pictures as the bundled feature network does, the same on every machine.

    Args:
        device: where to compute.
        side: of the pictures, in pixels; layers that need more are left out.

    Source: Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018,
        arXiv:1801.03924, section 3.
    Departs: all channels count alike; the distance is the root of the sum, which is a length.
    """

    def __init__(self, device: torch.device, side: int) -> None:
        self._network = features.find("bundled").network.to(device).eval()
        self._layers = [name for name in LAYERS if self._network.least_side([name]) <= side]

    @torch.no_grad()
    def seen(self, pictures: Tensor) -> list[Tensor]:
        """Look at pictures.

        Args:
            pictures: (N, 3, R, R) in [0, 1].

        Returns:
            What each layer sees, (N, C, h, w), of length 1 at each place.
        """
        found = self._network(pictures.contiguous(), self._layers)
        return [maps / (maps.norm(dim=1, keepdim=True) + _LEAST) for maps in found.values()]

    def lengths(
        self, render: Callable[[Tensor], Tensor], times: Tensor, size: int, told: Callable[[int], None]
    ) -> Tensor:
        """Measure a way.

        Args:
            render: gives the pictures (N, 3, R, R) at times (N,).
            times: (M,), rising.
            size: how many are rendered at once.
            told: called with how many pictures were rendered.

        Returns:
            (M − 1,), of float64: how unlike the pictures at neighbouring times are.
        """
        parts: list[Tensor] = []
        last: list[Tensor] = []
        for some in torch.split(times, size):
            maps = self.seen(render(some))
            joined = maps if not last else [torch.cat(pair) for pair in zip(last, maps, strict=True)]
            squares = [(each[1:] - each[:-1]).square().sum(dim=1).mean(dim=(1, 2)) for each in joined]
            parts.append(torch.stack(squares).sum(dim=0).cpu().double().sqrt())
            last = [each[-1:] for each in maps]
            told(len(some))
        return torch.cat(parts)
