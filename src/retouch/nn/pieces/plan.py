"""A network as a list of steps."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from retouch.nn.layers import Blur, Tanh
from retouch.nn.pieces.operations import (
    BilinearDoubling,
    Border,
    Concatenation,
    Convolution,
    Dropout,
    NearestDoubling,
    Normalisation,
    Operation,
    Pointwise,
    Shape,
    Sum,
    TransposedConvolution,
)
from retouch.nn.residual import BorderedConv


@dataclass(frozen=True)
class Step:
    """One operation, and where its inputs come from.

    Args:
        operation: what it does; None for the picture itself.
        inputs: the numbers of earlier steps.
    """

    operation: Operation | None
    inputs: tuple[int, ...] = ()


@dataclass(frozen=True)
class Plan:
    """The steps of a network in order: the first is the picture, the last the result."""

    steps: tuple[Step, ...]

    def shapes(self, picture: Shape) -> list[Shape]:
        """Say how large the map of every step is, for a picture of this shape."""
        found: list[Shape] = []
        for step in self.steps:
            inputs = [found[number] for number in step.inputs]
            found.append(picture if step.operation is None else step.operation.shape(inputs))
        return found

    def consumers(self) -> list[list[int]]:
        """List, for every step, the steps that take its result."""
        found: list[list[int]] = [[] for _ in self.steps]
        for number, step in enumerate(self.steps):
            for source in step.inputs:
                found[source].append(number)
        return found

    @property
    def has_dropout(self) -> bool:
        """Whether a step drops values by chance."""
        return any(isinstance(step.operation, Dropout) and step.operation.share for step in self.steps)


def plan_of(network: nn.Module, *, own_statistics: bool = False) -> Plan:
    """Read the steps of a network.

    Args:
        network: one that is made of what this file knows. Its weights are shared, not copied, and it is not
            changed.
        own_statistics: let batch normalisation use the mean and variance of the picture itself, as a
            network in training does, instead of those it kept.

    Returns:
        Its steps; running all of them gives what the network gives.

    Raises:
        TypeError: The network does something that has no entry in this file.
    """
    graph = _Tracer().trace(network)
    modules = dict(network.named_modules())
    numbers: dict[fx.Node, int] = {}
    steps: list[Step] = []
    for node in graph.nodes:
        if node.op == "output":
            break
        sources = tuple(numbers[source] for source in node.all_input_nodes)
        if node.op == "placeholder":
            operation: Operation | None = None
        else:
            operation = _operation(node, modules, own_statistics=own_statistics, number=len(steps))
            if operation is None:
                numbers[node] = sources[0]
                continue
        numbers[node] = len(steps)
        steps.append(Step(operation, sources))
    return Plan(tuple(steps))


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, tuple(_MODULES)) or super().is_leaf_module(m, module_qualified_name)


def _operation(
    node: fx.Node, modules: dict[str, nn.Module], *, own_statistics: bool, number: int
) -> Operation | None:
    """The operation of a node; None when it does nothing."""
    if node.op == "call_module":
        module = modules[str(node.target)]
        if isinstance(module, nn.Identity):
            return None
        if isinstance(module, nn.Dropout):
            return Dropout(module.p, number) if module.p else None
        if isinstance(module, nn.BatchNorm2d | nn.InstanceNorm2d):
            return _normalisation(module, own_statistics=own_statistics)
        for kind, made in _MODULES.items():
            if isinstance(module, kind):
                return made(module)
    if node.op == "call_function" and node.target in _FUNCTIONS:
        return _FUNCTIONS[node.target](node)
    raise TypeError(
        f"{node.target} of the network has no entry in {__name__}; add one, or build it of layers that have"
    )


def _normalisation(norm: nn.BatchNorm2d | nn.InstanceNorm2d, *, own_statistics: bool) -> Operation:
    mean, variance = norm.running_mean, norm.running_var
    by_picture = own_statistics and isinstance(norm, nn.BatchNorm2d)
    kept = None if by_picture or mean is None or variance is None else (mean, variance)
    return Normalisation(norm.weight, norm.bias, norm.eps, kept)


def _convolution(module: Any) -> Operation:
    if isinstance(module, BorderedConv):
        border: Border = "reflect" if module.mode == "reflect" else "zeros"
        return Convolution(
            module.conv.weight, module.conv.bias, module.conv.stride[0], module.padding[0], border
        )
    return Convolution(module.weight, module.bias, module.stride[0], module.padding[0], groups=module.groups)


def _transposed(module: Any) -> Operation:
    return TransposedConvolution(module.weight, module.bias, module.padding[0], groups=module.groups)


def _blur(module: Any) -> Operation:
    weight: Tensor = module.filter
    if module.direction == "down":
        return Convolution(weight, None, 2, 1, "reflect", groups=module.channels)
    return TransposedConvolution(weight, None, 1, "replicate", groups=module.channels)


def _doubling(module: Any) -> Operation:
    return NearestDoubling() if module.mode == "nearest" else BilinearDoubling()


_MODULES: dict[type[nn.Module], Callable[[Any], Operation]] = {
    BorderedConv: _convolution,
    nn.Conv2d: _convolution,
    nn.ConvTranspose2d: _transposed,
    Blur: _blur,
    nn.Upsample: _doubling,
    Tanh: Pointwise,
}


def _leaky(node: fx.Node) -> Operation:
    slope: Any = node.kwargs.get("negative_slope", 0.01)
    return Pointwise(lambda x: F.leaky_relu(x, slope))


_FUNCTIONS: dict[Any, Callable[[fx.Node], Operation]] = {
    F.relu: lambda _: Pointwise(F.relu),
    F.leaky_relu: _leaky,
    torch.cat: lambda _: Concatenation(),
    operator.add: lambda _: Sum(),
}
