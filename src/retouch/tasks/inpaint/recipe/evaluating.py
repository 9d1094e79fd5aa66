"""Measure how well networks fill holes, side by side with methods that need none."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from retouch.data.holes import LARGEST, Holes
from retouch.data.listing import Split
from retouch.errors import DataError, InputError, UnknownName
from retouch.progress import Progress, ProgressCallback
from retouch.tasks.inpaint.recipe.comparison import Comparison
from retouch.tasks.inpaint.recipe.fillers import Apply, Filler, fillers
from retouch.tasks.inpaint.recipe.gallery import Gallery
from retouch.tasks.inpaint.recipe.judges import judges_for
from retouch.tasks.inpaint.recipe.pictures import HoledPictures, holed_pictures
from retouch.tasks.inpaint.recipe.tally import NAMES, Tally
from retouch.weights.fetch import home

BASELINES = ("telea", "navier-stokes", "biharmonic")
"""The methods that networks are compared with when nothing is asked for."""

Model = str | os.PathLike[str] | Filler
"""Something that is measured."""


def evaluate_inpainting(
    models: Model | Sequence[Model],
    data: str | os.PathLike[str],
    *,
    split: Split = "val",
    holes: str | Holes | Sequence[str | Holes] = (),
    baselines: str | Sequence[str] = BASELINES,
    metrics: str | Sequence[str] = (),
    size: int = 256,
    limit: int = 0,
    largest: float = LARGEST,
    apply: Apply = "network",
    seed: int = 0,
    published: str | os.PathLike[str] | None = None,
    device: str = "cpu",
    gallery: Gallery | None = None,
    progress: ProgressCallback | None = None,
) -> Comparison:
    """Measure how well networks fill holes, side by side with methods that need none.

    Every method gets the same pictures with the same holes, which depend on the seed, the kind and the
    picture's name alone. What it makes of the hole is rounded to 8 bits and laid into the picture.
    Every picture is seen once for each kind; nothing but figures, patches and features is kept of it.

    Args:
        models: weights files, also upstream ones, names of bundled or fetched weights, or anything that
            fills holes; one or several, as of the other lists.
        data: a folder of pictures, a table, ``synthetic:…``, or a frozen set of holes (``.jsonl``), which
            has its own kinds, size, seed and largest hole.
        split: train, val, test or all.
        holes: kinds of holes as :func:`retouch.data.holes.parse` reads them; ``masks:DIR`` takes the masks
            that lie in a folder, white = hole: those of the pictures' names, or else all of them in turn.
            Left out: thin, medium, thick and polygon, or all of a frozen set.
        baselines: some of telea, navier-stokes, biharmonic and membrane.
        metrics: some of psnr, ssim, l1 (of whole pictures), hole_psnr, hole_ssim, hole_l1, seam, hole_swd,
            lpips, fid and kid. Left out: all but the last three, and those whose networks are there.
        size: side of the square that is cut out of the middle, after the shorter side was brought to it;
            0: pictures keep their own size.
        limit: the most pictures of each kind; 0: all.
        largest: the largest part of a picture that a drawn hole may have; a larger one is drawn again.
            Masks in files may have any.
        apply: "network": its output as it is; "edit": as the verb applies it.
        seed: of the holes, the intervals, and of what hole_swd and kid draw.
        published: the folder with the published networks of lpips, fid and kid; the folder for fetched
            weights if left out.
        device: where networks are applied.
        gallery: keeps the worst results.
        progress: called after every picture.

    Returns:
        The figures, per kind of holes, in all and by tenths of the hole's area.

    Raises:
        InputError: A number is out of range, there is nothing to compare, weights are for another task,
            or a method makes numbers that are not finite.
        UnknownName: There is no such metric, kind of holes, baseline or split, or no weights of that name.
        DataError: There are no pictures, or no masks that match them.
        WeightsError: Weights cannot be read, or the network of a metric is not on this machine.
        Cancelled: The progress callback stopped the work.

    Source: Suvorov et al. 2021, arXiv:2109.07161, section 3, and its released evaluation.
    Departs: pictures are cut from their middle instead of at random; a hole that is too large is drawn again
        instead of dropped; figures of a few pictures are left out.
    """
    asked = (metrics,) if isinstance(metrics, str) else tuple(metrics)
    _check(asked, size, limit, largest)
    wanted, judges = judges_for(asked, Path(published) if published else home())
    methods = fillers(
        (models,) if isinstance(models, str | os.PathLike | Filler) else models,
        (baselines,) if isinstance(baselines, str) else baselines,
        apply=apply,
        device=device,
    )
    sources = holed_pictures(
        os.fspath(data),
        (holes,) if isinstance(holes, str | Holes) else tuple(holes),
        split,
        size=size or None,
        limit=limit,
        largest=largest,
        seed=seed,
    )
    total = sum(len(source) for source in sources)
    watched = [one.name for one in methods if one.trained] or [methods[0].name]
    applied = "; ".join(dict.fromkeys(one.protocol for one in methods if one.trained and one.protocol))
    found: list[Comparison] = []
    for source in sources:
        tally = Tally(
            source.label,
            [one.name for one in methods],
            [name for name in NAMES if name in wanted],
            judges,
            pictures=len(source),
            circumstances=f"8-bit results, {source.protocol}" + (f"; networks: {applied}" if applied else ""),
            seed=seed,
        )
        before = sum(len(other) for other in sources[: len(found)])
        for done, (name, true, hole, filled) in enumerate(_results(source, methods), before + 1):
            values = tally.add(name, true, hole, filled)
            if gallery is not None:
                gallery.offer(source.label, name, true, hole, filled, values, watched=watched)
            if progress is not None:
                progress(Progress("evaluating", done, total))
        if not len(tally):
            raise DataError(
                f"no picture of {data} has a hole to be measured with: {'; '.join(source.notes)}; "
                "give other pictures or another kind of holes"
            )
        found.append(tally.comparison())
    return Comparison(
        tuple(figure for one in found for figure in one.figures),
        tuple(sample for one in found for sample in one.samples),
        tuple(note for source in sources for note in source.notes),
        tuple(one.name for one in methods if one.trained),
    )


def _results(
    source: HoledPictures, methods: Sequence[Filler]
) -> Iterator[tuple[str, Tensor, Tensor, dict[str, Tensor]]]:
    """Name, true picture and hole, and the picture as each method fills it."""
    for name, true, hole in source:
        yield name, true, hole, {one.name: _filled(one, name, true, hole) for one in methods}


def _filled(filler: Filler, name: str, true: Tensor, hole: Tensor) -> Tensor:
    """(1, 3, H, W): the picture with what a method makes of its hole, in 8 bits."""
    made = filler.fill(true[0] * (1 - hole[0]), hole[0])
    if made.shape != true.shape[1:]:
        raise InputError(
            f"{filler.name} made {tuple(made.shape)} of {name}, which is {tuple(true.shape[1:])}; a method "
            "gives a picture of the size it was given"
        )
    inside = hole >= 0.5
    if not made.isfinite().logical_or(~inside[0]).all():
        raise InputError(
            f"{filler.name} made numbers of {name} that are not finite; leave it out, or look at its training"
        )
    return torch.where(inside, torch.round(made[None].clamp(0, 1) * 255) / 255, true)


def _check(metrics: Sequence[str], size: int, limit: int, largest: float) -> None:
    if strange := [name for name in metrics if name not in NAMES]:
        raise UnknownName("metric", strange[0], NAMES)
    for option, value in (("size", size), ("limit", limit)):
        if value < 0:
            raise InputError(f"{option} is {value}; pass a number of pixels or pictures, or 0")
    if not 0 < largest <= 1:
        raise InputError(
            f"largest is {largest}; pass a part of the picture above 0, up to 1; LaMa has {LARGEST}"
        )
