"""Data sets: files in, batches out.

Open a source with :func:`pairs`, :func:`unpaired` or :func:`singles`, then make batches of it with
:func:`stream` (training) or :func:`ordered` (validation). Everything random is a pure function of
a seed, so the same seed gives the same batches on any number of threads or processes.
"""

from __future__ import annotations

from retouch.data.batches import Stream, ordered, stream
from retouch.data.checking import check
from retouch.data.drawn import Drawn
from retouch.data.examples import Examples
from retouch.data.sources import pairs, singles, splits, unpaired

__all__ = [
    "Drawn",
    "Examples",
    "Stream",
    "check",
    "ordered",
    "pairs",
    "singles",
    "splits",
    "stream",
    "unpaired",
]
