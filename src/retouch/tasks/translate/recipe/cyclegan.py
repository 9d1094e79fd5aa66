"""CycleGAN: learn to translate both ways from two sets of pictures that do not match one another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retouch import metrics
from retouch.errors import InputError
from retouch.losses import augmented, deceiving, gradient_penalty, judging, r1_penalty
from retouch.tasks.translate.recipe import examples
from retouch.tasks.translate.recipe.judging import Results, applied, likeness, panel
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

GENERATORS = ("a_to_b", "b_to_a")
JUDGES = ("judge_a", "judge_b")


class Pools:
    """What CycleGAN remembers: past pictures of either kind, and how often the discriminators moved.

    Args:
        size: pictures in each pool.
    """

    def __init__(self, size: int) -> None:
        self.a, self.b = ImagePool(size), ImagePool(size)
        self.steps = 0

    def state_dict(self) -> dict[str, Any]:
        """Give it."""
        return {"a": self.a.state_dict(), "b": self.b.state_dict(), "steps": self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take it back."""
        self.a.load_state_dict(state["a"])
        self.b.load_state_dict(state["b"])
        self.steps = int(state["steps"])


@dataclass(frozen=True)
class CycleGAN(Recipe):
    """Translate between two kinds of pictures of which no pairs are known.

    Args:
        generator: both networks that make pictures.
        discriminator: both networks that judge them; they see the picture alone.
        game: the adversarial loss.
        cycle: weight of the mean absolute difference between a picture and its way there and back.
        identity: weight, relative to cycle, of the difference a generator makes to a picture that is
            of its kind already; 0: none.
        pool: past pictures that are judged again, of each kind.
        pictures: how pictures come to the networks.
        adam: the optimiser of the generators and, up to its rate, of the discriminators.
        epochs: how often every picture is learned from, unless engine.images says how many in all.

    Source: Zhu et al. 2017, arXiv:1703.10593, section 3 and 7.2.
    Departs: the identity loss is on, as in the authors' code; the paper uses it for some data sets.
    """

    name: ClassVar[str] = "cyclegan"
    summary: ClassVar[str] = "Translate between two kinds of pictures, learned without pairs."
    task: ClassVar[str] = "translate"
    judge: ClassVar[tuple[str, Literal["lowest", "highest"]]] = ("swd", "lowest")

    generator: Generator = field(
        default_factory=lambda: Generator(kind="resnet-9", norm="instance", dropout=0.0)
    )
    discriminator: Discriminator = field(
        default_factory=lambda: Discriminator(norm="instance", conditional=False)
    )
    game: Game = field(default_factory=lambda: Game(kind="least-squares"))
    cycle: float = 10.0
    identity: float = 0.5
    pool: int = 50
    pictures: Pictures = field(default_factory=Pictures)
    adam: Optimiser = field(default_factory=Optimiser)
    epochs: float = 200.0

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        check_critic(self.game, self.discriminator)
        if not self.game.weight:
            raise InputError(
                "a CycleGAN without its adversarial loss learns nothing; give game.weight above 0"
            )
        if self.discriminator.conditional:
            raise InputError(
                "a CycleGAN has no pairs to show its discriminators; leave discriminator.conditional off"
            )
        if self.game.feature_matching:
            raise InputError(
                "feature matching needs pairs, which a CycleGAN has not; set game.feature_matching 0"
            )

    @classmethod
    def presets(cls) -> dict[str, dict[str, object]]:
        """Name sets of options."""
        modern: dict[str, object] = {
            "generator.upsampling": "resize",
            "game.r1": 1.0,
            "game.augment": "color,translation",
            "engine.average": 10_000.0,
        }
        fast: dict[str, object] = {
            "generator.kind": "resnet-6",
            "generator.width": 32,
            "discriminator.width": 32,
            "pictures.size": 128,
        }
        return {"paper": {}, "modern": modern, "fast": fast}

    def data(self, source: str) -> Data:
        """Open both sets."""
        check_size(self.generator, self.discriminator, self.pictures)
        return examples.unpaired(source, self.pictures)

    def networks(self) -> dict[str, nn.Module]:
        """Make two generators and two discriminators."""
        made: dict[str, nn.Module] = {name: self.generator.build((3, 3)) for name in GENERATORS}
        return made | {name: self.discriminator.build(3) for name in JUDGES}

    def turns(self) -> tuple[tuple[Turn, Optimiser], ...]:
        """The generators move first."""
        slower = replace(self.adam, rate=self.adam.rate * self.discriminator.rate)
        return ((Turn("generators", GENERATORS), self.adam), (Turn("discriminators", JUDGES), slower))

    def length(self, examples: int) -> int:
        """As many images as the epochs have."""
        return epochs(self.epochs, examples)

    def memory(self) -> Pools:
        """Two pools, empty."""
        return Pools(self.pool)

    def prepare(self, batch: Batch) -> Batch:
        """Bring pictures from [0, 1] to [-1, 1]."""
        return {name: value * 2.0 - 1.0 for name, value in batch.items()}

    def forward(self, networks: Networks, batch: Batch, turn: str | None) -> Batch:
        """Go there and, unless only the discriminators will look, back."""
        there, back = networks["a_to_b"], networks["b_to_a"]
        with torch.set_grad_enabled(turn != "discriminators"):
            made = {"b": there(batch["a"]), "a": back(batch["b"])}
            if turn == "discriminators":
                return made
            return made | {"again_a": back(made["b"]), "again_b": there(made["a"])}

    def losses(
        self, turn: str, networks: Networks, batch: Batch, shared: Batch, memory: Memory
    ) -> dict[str, Tensor]:
        """The terms of equations 1 and 2 of the paper, and of its identity loss."""
        if turn == "discriminators":
            return self._judged(networks, batch, shared, memory)
        terms: dict[str, Tensor] = {}
        for kind, generator in (("a", "b_to_a"), ("b", "a_to_b")):
            seen = augmented(shared[kind], self.game.augment)
            terms[f"deceiving_{kind}"] = self.game.weight * deceiving(
                self.game.kind, networks[f"judge_{kind}"](seen)
            )
            again = shared[f"again_{kind}"].float()
            terms[f"cycle_{kind}"] = self.cycle * F.l1_loss(again, batch[kind])
            if self.identity:
                same = networks[generator](batch[kind]).float()
                terms[f"identity_{kind}"] = self.cycle * self.identity * F.l1_loss(same, batch[kind])
        return terms

    def _judged(self, networks: Networks, batch: Batch, shared: Batch, memory: Memory) -> dict[str, Tensor]:
        if not isinstance(memory, Pools):
            raise TypeError(f"the memory of {self.name} is a {type(memory).__name__}, not one of its own")
        terms: dict[str, Tensor] = {}
        for kind, pool in (("a", memory.a), ("b", memory.b)):
            judge = networks[f"judge_{kind}"]
            real = augmented(batch[kind], self.game.augment)
            fake = augmented(pool.swapped(shared[kind].detach()), self.game.augment)
            terms[f"judging_{kind}"] = judging(self.game.kind, judge(real), judge(fake))
            if self.game.kind == "wgan-gp":
                terms[f"penalty_{kind}"] = self.game.penalty * gradient_penalty(bare(judge), real, fake)
            if self.game.r1 and memory.steps % R1_EVERY == 0:
                terms[f"r1_{kind}"] = R1_EVERY * self.game.r1 * r1_penalty(bare(judge), real)
        memory.steps += 1
        return terms

    def products(self) -> tuple[str, ...]:
        """Editing uses both generators."""
        return GENERATORS

    def validate(self, networks: Networks, data: Data, device: torch.device) -> Evaluation:
        """Compare the textures of made and real pictures, both ways, and what comes back."""
        there, back = networks["a_to_b"], networks["b_to_a"]
        with applied(there, "eval"), applied(back, "eval"):
            ways = self._translated(there, back, data, device)
        figures: dict[str, float] = {}
        for way, (found, again) in ways.items():
            figures |= {f"{name}_{way}": value for name, value in likeness(found).items()}
            figures[f"cycle_{way}"] = metrics.mean_absolute_difference(again, found.inputs).mean().item()
        if "swd_a_to_b" in figures:
            figures["swd"] = 0.5 * (figures["swd_a_to_b"] + figures["swd_b_to_a"])
        first = ways["a_to_b"][0]
        return Evaluation(
            figures,
            {f"validation_{way}": panel(found) for way, (found, _) in ways.items()},
            outputs=first.outputs,
            targets=None,
            protocol=f"{self.pictures.size} px; SWD 7×7 patches, 256 projections, "
            "normalised by the reference",
            count=len(first.outputs),
        )

    def _translated(
        self, there: nn.Module, back: nn.Module, data: Data, device: torch.device
    ) -> dict[str, tuple[Results, Tensor]]:
        """Apply both generators to the validation examples; the targets are the other set."""

        def both() -> Iterator[tuple[Tensor, ...]]:
            for batch in islice(data.ordered(1), examples.VALIDATION):
                ready = self.prepare({name: value.to(device) for name, value in batch.items()})
                made_b, made_a = there(ready["a"]), back(ready["b"])
                yield (ready["a"], made_b, ready["b"], back(made_b), made_a, there(made_a))

        columns = [torch.cat([_picture(item) for item in column]) for column in zip(*both(), strict=True)]
        a, made_b, b, again_a, made_a, again_b = columns
        return {
            "a_to_b": (Results(a, made_b, b), again_a),
            "b_to_a": (Results(b, made_a, a), again_b),
        }

    def card(self, product: str) -> Card:
        """Describe one of the generators."""
        # With pictures.direction BtoA, what is called a here is the second set of the source.
        forth = (product == "a_to_b") == (self.pictures.direction == "AtoB")
        return Card(
            name=f"{self.name}-{product.replace('_', '-')}",
            task=self.task,
            architecture=self.generator.architecture,
            sizes=dict(self.generator.sizes((3, 3))),
            multiple=self.generator.multiple(),
            settings={
                "inference": "eval",
                "dropout": False,
                "colour": "rgb",
                "direction": "AtoB" if forth else "BtoA",
                "trained_size": self.pictures.size,
            },
            paper="arXiv:1703.10593",
        )


def _picture(value: Tensor) -> Tensor:
    return (value.float() * 0.5 + 0.5).clamp(0.0, 1.0).contiguous().cpu()
