"""LaMa: learn to fill holes from pictures alone."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retouch import data as pictures_of
from retouch.data import holes
from retouch.errors import InputError
from retouch.losses import gradient_penalty
from retouch.tasks.inpaint.network.features import Perceptual
from retouch.tasks.inpaint.network.perceptual import find_perceptual, perceptual_file
from retouch.tasks.inpaint.recipe import terms
from retouch.tasks.inpaint.recipe.parts import Discriminator, Generator, LocalPath, Pictures, Weights
from retouch.tasks.inpaint.recipe.validating import evaluated
from retouch.training import Batch, Data, Engine, Evaluation, Memory, Networks, Optimiser, Recipe, Turn
from retouch.training.start import begin
from retouch.weights import Card

PAPER_IMAGES = 10_000_000
"""A million steps of ten pictures, as the authors' configuration has it."""


class Eyes:
    """What the recipe keeps beside its networks: the frozen network of the perceptual loss, and a count.

    Args:
        network: None when there is none.
    """

    def __init__(self, network: Perceptual | None) -> None:
        self.network = network
        self.judged = 0

    def on(self, device: torch.device) -> Perceptual | None:
        """Give it on a device.

        Args:
            device: where the pictures are.
        """
        if self.network is not None:
            self.network.to(device)
        return self.network

    def state_dict(self) -> dict[str, Any]:
        """Give the count of batches that were judged; the network never changes."""
        return {"judged": self.judged}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the count back."""
        self.judged = int(state["judged"])


@dataclass(frozen=True)
class Inpaint(Recipe):
    """Fill holes in photos.

    Args:
        masks: the holes it learns from, as `retouch data holes` names them: large (LaMa's), thin, square,
            polygon, "thick:2,text:1".
        loss: the adversarial loss: r1 (LaMa's), wgan-gp, hinge.
        local: the local convolution of the blocks: conv (LaMa's), spectral, all-spectral, global.
        perceptual: the frozen network whose features are compared; auto: the best whose file is there.
        perceptual_file: its file or folder; left out: where `retouch weights list` looks.
        start: a weights file whose generator it begins with, to go on from; left out: from nothing.
        generator: the network that fills.
        discriminator: the network that judges.
        weights: of the terms of the loss.
        pictures: how pictures come to the network.
        adam: the optimiser of the generator and, up to its rate, of the discriminator.
        images: how many it learns from unless engine.images says.

    Source: Suvorov et al. 2021, arXiv:2109.07161, and the authors' configurations.
    Departs: the generator makes a picture once in a step, and the discriminator judges that one; upstream
        makes it again, with the generator just changed. Without a perceptual network's file there is no
        such term, and the record of the run says so.
    """

    name: ClassVar[str] = "inpaint"
    summary: ClassVar[str] = "Fill holes in photos (LaMa), learned from photos alone."
    task: ClassVar[str] = "inpaint"
    judge: ClassVar[tuple[str, Literal["lowest", "highest"]]] = ("hole_swd", "lowest")

    masks: str = "large"
    loss: terms.Loss = "r1"
    local: LocalPath = "conv"
    perceptual: Literal["auto", "ade20k", "imagenet", "vgg", "none"] = "auto"
    perceptual_file: str = ""
    start: str = ""
    generator: Generator = field(default_factory=Generator)
    discriminator: Discriminator = field(default_factory=Discriminator)
    weights: Weights = field(default_factory=Weights)
    pictures: Pictures = field(default_factory=Pictures)
    adam: Optimiser = field(
        default_factory=lambda: Optimiser(rate=1e-3, beta1=0.9, schedule="constant", hold=1.0)
    )
    images: int = PAPER_IMAGES
    engine: Engine = field(default_factory=lambda: Engine(batch=10, clip=1.0))

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        holes.parse(self.masks)
        step = 2**self.generator.downsampling
        if self.pictures.size % step or self.pictures.size < 2 * step:
            raise InputError(
                f"pictures.size is {self.pictures.size}, and a generator with {self.generator.downsampling} "
                f"halvings takes multiples of {step} from {2 * step}; give such a size, or fewer halvings"
            )
        if self.images < 1:
            raise InputError(f"images is {self.images}; it must be at least 1")
        if self.loss == "wgan-gp" and self.discriminator.norm == "batch":
            raise InputError(
                "a Wasserstein critic cannot have batch normalisation, since its gradient penalty is each "
                "picture's own; leave discriminator.norm at auto, or give instance or none"
            )
        if self.loss != "wgan-gp" and self.discriminator.every > 1:
            raise InputError(
                f"discriminator.every is {self.discriminator.every}, which is for wgan-gp, and loss is "
                f"{self.loss}; leave it at 1"
            )
        if self.loss != "r1" and self.discriminator.slope_every > 1:
            raise InputError(
                f"discriminator.slope_every is {self.discriminator.slope_every}, which is for r1, and loss "
                f"is {self.loss}; leave it at 1"
            )
        if not self.weights.adversarial and self.weights.feature_matching:
            raise InputError(
                "feature matching needs a discriminator; give weights.adversarial above 0, or "
                "weights.feature_matching 0"
            )

    @classmethod
    def presets(cls) -> dict[str, dict[str, object]]:
        """Name sets of options."""
        # Scores of a critic have no bound: at a weight of 1 they drowned the other terms in our study.
        wgan: dict[str, object] = {
            "loss": "wgan-gp",
            "weights.adversarial": 0.1,
            "adam.beta1": 0.0,
            "adam.beta2": 0.9,
        }
        small: dict[str, object] = {
            "generator.width": 24,
            "generator.still": True,
            "discriminator.width": 32,
            "discriminator.sees": "inpainted",
            "discriminator.slope_every": 16,
            "weights.missing": 10.0,
            "adam.schedule": "cosine",
            "adam.hold": 0.0,
            "engine.average": 2000.0,
        }
        return {
            "paper": {},
            "big": {"generator.blocks": 18, "engine.batch": 120},
            "small": small,
            "wasserstein": wgan,
            "spectral": {"local": "spectral"},
        }

    def data(self, source: str) -> Data:
        """Open the pictures, and draw holes into them."""
        return drawn(source, self.pictures, self.masks)

    def networks(self) -> dict[str, nn.Module]:
        """Make the generator and, unless its weight is 0, the discriminator."""
        made = {"generator": self.generator.build(self.local)}
        if self.start:
            begin(made["generator"], self.start, self.card("generator"), options="generator.* and local")
        if self.weights.adversarial:
            made["discriminator"] = self.discriminator.build(critic=self.loss == "wgan-gp")
        return made

    def turns(self) -> tuple[tuple[Turn, Optimiser], ...]:
        """The generator moves first, as in LaMa; with a critic in every so many-th step."""
        first = Turn("generator", ("generator",), every=self.discriminator.every)
        if not self.weights.adversarial:
            return ((replace(first, every=1), self.adam),)
        slower = replace(self.adam, rate=self.adam.rate * self.discriminator.rate)
        return ((first, self.adam), (Turn("discriminator", ("discriminator",)), slower))

    def length(self, examples: int) -> int:
        """As many as the paper, whatever the size of the set."""
        del examples
        return self.images

    def memory(self) -> Eyes:
        """Read the network of the perceptual loss."""
        if not self.weights.perceptual:
            return Eyes(None)
        return Eyes(find_perceptual(self.perceptual, self.perceptual_file or None))

    def prepare(self, batch: Batch) -> Batch:
        """Zoom, and cut the hole out."""
        photos, hole, size = batch["image"], batch["hole"], self.pictures.size
        if photos.shape[-1] != size:
            photos, hole = zoomed(photos, size), F.interpolate(hole, (size, size), mode="nearest")
        return {"photo": photos, "hole": hole, "input": masked(photos, hole)}

    def forward(self, networks: Networks, batch: Batch, turn: str | None) -> Batch:
        """Fill; without a graph when only the discriminator will look at it."""
        with torch.set_grad_enabled(turn != "discriminator"):
            return {"made": networks["generator"](batch["input"]).float()}

    def losses(
        self, turn: str, networks: Networks, batch: Batch, shared: Batch, memory: Memory
    ) -> dict[str, Tensor]:
        """The terms of the paper's equation 5, with the weights of the authors' configurations."""
        if not isinstance(memory, Eyes):
            raise TypeError(f"the memory of {self.name} is a {type(memory).__name__}, not one of its own")
        if turn == "discriminator":
            return self._judged(networks["discriminator"], batch, shared["made"].detach(), memory)
        weights, made, photos, hole = self.weights, shared["made"], batch["photo"], batch["hole"]
        found = {"l1": terms.differing(made, photos, hole, weights.known, weights.missing)}
        if weights.frequency:
            found["frequency"] = weights.frequency * terms.waves(made, photos)
        if (eyes := memory.on(made.device)) is not None:
            found["perceptual"] = weights.perceptual * terms.perceived(eyes, made, photos)
        if weights.adversarial:
            found |= self._deceived(networks["discriminator"], batch, made)
        return found

    def _deceived(self, judge: nn.Module, batch: Batch, made: Tensor) -> dict[str, Tensor]:
        *maps, logits = _bare(judge).features(self._shown(batch, made))
        found = {"deceiving": self.weights.adversarial * terms.deceiving(self.loss, logits)}
        if self.weights.feature_matching:
            with torch.no_grad():
                *wanted, _ = _bare(judge).features(batch["photo"])
            found["feature_matching"] = self.weights.feature_matching * terms.matching(maps, wanted)
        return found

    def _judged(self, judge: nn.Module, batch: Batch, made: Tensor, memory: Eyes) -> dict[str, Tensor]:
        photos, filled = batch["photo"], self._shown(batch, made)
        real, logits = judge(photos), judge(filled)
        fake = terms.fake_patches(batch["hole"], logits, self.discriminator.fake)
        found = {"judging": terms.judging(self.loss, real, logits, fake)}
        every = self.discriminator.slope_every
        if self.loss == "r1" and self.weights.slope and memory.judged % every == 0:
            found["slope"] = every * self.weights.slope * terms.slope_at_real(_bare(judge), photos)
        memory.judged += 1
        if self.loss == "wgan-gp":
            found["penalty"] = self.weights.penalty * gradient_penalty(_bare(judge), photos, filled)
        return found

    def _shown(self, batch: Batch, made: Tensor) -> Tensor:
        if self.discriminator.sees == "predicted":
            return made
        return torch.lerp(batch["photo"], made, batch["hole"])

    def products(self) -> tuple[str, ...]:
        """Editing uses the generator."""
        return ("generator",)

    def validate(self, networks: Networks, data: Data, device: torch.device) -> Evaluation:
        """Fill the holes of validation pictures."""

        def fill(photos: Tensor, hole: Tensor) -> Tensor:
            network = networks["generator"]
            found: Tensor = network(masked(photos.to(device), hole.to(device)))
            return found

        return evaluated(fill, data.ordered(1), f"holes {self.masks}")

    def _perceptual(self) -> str:
        """Name the file of the perceptual network, for the record."""
        file = perceptual_file(self.perceptual, self.perceptual_file or None)
        return file.name if file is not None and self.weights.perceptual else "none"

    def card(self, product: str) -> Card:
        """Describe the generator."""
        del product
        settings: dict[str, Any] = {
            "trained_size": self.pictures.size,
            "masks": self.masks,
            "loss": self.loss,
            "perceptual": self._perceptual(),
        }
        return Card(
            name=self.name,
            task=self.task,
            architecture="lama",
            sizes=dict(self.generator.sizes(self.local)),
            value_range=(0.0, 1.0),
            multiple=2**self.generator.downsampling,
            settings=settings,
            paper="arXiv:2109.07161",
        )


def masked(photos: Tensor, hole: Tensor) -> Tensor:
    """Make what the network takes.

    Args:
        photos: ``(B, 3, H, W)`` in [0, 1].
        hole: ``(B, 1, H, W)``, 1 where something is missing.

    Returns:
        ``(B, 4, H, W)``: pictures with 0 in the hole, and the hole.
    """
    found = torch.cat([photos * (1.0 - hole), hole], 1)
    last = photos.is_contiguous(memory_format=torch.channels_last)
    return found.contiguous(memory_format=torch.channels_last) if last else found


def zoomed(photos: Tensor, size: int) -> Tensor:
    """Cut the middle of a random size out of pictures, and shrink it.

    Args:
        photos: ``(B, 3, S, S)``, S at least ``size``.
        size: side of the result.

    Returns:
        ``(B, 3, size, size)``; the same scale for the whole batch, drawn evenly in its logarithm.
    """
    whole = photos.shape[-1]
    side = round(size * math.exp(float(torch.rand(())) * math.log(whole / size)))
    start = (whole - side) // 2
    cut = photos[..., start : start + side, start : start + side]
    if side == size:
        return cut
    last = photos.is_contiguous(memory_format=torch.channels_last)
    small = F.interpolate(cut, (size, size), mode="bilinear", antialias=True, align_corners=False)
    return small.contiguous(memory_format=torch.channels_last) if last else small


def drawn(source: str, pictures: Pictures, masks: str) -> Data:
    """Open pictures with holes.

    Args:
        source: a folder of pictures.
        pictures: how they come to the network.
        masks: the holes.

    Returns:
        Batches with ``image`` and ``hole``.

    Raises:
        DataError: there are no pictures.
    """
    wanted = holes.parse(masks)
    resize: Literal["cover", "crop"] = "cover" if pictures.load else "crop"
    train = pictures_of.singles(
        source,
        "train",
        augment=True,
        size=pictures.drawn,
        load_size=pictures.load or pictures.drawn,
        resize=resize,
        flip=pictures.flip,
        rotate=pictures.rotate,
        jitter=pictures.jitter,
    )
    held = pictures_of.singles(source, "val", augment=False, size=pictures.size, resize=resize)
    return pictures_of.Drawn(holes.Holed(train, wanted), holes.Holed(held, wanted, fixed=True))


def _bare(network: nn.Module) -> Any:
    """The network itself, where it was compiled."""
    return getattr(network, "_orig_mod", network)
