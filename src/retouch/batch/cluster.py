"""Pictures edited by the machines of a Ray cluster, or by a Ray of this machine alone.

Ray's actors, not Ray Data: a batch hands its pictures over one by one, however many there are, and one that
kills its worker twice must cost itself alone. Ray Data wants to know the number of its rows before it starts,
and gives up a whole block of them.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import retouch
from retouch.batch.item import Row
from retouch.batch.joining import LOCAL, joined
from retouch.batch.places import path_of
from retouch.batch.work import WINDOW, Work
from retouch.errors import InputError

if TYPE_CHECKING:
    from types import ModuleType

    from retouch.batch.item import Item

ATTEMPTS = 2  # workers that may die of a picture
QUEUED = 2  # pictures that a worker has at a time, so that it need not wait for the next
_PATIENCE = 300.0  # seconds for a cluster to give the first worker
_STARTS = 3  # workers in a row that may die before they are up


def cluster(
    work: Work, items: Iterable[Item], *, address: str = LOCAL, workers: int | None = None
) -> Iterator[Row]:
    """Edit pictures on a Ray cluster; closing the iterator stops the workers.

    What a dead worker was at is given to another, and alone; when that one dies as well, its row is a failed
    one. A program that has joined a cluster already keeps it, whatever the address.

    Args:
        work: what is done to each of them.
        items: the pictures; they are taken as the work goes on.
        address: of the cluster, as ``ray.init`` takes it: ``"auto"``, ``"host:6379"``, ``"ray://host:10001"``;
            or ``"local"``.
        workers: processes that edit, each with one CPU, and with one GPU where the edit computes on CUDA.
            None takes all that the cluster has.

    Yields:
        One row for each picture, in the order of the items.

    Raises:
        MissingDependency: Ray is not installed.
        InputError: there is no such cluster, it has no room for a worker, or none of its machines has this
            version of retouch.
    """
    if workers is not None and workers < 1:
        raise InputError(
            f"workers is {workers}, and at least 1 is needed; leave it out to take all there are"
        )
    source = iter(items)
    first = next(source, None)
    if first is None:
        return
    with joined(address, workers) as ray:
        crew = _Crew(ray, work, address, workers)
        try:
            yield from crew.rows(itertools.chain([first], source))
        finally:
            crew.dismiss()


@dataclass(slots=True)
class _Task:
    """A picture on its way, and how many workers have died of it."""

    turn: int
    item: Item
    deaths: int = 0


@dataclass(slots=True, eq=False)
class _Worker:
    """An actor; ``started`` is the answer to what it is told before its first picture, until that is here."""

    actor: Any
    started: Any
    tasks: dict[Any, _Task] = field(default_factory=dict)

    def takes(self, depth: int) -> bool:
        return (
            self.started is None
            and len(self.tasks) == depth
            and not any(task.deaths for task in self.tasks.values())
        )


class _Crew:
    """The workers, and which of them has which picture."""

    def __init__(self, ray: ModuleType, work: Work, address: str, workers: int | None) -> None:
        self._ray, self._work, self._address = ray, work, address
        gpu = str(work.options.get("device", "")).startswith("cuda")
        self._needs = {"num_cpus": 1, "num_gpus": int(gpu)}
        count = workers or max(1, int(ray.cluster_resources().get("GPU" if gpu else "CPU", 0)))
        self._kind = ray.remote(_worker_class())
        self._workers = [self._hired() for _ in range(count)]
        self._window = count * WINDOW
        self._turn = 0
        self._taken = 0
        self._drained = False
        self._rows: dict[int, Row] = {}
        self._again: deque[_Task] = deque()
        self._deadline = time.monotonic() + _PATIENCE
        self._dead_starts = 0

    def rows(self, source: Iterator[Item]) -> Iterator[Row]:
        """Yield the row of every item, in order."""
        while True:
            self._hand_out(source)
            while self._turn in self._rows:
                yield self._rows.pop(self._turn)
                self._turn += 1
                self._hand_out(source)
            if self._drained and self._turn == self._taken:
                return
            self._collect()

    def dismiss(self) -> None:
        """End all workers, in the middle of a picture if need be."""
        for worker in self._workers:
            self._kill(worker)

    def _hired(self) -> _Worker:
        actor = self._kind.options(**self._needs, max_restarts=0, scheduling_strategy="SPREAD").remote()
        out = path_of(self._work.out)
        shared = "" if out is None else str(out if out.is_dir() else out.parent)
        return _Worker(actor, actor.check.remote(retouch.__version__, shared))

    def _kill(self, worker: _Worker) -> None:
        with contextlib.suppress(self._ray.exceptions.RayError):
            self._ray.kill(worker.actor)

    def _hand_out(self, source: Iterator[Item]) -> None:
        for depth, worker in itertools.product(range(QUEUED), self._workers):
            if worker.takes(depth):
                task = self._next(source, idle=depth == 0)
                if task is not None:
                    worker.tasks[worker.actor.edit.remote(task.item.plain())] = task

    def _next(self, source: Iterator[Item], *, idle: bool) -> _Task | None:
        """What a worker is to do next; one that is not idle gets nothing that a worker has died of."""
        if self._again:
            # None overtakes these, or there might never be a worker that is idle.
            return self._again.popleft() if idle or not self._again[0].deaths else None
        if self._taken >= self._turn + self._window:
            return None
        item = next(source, None)
        if item is None:
            self._drained = True
            return None
        self._taken += 1
        return _Task(self._taken - 1, item)

    def _collect(self) -> None:
        """Wait for something to happen, and take note of all that has."""
        up = any(worker.started is None for worker in self._workers)
        of = {
            ref: worker
            for worker in self._workers
            for ref in (worker.started, *worker.tasks)
            if ref is not None
        }
        left = None if up else max(0.0, self._deadline - time.monotonic())
        if not self._ray.wait(list(of), num_returns=1, timeout=left)[0]:
            raise InputError(self._no_room())
        for ref in self._ray.wait(list(of), num_returns=len(of), timeout=0)[0]:
            worker = of[ref]
            if worker not in self._workers:
                continue
            try:
                answer = self._ray.get(ref)
            except self._ray.exceptions.RayTaskError as error:
                raise (error.cause if isinstance(error.cause, Exception) else error) from None
            except self._ray.exceptions.RayError as error:
                self._bury(worker, error)
                continue
            if ref == worker.started:
                self._welcome(worker, answer)
            else:
                self._rows[worker.tasks.pop(ref).turn] = Row.of(answer)

    def _welcome(self, worker: _Worker, answer: str | None) -> None:
        """Hear a new worker out: None once it has the work, before that what is wrong with its machine."""
        if answer is None:
            worker.started = None
            self._dead_starts = 0
        elif not answer:
            worker.started = worker.actor.take.remote(self._work.plain())
        else:
            self._kill(worker)
            self._workers.remove(worker)
            if not self._workers:
                raise InputError(answer)
            _log.warning("%d workers are left: %s", len(self._workers), answer)

    def _bury(self, worker: _Worker, error: Exception) -> None:
        """Replace a worker that died, and give up what killed its worker for the second time."""
        self._kill(worker)
        if worker.started is not None:
            self._dead_starts += 1
            if self._dead_starts > _STARTS:
                raise InputError(
                    f"{self._dead_starts} workers of Ray at {self._address} died in a row as they started "
                    f"({str(error).splitlines()[0]}); look into Ray's log (ray logs)"
                )
        died_of_it = 1  # a worker does what it has in order, so it was the first one
        for ref, task in worker.tasks.items():
            row = self._finished(ref)
            if row is not None:
                self._rows[task.turn] = row
                continue
            task.deaths += died_of_it
            died_of_it = 0
            if task.deaths == ATTEMPTS:
                self._rows[task.turn] = self._work.lost(task.item)
            else:
                self._again.append(task)
        self._workers[self._workers.index(worker)] = self._hired()
        self._deadline = time.monotonic() + _PATIENCE

    def _finished(self, ref: Any) -> Row | None:
        """The row of a picture that was ready before its worker died."""
        try:
            return Row.of(self._ray.get(ref, timeout=0))
        except self._ray.exceptions.RayError:
            return None

    def _no_room(self) -> str:
        has, free = self._ray.cluster_resources(), self._ray.available_resources()
        counts = ", ".join(f"{kind} {free.get(kind, 0):g} of {has.get(kind, 0):g}" for kind in ("CPU", "GPU"))
        needs = "a CPU and a GPU" if self._needs["num_gpus"] else "a CPU"
        return (
            f"Ray at {self._address} gave no worker in {_PATIENCE:.0f} s; each needs {needs}, and free are "
            f"{counts}; end other jobs there, or add machines"
        )


def _worker_class() -> type:
    """Make the class of the actors.

    Ray sends a class that is defined in a function by its code, not by its name, so that a machine without
    retouch can say that this is what is wrong with it.
    """

    class Worker:
        work: Any = None

        def check(self, version: str, folder: str) -> str:
            import platform
            from pathlib import Path

            try:
                import retouch
            except ImportError as error:
                return (
                    f"retouch cannot be imported on {platform.node()} of the cluster ({error}); install "
                    f"retouch {version} there, as on every machine of it"
                )
            if retouch.__version__ != version:
                return (
                    f"{platform.node()} of the cluster has retouch {retouch.__version__} and this machine "
                    f"{version}; install the same on every machine of it"
                )
            if folder and not Path(folder).is_dir():
                return (
                    f"{platform.node()} of the cluster does not have the folder {folder:.200}; let pictures "
                    "and results lie where all its machines see them: a shared folder or an object store"
                )
            return ""

        def take(self, work: dict[str, Any]) -> None:
            from retouch.batch.work import Work

            self.work = Work.of(work)
            self.work.prepare()

        def edit(self, item: dict[str, Any]) -> dict[str, Any]:
            from retouch.batch.item import Item

            row: dict[str, Any] = self.work(Item.of(item)).plain()
            return row

    return Worker


_log = logging.getLogger(__name__)
