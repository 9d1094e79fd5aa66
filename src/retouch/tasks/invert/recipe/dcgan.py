"""DCGAN: learn to make small pictures like those of a folder, with plain convolutions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from retouch.errors import InputError
from retouch.losses import augmented, deceiving, judging
from retouch.losses.diffaugment import KINDS
from retouch.tasks.invert.network import DCGAN, DCGANJudge
from retouch.tasks.invert.network.dcgan import DCGANNorm, check_sizes
from retouch.tasks.invert.recipe.measuring import Yardstick, opened
from retouch.training import Batch, Data, Engine, Evaluation, Memory, Networks, Optimiser, Recipe, Turn
from retouch.training.start import begin
from retouch.weights import Card


@dataclass(frozen=True)
class Network:
    """Generator and judge.

    Args:
        width: channels of the generator's largest maps.
        latent: numbers of the noise.
        norm: normalisation of the maps: batch as in the paper, or instance as in course files.
        judge_width: channels of the judge's largest maps; 0: as the generator's.
    """

    width: int = 64
    latent: int = 100
    norm: DCGANNorm = "batch"
    judge_width: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        check_sizes(64, self.width, self.norm)
        if self.judge_width:
            check_sizes(64, self.judge_width, self.norm)
        if self.latent < 1:
            raise InputError(f"network.latent is {self.latent}; it must be at least 1")


@dataclass(frozen=True)
class DCGANRecipe(Recipe):
    """Learn to make small pictures like those of a folder, with plain convolutions.

    Args:
        size: side of the pictures, in pixels: 8, 16, 32, 64, ….
        network: generator and judge.
        augment: DiffAugment of what is judged: color, translation, cutout, with commas between; empty: none.
            With fewer than some thousands of pictures the judge soon knows them by heart without it.
        flip: mirror half of the pictures.
        start: a generator's weights to begin with; left out: from nothing.
        images: how many it learns from, repeats counted, unless engine.images says.
        adam: of both networks.

    Source: Radford, Metz, Chintala 2016, arXiv:1511.06434, section 4.
    Departs: augment and the average of the weights (engine.average), which the paper does not know, are off
        unless asked for; so are its pictures of 64 pixels only the default.
    """

    name: ClassVar[str] = "dcgan"
    summary: ClassVar[str] = "Learn to make small pictures like those of a folder; plain convolutions."
    task: ClassVar[str] = "invert"
    judge: ClassVar[tuple[str, Literal["lowest", "highest"]]] = ("swd", "lowest")

    size: int = 64
    network: Network = field(default_factory=Network)
    augment: str = ""
    flip: bool = True
    start: str = ""
    images: int = 500_000
    adam: Optimiser = field(
        default_factory=lambda: Optimiser(rate=2e-4, beta1=0.5, beta2=0.999, schedule="constant")
    )
    engine: Engine = field(default_factory=lambda: Engine(batch=128))

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        check_sizes(self.size, self.network.width, self.network.norm)
        if self.images < 1:
            raise InputError(f"images is {self.images}; it must be at least 1")
        strange = {item.strip() for item in self.augment.split(",")} - {"", *KINDS}
        if strange:
            raise InputError(
                f"augment names {min(strange)!r}; it can be any of {', '.join(KINDS)}, with commas"
            )

    @classmethod
    def presets(cls) -> dict[str, dict[str, object]]:
        """Name sets of options."""
        few: dict[str, object] = {
            "augment": "color,translation",
            "network": {"width": 48, "latent": 64, "judge_width": 64},
            "engine": {"batch": 64, "average": 5_000.0},
        }
        return {"paper": {}, "few": few}

    def data(self, source: str) -> Data:
        """Open the pictures."""
        return opened(source, self.size, flip=self.flip)

    def networks(self) -> dict[str, nn.Module]:
        """Make both."""
        generator = DCGAN(**self._sizes())  # type: ignore[arg-type]
        if self.start:
            begin(generator, self.start, self.card("generator"), options="size and network.*")
        return {"generator": generator, "judge": DCGANJudge(**self._judge_sizes())}  # type: ignore[arg-type]

    def turns(self) -> tuple[tuple[Turn, Optimiser], ...]:
        """The judge moves first, as in the paper's code."""
        return ((Turn("judge", ("judge",)), self.adam), (Turn("generator", ("generator",)), self.adam))

    def length(self, examples: int) -> int:
        """As many as asked for, whatever the size of the set."""
        del examples
        return self.images

    def prepare(self, batch: Batch) -> Batch:
        """Bring pictures from [0, 1] to [-1, 1]."""
        return {name: value * 2.0 - 1.0 for name, value in batch.items()}

    def forward(self, networks: Networks, batch: Batch, turn: str | None) -> Batch:
        """Make as many pictures as there are real ones."""
        del turn
        image = batch["image"]
        made = networks["generator"](torch.randn(len(image), self.network.latent, device=image.device))
        return {"made": made.contiguous(memory_format=torch.channels_last)}

    def losses(
        self, turn: str, networks: Networks, batch: Batch, shared: Batch, memory: Memory
    ) -> dict[str, Tensor]:
        """What the judge, then the generator pays."""
        del memory
        judge, made = networks["judge"], shared["made"]
        if turn == "generator":
            return {"deceiving": deceiving("vanilla", judge(augmented(made, self.augment)))}
        # Each kind in a batch of its own: the statistics of a mixed one would tell them apart.
        real = judge(augmented(batch["image"], self.augment))
        fake = judge(augmented(made.detach(), self.augment))
        return {"judging": 2.0 * judging("vanilla", real, fake)}

    def products(self) -> tuple[str, ...]:
        """Editing uses the generator, and the judge's features."""
        return ("generator", "judge")

    def averaged_products(self) -> tuple[str, ...]:
        """An average of judges judges nothing."""
        return ("generator",)

    def validate(self, networks: Networks, data: Data, device: torch.device) -> Evaluation:
        """Compare samples with held-out pictures."""
        generator = networks["generator"]
        return Yardstick.of(data).measured(lambda z: generator(z.to(device)), latent=self.network.latent)

    def card(self, product: str) -> Card:
        """Describe one of the networks."""
        made = product == "generator"
        return Card(
            name=self.name if made else f"{self.name}-judge",
            task=self.task,
            architecture="dcgan" if made else "dcgan-judge",
            sizes=dict(self._sizes() if made else self._judge_sizes()),
            settings={"trained_size": self.size},
            paper="arXiv:1511.06434",
        )

    def _sizes(self) -> dict[str, int | float | str]:
        sizes = self.network
        return {"side": self.size, "latent": sizes.latent, "width": sizes.width, "norm": sizes.norm}

    def _judge_sizes(self) -> dict[str, int | float | str]:
        width = self.network.judge_width or self.network.width
        return {"side": self.size, "width": width, "norm": self.network.norm}
