"""What a batch would do, how large and how long, without doing any of it."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from retouch.batch import places
from retouch.batch.item import Item
from retouch.batch.ledger import Ledger
from retouch.batch.plan import Plan
from retouch.batch.run import check_out, status_of
from retouch.errors import RetouchError
from retouch.progress import Progress, ProgressCallback

_WEIGHED = 1000  # pictures whose size is looked up; of more, every so many
_LATEST = 200  # rows of the log that tell how long a picture takes
_TELL = 1000  # pictures between two events


@dataclass(slots=True)
class Survey:
    """What a batch would do.

    Args:
        pictures: in this shard.
        todo: that would be done.
        done: whose results are there already.
        changed: that were done, but whose inputs or options have changed since; among ``todo``.
        lost: that were done, but whose results are gone or have another size; among ``todo``.
        failed: that failed before; among ``todo``, unless these are kept.
        refused: that cannot be done; among ``todo``, too: the ledger will say why.
        wrong: why the first of them cannot.
        bytes_in: of the pictures to be done; nearly, of more than a thousand.
        bytes_out: of their results, going by the sample; None when nothing was measured.
        seconds: that the edit takes for one, by a single process; None when nothing was measured.
        measured: how that is known.
        first: names of the first that would be done.
    """

    pictures: int = 0
    todo: int = 0
    done: int = 0
    changed: int = 0
    lost: int = 0
    failed: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)
    bytes_in: int = 0
    bytes_out: int | None = None
    seconds: float | None = None
    measured: str = ""
    first: list[str] = field(default_factory=list)


def survey(
    todo: Plan, *, keep_failed: bool = False, sample: int = 3, progress: ProgressCallback | None = None
) -> Survey:
    """Find out what a batch would do; nothing is written.

    Args:
        todo: the plan.
        keep_failed: as for :func:`retouch.batch.run.run`.
        sample: pictures that are edited to see how long one takes, if no earlier run tells; their results are
            thrown away.
        progress: told now and then.

    Returns:
        What was found.

    Raises:
        UnwritablePicture: The folder of results cannot be one.
        Cancelled: It was stopped.
    """
    check_out(todo)
    found = Survey()
    samples: list[Item] = []
    weight, weighed = 0, 0
    with Ledger(todo.ledger, todo.shard, writing=False) as ledger:
        for item in todo:
            status, _ = status_of(todo, ledger, item)
            found.pictures += 1
            if progress is not None and found.pictures % _TELL == 1:
                progress(Progress("looking at the pictures", found.pictures))
            if status == "done":
                found.done += 1
                continue
            _note(found, status, item)
            if status == "failed" and keep_failed:
                continue
            found.todo += 1
            if item.refused:
                continue
            if len(found.first) < 5:
                found.first.append(item.name)
            if len(samples) < sample:
                samples.append(item)
            if found.todo <= _WEIGHED or found.todo % (found.todo // _WEIGHED) == 0:
                weight += _weight(item)
                weighed += 1
        found.bytes_in = round(weight * found.todo / weighed) if weighed else 0
        past = ledger.seconds(_LATEST) if ledger.settings.get("settings") == todo.work.settings else []
    if past:
        found.seconds = statistics.median(past)
        found.measured = f"the last {len(past)} pictures of the log"
    elif samples:
        _measure(todo, samples, found, progress)
    return found


def _note(found: Survey, status: str, item: Item) -> None:
    found.changed += status == "changed"
    found.lost += status == "lost"
    found.failed += status == "failed" and not item.refused
    if item.refused:
        found.refused += 1
        if len(found.wrong) < 5:
            found.wrong.append(item.refused)


def _weight(item: Item) -> int:
    """The bytes that go in."""
    addresses = itertools.chain.from_iterable(
        (files,) if isinstance(files, str) else files for files in item.given.values()
    )
    return sum((places.marked(address) or (0, ""))[0] for address in addresses)


def _measure(todo: Plan, samples: Iterable[Item], found: Survey, progress: ProgressCallback | None) -> None:
    """Edit some pictures for nothing; the first loads libraries and networks and is done twice."""
    samples = list(samples)
    seconds: list[float] = []
    sizes: list[int] = []

    def once(item: Item) -> None:
        begun = time.perf_counter()
        try:
            made, _ = todo.work.edited(item)
            files = todo.work.files_of(item, made)
        except RetouchError as error:
            why = f"{item.name}: {error}"
            if len(found.wrong) < 5 and why not in found.wrong:
                found.wrong.append(why)
            return
        seconds.append(time.perf_counter() - begun)
        sizes.append(sum(map(len, files.values())))

    def told(number: int) -> None:
        if progress is not None:
            progress(Progress("editing a sample", number, len(samples)))

    todo.work.prepare()
    told(0)
    once(samples[0])
    seconds.clear()
    sizes.clear()
    for number, item in enumerate(samples, 1):
        once(item)
        told(number)
    if seconds:
        found.seconds = statistics.median(seconds)
        found.bytes_out = round(statistics.mean(sizes) * found.todo)
        found.measured = f"{len(seconds)} pictures edited for nothing"
