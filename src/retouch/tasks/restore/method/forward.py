"""A network applied to planes: the only place where samples become tensors."""

from __future__ import annotations

import copy
import math
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from retouch.errors import UnknownWeights, WeightsError
from retouch.tasks.restore.method.field import cost_per_pixel, field_of
from retouch.tasks.restore.network import told
from retouch.weights import Card

Planes = NDArray[np.float32]
Precision = Literal["float32", "bfloat16"]

GAIN: dict[Precision, float] = {"float32": 1.35, "bfloat16": 2.2}
"""How many times as fast a pixel is computed where no map's memory is taken anew; measured."""


class Forward:
    """A network of this task, ready for planes; it holds nothing that changes.

    Args:
        network: in eval mode. It is not changed: what computes is a copy with its channels last.
        card: what is known about it.
        precision: ``bfloat16`` computes its convolutions in 16 bit.
    """

    def __init__(self, network: nn.Module, card: Card, precision: Precision = "float32") -> None:
        channels = card.sizes.get("channels", 3)
        self.channels = channels if isinstance(channels, int) else 3
        self.name = card.name
        self.scale = card.scale
        own = getattr(network, "multiple", 1)
        self.multiple = math.lcm(card.multiple, own if isinstance(own, int) else 1)
        self.field = field_of(network, card.architecture, self.multiple)
        self.device = next((tensor.device for tensor in network.parameters()), torch.device("cpu"))
        self._low, self._high = card.value_range
        self._told = card.architecture == "denoiser"
        self._half = precision == "bfloat16"
        self._network = copy.deepcopy(network).to(memory_format=torch.channels_last)
        inputs = self.channels + self._told
        planes = 3 // self.channels  # a network for gray gets the three planes as a batch
        cost = cost_per_pixel(self._probed, inputs, self.multiple)
        self.bytes_per_pixel = planes * cost.peak
        quick = self.device.type == "cpu" and self.field.exact
        gain = GAIN[precision]
        self.quick_pixels = cost.quick(self.field.margin, gain) / planes if quick else math.inf

    def planes(self, planes: Planes, *, noise: float | None, ensemble: bool) -> Planes:
        """Restore.

        Args:
            planes: (3 | 1, h, w) in [0, 1], sides multiples of ``multiple``.
            noise: its standard deviation in levels of 255; None when it is not known. Networks that are not
                told of noise do not look at it.
            ensemble: give the mean of the eight ways to turn and mirror.

        Returns:
            (3 | 1, scale · h, scale · w), not clipped.

        Raises:
            WeightsError: the network gives NaN or infinity.
        """
        x = torch.from_numpy(np.ascontiguousarray(planes, np.float32))
        return self.tensor(x[None], noise=noise, ensemble=ensemble)[0].numpy()

    def tensor(self, x: Tensor, *, noise: float | None, ensemble: bool) -> Tensor:
        """Restore (1, C, h, w) on the CPU; see :meth:`planes`."""
        with torch.inference_mode():
            ready = self._prepared(x.to(self.device), noise)
            made = self._turned(ready) if ensemble else self._called(ready)
            if (self._low, self._high) != (0, 1):
                made = (made - self._low) / (self._high - self._low)
            if not bool(torch.isfinite(made).all()):
                raise WeightsError(
                    f"{self.name} gives NaN or infinity for this photo; its weights are damaged or its "
                    "training broke down: take an earlier checkpoint, or convert the original again"
                )
            if self.channels == 1:
                made = made.transpose(0, 1)
            elif x.shape[1] == 1:
                made = made.mean(1, keepdim=True)
            return made.cpu()

    def _prepared(self, x: Tensor, noise: float | None) -> Tensor:
        if self.channels == 1:
            x = x.transpose(0, 1)
        elif x.shape[1] == 1:
            x = x.expand(-1, self.channels, -1, -1)
        if (self._low, self._high) != (0, 1):
            x = self._low + (self._high - self._low) * x
        if self._told:
            x = told(x, (noise or 0.0) / 255)
        return x.contiguous(memory_format=torch.channels_last)

    def _turned(self, x: Tensor) -> Tensor:
        total: Tensor | None = None
        for turns in range(4):
            for mirrored in (False, True):
                view = torch.rot90(x, turns, (2, 3))
                view = view.flip(3) if mirrored else view
                made = self._called(view.contiguous(memory_format=torch.channels_last))
                made = torch.rot90(made.flip(3) if mirrored else made, -turns, (2, 3))
                total = made if total is None else total.add_(made)
        if total is None:
            raise AssertionError("there are eight ways")
        return total / 8

    def _probed(self, x: Tensor) -> None:
        wanted = (1, self.channels, x.shape[2] * self.scale, x.shape[3] * self.scale)
        try:
            got = tuple(self._called(x.to(self.device)).shape)
        except RuntimeError as error:
            raise UnknownWeights(
                f"{self.name} does not take pictures of {self.channels} channels ({error!s:.120}); correct "
                "its card, or convert the original again"
            ) from error
        if got != wanted:
            raise UnknownWeights(
                f"{self.name} turns {tuple(x.shape)} into {got}, and its card says {wanted}; correct the "
                "card, or convert the original again"
            )

    def _called(self, x: Tensor) -> Tensor:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._half):
            found: Tensor = self._network(x)
        return found.float()
