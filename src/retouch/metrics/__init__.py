"""Metrics: images in, numbers out, printed with their protocol."""

from __future__ import annotations

from retouch.features.lpips import Lpips
from retouch.metrics.evaluate import (
    PAIR_METRICS,
    SET_METRICS,
    Metric,
    PairMetric,
    evaluate_pairs,
    evaluate_sets,
    lpips_metric,
)
from retouch.metrics.fidelity import mean_absolute_difference, ms_ssim, psnr, ssim
from retouch.metrics.frechet import (
    KernelDistance,
    features_of,
    frechet_distance,
    frechet_distance_of_features,
    kernel_distance,
)
from retouch.metrics.hole_patches import HolePatches, hole_sliced_wasserstein
from retouch.metrics.holes import hole_l1, hole_psnr, hole_ssim, seam, similarity_map
from retouch.metrics.inception import InceptionV3
from retouch.metrics.palettes import (
    CAMVID,
    FACADES,
    VOID,
    Palette,
    colours_from_labels,
    labels_from_colours,
    palette_of,
)
from retouch.metrics.report import Report, Row, bootstrap_interval, interval_of_mean
from retouch.metrics.segmentation import Scores, confusion_matrix, fcn_score, scores_of
from retouch.metrics.segmenter import SEGMENTER, Segmenter
from retouch.metrics.set_metrics import FeatureMetric, SegmentationMetric, SetMetric, SlicedMetric
from retouch.metrics.sliced import sliced_wasserstein, sliced_wasserstein_by_level

__all__ = [
    "CAMVID",
    "FACADES",
    "PAIR_METRICS",
    "SEGMENTER",
    "SET_METRICS",
    "VOID",
    "FeatureMetric",
    "HolePatches",
    "InceptionV3",
    "KernelDistance",
    "Lpips",
    "Metric",
    "PairMetric",
    "Palette",
    "Report",
    "Row",
    "Scores",
    "SegmentationMetric",
    "Segmenter",
    "SetMetric",
    "SlicedMetric",
    "bootstrap_interval",
    "colours_from_labels",
    "confusion_matrix",
    "evaluate_pairs",
    "evaluate_sets",
    "fcn_score",
    "features_of",
    "frechet_distance",
    "frechet_distance_of_features",
    "hole_l1",
    "hole_psnr",
    "hole_sliced_wasserstein",
    "hole_ssim",
    "interval_of_mean",
    "kernel_distance",
    "labels_from_colours",
    "lpips_metric",
    "mean_absolute_difference",
    "ms_ssim",
    "palette_of",
    "psnr",
    "scores_of",
    "seam",
    "similarity_map",
    "sliced_wasserstein",
    "sliced_wasserstein_by_level",
    "ssim",
]
