"""Refining a fill: the features of the network are changed until a fine fill agrees with a coarser one."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from retouch.errors import InputError
from retouch.tasks.inpaint.method.forward import masked, pixels_of
from retouch.tasks.inpaint.method.frame import continued

Pixels = NDArray[np.float32]
Plane = NDArray[np.bool_]

RATE = 0.002
"""Adam's, as in the paper."""

_RIM = 7  # pixels inside the hole where the coarser fill is not compared: it is not exact there


def check_halves(network: nn.Module, name: str) -> None:
    """Refuse a network that cannot be cut behind its encoder.

    Args:
        network: a generator.
        name: what its weights are called.

    Raises:
        InputError: it has no ``front`` and ``rear``.
    """
    if not callable(getattr(network, "front", None)) or not callable(getattr(network, "rear", None)):
        raise InputError(
            f"the network of {name} cannot be refined, because it has no residual blocks to refine before; "
            "pass refine=0, or another model"
        )


def refined(
    network: nn.Module,
    pixels: Pixels,
    unknown: Plane,
    guide: Pixels,
    *,
    steps: int,
    device: torch.device,
    multiple: int,
) -> Pixels:
    """Fill a crop so that it agrees with a coarser fill.

    Args:
        network: with ``front``, which makes features of a masked picture, and ``rear``, which makes a
            picture of them; in float32, and not changed.
        pixels: (h, w, 3).
        unknown: (h, w), True where it is to be filled.
        guide: (h, w, 3), the coarser fill, enlarged.
        steps: of Adam.
        device: the network's.
        multiple: pixels that its pictures' sides must be a multiple of.

    Returns:
        (h, w, 3) in [0, 1].

    Raises:
        WeightsError: the network gives NaN or infinity.

    Source: Kulshreshtha, Pugh, Jiddi 2022, "Feature Refinement to Improve High Resolution Image
        Inpainting", arXiv:2206.13644.
    Departs: the fine fill is compared after averaging 2 × 2 pixels and enlarging them again, as the
        coarser one was, not after a Gaussian; it works on any device and at the photo's own size.
    """
    x = masked(pixels, unknown, device=device, multiple=multiple)
    known = 1 - x[:, 3:]
    target = torch.from_numpy(continued(guide, unknown, multiple)[0].transpose(2, 0, 1)[None]).to(device)
    inner = 1 - F.max_pool2d(known, 2 * _RIM + 1, 1, _RIM)
    inside = inner if bool(inner.any()) else 1 - known
    rear = _Rear(network)
    weights = {name: tensor.detach() for name, tensor in rear.state_dict(keep_vars=True).items()}
    with torch.inference_mode(mode=False), torch.enable_grad():
        with torch.no_grad():
            features = cast("tuple[Tensor | None, ...]", network.front(x))  # type: ignore[operator]
        leaves = [None if part is None else part.detach().clone().requires_grad_() for part in features]
        changed = [part for part in leaves if part is not None]
        optimiser = torch.optim.Adam(changed, lr=RATE)
        for _ in range(steps):
            made = torch.func.functional_call(rear, weights, (tuple(leaves),))
            loss = ((made - x[:, :3]).abs() * known).mean()
            low = F.interpolate(F.avg_pool2d(made, 2), scale_factor=2, mode="bilinear")
            loss = loss + ((low - target).abs() * inside).mean()
            for part, slope in zip(changed, torch.autograd.grad(loss, changed), strict=True):
                part.grad = slope
            optimiser.step()
        with torch.no_grad():
            return pixels_of(rear(tuple(leaves)), unknown.shape)


class _Rear(nn.Module):
    """The network behind its encoder, as a module of its own."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, features: tuple[Tensor | None, ...]) -> Tensor:
        return cast("Tensor", self.network.rear(features))  # type: ignore[operator]
