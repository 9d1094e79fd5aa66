"""Teach a feature network of ours what another one sees."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Literal, cast

import torch
from torch import Tensor, nn

from retouch import data as pictures_of
from retouch.errors import InputError, WeightsError
from retouch.features import Vgg
from retouch.training import Batch, Data, Engine, Evaluation, Memory, Networks, Optimiser, Recipe, Turn
from retouch.training.start import begin
from retouch.weights import Card, load

_LEAST = 1e-8  # of a layer's mean square, so that a layer that is never active does not count


@dataclass(frozen=True)
class Distil(Recipe):
    """Reproduce the features of a teacher, layer by layer, on natural and on synthetic pictures.

    Args:
        teacher: the weights of a VGG; the network that learns has the same layers.
        sees: what each layer is given while it learns: the teacher's features of the layer before, by which
            all layers learn at once, or the network's own, by which they also make up for each other.
        noisy: the part of the pictures that noise is mixed into, from a trace of it to nothing else: what
            such a network is shown when a picture is made from noise.
        start: a weights file it begins with, to go on from; left out: from nothing.
        size: side of the squares it learns from.
        adam: the optimiser.
        images: how many it learns from unless engine.images says.

    Source: Romero et al., "FitNets", ICLR 2015, arXiv:1412.6550 (features as hints). Wang et al.,
        "Collaborative Distillation", CVPR 2020, arXiv:2003.08436 (the teacher of the bundled network).
    Departs: every layer is a hint, both before and after its ReLU; errors are relative to the layer's mean
        square.
    """

    name: ClassVar[str] = "distil"
    summary: ClassVar[str] = "Teach a feature network what another one sees, layer by layer."
    task: ClassVar[str] = "stylize"
    judge: ClassVar[tuple[str, Literal["lowest", "highest"]]] = ("error", "lowest")

    teacher: str = "features"
    sees: Literal["teacher", "own"] = "teacher"
    noisy: float = 0.3
    start: str = ""
    size: int = 128
    adam: Optimiser = field(
        default_factory=lambda: Optimiser(rate=2e-3, beta1=0.9, beta2=0.99, schedule="cosine", hold=0.3)
    )
    images: int = 200_000
    engine: Engine = field(
        default_factory=lambda: Engine(batch=8, clip=1.0, average=2_000.0, precision="float32")
    )

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if not 0 <= self.noisy <= 1:
            raise InputError(f"noisy is {self.noisy}; it is a part of the pictures, from 0 to 1")
        if self.size < 32:
            raise InputError(f"size is {self.size}; the deepest layers need squares of at least 32 pixels")
        if self.images < 1:
            raise InputError(f"images is {self.images}; it must be at least 1")

    @cached_property
    def master(self) -> Vgg:
        """The teacher, frozen."""
        network = load(self.teacher).network
        if not isinstance(network, Vgg):
            raise WeightsError(
                f"teacher={self.teacher:.200} is a {type(network).__name__}, and a VGG can be learned from; "
                "give the weights of a feature network"
            )
        return network.requires_grad_(False)

    def data(self, source: str) -> Data:
        """Open the pictures."""
        train = pictures_of.singles(
            source,
            "train",
            augment=True,
            size=self.size,
            load_size=self.size,
            resize="crop",
            flip=True,
            rotate=True,
        )
        held = pictures_of.singles(source, "val", augment=False, size=self.size, resize="cover")
        return pictures_of.Drawn(train, held)

    def networks(self) -> dict[str, nn.Module]:
        """Make the network."""
        network = self._fresh()
        network.set_entry(self.master.entry.weight.view(3, 3), cast("Tensor", self.master.entry.bias))
        if self.start:
            begin(network, self.start, self.card("features"), options="teacher")
        # The teacher's preparation of the picture is no feature, and there is nothing to learn in it.
        network.entry.requires_grad_(False)
        return {"features": network}

    def turns(self) -> tuple[tuple[Turn, Optimiser], ...]:
        """There is one."""
        return ((Turn("features", ("features",)), self.adam),)

    def length(self, examples: int) -> int:
        """As many as asked for, whatever the size of the set."""
        del examples
        return self.images

    def prepare(self, batch: Batch) -> Batch:
        """Mix noise into a part of the pictures."""
        pictures = batch["image"]
        count = pictures.shape[0]
        chosen = torch.rand(count, 1, 1, 1) < self.noisy
        share = torch.rand(count, 1, 1, 1) * chosen
        noise = torch.rand(pictures.shape)
        mixed = torch.lerp(pictures, noise.to(pictures.device), share.to(pictures.device))
        return {"image": mixed}

    def losses(
        self, turn: str, networks: Networks, batch: Batch, shared: Batch, memory: Memory
    ) -> dict[str, Tensor]:
        """How far each layer is from the teacher's, as a part of the teacher's."""
        del turn, shared, memory
        network = cast("Vgg", networks["features"])
        apart = self._apart(network, batch["image"], sees=self.sees)
        return {"error": torch.stack(list(apart.values())).mean()}

    def products(self) -> tuple[str, ...]:
        """Editing uses the network."""
        return ("features",)

    def validate(self, networks: Networks, data: Data, device: torch.device) -> Evaluation:
        """Measure how far every layer is from the teacher's, seeing the network's own features."""
        network = cast("Vgg", networks["features"])
        sums: dict[str, float] = {}
        count = 0
        for batch in data.ordered(1):
            count += 1
            with torch.no_grad():
                apart = self._apart(network, batch["image"].to(device), sees="own")
            for name, value in apart.items():
                sums[name] = sums.get(name, 0.0) + float(value)
        layers = {
            name: sums[name] / count for name in sums if name.startswith("relu") and name.endswith("_1")
        }
        rectified = [value / count for name, value in sums.items() if name.startswith("relu")]
        return Evaluation(
            {"error": sum(rectified) / len(rectified), **layers},
            protocol="squared difference of the features after each ReLU over the teacher's mean square",
            count=count,
        )

    def card(self, product: str) -> Card:
        """Describe the network."""
        del product
        return Card(
            name="features",
            task="features",
            architecture="vgg",
            sizes={
                "convolutions": list(self.master.convolutions),
                "widths": list(self.master.widths),
                "border": self.master.border,
                "pooling": self.master.pooling,
            },
            value_range=(0.0, 1.0),
            paper="arXiv:2003.08436",
        )

    def _fresh(self) -> Vgg:
        master = self.master
        return Vgg(
            master.convolutions, master.widths, border=master.border, pooling=master.pooling, ceil=master.ceil
        )

    def _apart(self, network: Vgg, pictures: Tensor, *, sees: Literal["teacher", "own"]) -> dict[str, Tensor]:
        master = self.master.to(pictures.device)
        found: dict[str, Tensor] = {}
        theirs = ours = pictures
        for name in network.layers[1:]:
            if name.startswith("relu"):
                continue
            with torch.no_grad():
                wanted = master.step(name, theirs)
            made = network.step(name, theirs if sees == "teacher" else ours)
            if name.startswith("conv"):
                found[name] = _relative(made, wanted)
                made, wanted = torch.relu(made), torch.relu(wanted)
                found[name.replace("conv", "relu")] = _relative(made, wanted)
            theirs, ours = wanted, made
        return found


def _relative(made: Tensor, wanted: Tensor) -> Tensor:
    """The squared difference as a part of the square."""
    return (made - wanted).square().mean() / wanted.square().mean().clamp_min(_LEAST)
