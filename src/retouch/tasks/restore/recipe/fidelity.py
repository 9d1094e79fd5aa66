"""Learn to restore pictures by being as near to the true ones as can be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from retouch.data.degradations import Chain, parse
from retouch.errors import InputError
from retouch.tasks.restore.network import told
from retouch.tasks.restore.recipe.parts import Network, Pictures
from retouch.tasks.restore.recipe.validating import evaluated
from retouch.training import Batch, Data, Engine, Evaluation, Memory, Networks, Optimiser, Recipe, Turn
from retouch.training.start import begin
from retouch.weights import Card


@dataclass(frozen=True)
class Restore(Recipe):
    """Restore pictures, as near to the true ones as can be.

    Args:
        degradations: what spoils the pictures it learns from, one after the other: "bicubic(4)",
            "noise(5..50)", "bicubic(4),noise(0..25)".
        loss: the mean difference, its smooth form, or the mean square.
        told: to which part of the pictures a denoiser is told how strong the noise is.
        start: a weights file it begins with, to go on from; left out: from nothing.
        network: what restores.
        pictures: how pictures come to the network.
        adam: the optimiser.
        images: how many it learns from unless engine.images says.

    Source: Lim et al. 2017, arXiv:1707.02921, section 4.2 (mean difference, Adam, turned and mirrored).
    Departs: cosine instead of steps; half of the squares are shrunk from larger ones; denoising by the same
        recipe.
    """

    name: ClassVar[str] = "restore"
    summary: ClassVar[str] = "Restore pictures by fidelity: super-resolution, denoising, or both."
    task: ClassVar[str] = "restore"
    judge: ClassVar[tuple[str, Literal["lowest", "highest"]]] = ("psnr", "highest")

    degradations: str = "bicubic(4)"
    loss: Literal["l1", "charbonnier", "mse"] = "l1"
    told: float = 0.5
    start: str = ""
    network: Network = field(default_factory=Network)
    pictures: Pictures = field(default_factory=Pictures)
    adam: Optimiser = field(
        default_factory=lambda: Optimiser(rate=1e-3, beta1=0.9, beta2=0.99, schedule="cosine", hold=0.3)
    )
    images: int = 1_000_000
    engine: Engine = field(default_factory=lambda: Engine(batch=16, clip=1.0, average=10_000.0))

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if not 0 <= self.told <= 1:
            raise InputError(f"told is {self.told}; it is a part of the pictures, from 0 to 1")
        if self.images < 1:
            raise InputError(f"images is {self.images}; it must be at least 1")
        parse(self.degradations)

    @property
    def chain(self) -> Chain:
        """What spoils the pictures."""
        return parse(self.degradations)

    @property
    def tells(self) -> bool:
        """Whether the network is one that can be told how strong the noise is."""
        return self.chain.scale == 1

    @classmethod
    def presets(cls) -> dict[str, dict[str, object]]:
        """Name sets of options."""
        return {
            "paper": {},
            "upscale": {"degradations": "bicubic(4)"},
            "denoise": {"degradations": "noise(0..55)", "pictures.size": 64},
            "joint": {"degradations": "bicubic(4),noise(0..25)"},
        }

    def data(self, source: str) -> Data:
        """Open the pictures, and spoil them."""
        return self.pictures.drawn(source, self.chain)

    def networks(self) -> dict[str, nn.Module]:
        """Make the network."""
        network = self.network.build(self.chain.scale)
        if self.start:
            begin(network, self.start, self.card("restorer"), options="network.*")
        return {"restorer": network}

    def turns(self) -> tuple[tuple[Turn, Optimiser], ...]:
        """There is one."""
        return ((Turn("restorer", ("restorer",)), self.adam),)

    def length(self, examples: int) -> int:
        """As many as asked for, whatever the size of the set."""
        del examples
        return self.images

    def prepare(self, batch: Batch) -> Batch:
        """Tell a denoiser of the noise, in a part of the pictures."""
        if not self.tells:
            return batch
        noise = batch["noise"]
        known = torch.rand(noise.shape[0], 1, 1, 1, device="cpu").to(noise.device) < self.told
        return batch | {"input": told(batch["input"], noise * known)}

    def forward(self, networks: Networks, batch: Batch, turn: str | None) -> Batch:
        """Restore."""
        del turn
        return {"made": networks["restorer"](batch["input"]).float()}

    def losses(
        self, turn: str, networks: Networks, batch: Batch, shared: Batch, memory: Memory
    ) -> dict[str, Tensor]:
        """The distance to the true pictures."""
        del turn, networks, memory
        return {self.loss: distance(self.loss, shared["made"], batch["target"])}

    def products(self) -> tuple[str, ...]:
        """Editing uses the network."""
        return ("restorer",)

    def validate(self, networks: Networks, data: Data, device: torch.device) -> Evaluation:
        """Restore validation pictures, without telling of the noise."""
        return self.measured(networks, data, device)

    def measured(
        self, networks: Networks, data: Data, device: torch.device, *, distribution: bool = False
    ) -> Evaluation:
        """Measure on validation pictures.

        Args:
            networks: with the one that restores.
            data: the pictures.
            device: where the network is.
            distribution: also measure how far the patches of all pictures are from those of the true ones.
        """

        def restore(spoiled: Tensor) -> Tensor:
            ready = spoiled.to(device, memory_format=torch.channels_last)
            if self.tells:
                ready = told(ready)
            found: Tensor = networks["restorer"](ready)
            return found

        return evaluated(
            restore,
            data.ordered(1),
            self.chain,
            multiple=self.card("restorer").multiple,
            distribution=distribution,
        )

    def card(self, product: str) -> Card:
        """Describe the network."""
        del product
        scale = self.chain.scale
        settings: dict[str, Any] = {"degradations": self.chain.spec, "trained_size": self.pictures.size}
        return Card(
            name=self.name,
            task=self.task,
            architecture="upscaler" if scale > 1 else "denoiser",
            sizes=dict(self.network.sizes(scale)),
            value_range=(0.0, 1.0),
            multiple=1 if scale > 1 else 8,
            scale=scale,
            settings=settings,
            paper="arXiv:1707.02921",
        )


def distance(loss: str, made: Tensor, wanted: Tensor) -> Tensor:
    """Measure how far pictures are from the true ones.

    Args:
        loss: l1, charbonnier or mse.
        made: (B, C, H, W).
        wanted: like ``made``.

    Returns:
        The mean, a scalar.
    """
    apart = made - wanted
    if loss == "mse":
        return apart.square().mean()
    if loss == "charbonnier":
        return torch.sqrt(apart.square() + 1e-6).mean()
    return apart.abs().mean()
