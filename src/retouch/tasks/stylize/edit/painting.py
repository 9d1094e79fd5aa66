"""A painting in the making: from size to size, told of at every step, within the memory that there is."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retouch.errors import InputError, NotConverged
from retouch.image import Picture
from retouch.nn import memory
from retouch.progress import Progress, ProgressCallback

if TYPE_CHECKING:
    from torch import Tensor

    from retouch.tasks.stylize.edit.settings import Optimiser
    from retouch.tasks.stylize.method.descent import Asked

Size = tuple[int, int]
Compose = Callable[["Tensor"], Picture]


@dataclass(frozen=True)
class Stage:
    """What is done at one size.

    Args:
        size: height and width.
        steps: of the optimiser.
    """

    size: Size
    steps: int

    @property
    def work(self) -> float:
        """Steps times pixels, which the time goes by."""
        return float(self.steps) * self.size[0] * self.size[1]


@dataclass(frozen=True)
class Done:
    """What came of one stage.

    Args:
        size: height and width.
        steps: that were made.
        seconds: that it took.
        losses: of every step.
    """

    size: Size
    steps: int
    seconds: float
    losses: Sequence[float]


@dataclass
class Painted:
    """A painting, and how it came about.

    Args:
        picture: (1, 3, h, w) in [0, 1]; of the last size for which there was memory.
        stages: what was done.
        terms: the least loss at the last size, and what it is the sum of.
        note: what a person should know, or "".
    """

    picture: Tensor
    stages: list[Done] = field(default_factory=list)
    terms: Mapping[str, float] = field(default_factory=dict)
    note: str = ""

    def report(self) -> dict[str, float | int | str]:
        """Say what was done, for :attr:`retouch.Picture.report`."""
        worked = [stage for stage in self.stages if stage.steps]
        found: dict[str, float | int | str] = {
            "steps": sum(stage.steps for stage in worked),
            "stages": "; ".join(
                f"{stage.size[1]}×{stage.size[0]}: {stage.steps} steps, {stage.seconds:.2f} s"
                for stage in worked
            ),
        }
        if worked and len(worked[-1].losses):
            found["loss_before"] = round(worked[-1].losses[0], 6)
            found |= {
                name if name == "loss" else f"loss_{name}": round(value, 6)
                for name, value in self.terms.items()
            }
        return found


class Teller:
    """Tells a surface of every step, and how long it will take.

    Args:
        progress: whom to tell; None for nobody.
        stages: what is to be done.
        compose: makes a picture of an iterate.
        beforehand: what is told before the first step, such as how long it will take.
        measure: says more about an iterate than its losses.
    """

    def __init__(
        self,
        progress: ProgressCallback | None,
        stages: Sequence[Stage],
        compose: Compose,
        *,
        beforehand: Mapping[str, float],
        measure: Callable[[Tensor], Mapping[str, float]] | None = None,
    ) -> None:
        self._progress = progress
        self._measure = measure
        self._compose = compose
        self._total = sum(stage.steps for stage in stages)
        self._work = sum(stage.work for stage in stages)
        self._done = 0
        self._worked = 0.0
        self._since: float | None = None
        self._from = 0.0
        if progress:
            progress(Progress("painting", 0, self._total, None, dict(beforehand)))

    def step(self, stage: Stage) -> Callable[[int, Tensor, Mapping[str, float]], None]:
        """Give what is called after every step of a stage.

        Args:
            stage: which is beginning.
        """
        before, worked = self._done, self._worked
        self._done += stage.steps
        self._worked += stage.work
        name = f"painting at {stage.size[1]}×{stage.size[0]}"

        def told(step: int, picture: Tensor, losses: Mapping[str, float]) -> None:
            if self._progress is None:
                return
            facts = {**losses, **(self._measure(picture) if self._measure else {})}
            now = time.perf_counter()
            finished = worked + stage.work * (step + 1) / stage.steps
            if self._since is None:
                # The first step also warms up, and would tell too much.
                self._since, self._from = now, finished
            elif finished > self._from:
                rate = (now - self._since) / (finished - self._from)
                facts["seconds_left"] = round(rate * (self._work - finished), 1)
            self._progress(
                Progress(name, before + step + 1, self._total, lambda: self._compose(picture), facts)
            )

        return told


def paint(
    begin: Tensor,
    stages: Sequence[Stage],
    objective: Callable[[Size], Asked],
    *,
    least: int,
    optimiser: Optimiser,
    tell: Teller,
) -> Painted:
    """Bring a picture to what is wanted of it, from size to size.

    Args:
        begin: (1, 3, h, w) in [0, 1], of any size.
        stages: sizes and steps, from the smallest.
        objective: makes what is wanted at a size; of a picture continued to ``least`` where that is larger.
        least: rows and columns that the network needs.
        optimiser: which.
        tell: whom to tell.

    Returns:
        The painting, of the last size; of a smaller one when the memory did not suffice.

    Raises:
        InputError: there is not enough memory for the first size.
        NotConverged: the features of the first picture are no numbers.
    """
    from retouch.tasks.stylize.method.descent import descend
    from retouch.tasks.stylize.method.starts import mirrored

    painted = Painted(begin)
    for stage in stages:
        here = resized(painted.picture, stage.size)
        told = tell.step(stage)
        if not stage.steps:
            painted.picture = here
            continue

        seen: list[tuple[Tensor, Mapping[str, float]]] = []

        def step(
            number: int,
            picture: Tensor,
            losses: Mapping[str, float],
            size: Size = stage.size,
            seen: list[tuple[Tensor, Mapping[str, float]]] = seen,
        ) -> None:
            if not seen or losses["loss"] < seen[-1][1]["loss"]:
                seen[:] = [(picture, losses)]
            told(number, picture[..., : size[0], : size[1]], losses)  # noqa: B023 - called within this pass

        since = time.perf_counter()
        try:
            found = descend(
                mirrored(here, least),
                objective(stage.size),
                steps=stage.steps,
                optimiser=optimiser,
                told=step,
            )
        except NotConverged as error:
            if not seen:
                raise
            (best, painted.terms), size = seen[-1], stage.size
            painted.picture = best[..., : size[0], : size[1]].clamp(0, 1)
            painted.note = f"no step led further at {size[1]}×{size[0]} ({error!s:.80})"
            continue
        except Exception as error:
            if not memory.is_shortage(error):
                raise
            painted.note = _short(stage, painted, error)
            forget()
            return painted
        painted.picture = found.picture[..., : stage.size[0], : stage.size[1]]
        painted.terms = min(found.losses, key=lambda each: each["loss"])
        losses = [each["loss"] for each in found.losses]
        painted.stages.append(Done(stage.size, found.steps, time.perf_counter() - since, losses))
    return painted


def shared_out(total: int, parts: Sequence[float]) -> list[int]:
    """Share steps among stages.

    Args:
        total: steps.
        parts: how much of them each stage gets, with any sum above 0.

    Returns:
        As many whole numbers, whose sum is the total.
    """
    exact = [total * part / sum(parts) for part in parts]
    found = [math.floor(each) for each in exact]
    nearest = sorted(range(len(parts)), key=lambda index: found[index] - exact[index])
    for index in nearest[: total - sum(found)]:
        found[index] += 1
    return found


def resized(picture: Tensor, size: Size) -> Tensor:
    """Bring a picture to another size.

    Args:
        picture: (1, C, h, w) in [0, 1].
        size: height and width that are wanted.

    Returns:
        (1, C, height, width) in [0, 1].
    """
    from retouch.tasks.stylize.method.scales import brought

    return picture if tuple(picture.shape[2:]) == size else brought(picture, size).clamp(0, 1)


def forget() -> None:
    """Give memory back that torch holds for itself."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _short(stage: Stage, painted: Painted, error: BaseException) -> str:
    height, width = stage.size
    if not painted.stages:
        raise InputError(
            f"there is not enough memory to paint at {width}×{height} ({error!s:.120}); close other "
            "programs, or pass a smaller size"
        ) from error
    done = painted.stages[-1].size
    return (
        f"there was not enough memory to paint at {width}×{height}: painted at {done[1]}×{done[0]} and "
        "enlarged"
    )
