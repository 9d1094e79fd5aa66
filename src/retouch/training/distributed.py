"""The processes of a run: one, or as many as torchrun started, on one machine or several."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist

from retouch.errors import TrainingError
from retouch.training.signals import Stop


class Apart(TrainingError):
    """The processes of a run did not find each other, or lost each other; another try may succeed.

    Args:
        message: what happened.
        told: this process was told to end, too, so that nobody waits for its words.
    """

    def __init__(self, message: str, *, told: bool = False) -> None:
        super().__init__(message)
        self.told = told


@contextmanager
def losing(stop: Stop) -> Iterator[None]:
    """Say in our words that another process has gone.

    Args:
        stop: whether this one was asked to end.

    Raises:
        Apart: gloo or NCCL found that another process is not there any more.
    """
    try:
        yield
    except RuntimeError as error:
        said = str(error)
        if isinstance(error, dist.DistError) or "gloo/transport" in said or "ncclRemoteError" in said:
            rank = os.environ.get("RANK", "0")
            raise Apart(
                f"process {rank} lost the others ({' '.join(said.split())[:200]}); what they say is the "
                "reason. Resume the run from its last checkpoint",
                told=stop.signal is not None,
            ) from error
        raise


@dataclass(frozen=True)
class Group:
    """The processes that train together.

    Args:
        rank: this process's number, from 0.
        world: how many there are.
        device: where this process computes.
    """

    rank: int
    world: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this process writes files and reports."""
        return self.rank == 0

    def wait(self) -> None:
        """Wait until every process is here."""
        if self.world > 1:
            dist.barrier()

    def any(self, flag: bool) -> bool:
        """Say whether any process says yes; every process gets the same answer."""
        if self.world == 1:
            return flag
        answer = torch.tensor([float(flag)], device=self.device)
        dist.all_reduce(answer, op=dist.ReduceOp.MAX)
        return bool(answer.item())

    def mean(self, values: dict[str, float]) -> dict[str, float]:
        """Average figures over the processes; each must bring the same names in the same order."""
        if self.world == 1 or not values:
            return values
        sums = torch.tensor(list(values.values()), dtype=torch.float64, device=self.device)
        dist.all_reduce(sums)
        return dict(zip(values, (sums / self.world).tolist(), strict=True))

    def gathered(self, state: dict[str, object]) -> list[dict[str, object]]:
        """Collect what each process has, such as its random state, on every process."""
        if self.world == 1:
            return [state]
        everyone: list[dict[str, object] | None] = [None] * self.world
        dist.all_gather_object(everyone, state)
        return [item for item in everyone if item is not None]


@contextmanager
def group(device: str, *, patience: float = 3600.0) -> Iterator[Group]:
    """Join the processes that torchrun started, or be alone.

    Args:
        device: auto, or the name of a torch device.
        patience: seconds to wait for another process, which may be validating, before giving up.

    Yields:
        The group; it is left at the end.

    Raises:
        TrainingError: The device is not on this machine.
        Apart: The processes do not find each other.
    """
    world, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    place = find_device(device, int(os.environ.get("LOCAL_RANK", "0")))
    if world == 1:
        yield Group(0, 1, place)
        return
    if place.type == "cuda":
        torch.cuda.set_device(place)
    try:
        dist.init_process_group(
            "nccl" if place.type == "cuda" else "gloo", timeout=timedelta(seconds=patience)
        )
    except (RuntimeError, ValueError) as error:
        raise Apart(
            f"the {world} processes did not find each other ({error}); start them with torchrun"
        ) from error
    try:
        yield Group(rank, world, place)
    finally:
        dist.destroy_process_group()


def find_device(name: str, local: int = 0) -> torch.device:
    """Choose where to compute.

    Args:
        name: auto, or the name of a torch device.
        local: this process's number on its machine.

    Returns:
        The device: for auto, the GPU if there is one, else the CPU.

    Raises:
        TrainingError: There is no such device here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        place = torch.device(f"cuda:{local}" if name == "cuda" else name)
        torch.empty(1, device=place)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise TrainingError(
            f"the device {name!r} cannot be used here ({str(error).splitlines()[0]}); use auto or cpu"
        ) from None
    return place
