"""``retouch data``: look through training pictures, draw, spoil or pack some, or freeze holes to fill."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlencode

from cyclopts import App, Parameter

from retouch.cli.printing import DEFAULT, OUTPUT_GROUP, Printing, Result, one_line
from retouch.cli.watch import Watch
from retouch.errors import InputError

if TYPE_CHECKING:
    from retouch.data.checking import Report
    from retouch.data.holes import Manifest

data = App(
    name="data",
    help="Check training pictures, draw, spoil or pack some, or freeze holes to fill.",
    help_format="plaintext",
)
"""The group of commands."""

SHOWN = 5
"""Names that are shown of each finding; --json has all."""


@data.command
def check(
    folder: Annotated[
        str, Parameter(help="A folder of training pictures, archives, a .csv table, or DIR1,DIR2.")
    ],
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


@data.command
def pack(
    source: Annotated[
        str,
        Parameter(
            help="A folder of training pictures, a .csv table, DIR1,DIR2, synthetic:NAME, or archives."
        ),
    ],
    /,
    *,
    out: Annotated[
        Path, Parameter(name=["--out", "-o"], group=OUTPUT_GROUP, help="Folder to write; made when missing.")
    ],
    shard_size: Annotated[
        str, Parameter(metavar="BYTES", help="About how large an archive becomes: 1GB, 500MB, 64MiB.")
    ] = "1GB",
    layout: Annotated[
        Literal["auto", "pairs", "unpaired", "singles"],
        Parameter(help="How the pictures belong together; auto finds out."),
    ] = "auto",
    printing: Printing = DEFAULT,
) -> Result:
    """Write training pictures as tar archives, which training reads as it reads the folder."""
    from retouch.data.shards.packing import pack as write

    most = _bytes(shard_size)
    with Watch("packing", bar=not (printing.json or printing.quiet)) as watch:
        made = write(source, out, layout=layout, shard_bytes=most, progress=watch)
    facts = {
        "output": str(out.absolute()),
        "source": source,
        "layout": made.layout,
        "archives": dict(made.archives),
        "samples": dict(made.samples),
        "pictures": made.pictures,
        "bytes": made.size,
    }
    listed = ", ".join(f"{count} {split}" for split, count in made.samples.items())
    number = sum(made.archives.values())
    return Result(
        facts,
        f"{one_line(str(out))}: {listed} ({made.layout}) in {number} archive{'s' if number > 1 else ''}, "
        f"{made.size:,} bytes",
    )


@data.command
def degrade(
    folder: Annotated[Path, Parameter(help="A folder of pictures.")],
    out: Annotated[Path, Parameter(help="Folder to write; made when missing.")],
    /,
    *,
    degradations: Annotated[
        str,
        Parameter(
            metavar="SPEC",
            help="With commas, one after the other: bicubic(4), area(4), lanczos(4), noise(25), "
            "noise(5..50), channel-noise(5..50), mapped-noise(5..50), poisson(30), blur(1), jpeg(40..95), "
            "8-bit; jpeg(40):0.5 happens to every second picture.",
        ),
    ],
    seed: Annotated[int, Parameter(help="Another seed gives other noise.")] = 0,
    printing: Printing = DEFAULT,
) -> Result:
    """Spoil the pictures of a folder, to look at them or to keep them as inputs."""
    from retouch.data.degradations import degrade as spoil
    from retouch.data.degradations import parse

    chain = parse(degradations)
    with Watch("spoiling", bar=not (printing.json or printing.quiet)) as watch:
        count = spoil(folder, out, degradations, seed=seed, progress=watch)
    facts = {
        "output": str(out.absolute()),
        "pictures": count,
        "degradations": chain.spec,
        "scale": chain.scale,
        "seed": seed,
    }
    return Result(facts, f"{one_line(str(out))}: {count} pictures, {chain.spec}")


@data.command
def holes(
    folder: Annotated[Path, Parameter(help="A folder of pictures.")],
    /,
    *,
    holes: Annotated[
        str,
        Parameter(
            metavar="KINDS",
            help="With commas: large, small, thin, medium, thick, box, square, polygon, strokes, text, "
            "scratches, outpaint, grid, shapes:DIR; with parameters: square(area=0.1..0.35); "
            "mix(thin:2,text) or evenly(thick,area=0.1..0.5,buckets=4) is one kind.",
        ),
    ] = "thin,medium,thick",
    out: Annotated[Path, Parameter(group=OUTPUT_GROUP, metavar="FILE", help="The .jsonl file to write.")],
    size: Annotated[
        int, Parameter(help="Side in pixels of the middle square that is used; 0: each picture whole.")
    ] = 256,
    seed: Annotated[int, Parameter(help="Another seed gives other holes.")] = 0,
    variants: Annotated[int, Parameter(help="Holes of each kind in each picture.")] = 1,
    largest: Annotated[float, Parameter(help="Part of a picture that may be missing; 1: any.")] = 0.5,
    overwrite: Annotated[
        bool, Parameter(group=OUTPUT_GROUP, negative="", show_default=False, help="Replace the file.")
    ] = False,
    printing: Printing = DEFAULT,
) -> Result:
    """Freeze holes in the pictures of a folder, to measure with the same ones again and again."""
    from retouch.data.holes import check_target, freeze, split, write_manifest

    if size < 0:
        raise InputError(f"--size is {size} but must be at least 1, or 0 for each picture's own")
    check_target(out, overwrite=overwrite)
    with Watch("drawing", bar=not (printing.json or printing.quiet)) as watch:
        made = freeze(
            folder,
            split(holes),
            size=size or None,
            seed=seed,
            variants=variants,
            largest=largest,
            progress=watch,
        )
    write_manifest(made, out, overwrite=overwrite)
    areas = _areas(made)
    pictures = len({item.picture for item in made})
    lines = [f"{out}: {len(made)} holes in {pictures} pictures"]
    lines += [f"  {one_line(kind)}: {100 * area:.1f} % missing on average" for kind, area in areas.items()]
    facts = {"output": str(out.absolute()), "pictures": pictures, "holes": len(made), "areas": areas}
    return Result(facts, "\n".join(lines))


@data.command
def verify(
    file: Annotated[Path, Parameter(help="A file that `retouch data holes` wrote.")],
    /,
    *,
    pictures: Annotated[
        Path | None, Parameter(metavar="DIR", help="Where the pictures are now, if they were moved.")
    ] = None,
    printing: Printing = DEFAULT,
) -> Result:
    """Compare pictures and holes with a frozen set; exit code 2 when they differ."""
    from retouch.data.holes import read_manifest

    frozen = read_manifest(file, folder=pictures)
    with Watch("verifying", bar=not (printing.json or printing.quiet)) as watch:
        found = frozen.verify(progress=watch)
    facts = {
        "ok": not found,
        "holes": len(frozen),
        "missing": list(found.missing),
        "changed": list(found.changed),
        "redrawn": list(found.redrawn),
    }
    lines = [f"{one_line(str(file))}: {len(frozen)} holes"]
    for what, names in (
        ("missing or unreadable pictures", found.missing),
        ("changed pictures", found.changed),
        ("holes that come out different", found.redrawn),
    ):
        lines += [f"error: {len(names)} {what}"] if names else []
        lines += [f"    {one_line(name)}" for name in names[:SHOWN]]
        lines += [f"    and {len(names) - SHOWN} more; --json lists all"] if len(names) > SHOWN else []
    return Result(
        facts, "\n".join(lines if found else [*lines, "nothing has changed"]), code=2 if found else 0
    )


_UNITS = {"": 1, "B": 1} | {
    f"{letter}{unit}": base**power
    for power, letter in enumerate("KMGT", start=1)
    for unit, base in (("", 1000), ("B", 1000), ("IB", 1024))
}


def _bytes(text: str) -> int:
    """Read a number of bytes: ``1GB``, ``64MiB``, ``1000000``."""
    found = re.fullmatch(r"\s*(\d{1,15}(?:\.\d{1,6})?)\s*([A-Za-z]{0,3})\s*", text)
    if not found or found[2].upper() not in _UNITS:
        raise InputError(f"--shard-size is {text!r} but must be a number of bytes, as 1GB, 500MB or 64MiB")
    return int(float(found[1]) * _UNITS[found[2].upper()])


def _areas(made: Manifest) -> dict[str, float]:
    """The mean part of the pictures that each kind leaves to be filled."""
    areas: dict[str, list[float]] = {}
    for item in made:
        areas.setdefault(item.kind, []).append(item.area)
    return {kind: sum(found) / len(found) for kind, found in areas.items()}


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
