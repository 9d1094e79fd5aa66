"""Evaluation of pairs and of sets: one number a metric, whatever the order, and clear refusals."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from retouch.errors import DataError, InputError, SizeMismatch, UnknownName
from retouch.metrics import (
    PAIR_METRICS,
    FeatureMetric,
    PairMetric,
    SegmentationMetric,
    evaluate_pairs,
    evaluate_sets,
    fcn_score,
    frechet_distance_of_features,
    kernel_distance,
    psnr,
    sliced_wasserstein,
    ssim,
)

NAMES = ("a", "b", "c", "d")


def stacks() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    targets = torch.rand(4, 3, 24, 20, generator=generator)
    outputs = (targets + 0.1 * torch.randn(targets.shape, generator=generator)).clamp(0, 1)
    return outputs, targets


def colour(pictures: Tensor) -> Tensor:
    return pictures.mean(dim=(2, 3))


class Brightness(nn.Module):
    def forward(self, pictures: Tensor) -> Tensor:
        mean = pictures.mean(dim=1)
        return torch.stack((1 - mean, mean), dim=1)


def test_pairs() -> None:
    outputs, targets = stacks()
    report = evaluate_pairs(zip(NAMES, outputs, targets, strict=True), ["ssim", "swd", "psnr", "l1"])
    assert [row.metric for row in report.rows] == ["ssim", "swd", "psnr", "l1"]
    assert report.names == NAMES
    assert report.per_picture["psnr"] == pytest.approx(psnr(outputs, targets).tolist())
    row = report["ssim"]
    assert row.value == pytest.approx(float(ssim(outputs, targets).mean()))
    assert row.low is not None
    assert row.high is not None
    assert row.low < row.value < row.high
    assert report["swd"].value == pytest.approx(sliced_wasserstein(outputs, targets), rel=1e-6)
    assert report["swd"].low is None
    assert all(row.n == 4 and row.protocol for row in report.rows)


def test_pictures_with_a_batch_dimension_and_of_their_own_sizes() -> None:
    outputs, targets = stacks()
    pairs = [("a", outputs[:1], targets[:1]), ("b", outputs[1, :, :16], targets[1, :, :16])]
    assert evaluate_pairs(pairs).names == ("a", "b")
    with pytest.raises(InputError, match="resize them to one size"):
        evaluate_pairs(pairs, ["swd"])


def test_perfect_outputs() -> None:
    _, targets = stacks()
    report = evaluate_pairs(zip(NAMES, targets, targets, strict=True), ["psnr", "ssim", "l1", "swd"])
    assert [row.value for row in report.rows] == [math.inf, pytest.approx(1), 0, 0]


def test_metrics_with_networks() -> None:
    outputs, targets = stacks()
    labels = {name: (target.mean(dim=0) > 0.5).long() for name, target in zip(NAMES, targets, strict=True)}
    report = evaluate_pairs(
        zip(NAMES, outputs, targets, strict=True),
        [
            PairMetric(
                "red", "difference of the first channel", "lower", lambda a, b: (a - b)[:, 0].mean((1, 2))
            ),
            FeatureMetric(colour, "mean colour"),
            SegmentationMetric(Brightness(), labels.__getitem__, "by brightness"),
        ],
    )
    assert [row.metric for row in report.rows] == [
        "red",
        "fid",
        "kid",
        "fcn_per_pixel",
        "fcn_per_class",
        "fcn_class_iou",
    ]
    features = colour(outputs), colour(targets)
    assert report["fid"].value == pytest.approx(frechet_distance_of_features(*features))
    assert report["kid"].value == pytest.approx(1000 * kernel_distance(*features).mean)
    assert "all at once" in report["kid"].protocol
    scores = fcn_score(Brightness(), outputs, torch.stack(list(labels.values())))
    for name in ("per_pixel", "per_class", "class_iou"):
        row = report[f"fcn_{name}"]
        assert row.value == pytest.approx(getattr(scores, name))
        assert row.low is not None
        assert row.high is not None
        assert row.low < row.value < row.high
        assert row.high - row.low < 0.2


def test_sets_need_not_be_pairs() -> None:
    outputs, targets = stacks()
    report = evaluate_sets(
        zip(NAMES[:3], outputs[:3], strict=True),
        zip(NAMES, targets, strict=True),
        ["swd", FeatureMetric(colour, "mean colour")],
    )
    assert report["swd"].value == pytest.approx(sliced_wasserstein(outputs[:3], targets), rel=1e-6)
    assert report["fid"].n == 3
    assert "against 4 targets" in report["fid"].protocol


def test_every_metric_without_weights_says_its_protocol() -> None:
    assert set(PAIR_METRICS) == {"psnr", "ssim", "ms_ssim", "l1"}
    assert all(name == metric.name and metric.protocol for name, metric in PAIR_METRICS.items())


def test_what_does_not_fit_is_refused() -> None:
    outputs, targets = stacks()
    pair = [("a", outputs[0], targets[0])]
    with pytest.raises(UnknownName, match="did you mean psnr"):
        evaluate_pairs(pair, ["pnsr"])
    with pytest.raises(UnknownName, match="swd"):
        evaluate_sets([], [], ["psnr"])
    with pytest.raises(InputError, match="psnr is asked for twice"):
        evaluate_pairs(pair, ["psnr", "psnr"])
    with pytest.raises(DataError, match="no pictures"):
        evaluate_pairs([])
    with pytest.raises(DataError, match="no outputs"):
        evaluate_sets([], [("a", targets[0])])
    with pytest.raises(DataError, match="no targets"):
        evaluate_sets([("a", targets[0])], [])
    with pytest.raises(SizeMismatch):
        evaluate_pairs([("a", outputs[0], targets[0, :, 1:])])
    with pytest.raises(InputError, match="one picture at a time"):
        evaluate_pairs([("a", outputs, targets)])
    with pytest.raises(InputError, match="at least two pictures"):
        evaluate_pairs(pair, [FeatureMetric(colour, "mean colour")])
    with pytest.raises(InputError, match="no pictures"):
        SegmentationMetric(Brightness(), lambda name: targets[0, 0], "").rows()
