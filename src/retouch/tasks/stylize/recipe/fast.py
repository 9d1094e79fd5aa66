"""Teach a network to paint any photo in one style, in one pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from retouch import data as pictures_of
from retouch.errors import InputError
from retouch.features import Features, find
from retouch.image import Picture
from retouch.image.resample import resize
from retouch.tasks.stylize.method import statistics
from retouch.tasks.stylize.method.statistics import Statistic
from retouch.tasks.stylize.method.variation import excess, variation
from retouch.tasks.stylize.network.fast import FastStyle, Where
from retouch.training import Batch, Data, Engine, Evaluation, Memory, Networks, Optimiser, Recipe, Turn
from retouch.training.start import begin
from retouch.weights import Card

VALIDATION = 20
"""The most validation pictures that are measured while training."""

_SHOWN = 4  # of them, in the panel
_LEAST = 1e-8  # of a mean square, so that features that are never active do not count


@dataclass(frozen=True)
class Network:
    """The network that paints.

    Args:
        width: channels of its first layer; four times that in the blocks.
        blocks: residual blocks.
        norm: where it normalises features: everywhere as in the paper, or at its entry only, by which it
            learns no dark spots.
    """

    width: int = 32
    blocks: int = 5
    norm: Where = "everywhere"

    def sizes(self) -> dict[str, int | str]:
        """Give the arguments that build it."""
        return {"width": self.width, "blocks": self.blocks, "norm": self.norm}

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        FastStyle.check_sizes(self.width, self.blocks)


@dataclass(frozen=True)
class Style:
    """The picture whose style is learned.

    Args:
        picture: its file.
        size: its shorter side while learning, in pixels: the smaller, the finer the strokes; 0: as it is.
        credit: who made it, and under which licence it may be used; the network's card says so.
    """

    picture: str = ""
    size: int = 256
    credit: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.size < 0 or 0 < self.size < 32:
            raise InputError(
                f"style.size is {self.size}; give at least 32 pixels, or 0 for the picture's own"
            )

    def tensor(self) -> Tensor:
        """Read it.

        Returns:
            (1, 3, H, W), RGB in [0, 1].

        Raises:
            InputError: no picture is named.
            PictureError: it cannot be read.
        """
        if not self.picture:
            raise InputError("no style is given; name the picture to learn from with --style.picture FILE")
        planes = Picture.open(self.picture).pixels.transpose(2, 0, 1)
        if self.size:
            height, width = planes.shape[1:]
            factor = self.size / min(height, width)
            planes = resize(planes, (round(height * factor), round(width * factor)))
        return torch.from_numpy(np.ascontiguousarray(np.clip(planes, 0, 1), np.float32))[None]


@dataclass(frozen=True)
class Weights:
    """How much each part of the loss counts.

    Args:
        content: of what the picture shows.
        style: of the manner it is painted in.
        variation: of the difference of neighbouring pixels, which calms noise.
        box: of how far samples leave [0, 1].
    """

    content: float = 1.0
    style: float = 5.0
    variation: float = 0.0
    box: float = 100.0

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        for name, value in vars(self).items():
            if value < 0:
                raise InputError(f"weights.{name} is {value}; a weight is at least 0")


@dataclass(frozen=True)
class Paint(Recipe):
    """Paint photos in the style of one picture, in one pass.

    Args:
        style: the picture whose style is learned.
        features: the feature network that judges: "auto", "bundled", "random", or the name or path of
            weights.
        content_layer: the layer whose features say what a picture shows.
        style_layers: those whose statistics say in which manner, parted by commas.
        statistic: what is compared in them: gram as in the paper, wasserstein or mean-std.
        weights: of the parts of the loss.
        network: what paints.
        size: side of the squares it learns from.
        start: a weights file it begins with, to go on from; left out: from nothing.
        adam: the optimiser.
        images: how many it learns from unless engine.images says.

    Source: Johnson, Alahi, Fei-Fei 2016, arXiv:1603.08155, sections 3.2 and 4.1.
    Departs:
        Differences of features count relative to the mean square of the photo's, those of statistics to
            that of the style's: so the same weights fit any feature network.
        Samples that leave [0, 1] count in the loss, in place of a tanh at the end of the network.
        The layers are of a VGG-19 where the paper's are of a VGG-16.
    """

    name: ClassVar[str] = "paint"
    summary: ClassVar[str] = "Teach a network to paint photos in one style, in one pass."
    task: ClassVar[str] = "stylize"
    judge: ClassVar[tuple[str, Literal["lowest", "highest"]]] = ("loss", "lowest")

    style: Style = field(default_factory=Style)
    features: str = "auto"
    content_layer: str = "relu2_2"
    style_layers: str = "relu1_2,relu2_2,relu3_3,relu4_3"
    statistic: Statistic = "gram"
    weights: Weights = field(default_factory=Weights)
    network: Network = field(default_factory=Network)
    size: int = 256
    start: str = ""
    adam: Optimiser = field(
        default_factory=lambda: Optimiser(rate=1e-3, beta1=0.9, beta2=0.999, schedule="constant")
    )
    images: int = 160_000
    engine: Engine = field(default_factory=lambda: Engine(batch=4))

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if self.size < 32 or self.size % 4:
            raise InputError(f"size is {self.size}; it must be a multiple of 4, and at least 32")
        if self.images < 1:
            raise InputError(f"images is {self.images}; it must be at least 1")
        if not self.layers:
            raise InputError('style_layers is empty; name some layers, such as "relu1_2,relu3_3"')

    @classmethod
    def presets(cls) -> dict[str, dict[str, object]]:
        """Name sets of options."""
        quick: dict[str, object] = {
            "style_layers": "relu1_1,relu2_1,relu3_1,relu4_1,relu5_1",
            "content_layer": "relu3_1",
            "network": {"width": 16, "norm": "entry"},
            "size": 192,
            "adam": {"schedule": "cosine", "hold": 0.3, "rate": 2e-3, "beta2": 0.99},
            "engine": {"batch": 2, "average": 500.0, "clip": 1.0},
            "statistic": "wasserstein",
            "weights": {"variation": 0.5},
            "images": 8_000,
        }
        return {"paper": {}, "quick": quick}

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers of the style."""
        return tuple(name.strip() for name in self.style_layers.split(",") if name.strip())

    @cached_property
    def eye(self) -> Features:
        """The feature network, frozen."""
        network = find(self.features).network.requires_grad_(False)
        network.checked(torch.zeros(1, 3, self.size, self.size), {*self.layers, self.content_layer})
        return network

    @cached_property
    def wanted(self) -> Mapping[str, statistics.Target]:
        """Layer → the style's statistics."""
        device = next(self.eye.parameters()).device
        with torch.no_grad(), torch.autocast(device.type, enabled=False):
            seen = self.eye(self.style.tensor().to(device), self.layers)
        return {name: statistics.target(self.statistic, features) for name, features in seen.items()}

    def data(self, source: str) -> Data:
        """Open the photos."""
        train = pictures_of.singles(
            source, "train", augment=True, size=self.size, load_size=self.size, resize="crop", flip=True
        )
        held = pictures_of.singles(source, "val", augment=False, size=self.size, resize="cover")
        return pictures_of.Drawn(train, held)

    def networks(self) -> dict[str, nn.Module]:
        """Make the network, and see that there is a style before anything is begun."""
        self.style.tensor()
        network = FastStyle(width=self.network.width, blocks=self.network.blocks, norm=self.network.norm)
        if self.start:
            begin(network, self.start, self.card("painter"), options="network.*")
        return {"painter": network}

    def turns(self) -> tuple[tuple[Turn, Optimiser], ...]:
        """There is one."""
        return ((Turn("painter", ("painter",)), self.adam),)

    def length(self, examples: int) -> int:
        """As many as asked for, whatever the size of the set."""
        del examples
        return self.images

    def losses(
        self, turn: str, networks: Networks, batch: Batch, shared: Batch, memory: Memory
    ) -> dict[str, Tensor]:
        """How far the painted photos are from what they show, and from the style."""
        del turn, shared, memory
        return self._parts(networks["painter"](batch["image"]), batch["image"])

    def products(self) -> tuple[str, ...]:
        """Editing uses the network."""
        return ("painter",)

    def validate(self, networks: Networks, data: Data, device: torch.device) -> Evaluation:
        """Measure on validation photos."""
        sums: dict[str, float] = {}
        shown: list[Tensor] = []
        outputs: list[Tensor] = []
        for batch in islice(data.ordered(1), VALIDATION):
            photo = batch["image"].to(device)
            with torch.no_grad():
                painted = networks["painter"](photo)
                parts = self._parts(painted, photo)
            for name, value in {**parts, "loss": sum(parts.values(), torch.zeros(()))}.items():
                sums[name] = sums.get(name, 0.0) + float(value)
            outputs.append(painted[0].clamp(0, 1).float().cpu())
            if len(shown) < _SHOWN:
                shown.append(torch.cat([photo[0].float().cpu(), outputs[-1]], dim=1))
        return Evaluation(
            {name: value / len(outputs) for name, value in sums.items()},
            {"photos and how they are painted": torch.cat(shown, dim=2)} if shown else {},
            outputs=torch.stack(outputs) if outputs else None,
            protocol=f"photos of {self.size} pixels; losses relative to the mean squares of features",
            count=len(outputs),
        )

    def card(self, product: str) -> Card:
        """Describe the network."""
        del product
        shown = Path(self.style.picture).stem or "no style"
        return Card(
            name=f"paint-{shown}"[:200],
            task="stylize",
            architecture="fast-style",
            sizes=dict(self.network.sizes()),
            value_range=(0.0, 1.0),
            multiple=4,
            settings={
                "style": shown,
                "style_credit": self.style.credit,
                "style_size": self.style.size,
                "features": self.features,
                "trained_size": self.size,
            },
            paper="arXiv:1603.08155",
        )

    def _parts(self, painted: Tensor, photo: Tensor) -> dict[str, Tensor]:
        """The weighted parts of the loss."""
        eye = self.eye.to(photo.device)
        seen = eye(painted, {*self.layers, self.content_layer})
        parts: dict[str, Tensor] = {}
        if self.weights.content:
            with torch.no_grad():
                shown = eye(photo, [self.content_layer])[self.content_layer].float()
            apart = (seen[self.content_layer].float() - shown).square().mean()
            parts["content"] = self.weights.content * apart / shown.square().mean().clamp_min(_LEAST)
        if self.weights.style:
            parts["style"] = self.weights.style * self._manner(seen)
        if self.weights.variation:
            parts["variation"] = self.weights.variation * variation(painted.float())
        if self.weights.box:
            parts["box"] = self.weights.box * excess(painted.float())
        return parts

    def _manner(self, seen: Mapping[str, Tensor]) -> Tensor:
        """How far the statistics are from the style's, on average over layers and pictures."""
        found = []
        for name, target in self.wanted.items():
            # Covariances do not bear the rounding of bfloat16.
            with torch.autocast(seen[name].device.type, enabled=False):
                ones = torch.split(seen[name], 1)
                apart = [statistics.distance(self.statistic, one, target) for one in ones]
            found.append(torch.stack(apart).mean() / target.energy)
        return torch.stack(found).mean()
