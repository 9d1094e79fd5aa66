"""One edit over many images: a plan, runners of one contract, and a ledger that says what came of each."""

from __future__ import annotations

from retouch.batch.item import Item, Row
from retouch.batch.plan import Plan, Saving, plan
from retouch.batch.processes import processes
from retouch.batch.run import Tally, run
from retouch.batch.serial import serial
from retouch.batch.shard import Shard
from retouch.batch.survey import Survey, survey
from retouch.batch.work import Work

__all__ = [
    "Item",
    "Plan",
    "Row",
    "Saving",
    "Shard",
    "Survey",
    "Tally",
    "Work",
    "plan",
    "processes",
    "run",
    "serial",
    "survey",
]
