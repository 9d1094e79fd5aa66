"""``retouch train --processes N``: several processes, started again when one of them dies."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from retouch.cli.printing import Printing, one_line, show_error
from retouch.cli.train import said
from retouch.errors import InputError

if TYPE_CHECKING:
    from retouch.cli.train import Plan, Wish

PROGRAM = ("-m", "retouch.cli")
"""What the processes run, after ``python``."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What a command line says about processes.

    Args:
        processes: on this machine.
        machines: how many there are.
        machine: this one's number.
        master: address and port of the first one.
        relaunches: how often without progress.
    """

    processes: int
    machines: int
    machine: int
    master: str
    relaunches: int


def launch(wish: Wish, plan: Plan, wanted: Launch, printing: Printing) -> None:
    """Train in several processes, which print what the run comes to.

    Args:
        wish: what the command line asks for.
        plan: the same, found to make sense.
        wanted: the processes.
        printing: how to report.

    Raises:
        InputError: the numbers make no sense, or a folder is missing.
        TrainingError: the run cannot start.
        Cancelled: it was stopped, after a checkpoint.
        SystemExit: it ended with an error, which has been shown.
    """
    from retouch.training import launch as launcher
    from retouch.training.files import check_free

    if plan.out is None:
        raise InputError("--out is missing; name the folder of the run, or add --dry-run to see the plan")
    place = launcher.Place(wanted.processes, wanted.machines, wanted.machine, wanted.master)
    if plan.changes is None and place.leads:
        check_free(Path(plan.out))
    speaks = not (printing.quiet or printing.json)

    def tell(message: str) -> None:
        if speaks:
            print(f"retouch: {one_line(message)}", file=sys.stderr, flush=True)

    asked = {"--json": printing.json, "--quiet": printing.quiet, "--debug": printing.debug}
    words = ["train", *said(wish), *(name for name, given in asked.items() if given)]
    try:
        launcher.supervise(
            [*PROGRAM, *words],
            Path(plan.out),
            place,
            relaunches=wanted.relaunches,
            output=(sys.stdout, sys.stderr),
            tell=tell,
        )
    except launcher.Refused as error:
        # In the process's own words, whatever kind of error they are about.
        show_error(error.words.name or "TrainingError", str(error), printing)
        raise SystemExit(error.words.code if error.words.code > 0 else 1) from error
