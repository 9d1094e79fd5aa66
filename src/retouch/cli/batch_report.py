"""What ``retouch batch`` says: while it runs, of its plan, and in the end."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from retouch.cli.printing import Result, one_line
from retouch.cli.watch import Watch
from retouch.progress import Progress

if TYPE_CHECKING:
    from retouch.batch import Item, Plan, Row, Survey, Tally, Work
    from retouch.batch.run import Runner

FAILED = 1
"""The exit code when some pictures could not be done."""

_EVERY = 30.0  # seconds between two lines where there is no terminal


class Ticker:
    """Says now and then how far a batch is, where no bar can be shown.

    Args:
        watch: shows the bar, and hears Ctrl-C.
        quiet: say nothing.
        every: seconds between two lines.
    """

    def __init__(self, watch: Watch, *, quiet: bool, every: float = _EVERY) -> None:
        self._watch = watch
        self._silent = quiet or sys.stderr.isatty()
        self._every = every
        self._last = time.monotonic()
        self._first: float | None = None
        self._tried = 0

    def timing(self, runner: Runner) -> Runner:
        """Have a runner that tells how fast pictures are done; those that need not be done do not count.

        Args:
            runner: any.
        """

        def timed(work: Work, items: Iterable[Item]) -> Iterator[Row]:
            rows = runner(work, self._begun(items))
            try:
                for row in rows:
                    self._tried += 1
                    yield row
            finally:
                with contextlib.suppress(AttributeError):  # an iterator that is no generator has no close
                    rows.close()  # type: ignore[attr-defined]

        return timed

    def _begun(self, items: Iterable[Item]) -> Iterator[Item]:
        for item in items:
            if self._first is None:
                self._first = time.monotonic()
            yield item

    def __call__(self, event: Progress) -> None:
        """Pass an event on, and print a line if the last is long ago.

        Args:
            event: what the batch reports.
        """
        now = time.monotonic()
        # No total: a bar that has one takes the pictures that are passed over for its pace.
        rate = self._tried / max(now - self._first, 1e-9) if self._first is not None else 0.0
        shown = event if rate else replace(event, total=None)
        if not self._silent and now - self._last >= self._every:
            self._last = now
            print(said(event, rate), file=sys.stderr, flush=True)
        self._watch(shown)


def said(event: Progress, rate: float) -> str:
    """Put a batch's progress into a line.

    >>> said(Progress("cat.png", 50, 200, facts={"failed": 1.0}), 2)
    '50 of 200 pictures, 1 failed, 2/s, 1 min 15 s left'

    Args:
        event: what it reports.
        rate: pictures that are tried in a second; 0 while none was.
    """
    parts = [f"{event.done:,} of {event.total:,} pictures" if event.total else f"{event.done:,} pictures"]
    if event.facts.get("failed"):
        parts.append(f"{event.facts['failed']:,.0f} failed")
    if rate:
        parts.append(f"{rate:.3g}/s")
    if event.total and rate:
        parts.append(f"{duration((event.total - event.done) / rate)} left")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """Put a length of time into its two largest units.

    >>> duration(5000), duration(0.25)
    ('1 h 23 min', '0.25 s')

    Args:
        seconds: not negative.
    """
    if seconds < 60:
        return f"{seconds:.3g} s"
    units = {"d": 86400, "h": 3600, "min": 60, "s": 1}
    left, parts = round(seconds), list[str]()
    for name, size in units.items():
        if left >= size or parts:
            parts.append(f"{left // size} {name}")
            left %= size
    return " ".join(parts[:2])


def result(todo: Plan, tally: Tally) -> Result:
    """Say what came of a batch.

    Args:
        todo: its plan.
        tally: what came of it.
    """
    from retouch.batch.ledger import path_of

    ledger = path_of(todo.ledger, todo.shard)
    facts = {
        "output": todo.work.out,
        "ledger": str(ledger),
        "shard": f"{todo.shard.number}/{todo.shard.of}",
        "pictures": tally.past,
        "done": tally.done,
        "there_already": tally.there,
        "failed": tally.failed,
        "failures": [
            {"name": row.name, "error": row.error, "message": row.message} for row in tally.failures
        ],
        "seconds": round(tally.seconds, 4),
    }
    rate = f", {tally.rate:.3g}/s" if tally.done else ""
    lines = [f"{one_line(todo.work.out)} ({_counted(tally.done)}, {duration(tally.seconds)}{rate})"]
    if tally.there:
        lines.append(f"note: {_counted(tally.there)} done before, by the ledger")
    lines += _failures(row.name + ": " + row.message for row in tally.failures)
    if tally.failed:
        lines.append(
            f"note: {tally.failed:,} of {tally.past:,} could not be done; the ledger says why: "
            f"{one_line(str(ledger))}"
        )
    return Result(facts, "\n".join(lines), FAILED if tally.failed else 0)


def planned(todo: Plan, found: Survey, workers: int | None) -> Result:
    """Say what a batch would do.

    Args:
        todo: its plan.
        found: what it would do.
        workers: processes that were asked for.
    """
    from retouch.processes import cores

    workers = cores() if workers is None else workers
    total = None if found.seconds is None else found.seconds * found.todo / max(workers, 1)
    facts = {
        "output": todo.work.out,
        "ledger": str(todo.ledger),
        "shard": f"{todo.shard.number}/{todo.shard.of}",
        "pictures": found.pictures,
        "todo": found.todo,
        "done": found.done,
        "changed": found.changed,
        "lost": found.lost,
        "failed_before": found.failed,
        "refused": found.refused,
        "why": found.wrong,
        "bytes_in": found.bytes_in,
        "bytes_out": found.bytes_out,
        "seconds_each": found.seconds,
        "workers": workers,
        "seconds": total,
        "first": found.first,
    }
    lines = [
        f"{todo.work.edit}, {_counted(found.pictures)} → {one_line(todo.work.out)}",
        f"to do: {found.todo:,}, {_size(found.bytes_in)} to read"
        + ("" if found.bytes_out is None else f", about {_size(found.bytes_out)} to write"),
        f"done already: {found.done:,}",
    ]
    others = {
        "changed since they were done": found.changed,
        "whose results are gone": found.lost,
        "that failed before": found.failed,
        "that cannot be done": found.refused,
    }
    lines += [f"  of them {count:,} {what}" for what, count in others.items() if count]
    lines += _failures(found.wrong)
    if total is not None and found.seconds is not None:
        lines.append(
            f"time: about {duration(total)} ({found.seconds:.3g} s each, {found.measured}, workers {workers})"
        )
    if found.first:
        lines.append(f"first: {', '.join(map(one_line, found.first))}")
    return Result(facts, "\n".join(lines))


def _failures(said: Iterable[str]) -> Sequence[str]:
    return [f"note: {one_line(text)}" for text in said]


def _counted(count: int) -> str:
    return f"{count:,} picture{'' if count == 1 else 's'}"


def _size(count: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} bytes"
