"""``retouch data``: look through a folder of training pictures, or draw one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlencode

from cyclopts import App, Parameter

from retouch.cli.printing import DEFAULT, OUTPUT_GROUP, Printing, Result, one_line
from retouch.cli.watch import Watch
from retouch.errors import InputError

if TYPE_CHECKING:
    from retouch.data.checking import Report

data = App(name="data", help="Check training pictures, or draw some.", help_format="plaintext")
"""The group of commands."""

SHOWN = 5
"""Names that are shown of each finding; --json has all."""


@data.command
def check(
    folder: Annotated[str, Parameter(help="A folder of training pictures, a .csv table, or DIR1,DIR2.")],
    /,
    *,
    layout: Annotated[
        Literal["auto", "pairs", "unpaired", "singles"],
        Parameter(help="How the pictures belong together; auto finds out."),
    ] = "auto",
    workers: Annotated[int, Parameter(help="Threads that open pictures.")] = 2,
    printing: Printing = DEFAULT,
) -> Result:
    """Open every picture of a data set and say what is wrong; exit code 2 when there are errors."""
    from retouch.data import check as look_through

    if workers < 1:
        raise InputError(f"--workers is {workers} but must be at least 1")
    with Watch("checking", bar=not (printing.json or printing.quiet)) as watch:
        report = look_through(folder, layout=layout, workers=workers, progress=watch)
    facts = {
        "ok": report.errors == 0,
        "source": report.source,
        "layout": report.layout,
        "belonging": report.belonging,
        "splits": {
            item.split: {"count": item.count, "sizes": item.sizes, "kinds": item.kinds}
            for item in report.splits
        },
        "findings": [
            {"level": item.level, "kind": item.kind, "message": item.message, "names": list(item.names)}
            for item in report.findings
        ],
    }
    return Result(facts, "\n".join(_table(report)), code=2 if report.errors else 0)


@data.command
def make(
    source: Annotated[str, Parameter(help="synthetic:facades (pairs) or synthetic:seasons (unpaired).")],
    /,
    *,
    out: Annotated[Path, Parameter(group=OUTPUT_GROUP, help="Folder to write; made when missing.")],
    count: Annotated[int | None, Parameter(help="Training pictures; a tenth as many validate.")] = None,
    size: Annotated[int | None, Parameter(help="Height and width in pixels.")] = None,
    seed: Annotated[int | None, Parameter(help="Another seed gives other pictures.")] = None,
    printing: Printing = DEFAULT,
) -> Result:
    """Draw a synthetic data set into a folder."""
    from retouch.data.make import make as write

    asked = {"count": count, "size": size, "seed": seed}
    options = urlencode({name: value for name, value in asked.items() if value is not None})
    whole = source + (("&" if "?" in source else "?") + options if options else "")
    with Watch("drawing", bar=not (printing.json or printing.quiet)) as watch:
        counts = write(whole, out, progress=watch)
    listed = ", ".join(f"{number} {split}" for split, number in counts.items())
    return Result({"output": str(out.absolute()), "source": whole, "counts": counts}, f"{out}: {listed}")


def _table(report: Report) -> list[str]:
    lines = [f"{one_line(report.source)}: {report.layout}, read as {report.belonging}"]
    rows = [("split", "count", "sizes", "kinds")]
    rows += [(item.split, str(item.count), _some(item.sizes), _some(item.kinds)) for item in report.splits]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines += [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    for item in report.findings:
        lines.append(f"{item.level}: {item.kind}: {one_line(item.message)}")
        lines += [f"    {one_line(name)}" for name in item.names[:SHOWN]]
        if len(item.names) > SHOWN:
            lines.append(f"    and {len(item.names) - SHOWN} more; --json lists all")
    warnings = len(report.findings) - report.errors
    lines.append(f"{report.errors} errors, {warnings} warnings" if report.findings else "nothing is wrong")
    return lines


def _some(counts: dict[str, int]) -> str:
    """The most frequent three, with how often when there are several."""
    if len(counts) == 1:
        return next(iter(counts))
    listed = ", ".join(f"{name} ({count})" for name, count in list(counts.items())[:3])
    return listed + (f" and {len(counts) - 3} more" if len(counts) > 3 else "")
