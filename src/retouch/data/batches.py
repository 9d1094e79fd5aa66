"""Batches: an endless stream for training that can start anywhere, and one pass for validation."""

from __future__ import annotations

import time
import weakref
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from retouch.data.seeds import generator, mixed
from retouch.errors import DataError, InputError

if TYPE_CHECKING:
    import torch

    Batch = dict[str, torch.Tensor]

AHEAD = 2
"""Batches that are prepared beyond those that the workers are making."""

_ORDER, _LOOK = 1, 2
"""Tell the random numbers of the order from those of the augmentation."""


class Source(Protocol):
    """What batches are made of; :class:`retouch.data.Examples` is one."""

    def __len__(self) -> int:
        """How many examples there are."""
        ...

    def example(self, index: int, seed: int) -> dict[str, torch.Tensor]:
        """Make one example, (C, H, W) per role; from any thread."""
        ...


class Stream:
    """An endless iterator over batches; made by :func:`stream`.

    Close it, or use it as a context manager, to stop its threads at once; they also stop when
    nothing refers to it any more.
    """

    def __init__(
        self,
        examples: Source,
        *,
        batch: int,
        seed: int,
        rank: int,
        world: int,
        start: int,
        workers: int,
        pin: bool,
    ) -> None:
        self._course = _Course(examples, seed)
        self._batch, self._rank, self._world = batch, rank, world
        self._consumed = start
        self._asked = start
        self._pin = pin
        self._waited = 0.0
        self._pending: deque[Future[Batch]] = deque()
        self._depth = workers + AHEAD
        self._pool: ThreadPoolExecutor | None = None
        if workers:
            self._pool = ThreadPoolExecutor(workers, thread_name_prefix="retouch-data")
            weakref.finalize(self, self._pool.shutdown, wait=False, cancel_futures=True)

    @property
    def waited(self) -> float:
        """Seconds that the consumer has spent waiting for batches."""
        return self._waited

    @property
    def consumed(self) -> int:
        """Images given out so far by all ranks together, with ``start``: where to resume."""
        return self._consumed

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Batch:
        began = time.perf_counter()
        made = self._next()
        if self._pin:
            made = {role: values.pin_memory() for role, values in made.items()}
        self._consumed += self._batch * self._world
        self._waited += time.perf_counter() - began
        return made

    def close(self) -> None:
        """Stop preparing batches."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None
        self._pending.clear()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _next(self) -> Batch:
        if self._pool is None:
            return self._course.batch(self._places())
        while len(self._pending) < self._depth:
            self._pending.append(self._pool.submit(self._course.batch, self._places()))
        return self._pending.popleft().result()

    def _places(self) -> range:
        """The places, in the endless order, of this rank's part of the next global batch."""
        first = self._asked + self._rank * self._batch
        self._asked += self._batch * self._world
        return range(first, first + self._batch)


def stream(
    examples: Source,
    *,
    batch: int,
    seed: int,
    rank: int = 0,
    world: int = 1,
    start: int = 0,
    workers: int = 0,
    pin: bool = False,
) -> Stream:
    """Give batches without end.

    Epoch follows epoch, each a permutation that depends on the seed and the epoch's number only.
    Step ``s`` takes the next ``batch · world`` examples of that endless order and rank ``r`` the
    ``r``-th part of them, so two ranks with batch 2 see what one rank with batch 4 sees. A batch
    at the end of an epoch is filled from the next one: nothing is dropped, every rank makes the
    same number of batches.

    Args:
        examples: what to make batches of.
        batch: examples per batch and rank.
        seed: decides the order and the augmentation; the global random numbers stay untouched.
        rank: which process this is, from 0.
        world: how many processes there are.
        start: images that all ranks together have had before; the stream goes on after them.
        workers: threads that prepare batches ahead; 0 prepares each when it is asked for. The
            batches are the same for any number.
        pin: copy batches to page-locked memory, for asynchronous copies to a GPU.

    Returns:
        The stream: role → float32 (batch, C, H, W) in [0, 1].

    Raises:
        InputError: a number is out of its range.
        DataError: there are no examples; later, from the iterator, a file that cannot be read.
    """
    for name, value, least in (
        ("batch", batch, 1),
        ("world", world, 1),
        ("start", start, 0),
        ("workers", workers, 0),
        ("rank", rank, 0),
    ):
        if value < least:
            raise InputError(f"{name} is {value} but must be at least {least}")
    if rank >= world:
        raise InputError(f"rank is {rank} but there are {world} processes; ranks count from 0")
    if not len(examples):
        raise DataError("there are no examples to make batches of; check the data set and its split")
    return Stream(
        examples, batch=batch, seed=seed, rank=rank, world=world, start=start, workers=workers, pin=pin
    )


def ordered(examples: Source, batch: int = 1) -> Iterator[Batch]:
    """Give every example once, in order and without augmentation.

    Args:
        examples: those of a data set made with ``augment=True`` are taken without it.
        batch: the most examples per batch. Pictures of different sizes are not put together, so
            a batch may be smaller.

    Returns:
        An iterator over role → float32 (at most batch, C, H, W) in [0, 1].

    Raises:
        InputError: the batch is smaller than 1.
    """
    if batch < 1:
        raise InputError(f"batch is {batch} but must be at least 1")
    plain = getattr(examples, "plain", None)
    return _in_order(examples if plain is None else plain(), batch)


def order(length: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Give the order of one epoch.

    Args:
        length: how many examples there are.
        seed: of the run.
        epoch: from 0.

    Returns:
        A permutation of 0 … length − 1.
    """
    return generator(_ORDER, seed, epoch).permutation(length)


class _Course:
    """The endless order of examples: place 0, 1, 2, … → epoch and index."""

    def __init__(self, examples: Source, seed: int) -> None:
        self._examples = examples
        self._length = len(examples)
        self._seed = seed
        self._orders: OrderedDict[int, NDArray[np.int64]] = OrderedDict()

    def batch(self, places: Sequence[int]) -> Batch:
        made = []
        for place in places:
            epoch, position = divmod(place, self._length)
            index = int(self._order(epoch)[position])
            made.append(self._examples.example(index, mixed(_LOOK, self._seed, epoch)))
        return _stacked(made)

    def _order(self, epoch: int) -> NDArray[np.int64]:
        known = self._orders.get(epoch)
        if known is None:
            known = self._orders[epoch] = order(self._length, self._seed, epoch)
            while len(self._orders) > 4:
                # Another thread may have been quicker.
                self._orders.pop(min(self._orders), None)
        return known


def _in_order(examples: Source, batch: int) -> Iterator[Batch]:
    held: list[Batch] = []
    for index in range(len(examples)):
        made = examples.example(index, 0)
        if held and (len(held) == batch or _shapes(made) != _shapes(held[0])):
            yield _stacked(held)
            held = []
        held.append(made)
    if held:
        yield _stacked(held)


def _shapes(example: Batch) -> dict[str, tuple[int, ...]]:
    return {role: tuple(values.shape) for role, values in example.items()}


def _stacked(made: Sequence[Batch]) -> Batch:
    import torch

    if len(made) == 1:
        return {role: values[None] for role, values in made[0].items()}
    if any(_shapes(example) != _shapes(made[0]) for example in made):
        sizes = sorted({"×".join(map(str, shape[1:])) for item in made for shape in _shapes(item).values()})
        raise DataError(
            f"pictures of different sizes ({', '.join(sizes[:4])}) do not fit one batch; "
            "give size=256, or batch=1"
        )
    # numpy, because torch would start a team of threads of its own in every worker.
    return {role: torch.from_numpy(np.stack([example[role].numpy() for example in made])) for role in made[0]}
