"""pix2pix: learn from pairs to translate one kind of picture into another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retouch.data import Drawn
from retouch.errors import InputError
from retouch.losses import (
    augmented,
    deceiving,
    feature_matching,
    gradient_penalty,
    judging,
    r1_penalty,
)
from retouch.tasks.translate.recipe import examples
from retouch.tasks.translate.recipe.judging import (
    Inference,
    Results,
    applied,
    best_inference,
    evaluated,
    fidelity,
    results,
)
from retouch.tasks.translate.recipe.parts import Generator, Pictures, check_size
from retouch.tasks.translate.recipe.pool import ImagePool
from retouch.training import (
    Batch,
    Data,
    Evaluation,
    Memory,
    Networks,
    Optimiser,
    Recipe,
    Turn,
    epochs,
)
from retouch.training.game import R1_EVERY, Discriminator, Game, bare, check_critic
from retouch.weights import Card


class Past:
    """What pix2pix remembers: past pictures, and how often the discriminator has moved.

    Args:
        size: pictures in the pool.
    """

    def __init__(self, size: int) -> None:
        self.pool = ImagePool(size)
        self.steps = 0

    def state_dict(self) -> dict[str, Any]:
        """Give it."""
        return {"steps": self.steps, **self.pool.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take it back."""
        self.steps = int(state["steps"])
        self.pool.load_state_dict(state)


@dataclass(frozen=True)
class Pix2Pix(Recipe):
    """Translate pictures after the example of pairs.

    Args:
        generator: the network that makes the picture.
        discriminator: the network that judges it.
        game: the adversarial loss.
        l1: weight of the mean absolute difference to the target.
        pool: past pictures that are judged again.
        pictures: how pictures come to the networks.
        adam: the optimiser of the generator and, up to its rate, of the discriminator.
        epochs: how often every picture is learned from, unless engine.images says how many in all.

    Source: Isola et al. 2017, arXiv:1611.07004; 200 epochs and the linear decay are the authors' code's.
    Departs: none.
    """

    name: ClassVar[str] = "pix2pix"
    summary: ClassVar[str] = "Translate one kind of picture into another, learned from pairs."
    task: ClassVar[str] = "translate"
    judge: ClassVar[tuple[str, Literal["lowest", "highest"]]] = ("swd", "lowest")
    channels: ClassVar[tuple[int, int]] = (3, 3)
    colour: ClassVar[str] = "rgb"

    generator: Generator = field(default_factory=Generator)
    discriminator: Discriminator = field(default_factory=Discriminator)
    game: Game = field(default_factory=Game)
    l1: float = 100.0
    pool: int = 0
    pictures: Pictures = field(default_factory=Pictures)
    adam: Optimiser = field(default_factory=Optimiser)
    epochs: float = 200.0

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        check_critic(self.game, self.discriminator)
        if not self.game.weight and not self.l1:
            raise InputError("l1 and game.weight are both 0, which leaves nothing to learn; give one of them")
        if self.game.feature_matching and not self.game.weight:
            raise InputError(
                "feature matching needs a discriminator; give game.weight above 0, or game.feature_matching 0"
            )

    @classmethod
    def presets(cls) -> dict[str, dict[str, object]]:
        """Name sets of options."""
        modern: dict[str, object] = {
            "generator.upsampling": "resize",
            "generator.dropout": 0.0,
            "generator.norm": "instance",
            "discriminator.norm": "instance",
            "game.r1": 1.0,
            "game.augment": "color,translation",
            "engine.average": 10_000.0,
        }
        fast: dict[str, object] = {
            "generator.kind": "unet-128",
            "generator.width": 32,
            "discriminator.width": 32,
            "pictures.size": 128,
        }
        return {"paper": {}, "modern": modern, "fast": fast}

    def data(self, source: str) -> Data:
        """Open the pairs."""
        self.check_pictures()
        return examples.paired(source, self.pictures)

    def check_pictures(self) -> None:
        """Refuse pictures of a size that the networks do not take.

        Raises:
            InputError: They would end the run at its first step.
        """
        check_size(self.generator, self.discriminator if self.game.weight else None, self.pictures)

    def networks(self) -> dict[str, nn.Module]:
        """Make the generator and, unless its weight is 0, the discriminator."""
        made = {"generator": self.generator.build(self.channels)}
        if self.game.weight:
            shown = self.channels[1] + (self.channels[0] if self.discriminator.conditional else 0)
            made["discriminator"] = self.discriminator.build(shown)
        return made

    def turns(self) -> tuple[tuple[Turn, Optimiser], ...]:
        """The discriminator moves first."""
        last = (Turn("generator", ("generator",)), self.adam)
        if not self.game.weight:
            return (last,)
        slower = replace(self.adam, rate=self.adam.rate * self.discriminator.rate)
        return ((Turn("discriminator", ("discriminator",)), slower), last)

    def length(self, examples: int) -> int:
        """As many images as the epochs have."""
        return epochs(self.epochs, examples)

    def memory(self) -> Past:
        """A pool, empty."""
        return Past(self.pool)

    def prepare(self, batch: Batch) -> Batch:
        """Bring pictures from [0, 1] to [-1, 1]."""
        return self.ready(batch)

    def ready(self, batch: Batch) -> Batch:
        """Do what :meth:`prepare` does, without chance, for validation."""
        return {name: value * 2.0 - 1.0 for name, value in batch.items()}

    def forward(self, networks: Networks, batch: Batch, turn: str | None) -> Batch:
        """Make the picture; without a graph when only the discriminator will look at it."""
        with torch.set_grad_enabled(turn != "discriminator"):
            return {"made": networks["generator"](batch["input"])}

    def losses(
        self, turn: str, networks: Networks, batch: Batch, shared: Batch, memory: Memory
    ) -> dict[str, Tensor]:
        """The terms of equation 4 of the paper."""
        if turn == "discriminator":
            return self._judged(networks["discriminator"], batch, shared["made"].detach(), memory)
        made, target = shared["made"], batch["target"]
        terms = {"l1": self.l1 * F.l1_loss(made.float(), target)} if self.l1 else {}
        if not self.game.weight:
            return terms
        judge = networks["discriminator"]
        if self.game.feature_matching:
            return terms | self._matched(judge, batch["input"], made, target)
        seen = self._augmented(self._shown(batch["input"], made))
        terms["deceiving"] = self.game.weight * deceiving(self.game.kind, judge(seen))
        return terms

    def _matched(
        self, judge: nn.Module, condition: Tensor, made: Tensor, target: Tensor
    ) -> dict[str, Tensor]:
        # In one stack, so that chance changes the made picture as it changes the target.
        channels = (self.channels[0], self.channels[1], self.channels[1])
        stack = torch.cat([condition, made.to(condition.dtype), target], 1)
        stack = augmented(stack, self.game.augment, channels=channels)
        condition, made, target = torch.split(stack, list(channels), dim=1)
        *fake, logits = bare(judge).features(self._shown(condition, made))
        with torch.no_grad():
            *real, _ = bare(judge).features(self._shown(condition, target))
        return {
            "deceiving": self.game.weight * deceiving(self.game.kind, logits),
            "feature_matching": self.game.feature_matching * feature_matching(real, fake),
        }

    def _judged(self, judge: nn.Module, batch: Batch, made: Tensor, memory: Memory) -> dict[str, Tensor]:
        if not isinstance(memory, Past):
            raise TypeError(f"the memory of {self.name} is a {type(memory).__name__}, not one of its own")
        real = self._augmented(self._shown(batch["input"], batch["target"]))
        fake = self._augmented(memory.pool.swapped(self._shown(batch["input"], made)))
        terms = {"judging": judging(self.game.kind, judge(real), judge(fake))}
        if self.game.kind == "wgan-gp":
            terms["penalty"] = self.game.penalty * gradient_penalty(bare(judge), real, fake)
        if self.game.r1 and memory.steps % R1_EVERY == 0:
            terms["r1"] = R1_EVERY * self.game.r1 * r1_penalty(bare(judge), real)
        memory.steps += 1
        return terms

    def _shown(self, condition: Tensor, picture: Tensor) -> Tensor:
        picture = picture.to(condition.dtype)
        return torch.cat([condition, picture], 1) if self.discriminator.conditional else picture

    def _augmented(self, shown: Tensor) -> Tensor:
        channels = self.channels if self.discriminator.conditional else self.channels[1:]
        return augmented(shown, self.game.augment, channels=channels)

    def products(self) -> tuple[str, ...]:
        """Editing uses the generator."""
        return ("generator",)

    @property
    def inference(self) -> Inference:
        """How the network is applied until evidence decides: by the paper where trained by the paper."""
        return "batch" if self.generator.norm == "batch" and self.engine.batch == 1 else "eval"

    def validate(self, networks: Networks, data: Data, device: torch.device) -> Evaluation:
        """Compare with the targets of validation and of training examples."""
        network = networks["generator"]
        with applied(network, self.inference):
            found = self.translated(network, data.ordered(1), device, examples.VALIDATION)
            learned = None
            if isinstance(data, Drawn):
                learned = self.translated(network, data.ordered_train(1), device, examples.VALIDATION // 4)
        return evaluated(found, learned)

    def translated(
        self, network: nn.Module, batches: Iterator[Batch], device: torch.device, limit: int
    ) -> Results:
        """Apply the generator, in the mode it is in, to examples.

        Args:
            network: the generator.
            batches: of pictures in [0, 1].
            device: where the network is.
            limit: how many examples at most.

        Returns:
            Inputs, outputs and targets as pictures.
        """

        def triples() -> Iterator[tuple[Tensor, Tensor, Tensor]]:
            for batch in islice(batches, limit):
                ready = self.ready({name: value.to(device) for name, value in batch.items()})
                yield self.as_pictures(ready, network(ready["input"]))

        return results(triples(), limit)

    def as_pictures(self, batch: Batch, made: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Bring input, output and target of the network back to pictures in [0, 1]."""
        return tuple(_rgb(value.float() * 0.5 + 0.5) for value in (batch["input"], made, batch["target"]))  # type: ignore[return-value]

    def card(self, product: str) -> Card:
        """Describe the generator."""
        del product
        return Card(
            name=self.name,
            task=self.task,
            architecture=self.generator.architecture,
            sizes=dict(self.generator.sizes(self.channels)),
            multiple=self.generator.multiple(),
            settings={
                "inference": self.inference,
                "dropout": False,
                "colour": self.colour,
                "direction": self.pictures.direction,
                "trained_size": self.pictures.size,
            },
            paper="arXiv:1611.07004",
        )

    def conclude(self, networks: Networks, data: Data, device: torch.device) -> dict[str, dict[str, object]]:
        """Choose by validation whose statistics batch norm uses, and whether dropout stays on."""
        network = networks["generator"]

        def measure() -> dict[str, float]:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.engine.seed)
                return fidelity(self.translated(network, data.ordered(1), device, examples.VALIDATION))

        settings, _ = best_inference(network, measure)
        return {"generator": settings}


def _rgb(picture: Tensor) -> Tensor:
    return picture.expand(-1, 3, -1, -1) if picture.shape[1] == 1 else picture
