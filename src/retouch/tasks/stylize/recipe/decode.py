"""Teach decoders to paint pictures from features."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Literal, cast, get_args

import torch
from torch import Tensor, nn

from retouch import data as pictures_of
from retouch.errors import InputError, UnknownName, WeightsError
from retouch.features import Vgg
from retouch.features.clouds import clouds
from retouch.tasks.stylize.network.decoder import Decoders
from retouch.training import Batch, Data, Engine, Evaluation, Memory, Networks, Optimiser, Recipe, Turn
from retouch.training.start import begin
from retouch.weights import Card, load

Parts = Literal["whole", "stages"]
"""What learns by itself."""

_LEAST = 1e-4
_FAINT = 0.1  # how much of the first picture is not gray
_GRAY = 0.45


@dataclass(frozen=True)
class Decode(Recipe):
    """Paint pictures from features, so that changed features become a stylised picture.

    Args:
        features: the weights of the VGG whose features are painted from.
        levels: the stages whose first features are painted from, such as "1,2,3,4,5".
        parts: "whole": every decoder learns to paint; "stages": the decoders share their layers, and each
            stage learns by itself to give the features of the stage before, which is a fast way to begin.
        perceptual: the weight of the difference of the painted picture's features, relative to their mean
            square, beside that of the pixels.
        start: a weights file it begins with, to go on from; left out: from nothing.
        size: side of the squares it learns from.
        adam: the optimiser.
        images: how many it learns from unless engine.images says.

    Source: Li et al. 2017, arXiv:1705.08086, equation 1 (pixels and features).
    Departs:
        All levels learn at once, at first stage by stage.
        Pixels count ten times their mean square, about the inverse of a picture's variance, and features
            relative to their mean square, so that no level needs weights of its own.
    """

    name: ClassVar[str] = "decode"
    summary: ClassVar[str] = "Teach decoders to paint from features: for feed-forward styles of any kind."
    task: ClassVar[str] = "stylize"
    judge: ClassVar[tuple[str, Literal["lowest", "highest"]]] = ("loss", "lowest")

    features: str = "features"
    levels: str = "1,2,3,4,5"
    parts: Parts = "whole"
    perceptual: float = 1.0
    start: str = ""
    size: int = 128
    adam: Optimiser = field(
        default_factory=lambda: Optimiser(rate=1e-3, beta1=0.9, beta2=0.99, schedule="cosine", hold=0.5)
    )
    images: int = 100_000
    engine: Engine = field(
        default_factory=lambda: Engine(batch=8, clip=1.0, average=1_000.0, precision="float32")
    )

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if self.perceptual < 0:
            raise InputError(f"perceptual is {self.perceptual}; a weight is at least 0")
        if self.size < 32 or self.size % 16:
            raise InputError(f"size is {self.size}; it must be a multiple of 16, and at least 32")
        if self.images < 1:
            raise InputError(f"images is {self.images}; it must be at least 1")
        if not self.numbers:
            raise InputError(f'levels={self.levels!r}; give some of 1 to 5, such as "1,2,3,4,5"')
        if self.parts not in get_args(Parts):
            raise UnknownName("parts", self.parts, get_args(Parts))
        if self.parts == "stages" and self.numbers != tuple(range(1, len(self.numbers) + 1)):
            raise InputError(
                f"levels={self.levels!r} with parts=stages; a stage gives features to the one before, so "
                "name all levels from 1 on"
            )

    @property
    def numbers(self) -> tuple[int, ...]:
        """The levels, each once, in order; none when they cannot be read."""
        words = [word.strip() for word in self.levels.split(",")]
        if not all(word in {"1", "2", "3", "4", "5"} for word in words):
            return ()
        return tuple(sorted({int(word) for word in words}))

    @cached_property
    def eye(self) -> Vgg:
        """The feature network, frozen."""
        network = load(self.features).network
        if not isinstance(network, Vgg) or len(network.widths) < max(self.numbers):
            raise WeightsError(
                f"features={self.features:.200} is no VGG of {max(self.numbers)} stages; give the weights of "
                "one, or fewer levels"
            )
        return network.requires_grad_(False)

    def data(self, source: str) -> Data:
        """Open the pictures."""
        train = pictures_of.singles(
            source, "train", augment=True, size=self.size, load_size=self.size, resize="crop", rotate=True
        )
        held = pictures_of.singles(source, "val", augment=False, size=self.size, resize="cover")
        return pictures_of.Drawn(train, held)

    def networks(self) -> dict[str, nn.Module]:
        """Make the decoders."""
        network = Decoders(self.numbers, self.eye.widths)
        if self.start:
            begin(network, self.start, self.card("decoders"), options="levels and features")
        else:
            _prepare(network, self.eye)
        if self.parts == "stages":
            _share(network)
        return {"decoders": network}

    def turns(self) -> tuple[tuple[Turn, Optimiser], ...]:
        """There is one."""
        return ((Turn("decoders", ("decoders",)), self.adam),)

    def length(self, examples: int) -> int:
        """As many as asked for, whatever the size of the set."""
        del examples
        return self.images

    def losses(
        self, turn: str, networks: Networks, batch: Batch, shared: Batch, memory: Memory
    ) -> dict[str, Tensor]:
        """How far the painted pictures are from the true ones, in pixels and in features."""
        del turn, shared, memory
        if self.parts == "stages":
            return self._by_stages(networks["decoders"], batch["image"])
        parts = self._painted(networks["decoders"], batch["image"])
        return {
            "pixels": torch.stack([pixels for _, pixels, _ in parts]).mean(),
            "features": self.perceptual * torch.stack([apart for *_, apart in parts]).mean(),
        }

    def products(self) -> tuple[str, ...]:
        """Editing uses the decoders."""
        return ("decoders",)

    def validate(self, networks: Networks, data: Data, device: torch.device) -> Evaluation:
        """Measure on validation pictures."""
        sums: dict[str, float] = {}
        panels: dict[str, Tensor] = {}
        count = 0
        for batch in data.ordered(1):
            pictures = batch["image"].to(device)
            with torch.no_grad():
                parts = self._painted(networks["decoders"], pictures)
            for level, (painted, pixels, apart) in zip(self.numbers, parts, strict=True):
                psnr = -10 * (painted.clamp(0, 1) - pictures).square().mean().clamp_min(1e-10).log10()
                found = {f"psnr{level}": psnr, f"features{level}": apart}
                found["loss"] = (pixels + self.perceptual * apart) / len(parts)
                for name, value in found.items():
                    sums[name] = sums.get(name, 0.0) + float(value)
            if count == 0:
                row = [pictures[0], *(painted[0] for painted, *_ in parts)]
                panels["painted from each level"] = torch.cat(row, dim=2).clamp(0, 1).float().cpu()
            count += 1
        return Evaluation(
            {name: value / count for name, value in sums.items()},
            panels,
            protocol=f"pictures reduced to {self.size} pixels, painted from their features of each level",
            count=count,
        )

    def card(self, product: str) -> Card:
        """Describe the decoders."""
        del product
        return Card(
            name="decoders",
            task="stylize",
            architecture="decoders",
            sizes={"levels": list(self.numbers), "widths": list(self.eye.widths)},
            value_range=(0.0, 1.0),
            multiple=1,
            paper="arXiv:1705.08086",
        )

    def _by_stages(self, network: nn.Module, pictures: Tensor) -> dict[str, Tensor]:
        """How far each stage is from the features of the one before, and the first from the picture."""
        decoders = cast("Decoders", network)
        eye = self.eye.to(pictures.device)
        with torch.no_grad():
            wanted = eye(pictures, [f"relu{level}_1" for level in self.numbers])
        found: dict[str, Tensor] = {}
        for level in self.numbers:
            decoder = decoders.decoder(level)
            made = decoder.stage(wanted[f"relu{level}_1"] / decoder.scale, level)
            if level == 1:
                found["pixels"] = 10 * (made - pictures).square().mean()
            else:
                target = wanted[f"relu{level - 1}_1"] / decoders.decoder(level - 1).scale
                found[f"features{level - 1}"] = (made - target).square().mean()
        return found

    def _painted(self, network: nn.Module, pictures: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Of each level: the painted pictures, and how far off they are in pixels and in features."""
        eye = self.eye.to(pictures.device)
        names = [f"relu{level}_1" for level in self.numbers]
        with torch.no_grad():
            wanted = eye(pictures, names)
        found: list[tuple[Tensor, Tensor, Tensor]] = []
        for level, name in zip(self.numbers, names, strict=True):
            painted = network(wanted[name], level)
            seen = eye(painted, [name])[name]
            apart = (seen - wanted[name]).square().mean() / wanted[name].square().mean().clamp_min(_LEAST)
            found.append((painted, 10 * (painted - pictures).square().mean(), apart))
        return found


@torch.no_grad()
def _prepare(network: Decoders, eye: Vgg) -> None:
    """Let features come in at about 1, keep that size from layer to layer, and begin with a gray picture."""
    seen = eye(clouds(128), [f"relu{level}_1" for level in network.levels])
    for level in network.levels:
        decoder = network.decoder(level)
        decoder.scale.copy_(seen[f"relu{level}_1"].square().mean().sqrt().clamp_min(_LEAST))
        for name in decoder.names:
            layer = cast("nn.Conv2d", decoder.get_submodule(name))
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(cast("Tensor", layer.bias))
        layer.weight.mul_(_FAINT)
        nn.init.constant_(cast("Tensor", layer.bias), _GRAY)


def _share(network: Decoders) -> None:
    """Let every decoder consist of the layers of the deepest one."""
    deepest = network.decoder(network.levels[-1])
    for level in network.levels[:-1]:
        decoder = network.decoder(level)
        for name in decoder.names:
            setattr(decoder, name, deepest.get_submodule(name))
