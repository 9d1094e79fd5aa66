"""``retouch evaluate inpaint``: networks that fill holes, side by side with methods that need none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from retouch.cli.printing import DEFAULT, OUTPUT_GROUP, Printing, Result, one_line
from retouch.cli.tables import check_folder, names, write_tables
from retouch.cli.watch import Watch

if TYPE_CHECKING:
    from retouch.tasks.inpaint.recipe.comparison import Comparison
    from retouch.tasks.inpaint.recipe.gallery import Gallery

PICTURES_GROUP = Group("Pictures", sort_key=1)
HOLES_GROUP = Group("Holes", sort_key=2)
METRICS_GROUP = Group("Metrics", sort_key=3)

TABLES = ("figures.tsv", "table.tsv", "table.md", "figures.json", "pictures.tsv")
"""The files that are written beside the gallery."""


def inpaint(
    *models: Annotated[str, Parameter(help="Weights files, ours or upstream's, or names of `weights list`.")],
    data: Annotated[
        str,
        Parameter(
            group=PICTURES_GROUP,
            help="A folder of pictures, a .csv table, synthetic:facades, or a frozen set of holes (.jsonl).",
        ),
    ],
    split: Annotated[
        Literal["train", "val", "test", "all"], Parameter(group=PICTURES_GROUP, help="Which part of it.")
    ] = "val",
    size: Annotated[
        int,
        Parameter(group=PICTURES_GROUP, help="Side of the square cut out of the middle; 0: each its own."),
    ] = 256,
    limit: Annotated[int, Parameter(group=PICTURES_GROUP, help="The most pictures; 0: all.")] = 0,
    holes: Annotated[
        str,
        Parameter(
            group=HOLES_GROUP,
            metavar="KINDS",
            show_default=False,
            help="With commas: thin, medium, thick, polygon, square, box, strokes, text, scratches, "
            "outpaint, shapes:DIR, mix(polygon:2,thick), or masks:DIR for masks in files; left out: the "
            "first four, or all of a frozen set.",
        ),
    ] = "",
    largest: Annotated[
        float, Parameter(group=HOLES_GROUP, help="The largest part of a picture that a drawn hole may have.")
    ] = 0.5,
    baselines: Annotated[
        str,
        Parameter(
            group=METRICS_GROUP,
            metavar="NAMES",
            help="With commas: telea, navier-stokes, biharmonic, membrane; empty: none.",
        ),
    ] = "telea,navier-stokes,biharmonic",
    metrics: Annotated[
        str,
        Parameter(
            group=METRICS_GROUP,
            metavar="NAMES",
            show_default=False,
            help="With commas: psnr, ssim, l1, hole_psnr, hole_ssim, hole_l1, seam, hole_swd, lpips, fid, "
            "kid; left out: all whose networks are there.",
        ),
    ] = "",
    apply: Annotated[
        Literal["network", "edit"],
        Parameter(
            group=METRICS_GROUP, help="Networks as they are, as LaMa measures, or as `retouch inpaint`."
        ),
    ] = "network",
    published: Annotated[
        Path | None,
        Parameter(
            group=METRICS_GROUP, metavar="DIR", help="Where the published networks of lpips, fid and kid are."
        ),
    ] = None,
    seed: Annotated[int, Parameter(group=METRICS_GROUP, help="Of holes, intervals, hole_swd and kid.")] = 0,
    device: Annotated[str, Parameter(help="Where to compute: cpu, cuda, mps.")] = "cpu",
    out: Annotated[
        Path | None,
        Parameter(
            group=OUTPUT_GROUP,
            metavar="DIR",
            help="Write tables as TSV, Markdown and JSON into a folder, with a page of the worst results.",
        ),
    ] = None,
    worst: Annotated[
        int, Parameter(group=OUTPUT_GROUP, help="Worst results shown of each network and kind of holes.")
    ] = 4,
    overwrite: Annotated[
        bool,
        Parameter(group=OUTPUT_GROUP, negative="", show_default=False, help="Replace files that are there."),
    ] = False,
    printing: Printing = DEFAULT,
) -> Result:
    """Measure how well networks fill holes, side by side with methods that need none."""
    if out is not None:
        check_folder(out, TABLES, overwrite=overwrite)
    from retouch.data.holes import split as split_kinds
    from retouch.tasks.inpaint.recipe.evaluating import evaluate_inpainting
    from retouch.tasks.inpaint.recipe.gallery import Gallery

    gallery = Gallery(worst)
    with Watch("evaluating", bar=not (printing.json or printing.quiet)) as watch:
        comparison = evaluate_inpainting(
            models,
            data,
            split=split,
            holes=split_kinds(holes) if holes else (),
            baselines=names(baselines),
            metrics=names(metrics),
            size=size,
            limit=limit,
            largest=largest,
            apply=apply,
            seed=seed,
            published=published,
            device=device,
            gallery=gallery if out is not None else None,
            progress=watch,
        )
    facts: dict[str, object] = {"models": list(models), "data": data, "split": split}
    facts["figures"] = json.loads(comparison.json())["figures"]
    facts["notes"] = list(comparison.notes)
    lines = [comparison.text()]
    if out is not None:
        written = _write(out, comparison, gallery)
        facts["written"] = [str(path.absolute()) for path in written]
        lines.append(f"\n{one_line(str(out))}: {', '.join(path.name for path in written)}")
    return Result(facts, "\n".join(lines))


def _write(folder: Path, comparison: Comparison, gallery: Gallery) -> list[Path]:
    texts = dict(
        zip(
            TABLES,
            (
                comparison.tsv(),
                comparison.wide_tsv(),
                comparison.markdown(),
                comparison.json(),
                comparison.samples_tsv(),
            ),
            strict=True,
        )
    )
    return [*write_tables(folder, texts), *gallery.write(folder)]
