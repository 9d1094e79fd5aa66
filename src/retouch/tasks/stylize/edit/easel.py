"""One photo, its styles, and the painting that is made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from retouch.image import Box, Mask, MaskLike, Picture
from retouch.progress import ProgressCallback
from retouch.tasks.stylize.edit.drafter import drafter
from retouch.tasks.stylize.edit.painting import Size, Teller, paint, resized
from retouch.tasks.stylize.edit.plan import room, stages
from retouch.tasks.stylize.edit.settings import STARTS, Settings, layers_of
from retouch.tasks.stylize.edit.sheet import Sheet, of_size
from retouch.tasks.stylize.edit.starting import from_file
from retouch.tasks.stylize.method import colours, regions, starts
from retouch.tasks.stylize.method.areas import Style
from retouch.tasks.stylize.method.objective import Objective
from retouch.tasks.stylize.method.wish import STYLE_LAYERS, Wish

if TYPE_CHECKING:
    from retouch.features import Features
    from retouch.features.finding import Found
    from retouch.tasks.stylize.edit.styles import StyleSheet

_AROUND = 32
"""Pixels around a mask that are looked at, too."""

_WORTH = 0.7
"""Part of a photo beyond which it is painted as a whole, though the mask is smaller."""


class Easel:
    """What is needed to paint one photo.

    Args:
        photo: the photo.
        styles: in whose manner.
        shares: how much each of them counts, with a sum of 1.
        settings: what is asked for.
        network: looks at the pictures.
        device: where to compute.
        mask: where it is painted; everywhere when None.
        masks: where each style goes; everywhere when there are none.
    """

    def __init__(
        self,
        photo: Picture,
        styles: Sequence[StyleSheet],
        shares: Sequence[float],
        settings: Settings,
        network: Features,
        device: torch.device,
        mask: MaskLike | None = None,
        masks: Sequence[MaskLike] = (),
    ) -> None:
        self._settings = settings
        self._network = network
        self._device = device
        self._shares = shares
        self._checkpoint = False
        self._wish = wish_of(settings, network)
        self._least = network.least_side([*self._wish.style_layers, *self._wish.content_layers])
        size = of_size(photo.size, settings.size)
        self._sheet = Sheet(photo, size, coloured=settings.colours == "style")
        found = regions.read(mask, masks, photo.size, styles=len(styles), seen=self._sheet.seen)
        self._regions = found.resized(size)
        self._box = _box(self._regions.where, size)
        self._photo = self._cut(self._sheet.pixels())  # (1, 3, h, w)
        self._where = None if self._regions.where is None else self._plane(self._regions.where)
        self._each = [None if part is None else self._plane(part) for part in self._regions.each]
        self._styles = styles
        self._longest = settings.style_scale * max(size) / max(self._box.size)

    def painted(self, features: Found, progress: ProgressCallback | None) -> Picture:
        """Paint.

        Args:
            features: for the report.
            progress: called after every step.
        """
        there = room(
            self._box.size,
            self._network,
            self._wish,
            precision=self._settings.precision,
            device=self._device,
            timed=progress is not None,
            budget=self._settings.budget,
        )
        self._checkpoint = there.checkpoint
        plan = stages(there.size, self._settings, least=self._least)
        tell = Teller(progress, plan, self._composed, beforehand=there.took(plan))
        begin, start = self._begin(plan[0].size, progress)
        made = paint(
            begin,
            plan,
            self._objective,
            least=self._least,
            optimiser=self._settings.optimiser,
            tell=tell,
        )
        report: dict[str, float | int | str] = {
            "features": features.card.name,
            "features_are": features.description,
            "start": start,
            **made.report(),
        }
        if notes := [each for each in (there.note, made.note, self._regions.note) if each]:
            report["note"] = "; ".join(notes)
        return self._composed(made.picture, report)

    def _objective(self, size: Size) -> Objective:
        content, styles = self._wanted(size)
        strength = self._settings.strength
        if strength < 1:
            # Half a style is one whose statistics lie half-way to those of the photo itself.
            own = [
                replace(one, picture=content, mask=one.region, share=(1 - strength) * one.share)
                for one in styles
            ]
            styles = [*own, *(replace(one, share=strength * one.share) for one in styles if strength)]
        return Objective.of(
            self._network,
            self._wish,
            size=(content.shape[2], content.shape[3]),
            content=content,
            styles=styles,
            precision=self._settings.precision,
            checkpoint=self._checkpoint,
        )

    def _wanted(self, size: Size) -> tuple[Tensor, list[Style]]:
        """The photo and the styles as they are looked at for a painting of some size."""
        content = self._at(self._photo, size)
        if self._settings.colours == "luminance":
            content = colours.gray(content)
        styles = []
        for (picture, mask), share, part in zip(self._looked_at(size), self._shares, self._each, strict=True):
            region = None if part is None else self._at(part, size)
            if region is None or bool((region > 0).any()):
                styles.append(Style(picture, mask, share, region))
        return content, styles

    def _looked_at(self, size: Size) -> list[tuple[Tensor, Tensor | None]]:
        """The styles, and what of them counts, for a painting of some size."""
        found = []
        for style in self._styles:
            picture, mask = style.at(self._longest * max(size), self._device)
            if self._settings.colours == "photo":
                picture = colours.recoloured(picture, self._photo, self._where)
            elif self._settings.colours == "luminance":
                picture = colours.relit(picture, self._photo, self._where)
            if mask is not None:
                mask = starts.mirrored(mask, self._least)
            found.append((starts.mirrored(picture, self._least), mask))
        return found

    def _begin(self, size: Size, progress: ProgressCallback | None) -> tuple[Tensor, str]:
        asked = self._settings.start
        if asked == "auto":
            asked = "draft" if self._settings.preset == "draft" else "content"
        if asked == "content":
            return self._photo, asked
        if asked == "draft":
            return self._draft(size, progress), asked
        if asked == "noise":
            return starts.noise(size, self._settings.seed, like=self._looked_at(size)[0][0]), asked
        whole = from_file(asked, self._sheet.size, STARTS)
        return whole[..., *self._box.slices].to(self._device), "file"

    def _draft(self, size: Size, progress: ProgressCallback | None) -> Tensor:
        from retouch.tasks.stylize.method.draft import STRENGTH, Way, draft

        content, styles = self._wanted(size)
        if not self._settings.strength:
            return content[..., : size[0], : size[1]]
        network, decoders = drafter(self._device)
        made = draft(
            network,
            decoders,
            content,
            styles,
            method=self._settings.transfer,
            strength=STRENGTH * self._settings.strength,
            way=Way(half=self._settings.precision == "bfloat16", progress=progress),
        )
        return made[..., : size[0], : size[1]]

    def _composed(self, painted: Tensor, report: Mapping[str, float | int | str] | None = None) -> Picture:
        """The picture that an iterate of any size stands for."""
        full = resized(painted.detach().float().clamp(0, 1), self._box.size)
        if self._settings.colours == "luminance":
            full = colours.with_hues(full, self._photo)
        pixels = np.moveaxis(full.cpu().numpy()[0], 0, 2)
        if self._box.size != self._sheet.size:
            whole = self._sheet.pixels().copy()
            whole[self._box.slices] = pixels
            pixels = whole
        return self._sheet.finished(np.ascontiguousarray(pixels), self._regions.where, report or {})

    def _at(self, planes: Tensor, size: Size) -> Tensor:
        return starts.mirrored(resized(planes, size), self._least)

    def _cut(self, pixels: regions.Floats) -> Tensor:
        return _tensor(pixels[self._box.slices]).to(self._device)

    def _plane(self, plane: regions.Floats) -> Tensor:
        return torch.from_numpy(plane[self._box.slices].copy())[None, None].to(self._device)


def wish_of(settings: Settings, network: Features) -> Wish:
    """Say what is wanted of a painting.

    Args:
        settings: what is asked for.
        network: looks at the pictures.

    Raises:
        UnknownName: it has no such layer.
    """
    content = layers_of(settings.content_layer, network.layers, {})
    return Wish(
        content_layers=tuple(content),
        content_weight=settings.content_weight,
        style_layers=layers_of(settings.style_layers, network.layers, dict.fromkeys(STYLE_LAYERS, 1.0)),
        statistic=settings.statistic,
        variation=settings.variation,
    )


def _box(where: regions.Floats | None, size: Size) -> Box:
    """The part of the result that is looked at."""
    whole = Box(0, 0, size[1], size[0])
    bounds = None if where is None else Mask(where).bounds()
    if bounds is None:
        return whole
    wider = Box(bounds.x0 - _AROUND, bounds.y0 - _AROUND, bounds.x1 + _AROUND, bounds.y1 + _AROUND)
    box = wider.clipped(size) or whole
    return box if box.size[0] * box.size[1] < _WORTH * size[0] * size[1] else whole


def _tensor(pixels: regions.Floats) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(pixels, 2, 0)))[None]
