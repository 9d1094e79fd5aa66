"""A sweep carried out: cells that are not there yet are made, and all of them shown."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from retouch.errors import Cancelled, InputError, UnwritablePicture
from retouch.processes import cores
from retouch.progress import Progress, ProgressCallback
from retouch.sweep.ledger import Ledger, Outcome
from retouch.sweep.plan import Cell, Plan, plan
from retouch.sweep.workers import Workers

_STEPS = 1000  # of progress for each cell


@dataclass(frozen=True, slots=True)
class Swept:
    """A finished sweep.

    Args:
        plan: what it was.
        folder: where everything lies.
        outcomes: what came of each cell of the plan, in its order.
        made: how many cells were made now; the others were there already or failed.
        seconds: what making them took.
        grids: the captioned pictures.
    """

    plan: Plan
    folder: Path
    outcomes: tuple[Outcome, ...]
    made: int
    seconds: float
    grids: tuple[Path, ...] = ()

    @property
    def failed(self) -> tuple[tuple[Cell, Outcome], ...]:
        """The cells that could not be made."""
        pairs = zip(self.plan.cells, self.outcomes, strict=True)
        return tuple((cell, outcome) for cell, outcome in pairs if outcome.error)

    @property
    def page(self) -> Path:
        """The page that shows everything."""
        from retouch.sweep.page import PAGE

        return self.folder / PAGE


def sweep(
    edit: str,
    pictures: Sequence[str | Path] = (),
    *,
    vary: Mapping[str, Sequence[object]],
    options: Mapping[str, object] | None = None,
    out: str | Path,
    jobs: int | None = None,
    many: bool = False,
    overwrite: bool = False,
    progress: ProgressCallback | None = None,
) -> Swept:
    """Do an edit for every combination of some values, and write the results side by side.

    The folder gets ``index.html`` (a page that needs nothing else), ``grid.png`` (one captioned picture, or
    ``grid-1.png`` … when more than two options are varied), ``table.tsv`` and ``table.json`` (what the edit
    reported and how long it took), and ``cells/`` with every result. A cell that is there already, with the
    same arguments, contents of files and version of retouch, is not made again.

    Args:
        edit: the name of an edit of the catalog.
        pictures: the files that the edit needs and that are not varied, in the order of the verb.
        vary: option → its values. The last one runs along the columns, the one before along the rows, and
            each combination of those before makes a grid of its own. Pictures and masks are options too.
        options: what else all cells are told.
        out: the folder; made when it is not there.
        jobs: how many cells are made at the same time, each in a process of its own; None: one per core.
        many: allow more than 400 cells.
        overwrite: make every cell again, and write into a folder that holds other files as well.
        progress: told after each step.

    Returns:
        What came of it; a cell that failed does not stop the others.

    Raises:
        UnknownName: There is no such edit, option or choice.
        InputError: An option is missing, given twice or of the wrong kind, or there are too many cells.
        UnreadablePicture: A file is missing.
        OutputExists: The folder holds something else.
        UnwritablePicture: The folder cannot be written.
        Cancelled: It was stopped; the finished cells are kept.
    """
    todo = plan(edit, pictures, vary=vary, options=options, many=many)
    return run(todo, Path(out), jobs=jobs, overwrite=overwrite, progress=progress)


def run(
    todo: Plan,
    out: Path,
    *,
    jobs: int | None = None,
    overwrite: bool = False,
    progress: ProgressCallback | None = None,
) -> Swept:
    """Carry out a plan; see :func:`sweep`.

    Args:
        todo: the plan.
        out: see :func:`sweep`.
        jobs: likewise.
        overwrite: likewise.
        progress: likewise.
    """
    if jobs is not None and jobs < 1:
        raise InputError(f"a sweep needs at least one job at a time, got {jobs}; leave out --jobs")
    started = time.perf_counter()
    ledger = _begun(todo, out, overwrite=overwrite)
    done = ledger.finished()
    lacking = {cell.key: cell for cell in todo.cells if cell.key not in done}

    def record(outcome: Outcome) -> None:
        ledger.add(outcome)
        done[outcome.key] = outcome

    try:
        _make(todo, list(lacking.values()), out, jobs or cores(), record, progress)
    except Cancelled as stopped:
        kept = sum(not done[cell.key].error for cell in todo.cells if cell.key in done)
        raise Cancelled(
            f"{stopped}; {kept} of {len(todo.cells)} cells are kept in {out}; "
            "the same command goes on from there"
        ) from None
    outcomes = tuple(done[cell.key] for cell in todo.cells)
    made = sum(not done[key].error for key in lacking)
    return _shown(Swept(todo, out, outcomes, made, time.perf_counter() - started))


def _begun(todo: Plan, out: Path, *, overwrite: bool) -> Ledger:
    """Make the folder, and say which record it holds."""
    ledger = Ledger(out, todo.edit.name)
    try:
        if out.exists() and not out.is_dir():
            raise UnwritablePicture(f"{out} is a file; give a folder for the results")
        if not out.absolute().parent.is_dir():
            raise UnwritablePicture(
                f"the folder {out.parent} does not exist; make it first or choose another"
            )
        ledger.check(overwrite=overwrite)
        (out / "cells").mkdir(parents=True, exist_ok=True)
        ledger.begin(anew=overwrite)
    except OSError as error:
        if isinstance(error, UnwritablePicture):
            raise
        raise UnwritablePicture(
            f"{out!s:.200} cannot be written ({error.strerror}); choose another folder"
        ) from None
    return ledger


def _make(
    todo: Plan,
    cells: Sequence[Cell],
    out: Path,
    count: int,
    record: Callable[[Outcome], None],
    progress: ProgressCallback | None,
) -> None:
    """Have cells made by processes, and record each as soon as it is done."""
    arguments = [dict(cell.arguments) for cell in cells]
    jobs = [
        {"edit": todo.edit.name, "arguments": told, "file": str((out / cell.file).absolute())}
        for told, cell in zip(arguments, cells, strict=True)
    ]
    reached = [0.0] * len(cells)
    try:
        with Workers(jobs, min(count, max(len(jobs), 1))) as workers:
            for number, said in workers:
                cell, stage = cells[number], "done"
                if "fraction" in said:
                    reached[number], stage = min(float(said["fraction"]), 1.0), str(said["stage"])
                else:
                    reached[number] = 1.0
                    record(_outcome(cell, said))
                if progress is not None:
                    stage = f"{cell.title}: {stage}"
                    progress(Progress(stage, int(sum(reached) * _STEPS), len(cells) * _STEPS))
    finally:
        # A process that was ended while it wrote leaves its draft.
        for draft in (out / "cells").glob(".retouch-*.tmp"):
            with contextlib.suppress(OSError):
                draft.unlink()


def _outcome(cell: Cell, said: Mapping[str, Any]) -> Outcome:
    if "error" in said:
        return Outcome(cell.key, error=str(said["error"]), message=str(said["message"]))
    return Outcome(cell.key, file=cell.file, **said)


def _shown(swept: Swept) -> Swept:
    """Write everything that shows the sweep."""
    from retouch.sweep.grid import write_grids
    from retouch.sweep.page import write_page
    from retouch.sweep.tables import write_tables

    swept = replace(swept, grids=write_grids(swept))
    write_tables(swept)
    write_page(swept)
    return swept
