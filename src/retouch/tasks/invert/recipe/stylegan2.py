"""StyleGAN2: learn to make pictures like those of a folder, by styles that can be edited."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from retouch.errors import InputError
from retouch.features import Features
from retouch.losses import deceiving, judging, r1_penalty
from retouch.losses.path import path_penalty
from retouch.tasks.invert.network import StyleGAN2, StyleGAN2Encoder, StyleGAN2Judge
from retouch.tasks.invert.recipe import choosing, growing
from retouch.tasks.invert.recipe.augmenting import Augment, Learned, changed
from retouch.tasks.invert.recipe.measuring import Yardstick, opened
from retouch.tasks.invert.recipe.reconstructing import Reconstruction, drawn, terms
from retouch.tasks.invert.recipe.sampling import fit
from retouch.training import (
    Batch,
    Data,
    Engine,
    Evaluation,
    Memory,
    Networks,
    Optimiser,
    Recipe,
    Turn,
    flat,
)
from retouch.training import (
    changed as changed_options,
)
from retouch.training.distributed import find_device
from retouch.training.game import R1_EVERY
from retouch.training.recipe import OpenEngine
from retouch.weights import Card

PATH_EVERY = 4
"""Batches between two penalties on path length (Karras et al. 2020, arXiv:1912.04958, appendix B)."""

GROUP = 4
"""Pictures whose spread the discriminator looks at together."""

ARCHITECTURES = {
    "generator": "stylegan2",
    "judge": "stylegan2-judge",
    "encoder": "stylegan2-encoder",
    "sampler": "stylegan2",
}
"""What cards call the networks."""

TRUNCATION = 0.7
"""Of the second sheet of samples."""


@dataclass(frozen=True)
class Network:
    """Generator and discriminator. What is left out is chosen by the pictures and the machine.

    Args:
        channels: of the maps at 4 pixels, 8, …, with commas between; empty: automatic.
        latent: numbers of the noise z; null: automatic.
        style: numbers of a style w; null: automatic.
        layers: of the mapping from one to the other.
        limit: where maps are clamped, on either side of 0. 0, not at all, is a fifth faster; only float16,
            which retouch does not train in, needs 256. null: 0, or as in the weights that it starts from.
    """

    channels: str = ""
    latent: int | None = None
    style: int | None = None
    layers: int | None = None
    limit: float | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.limit is not None and self.limit < 0:
            raise InputError(f"network.limit is {self.limit}; it must be at least 0, where 0 is no limit")


@dataclass(frozen=True)
class StyleGAN2Recipe(Recipe):
    """Learn to make pictures like those of a folder, by styles that can be edited.

    Options that are null, empty or auto are chosen by the pictures and the machine when training begins;
    each choice is told with its reason and kept in the record of the run. None that is given is changed.

    Args:
        size: side of the pictures, in pixels, a power of 2 from 8; null: automatic.
        network: generator and discriminator.
        augment: how pictures are changed before they are judged.
        r1: weight γ of the R1 penalty, computed for every 16th batch with 16 times the weight; null:
            automatic.
        path: weight of the path length penalty, computed for every 4th batch, on half of it, with 4 times the
            weight; null: automatic.
        mixing: share of pictures that are made from two styles.
        noise: of the maps while training: random, or none, by which the generator never learns to use any.
        adversarial: weight of the game with the discriminator; 0: there is none, and pictures are learned by
            making them again alone, which gives blurred ones in little time. Beside the generator then lies a
            sampler, made at each evaluation, whose noise is drawn as the encoder's guesses lie.
        reconstruction: learn also from training pictures that are made again, with an encoder.
        flip: mirror half of the pictures.
        averaged: keep an average of the generator's weights, which is what is measured and saved. Its
            half-life is engine.average, or automatic when that is 0.
        start: a generator's weights to begin with, NVIDIA's included; of as many pixels, or fewer, so that
            training can begin with small pictures and grow. What is left out of network is taken from there.
        start_judge: those of its discriminator.
        start_encoder: those of its encoder.
        images: how many it learns from, repeats counted, unless engine.images says.
        adam: of both networks; rates and betas are lowered for the batches with penalties, as in the paper.

    Source: Karras et al. 2020, arXiv:1912.04958; ADA: Karras et al. 2020, arXiv:2006.06676, whose automatic
        configuration this follows; DiffAugment: Zhao et al. 2020, arXiv:2006.10738.
    Departs: networks on a CPU are smaller. The average style is averaged with the weights, not copied.
        Penalties are added to the loss of a step, and have none of their own. The encoder and the sampler are
        not StyleGAN2's.
    """

    name: ClassVar[str] = "stylegan2"
    summary: ClassVar[str] = "Learn to make pictures like those of a folder, by styles that can be edited."
    task: ClassVar[str] = "invert"
    judge: ClassVar[tuple[str, Literal["lowest", "highest"]]] = ("swd", "lowest")

    size: int | None = None
    network: Network = field(default_factory=Network)
    augment: Augment = field(default_factory=Augment)
    r1: float | None = None
    path: float | None = None
    mixing: float = 0.9
    noise: Literal["random", "none"] = "random"
    adversarial: float = 1.0
    reconstruction: Reconstruction = field(default_factory=Reconstruction)
    flip: bool = True
    averaged: bool = True
    start: str = ""
    start_judge: str = ""
    start_encoder: str = ""
    images: int = 1_000_000
    adam: Optimiser = field(
        default_factory=lambda: Optimiser(rate=0.0025, beta1=0.0, beta2=0.99, schedule="constant")
    )
    engine: Engine = field(default_factory=lambda: OpenEngine(batch=0))

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        size, net = self.size, self.network
        if size is not None and (size < 8 or size & (size - 1) or size > 1024):
            raise InputError(f"size is {size}; it must be 8, 16, 32, … 1024")
        if not 0 <= self.mixing <= 1:
            raise InputError(f"mixing is {self.mixing}; it is a share, from 0 to 1")
        for name in ("r1", "path", "adversarial"):
            if (getattr(self, name) or 0.0) < 0:
                raise InputError(f"{name} is {getattr(self, name)}; it must be at least 0")
        if self.images < 1:
            raise InputError(f"images is {self.images}; it must be at least 1")
        if not self.adversarial and not self.reconstruction.weight:
            raise InputError(
                "adversarial and reconstruction.weight are both 0: there is nothing to learn from; give one"
            )
        for name, used, option in (
            ("start_judge", self.adversarial, "adversarial"),
            ("start_encoder", self.reconstruction.weight, "reconstruction.weight"),
        ):
            if getattr(self, name) and not used:
                raise InputError(f"{name} is given, but {option} is 0 and has no use for it; give one only")
        if size is not None and net.channels:
            StyleGAN2.check_sizes(size, net.channels, net.latent or 1, net.style or 1, net.layers or 1, 0, 3)

    @classmethod
    def presets(cls) -> dict[str, dict[str, object]]:
        """Name sets of options."""
        paper: dict[str, object] = {
            "size": 256,
            "network": {
                "channels": "512,512,512,512,512,256,128", "latent": 512, "style": 512, "layers": 8
            },
            "augment.kind": "none",
            "r1": 1.0,
            "path": 2.0,
            "adam.rate": 0.002,
            "images": 25_000_000,
            "engine": {"batch": 32, "average": 10_000.0},
        }  # fmt: skip
        fast: dict[str, object] = {
            "size": 32,
            "network": {"channels": "128,128,64,32", "latent": 128, "style": 128, "layers": 2},
            "path": 0.0,
            "images": 200_000,
            "engine.batch": 16,
        }
        first: dict[str, object] = {
            "adversarial": 0.0,
            "reconstruction.weight": 1.0,
            "noise": "none",
            "augment.kind": "none",
            "adam": {"rate": 0.005, "beta1": 0.5, "warmup": 800},
            "images": 200_000,
        }
        return {"auto": {}, "paper": paper, "fast": fast, "reconstruct": first}

    def fitted(self, source: str) -> tuple[Self, dict[str, str]]:
        """Choose what is left open, by the pictures and the machine."""
        return self._fitted_to(choosing.looked_at(source))

    def _fitted_to(self, seen: choosing.Seen) -> tuple[Self, dict[str, str]]:
        gpu = find_device(self.engine.device).type != "cpu"
        theirs = growing.opened(self.start, "stylegan2").card.sizes if self.start else {}
        found, reasons = choosing.chosen(flat(self), seen, theirs, gpu=gpu)
        return changed_options(self, found), reasons

    @cached_property
    def _settled(self) -> Self:
        """The recipe with nothing left open; of pictures nothing is known where it is not fitted to them."""
        return self._fitted_to(choosing.Seen(choosing.FEW, 64))[0]

    def data(self, source: str) -> Data:
        """Open the pictures."""
        return opened(source, self._sizes["side"], flip=self.flip)

    def networks(self) -> dict[str, nn.Module]:
        """Make both."""
        makers = {
            "generator": StyleGAN2,
            "judge": StyleGAN2Judge,
            "encoder": StyleGAN2Encoder,
            "sampler": StyleGAN2,
        }
        starts = {
            "generator": self.start,
            "judge": self.start_judge,
            "encoder": self.start_encoder,
            "sampler": "",
        }
        made: dict[str, nn.Module] = {}
        for name in self.products():
            made[name] = makers[name](**self._sizes_of(name))
            if starts[name]:
                growing.begin(made[name], growing.opened(starts[name], ARCHITECTURES[name]), starts[name])
        return made

    def turns(self) -> tuple[tuple[Turn, Optimiser], ...]:
        """The generator moves first, and its encoder with it."""
        own = self._settled
        making = tuple(name for name in self.products() if name in ("generator", "encoder"))
        first = Turn("generator", making), _slowed(self.adam, PATH_EVERY if own.path else 0)
        if not self.adversarial:
            return (first,)
        return first, (Turn("judge", ("judge",)), _slowed(self.adam, R1_EVERY if own.r1 else 0))

    def length(self, examples: int) -> int:
        """As many as asked for, whatever the size of the set."""
        del examples
        return self.images

    def memory(self) -> Learned:
        """Nothing learned yet."""
        return Learned(self.augment)

    def prepare(self, batch: Batch) -> Batch:
        """Bring pictures from [0, 1] to [-1, 1]."""
        return {name: value * 2.0 - 1.0 for name, value in batch.items()}

    def forward(self, networks: Networks, batch: Batch, turn: str | None) -> Batch:
        """Make as many pictures as there are real ones, and some of the real ones again."""
        generator, image = _generator(networks), batch["image"]
        made: Batch = {}
        if self.adversarial:
            rows = self._styles(generator, len(image), image.device)
            made["made"] = generator.synthesis(rows, self.noise)
        if self.reconstruction.weight and turn != "judge":
            given = image[: max(1, len(image) // 2)] if self.adversarial else image
            middle, spread = networks["encoder"](given)
            w = generator.mapping.style(drawn(middle, spread))
            if not self.adversarial:
                generator.mapping.follow(w)
            again = generator.synthesis(w, self.noise)
            made |= {"again": again, "middle": middle, "spread": spread}
        return made

    def losses(
        self, turn: str, networks: Networks, batch: Batch, shared: Batch, memory: Memory
    ) -> dict[str, Tensor]:
        """What the generator, then the judge pays."""
        if not isinstance(memory, Learned):
            raise TypeError(f"the memory of {self.name} is a {type(memory).__name__}, not one of its own")
        if turn == "generator":
            return self._making(networks, batch, shared, memory)
        own, judge, real = self._settled, networks["judge"], batch["image"]
        logits_real, logits_made = self._judged(judge, real, shared["made"].detach(), memory)
        paid = {"judging": 2.0 * judging("vanilla", logits_real, logits_made)}
        memory.hear(logits_real, logits_made)
        if own.r1 and memory.steps % R1_EVERY == 0:
            # A compiled network has no second derivative.
            bare = getattr(judge, "_orig_mod", judge)
            seen = changed(real, own.augment, memory.p)
            paid["r1"] = R1_EVERY * own.r1 * r1_penalty(bare, seen)
        memory.steps += 1
        return paid

    def _making(self, networks: Networks, batch: Batch, shared: Batch, memory: Learned) -> dict[str, Tensor]:
        own = self._settled
        paid: dict[str, Tensor] = {}
        if self.adversarial:
            seen = changed(shared["made"], own.augment, memory.p)
            judged = networks["judge"](_laid_out(seen))
            paid["deceiving"] = self.adversarial * deceiving("vanilla", judged)
        else:
            memory.steps += 1
        if self.reconstruction.weight:
            paid |= terms(self.reconstruction, self._eye, shared, batch["image"])
        if own.path and memory.steps % PATH_EVERY == 0:
            image, generator = batch["image"], _generator(networks)
            with torch.autocast(image.device.type, enabled=False):
                rows = self._styles(generator, max(1, len(image) // 2), image.device)
                again = generator.synthesis(rows, self.noise)
                penalty, memory.path = path_penalty(again, rows, memory.path)
            # Without the sum of all of the picture, weights of its last layer have no part in the graph.
            paid["path"] = PATH_EVERY * own.path * penalty + 0.0 * again.sum()
        return paid

    def _judged(self, judge: nn.Module, real: Tensor, made: Tensor, memory: Learned) -> tuple[Tensor, Tensor]:
        augment = self._settled.augment
        if len(real) % GROUP:
            both = [judge(_laid_out(changed(kind, augment, memory.p))) for kind in (real, made)]
            return both[0], both[1]
        # Every second picture is a real one: the spread is then looked at within groups of one kind.
        together = changed(torch.stack([real, made], dim=1).flatten(0, 1), augment, memory.p)
        judged = judge(_laid_out(together))
        return judged[::2], judged[1::2]

    def _styles(self, generator: StyleGAN2, count: int, device: torch.device) -> Tensor:
        """Draw styles for every row, some of them of two drawings: (B, rows, style)."""
        mapping, latent = generator.mapping, self._sizes["latent"]
        w = mapping.style(torch.randn(count, latent, device=device))
        mapping.follow(w)
        rows: Tensor = w[:, None].expand(-1, mapping.rows, -1)
        if not self.mixing:
            return rows
        other = mapping.style(torch.randn(count, latent, device=device))
        cut = torch.randint(1, mapping.rows, (count, 1), device=device)
        mixed = torch.rand((count, 1), device=device) < self.mixing
        first = torch.arange(mapping.rows, device=device)[None] < torch.where(mixed, cut, mapping.rows)
        return torch.where(first[:, :, None], rows, other[:, None])

    def products(self) -> tuple[str, ...]:
        """Editing uses the generator, the judge's features and an encoder's guesses; or a sampler."""
        if not self.adversarial:
            return ("generator", "encoder", "sampler")
        return ("generator", "judge", *(("encoder",) if self.reconstruction.weight else ()))

    def averaged_products(self) -> tuple[str, ...]:
        """An average of judges judges nothing, and a sampler is made of averages."""
        return tuple(name for name in self.products() if name in ("generator", "encoder"))

    def validate(self, networks: Networks, data: Data, device: torch.device) -> Evaluation:
        """Compare samples with held-out pictures; without a game, those of a sampler, which is made here."""
        generator = maker = _generator(networks)
        encoder, sampler, yardstick = networks.get("encoder"), networks.get("sampler"), Yardstick.of(data)
        if isinstance(sampler, StyleGAN2) and isinstance(encoder, StyleGAN2Encoder):
            seen = yardstick.learned.to(device) * 2.0 - 1.0
            fit(sampler, generator, encoder, torch.split(seen, 32))
            maker = sampler
        return yardstick.measured(
            lambda z: maker(z.to(device)),
            latent=self._sizes["latent"],
            nearer=lambda z: maker(z.to(device), truncation=TRUNCATION),
            again=None if encoder is None else lambda x: generator(encoder(x.to(device))[0]),
        )

    def card(self, product: str) -> Card:
        """Describe one of the networks."""
        return Card(
            name=ARCHITECTURES[product],
            task=self.task,
            architecture=ARCHITECTURES[product],
            sizes=dict(self._sizes_of(product)),
            settings={"trained_size": self._sizes["side"]},
            paper="arXiv:1912.04958",
        )

    @cached_property
    def _sizes(self) -> dict[str, Any]:
        own = self._settled
        return {
            "side": own.size,
            "channels": own.network.channels,
            "latent": own.network.latent,
            "style": own.network.style,
            "layers": own.network.layers,
            "limit": own.network.limit,
        }

    def _sizes_of(self, product: str) -> dict[str, Any]:
        if product == "judge":
            return {name: self._sizes[name] for name in ("side", "channels", "limit")} | {"group": GROUP}
        if product == "encoder":
            return {name: self._sizes[name] for name in ("side", "channels", "latent")}
        return self._sizes

    @cached_property
    def _eye(self) -> Features | None:
        return self.reconstruction.eye(self._sizes["side"])


def _slowed(adam: Optimiser, every: int) -> Optimiser:
    """Make up for the steps that penalties add to (Karras et al. 2020, arXiv:1912.04958, appendix B)."""
    if not every:
        return adam
    share = every / (every + 1)
    return replace(adam, rate=adam.rate * share, beta1=adam.beta1**share, beta2=adam.beta2**share)


def _generator(networks: Networks) -> StyleGAN2:
    """Find the generator inside what torch.compile makes of it, which has a mapping and a synthesis."""
    inner = getattr(networks["generator"], "_orig_mod", networks["generator"])
    if not isinstance(inner, StyleGAN2):
        raise TypeError(f"a {type(inner).__name__} is no generator of this recipe")
    return inner


def _laid_out(pictures: Tensor) -> Tensor:
    return pictures.contiguous(memory_format=torch.channels_last)
