"""L-BFGS with few passes over its memory; a line search is its caller's."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from retouch.errors import InputError

_MEMORY = 10
_LEAST = 1e-30
_CURVED = 1e-6
"""Cosine between a step and the change of the slope below which they are noise: both get as small as a loss
that is a mean over more pixels, so no number of its own would do for every size."""

FIRST = 0.01
"""Root mean square of the first step, before anything is known of the curvature."""


class QuasiNewton:
    """Steps of L-BFGS.

    The two loops of the method need nothing but inner products of the last steps, of the changes of the slope
    that they made, and of the slope. Those are kept as a small table, so that a step passes over all that is
    remembered twice, where the loops do four times.

    Args:
        memory: how many steps are remembered.
        first: root mean square of the first step, which goes along the slope; None for torch's own, whose
            length is min(1, 1 / |slope|₁): next to nothing for a loss that is a mean over a large picture.

    Source: Liu, Nocedal, "On the limited memory BFGS method for large scale optimization", Mathematical
        Programming 45, 1989; the table: Chen, Wang, Zhou, "Large-scale L-BFGS using MapReduce", NeurIPS 2014.
    """

    def __init__(self, memory: int = _MEMORY, *, first: float | None = FIRST) -> None:
        self._size = memory
        self._first = first
        self._memory: _Memory | None = None

    def step(self, picture: Tensor, slope: Tensor, rate: float) -> Tensor:
        """Give the next picture.

        Args:
            picture: of any shape.
            slope: of the loss, there.
            rate: how much of the method's own step is gone.

        Returns:
            The next picture.
        """
        flat = slope.detach().flatten()
        if self._memory is None:
            if self._first is None:
                rate *= min(1.0, 1.0 / max(float(flat.abs().sum()), _LEAST))
            else:
                rate *= self._first / max(float(flat.square().mean().sqrt()), _LEAST)
            self._memory = _Memory(self._size, flat.new_zeros(2 * self._size, flat.numel()), flat)
        else:
            self._memory.learn(flat)
        return picture + self._memory.move(rate).view_as(picture)

    def again(self, picture: Tensor, factor: float) -> Tensor:
        """Take the last step back and go another part of it, for a line search.

        Args:
            picture: from which that step went.
            factor: how much of that step is gone instead.

        Returns:
            The next picture instead.

        Raises:
            InputError: no step was gone yet.
        """
        if self._memory is None:
            raise InputError("there is no step to take back; go one first")
        return picture + self._memory.rescale(factor).view_as(picture)


@dataclass
class _Memory:
    """What a run of steps has shown.

    Attributes:
        size: how many steps are remembered.
        rows: (2 · size, n), steps and then the changes of the slope.
        slope: (n,), the last one.
        moved: (n,), the last step, which is not among the rows yet.
        parts: of the rows and of the slope that the last step is the sum of.
        order: which rows of steps are in use, the oldest first.
        table: inner products of the rows with each other.
        along: inner products of the rows with the last slope.
    """

    size: int
    rows: Tensor
    slope: Tensor
    moved: Tensor = field(init=False)
    parts: tuple[Tensor, float] = field(init=False)
    order: list[int] = field(default_factory=list)
    table: Tensor = field(init=False)
    along: Tensor = field(init=False)

    def __post_init__(self) -> None:
        """Begin with nothing."""
        self.table = torch.zeros(2 * self.size, 2 * self.size, dtype=torch.float64)
        self.along = torch.zeros(2 * self.size, dtype=torch.float64)

    def learn(self, slope: Tensor) -> None:
        """Remember the last step and what it did to the slope.

        Args:
            slope: (n,), after it.
        """
        change = slope - self.slope
        curvature = float(torch.dot(change, self.moved))
        length, changed = float(torch.dot(self.moved, self.moved)), float(torch.dot(change, change))
        if curvature <= _CURVED * math.sqrt(length * changed):
            self.slope, self.along = slope, self._products(slope)
            return
        new = len(self.order) if len(self.order) < self.size else self.order[0]
        place = self.size + new
        before = self.along
        parts, own = self.parts
        steps = self.table @ parts + own * before
        # Of the slope before, what goes away from it with the step is not among the rows.
        with_moved = float(torch.dot(self.slope, self.moved))
        self.rows[new] = self.moved
        self.rows[place] = change
        after = self._products(slope)
        before[new], before[place] = with_moved, float(torch.dot(self.slope, change))
        steps[new] = length
        changes = after - before
        # A difference of two long vectors' products says little of a short one's length.
        changes[place] = changed
        changes[new] = curvature
        for row, found in ((new, steps), (place, changes)):
            self.table[row] = found
            self.table[:, row] = found
        self.order = [*(each for each in self.order if each != new), new]
        self.slope, self.along = slope, after

    def move(self, rate: float) -> Tensor:
        """Go where the method goes from here.

        Args:
            rate: how much of its step.

        Returns:
            The step, (n,).
        """
        table, along = self.table.numpy(), self.along.numpy()
        size = self.size
        made = np.zeros(2 * size)
        own = -1.0

        def product(row: int) -> float:
            return own * float(along[row]) + float(made @ table[row])

        taken: dict[int, float] = {}
        for step in reversed(self.order):
            taken[step] = product(step) / float(table[step, size + step])
            made[size + step] -= taken[step]
        if self.order:
            newest = self.order[-1]
            scale = float(table[newest, size + newest] / table[size + newest, size + newest])
            own *= scale
            made *= scale
        for step in self.order:
            made[step] += taken[step] - product(size + step) / float(table[step, size + step])
        self.parts = torch.from_numpy(made) * rate, own * rate
        self.moved = torch.mul(self.slope, own * rate)
        if self.order:
            self.moved += torch.mv(self.rows.T, self.parts[0].to(self.slope))
        return self.moved

    def rescale(self, factor: float) -> Tensor:
        """Make the last step longer or shorter.

        Args:
            factor: by which.

        Returns:
            The step, (n,).
        """
        parts, own = self.parts
        self.parts = parts * factor, own * factor
        self.moved = self.moved * factor
        return self.moved

    def _products(self, vector: Tensor) -> Tensor:
        return torch.mv(self.rows, vector).double().cpu()
