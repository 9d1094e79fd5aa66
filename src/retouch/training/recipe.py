"""What a training recipe says: networks, turns and losses. The engine does everything else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, Self, runtime_checkable

import torch
from torch import Tensor, nn

from retouch.errors import InputError
from retouch.training.schedule import Schedule
from retouch.weights import Card

Batch = dict[str, Tensor]
"""Named tensors whose first dimension is the picture: float32 ``(B, C, H, W)`` in [0, 1] from the loader."""

Networks = Mapping[str, nn.Module]


@dataclass(frozen=True)
class Optimiser:
    """Adam, as one turn uses it.

    Args:
        rate: the learning rate at its highest.
        beta1: how much of the mean gradient is kept in a step.
        beta2: how much of the mean squared gradient is kept in a step.
        decay: decoupled weight decay; 0 for none.
        schedule: how the rate falls: constant, linear or cosine.
        hold: the part of the run, 0 to 1, before it falls.
        warmup: images over which it first rises from 0.
    """

    rate: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999
    decay: float = 0.0
    schedule: Schedule = "linear"
    hold: float = 0.5
    warmup: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        for name in ("rate", "decay", "warmup"):
            if getattr(self, name) < 0:
                raise InputError(f"adam.{name} is {getattr(self, name)}; it must be at least 0")
        for name in ("beta1", "beta2"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise InputError(f"adam.{name} is {getattr(self, name)}; it must be from 0 to below 1")
        if not 0.0 <= self.hold <= 1.0:
            raise InputError(f"adam.hold is {self.hold}; it is a part of the run, from 0 to 1")


@dataclass(frozen=True)
class Engine:
    """How a run is carried out; nothing here belongs to a paper.

    Args:
        images: how many images are learned from, repeats counted; 0: the recipe's number of epochs.
        batch: images per step and process; of some recipes 0: automatic.
        accumulate: batches whose gradients are added before a step.
        precision: bfloat16 autocast or float32; auto: bfloat16 where the hardware has it.
        channels_last: keep pictures with their channels last, which is faster with bfloat16.
        compile: compile the networks: no, default, or graphs (CUDA graphs, for fixed sizes).
        clip: largest norm of a turn's gradient; 0: not clipped.
        average: half-life, in images, of the average of the weights that is saved; 0: none.
        seed: of everything random.
        workers: threads that read ahead.
        device: auto, cpu, cuda, mps.
        threads: CPU threads for the mathematics; 0: torch's own choice.
        sync_batch_norm: share batch statistics between the processes; GPUs only.
        validate_every: images between evaluations; 0: twenty times in the run.
        save_every: images between checkpoints; 0: as often as it validates.
        log_every: images between lines of the log.
        minutes: stop after so long, as at the end; 0: no limit.
        tensorboard: write TensorBoard's files beside the log.
        wandb: also log to Weights & Biases.
    """

    LEAST_BATCH: ClassVar[int] = 1

    images: int = 0
    batch: int = 1
    accumulate: int = 1
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    channels_last: bool = True
    compile: Literal["no", "default", "graphs"] = "no"
    clip: float = 0.0
    average: float = 0.0
    seed: int = 0
    workers: int = 1
    device: str = "auto"
    threads: int = 0
    sync_batch_norm: bool = False
    validate_every: int = 0
    save_every: int = 0
    log_every: int = 100
    minutes: float = 0.0
    tensorboard: bool = True
    wandb: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        smallest = {"batch": self.LEAST_BATCH, "accumulate": 1, "log_every": 1}
        for name, value in vars(self).items():
            if isinstance(value, int | float) and value < (least := smallest.get(name, 0)):
                raise InputError(f"engine.{name} is {value}; it must be at least {least}")
        if self.seed >= 2**63:
            raise InputError(f"engine.seed is {self.seed}; it must be below 2^63")


@dataclass(frozen=True)
class OpenEngine(Engine):
    """How a run of a recipe is carried out that chooses the batch, when it is 0, by the pictures."""

    LEAST_BATCH: ClassVar[int] = 0


@dataclass(frozen=True)
class Turn:
    """One optimiser step within a step of training.

    Args:
        name: what the losses are called in the log: ``"generator"``.
        networks: the names of the networks whose weights it changes; all others stand still.
        every: it comes only in every so many-th step.
    """

    name: str
    networks: tuple[str, ...]
    every: int = 1


class Examples(Protocol):
    """Pictures that can be asked for one by one."""

    def __len__(self) -> int:
        """Count the examples of one epoch."""
        ...

    def describe(self) -> dict[str, Any]:
        """Say what the data is, for the record of the run."""
        ...


class Memory(Protocol):
    """What a recipe remembers between steps beside its networks, such as a pool of past pictures."""

    def state_dict(self) -> dict[str, Any]:
        """Give it as tensors and plain values."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take it back."""
        ...


@runtime_checkable
class Telling(Protocol):
    """A memory that has figures for the log beside the losses."""

    def told(self) -> dict[str, Tensor]:
        """Give them after a step: name → scalar."""
        ...


class NoMemory:
    """The memory of a recipe that needs none."""

    def state_dict(self) -> dict[str, Any]:
        """Give nothing."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take nothing back."""


@dataclass(frozen=True)
class Evaluation:
    """What a validation found.

    Args:
        metrics: name → value over the validation set.
        panels: name → picture ``(3, H, W)`` in [0, 1] to look at.
        outputs: results of different inputs, ``(N, C, H, W)`` in [0, 1], for the watchdogs.
        targets: what was wanted, likewise; None when that is not known.
        protocol: how the metrics were measured, in one line.
        count: on how many pictures.
        film: the panel of which the run leaves a film; empty: none.
    """

    metrics: dict[str, float]
    panels: dict[str, Tensor] = field(default_factory=dict)
    outputs: Tensor | None = None
    targets: Tensor | None = None
    protocol: str = ""
    count: int = 0
    film: str = ""


class Data(Protocol):
    """The pictures of a run; a recipe makes it, the engine draws from it."""

    @property
    def train(self) -> Examples:
        """The examples that are learned from."""

    @property
    def validation(self) -> Examples | None:
        """The examples that are never learned from; None when there are none."""

    def stream(
        self, *, batch: int, seed: int, rank: int, world: int, start: int, workers: int
    ) -> Iterator[Batch]:
        """Draw batches without end, in an order that only ``seed`` and ``start`` decide.

        Args:
            batch: pictures per batch.
            seed: of the order and of the augmentation.
            rank: this process's number among ``world``.
            world: how many processes share the examples.
            start: images that all processes together have drawn before.
            workers: threads that read ahead.

        Returns:
            The batches of this process.
        """

    def ordered(self, batch: int) -> Iterator[Batch]:
        """Draw every validation example once, in order, without augmentation.

        Args:
            batch: pictures per batch.

        Returns:
            The batches.
        """


@dataclass(frozen=True)
class Recipe(ABC):
    """A way to train networks, whose options are the fields of a frozen dataclass.

    The defaults reproduce the paper. Everything that changes in a run lives in the networks, in the
    optimisers, or in what :meth:`memory` makes.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    task: ClassVar[str]
    judge: ClassVar[tuple[str, Literal["lowest", "highest"]]]
    """The metric that says which checkpoint is best."""

    engine: Engine = field(default_factory=Engine)

    @classmethod
    def presets(cls) -> dict[str, dict[str, object]]:
        """Name sets of options; ``paper`` is the defaults."""
        return {"paper": {}}

    def fitted(self, source: str) -> tuple[Self, dict[str, str]]:
        """Choose what the options leave open, by the pictures and the machine.

        Args:
            source: as for :meth:`data`.

        Returns:
            The recipe with nothing left open, and of each choice: option → value and reason, in a line.
        """
        del source
        return self, {}

    @abstractmethod
    def data(self, source: str) -> Data:
        """Open the pictures.

        Args:
            source: a folder, a table, or ``synthetic:…``.

        Returns:
            What the engine draws from.

        Raises:
            DataError: There is nothing in it to learn from.
        """

    @abstractmethod
    def networks(self) -> dict[str, nn.Module]:
        """Make the networks with fresh weights, drawn from torch's own generator."""

    @abstractmethod
    def turns(self) -> tuple[tuple[Turn, Optimiser], ...]:
        """Name the optimiser steps of one training step, in their order."""

    @abstractmethod
    def length(self, examples: int) -> int:
        """Say how many images the paper trains for, given the size of the training set."""

    def memory(self) -> Memory:
        """Make what is remembered between steps."""
        return NoMemory()

    def prepare(self, batch: Batch) -> Batch:
        """Bring a batch of pictures in [0, 1] to what the networks take; runs on the device."""
        return batch

    def forward(self, networks: Networks, batch: Batch, turn: str | None) -> Batch:
        """Compute what several turns share, such as the generator's result.

        Args:
            networks: all networks.
            batch: a prepared batch.
            turn: the only turn that will use it; None: all will.

        Returns:
            Named tensors, with their graphs.
        """
        del networks, batch, turn
        return {}

    @abstractmethod
    def losses(
        self, turn: str, networks: Networks, batch: Batch, shared: Batch, memory: Memory
    ) -> dict[str, Tensor]:
        """Compute the weighted terms of one turn's loss; their sum is minimised.

        Args:
            turn: the turn's name.
            networks: all networks; only those of the turn have gradients.
            batch: a prepared batch.
            shared: what :meth:`forward` gave.
            memory: what :meth:`memory` made.

        Returns:
            Name → scalar tensor, named as the log shall name it.
        """

    @abstractmethod
    def products(self) -> tuple[str, ...]:
        """Name the networks that editing uses; each becomes a weights file."""

    def averaged_products(self) -> tuple[str, ...]:
        """Name the products that are averaged when engine.average is given; the others are as they are."""
        return self.products()

    @abstractmethod
    def validate(self, networks: Networks, data: Data, device: torch.device) -> Evaluation:
        """Measure the networks on the validation examples, without changing or training anything."""

    @abstractmethod
    def card(self, product: str) -> Card:
        """Describe a product: its architecture, its sizes and how it is to be applied."""

    def conclude(self, networks: Networks, data: Data, device: torch.device) -> dict[str, dict[str, object]]:
        """Decide on validation what is better decided by evidence, such as the mode of inference.

        Args:
            networks: the trained networks, averaged when asked.
            data: the pictures.
            device: where the networks are.

        Returns:
            Product → settings of its card.
        """
        del networks, data, device
        return {}


def epochs(count: float, examples: int) -> int:
    """Turn epochs into images.

    Args:
        count: epochs.
        examples: images in one.

    Returns:
        Images, at least 1.

    Raises:
        InputError: That is no length.
    """
    if not 0 < count < float("inf"):
        raise InputError(f"epochs is {count}; it must be above 0, or say the length with engine.images")
    return max(1, round(count * examples))


def named(recipes: Sequence[type[Recipe]], name: str) -> type[Recipe]:
    """Find a recipe.

    Args:
        recipes: those there are.
        name: the one that is wanted.

    Returns:
        Its class.

    Raises:
        UnknownName: None is called so.
    """
    from retouch.errors import UnknownName

    for recipe in recipes:
        if recipe.name == name:
            return recipe
    raise UnknownName("recipe", name, [recipe.name for recipe in recipes])
