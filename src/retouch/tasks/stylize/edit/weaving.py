"""One exemplar, and the texture that is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from retouch.features import Features
from retouch.features.finding import find
from retouch.image import Picture
from retouch.nn.device import usable_device
from retouch.progress import ProgressCallback
from retouch.tasks.stylize.edit.painting import Size, Stage, Teller, paint, resized, shared_out
from retouch.tasks.stylize.edit.plan import STEPS, room, steps_at
from retouch.tasks.stylize.edit.settings import Optimiser, Precision, Statistic, layers_of
from retouch.tasks.stylize.edit.sheet import of_its_kind
from retouch.tasks.stylize.edit.styles import StyleSheet
from retouch.tasks.stylize.edit.texture import PATCHES
from retouch.tasks.stylize.method import patches, starts
from retouch.tasks.stylize.method.areas import Style
from retouch.tasks.stylize.method.descent import Asked
from retouch.tasks.stylize.method.objective import Objective
from retouch.tasks.stylize.method.scales import SMALLEST, scales
from retouch.tasks.stylize.method.variation import variation
from retouch.tasks.stylize.method.wish import Wish

LAYERS: dict[str, float] = {
    "relu1_1": 16.0,
    "relu2_1": 8.0,
    "relu3_1": 4.0,
    "relu4_1": 2.0,
    "relu5_1": 1.0,
}
"""Layers whose statistics make a texture: measured to give it the patches of its exemplar."""

_MULTIPLE = 16
"""Sides of a picture that repeats are multiples of it while it is made: halving them leaves no rest."""

_TIMES = 4
_ENOUGH = 512 * 512
"""Of an exemplar that is larger than four times the texture, and than this, only the middle is looked at."""

_SEEN = 128
"""Pixels of the exemplar's longer side at the first size: of less, the network would copy the layout."""


class Loom:
    """What is needed to make more of a texture.

    Args:
        exemplar: a picture of it.
        size: height and width of the result.
        features: the network that looks at the pictures.
        style_layers: layers whose statistics are wanted; the usual ones when empty.
        statistic: what is compared of them.
        variation: what smoothness counts.
        scale: size of the grains, relative to the exemplar's.
        tileable: the result repeats without a seam.
        seed: of the noise.
        device: where to compute.
        precision: of the network's arithmetic.
    """

    def __init__(
        self,
        exemplar: Picture,
        size: Size,
        *,
        features: str,
        style_layers: str,
        statistic: Statistic,
        variation: float,
        scale: float,
        tileable: bool,
        seed: int,
        device: str,
        precision: Precision,
    ) -> None:
        self._exemplar = exemplar
        self._size = size
        self._device = usable_device(device)
        self._sheet = StyleSheet(exemplar)
        self._scale = scale
        self._tileable = tileable
        self._seed = seed
        self._checkpoint = False
        self._precision: Precision = precision
        self._network: Features | None = None
        self._name = PATCHES
        layers = patches.LAYERS
        usual = dict.fromkeys(layers, 1.0)
        if features != PATCHES:
            found = find(features, border="reflect", pooling="average")
            self._network = found.network.to(self._device)
            self._name = found.card.name
            layers, usual = self._network.layers, LAYERS
        self._wish = Wish(
            content_layers=(),
            content_weight=0.0,
            style_layers=layers_of(style_layers, layers, usual),
            statistic=statistic,
            variation=variation,
        )
        self._least = 32 if self._network is None else self._network.least_side(self._wish.style_layers)

    def woven(self, *, steps: int | None, optimiser: Optimiser, progress: ProgressCallback | None) -> Picture:
        """Make it.

        Args:
            steps: at all sizes together.
            optimiser: which.
            progress: called after every step.
        """
        there = room(
            self._size,
            self._network or self._learnt(self._size),
            self._wish,
            precision=self._precision,
            device=self._device,
            timed=progress is not None,
        )
        self._checkpoint = there.checkpoint
        plan = self._stages(there.size, steps)
        begin = starts.noise(plan[0].size, self._seed, like=self._at(plan[0].size)[0])
        tell = Teller(progress, plan, self._composed, beforehand=there.took(plan))
        made = paint(
            begin,
            plan,
            self._objective,
            least=1 if self._tileable else self._least,
            optimiser=optimiser,
            tell=tell,
        )
        report: dict[str, float | int | str] = {"features": self._name, **made.report()}
        if notes := [each for each in (there.note, made.note) if each]:
            report["note"] = "; ".join(notes)
        return self._composed(made.picture, report)

    def _stages(self, size: Size, steps: int | None) -> list[Stage]:
        factor = max(self._size) / (self._scale * max(self._sheet.size))
        first = max(SMALLEST, round(_SEEN * factor))
        sizes = scales(size, smallest=first, least_side=self._least)
        usual = [steps_at(max(each), STEPS["best"]) for each in sizes]
        counts = usual if steps is None else shared_out(steps, usual)
        if self._tileable:
            sizes = [(_rounded(height), _rounded(width)) for height, width in sizes]
        return [Stage(each, count) for each, count in zip(sizes, counts, strict=True)]

    def _at(self, size: Size) -> tuple[Tensor, Tensor | None]:
        """The exemplar as it is looked at for a texture of some size."""
        factor = self._scale * max(size) / max(self._size)
        most = max(_TIMES * size[0] * size[1], _ENOUGH)
        picture, mask = self._sheet.at(factor * max(self._sheet.size), self._device, enlarge=True, most=most)
        if mask is not None:
            mask = starts.mirrored(mask, self._least)
        return starts.mirrored(picture, self._least), mask

    def _learnt(self, size: Size) -> Features:
        """The network that is learnt from the exemplar, for a texture of some size."""
        return patches.exemplar(self._at(size)[0], self._seed).to(self._device)

    def _objective(self, size: Size) -> Asked:
        picture, mask = self._at(size)
        network = self._network or self._learnt(size)
        seen, seer = (max(size[0], self._least), max(size[1], self._least)), None
        if self._tileable:
            seen = _times(size[0], self._least), _times(size[1], self._least)
            seer = copy(network)
            seer.border = "circular"  # type: ignore[assignment]
        objective = Objective.of(
            network,
            replace(self._wish, variation=0.0) if self._tileable else self._wish,
            size=seen,
            styles=[Style(picture, mask)],
            precision=self._precision,
            checkpoint=self._checkpoint,
            seer=seer,
        )
        if not self._tileable:
            return objective

        def repeated(made: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
            loss, terms = objective(_repeated(made, seen))
            across = self._wish.variation * variation(F.pad(made, (0, 1, 0, 1), mode="circular"))
            return loss + across, {**terms, "variation": across.detach()}

        return repeated

    def _composed(self, made: Tensor, report: Mapping[str, float | int | str] | None = None) -> Picture:
        full, (height, width) = made.detach().float().clamp(0, 1), self._size
        if self._tileable and tuple(full.shape[2:]) != self._size:
            # Resampled with its neighbours, whose pixels a kernel reads at the rim.
            full = resized(full.repeat(1, 1, 3, 3), (3 * height, 3 * width))
            full = full[..., height : 2 * height, width : 2 * width]
        full = resized(full, self._size)
        pixels = np.ascontiguousarray(np.moveaxis(full.cpu().numpy()[0], 0, 2))
        return of_its_kind(self._exemplar, pixels, report or {})


def _times(side: int, least: int) -> int:
    """The smallest multiple of a side that is not below another."""
    return side * max(1, -(-least // side))


def _rounded(side: int) -> int:
    return _MULTIPLE * max(1, round(side / _MULTIPLE))


def _repeated(picture: Tensor, size: Size) -> Tensor:
    """What is seen of a picture that repeats, with the picture itself in the middle."""
    for axis, side in ((2, size[0]), (3, size[1])):
        own = picture.shape[axis]
        place = torch.arange(side, device=picture.device) - (side - own) // 2
        picture = picture.index_select(axis, place % own)
    return picture
