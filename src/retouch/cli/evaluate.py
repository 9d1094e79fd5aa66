"""``retouch evaluate``: measure trained weights on pictures, and print a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Group, Parameter

from retouch.cli.printing import DEFAULT, OUTPUT_GROUP, Printing, Result, one_line
from retouch.cli.watch import Watch
from retouch.errors import InputError, OutputExists, UnwritablePicture

if TYPE_CHECKING:
    from retouch.metrics import Report

PICTURES_GROUP = Group("Pictures", sort_key=1)
METRICS_GROUP = Group("Metrics", sort_key=2)

OTHERS = {"inpaint": "fills holes", "restore": "cleans or enlarges pictures"}
"""Task → what its weights do, of the tasks that have a command of their own."""

evaluate = App(
    name="evaluate",
    help="Measure trained weights on pictures, and print a table. Weights that fill holes: evaluate inpaint; "
    "that clean or enlarge: evaluate restore.",
    help_format="plaintext",
)
"""The command, and those below it."""

evaluate.command(
    "retouch.cli.evaluate_inpaint:inpaint",
    name="inpaint",
    help="Measure how well networks fill holes, side by side with methods that need none.",
)

evaluate.command(
    "retouch.cli.evaluate_restore:restore",
    name="restore",
    help="Measure how well networks clean and enlarge pictures, under the published protocols.",
)


@evaluate.default
def of_model(
    model: Annotated[str, Parameter(help="A weights file, ours or upstream's, or a name of `weights list`.")],
    /,
    *,
    data: Annotated[
        str, Parameter(group=PICTURES_GROUP, help="A folder of pictures, a .csv table, or synthetic:facades.")
    ],
    split: Annotated[
        Literal["train", "val", "test", "all"], Parameter(group=PICTURES_GROUP, help="Which part of it.")
    ] = "val",
    layout: Annotated[
        Literal["auto", "pairs", "unpaired", "singles"],
        Parameter(group=PICTURES_GROUP, help="How the pictures belong together; auto finds out."),
    ] = "auto",
    size: Annotated[
        int | None,
        Parameter(
            group=PICTURES_GROUP, help="Side in pixels; 0: each its own; left out: as in the training."
        ),
    ] = None,
    direction: Annotated[
        Literal["AtoB", "BtoA"] | None,
        Parameter(group=PICTURES_GROUP, help="Which side is the input; left out: as in the training."),
    ] = None,
    limit: Annotated[int, Parameter(group=PICTURES_GROUP, help="The most pictures; 0: all.")] = 0,
    metrics: Annotated[
        str,
        Parameter(
            group=METRICS_GROUP,
            metavar="NAMES",
            show_default=False,
            help="With commas: psnr, ssim, ms_ssim, l1, swd, lpips, fid, kid, fcn; left out: those that "
            "need no weights and fit the data.",
        ),
    ] = "",
    segmenter: Annotated[
        str | None,
        Parameter(group=METRICS_GROUP, metavar="FILE", help="For fcn: weights of `train segmentation`."),
    ] = None,
    palette: Annotated[
        Literal["camvid", "facades"] | None,
        Parameter(
            group=METRICS_GROUP, help="For fcn: the colours of the label maps; left out: the segmenter's."
        ),
    ] = None,
    published: Annotated[
        Path | None,
        Parameter(
            group=METRICS_GROUP, metavar="DIR", help="Where the published networks of lpips, fid and kid are."
        ),
    ] = None,
    seed: Annotated[int, Parameter(group=METRICS_GROUP, help="Of the intervals, of swd and of kid.")] = 0,
    device: Annotated[str, Parameter(help="Where to compute: cpu, cuda, mps.")] = "cpu",
    precision: Annotated[
        Literal["float32", "bfloat16"], Parameter(help="What the network computes in.")
    ] = "float32",
    out: Annotated[
        Path | None,
        Parameter(
            group=OUTPUT_GROUP,
            metavar="FILE",
            help="Write the table, as .tsv, or as .json with every picture.",
        ),
    ] = None,
    per_picture: Annotated[
        Path | None,
        Parameter(group=OUTPUT_GROUP, metavar="FILE", help="Write the values of every picture as .tsv."),
    ] = None,
    overwrite: Annotated[
        bool,
        Parameter(group=OUTPUT_GROUP, negative="", show_default=False, help="Replace files that are there."),
    ] = False,
    printing: Printing = DEFAULT,
) -> Result:
    """Measure how close the results of trained weights are to real pictures."""
    for file, endings in ((out, (".tsv", ".json")), (per_picture, (".tsv",))):
        _check_output(file, endings, overwrite=overwrite)
    from retouch.tasks.translate.recipe.evaluating import evaluate as measure
    from retouch.weights.load import identify

    task = identify(model).card.task
    if task in OTHERS:
        raise InputError(
            f"{model} {OTHERS[task]}, which is measured with: retouch evaluate {task} {model} --data {data}"
        )

    with Watch("evaluating", bar=not (printing.json or printing.quiet)) as watch:
        report = measure(
            model,
            data,
            split=split,
            metrics=[name.strip() for name in metrics.split(",") if name.strip()],
            segmenter=segmenter,
            palette=palette,
            layout=layout,
            size=size,
            direction=direction,
            limit=limit,
            seed=seed,
            published=published,
            device=device,
            precision=precision,
            progress=watch,
        )
    if out is not None:
        _write(out, report.json() if out.suffix == ".json" else report.tsv())
    if per_picture is not None:
        _write(per_picture, report.per_picture_tsv())
    facts = {"model": model, "data": data, "split": split, **_rows(report)}
    head = f"{one_line(model)} on {one_line(data)}, {split}: {len(report.names)} pictures"
    return Result(facts, f"{head}\n{report.text()}")


def _rows(report: Report) -> dict[str, object]:
    """The table as facts; the values of single pictures are left to the files."""
    return {"pictures": len(report.names), "rows": json.loads(report.json())["rows"]}


def _check_output(file: Path | None, endings: tuple[str, ...], *, overwrite: bool) -> None:
    """Find out before the work whether its result can be written."""
    if file is None:
        return
    if file.suffix not in endings:
        raise InputError(f"{file} has no known ending; name a file that ends in {' or '.join(endings)}")
    if file.is_dir() or not file.parent.is_dir():
        raise InputError(f"{file} cannot be written: name a file in a folder that is there")
    if file.exists() and not overwrite:
        raise OutputExists(f"{file} is there already; choose another output, or add --overwrite")


def _write(file: Path, text: str) -> None:
    draft = file.with_name(f"{file.name}.part")
    try:
        draft.write_text(text if text.endswith("\n") else f"{text}\n", encoding="utf-8")
        draft.replace(file)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise UnwritablePicture(
            f"{file} cannot be written ({error.strerror}); choose another output"
        ) from None
