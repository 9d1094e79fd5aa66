"""Every operation gives, for any window, what it gives there for the whole map."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from retouch.nn.layers import Blur
from retouch.nn.pieces.operations import (
    NOTHING,
    BilinearDoubling,
    Convolution,
    Dropout,
    NearestDoubling,
    Normalisation,
    Operation,
    Pooling,
    Shape,
    Span,
    TransposedConvolution,
    Window,
)

RANDOM = torch.Generator().manual_seed(0)


def weight(*shape: int) -> Tensor:
    return torch.randn(shape, generator=RANDOM)


OPERATIONS: dict[str, tuple[Operation, int]] = {
    "3×3, zeros": (Convolution(weight(4, 2, 3, 3), weight(4), 1, 1), 2),
    "4×4, halving": (Convolution(weight(4, 2, 4, 4), None, 2, 1), 2),
    "3×3, halving": (Convolution(weight(4, 2, 3, 3), weight(4), 2, 1), 2),
    "7×7, reflected": (Convolution(weight(4, 2, 7, 7), weight(4), 1, 3, "reflect"), 2),
    "blur down": (Convolution(Blur(2, "down").filter, None, 2, 1, "reflect", groups=2), 2),
    "4×4, doubling": (TransposedConvolution(weight(2, 3, 4, 4), weight(3), 1), 2),
    "3×3, doubling": (TransposedConvolution(weight(2, 3, 3, 3), weight(3), 1), 2),
    "blur up": (TransposedConvolution(Blur(2, "up").filter, None, 1, "replicate", groups=2), 2),
    "7×7, reflected, halving": (Convolution(weight(4, 2, 7, 7), weight(4), 2, 3, "reflect"), 2),
    "bilinear": (BilinearDoubling(), 2),
    "nearest": (NearestDoubling(), 2),
    "largest": (Pooling(), 2),
    "mean": (Pooling("average"), 2),
    "largest, rounded up": (Pooling(ceil=True), 2),
    "mean, rounded up": (Pooling("average", ceil=True), 2),
}
every_operation = pytest.mark.parametrize("name", OPERATIONS)


def in_torch(name: str, x: Tensor) -> Tensor:
    """The same by the function that torch has for it."""
    operation = OPERATIONS[name][0]
    if isinstance(operation, Convolution):
        if name == "blur down":
            return Blur(2, "down").forward(x)
        mode = "reflect" if operation.border == "reflect" else "constant"
        x = F.pad(x, (operation.padding,) * 4, mode=mode)
        return F.conv2d(x, operation.weight, operation.bias, operation.stride)
    if isinstance(operation, TransposedConvolution):
        if name == "blur up":
            return Blur(2, "up").forward(x)
        last = 4 - operation.kernel
        return F.conv_transpose2d(x, operation.weight, operation.bias, 2, 1, last)
    if isinstance(operation, Pooling):
        pool = nn.MaxPool2d if operation.kind == "max" else nn.AvgPool2d
        pooled: Tensor = pool(2, ceil_mode=operation.ceil)(x)
        return pooled
    return F.interpolate(x, scale_factor=2, mode="nearest" if name == "nearest" else "bilinear")


@every_operation
@given(
    height=st.integers(4, 12), width=st.integers(4, 12), corners=st.tuples(*[st.floats(0, 1, width=32)] * 4)
)
@settings(max_examples=60, deadline=None)
def test_a_window_is_cut_from_the_whole(
    name: str, height: int, width: int, corners: tuple[float, float, float, float]
) -> None:
    operation, channels = OPERATIONS[name]
    x = torch.randn(1, channels, height, width, generator=torch.Generator().manual_seed(height * width))
    shape = Shape(*x.shape[1:])
    whole = in_torch(name, x)
    result = operation.shape([shape])
    assert list(result) == list(whole.shape[1:])
    assert torch.allclose(operation.compute([x], result.window, shape, NOTHING), whole, atol=1e-5)
    window = Window(_span(*corners[:2], result.height), _span(*corners[2:], result.width))
    needed = operation.needs(window, shape)
    for span, size in zip(needed, shape[1:], strict=True):
        assert 0 <= span.start < span.stop <= size
    piece = operation.compute([needed.cut_from(x, shape.window)], window, shape, NOTHING)
    assert torch.allclose(piece, window.cut_from(whole, result.window), atol=1e-5)


def _span(one: float, other: float, size: int) -> Span:
    start = min(int(min(one, other) * size), size - 1)
    return Span(start, max(start + 1, int(max(one, other) * size)))


def test_every_dropout_draws_for_itself() -> None:
    shape = Shape(4, 16, 16)
    assert not torch.equal(Dropout(0.5, 1).draw(shape, 3), Dropout(0.5, 2).draw(shape, 3))
    assert torch.equal(Dropout(0.5, 1).draw(shape, 3), Dropout(0.5, 1).draw(shape, 3))


def test_a_piece_is_not_normalised_by_itself() -> None:
    window = Window(Span(0, 2), Span(0, 4))
    with pytest.raises(AssertionError, match="before the whole map was measured"):
        Normalisation(None, None, 1e-5).compute([torch.rand(1, 3, 2, 4)], window, Shape(3, 4, 4), NOTHING)
