"""Numbers for a set of outputs against a set of targets: texture, features, recognised classes.

Nothing keeps the pictures: what stays are patches, features or confusion matrices.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn

from retouch.errors import InputError
from retouch.metrics.frechet import (
    KID_SUBSET_SIZE,
    Features,
    features_of,
    frechet_distance_of_features,
    kernel_distance,
)
from retouch.metrics.report import Row, bootstrap_interval
from retouch.metrics.segmentation import confusion_of_pictures, scores_of
from retouch.metrics.sliced import Normalisation, PatchSet, distance_by_level


class SetMetric(Protocol):
    """Numbers for a whole set of outputs against a whole set of targets."""

    def add_output(self, name: str, picture: Tensor, /) -> None:
        """Take in an output, (1, 3, H, W) in [0, 1]."""

    def add_target(self, name: str, picture: Tensor, /) -> None:
        """Take in a target, (1, 3, H, W) in [0, 1]."""

    def rows(self) -> list[Row]:
        """Measure what was taken in."""


class SlicedMetric:
    """Sliced Wasserstein distance, see :func:`retouch.metrics.sliced.sliced_wasserstein`.

    Args:
        seed: chooses patches and directions.
        normalise: as there.
    """

    def __init__(self, *, seed: int = 0, normalise: Normalisation = "own") -> None:
        self._seed = seed
        self._normalise: Normalisation = normalise
        self._outputs, self._targets = PatchSet(seed=seed), PatchSet(seed=seed)
        self._count = 0

    def add_output(self, _name: str, picture: Tensor, /) -> None:
        """Cut an output's patches."""
        self._outputs.add(picture)
        self._count += len(picture)

    def add_target(self, _name: str, picture: Tensor, /) -> None:
        """Cut a target's patches."""
        self._targets.add(picture)

    def rows(self) -> list[Row]:
        """One number; it has no interval, since resampled sets are not further apart by chance alone."""
        levels = distance_by_level(self._outputs, self._targets, seed=self._seed, normalise=self._normalise)
        sides = ", ".join(str(side) for side in levels)
        protocol = (
            f"sliced Wasserstein ×1000, 7×7 patches, 128 a level, 512 directions, levels {sides} px, "
            f"normalised by {self._normalise} statistics, seed {self._seed}"
        )
        return [Row("swd", sum(levels.values()) / len(levels), "lower", self._count, protocol)]


class FeatureMetric:
    """Fréchet and kernel distance in a feature space: FID and KID for Inception's.

    Args:
        network: (B, 3, H, W) in [0, 1] → (B, D), in eval mode.
        protocol: which network, and how pictures are resized for it.
        names: of the two rows.
        seed: chooses the subsets of the kernel distance.
    """

    def __init__(
        self, network: Features, protocol: str, *, names: tuple[str, str] = ("fid", "kid"), seed: int = 0
    ) -> None:
        self._network = network
        self._protocol = protocol
        self._names = names
        self._seed = seed
        self._outputs: list[Tensor] = []
        self._targets: list[Tensor] = []

    def add_output(self, _name: str, picture: Tensor, /) -> None:
        """Take an output's features."""
        self._outputs.append(features_of(self._network, picture))

    def add_target(self, _name: str, picture: Tensor, /) -> None:
        """Take a target's features."""
        self._targets.append(features_of(self._network, picture))

    def rows(self) -> list[Row]:
        """Two numbers, without intervals: resampling with repeats would bias both."""
        if len(self._outputs) < 2 or len(self._targets) < 2:
            raise InputError(
                f"{self._names[0]} of {len(self._outputs)} outputs and {len(self._targets)} targets; "
                "it compares two sets of at least two pictures, and means little below 2,000"
            )
        outputs, targets = torch.cat(self._outputs), torch.cat(self._targets)
        kernel = kernel_distance(outputs, targets, size=KID_SUBSET_SIZE, seed=self._seed)
        against = f"{self._protocol}; against {len(targets)} targets"
        spread = (
            "all at once"
            if kernel.subsets == 1
            else f"± {1000 * kernel.deviation:.3g} over {kernel.subsets} subsets of {kernel.size}"
        )
        frechet = frechet_distance_of_features(outputs, targets)
        return [
            Row(self._names[0], frechet, "lower", len(outputs), against),
            Row(self._names[1], 1000 * kernel.mean, "lower", len(outputs), f"×1000, {spread}; {against}"),
        ]


class SegmentationMetric:
    """FCN-score, see :mod:`retouch.metrics.segmentation`.

    Args:
        network: as in :func:`retouch.metrics.segmentation.fcn_score`.
        labels_of: picture name → its true labels (H, W), 255 for void.
        protocol: which network, trained on what, at which size.
        seed: chooses the resamples of the intervals.
    """

    def __init__(
        self, network: nn.Module, labels_of: Callable[[str], Tensor], protocol: str, *, seed: int = 0
    ) -> None:
        self._network = network
        self._labels_of = labels_of
        self._protocol = protocol
        self._seed = seed
        self._confusions: list[Tensor] = []

    def add_output(self, name: str, picture: Tensor, /) -> None:
        """Read an output."""
        labels = self._labels_of(name)[None].to(picture.device)
        self._confusions.append(confusion_of_pictures(self._network, picture, labels)[0].cpu())

    def add_target(self, _name: str, _picture: Tensor, /) -> None:
        """Nothing: the labels are the target."""

    def rows(self) -> list[Row]:
        """Three numbers over all pixels, with intervals over pictures."""
        if not self._confusions:
            raise InputError("the FCN-score got no pictures; give at least one")
        per_picture = torch.stack(self._confusions).double()  # (N, K, K)
        count, classes, _ = per_picture.shape
        scores = scores_of(per_picture.sum(dim=0))
        rows = []
        for name in ("per_pixel", "per_class", "class_iou"):

            def resampled(counts: Tensor, name: str = name) -> Tensor:
                sums = (counts @ per_picture.flatten(1)).view(-1, classes, classes)
                return torch.tensor([getattr(scores_of(one), name) for one in sums], dtype=torch.float64)

            low, high = bootstrap_interval(count, resampled, seed=self._seed, resamples=500)
            value: float = getattr(scores, name)
            rows.append(Row(f"fcn_{name}", value, "higher", count, self._protocol, low, high))
        return rows
