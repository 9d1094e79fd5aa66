"""The recipes at the size of toys, and what one step of theirs does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from retouch.tasks.translate.recipe import RECIPES, Colourise, CycleGAN, Pix2Pix, Segmentation, Sketch
from retouch.training import Batch, Recipe
from retouch.training.distributed import Group
from retouch.training.options import changed
from retouch.training.step import Stepper

SIZE = 32
ALONE = Group(0, 1, torch.device("cpu"))
PLAIN: dict[str, object] = {"engine.precision": "float32"}
STILL: dict[str, object] = PLAIN | {
    "generator.norm": "instance",
    "generator.dropout": 0.0,
    "discriminator.norm": "instance",
}
"""Without chance, and every picture for itself."""

U_NET: dict[str, object] = {
    "generator.kind": "unet",
    "generator.depth": 4,
    "generator.width": 4,
    "discriminator.width": 4,
    "pictures.size": SIZE,
}
TOYS: dict[type[Recipe], dict[str, object]] = {
    Pix2Pix: U_NET,
    Colourise: U_NET,
    Sketch: U_NET,
    CycleGAN: {
        "generator.kind": "resnet-6",
        "generator.width": 2,
        "discriminator.width": 4,
        "pictures.size": SIZE,
    },
    # the label map is the first of a synthetic pair
    Segmentation: {
        "palette": "facades",
        "width": 2,
        "pictures.size": SIZE,
        "pictures.direction": "BtoA",
    },
}
assert set(TOYS) == set(RECIPES)

EVERY = [(recipe, preset) for recipe in RECIPES for preset in recipe.presets()]


def toy(recipe: type[Any], changes: Mapping[str, object] | None = None, *, preset: str = "paper") -> Any:
    """A recipe with a preset, made small, then changed."""
    return changed(changed(changed(recipe(), recipe.presets()[preset]), TOYS[recipe]), changes or {})


def source(recipe: Recipe, count: int = 20) -> str:
    """Pictures for it; a tenth as many again for validation."""
    return f"synthetic:{'seasons' if isinstance(recipe, CycleGAN) else 'facades'}?count={count}&size={SIZE}"


def batches(recipe: Recipe, count: int, batch: int = 1) -> list[Batch]:
    """The first batches of a run."""
    stream = recipe.data(source(recipe)).stream(batch=batch, seed=0, rank=0, world=1, start=0, workers=0)
    return list(islice(stream, count))


def networks_of(recipe: Recipe) -> dict[str, nn.Module]:
    """Its networks, the same at every call."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        return {name: network.train() for name, network in recipe.networks().items()}


@dataclass
class Watched:
    """What the turns of all steps did, in order: who had gradients, and whose weights moved.

    Args:
        recipe: of the networks that are stepped.
        move: let the optimisers change the weights.
    """

    recipe: Recipe
    move: bool = True
    pulled: list[tuple[str, dict[str, list[Tensor]]]] = field(default_factory=list)
    moved: list[tuple[str, set[str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.networks = networks_of(self.recipe)
        self.memory = self.recipe.memory()
        self.stepper = Stepper(self.recipe, self.networks, self.memory, ALONE)
        for mover in self.stepper.movers:
            self._watch(mover.turn.name, mover.optimiser)

    def step(self, given: list[Batch]) -> dict[str, float]:
        """Take one step; its losses."""
        return {name: value.item() for name, value in self.stepper.step(given, 0, 1000).items()}

    def _watch(self, turn: str, optimiser: torch.optim.Optimizer) -> None:
        step = optimiser.step

        def watched() -> None:
            before = self._copies()
            self.pulled.append((turn, self._gradients()))
            if self.move:
                step()
            after = self._copies()
            self.moved.append((turn, {name for name in before if not torch.equal(before[name], after[name])}))

        optimiser.step = watched  # type: ignore[method-assign, assignment]

    def _gradients(self) -> dict[str, list[Tensor]]:
        found = {
            name: [weight.grad.clone() for weight in network.parameters() if weight.grad is not None]
            for name, network in self.networks.items()
        }
        return {name: gradients for name, gradients in found.items() if gradients}

    def _copies(self) -> dict[str, Tensor]:
        return {
            name: torch.cat([weight.detach().flatten().clone() for weight in network.parameters()])
            for name, network in self.networks.items()
        }
