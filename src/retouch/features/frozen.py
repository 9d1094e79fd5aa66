"""Features of pictures that change, by a network that does not.

A picture that is made from its features asks for them, and for their slope along the picture, some hundred
times. That nothing is asked about the weights allows what automatic differentiation cannot know: convolutions
with their ReLU in one pass, no slopes of weights, and only what the slope of the picture needs is kept.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, Protocol, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from retouch.errors import UnknownName
from retouch.features.judging import Asked, Judge, Onto, Verdict, judged
from retouch.features.kernels import Kernel
from retouch.features.network import Features
from retouch.features.vgg import Vgg

Precision = Literal["float32", "bfloat16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


class Look(Protocol):
    """Looks at pictures: at one, (1, 3, H, W), at a time where it judges."""

    def __call__(self, x: Tensor, layers: Iterable[str], /) -> dict[str, Tensor]:
        """Compute the features of layers, as a network does."""
        ...

    def judge(self, x: Tensor, judges: Mapping[Asked, Judge], /) -> dict[Asked, Tensor]:
        """Judge the features of layers: what is asked → value, with a slope along the picture."""
        ...


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
            for: a tenth less memory, for a third more time.

    Returns:
        What computes features, as the network itself does, and judges them; their type is that of the
        precision, but for "input".

    Raises:
        UnknownName: there is no such precision.
    """
    if precision not in PRECISIONS:
        raise UnknownName("precision", precision, PRECISIONS)
    if not isinstance(network, Vgg):
        return _Plain(network)
    return _Frozen(network, getattr(torch, precision), checkpoint)


def natural_precision(device: torch.device) -> Precision:
    """Say in which precision a VGG is fastest.

    Args:
        device: where it is computed.

    Returns:
        "bfloat16" where the device multiplies in it, "float32" elsewhere, where it would be imitated.
    """
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    if device.type != "cpu":
        return "float32"
    able = torch.cpu.get_capabilities()
    return "bfloat16" if able.get("amx_bf16") or able.get("avx512_bf16") else "float32"


class _Plain:
    """Any network, differentiated by PyTorch."""

    def __init__(self, network: Features) -> None:
        self.network = network

    def __call__(self, x: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        return self.network.forward(x, layers)

    def judge(self, x: Tensor, judges: Mapping[Asked, Judge]) -> dict[Asked, Tensor]:
        found = self.network.forward(x, {layer for layer, _ in judges})
        return {asked: judged(found[asked[0]], judge) for asked, judge in judges.items()}


class _Frozen:
    """A VGG, prepared."""

    def __init__(self, network: Vgg, kind: torch.dtype, checkpoint: bool) -> None:
        self.network = network
        self.kind = kind
        self.checkpoint = checkpoint
        self._kernels: dict[str, Kernel] = {}

    def __call__(self, x: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        wanted = self.network.checked(x, layers)
        deep = tuple(name for name in self.network.layers[1:] if name in wanted)
        found = {"input": x} if "input" in wanted else {}
        if deep:
            found.update(zip(deep, _Walk.apply(x, self, deep, {}), strict=True))
        return found

    def judge(self, x: Tensor, judges: Mapping[Asked, Judge]) -> dict[Asked, Tensor]:
        self.network.checked(x, {layer for layer, _ in judges})
        deep = {asked: judge for asked, judge in judges.items() if asked[0] != "input"}
        found = {asked: judged(x, judge) for asked, judge in judges.items() if asked not in deep}
        if deep:
            found.update(zip(deep, _Walk.apply(x, self, (), deep), strict=True))
        return found

    def kernel(self, name: str) -> Kernel:
        """Give the convolution of a layer, prepared when it is first asked for."""
        if name not in self._kernels:
            first = name == "conv1_1"
            self._kernels[name] = Kernel.of(
                self.network, name, torch.float32 if first else self.kind, self.kind
            )
        return self._kernels[name]

    def stages(self, asked: Iterable[str]) -> list[tuple[str, ...]]:
        """Layers down to the deepest of some, cut after each pool."""
        found: list[list[str]] = [[]]
        deepest = max(map(self.network.layers.index, asked))
        for name in self.network.layers[1 : deepest + 1]:
            found[-1].append(name)
            if name.startswith("pool"):
                found.append([])
        return [tuple(stage) for stage in found if stage]

    def walk(self, x: Tensor, stage: Sequence[str], wanted: Collection[str], known: Found) -> Found:
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
            elif (fused and relu in known) or name in found:
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
        found: Tensor
        if places is None:
            found = torch.ops.aten.avg_pool2d_backward(slope, before, *sizes, self.network.ceil, True, None)
        else:
            found = torch.ops.aten.max_pool2d_with_indices_backward(
                slope, before, *sizes, [1, 1], self.network.ceil, places
            )
        return found


class _Walk(torch.autograd.Function):
    """Features of some layers, verdicts on others, and the slope along the picture."""

    @staticmethod
    def forward(
        ctx: Any, picture: Tensor, network: _Frozen, wanted: tuple[str, ...], judges: Mapping[Asked, Judge]
    ) -> tuple[Tensor, ...]:
        asked = {*wanted, *(layer for layer, _ in judges)}
        stages = network.stages(asked)
        made: Found = {}
        verdicts: dict[Asked, Verdict] = {}
        kept: list[Found] = []
        x = picture.detach()
        for stage in stages:
            start = x
            found = network.walk(x, stage, asked, {})
            for name in stage:
                if name in wanted:
                    made[name] = found[name]
            for key, judge in judges.items():
                if key[0] in stage:
                    verdicts[key] = judge(found[key[0]])
            x = _deepest(found, stage)
            if ctx.needs_input_grad[0]:
                # What is returned must not be kept, but its memory may.
                held = asked if network.checkpoint else found
                kept.append(
                    {START: start.detach(), **{each: found[each].detach() for each in found if each in held}}
                )
        ctx.network, ctx.asked, ctx.stages, ctx.kept = network, asked, stages, kept
        ctx.wanted, ctx.ontos = wanted, {key: verdicts[key].onto for key in judges}
        ctx.set_materialize_grads(False)
        return (*(made[name] for name in wanted), *(verdicts[key].value for key in judges))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, None, None, None]:
        network: _Frozen = ctx.network
        slopes: dict[str, list[Onto]] = {}
        for name, grad in zip(ctx.wanted, grads, strict=False):
            if grad is not None:
                slopes.setdefault(name, []).append(partial(_plus, grad))
        for ((layer, _), onto), grad in zip(ctx.ontos.items(), grads[len(ctx.wanted) :], strict=True):
            if grad is not None:
                slopes.setdefault(layer, []).append(_times(onto, float(grad)))
        slope: Tensor | None = None
        for stage, kept in zip(reversed(ctx.stages), reversed(ctx.kept), strict=True):
            if slope is None and not slopes.keys() & set(stage):
                continue
            found = kept
            if network.checkpoint:
                found = {START: kept[START], **network.walk(kept[START], stage, ctx.asked, kept)}
            slope = _back(network, stage, found, slope, slopes)
        return None if slope is None else slope.to(torch.float32), None, None, None


def _back(
    network: _Frozen,
    stage: Sequence[str],
    found: Found,
    slope: Tensor | None,
    slopes: Mapping[str, Sequence[Onto]],
) -> Tensor | None:
    """Bring slopes along what a stage gives to one along what it begins with."""
    masked = False
    for place in range(len(stage) - 1, -1, -1):
        name = stage[place]
        for onto in slopes.get(name, ()):
            slope = onto(slope, 1.0)
            masked = False
        if slope is None:
            continue
        if name.startswith("relu"):
            slope = slope if masked else _through(slope, found[name])
        elif name.startswith("conv"):
            slope = network.kernel(name).back(slope)
            masked = False
        else:
            # The maxima are what the ReLU let through: to leave out those of 0 here saves a pass over more.
            masked = PLACES in found and stage[place - 1].startswith("relu")
            slope = _through(slope, found[name]) if masked else slope
            slope = network.unpool(slope, found[stage[place - 1]], found.get(PLACES))
    return slope


def _through(slope: Tensor, features: Tensor) -> Tensor:
    """The slope where the ReLU let something through."""
    passed: Tensor
    if slope.stride() == features.stride():
        passed = torch.ops.aten.threshold_backward.grad_input(slope, features, 0, grad_input=slope)
    else:
        passed = torch.ops.aten.threshold_backward(slope, features, 0)
    return passed


def _plus(own: Tensor, slope: Tensor | None, factor: float) -> Tensor:
    return own * factor if slope is None else slope.add_(own, alpha=factor)


def _times(onto: Onto, factor: float) -> Onto:
    return lambda slope, more: onto(slope, factor * more)


def _deepest(found: Mapping[str, Tensor], stage: Sequence[str]) -> Tensor:
    return found[next(name for name in reversed(stage) if name in found)]
