"""Say how far features are from what is wanted, and what that means for them.

A verdict on features is a number and its slope along them. The slope of a layer can be larger than all else
that is kept; a verdict therefore adds it, when it is asked for, to what has come from deeper layers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Onto = Callable[[Tensor | None, float], Tensor]
"""A slope along features, or None, and a factor → the slope, changed in place or not, with factor × the
verdict's added."""


@dataclass(frozen=True)
class Verdict:
    """How far features are from what is wanted.

    Attributes:
        value: a number, float32 or float64, without a slope.
        onto: adds its slope.
    """

    value: Tensor
    onto: Onto


Judge = Callable[[Tensor], Verdict]
"""(1, C, h, w) → a verdict."""

Asked = tuple[str, str]
"""A layer, and what for: a layer can be judged more than once."""


def judged(features: Tensor, judge: Judge) -> Tensor:
    """Say how far features are from what is wanted.

    Args:
        features: (1, C, h, w).
        judge: says it.

    Returns:
        The verdict's value, with a slope along the features.
    """
    value: Tensor = _Judged.apply(features, judge)
    return value


def together(judges: Sequence[Judge]) -> Judge:
    """Make one judge of several.

    Args:
        judges: at least one.

    Returns:
        Their sum.
    """
    if len(judges) == 1:
        return judges[0]

    def judge(features: Tensor) -> Verdict:
        verdicts = [each(features) for each in judges]

        def onto(slope: Tensor | None, factor: float) -> Tensor:
            found = verdicts[0].onto(slope, factor)
            for verdict in verdicts[1:]:
                found = verdict.onto(found, factor)
            return found

        return Verdict(torch.stack([verdict.value for verdict in verdicts]).sum(), onto)

    return judge


def differentiated(loss: Callable[[Tensor], Tensor]) -> Judge:
    """Make a judge of a function that PyTorch can differentiate.

    Args:
        loss: (1, C, h, w) → a number.

    Returns:
        The judge, which finds the slope with the value.
    """

    def judge(features: Tensor) -> Verdict:
        asked = features.detach().requires_grad_()
        with torch.enable_grad():
            value = loss(asked)
            (found,) = torch.autograd.grad(value, asked)

        def onto(slope: Tensor | None, factor: float) -> Tensor:
            return found * factor if slope is None else slope.add_(found, alpha=factor)

        return Verdict(value.detach(), onto)

    return judge


class _Judged(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, judge: Judge) -> Tensor:
        verdict = judge(features.detach())
        ctx.onto = verdict.onto
        return verdict.value

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return ctx.onto(None, float(grads[0])), None
