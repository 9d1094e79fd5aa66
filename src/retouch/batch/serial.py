"""The runner of one process: this one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from retouch.batch.item import Item, Row
from retouch.batch.work import Work


def serial(work: Work, items: Iterable[Item]) -> Iterator[Row]:
    """Do items one after the other.

    Args:
        work: what is done to each.
        items: taken one at a time.

    Yields:
        A row for each item, in their order.
    """
    for item in items:
        yield work(item)
