"""A batch carried out: what is missing is done, and every picture recorded as soon as it is."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from retouch.batch import places
from retouch.batch.item import Item, Row
from retouch.batch.ledger import Ledger
from retouch.batch.plan import Plan
from retouch.batch.work import Work
from retouch.errors import (
    Cancelled,
    InputError,
    MissingDependency,
    RetouchError,
    UnknownName,
    UnreadableWeights,
    UnwritablePicture,
    WeightsError,
)
from retouch.progress import Progress, ProgressCallback

Runner = Callable[[Work, Iterable[Item]], Iterator[Row]]
"""What does the items: gives a row for each, in their order, and takes them as it needs them. Closing the
iterator stops it. A picture, or a process that dies, never ends it."""

NAMED = 5
"""Failures that are kept to be shown; the ledger has all."""

_ALIKE = 10  # refusals in one sentence, and nothing done: the command is wrong, not the pictures
_TELL = 0.1  # seconds between two events
_SYNC = 5.0  # seconds between two times that the record is brought to the disk itself


@dataclass(slots=True)
class Tally:
    """How far a batch is, or what came of it.

    Args:
        total: pictures of this shard; nearly, while it runs.
        done: pictures that were made now.
        failed: pictures that could not be, now or, when these are kept, before.
        there: pictures that were made by an earlier run.
        seconds: since it began.
        failures: the first rows that failed.
    """

    total: int
    done: int = 0
    failed: int = 0
    there: int = 0
    seconds: float = 0.0
    failures: list[Row] = field(default_factory=list)

    @property
    def past(self) -> int:
        """Pictures that need no more thought."""
        return self.done + self.failed + self.there

    @property
    def rate(self) -> float:
        """Pictures that were tried in a second, without those that were there."""
        return (self.done + self.failed) / self.seconds if self.seconds else 0.0


def run(
    todo: Plan, runner: Runner, *, keep_failed: bool = False, progress: ProgressCallback | None = None
) -> Tally:
    """Carry out a plan.

    A picture is done unless the ledger says that it was, of the same inputs and with the same options, and
    its result is there. One that failed is tried again.

    Args:
        todo: the plan.
        runner: does the pictures.
        keep_failed: leave those alone that failed before, unless they or the options have changed since.
        progress: told about ten times a second; its facts are ``failed`` and ``rate``.

    Returns:
        What came of it.

    Raises:
        InputError: The first pictures fail alike because of what all are told, the ledger is of another edit,
            or another process is writing it.
        UnknownName: An option names something that does not exist.
        WeightsError: A network cannot be loaded.
        MissingDependency: Something needs an extra that is not installed.
        UnwritablePicture: The ledger cannot be written.
        Cancelled: It was stopped; every finished picture is recorded.
    """
    check_out(todo)
    tally = Tally(_total(todo))
    with Ledger(todo.ledger, todo.shard) as ledger:
        _check_edit(todo, ledger)
        ledger.begin(todo.told)
        watch = _Watched(tally, progress)
        command = _Command(todo)
        missing = _Missing(todo, ledger, tally, watch, keep_failed=keep_failed)
        rows = runner(todo.work, missing)
        synced = time.monotonic()
        try:
            for row in rows:
                command.check(row, tally)
                # A row that says what the last one of its name said adds nothing.
                if row.state == "done" or (old := ledger.row(row.name)) is None or old.line() != row.line():
                    ledger.add(row)
                _count(tally, row)
                watch.tell(row.name, at_once=False)
                if time.monotonic() - synced > _SYNC:
                    ledger.sync()
                    synced = time.monotonic()
        except Cancelled as stopped:
            raise Cancelled(_stopped(stopped, tally, todo)) from None
        finally:
            with contextlib.suppress(AttributeError):  # an iterator that is no generator has no close
                rows.close()  # type: ignore[attr-defined]
            ledger.sync()
            if not len(ledger):
                ledger.discard()
        tally.total = tally.past
        watch.tell("done", at_once=True)
    return tally


def check_out(todo: Plan) -> None:
    """Refuse a folder of results that cannot be one.

    Args:
        todo: the plan.

    Raises:
        UnwritablePicture: It is a file, or the folder that it shall be in is missing.
    """
    path = places.path_of(todo.work.out)
    if path is None or path.is_dir():
        return
    if path.exists():
        raise UnwritablePicture(f"{path!s:.200} is a file; give a folder for the results")
    if not path.parent.is_dir():
        raise UnwritablePicture(
            f"the folder {path.parent!s:.200} does not exist; make it first or choose another"
        )


def status_of(todo: Plan, ledger: Ledger, item: Item) -> tuple[str, Row | None]:
    """Look up what is known of an item, without reading its pictures where their stamps are unchanged.

    Args:
        todo: the plan.
        ledger: of its shard.
        item: of the plan.

    Returns:
        "done", "failed" (in the same circumstances), "changed" (its inputs or options), "lost" (its result)
        or "new"; and its row.
    """
    row = ledger.row(item.name)
    if row is None:
        return "new", None
    if item.refused:
        return "failed", row
    before = ledger.inputs(item.name, row.key)
    contents: dict[str, str] = {}
    fresh = False
    for files in item.given.values():
        for address in (files,) if isinstance(files, str) else files:
            mark = None
            try:
                mark = places.marked(address)
                old = before.get(address)
                if mark is not None and mark[1] and old is not None and (old[0], old[1]) == mark:
                    contents[address] = old[2]
                    continue
                contents[address] = places.sha256_at(address)
            except RetouchError:
                contents[address] = ""
            before[address] = (*(mark or (0, "")), contents[address])
            fresh = True
    if todo.work.key(item, contents) != row.key:
        return "changed", row
    if row.state == "failed":
        return "failed", row
    if fresh and all(stamp[1] for stamp in before.values()):
        ledger.renew(row, before)
    sizes = {item.name: row.size, **{name: size for name, (size, _) in row.companions.items()}}
    for name, size in sizes.items():
        mark = places.marked(places.joined(todo.work.out, name))
        if mark is None or mark[0] != size:
            return "lost", row
    return "done", row


class _Missing:
    """The items that are to be done, found while they are asked for."""

    def __init__(
        self, todo: Plan, ledger: Ledger, tally: Tally, watch: _Watched, *, keep_failed: bool
    ) -> None:
        self._todo = todo
        self._ledger = ledger
        self._tally = tally
        self._watch = watch
        self._keep_failed = keep_failed

    def __iter__(self) -> Iterator[Item]:
        for item in self._todo:
            status, row = status_of(self._todo, self._ledger, item)
            if status == "done":
                self._tally.there += 1
                self._watch.tell(item.name, at_once=False)
            elif status == "failed" and self._keep_failed and row is not None:
                _count(self._tally, row)
                self._watch.tell(item.name, at_once=False)
            else:
                ours = row.ours if row is not None else {}
                yield replace(item, ours=ours) if ours else item


class _Watched:
    """Tells of the progress, now and then."""

    def __init__(self, tally: Tally, progress: ProgressCallback | None) -> None:
        self._tally = tally
        self._progress = progress
        self._started = time.perf_counter()
        self._last = 0.0

    def tell(self, stage: str, *, at_once: bool) -> None:
        now = time.perf_counter()
        self._tally.seconds = now - self._started
        if self._progress is None or (now - self._last < _TELL and not at_once):
            return
        self._last = now
        tally = self._tally
        facts = {"failed": float(tally.failed), "rate": tally.rate}
        self._progress(Progress(stage, tally.past, max(tally.total, tally.past), facts=facts))


class _Command:
    """Stops a batch before ten thousand pictures fail of one mistake in what all of them are told."""

    def __init__(self, todo: Plan) -> None:
        kinds: list[type[RetouchError]] = [WeightsError, *WeightsError.__subclasses__(), MissingDependency]
        self._fatal = {kind.__name__: kind for kind in kinds}
        if any(option.kind in ("latent", "latents") for option in todo.edit.options()):
            del self._fatal[UnreadableWeights.__name__]  # a latent file that is damaged is so alone
        self._said = ""
        self._times = 0

    def check(self, row: Row, tally: Tally) -> None:
        if row.state == "done" or tally.done or tally.there:
            return
        if row.error in self._fatal:
            raise self._fatal[row.error](row.message)
        if row.error == UnknownName.__name__:
            raise InputError(row.message)
        # What pictures are refused for has classes of its own, or names them.
        if row.error == InputError.__name__:
            self._times = self._times + 1 if row.message == self._said else 1
            self._said = row.message
            if self._times >= _ALIKE:
                raise InputError(f"{row.message} (so say {self._times} pictures, and none is done)")


def _check_edit(todo: Plan, ledger: Ledger) -> None:
    """Refuse to replace the results of another edit, which are no older results of this one."""
    before = ledger.settings.get("edit")
    if len(ledger) and before not in (None, todo.edit.name) and not todo.work.overwrite:
        raise InputError(
            f"{ledger.path!s:.200} is the record of {before!s:.40}, and this batch is {todo.edit.name}; "
            "choose another folder for results, or pass --overwrite to replace them"
        )


def _count(tally: Tally, row: Row) -> None:
    if row.state == "done":
        tally.done += 1
        return
    tally.failed += 1
    if len(tally.failures) < NAMED:
        tally.failures.append(row)


def _total(todo: Plan) -> int:
    count = todo.source.count()
    return -(-count // todo.shard.of)


def _stopped(stopped: Cancelled, tally: Tally, todo: Plan) -> str:
    kept = tally.done + tally.there
    return (
        f"{stopped}; {kept:,} of about {tally.total:,} pictures are done and recorded in {todo.ledger}; "
        "the same command goes on from there"
    )
