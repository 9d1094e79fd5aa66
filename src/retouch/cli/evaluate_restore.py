"""``retouch evaluate restore``: networks that clean and enlarge, under the published protocols."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from retouch.cli.printing import DEFAULT, OUTPUT_GROUP, Printing, Result, one_line
from retouch.cli.tables import check_folder, names, write_tables
from retouch.cli.watch import Watch

PICTURES_GROUP = Group("Pictures", sort_key=1)
PROTOCOL_GROUP = Group("Protocol", sort_key=2)
NETWORKS_GROUP = Group("Networks", sort_key=3)

TABLES = ("figures.tsv", "table.md", "figures.json", "pictures.tsv")
"""The files that are written."""


def restore(
    *models: Annotated[str, Parameter(help="Weights files, ours or upstream's, or names of `weights list`.")],
    data: Annotated[
        str, Parameter(group=PICTURES_GROUP, help="A folder of true pictures, a .csv table, or synthetic:….")
    ],
    split: Annotated[
        Literal["train", "val", "test", "all"], Parameter(group=PICTURES_GROUP, help="Which part of it.")
    ] = "all",
    limit: Annotated[int, Parameter(group=PICTURES_GROUP, help="The most pictures; 0: all.")] = 0,
    degradations: Annotated[
        str,
        Parameter(
            group=PICTURES_GROUP,
            metavar="SPECS",
            show_default=False,
            help='How pictures are spoiled, such as "bicubic(4)" or "bicubic(4),noise(10)"; several, with '
            "semicolons, make a table each. Left out: bicubic(4) for networks that enlarge 4 times, "
            '"noise(15);noise(25);noise(50)" for denoisers.',
        ),
    ] = "",
    inputs: Annotated[
        Path | None,
        Parameter(
            group=PICTURES_GROUP,
            metavar="DIR",
            help="Published inputs instead, matched by name: baby with babyx4.",
        ),
    ] = None,
    baselines: Annotated[
        str | None,
        Parameter(
            group=PROTOCOL_GROUP,
            metavar="NAMES",
            show_default=False,
            help="With commas: bicubic, lanczos, nearest; input for noise. The self-check's row is always "
            "there.",
        ),
    ] = None,
    metrics: Annotated[
        str,
        Parameter(
            group=PROTOCOL_GROUP,
            metavar="NAMES",
            show_default=False,
            help="With commas: psnr, ssim, l1, swd, lpips, fid, kid; left out: all but the last two, lpips "
            "where its networks are.",
        ),
    ] = "",
    channel: Annotated[
        Literal["y", "rgb", "gray"] | None,
        Parameter(
            group=PROTOCOL_GROUP,
            help="What is compared; gray: pictures are made gray first. Left out: y for enlarging, else rgb.",
        ),
    ] = None,
    crop: Annotated[
        int | None,
        Parameter(
            group=PROTOCOL_GROUP, help="Pixels left out along each side; left out: the scale, 0 for noise."
        ),
    ] = None,
    rounded: Annotated[
        bool, Parameter(group=PROTOCOL_GROUP, help="Round results to 8 bits before measuring.")
    ] = True,
    levels: Annotated[
        Literal["16-235", "0-255"], Parameter(group=PROTOCOL_GROUP, help="Which levels of 255 Y has.")
    ] = "16-235",
    seed: Annotated[
        int, Parameter(group=PROTOCOL_GROUP, help="Of degradations, intervals, swd and kid.")
    ] = 0,
    published: Annotated[
        Path | None,
        Parameter(
            group=PROTOCOL_GROUP,
            metavar="DIR",
            help="Where the published networks of lpips, fid and kid are.",
        ),
    ] = None,
    told: Annotated[
        Literal["blind", "told", "both"],
        Parameter(
            group=NETWORKS_GROUP, help="Whether denoisers that can be told the noise level are told it."
        ),
    ] = "blind",
    ensemble: Annotated[
        bool,
        Parameter(group=NETWORKS_GROUP, negative="", show_default=False, help="Mean of 8 turned pictures."),
    ] = False,
    tile: Annotated[
        int | None, Parameter(group=NETWORKS_GROUP, help="Side of the tiles in pixels of the input.")
    ] = None,
    precision: Annotated[
        Literal["float32", "bfloat16"], Parameter(group=NETWORKS_GROUP, help="What networks compute in.")
    ] = "float32",
    device: Annotated[str, Parameter(group=NETWORKS_GROUP, help="Where to compute: cpu, cuda, mps.")] = "cpu",
    out: Annotated[
        Path | None,
        Parameter(
            group=OUTPUT_GROUP, metavar="DIR", help="Write tables as TSV, Markdown and JSON into a folder."
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        Parameter(group=OUTPUT_GROUP, negative="", show_default=False, help="Replace files that are there."),
    ] = False,
    printing: Printing = DEFAULT,
) -> Result:
    """Measure how well networks clean and enlarge pictures, under the published protocols."""
    if out is not None:
        check_folder(out, TABLES, overwrite=overwrite)
    from retouch.tasks.restore.recipe.evaluating import evaluate_restoration

    with Watch("evaluating", bar=not (printing.json or printing.quiet)) as watch:
        comparison = evaluate_restoration(
            models,
            data,
            split=split,
            limit=limit,
            degradations=[one.strip() for one in degradations.split(";") if one.strip()],
            inputs=inputs,
            baselines=None if baselines is None else names(baselines),
            metrics=names(metrics),
            channel=channel,
            crop=crop,
            rounded=rounded,
            levels=levels,
            told=told,
            ensemble=ensemble,
            tile=tile,
            precision=precision,
            seed=seed,
            published=published,
            device=device,
            progress=watch,
        )
    facts: dict[str, object] = {"models": list(models), "data": data, **json.loads(comparison.json())}
    lines = [comparison.text()]
    if out is not None:
        texts = comparison.tsv(), comparison.markdown(), comparison.json(), comparison.samples_tsv()
        written = write_tables(out, dict(zip(TABLES, texts, strict=True)))
        facts["written"] = [str(path.absolute()) for path in written]
        lines.append(f"\n{one_line(str(out))}: {', '.join(path.name for path in written)}")
    return Result(facts, "\n".join(lines))
