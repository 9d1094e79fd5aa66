"""Features of pictures that change, by a network that does not.

A picture that is made from its features asks for them, and for their slope along the picture, some hundred
times. That nothing is asked about the weights allows what automatic differentiation cannot know: convolutions
with their ReLU in one pass, no slopes of weights, and only what the slope of the picture needs is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from retouch.errors import UnknownName
from retouch.features.kernels import Kernel
from retouch.features.network import Features
from retouch.features.vgg import Vgg

Precision = Literal["float32", "bfloat16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

Look = Callable[[Tensor, Iterable[str]], Mapping[str, Tensor]]
"""(1, 3, H, W), layers → their features."""

Found = dict[str, Tensor]

START, PLACES = "start", "places"
"""What is kept of a stage beside its layers: what it begins with, and where its pool found the maxima."""


def frozen(network: Features, *, precision: Precision = "float32", checkpoint: bool = False) -> Look:
    """Prepare a network for pictures whose slope is asked for, again and again.

    Args:
        network: whose weights do not change from now on.
        precision: of the features, and of what is kept for the slope; the first convolution is float32 all
            the same. A network that is no VGG computes in float32 whatever is said here.
        checkpoint: keep only what the stages begin with, and compute the rest again when the slope is asked
            for: two thirds of the memory, for a third more time.

    Returns:
        What computes features, as the network itself does; their type is that of the precision, but for
        "input".

    Raises:
        UnknownName: there is no such precision.
    """
    if precision not in PRECISIONS:
        raise UnknownName("precision", precision, PRECISIONS)
    if not isinstance(network, Vgg):
        return network
    return _Frozen(network, getattr(torch, precision), checkpoint)


class _Frozen:
    """A VGG, prepared."""

    def __init__(self, network: Vgg, kind: torch.dtype, checkpoint: bool) -> None:
        self.network = network
        self.kind = kind
        self.checkpoint = checkpoint
        self._kernels: dict[str, Kernel] = {}

    def __call__(self, x: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        wanted = self.network.checked(x, layers)
        names = tuple(name for name in self.network.layers if name in wanted)
        found: dict[str, Tensor] = {"input": x} if "input" in wanted else {}
        deep = tuple(name for name in names if name != "input")
        if deep:
            found.update(zip(deep, _Walk.apply(x, self, deep), strict=True))
        return found

    def kernel(self, name: str) -> Kernel:
        """Give the convolution of a layer, prepared when it is first asked for."""
        if name not in self._kernels:
            first = name == "conv1_1"
            self._kernels[name] = Kernel.of(self.network, name, torch.float32 if first else self.kind, self.kind)
        return self._kernels[name]

    def stages(self, deepest: str) -> list[tuple[str, ...]]:
        """Layers down to one of them, cut after each pool."""
        found: list[list[str]] = [[]]
        for name in self.network.layers[1 : self.network.layers.index(deepest) + 1]:
            found[-1].append(name)
            if name.startswith("pool"):
                found.append([])
        return [tuple(stage) for stage in found if stage]

    def walk(self, x: Tensor, stage: Sequence[str], wanted: Sequence[str], known: Found) -> Found:
        """Compute the layers of a stage.

        Args:
            x: what it begins with.
            stage: its layers.
            wanted: those whose features are asked for.
            known: those that need not be computed again.

        Returns:
            Layer → features; those of a convolution only where they are asked for or its ReLU is not part of
            the stage. A pool gives the places of the maxima, too, under ``PLACES``.
        """
        found: Found = {}
        for place, name in enumerate(stage):
            relu = name.replace("conv", "relu")
            fused = relu != name and name not in wanted and relu in stage[place + 1 :]
            if name in known and not name.startswith("pool"):
                x = known[name]
            elif fused and relu in known or name in found:
                continue
            elif name.startswith("pool"):
                x, places = self.pool(x)
                if places is not None:
                    found[PLACES] = places
            elif name.startswith("conv"):
                x = self.kernel(name)(x, relu=fused)
            else:
                x = F.relu(x)
            found[relu if fused else name] = x
        return found

    def pool(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Halve the size; say where the maxima were."""
        if self.network.pooling == "average":
            return self.network.pool(x), None
        found, places = F.max_pool2d(x, 2, ceil_mode=self.network.ceil, return_indices=True)
        return found, places

    def unpool(self, slope: Tensor, before: Tensor, places: Tensor | None) -> Tensor:
        """The slope along what was pooled."""
        sizes: tuple[list[int], ...] = ([2, 2], [2, 2], [0, 0])
        if places is None:
            back: Tensor = torch.ops.aten.avg_pool2d_backward(
                slope, before, *sizes, self.network.ceil, True, None
            )
            return back
        back = torch.ops.aten.max_pool2d_with_indices_backward(
            slope, before, *sizes, [1, 1], self.network.ceil, places
        )
        return back


class _Walk(torch.autograd.Function):
    """Features of some layers, and the slope along the picture."""

    @staticmethod
    def forward(ctx: Any, picture: Tensor, network: _Frozen, wanted: tuple[str, ...]) -> tuple[Tensor, ...]:
        stages = network.stages(wanted[-1])
        made: Found = {}
        kept: list[Found] = []
        x = picture.detach()
        for stage in stages:
            start = x
            found = network.walk(x, stage, wanted, {})
            made.update({name: found[name] for name in stage if name in wanted})
            x = found[next(name for name in reversed(stage) if name in found)]
            if ctx.needs_input_grad[0]:
                # What is returned must not be kept, but its memory may.
                kept.append(
                    {
                        START: start.detach(),
                        **{
                            name: value.detach()
                            for name, value in found.items()
                            if not network.checkpoint or name in wanted
                        },
                    }
                )
        ctx.network, ctx.wanted, ctx.stages, ctx.kept = network, wanted, stages, kept
        ctx.set_materialize_grads(False)
        return tuple(made[name] for name in wanted)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, None, None]:
        network: _Frozen = ctx.network
        slopes = {name: slope for name, slope in zip(ctx.wanted, grads, strict=True) if slope is not None}
        slope: Tensor | None = None
        for stage, kept in zip(reversed(ctx.stages), reversed(ctx.kept), strict=True):
            if slope is None and not slopes.keys() & set(stage):
                continue
            found = kept
            if network.checkpoint:
                found = {START: kept[START], **network.walk(kept[START], stage, ctx.wanted, kept)}
            slope = _back(network, stage, found, slope, slopes)
        return None if slope is None else slope.to(torch.float32), None, None


def _back(
    network: _Frozen, stage: Sequence[str], found: Found, slope: Tensor | None, slopes: Found
) -> Tensor | None:
    """Bring slopes along what a stage gives to one along what it begins with; takes those that it uses."""
    masked = False
    for place in range(len(stage) - 1, -1, -1):
        name = stage[place]
        own = slopes.pop(name, None)
        if slope is None and own is None:
            continue
        if name.startswith("relu"):
            if own is not None:
                own = torch.ops.aten.threshold_backward(own, found[name], 0)
            if slope is not None and not masked:
                slope = torch.ops.aten.threshold_backward(slope, found[name], 0)
            slope = _sum(slope, own)
            continue
        slope = _sum(slope, own)
        assert slope is not None
        if name.startswith("conv"):
            slope = network.kernel(name).back(slope)
            masked = False
            continue
        before = found[stage[place - 1]]
        # The maxima are what the ReLU let through: to leave out those of 0 here saves a pass over more.
        masked = PLACES in found and stage[place - 1].startswith("relu")
        if masked:
            slope = torch.ops.aten.threshold_backward(slope, found[name], 0)
        slope = network.unpool(slope, before, found.get(PLACES))
    return slope


def _sum(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    if one is None or other is None:
        return other if one is None else one
    return one + other
