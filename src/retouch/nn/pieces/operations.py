"""What a convolutional network does to its maps, each step computable for any window of its result.

A step says which window of its input a window of its result is made of, so a picture of any size can be
computed in pieces, and the pieces are exactly what the whole would be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

Border = Literal["zeros", "reflect", "replicate"]
"""What a convolution sees beyond the border of its map."""


class Span(NamedTuple):
    """Rows or columns from ``start`` to before ``stop``; those outside the map are border."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        """How many there are."""
        return self.stop - self.start

    def joined(self, other: Span) -> Span:
        """The shortest span that holds both."""
        return Span(min(self.start, other.start), max(self.stop, other.stop))


class Window(NamedTuple):
    """A rectangle of a map."""

    rows: Span
    columns: Span

    def joined(self, other: Window) -> Window:
        """The smallest window that holds both."""
        return Window(self.rows.joined(other.rows), self.columns.joined(other.columns))

    def cut_from(self, x: Tensor, held: Window) -> Tensor:
        """Take this window out of a map ``(B, C, h, w)`` that covers a larger one."""
        rows = slice(self.rows.start - held.rows.start, self.rows.stop - held.rows.start)
        columns = slice(self.columns.start - held.columns.start, self.columns.stop - held.columns.start)
        return x[:, :, rows, columns]


class Shape(NamedTuple):
    """Channels, height and width of a map."""

    channels: int
    height: int
    width: int

    @property
    def window(self) -> Window:
        """All of the map."""
        return Window(Span(0, self.height), Span(0, self.width))


@dataclass(frozen=True)
class State:
    """What a step needs to know besides its window.

    Args:
        moments: mean and variance of each channel of the whole input, for a normalisation by them.
        keep: which values of the whole result dropout keeps, ``(1, C, H, W)`` of bool.
    """

    moments: tuple[Tensor, Tensor] | None = None
    keep: Tensor | None = None


NOTHING = State()


class Operation(Protocol):
    """One step of a network."""

    def shape(self, shapes: Sequence[Shape]) -> Shape:
        """Say how large the result is."""

    def needs(self, window: Window, shape: Shape) -> Window:
        """Say which window of an input, of this shape, a window of the result is made of."""

    def compute(self, pieces: Sequence[Tensor], window: Window, shape: Shape, state: State) -> Tensor:
        """Compute a window of the result from the windows that it needs of inputs of this shape."""


class SameSize:
    """A step that makes every value from the values at the same place."""

    def shape(self, shapes: Sequence[Shape]) -> Shape:
        """Keep the shape."""
        return shapes[0]

    def needs(self, window: Window, shape: Shape) -> Window:
        """Need the same window."""
        del shape
        return window


@dataclass(frozen=True)
class Pointwise(SameSize):
    """A function of every value for itself."""

    function: Callable[[Tensor], Tensor]

    def compute(self, pieces: Sequence[Tensor], window: Window, shape: Shape, state: State) -> Tensor:
        """Apply the function."""
        del window, shape, state
        return self.function(pieces[0])


@dataclass(frozen=True)
class Sum(SameSize):
    """Two maps added."""

    def compute(self, pieces: Sequence[Tensor], window: Window, shape: Shape, state: State) -> Tensor:
        """Add."""
        del window, shape, state
        return pieces[0] + pieces[1]


@dataclass(frozen=True)
class Concatenation(SameSize):
    """The channels of several maps after each other."""

    def shape(self, shapes: Sequence[Shape]) -> Shape:
        """Add up the channels."""
        return Shape(sum(shape.channels for shape in shapes), shapes[0].height, shapes[0].width)

    def compute(self, pieces: Sequence[Tensor], window: Window, shape: Shape, state: State) -> Tensor:
        """Concatenate."""
        del window, shape, state
        return torch.cat(list(pieces), 1)


@dataclass(frozen=True)
class Dropout(SameSize):
    """Values dropped by chance, the others scaled up.

    Args:
        share: the share that is dropped.
        number: which of the network's dropouts this is.
    """

    share: float
    number: int

    def draw(self, shape: Shape, seed: int) -> Tensor:
        """Draw what is kept of the whole map: ``(1, C, H, W)`` of bool, the same on every device."""
        generator = torch.Generator().manual_seed((seed * 1_000_003 + self.number) % 2**63)
        kept = torch.empty((1, *shape), dtype=torch.bool)
        return kept.bernoulli_(1 - self.share, generator=generator)

    def compute(self, pieces: Sequence[Tensor], window: Window, shape: Shape, state: State) -> Tensor:
        """Drop, when something was drawn."""
        if state.keep is None:
            return pieces[0]
        kept = window.cut_from(state.keep, shape.window).to(pieces[0].device)
        return pieces[0] * kept / (1 - self.share)


@dataclass(frozen=True)
class Normalisation(SameSize):
    """Batch or instance normalisation.

    Args:
        scale: per channel ``(C,)``, or None.
        shift: per channel ``(C,)``, or None.
        eps: added to the variance.
        kept: running mean and variance ``(C,)``; None to use those of the picture itself.
    """

    scale: Tensor | None
    shift: Tensor | None
    eps: float
    kept: tuple[Tensor, Tensor] | None = None

    def compute(self, pieces: Sequence[Tensor], window: Window, shape: Shape, state: State) -> Tensor:
        """Normalise; by the piece's own moments when it is the whole map and no others are known."""
        x = pieces[0]
        known = self.kept or state.moments
        if known is None:
            if window != shape.window:
                raise AssertionError("a piece of a map is normalised before the whole map was measured")
            return F.instance_norm(x, None, None, self.scale, self.shift, eps=self.eps)
        return F.batch_norm(x, *known, self.scale, self.shift, eps=self.eps)


@dataclass(frozen=True)
class Convolution:
    """A convolution with equal padding on all sides.

    Args:
        weight: ``(outer, inner / groups, k, k)``.
        bias: ``(outer,)``, or None.
        stride: of rows and of columns.
        padding: rows and columns of border on each side.
        border: what the border holds.
        groups: how many groups of channels.
    """

    weight: Tensor
    bias: Tensor | None
    stride: int
    padding: int
    border: Border = "zeros"
    groups: int = 1

    @property
    def kernel(self) -> int:
        """Its side."""
        return self.weight.shape[-1]

    def shape(self, shapes: Sequence[Shape]) -> Shape:
        """Count the places where the kernel fits."""
        height, width = ((side + 2 * self.padding - self.kernel) // self.stride + 1 for side in shapes[0][1:])
        return Shape(self.weight.shape[0], height, width)

    def needs(self, window: Window, shape: Shape) -> Window:
        """Need what the kernel touches."""
        return _held(self._reach(window), shape)

    def compute(self, pieces: Sequence[Tensor], window: Window, shape: Shape, state: State) -> Tensor:
        """Convolve."""
        del state
        reach, padding, x = self._reach(window), self.padding, pieces[0]
        if self.border == "zeros" and reach == _grown(shape.window, padding):
            return F.conv2d(x, self.weight, self.bias, self.stride, padding, groups=self.groups)
        x = _with_border(x, reach, shape, self.border)
        return F.conv2d(x, self.weight, self.bias, self.stride, groups=self.groups)

    def _reach(self, window: Window) -> Window:
        rows, columns = (
            Span(
                span.start * self.stride - self.padding,
                (span.stop - 1) * self.stride - self.padding + self.kernel,
            )
            for span in window
        )
        return Window(rows, columns)


@dataclass(frozen=True)
class TransposedConvolution:
    """A transposed convolution of stride 2 that doubles the size.

    Args:
        weight: ``(inner, outer / groups, k, k)``.
        bias: ``(outer,)``, or None.
        padding: rows and columns taken off each side.
        border: what lies beyond the map.
        groups: how many groups of channels.
    """

    weight: Tensor
    bias: Tensor | None
    padding: int
    border: Border = "zeros"
    groups: int = 1

    @property
    def kernel(self) -> int:
        """Its side."""
        return self.weight.shape[-1]

    def shape(self, shapes: Sequence[Shape]) -> Shape:
        """Double the size."""
        return Shape(self.weight.shape[1] * self.groups, 2 * shapes[0].height, 2 * shapes[0].width)

    def needs(self, window: Window, shape: Shape) -> Window:
        """Need every value whose kernel touches the window."""
        return _held(self._reach(window), shape)

    def compute(self, pieces: Sequence[Tensor], window: Window, shape: Shape, state: State) -> Tensor:
        """Convolve with the values beyond the border too, and cut the window out."""
        del state
        if self.border == "zeros" and window == self.shape([shape]).window:
            last = 2 * self.padding + 2 - self.kernel
            return F.conv_transpose2d(
                pieces[0], self.weight, self.bias, 2, self.padding, last, groups=self.groups
            )
        reach = self._reach(window)
        x = _with_border(pieces[0], reach, shape, self.border)
        x = F.conv_transpose2d(x, self.weight, self.bias, stride=2, groups=self.groups)
        rows, columns = (
            Span(2 * span.start - self.padding, 2 * span.stop - 2 + self.kernel - self.padding)
            for span in reach
        )
        return window.cut_from(x, Window(rows, columns))

    def _reach(self, window: Window) -> Window:
        # Row o is made of the rows i whose kernel touches it: o = 2 i − padding + j, 0 ≤ j < kernel.
        rows, columns = (
            Span(
                -(-(span.start + self.padding - self.kernel + 1) // 2),
                (span.stop - 1 + self.padding) // 2 + 1,
            )
            for span in window
        )
        return Window(rows, columns)


@dataclass(frozen=True)
class BilinearDoubling:
    """Bilinear interpolation to twice the size, pixel centres half a pixel inside."""

    def shape(self, shapes: Sequence[Shape]) -> Shape:
        """Double the size."""
        return Shape(shapes[0].channels, 2 * shapes[0].height, 2 * shapes[0].width)

    def needs(self, window: Window, shape: Shape) -> Window:
        """Need the values on both sides of every new one."""
        return _held(self._reach(window), shape)

    def compute(self, pieces: Sequence[Tensor], window: Window, shape: Shape, state: State) -> Tensor:
        """Interpolate, and cut the window out."""
        del state
        reach = self._reach(window)
        x = _with_border(pieces[0], reach, shape, "replicate")
        x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        rows, columns = (Span(2 * span.start, 2 * span.stop) for span in reach)
        return window.cut_from(x, Window(rows, columns))

    def _reach(self, window: Window) -> Window:
        rows, columns = (Span((span.start - 1) // 2, span.stop // 2 + 1) for span in window)
        return Window(rows, columns)


@dataclass(frozen=True)
class NearestDoubling:
    """Every value four times."""

    def shape(self, shapes: Sequence[Shape]) -> Shape:
        """Double the size."""
        return Shape(shapes[0].channels, 2 * shapes[0].height, 2 * shapes[0].width)

    def needs(self, window: Window, shape: Shape) -> Window:
        """Need the values that the window shows."""
        del shape
        rows, columns = (Span(span.start // 2, (span.stop + 1) // 2) for span in window)
        return Window(rows, columns)

    def compute(self, pieces: Sequence[Tensor], window: Window, shape: Shape, state: State) -> Tensor:
        """Repeat, and cut the window out."""
        del state
        x = F.interpolate(pieces[0], scale_factor=2.0, mode="nearest")
        rows, columns = (Span(2 * span.start, 2 * span.stop) for span in self.needs(window, shape))
        return window.cut_from(x, Window(rows, columns))


@dataclass(frozen=True)
class Pooling:
    """Every two by two values reduced to one.

    Args:
        kind: to their largest, or to their mean.
        ceil: reduce the last row and column, too, where their number is odd.
    """

    kind: Literal["max", "average"] = "max"
    ceil: bool = False

    def shape(self, shapes: Sequence[Shape]) -> Shape:
        """Halve the size."""
        height, width = ((side + self.ceil) // 2 for side in shapes[0][1:])
        return Shape(shapes[0].channels, height, width)

    def needs(self, window: Window, shape: Shape) -> Window:
        """Need two values for each."""
        rows, columns = (Span(2 * span.start, 2 * span.stop) for span in window)
        return _held(Window(rows, columns), shape)

    def compute(self, pieces: Sequence[Tensor], window: Window, shape: Shape, state: State) -> Tensor:
        """Reduce."""
        del window, shape, state
        if self.kind == "max":
            return F.max_pool2d(pieces[0], 2, ceil_mode=self.ceil)
        return F.avg_pool2d(pieces[0], 2, ceil_mode=self.ceil)


def _grown(window: Window, by: int) -> Window:
    rows, columns = (Span(span.start - by, span.stop + by) for span in window)
    return Window(rows, columns)


def _held(reach: Window, shape: Shape) -> Window:
    """The part of a map that a window is made of, which may go beyond the border.

    A border as wide as half the kernel mirrors nothing that the kernel does not touch anyway.
    """
    rows, columns = (
        Span(max(span.start, 0), min(span.stop, size))
        for span, size in zip(reach, (shape.height, shape.width), strict=True)
    )
    return Window(rows, columns)


def _with_border(x: Tensor, reach: Window, shape: Shape, border: Border) -> Tensor:
    """Add the border to the part of a map that a window is made of, and cut the window out."""
    held = _held(reach, shape)
    before = [max(0, -span.start) for span in reach]
    after = [max(0, span.stop - size) for span, size in zip(reach, (shape.height, shape.width), strict=True)]
    if any(before) or any(after):
        sides = [before[1], after[1], before[0], after[0]]
        x = F.pad(x, sides, mode="constant" if border == "zeros" else border)
    rows, columns = (
        Span(span.start - first, span.stop + last)
        for span, first, last in zip(held, before, after, strict=True)
    )
    return reach.cut_from(x, Window(rows, columns))
