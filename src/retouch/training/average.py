"""An exponential moving average of a network's weights, which is often better than the weights."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


class Average:
    """Follow a network with an average of its weights and of its buffers.

    The pace is given in images, so that it does not depend on the batch: after ``half_life`` images
    an old weight counts half. Early on the average is taken over what there is, so that the first
    weights, which are random, are soon forgotten. Statistics of batch normalisation are averaged alike: those
    of the network as it is now belong to other weights. Counts are copied.

    Args:
        network: the network to follow; not changed.
        half_life: images.

    Source: Karras et al. 2020, arXiv:1912.04958, appendix B (half-life in images, with a ramp-up).
    """

    def __init__(self, network: nn.Module, half_life: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.half_life = half_life

    @torch.no_grad()
    def follow(self, network: nn.Module, images: int, seen: int) -> None:
        """Move on after a step.

        Args:
            network: the network as it is now.
            images: images in the step.
            seen: images of the run so far, this step included.
        """
        half_life = min(self.half_life, 0.05 * seen)
        keep = 0.5 ** (images / max(half_life, 1e-8))
        pairs = list(zip(self.network.parameters(), network.parameters(), strict=True))
        for pair in zip(self.network.buffers(), network.buffers(), strict=True):
            if pair[0].is_floating_point():
                pairs.append(pair)  # type: ignore[arg-type]
            else:
                pair[0].copy_(pair[1])
        mine, theirs = ([item.detach() for item in side] for side in zip(*pairs, strict=True))
        torch._foreach_lerp_(mine, theirs, 1.0 - keep)

    def state_dict(self) -> dict[str, Tensor]:
        """Give the averaged weights, as the network names them."""
        return self.network.state_dict()

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take averaged weights back."""
        self.network.load_state_dict(state)
