"""What a generator's samples are measured by while it learns: textures and features beside real pictures'."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from torch.nn import functional as F

from retouch import data as pictures_of
from retouch import metrics
from retouch.data import Examples
from retouch.metrics.inception import INCEPTION_FILE
from retouch.training import Data, Evaluation
from retouch.weights.fetch import home

COUNT = 400
"""The most samples and the most real pictures that are compared."""

LEAST = 64
"""The fewest samples; beyond that twice as many as there are real pictures."""

SHEET = 1024
"""The longest side of a sheet of samples, in pixels."""

_AT_ONCE = 20

Make = Callable[[Tensor], Tensor]
"""Noise ``(B, latent)`` → pictures ``(B, 3, R, R)`` in [-1, 1]."""


def opened(source: str, size: int, *, flip: bool) -> pictures_of.Drawn:
    """Open pictures in their training and held-out parts.

    Args:
        source: a folder, a table, or ``synthetic:…``.
        size: side of the squares, in pixels.
        flip: mirror half of those that are learned from.

    Returns:
        Batches with ``image``. Where nothing is held out, the training pictures are measured against.
    """
    train = pictures_of.singles(
        source, "train", augment=True, size=size, load_size=size, resize="cover", flip=flip
    )
    if "val" in pictures_of.splits(source):
        held = pictures_of.singles(source, "val", augment=False, size=size, resize="cover")
        return pictures_of.Drawn(train, held)
    return pictures_of.Drawn(train, train.plain())


LEARNED = 4000
"""The most training pictures of which an encoder is asked."""


class Yardstick:
    """Real pictures, and how far two sets of them are from one another; made once for the data of a run.

    Args:
        data: whose they are.
        folder: where Inception's weights may be; without them there is no KID.

    Attributes:
        real: held-out pictures, (N, 3, R, R) in [0, 1].
        learned: training pictures, likewise.
        floor: the distances of some of these from the real ones.
    """

    def __init__(self, data: pictures_of.Drawn, folder: Path | None = None) -> None:
        self.real = _spread(data.validation or data.train.plain(), COUNT)
        path = (folder or home()) / INCEPTION_FILE.name
        self._inception = metrics.InceptionV3.from_file(path) if path.is_file() else None
        self._features = self._seen(self.real)
        self.learned = _spread(data.train.plain(), LEARNED)
        self.floor = {f"{name}_floor": value for name, value in self.distances(_some(self.learned)).items()}

    @classmethod
    def of(cls, data: Data) -> Yardstick:
        """Give the one of the data of a run, which is made when it is first asked for."""
        if not isinstance(data, pictures_of.Drawn):
            raise TypeError(f"samples are compared with pictures of a folder, not of a {type(data).__name__}")
        if data not in _known:
            _known[data] = cls(data)
        return _known[data]

    def distances(self, pictures: Tensor) -> dict[str, float]:
        """Compare pictures with the real ones.

        Args:
            pictures: (N, 3, R, R) in [0, 1].

        Returns:
            Sliced Wasserstein distance × 1000 and, with Inception's weights, kernel distance × 1000.
        """
        found = {"swd": metrics.sliced_wasserstein(pictures, self.real, normalise="reference")}
        if self._features is not None:
            seen = self._seen(pictures)
            if seen is not None:
                found["kid"] = 1000.0 * metrics.kernel_distance(seen, self._features).mean
        return found

    def _seen(self, pictures: Tensor) -> Tensor | None:
        return None if self._inception is None else metrics.features_of(self._inception, pictures)

    def measured(
        self, make: Make, latent: int, *, nearer: Make | None = None, again: Make | None = None
    ) -> Evaluation:
        """Measure a generator by its samples of the same noise every time.

        Args:
            make: the generator.
            latent: numbers of its noise.
            nearer: the same with truncation, for a second sheet.
            again: pictures → the same, made again by an encoder and the generator.

        Returns:
            Distances beside those of real pictures to real ones; variety, how far samples are from one
            another relative to real pictures; and sheets.
        """
        wanted = min(COUNT, max(LEAST, 2 * len(self.real)))
        z = torch.randn(wanted, latent, generator=torch.Generator().manual_seed(0))
        made = _made(make, z)
        count = min(len(made), len(self.real))
        varied = apart(made[:count]) / max(apart(self.real[:count]), 1e-6)
        panels = {"samples": sheet(made)}
        if nearer is not None:
            panels["samples, truncated"] = sheet(_made(nearer, z[: len(made)]))
        figures = {**self.distances(made), **self.floor, "variety": varied}
        if again is not None:
            repeated = _made(again, self.real * 2.0 - 1.0)
            figures["psnr_again"] = float(metrics.psnr(repeated, self.real).mean())
            panels["held-out pictures, made again"] = sheet(
                torch.stack([self.real, repeated], 1).flatten(0, 1)
            )
        return Evaluation(
            figures,
            panels,
            outputs=made,
            protocol=f"{len(made)} samples, {len(self.real)} held-out ones, {made.shape[-1]} px; SWD × 1000 "
            "of 7×7 patches, normalised by the reference; floor: training pictures in the samples' place",
            count=len(self.real),
            film="samples",
        )


_known: WeakKeyDictionary[Data, Yardstick] = WeakKeyDictionary()


def apart(pictures: Tensor) -> float:
    """Say how far pictures are from the one that is most like them: little when many are nearly the same.

    Args:
        pictures: (N, 3, R, R) in [0, 1].

    Returns:
        The mean distance of their colours at 8×8 places, root mean square; 0 for fewer than two.
    """
    if len(pictures) < 2:
        return 0.0
    small = F.adaptive_avg_pool2d(pictures, 8).flatten(1)
    distances = torch.cdist(small, small).fill_diagonal_(math.inf)
    return float(distances.min(dim=1).values.mean()) / math.sqrt(small.shape[1])


def sheet(pictures: Tensor) -> Tensor:
    """Lay pictures out in a square.

    Args:
        pictures: (N, 3, R, R).

    Returns:
        (3, H, W), the first of them, row by row; no side longer than :data:`SHEET` if one picture is not.
    """
    across = max(1, min(8, SHEET // pictures.shape[-1], int(len(pictures) ** 0.5)))
    rows = [torch.cat(list(row), dim=2) for row in torch.split(pictures[: across * across], across)]
    return torch.cat(rows, dim=1)


def _made(make: Make, z: Tensor) -> Tensor:
    parts = [make(part).float().cpu() for part in torch.split(z, _AT_ONCE)]
    return (torch.cat(parts) * 0.5 + 0.5).clamp(0, 1).contiguous()


def _some(pictures: Tensor) -> Tensor:
    count = min(COUNT, len(pictures))
    return pictures[[index * len(pictures) // count for index in range(count)]]


def _spread(examples: Examples, most: int) -> Tensor:
    """Take pictures from all over a set: folders come one after another, and differ."""
    count = min(most, len(examples))
    numbers = (index * len(examples) // count for index in range(count))
    return torch.stack([examples.example(number, 0)["image"] for number in numbers])
