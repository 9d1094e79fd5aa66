"""Measure how well networks restore pictures, under the protocols of the published tables."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from retouch.data.degradations import parse
from retouch.data.listing import Split
from retouch.errors import InputError, UnknownName
from retouch.metrics import evaluate_pairs
from retouch.progress import Progress, ProgressCallback
from retouch.tasks.restore.recipe.cases import Case, Given, given, spoilt
from retouch.tasks.restore.recipe.comparison import Comparison, Measured
from retouch.tasks.restore.recipe.methods import (
    ENLARGERS,
    INPUT,
    Method,
    Precision,
    Told,
    baseline,
    opened,
)
from retouch.tasks.restore.recipe.protocol import (
    Channel,
    Judges,
    Levels,
    Protocol,
    eight_bits,
    judges_for,
)
from retouch.tasks.restore.recipe.selfcheck import Check, check_enlarged, check_inputs, check_noise
from retouch.tasks.restore.recipe.testset import TestSet, test_set
from retouch.weights.fetch import home

NOISE = ("noise(15)", "noise(25)", "noise(50)")
"""What denoisers are measured with when nothing is asked for."""

Model = str | os.PathLike[str] | Method
"""Something that is measured."""


def evaluate_restoration(
    models: Model | Sequence[Model],
    data: str | os.PathLike[str],
    *,
    split: Split = "all",
    limit: int = 0,
    degradations: str | Sequence[str] = (),
    inputs: str | os.PathLike[str] | None = None,
    baselines: str | Sequence[str] | None = None,
    metrics: str | Sequence[str] = (),
    channel: Channel | None = None,
    crop: int | None = None,
    rounded: bool = True,
    levels: Levels = "16-235",
    told: Told = "blind",
    ensemble: bool = False,
    tile: int | None = None,
    precision: Precision = "float32",
    seed: int = 0,
    published: str | os.PathLike[str] | None = None,
    device: str = "cpu",
    progress: ProgressCallback | None = None,
) -> Comparison:
    """Measure how well networks restore pictures, under the protocols of the published tables.

    Every method gets the same inputs. The first row of a table is one whose figure is known beforehand: the
    bicubic enlargement, or the noisy input itself; what is known of it is compared, and said.

    Args:
        models: weights files, also upstream ones, names of bundled or fetched weights, or anything that
            restores; one or several, as of the other lists.
        data: a folder of true pictures, a table, or ``synthetic:…``. Gray pictures are measured as such.
        split: train, val, test or all.
        limit: the most pictures; 0: all.
        degradations: how pictures are spoiled, as :func:`retouch.data.degradations.parse` reads it; several
            make a table each. Left out: ``bicubic(scale)`` for networks that enlarge, noise of σ 15, 25 and
            50 for the others.
        inputs: a folder with published inputs instead, matched by name: ``baby`` with ``babyx4``.
        baselines: some of bicubic, lanczos and nearest, or input. Left out: bicubic and lanczos, or input.
            The row of the self-check is there in any case.
        metrics: some of psnr, ssim, l1, swd, lpips, fid and kid. Left out: all but the last two, lpips where
            its networks are.
        channel: y, rgb, or gray, which makes the pictures gray before they are spoiled. Left out: y for
            enlarged pictures, rgb for others, gray for gray ones.
        crop: pixels left out along each side. Left out: the scale, or 0 when nothing is enlarged.
        rounded: results are clipped and rounded to 8 bits before they are measured.
        levels: which levels of 255 Y has: 16-235 as in the papers.
        told: whether a denoiser that can be told the strength of the noise is told it: blind, told or both.
        ensemble: the mean of what networks make of the eight turned and mirrored pictures.
        tile: side of the tiles in pixels of the input; None: as the verb chooses.
        precision: what networks compute in.
        seed: of the degradations, the intervals, and of what swd and kid draw.
        published: the folder with the published networks of lpips, fid and kid; the folder for fetched
            weights if left out.
        device: where networks are applied.
        progress: called after every picture.

    Returns:
        The figures, by degradation and method.

    Raises:
        InputError: A number is out of range, there is nothing to compare, weights are for another task or
            another scale, or a method makes numbers that are not finite.
        UnknownName: There is no such metric, degradation, baseline, channel or split, or no weights of that
            name.
        DataError: There are no pictures, or no inputs that match them.
        WeightsError: Weights cannot be read, or the network of a metric is not on this machine.
        Cancelled: The progress callback stopped the work.

    Source: Super-resolution: Timofte et al. 2014 and those after it; denoising: Zhang et al. 2017,
        arXiv:1608.03981, section IV, and its released evaluation.
    Departs: the noise of a picture depends on the seed and the picture's name; the released evaluation begins
        numpy's former generator anew with 0 for every picture, which is other noise of the same strength.
    """
    if limit < 0:
        raise InputError(f"limit is {limit}; pass how many pictures are measured at the most, or 0 for all")
    if told not in ("blind", "told", "both"):
        raise UnknownName("way to tell of the noise", told, ("blind", "told", "both"))
    specs = (degradations,) if isinstance(degradations, str) else tuple(degradations)
    if specs and inputs is not None:
        raise InputError("degradations and inputs were both given; the inputs are spoiled already: give one")
    for spec in specs:
        parse(spec)
    judges = judges_for(
        (metrics,) if isinstance(metrics, str) else tuple(metrics), Path(published) if published else home()
    )
    networks = opened(
        (models,) if isinstance(models, str | os.PathLike | Method) else tuple(models),
        told=told,
        ensemble=ensemble,
        tile=tile,
        precision=precision,
        device=device,
    )
    pictures = test_set(data, split, limit)
    gray = channel == "gray" or (channel is None and pictures.gray)
    cases: list[Case] = []
    if inputs is not None:
        cases.append(given(pictures, inputs, gray=gray))
    else:
        cases += [spoilt(pictures, spec, gray=gray, seed=seed) for spec in specs or _usual(networks)]
    plans = [(case, _methods(case, networks, baselines)) for case in cases]
    counter = _Counter(sum(len(methods) for _, methods in plans) * len(pictures), progress)
    measured: list[Measured] = []
    checks: list[Check] = []
    protocols: dict[str, str] = {}
    for case, methods in plans:
        usual: Channel = "gray" if gray else "y" if case.scale > 1 else "rgb"
        protocol = Protocol(
            channel or usual, (case.scale if case.scale > 1 else 0) if crop is None else crop, rounded, levels
        )
        found = [_measured(case, method, pictures, protocol, judges, seed, counter) for method in methods]
        measured += found
        checks += _checks(case, pictures, protocol, found[0])
        protocols[case.name] = f"{protocol}; {case.protocol}"
    return Comparison(
        str(pictures),
        dict(zip(pictures.names, pictures.checksums, strict=True)),
        tuple(measured),
        tuple(checks),
        protocols,
        tuple(dict.fromkeys(one.remark for one in networks if one.remark)),
    )


class _Counter:
    """Says how far the work is."""

    def __init__(self, total: int, progress: ProgressCallback | None) -> None:
        self._total, self._progress, self._done = total, progress, 0

    def step(self) -> None:
        """Another picture is done."""
        self._done += 1
        if self._progress is not None:
            self._progress(Progress("evaluating", self._done, self._total))


def _usual(networks: Sequence[Method]) -> list[str]:
    scales = sorted({one.scale for one in networks if one.scale})
    if len(scales) != 1:
        shown = " and ".join(f"×{scale}" for scale in scales) or "no scale"
        raise InputError(
            f"the networks have {shown}, so the degradations must be named; give degradations such as "
            "bicubic(4) or noise(25)"
        )
    return list(NOISE) if scales == [1] else [f"bicubic({scales[0]})"]


def _methods(case: Case, networks: Sequence[Method], baselines: str | Sequence[str] | None) -> list[Method]:
    """What is measured, the row of the self-check first."""
    for one in networks:
        if one.scale not in (0, case.scale):
            raise InputError(
                f"{one.name} enlarges {one.scale} times, and {case.name} needs a scale of {case.scale}; "
                "measure networks of one scale, with degradations that have it"
            )
    first = "bicubic" if case.scale > 1 else INPUT
    fitting = tuple(ENLARGERS) if case.scale > 1 else (INPUT,)
    wanted: tuple[str, ...] = ("bicubic", "lanczos") if case.scale > 1 else (INPUT,)
    if baselines is not None:
        wanted = (baselines,) if isinstance(baselines, str) else tuple(baselines)
    for name in wanted:
        baseline(name)
    names = dict.fromkeys([first, *(name for name in wanted if name in fitting)])
    return [*(baseline(name) for name in names), *networks]


def _measured(
    case: Case,
    method: Method,
    pictures: TestSet,
    protocol: Protocol,
    judges: Judges,
    seed: int,
    counter: _Counter,
) -> Measured:
    def outputs() -> Iterator[tuple[str, Tensor, Tensor]]:
        for index, name in enumerate(pictures.names):
            pair = case.pair(index)
            true = pair.true[None].expand(1, 3, -1, -1)
            made = method.restore(pair)
            if made.shape != true.shape:
                raise InputError(
                    f"{method.name} made {tuple(made.shape)} of {name}, and the true picture is "
                    f"{tuple(true.shape)}; a method gives a picture {case.scale} times as large"
                )
            if not bool(made.isfinite().all()):
                raise InputError(
                    f"{method.name} made numbers of {name} that are not finite; leave it out, or look at its "
                    "training"
                )
            if pair.true.shape[0] == 1:
                made = made.mean(dim=1, keepdim=True).expand(1, 3, -1, -1)
            yield name, eight_bits(made) if protocol.rounded and not method.raw else made, true
            counter.step()

    sizes = [(height - height % case.scale, width - width % case.scale) for height, width in pictures.sizes]
    with torch.autocast("cpu", enabled=False):
        report = evaluate_pairs(outputs(), judges.metrics(protocol, sizes, seed), seed=seed)
    applied = "as it is, neither clipped nor rounded" if method.raw else method.protocol
    circumstances = "; ".join(filter(None, [str(pictures), case.protocol, applied]))
    return Measured(case.name, method.name, circumstances, report)


def _checks(case: Case, pictures: TestSet, protocol: Protocol, first: Measured) -> list[Check]:
    if case.scale == 1:
        noise = check_noise(case, (case.pair(index) for index in range(len(pictures))))
        return [noise] if noise else []
    found = []
    if any(row.metric == "psnr" for row in first.report.rows):
        found.append(check_enlarged(case, pictures, protocol, first.report["psnr"].value))
    if isinstance(case, Given):
        ours = spoilt(pictures, f"bicubic({case.scale})", gray=case.gray, seed=0)
        both = ((case.pair(index).spoiled, ours.pair(index).spoiled) for index in range(len(pictures)))
        found.append(check_inputs(case, both))
    return found
