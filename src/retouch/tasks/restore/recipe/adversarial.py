"""Learn to restore pictures as pix2pix does: near to the true ones, and not to be told from them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from retouch.errors import InputError
from retouch.losses import augmented, gradient_penalty, r1_penalty
from retouch.losses import deceiving as deceiving_loss
from retouch.losses import feature_matching as matching_loss
from retouch.losses import judging as judging_loss
from retouch.tasks.restore.network.unet import UNetRestorer
from retouch.tasks.restore.recipe.fidelity import Restore
from retouch.tasks.restore.recipe.parts import Pictures, UNetSizes
from retouch.training import Batch, Data, Engine, Evaluation, Memory, Networks, Optimiser, Turn
from retouch.training.game import R1_EVERY, Discriminator, Game, bare, check_critic
from retouch.training.start import begin
from retouch.weights import Card


class Count:
    """How often the discriminator has moved."""

    def __init__(self) -> None:
        self.steps = 0

    def state_dict(self) -> dict[str, Any]:
        """Give it."""
        return {"steps": self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take it back."""
        self.steps = int(state["steps"])


@dataclass(frozen=True)
class RestorePix2Pix(Restore):
    """Restore pictures so that they are near to the true ones and cannot be told from them.

    Args:
        degradations: what spoils the pictures it learns from, one after the other: "bicubic(4)",
            "noise(5..50)", "bicubic(4),noise(0..25)".
        loss: the mean difference, its smooth form, or the mean square.
        told: to which part of the pictures a denoiser is told how strong the noise is.
        start: a weights file its generator begins with, such as one that was trained for fidelity.
        generator: unet as in pix2pix, from the picture enlarged by bicubic; residual: the network of the
            recipe restore.
        unet: the U-Net.
        network: the residual network.
        l1: weight of the loss beside the adversarial one.
        discriminator: what judges; conditional: it sees the spoiled picture, enlarged, beside the other.
        game: the adversarial loss.
        pictures: how pictures come to the network.
        adam: the optimiser of the generator and, up to its rate, of the discriminator.
        images: how many it learns from unless engine.images says.

    Source: Isola et al. 2017, arXiv:1611.07004; for super-resolution Ledig et al. 2017, arXiv:1609.04802.
    Departs: the discriminator sees the spoiled picture enlarged by bicubic, so that both have one size.
    """

    name: ClassVar[str] = "restore-pix2pix"
    summary: ClassVar[str] = "Restore pictures as pix2pix does: fidelity and a discriminator."
    judge: ClassVar[tuple[str, Literal["lowest", "highest"]]] = ("swd", "lowest")

    generator: Literal["unet", "residual"] = "unet"
    unet: UNetSizes = field(default_factory=UNetSizes)
    l1: float = 100.0
    discriminator: Discriminator = field(default_factory=Discriminator)
    game: Game = field(default_factory=Game)
    pictures: Pictures = field(default_factory=lambda: Pictures(size=128))
    adam: Optimiser = field(default_factory=Optimiser)
    engine: Engine = field(default_factory=lambda: Engine(batch=1))

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        super().__post_init__()
        check_critic(self.game, self.discriminator)
        if self.l1 < 0:
            raise InputError(f"l1 is {self.l1}; it must be at least 0")
        if not self.game.weight and not self.l1:
            raise InputError("l1 and game.weight are both 0, which leaves nothing to learn; give one of them")
        if not self.game.weight and self.game.feature_matching:
            raise InputError(
                "feature matching needs a discriminator; give game.weight above 0, or game.feature_matching 0"
            )
        if self.generator == "unet" and self.pictures.size % 2**self.unet.depth:
            raise InputError(
                f"pictures.size is {self.pictures.size}, and a U-Net of depth {self.unet.depth} takes "
                f"multiples of {2**self.unet.depth}; give such a size, or less unet.depth"
            )
        if self.game.weight and self.pictures.size < self.discriminator.smallest:
            raise InputError(
                f"pictures.size is {self.pictures.size}, but a discriminator of {self.discriminator.layers} "
                f"layers needs {self.discriminator.smallest}; give a larger size, or fewer layers"
            )

    @classmethod
    def presets(cls) -> dict[str, dict[str, object]]:
        """Name sets of options."""
        tuned: dict[str, object] = {
            "generator": "residual",
            "l1": 20.0,
            "game.kind": "least-squares",
            "game.r1": 1.0,
            "discriminator.norm": "none",
            "discriminator.width": 32,
            "adam.schedule": "cosine",
            "adam.beta1": 0.9,
            "adam.beta2": 0.99,
            "engine.batch": 12,
            "engine.average": 5_000.0,
        }
        return {"paper": {}, "tuned": tuned}

    def networks(self) -> dict[str, nn.Module]:
        """Make the generator and, unless its weight is 0, the discriminator."""
        if self.generator == "residual":
            made = super().networks()
        else:
            made = {"restorer": UNetRestorer(**self.unet.sizes(self.chain.scale))}
            if self.start:
                begin(made["restorer"], self.start, self.card("restorer"), options="unet.*")
        if self.game.weight:
            made["discriminator"] = self.discriminator.build(6 if self.discriminator.conditional else 3)
        return made

    def turns(self) -> tuple[tuple[Turn, Optimiser], ...]:
        """The discriminator moves first."""
        last = (Turn("restorer", ("restorer",)), self.adam)
        if not self.game.weight:
            return (last,)
        slower = replace(self.adam, rate=self.adam.rate * self.discriminator.rate)
        return ((Turn("discriminator", ("discriminator",)), slower), last)

    def memory(self) -> Count:
        """Count from nothing."""
        return Count()

    @property
    def tells(self) -> bool:
        """Only the residual denoiser is told of the noise."""
        return self.generator == "residual" and super().tells

    def forward(self, networks: Networks, batch: Batch, turn: str | None) -> Batch:
        """Restore; without a graph when only the discriminator will look at it."""
        with torch.set_grad_enabled(turn != "discriminator"):
            return super().forward(networks, batch, turn)

    def losses(
        self, turn: str, networks: Networks, batch: Batch, shared: Batch, memory: Memory
    ) -> dict[str, Tensor]:
        """The terms of equation 4 of the paper."""
        if not isinstance(memory, Count):
            raise TypeError(f"the memory of {self.name} is a {type(memory).__name__}, not one of its own")
        if turn == "discriminator":
            return self._judged(networks["discriminator"], batch, shared["made"].detach(), memory)
        found = super().losses(turn, networks, batch, shared, memory) if self.l1 else {}
        found = {name: self.l1 * value for name, value in found.items()}
        if not self.game.weight:
            return found
        return found | self._deceived(networks["discriminator"], batch, shared["made"])

    def _deceived(self, judge: nn.Module, batch: Batch, made: Tensor) -> dict[str, Tensor]:
        *fake, logits = bare(judge).features(self._shown(batch, made))
        found = {"deceiving": self.game.weight * deceiving_loss(self.game.kind, logits)}
        if self.game.feature_matching:
            with torch.no_grad():
                *real, _ = bare(judge).features(self._shown(batch, batch["target"]))
            found["feature_matching"] = self.game.feature_matching * matching_loss(real, fake)
        return found

    def _judged(self, judge: nn.Module, batch: Batch, made: Tensor, memory: Count) -> dict[str, Tensor]:
        real, fake = self._shown(batch, batch["target"]), self._shown(batch, made)
        found = {"judging": judging_loss(self.game.kind, judge(real), judge(fake))}
        if self.game.kind == "wgan-gp":
            found["penalty"] = self.game.penalty * gradient_penalty(bare(judge), real, fake)
        if self.game.r1 and memory.steps % R1_EVERY == 0:
            found["r1"] = R1_EVERY * self.game.r1 * r1_penalty(bare(judge), real)
        memory.steps += 1
        return found

    def _shown(self, batch: Batch, picture: Tensor) -> Tensor:
        """What the discriminator sees, in [-1, 1]."""
        shown, channels = picture.float(), [3]
        if self.discriminator.conditional:
            spoiled = batch["input"][:, :3]
            if self.chain.scale > 1:
                spoiled = interpolate(spoiled.float(), picture.shape[2:], mode="bicubic", align_corners=False)
            shown, channels = torch.cat([spoiled, shown], 1), [3, 3]
        return augmented(shown * 2.0 - 1.0, self.game.augment, channels=channels)

    def validate(self, networks: Networks, data: Data, device: torch.device) -> Evaluation:
        """Restore validation pictures; the sliced Wasserstein distance beside PSNR."""
        return self.measured(networks, data, device, distribution=True)

    def card(self, product: str) -> Card:
        """Describe the generator."""
        made = replace(super().card(product), paper="arXiv:1611.07004")
        if self.generator == "residual":
            return made
        scale = self.chain.scale
        multiple = max(1, 2**self.unet.depth // scale)
        return replace(
            made, architecture="restore-unet", sizes=dict(self.unet.sizes(scale)), multiple=multiple
        )
