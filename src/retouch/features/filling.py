"""A VGG of given numbers, without drawing the random ones that a fresh network begins with."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from retouch.features.vgg import Vgg
from retouch.weights.card import JSON


def filled(sizes: Mapping[str, JSON], tensors: Mapping[str, Tensor]) -> Vgg:
    """Make a VGG of given numbers; the caller's random numbers are left alone.

    Args:
        sizes: the arguments of :class:`~retouch.features.vgg.Vgg`.
        tensors: its state dict, of any type; copied.

    Returns:
        The network, float32, frozen, in eval mode.
    """
    with torch.device("meta"):
        network = Vgg(**sizes)  # type: ignore[arg-type]
    state = {name: torch.empty(each.shape, device=each.device).copy_(each) for name, each in tensors.items()}
    network.load_state_dict(state, strict=True, assign=True)
    return network.requires_grad_(False).eval()
