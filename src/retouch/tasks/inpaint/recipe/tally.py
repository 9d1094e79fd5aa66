"""Gathering what was measured with holes of one kind, and making figures of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from retouch import metrics
from retouch.features.lpips import SMALLEST as SMALLEST_FOR_LPIPS
from retouch.metrics import HolePatches
from retouch.metrics.sliced import SMALLEST as SMALLEST_FOR_PATCHES
from retouch.tasks.inpaint.recipe.comparison import Comparison
from retouch.tasks.inpaint.recipe.figures import TOTAL, Better, Figure, Sample
from retouch.tasks.inpaint.recipe.judges import Judges

OF_PICTURES: dict[str, tuple[Better, str]] = {
    "psnr": ("higher", "dB, whole picture, RGB in [0, 1], at most 100 (identical), mean over pictures"),
    "ssim": (
        "higher",
        "whole picture, RGB, 11×11 Gaussian σ 1.5, population covariance, zeros around the picture (as LaMa)",
    ),
    "l1": ("lower", "mean absolute difference, whole picture, RGB in [0, 1]"),
    "hole_psnr": ("higher", "dB, pixels of the hole alone, RGB in [0, 1], at most 100, mean over pictures"),
    "hole_ssim": (
        "higher",
        "mean of the SSIM map over the hole's pixels, 11×11 Gaussian σ 1.5, mirrored at the border",
    ),
    "hole_l1": ("lower", "mean absolute difference over the hole's pixels, RGB in [0, 1]"),
    "seam": (
        "nearest",
        "step across the hole's edge less the steps beside it, levels of 8 bits; best as the true one's",
    ),
    "lpips": ("lower", "whole picture"),
}
"""Metrics with a value for each picture, and what their protocol begins with."""

OF_SETS = ("hole_swd", "fid", "kid")
"""Metrics with a value for a set of pictures only."""

NAMES = (*OF_PICTURES, *OF_SETS)
"""What can be measured."""

FEWEST = {"hole_swd": 8, "kid": 20, "fid": 50}
"""The least number of pictures whose set can be measured; fewer say more about chance than about methods."""

FEWEST_IN_BUCKET = 3
"""The least number of pictures whose mean is shown for holes of one size."""

FEWEST_FOR_INTERVAL = 5
"""The least number of pictures that can be resampled."""

PATCHES = 8192
"""Patches that are kept of a set at each level, so that memory does not grow with the number of pictures."""

_IDENTICAL = 100.0
_BUCKETS = 10
_RESAMPLES = 1000


class Tally:
    """What was measured with holes of one kind.

    Args:
        holes: the kind.
        methods: what fills them.
        chosen: the metrics.
        judges: the networks of some of them.
        pictures: how many there will be at most.
        circumstances: of every figure.
        seed: of patches, intervals and subsets.
    """

    def __init__(
        self,
        holes: str,
        methods: Sequence[str],
        chosen: Sequence[str],
        judges: Judges,
        *,
        pictures: int,
        circumstances: str,
        seed: int,
    ) -> None:
        self._holes, self._methods, self._chosen, self._judges = holes, tuple(methods), tuple(chosen), judges
        self._circumstances, self._seed = circumstances, seed
        self._names: list[str] = []
        self._areas: list[float] = []
        self._true_seams: list[float] = []
        self._values: dict[str, list[dict[str, float]]] = {method: [] for method in methods}
        each = max(2, min(64, PATCHES // max(pictures, 1)))
        self._true_patches = HolePatches(patches=each, seed=seed)
        self._patches = {method: HolePatches(patches=each, seed=seed) for method in methods}
        self._no_patches = "" if "hole_swd" in chosen else "not asked for"
        self._true_features: list[Tensor] = []
        self._features: dict[str, list[Tensor]] = {method: [] for method in methods}

    def __len__(self) -> int:
        """How many pictures were measured."""
        return len(self._names)

    def add(
        self, name: str, true: Tensor, hole: Tensor, filled: dict[str, Tensor]
    ) -> dict[str, dict[str, float]]:
        """Measure one picture.

        Args:
            name: what it is called.
            true: (1, 3, H, W) in [0, 1], float32 on the CPU.
            hole: (1, 1, H, W), 1 = hole; it leaves something of the picture.
            filled: method → (1, 3, H, W).

        Returns:
            Method → metric → value.
        """
        area = float(hole.double().mean())
        self._names.append(name)
        self._areas.append(area)
        self._true_seams.append(float(metrics.seam(true, hole)))
        for method in self._methods:
            self._values[method].append(self._measured(filled[method], true, hole))
        if not self._no_patches:
            self._cut(true, hole, filled)
        if self._judges.inception is not None and {"fid", "kid"} & set(self._chosen):
            self._true_features.append(self._judges.features_of_true(true))
            for method in self._methods:
                self._features[method].append(self._judges.features(filled[method]))
        return {method: self._values[method][-1] for method in self._methods}

    def comparison(self) -> Comparison:
        """Make the figures: the total, then the holes of each size."""
        everything = list(range(len(self._names)))
        groups = {TOTAL: everything}
        for bucket in range(_BUCKETS):
            low, high = bucket / _BUCKETS, (bucket + 1) / _BUCKETS
            inside = [index for index in everything if bucket_of(self._areas[index]) == bucket]
            if inside:
                groups[f"{low:.0%}-{high:.0%}".replace("%-", "-")] = inside
        figures = [figure for area, group in groups.items() for figure in self._figures(area, group)]
        samples = [
            Sample(name, self._holes, area, method, self._values[method][index])
            for index, (name, area) in enumerate(zip(self._names, self._areas, strict=True))
            for method in self._methods
        ]
        return Comparison(tuple(figures), tuple(samples))

    def _measured(self, filled: Tensor, true: Tensor, hole: Tensor) -> dict[str, float]:
        """The values of one picture; those that it has none for are left out."""
        single = torch.float32
        measures = {
            "psnr": lambda: metrics.psnr(filled, true).clamp(max=_IDENTICAL),
            "ssim": lambda: metrics.similarity_map(filled, true, border="zeros", dtype=single).mean(),
            "l1": lambda: metrics.mean_absolute_difference(filled, true),
            "hole_psnr": lambda: metrics.hole_psnr(filled, true, hole).clamp(max=_IDENTICAL),
            "hole_ssim": lambda: metrics.hole_ssim(filled, true, hole, dtype=single),
            "hole_l1": lambda: metrics.hole_l1(filled, true, hole),
            "seam": lambda: metrics.seam(filled, hole),
        }
        if self._judges.lpips is not None and min(true.shape[2:]) >= SMALLEST_FOR_LPIPS:
            network = self._judges.lpips
            measures["lpips"] = lambda: network(filled, true)
        return {name: float(measures[name]()) for name in self._chosen if name in measures}

    def _cut(self, true: Tensor, hole: Tensor, filled: dict[str, Tensor]) -> None:
        size = (true.shape[2], true.shape[3])
        if min(size) < SMALLEST_FOR_PATCHES:
            self._no_patches = f"a picture is smaller than {SMALLEST_FOR_PATCHES} px"
        elif self._true_patches.size not in (None, size):
            self._no_patches = "the pictures differ in size; give one with size"
        else:
            self._true_patches.add(true, hole)
            for method in self._methods:
                self._patches[method].add(filled[method], hole)

    def _figures(self, area: str, group: Sequence[int]) -> list[Figure]:
        of_sets = self._of_sets(group)
        found = []
        for method in self._methods:
            mine = []
            for name in self._chosen:
                made = (
                    self._mean(method, area, name, group)
                    if name in OF_PICTURES
                    else replace(of_sets[name, method], area=area)
                )
                mine.append(made)
            found += [*mine, *_integrals(mine)]
        return found

    def _mean(self, method: str, area: str, name: str, group: Sequence[int]) -> Figure:
        better, protocol = OF_PICTURES[name]
        if name == "lpips" and self._judges.lpips is not None:
            protocol = f"{self._judges.lpips.protocol}, {protocol}"
        rows = self._values[method]
        values = [rows[index][name] for index in group if name in rows[index]]
        blank = Figure(
            method, self._holes, area, name, None, better, len(values), protocol, self._circumstances
        )
        if name == "seam":
            true = [self._true_seams[index] for index in group]
            blank = replace(blank, ideal=sum(true) / len(true))
        fewest = 1 if area == TOTAL else FEWEST_IN_BUCKET
        if len(values) < fewest:
            return replace(blank, missing=_too_few(len(values), fewest))
        low, high = (
            metrics.interval_of_mean(values, seed=self._seed, resamples=_RESAMPLES)
            if len(values) >= FEWEST_FOR_INTERVAL
            else (None, None)
        )
        spread = float(torch.tensor(values, dtype=torch.float64).std()) if len(values) > 1 else None
        return replace(blank, value=sum(values) / len(values), low=low, high=high, deviation=spread)

    def _of_sets(self, group: Sequence[int]) -> dict[tuple[str, str], Figure]:
        """Metric and method → figure, still without its area."""
        values: dict[tuple[str, str], float] = {}
        missing: dict[str, str] = {}
        protocols = {
            "hole_swd": "sliced Wasserstein × 1000, 7×7 patches that touch the hole, 256 directions, "
            "Laplacian pyramid down to 16 px, normalised by the true patches",
        }
        for name in (name for name in self._chosen if name in OF_SETS):
            if len(group) < FEWEST[name]:
                missing[name] = _too_few(len(group), FEWEST[name])
        if "hole_swd" in self._chosen and not missing.get("hole_swd"):
            if self._no_patches:
                missing["hole_swd"] = self._no_patches
            else:
                distances = metrics.hole_sliced_wasserstein(
                    self._patches, self._true_patches, chosen=group, seed=self._seed
                )
                values |= {("hole_swd", method): distance for method, distance in distances.items()}
        if self._judges.inception is not None:
            for name in ("fid", "kid"):
                protocols[name] = f"{self._judges.inception.protocol}, whole pictures against the true ones"
            values |= self._distances(group, [name for name in ("fid", "kid") if name not in missing])
        return {
            (name, method): Figure(
                method,
                self._holes,
                "",
                name,
                values.get((name, method)),
                "lower",
                len(group),
                protocols[name],
                self._circumstances,
                missing=missing.get(name, ""),
            )
            for name in self._chosen
            if name in OF_SETS
            for method in self._methods
        }

    def _distances(self, group: Sequence[int], names: Sequence[str]) -> dict[tuple[str, str], float]:
        found: dict[tuple[str, str], float] = {}
        wanted = [name for name in names if name in self._chosen]
        if not wanted:
            return found
        true = torch.cat([self._true_features[index] for index in group])
        for method in self._methods:
            ours = torch.cat([self._features[method][index] for index in group])
            if "fid" in wanted:
                found["fid", method] = metrics.frechet_distance_of_features(ours, true)
            if "kid" in wanted:
                found["kid", method] = 1000 * metrics.kernel_distance(ours, true, seed=self._seed).mean
        return found


def bucket_of(area: float) -> int:
    """Which tenth of the picture a hole's area falls into: 0 for [0, 0.1), …, 9 for [0.9, 1].

    Args:
        area: the hole's part of the picture.
    """
    return min(int(area * _BUCKETS + 1e-9), _BUCKETS - 1)


def _integrals(mine: Sequence[Figure]) -> list[Figure]:
    """LaMa's single figures: the F1 score of two metrics brought to [0, 1]."""
    values = {figure.metric: figure for figure in mine if figure.value is not None}
    fid = values.get("fid")
    found = []
    for name in ("lpips", "ssim"):
        other = values.get(name)
        if fid is None or fid.value is None or other is None or other.value is None:
            continue
        a = 1 - other.value if name == "lpips" else other.value
        b = max(0.0, 100 - fid.value) / 100
        value = 2 * a * b / (a + b) if a + b > 0 else 0.0
        protocol = f"F1 of {'1 − LPIPS' if name == 'lpips' else 'SSIM'} and max(0, 100 − FID) / 100"
        metric = f"{name}_fid100_f1"
        found.append(replace(fid, metric=metric, value=value, better="higher", protocol=protocol))
    return found


def _too_few(count: int, fewest: int) -> str:
    return f"{count} pictures, and at least {fewest} are needed"
