"""The smallest recipe there is: learn the slope of a line from numbers that stand for pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from retouch.training import (
    Batch,
    Data,
    Engine,
    Evaluation,
    Memory,
    Networks,
    Optimiser,
    Recipe,
    Turn,
)
from retouch.weights import Card


class Slope(nn.Module):
    """y = w·x, with w = 0 at first."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return self.w * x


class Numbers:
    """1, 2, 3, … as pictures of one pixel."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def describe(self) -> dict[str, Any]:
        return {"count": self.count}


class Line(Data):
    """Numbers in their order, over and over."""

    def __init__(self, count: int) -> None:
        self.numbers = Numbers(count)

    @property
    def train(self) -> Numbers:
        return self.numbers

    @property
    def validation(self) -> Numbers:
        return self.numbers

    def stream(
        self, *, batch: int, seed: int, rank: int, world: int, start: int, workers: int
    ) -> Iterator[Batch]:
        while True:
            first = start + rank * batch
            values = [(first + k) % self.numbers.count + 1.0 for k in range(batch)]
            yield {"x": torch.tensor(values).view(-1, 1, 1, 1)}
            start += batch * world

    def ordered(self, batch: int) -> Iterator[Batch]:
        yield {"x": torch.arange(1.0, self.numbers.count + 1).view(-1, 1, 1, 1)}


@dataclass(frozen=True)
class LineRecipe(Recipe):
    """Learn y = 2·x by least squares.

    Args:
        adam: the optimiser.
        poison: the loss is NaN from this step on; 0: never.
    """

    name: ClassVar[str] = "line"
    summary: ClassVar[str] = "Learn the slope of a line."
    task: ClassVar[str] = "translate"
    judge: ClassVar[tuple[str, Literal["lowest", "highest"]]] = ("error", "lowest")

    engine: Engine = field(
        default_factory=lambda: Engine(
            images=16, precision="float32", device="cpu", tensorboard=False, log_every=1, workers=0
        )
    )
    adam: Optimiser = field(default_factory=lambda: Optimiser(rate=0.1, schedule="constant"))
    poison: int = 0

    def data(self, source: str) -> Data:
        return Line(int(source))

    def networks(self) -> dict[str, nn.Module]:
        return {"slope": Slope()}

    def turns(self) -> tuple[tuple[Turn, Optimiser], ...]:
        return ((Turn("slope", ("slope",)), self.adam),)

    def length(self, examples: int) -> int:
        return examples

    def losses(
        self, turn: str, networks: Networks, batch: Batch, shared: Batch, memory: Memory
    ) -> dict[str, Tensor]:
        error = (networks["slope"](batch["x"]) - 2.0 * batch["x"]).square().mean()
        poisoned = self.poison and bool((batch["x"] == self.poison).any())
        return {"square": error * (float("nan") if poisoned else 1.0)}

    def products(self) -> tuple[str, ...]:
        return ("slope",)

    def validate(self, networks: Networks, data: Data, device: torch.device) -> Evaluation:
        torch.rand(3)  # what a validation draws must not be missing from the training
        batch = next(iter(data.ordered(1)))
        error = (networks["slope"](batch["x"]) - 2.0 * batch["x"]).abs().mean().item()
        return Evaluation({"error": error}, protocol="mean |error|", count=len(batch["x"]))

    def card(self, product: str) -> Card:
        return Card(name="line", task="translate", architecture="slope")


def line(**engine: Any) -> LineRecipe:
    """The recipe with some engine options."""
    recipe = LineRecipe()
    return replace(recipe, engine=replace(recipe.engine, **engine))
