"""One of several equal parts of a batch, for machines that do not know of each other."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from retouch.errors import InputError

MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several parts.

    An item's part follows from the name of its output alone, however the manifest is ordered; so two rows
    of one name always meet in the same part, where the second is refused.

    >>> Shard.parse("3/100")
    Shard(number=3, of=100)

    Args:
        number: of this part, from 1.
        of: how many parts there are.
    """

    number: int = 1
    of: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.of <= MOST:
            raise InputError(
                f"{self.number}/{self.of} is no shard; write I/N with I from 1 to N, and N at most {MOST:,}"
            )

    @staticmethod
    def parse(text: str, environment: Mapping[str, str] = os.environ) -> Shard:
        """Read a shard.

        Args:
            text: ``I/N`` with I from 1; or ``auto``, which asks Slurm for the task of a whole array
                (SLURM_ARRAY_TASK_ID, _MIN, _MAX and _COUNT); or ``auto/N``, which asks Kubernetes
                (JOB_COMPLETION_INDEX, from 0) or Slurm (SLURM_ARRAY_TASK_ID, from 1).
            environment: where these are looked up.

        Raises:
            InputError: It is anything else, or nothing there says which.
        """
        found = re.fullmatch(r"(?:(\d{1,9})|(auto))(?:/(\d{1,9}))?", text.strip())
        if not found or (found[1] and not found[3]):
            raise InputError(f"{text!r:.60} is no shard; write I/N, such as 3/100, or auto")
        if found[1]:
            return Shard(int(found[1]), int(found[3]))
        return _asked(found[3], environment)

    def holds(self, name: str) -> bool:
        """Whether an output belongs to this part."""
        return self.of == 1 or hashed(name) % self.of == self.number - 1

    @property
    def title(self) -> str:
        """What its files are called: ``0003-of-0100``."""
        return f"{self.number:04}-of-{self.of:04}"


def hashed(name: str) -> int:
    """A hash of a name, 64 bits, the same in every process."""
    return int.from_bytes(hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=8).digest(), "big")


def _asked(count: str | None, environment: Mapping[str, str]) -> Shard:
    def number(name: str) -> int | None:
        text = environment.get(name, "")
        return int(text) if re.fullmatch(r"\d{1,9}", text) else None

    task, index = number("SLURM_ARRAY_TASK_ID"), number("JOB_COMPLETION_INDEX")
    if task is not None:
        if count:
            return Shard(task, int(count))
        if (number("SLURM_ARRAY_TASK_STEP") or 1) != 1:
            raise InputError("the Slurm array has steps; number its tasks one by one, such as --array=1-100")
        total = number("SLURM_ARRAY_TASK_COUNT")
        if total is not None:
            return Shard(task + 1 - _first_task(number, total), total)
    elif index is not None:
        if count:
            return Shard(index + 1, int(count))
        raise InputError(
            "Kubernetes tells JOB_COMPLETION_INDEX but not how many there are; write --shard auto/N"
        )
    raise InputError(
        "--shard auto finds neither SLURM_ARRAY_TASK_ID and SLURM_ARRAY_TASK_COUNT nor JOB_COMPLETION_INDEX; "
        "write --shard I/N"
    )


def _first_task(number: Callable[[str], int | None], total: int) -> int:
    """The number of a whole array's first task; one of some tasks does not say how many parts there are."""
    first, last = number("SLURM_ARRAY_TASK_MIN"), number("SLURM_ARRAY_TASK_MAX")
    first = 1 if first is None else first
    if first > 1 or (last is not None and last - first + 1 != total):
        raise InputError(
            f"the Slurm array has {total} tasks from {first} on, and not all parts of a batch; write "
            "--shard auto/N with N parts, of which the tasks' numbers are some, from 1"
        )
    return first
