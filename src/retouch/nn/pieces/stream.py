"""A network applied to a picture of any size, in bounded memory, exactly as if it were applied to the whole.

The network is computed layer by layer, each layer in pieces. The maps of some layers are kept whole and
the rest is computed again where it is needed. So a piece has all the surroundings it needs, no seam can
arise, and a normalisation by the picture's own mean and variance (instance norm, or batch norm as in
training) uses those of the whole picture: they are measured while the map before it is made.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from retouch.nn.pieces.maps import Maps
from retouch.nn.pieces.operations import (
    Convolution,
    Dropout,
    Normalisation,
    Pointwise,
    Shape,
    Span,
    State,
    Sum,
    TransposedConvolution,
    Window,
)
from retouch.nn.pieces.plan import Plan
from retouch.progress import Progress, ProgressCallback

IN_MEMORY = 1 << 30
"""Bytes that a picture's maps may have in memory; with more, it is computed in pieces, with files."""

TILE = 256
"""The side of a piece, when the caller leaves it open."""

Take = Callable[[Window, Tensor], object]
"""Is given each piece ``(1, C, h, w)`` of the result, and where it lies."""

_CHANNELS = 64  # a piece holds as many values as tile × tile pixels of so many channels
_ALWAYS_KEPT = 16  # values per pixel of the picture


@dataclass(frozen=True)
class Pass:
    """One map, made piece by piece.

    Args:
        target: the step whose result it is.
        steps: what is computed for each piece, in order, the target last.
        keep: keep the map.
        measure: find its mean and variance.
        parts: how many pieces, down and across.
    """

    target: int
    steps: tuple[int, ...]
    keep: bool
    measure: bool
    parts: tuple[int, int]


def apply(
    plan: Plan,
    picture: Tensor,
    *,
    tile: int | None = None,
    seed: int | None = None,
    half: bool = False,
    limit: int | None = None,
    stage: str = "translating",
    progress: ProgressCallback | None = None,
) -> Tensor:
    """Apply a network to a picture.

    Args:
        plan: the network's steps.
        picture: ``(1, C, H, W)`` in the network's own range, H and W multiples of what it needs.
        tile: the side in pixels of the pieces; 0 for the whole at once, None to choose by size. The
            result does not depend on it, beyond float rounding.
        seed: for dropout; None for no dropout.
        half: convolve in bfloat16: two to three times faster, one 8-bit level off on average.
        limit: bytes of maps in memory; with more, a picture is computed in pieces, and maps that do
            not fit lie in temporary files. None: 1 GiB, or half of what is free on a GPU.
        stage: what is being done, for a person.
        progress: called after each piece; what it raises ends the work.

    Returns:
        ``(1, C', H', W')``, on the picture's device.

    Raises:
        InputError: The folder for temporary files has no room for the maps.
    """
    shape = plan.shapes(Shape(*picture.shape[1:]))[-1]
    result = torch.empty((1, *shape), device=picture.device)

    def take(window: Window, piece: Tensor) -> None:
        window.cut_from(result, shape.window).copy_(piece)

    each(plan, picture, take, tile=tile, seed=seed, half=half, limit=limit, stage=stage, progress=progress)
    return result


def each(
    plan: Plan,
    picture: Tensor,
    take: Take,
    *,
    tile: int | None = None,
    seed: int | None = None,
    half: bool = False,
    limit: int | None = None,
    stage: str = "translating",
    progress: ProgressCallback | None = None,
) -> None:
    """Apply a network to a picture whose result need not be kept whole.

    Args:
        plan: as for :func:`apply`.
        picture: likewise.
        take: is given the pieces of the result, which together cover it once.
        tile: as for :func:`apply`.
        seed: likewise.
        half: likewise.
        limit: likewise.
        stage: likewise.
        progress: likewise.

    Raises:
        InputError: The folder for temporary files has no room for the maps.
    """
    shapes = plan.shapes(Shape(*picture.shape[1:]))
    limit = limit_of(picture.device, limit)
    if tile is None:
        tile = 0 if peak_bytes(plan, shapes) <= limit else TILE
    passes = schedule(plan, shapes, tile)
    convolving = torch.autocast(picture.device.type, torch.bfloat16, enabled=half)
    with torch.inference_mode(), convolving, Maps(picture.device, limit) as maps:
        _Run(plan, shapes, picture, maps, seed).through(passes, take, stage, progress)


def limit_of(device: torch.device, limit: int | None = None) -> int:
    """Say how many bytes of maps may be in memory.

    Args:
        device: where the maps lie.
        limit: what was asked for; None for 1 GiB, or half of what is free on a GPU.
    """
    if limit is not None:
        return limit
    return torch.cuda.mem_get_info(device)[0] // 2 if device.type == "cuda" else IN_MEMORY


def peak_bytes(plan: Plan, shapes: list[Shape]) -> int:
    """Estimate what a picture takes when it is computed at once.

    Args:
        plan: the network's steps.
        shapes: of their results.

    Returns:
        The largest total of all maps that are needed at the same time, in bytes.
    """
    waiting = [len(takers) for takers in plan.consumers()]
    live = largest = 0
    for number, step in enumerate(plan.steps):
        live += math.prod(shapes[number])
        # A convolution also makes a copy of its input with a border.
        largest = max(largest, live + sum(math.prod(shapes[source]) for source in step.inputs))
        for source in step.inputs:
            waiting[source] -= 1
            live -= 0 if waiting[source] else math.prod(shapes[source])
    return largest * 4


def schedule(plan: Plan, shapes: list[Shape], tile: int) -> list[Pass]:
    """Decide which maps are made whole, in which order, and in how many pieces.

    Args:
        plan: the network's steps.
        shapes: of their results.
        tile: the side in pixels of the pieces; 0 for everything at once.

    Returns:
        The passes; the last makes the result.
    """
    last = len(plan.steps) - 1
    if tile == 0:
        return [Pass(last, tuple(range(1, last + 1)), keep=True, measure=False, parts=(1, 1))]
    measured = {
        step.inputs[0]
        for step in plan.steps
        if isinstance(step.operation, Normalisation) and step.operation.kept is None
    }
    kept = _kept(plan, shapes) | {0}
    passes = []
    for target in sorted((kept | measured | {last}) - {0}):
        steps = _steps_to(plan, target, kept)
        height, width = shapes[target][1:]
        touched = {*steps, *(source for number in steps for source in plan.steps[number].inputs)}
        values = max(math.prod(shapes[number]) for number in touched) / (height * width)
        side = max(1.0, tile * math.sqrt(_CHANNELS / values))
        parts = math.ceil(height / side), math.ceil(width / side)
        passes.append(Pass(target, steps, target in kept or target == last, target in measured, parts))
    return passes


def _kept(plan: Plan, shapes: list[Shape]) -> set[int]:
    """The steps whose maps are kept whole: those that are dear to compute again and not among the largest."""
    heavy = (Convolution, TransposedConvolution)
    sizes = [math.prod(shape) / (shapes[0].height * shapes[0].width) for shape in shapes]
    widest = max(
        (size for size, step in zip(sizes, plan.steps, strict=True) if isinstance(step.operation, heavy)),
        default=0.0,
    )
    end = len(plan.steps) - 1
    while isinstance(plan.steps[end].operation, Pointwise):
        end = plan.steps[end].inputs[0]
    return {
        number
        for number, step in enumerate(plan.steps[:end])
        if isinstance(step.operation, (*heavy, Sum)) and sizes[number] <= max(_ALWAYS_KEPT, widest / 2)
    }


def _steps_to(plan: Plan, target: int, kept: set[int]) -> tuple[int, ...]:
    """The steps from the nearest kept maps to a target."""
    found, waiting = {target}, [target]
    while waiting:
        for source in plan.steps[waiting.pop()].inputs:
            if source not in kept and source not in found:
                found.add(source)
                waiting.append(source)
    return tuple(sorted(found))


class _Run:
    """One picture on its way through a network."""

    def __init__(
        self, plan: Plan, shapes: list[Shape], picture: Tensor, maps: Maps, seed: int | None
    ) -> None:
        self._plan = plan
        self._shapes = shapes
        self._picture = picture
        self._maps = maps
        self._seed = seed
        self._moments: dict[int, tuple[Tensor, Tensor]] = {}
        self._drawn: dict[int, Tensor] = {}

    def through(self, passes: list[Pass], take: Take, stage: str, progress: ProgressCallback | None) -> None:
        """Make every map, and hand over the last."""
        total, done = sum(math.prod(one.parts) for one in passes), 0
        last_use = {
            source: turn
            for turn, one in enumerate(passes)
            for number in one.steps
            for source in (number, *self._plan.steps[number].inputs)
        }
        if progress:
            progress(Progress(stage, 0, total))
        for turn, one in enumerate(passes):
            self._draw(one)
            final = turn == len(passes) - 1
            kept = one.keep and not final
            whole = self._maps.make(one.target, self._shapes[one.target]) if kept else None
            measuring = _Moments()
            for window in _windows(self._shapes[one.target], one.parts):
                piece = self._piece(one, window)
                if whole is not None:
                    window.cut_from(whole, self._shapes[one.target].window).copy_(piece)
                if final:
                    take(window, piece)
                if one.measure:
                    measuring.add(piece)
                done += 1
                if progress:
                    progress(Progress(stage, done, total))
            if one.measure:
                self._moments[one.target] = measuring.result()
            for number in [number for number, last in last_use.items() if last == turn]:
                self._drawn.pop(number, None)
                if number in self._maps:
                    self._maps.drop(number)

    def _piece(self, one: Pass, window: Window) -> Tensor:
        """Compute a window of the target of a pass."""
        steps, shapes = self._plan.steps, self._shapes
        windows = {one.target: window}
        waiting: dict[int, int] = {}
        for number in reversed(one.steps):
            for source in steps[number].inputs:
                needed = _needs(self._plan, number, windows[number], shapes[source])
                windows[source] = windows[source].joined(needed) if source in windows else needed
                waiting[source] = waiting.get(source, 0) + 1
        values: dict[int, Tensor] = {}
        for number in one.steps:
            pieces = []
            for source in steps[number].inputs:
                needed = _needs(self._plan, number, windows[number], shapes[source])
                pieces.append(self._taken(source, needed, values, windows))
                waiting[source] -= 1
                if not waiting[source]:
                    values.pop(source, None)
            first = steps[number].inputs[0]
            state = State(self._moments.get(first), self._drawn.get(number))
            operation = steps[number].operation
            if operation is None:
                raise AssertionError("the picture itself is not computed")
            values[number] = operation.compute(pieces, windows[number], shapes[first], state)
        return values[one.target]

    def _taken(
        self, source: int, needed: Window, values: dict[int, Tensor], windows: dict[int, Window]
    ) -> Tensor:
        if source in values:
            return needed.cut_from(values[source], windows[source])
        whole = self._picture if source == 0 else self._maps[source]
        return needed.cut_from(whole, self._shapes[source].window).to(self._picture.device)

    def _draw(self, one: Pass) -> None:
        """Draw what the dropouts of a pass keep."""
        if self._seed is None:
            return
        for number in one.steps:
            operation = self._plan.steps[number].operation
            if isinstance(operation, Dropout) and number not in self._drawn:
                self._drawn[number] = operation.draw(self._shapes[number], self._seed)


def _needs(plan: Plan, number: int, window: Window, shape: Shape) -> Window:
    operation = plan.steps[number].operation
    if operation is None:
        raise AssertionError("the picture itself needs nothing")
    return operation.needs(window, shape)


def _windows(shape: Shape, parts: tuple[int, int]) -> Iterator[Window]:
    """Cut a map into nearly equal pieces."""
    down, across = (
        [Span(size * part // count, size * (part + 1) // count) for part in range(count)]
        for size, count in zip(shape[1:], parts, strict=True)
    )
    return itertools.starmap(Window, itertools.product(down, across))


class _Moments:
    """Mean and variance of a map's channels, gathered piece by piece.

    Source: Chan, Golub, LeVeque 1979, "Updating Formulae and a Pairwise Algorithm for Computing Sample
        Variances", equations 2.1.
    """

    def __init__(self) -> None:
        self._count = 0
        self._mean = torch.zeros(())
        self._squares = torch.zeros(())

    def add(self, piece: Tensor) -> None:
        """Take a piece in, ``(1, C, h, w)``."""
        count = piece.shape[2] * piece.shape[3]
        variance, mean = torch.var_mean(piece.float(), dim=(0, 2, 3), correction=0)
        variance, mean = variance.double().cpu(), mean.double().cpu()
        total = self._count + count
        apart = mean - self._mean
        self._squares = self._squares + variance * count + apart**2 * (self._count * count / total)
        self._mean = self._mean + apart * (count / total)
        self._count = total
        self._device = piece.device

    def result(self) -> tuple[Tensor, Tensor]:
        """Give mean and (biased) variance, each ``(C,)``."""
        mean, variance = self._mean, self._squares / self._count
        return mean.float().to(self._device), variance.float().to(self._device)
