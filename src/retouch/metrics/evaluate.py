"""Measure outputs against what they should be, one pair after another, and report it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from retouch.errors import DataError, InputError, UnknownName
from retouch.features.lpips import Lpips
from retouch.metrics.fidelity import mean_absolute_difference, ms_ssim, psnr, ssim
from retouch.metrics.report import Better, Report, Row, interval_of_mean
from retouch.metrics.set_metrics import SetMetric, SlicedMetric


@dataclass(frozen=True, slots=True)
class PairMetric:
    """A number for each pair of output and target.

    Args:
        name: in the report.
        protocol: everything one must know to compare it with another.
        better: whether a higher or a lower one is better.
        measure: (B, 3, H, W), (B, 3, H, W) in [0, 1] → (B,).
    """

    name: str
    protocol: str
    better: Better
    measure: Callable[[Tensor, Tensor], Tensor]


def lpips_metric(network: Lpips) -> PairMetric:
    """LPIPS with a network that was read from its files.

    Args:
        network: :meth:`retouch.features.lpips.Lpips.from_file`.

    Returns:
        The metric, named after its backbone: ``"lpips_alex"``.
    """
    return PairMetric(f"lpips_{network.backbone}", network.protocol, "lower", network)


PAIR_METRICS: dict[str, PairMetric] = {
    metric.name: metric
    for metric in (
        PairMetric("psnr", "dB, RGB in [0, 1], mean over pictures", "higher", psnr),
        PairMetric(
            "ssim",
            "RGB, 11×11 Gaussian σ 1.5, population covariance, border of 5 px left out",
            "higher",
            ssim,
        ),
        PairMetric("ms_ssim", "RGB, 5 scales, windows as for SSIM", "higher", ms_ssim),
        PairMetric("l1", "mean absolute difference, RGB in [0, 1]", "lower", mean_absolute_difference),
    )
}
"""Metrics of pairs that need no weights, by name."""

SET_METRICS: dict[str, Callable[[], SetMetric]] = {"swd": SlicedMetric}
"""Metrics of sets that need no weights, by name."""

Metric = str | PairMetric | SetMetric
"""One of the names above, or a metric that was made with its network."""


def evaluate_pairs(
    outputs: Iterable[tuple[str, Tensor, Tensor]],
    metrics: Sequence[Metric] = ("psnr", "ssim"),
    *,
    seed: int = 0,
) -> Report:
    """Measure outputs against their targets.

    Args:
        outputs: name, output and target, the pictures (3, H, W) or (1, 3, H, W) in [0, 1].
        metrics: names among :data:`PAIR_METRICS` and :data:`SET_METRICS`, or metrics that were
            made with their networks.
        seed: chooses the resamples of the intervals.

    Returns:
        A row for each number, in the order of ``metrics``, and the values for single pictures.

    Raises:
        UnknownName: No metric is called that.
        DataError: There are no pairs.
        SizeMismatch: An output has not the size of its target.
        InputError: A picture is not (3, H, W), or too small for a metric; or two metrics have one name.
    """
    chosen = [_metric(metric) for metric in metrics]
    _check_distinct(chosen)
    pairs = [metric for metric in chosen if isinstance(metric, PairMetric)]
    sets = [metric for metric in chosen if not isinstance(metric, PairMetric)]
    names: list[str] = []
    values: dict[str, list[float]] = {metric.name: [] for metric in pairs}
    with torch.inference_mode():
        for name, output, target in outputs:
            output, target = _single(output), _single(target)  # noqa: PLW2901 - the same picture as (1, 3, H, W)
            names.append(name)
            for pair in pairs:
                values[pair.name].append(float(pair.measure(output, target)))
            for one in sets:
                one.add_output(name, output)
                one.add_target(name, target)
    if not names:
        raise DataError("no pictures to evaluate; check that the folder has pictures for this split")
    rows: list[Row] = []
    for metric in chosen:
        rows += [_row(metric, values[metric.name], seed)] if isinstance(metric, PairMetric) else metric.rows()
    return Report(tuple(rows), tuple(names), {name: tuple(found) for name, found in values.items()})


def evaluate_sets(
    outputs: Iterable[tuple[str, Tensor]],
    targets: Iterable[tuple[str, Tensor]],
    metrics: Sequence[str | SetMetric] = ("swd",),
) -> Report:
    """Measure outputs against pictures that are not their pairs.

    Args:
        outputs: name and picture (3, H, W) or (1, 3, H, W) in [0, 1].
        targets: likewise.
        metrics: names among :data:`SET_METRICS`, or metrics that were made with their networks.

    Returns:
        A row for each number.

    Raises:
        UnknownName: No metric of sets is called that.
        DataError: There are no outputs or no targets.
        InputError: A picture is not (3, H, W), or of the wrong size for a metric.
    """
    chosen = [_set_metric(metric) for metric in metrics]
    names: list[str] = []
    has_targets = False
    with torch.inference_mode():
        for name, picture in outputs:
            names.append(name)
            for metric in chosen:
                metric.add_output(name, _single(picture))
        for name, picture in targets:
            has_targets = True
            for metric in chosen:
                metric.add_target(name, _single(picture))
    if not names or not has_targets:
        raise DataError(f"{'no targets' if names else 'no outputs'} to evaluate; check the folder")
    return Report(tuple(row for metric in chosen for row in metric.rows()), tuple(names))


def _metric(metric: Metric) -> PairMetric | SetMetric:
    if isinstance(metric, str) and metric in PAIR_METRICS:
        return PAIR_METRICS[metric]
    if isinstance(metric, PairMetric):
        return metric
    return _set_metric(metric, (*PAIR_METRICS, *SET_METRICS))


def _set_metric(metric: str | SetMetric, known: Sequence[str] = tuple(SET_METRICS)) -> SetMetric:
    if not isinstance(metric, str):
        return metric
    if metric not in SET_METRICS:
        raise UnknownName("metric", metric, known)
    return SET_METRICS[metric]()


def _check_distinct(metrics: Sequence[PairMetric | SetMetric]) -> None:
    names = [metric.name for metric in metrics if isinstance(metric, PairMetric)]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"{', '.join(twice)} is asked for twice; give every metric once, or another name")


def _single(picture: Tensor) -> Tensor:
    found = picture[None] if picture.ndim == 3 else picture
    if found.ndim != 4 or found.shape[0] != 1 or found.shape[1] != 3:
        raise InputError(
            f"a picture to evaluate is {tuple(picture.shape)}; give (3, H, W), one picture at a time"
        )
    return found


def _row(metric: PairMetric, values: list[float], seed: int) -> Row:
    low, high = interval_of_mean(values, seed=seed)
    mean = sum(values) / len(values)
    return Row(metric.name, mean, metric.better, len(values), metric.protocol, low, high)
