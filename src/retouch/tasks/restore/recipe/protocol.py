"""What of restored pictures is compared, and how: the choices without which no figure can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor

from retouch import metrics
from retouch.errors import InputError, UnknownName
from retouch.features.lpips import SMALLEST as SMALLEST_FOR_LPIPS
from retouch.metrics import FeatureMetric, InceptionV3, Lpips, Metric, PairMetric, Row, SlicedMetric
from retouch.metrics.inception import INCEPTION_FILE
from retouch.metrics.luma import luma
from retouch.metrics.sliced import SMALLEST as SMALLEST_FOR_PATCHES

Channel = Literal["y", "rgb", "gray"]
"""``y``: what papers on super-resolution compare. ``rgb``: what papers on colour denoising compare. ``gray``:
pictures are made gray before anything happens to them."""

Levels = Literal["16-235", "0-255"]
"""Which levels of 255 Y has."""

CHANNELS: tuple[Channel, ...] = get_args(Channel)
LEVELS: tuple[Levels, ...] = get_args(Levels)

NAMES = ("psnr", "ssim", "l1", "swd", "lpips", "fid", "kid")
"""What can be measured: nearness to the true picture first, likeness to true pictures after it."""

USUAL = ("psnr", "ssim", "l1", "swd", "lpips")
"""What is measured when nothing is asked for; lpips where its networks are."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """What is compared of pictures.

    Args:
        channel: of which channels PSNR, SSIM and L1 are; the other metrics see colours.
        crop: pixels left out along each side.
        rounded: results are rounded to 8 bits first.
        levels: which levels of 255 Y has; the peak is 255 either way.
    """

    channel: Channel
    crop: int
    rounded: bool = True
    levels: Levels = "16-235"

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        for what, value, known in (
            ("channel", self.channel, CHANNELS),
            ("levels of Y", self.levels, LEVELS),
        ):
            if value not in known:
                raise UnknownName(what, value, known)
        if self.crop < 0:
            raise InputError(f"crop is {self.crop}; pass how many pixels are left out along each side, or 0")

    @property
    def published(self) -> bool:
        """Whether published figures of Y compare."""
        return (self.channel, self.rounded, self.levels) == ("y", True, "16-235")

    def __str__(self) -> str:
        """What is printed with every figure."""
        shown = {"y": f"Y in {self.levels} of 255", "rgb": "RGB", "gray": "gray"}[self.channel]
        return f"{shown}, crop {self.crop}, {'8-bit' if self.rounded else 'unrounded'} results"

    def compared(self, pictures: Tensor) -> Tensor:
        """Take what is compared.

        Args:
            pictures: (B, 3, H, W) in [0, 1].

        Returns:
            (B, 1 or 3, H − 2·crop, W − 2·crop).
        """
        height, width = pictures.shape[2:]
        if 2 * self.crop >= min(height, width):
            raise InputError(
                f"crop={self.crop} leaves nothing of a picture of {width}×{height}; crop less, or give "
                "larger pictures"
            )
        inside = pictures[..., self.crop : height - self.crop, self.crop : width - self.crop]
        if self.channel == "gray":
            return inside[:, :1]
        return inside if self.channel == "rgb" else luma(inside.double(), full=self.levels == "0-255")


@dataclass(frozen=True, slots=True)
class Judges:
    """The metrics that are measured, and the networks of some.

    Args:
        names: of the metrics, in the order of :data:`NAMES`.
        lpips: its network.
        inception: the network of fid and kid.
    """

    names: tuple[str, ...]
    lpips: Lpips | None = None
    inception: InceptionV3 | None = None

    def metrics(self, protocol: Protocol, sizes: Sequence[tuple[int, int]], seed: int) -> list[Metric]:
        """Make the metrics of one method on one set.

        Args:
            protocol: what is compared.
            sizes: height and width of every true picture.
            seed: of what is drawn.

        Returns:
            They are used once. Those that no picture is large enough for are left out.
        """
        crop = protocol.crop
        found: list[Metric] = [one for name, one in _pairs(protocol).items() if name in self.names]
        smallest = min(min(size) for size in sizes) - 2 * crop
        if "swd" in self.names and smallest >= SMALLEST_FOR_PATCHES and len(sizes) > 1:
            found.append(MiddlePatches(smallest, seed))
        if self.lpips is not None and smallest >= SMALLEST_FOR_LPIPS:
            network = self.lpips
            found.append(
                PairMetric(
                    f"lpips_{network.backbone}",
                    f"{network.protocol}, RGB, crop {crop}",
                    "lower",
                    lambda made, true: network(_inside(made, crop).clamp(0, 1), _inside(true, crop)),
                )
            )
        if self.inception is not None and len(sizes) > 1:
            found.append(FeatureMetric(self.inception, self.inception.protocol, seed=seed))
        return found


class MiddlePatches:
    """Sliced Wasserstein distance of the middle squares, for sets of pictures of several sizes.

    Args:
        side: of the square, in pixels.
        seed: chooses patches and directions.
    """

    def __init__(self, side: int, seed: int) -> None:
        self._side = side
        self._sliced = SlicedMetric(seed=seed, normalise="reference")

    def add_output(self, name: str, picture: Tensor, /) -> None:
        """Take in an output, (1, 3, H, W)."""
        self._sliced.add_output(name, self._middle(picture))

    def add_target(self, name: str, picture: Tensor, /) -> None:
        """Take in a target, (1, 3, H, W)."""
        self._sliced.add_target(name, self._middle(picture))

    def rows(self) -> list[Row]:
        """Measure what was taken in."""
        return [
            Row(row.metric, row.value, row.better, row.n, f"{row.protocol}; RGB, middle {self._side} px")
            for row in self._sliced.rows()
        ]

    def _middle(self, picture: Tensor) -> Tensor:
        top, left = ((length - self._side) // 2 for length in picture.shape[2:])
        return picture[..., top : top + self._side, left : left + self._side]


def judges_for(asked: Sequence[str], folder: Path) -> Judges:
    """Say what is measured, and load the networks that measure.

    Args:
        asked: metrics by name; none: the usual ones.
        folder: where published networks are.

    Raises:
        UnknownName: There is no such metric.
        WeightsError: The network of a metric that was asked for is not there, or is another file.
    """
    if strange := [name for name in asked if name not in NAMES]:
        raise UnknownName("metric", strange[0], NAMES)
    wanted = tuple(name for name in NAMES if name in (asked or USUAL))
    lpips, inception = None, None
    if "lpips" in wanted:
        lpips = Lpips.in_folder(folder, ("alex", "vgg"), needed="lpips" in asked)
    if {"fid", "kid"} & set(wanted):
        inception = InceptionV3.from_file(folder / INCEPTION_FILE.name, "legacy")
    return Judges(wanted, lpips, inception)


def eight_bits(picture: Tensor) -> Tensor:
    """Clip and round as a file does.

    Args:
        picture: of any shape, around [0, 1].
    """
    return torch.round(picture.clamp(0, 1) * 255) / 255


def _pairs(protocol: Protocol) -> dict[str, PairMetric]:
    def psnr(made: Tensor, true: Tensor) -> Tensor:
        return metrics.psnr(protocol.compared(made), protocol.compared(true))

    def ssim(made: Tensor, true: Tensor) -> Tensor:
        return metrics.ssim(protocol.compared(made), protocol.compared(true))

    def distance(made: Tensor, true: Tensor) -> Tensor:
        return metrics.mean_absolute_difference(protocol.compared(made), protocol.compared(true))

    return {
        "psnr": PairMetric("psnr", f"dB, {protocol}, peak 255, mean over pictures", "higher", psnr),
        "ssim": PairMetric(
            "ssim",
            f"{protocol}, 11×11 Gaussian σ 1.5, K 0.01 and 0.03, population covariance, inside windows alone",
            "higher",
            ssim,
        ),
        "l1": PairMetric("l1", f"mean absolute difference, {protocol}, white is 1", "lower", distance),
    }


def _inside(picture: Tensor, crop: int) -> Tensor:
    height, width = picture.shape[2:]
    return picture[..., crop : height - crop, crop : width - crop]
