"""``retouch sweep EDIT``: an edit done for every combination of some options, side by side.

There is one command per edit of the catalog, made when it is asked for. It takes what the edit's own command
takes, but nothing of it is required, as it may be varied.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Group, Parameter

from retouch import catalog
from retouch.cli.options import parameters, region
from retouch.cli.printing import DEFAULT, Printing, Result, one_line
from retouch.cli.varying import CHANGES, Varied, varied
from retouch.cli.watch import Watch
from retouch.cli.words import converter, integer
from retouch.errors import InputError

if TYPE_CHECKING:
    from retouch.sweep import Axis, Plan, Swept

FAILED = 1
"""The exit code when some cells could not be made."""

_NAMED = 5  # cells of which a note tells why they failed

SWEEP_GROUP = Group("Sweep", sort_key=0)

SUMMARY = "Do an edit for every combination of some options, and show the results side by side."

VARY = (
    "An option of the edit and its values, as NAME=VALUE,VALUE; with semicolons if a value has commas. Give "
    "it again for another option: the last runs along the columns, the one before along the rows, and each "
    "value of those before is a grid of its own. Pictures have names, too: style=a.jpg,b.jpg."
)


@Parameter(name="*", group=SWEEP_GROUP)
@dataclass(frozen=True, slots=True)
class Sweeping:
    """What is varied, and where it goes.

    Args:
        vary: see VARY.
        output: Folder of the results: index.html, grid.png, table.tsv, table.json and cells.
        jobs: Cells made at the same time, each by a process of its own; left out: one per core.
        many: Allow more than 400 cells.
        overwrite: Make every cell again; write into a folder that holds other files as well.
    """

    output: Annotated[Path, Parameter(name=["--output", "-o"], metavar="DIR")]
    vary: Annotated[
        tuple[str, ...], Parameter(negative="", metavar="NAME=VALUES", help=VARY, show_default=False)
    ] = ()
    jobs: Annotated[
        int | None, Parameter(metavar="N", n_tokens=1, converter=converter(integer), show_default=False)
    ] = None
    many: Annotated[bool, Parameter(negative="", show_default=False)] = False
    overwrite: Annotated[bool, Parameter(negative="", show_default=False)] = False


def __getattr__(name: str) -> object:
    if name == "sweep":
        return _commands()
    for edit in catalog.EDITS:
        if edit.name == name:
            return command(edit)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def command(edit: catalog.Edit) -> Callable[..., Result]:
    """Make the command that sweeps an edit.

    Args:
        edit: an entry of the catalog.

    Returns:
        A function whose signature is what the parser reads, and which does the sweep.
    """
    own = [item for option in edit.options() for item in parameters(option)]
    needed = [item for item in own if item.kind is inspect.Parameter.POSITIONAL_ONLY]

    def perform(*pictures: Path, sweeping: Sweeping, printing: Printing, **values: Any) -> Result:
        return _perform(edit, own, pictures, values, sweeping, printing)

    signature = inspect.Signature([_pictures(needed), *_optional(edit, own), *_common()])
    perform.__signature__ = signature  # type: ignore[attr-defined]
    perform.__annotations__ = {name: item.annotation for name, item in signature.parameters.items()}
    perform.__name__ = edit.name
    perform.__doc__ = f"{SUMMARY}\n\nThe edit, {edit.name}: {edit.summary}"
    return perform


def _commands() -> App:
    app = App(name="sweep", help=f"{SUMMARY} `retouch sweep EDIT --help` lists an edit's options.")
    app.help_format = "plaintext"
    for position, edit in enumerate(catalog.EDITS):
        app.command(
            f"retouch.cli.sweep:{edit.name}",
            name=edit.name.replace("_", "-"),
            help=edit.summary,
            group="Edits",
            sort_key=position,
        )
    return app


def _pictures(needed: Sequence[inspect.Parameter]) -> inspect.Parameter:
    names = ", ".join(item.name for item in needed) or "none"
    shown = Parameter(name="PICTURES", help=f"What is not varied of: {names}; a mask may follow.")
    return inspect.Parameter("pictures", inspect.Parameter.VAR_POSITIONAL, annotation=Annotated[Path, shown])


def _optional(edit: catalog.Edit, own: Sequence[inspect.Parameter]) -> list[inspect.Parameter]:
    """The edit's options, none of them required."""
    taken = {field.name for group in (Sweeping, Printing) for field in fields(group)}
    made = []
    for item in own:
        if item.kind is inspect.Parameter.POSITIONAL_ONLY:
            continue
        if item.name in taken:
            raise TypeError(
                f"{edit.name}({item.name}): a sweep has --{item.name} already; rename the parameter"
            )
        annotation, default = item.annotation, item.default
        if default is inspect.Parameter.empty:
            annotation, default = annotation | None, None
        made.append(item.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default))
    return made


def _common() -> list[inspect.Parameter]:
    only = inspect.Parameter.KEYWORD_ONLY
    return [
        inspect.Parameter("sweeping", only, annotation=Sweeping),
        inspect.Parameter("printing", only, annotation=Printing, default=DEFAULT),
    ]


def _perform(
    edit: catalog.Edit,
    own: Sequence[inspect.Parameter],
    placed: tuple[Path, ...],
    values: dict[str, Any],
    sweeping: Sweeping,
    printing: Printing,
) -> Result:
    from retouch.sweep import run

    todo = _plan(edit, own, placed, values, sweeping)
    with Watch(f"{edit.name}, {len(todo.cells)} cells", bar=not printing.quiet) as watch:
        swept = run(todo, sweeping.output, jobs=sweeping.jobs, overwrite=sweeping.overwrite, progress=watch)
    return _result(swept)


def _plan(
    edit: catalog.Edit,
    own: Sequence[inspect.Parameter],
    placed: tuple[Path, ...],
    values: dict[str, Any],
    sweeping: Sweeping,
) -> Plan:
    """Read what is varied, and find out what is to be done."""
    from retouch.sweep.plan import planned

    found = [varied(edit, own, text) for text in sweeping.vary]
    names = [one.parameter for one in found]
    pictures = [option.name for option in edit.options() if option.placed]
    free = [name for name in pictures if name not in names]
    masked = any(option.kind == "mask" and option.name == "mask" for option in edit.options())
    if masked and len(placed) == len(free) + 1 and values["mask"] is None:
        *first, values["mask"] = placed
        placed = tuple(first)
    defaults = {item.name: item.default for item in own if item.name in values}
    for name in names:
        if name in values and values[name] != _nothing(defaults[name]):
            raise InputError(f"--{name.replace('_', '-')} is varied and given as well; leave one of them out")
    drawing = [name for name in names if masked and name in CHANGES]
    if len(drawing) > 1:
        raise InputError(f"{' and '.join(drawing)} both make the region; vary one of them in a sweep")
    axes = [_axis(edit, one, values, masked=masked) for one in found]
    if masked:
        needed = any(option.name == "mask" and option.required for option in edit.options())
        shape = None if drawing else region(values, required=needed)
        values = {name: value for name, value in values.items() if name not in CHANGES}
        if shape is not None:
            values["mask"] = shape
    options = {
        name: value for name, value in values.items() if name == "mask" or value != _nothing(defaults[name])
    }
    return planned(edit, axes, pictures=placed, options=options, many=sweeping.many)


def _axis(edit: catalog.Edit, one: Varied, values: dict[str, Any], *, masked: bool) -> Axis:
    """Make an axis of what is varied; what draws the region varies the region."""
    from retouch.sweep.axes import axis_of

    if not (masked and one.parameter in CHANGES):
        return axis_of(edit, one.parameter, one.values)
    regions = [region({**values, one.parameter: value}, required=True) for value in one.values]
    return axis_of(edit, "mask", regions, called=one.parameter.replace("_", "-"), labels=one.words)


def _nothing(default: object) -> object:
    """What a parsed option is when it was not given."""
    return None if default is inspect.Parameter.empty else default


def _result(swept: Swept) -> Result:
    total, failed = len(swept.outcomes), swept.failed
    there = total - swept.made - len(failed)
    facts = {
        "output": str(swept.page.absolute()),
        "grids": [str(path.absolute()) for path in swept.grids],
        "cells": total,
        "made": swept.made,
        "there_already": there,
        "failed": [
            {"cell": cell.title, "error": outcome.error, "message": outcome.message}
            for cell, outcome in failed
        ],
        "seconds": round(swept.seconds, 4),
    }
    counted = [f"{total} cells", *([f"{there} of them there already"] if there else [])]
    lines = [f"{one_line(str(swept.page))} ({', '.join(counted)}, {swept.seconds:.2f} s)"]
    lines += [one_line(str(path)) for path in swept.grids]
    lines += [
        f"note: {one_line(cell.title)} failed: {one_line(outcome.message)}"
        for cell, outcome in failed[:_NAMED]
    ]
    if len(failed) > _NAMED:
        lines.append(f"note: {len(failed) - _NAMED} more failed; the page says why")
    return Result(facts, "\n".join(lines), FAILED if failed else 0)
