"""``retouch batch EDIT``: an edit done to each of many pictures, with a record of what came of each.

There is one command per edit of the catalog, made when it is asked for. It takes what the edit's own command
takes; its pictures come from a source, and the files that belong to each by a pattern or a column.
"""

from __future__ import annotations

import inspect
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from cyclopts import App, Group, Parameter
from cyclopts.validators import Number

from retouch import catalog
from retouch.cli.batch_report import Ticker, planned, result
from retouch.cli.options import CHANGES, OPTION_GROUP, SHAPES, parameters
from retouch.cli.printing import DEFAULT, Printing, Result
from retouch.cli.watch import Watch
from retouch.cli.words import colour, converter, integer
from retouch.errors import Cancelled, InputError

if TYPE_CHECKING:
    from retouch.batch import Item, Plan, Row, Work
    from retouch.batch.run import Runner

SUMMARY = "Do an edit to each picture of a manifest, a folder or a pattern, and record what came of each."

BATCH_GROUP = Group("Batch", sort_key=0)

PATTERN = "A file for all, or a pattern: 'masks/{stem}.png' ({name}, {folder}, {suffix})."

_WHOLE = {"metavar": "N", "n_tokens": 1, "converter": converter(integer), "show_default": False}


@Parameter(name="*", group=BATCH_GROUP)
@dataclass(frozen=True, slots=True)
class Batching:
    """Which pictures, where they go, and who does them.

    Args:
        source: Manifest (.csv, .tsv, .jsonl, .txt), folder, 'pattern/**/*.jpg', or s3://… of one.
        out: Folder of the results, or an address that fsspec knows; results keep the names of their pictures.
        plan: Only say what would be done, how large it is and how long it takes.
        shard: Do one part of N: I/N with I from 1; auto asks Slurm, auto/N Kubernetes.
        workers: Processes on this machine; left out: one per core; 0: none but this one.
        ray: Let a Ray cluster do it: its address (host:6379, auto, ray://host:10001), or local.
        suffix: Ending of all results, such as .png; left out: as the pictures.
        keep_failed: Leave pictures alone that failed before, unless they or the options have changed.
        overwrite: Replace results that no batch wrote.
        ledger: Folder of the records, instead of that of the results.
        quality: 1 to 100, for JPEG, WebP and AVIF.
        lossless: Keep every sample exactly, or not, in a WebP.
        bit_depth: Bits per sample, instead of the photo's own.
        matte: Colour R,G,B, each 0 to 1, to lay under transparent pixels: 1,1,1 is white.
    """

    source: Annotated[str, Parameter(name="--in", metavar="SOURCE")]
    out: Annotated[str, Parameter(name=["--out", "--output", "-o"], metavar="DIR")]
    plan: Annotated[bool, Parameter(negative="", show_default=False)] = False
    shard: Annotated[str | None, Parameter(metavar="I/N", show_default=False)] = None
    workers: Annotated[int | None, Parameter(validator=Number(gte=0, lte=1024), **_WHOLE)] = None
    ray: Annotated[str | None, Parameter(metavar="ADDRESS", show_default=False)] = None
    suffix: Annotated[str | None, Parameter(metavar=".EXT", show_default=False)] = None
    keep_failed: Annotated[bool, Parameter(negative="", show_default=False)] = False
    overwrite: Annotated[bool, Parameter(negative="", show_default=False)] = False
    ledger: Annotated[Path | None, Parameter(metavar="DIR", show_default=False)] = None
    quality: Annotated[int | None, Parameter(validator=Number(gte=1, lte=100), **_WHOLE)] = None
    lossless: bool | None = None
    bit_depth: Literal[8, 16, 32] | None = None
    matte: Annotated[
        tuple[float, float, float] | None,
        Parameter(
            metavar="R,G,B", n_tokens=1, converter=converter(colour), negative="", allow_leading_hyphen=True
        ),
    ] = None


def __getattr__(name: str) -> object:
    if name == "batch":
        return _commands()
    for edit in catalog.EDITS:
        if edit.name == name:
            return command(edit)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def command(edit: catalog.Edit) -> Callable[..., Result]:
    """Make the command that does an edit to many pictures.

    Args:
        edit: an entry of the catalog.

    Returns:
        A function whose signature is what the parser reads, and which does the batch.
    """
    own = [item for option in edit.options() for item in _spelt(option)]
    taken = {field.name for group in (Batching, Printing) for field in fields(group)} - {"source"}
    if clashing := [item.name for item in own if item.name in taken]:
        raise TypeError(
            f"{edit.name}({clashing[0]}): a batch has --{clashing[0]} already; rename the parameter"
        )
    defaults = {item.name: item.default for item in own}

    def perform(*, batching: Batching, printing: Printing, **values: Any) -> Result:
        return _perform(edit, defaults, values, batching, printing)

    only = inspect.Parameter.KEYWORD_ONLY
    common = [
        inspect.Parameter("batching", only, annotation=Batching),
        inspect.Parameter("printing", only, annotation=Printing, default=DEFAULT),
    ]
    signature = inspect.Signature([*own, *common])
    perform.__signature__ = signature  # type: ignore[attr-defined]
    perform.__annotations__ = {name: item.annotation for name, item in signature.parameters.items()}
    perform.__name__ = edit.name
    perform.__doc__ = f"{SUMMARY}\n\nThe edit, {edit.name}: {edit.summary}"
    return perform


def _commands() -> App:
    app = App(name="batch", help=f"{SUMMARY} `retouch batch EDIT --help` lists an edit's options.")
    app.help_format = "plaintext"
    for position, edit in enumerate(catalog.EDITS):
        app.command(
            f"retouch.cli.batch:{edit.name}",
            name=edit.name.replace("_", "-"),
            help=edit.summary,
            group="Edits",
            sort_key=position,
        )
    return app


def _spelt(option: catalog.Option) -> Iterator[inspect.Parameter]:
    """An option as the edit's own command has it; a file may be a pattern, and nothing is required."""
    for item in parameters(option):
        _, shown = get_args(item.annotation)
        annotation, default = item.annotation, item.default
        if option.kind in catalog.FILES and item.name == option.name and not option.choices:
            several = option.kind in catalog.SEVERAL
            kind: Any = tuple[str, ...] if several else str | None
            spelt = Parameter(
                name=option.flag, help=f"{option.help} {PATTERN}", group=shown.group or OPTION_GROUP
            )
            annotation = Annotated[kind, Parameter.combine(shown, spelt)]
            default = () if several else None
        elif default is inspect.Parameter.empty:
            annotation, default = annotation | None, None
        yield item.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _perform(
    edit: catalog.Edit,
    defaults: Mapping[str, object],
    values: dict[str, Any],
    batching: Batching,
    printing: Printing,
) -> Result:
    from retouch.batch import run, survey

    todo = _plan(edit, defaults, values, batching)
    if batching.plan:
        with Watch(f"{edit.name}, plan", bar=not printing.quiet) as watch:
            found = survey(todo, keep_failed=batching.keep_failed, progress=watch)
        return planned(todo, found, batching.workers)
    on_sigterm = signal.getsignal(signal.SIGTERM)
    with Watch(edit.name, bar=not printing.quiet) as watch:
        ticker = Ticker(watch, quiet=printing.quiet or printing.json)
        try:
            tally = run(
                todo, ticker.timing(_runner(batching)), keep_failed=batching.keep_failed, progress=ticker
            )
        except KeyboardInterrupt as stopped:
            # Ray makes an interrupt of its own of it, which does not say; our reaction sets itself back.
            told = "SIGTERM" in stopped.args or signal.getsignal(signal.SIGTERM) != on_sigterm
            by = "SIGTERM" if told else "Ctrl-C"
            raise Cancelled(
                f"cancelled by {by}; every finished picture is recorded in {todo.ledger}; the same command "
                "goes on from there"
            ) from None
    return result(todo, tally)


def _plan(
    edit: catalog.Edit, defaults: Mapping[str, object], values: dict[str, Any], batching: Batching
) -> Plan:
    """Tell files from other options, and find out what is to be done."""
    from retouch.batch import Saving, Shard
    from retouch.batch.plan import plan

    kinds = {option.name: option for option in edit.options()}
    given = {name: value for name, value in values.items() if value not in (None, (), defaults[name])}
    if any(option.kind == "mask" and option.name == "mask" for option in kinds.values()):
        given = {**given, **_drawn(given)}
    files = {
        name: value
        for name, value in given.items()
        if name in kinds and kinds[name].kind in catalog.FILES and value not in kinds[name].choices
    }
    return plan(
        edit.name,
        batching.source,
        batching.out,
        options={name: value for name, value in given.items() if name not in files},
        files=files,
        shard=Shard.parse(batching.shard) if batching.shard else Shard(),
        suffix=batching.suffix or "",
        saving=Saving(batching.quality, batching.lossless, batching.bit_depth, batching.matte),
        overwrite=batching.overwrite,
        ledger=batching.ledger,
    )


def _drawn(given: Mapping[str, Any]) -> dict[str, object]:
    """Read a region that is drawn on the command line."""
    from retouch.image import Box, Polygon

    shapes = [f"--{name}" for name in SHAPES if name in given]
    if len(shapes) > 1:
        raise InputError(
            f"{' and '.join(shapes)} are both given; a region is one of --mask, --polygon or --box"
        )
    read: dict[str, object] = {name: given[name] for name in CHANGES if name in given}
    if "polygon" in given:
        rings = [ring for text in given["polygon"] for ring in Polygon.parse(text).rings]
        read["polygon"] = Polygon(rings[0], holes=rings[1:])
    if "box" in given:
        read["box"] = Box.parse(given["box"])
    return read


def _runner(batching: Batching) -> Runner:
    from retouch.batch import processes, serial

    workers = batching.workers
    if batching.ray is not None:
        if workers == 0:
            raise InputError("--workers 0 leaves nobody for Ray; give at least 1, or leave it out")
        from retouch.batch.cluster import cluster

        address = batching.ray

        def on_cluster(work: Work, items: Iterable[Item]) -> Iterator[Row]:
            return cluster(work, items, address=address, workers=workers)

        return on_cluster
    if workers == 0:
        return serial

    def in_processes(work: Work, items: Iterable[Item]) -> Iterator[Row]:
        return processes(work, items, workers=workers)

    return in_processes
