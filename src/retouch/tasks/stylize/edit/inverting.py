"""One photo, and what the layers of a network know of it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from retouch.features.finding import find
from retouch.image import Picture
from retouch.nn.device import usable_device
from retouch.progress import ProgressCallback
from retouch.tasks.stylize.edit.painting import Size, Stage, Teller, paint, resized, shared_out
from retouch.tasks.stylize.edit.plan import room
from retouch.tasks.stylize.edit.settings import Optimiser, Precision, layers_of
from retouch.tasks.stylize.edit.sheet import Sheet, of_size
from retouch.tasks.stylize.edit.starting import from_file
from retouch.tasks.stylize.method import starts
from retouch.tasks.stylize.method.objective import Objective
from retouch.tasks.stylize.method.scales import scales
from retouch.tasks.stylize.method.wish import Wish

_SMALLER = 4
"""The first size is so many times smaller than the last: there nothing is hidden by pooling for long."""


class Inversion:
    """What is needed to make a photo anew from features.

    Args:
        photo: the photo.
        layer: whose features, comma-separated.
        size: longer side of the result; the photo's own when None.
        features: the network that looks at the photo.
        variation: what smoothness counts.
        device: where to compute.
        precision: of the network's arithmetic.
    """

    def __init__(
        self,
        photo: Picture,
        *,
        layer: str,
        size: int | None,
        features: str,
        variation: float,
        device: str,
        precision: Precision,
    ) -> None:
        found = find(features, border="reflect")
        self._device = usable_device(device)
        self._name = found.card.name
        self._network = found.network.to(self._device)
        self._layers = tuple(layers_of(layer, self._network.layers, {}))
        self._wish = Wish(
            content_layers=self._layers,
            content_weight=1.0,
            style_layers={},
            rgb_weight=0.0,
            variation=variation,
        )
        self._least = self._network.least_side(self._layers)
        self._precision: Precision = precision
        self._checkpoint = False
        self._sheet = Sheet(photo, of_size(photo.size, size), coloured=False)
        pixels = np.ascontiguousarray(np.moveaxis(self._sheet.pixels(), 2, 0))
        self._photo = torch.from_numpy(pixels)[None].to(self._device)

    def made(
        self,
        *,
        start: str,
        steps: int,
        optimiser: Optimiser,
        seed: int,
        progress: ProgressCallback | None,
    ) -> Picture:
        """Make it.

        Args:
            start: "noise" or the path of a picture.
            steps: of the optimiser.
            optimiser: which.
            seed: of the noise.
            progress: called after every step.
        """
        size = self._sheet.size
        there = room(
            size,
            self._network,
            self._wish,
            precision=self._precision,
            device=self._device,
            timed=progress is not None,
        )
        self._checkpoint = there.checkpoint
        size = there.size
        sizes = scales(size, smallest=max(max(size) // _SMALLER, 1), least_side=self._least)
        counts = shared_out(steps, [1.0] * len(sizes))
        stages = [Stage(each, count) for each, count in zip(sizes, counts, strict=True)]
        tell = Teller(
            progress,
            stages,
            self._composed,
            beforehand=there.took(stages),
            measure=lambda made: {"psnr": self._psnr(made)},
        )
        drawn = start == "noise"
        begin = starts.noise(sizes[0], seed) if drawn else from_file(start, sizes[0], ["noise"])
        made = paint(
            begin.to(self._device),
            stages,
            self._objective,
            least=self._least,
            optimiser=optimiser,
            tell=tell,
        )
        report: dict[str, float | int | str] = {
            "features": self._name,
            "layer": ",".join(self._layers),
            "psnr": self._psnr(made.picture),
            **made.report(),
        }
        if notes := [each for each in (there.note, made.note) if each]:
            report["note"] = "; ".join(notes)
        return self._composed(made.picture, report)

    def _objective(self, size: Size) -> Objective:
        content = starts.mirrored(resized(self._photo, size), self._least)
        return Objective.of(
            self._network,
            self._wish,
            size=(content.shape[2], content.shape[3]),
            content=content,
            precision=self._precision,
            checkpoint=self._checkpoint,
        )

    def _composed(self, made: Tensor, report: Mapping[str, float | int | str] | None = None) -> Picture:
        full = resized(made.detach().float().clamp(0, 1), self._sheet.size)
        pixels = np.moveaxis(full.cpu().numpy()[0], 0, 2)
        seen = self._sheet.seen
        where = None if seen is None or seen.shape != self._sheet.size else seen.astype(np.float32)
        return self._sheet.finished(np.ascontiguousarray(pixels), where, report or {})

    def _psnr(self, made: Tensor) -> float:
        """In dB, of the picture as it would be shown."""
        photo = resized(self._photo, (made.shape[2], made.shape[3]))
        error = float((made.detach().clamp(0, 1) - photo).square().mean())
        return round(-10 * math.log10(error), 3) if error > 0 else math.inf
