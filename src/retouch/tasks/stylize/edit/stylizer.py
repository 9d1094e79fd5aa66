"""Styles that are ready to paint many photos."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from retouch.image import MaskLike, Picture, PictureLike
from retouch.progress import Progress, ProgressCallback
from retouch.tasks.stylize.edit.settings import (
    CONTENT_WEIGHT,
    VARIATION,
    Colours,
    Optimiser,
    Precision,
    Preset,
    Settings,
    Statistic,
    Transfer,
    check_choice,
    check_many,
    shares_of,
)

if TYPE_CHECKING:
    import torch

    from retouch.features.finding import Found
    from retouch.tasks.stylize.edit.styles import StyleSheet


class Stylizer:
    """One or more styles, and a network that looks at them, ready to paint many photos.

    >>> import numpy as np
    >>> photo = np.zeros((40, 48, 3), np.float32)
    >>> Stylizer.load("starry-night.jpg")(photo).size  # doctest: +SKIP
    (40, 48)

    Args:
        styles: the styles, at least one.
        shares: how much each counts, such as ``2,1``; all alike when empty.
        features: the network that looks at pictures, as :func:`retouch.features.find` gives it.
        device: where to compute.
        precision: "float32", or "bfloat16" for speed.

    Raises:
        InputError: the shares are not as many numbers above 0 as there are styles.
        UnknownName: there is no such precision.
    """

    def __init__(
        self,
        styles: Sequence[PictureLike],
        *,
        shares: str = "",
        features: Found,
        device: str | torch.device = "cpu",
        precision: Precision = "float32",
    ) -> None:
        from retouch.nn.device import usable_device
        from retouch.tasks.stylize.edit.styles import StyleSheet

        check_choice("precision", precision, Precision)
        self._shares = shares_of(shares, len(styles))
        self._device = usable_device(device)
        self._styles: list[StyleSheet] = [StyleSheet(Picture.of(style)) for style in styles]
        self._features = features
        self._network = features.network.to(self._device)
        self._precision: Precision = precision

    @staticmethod
    def load(
        style: PictureLike,
        *,
        styles: tuple[PictureLike, ...] = (),
        shares: str = "",
        features: str | os.PathLike[str] = "auto",
        device: str | torch.device = "cpu",
        precision: Precision = "float32",
    ) -> Stylizer:
        """Load styles, and a network that looks at them.

        Args:
            style: a picture in the manner that is wanted.
            styles: more of them.
            shares: how much each counts, such as ``2,1``; all alike when empty.
            features: the network that looks at pictures; see :func:`retouch.stylize`.
            device: where to compute.
            precision: "float32", or "bfloat16" for speed.

        Returns:
            The styles, ready to be called.

        Raises:
            InputError: the shares do not fit, or there is no such device.
            UnknownName: there are no weights, or there is no precision, of that name.
            UnreadablePicture: a style cannot be read.
            WeightsError: the weights cannot be read, or are not on this machine.
        """
        from retouch.features.finding import find

        check_many("styles", styles)
        return Stylizer(
            (style, *styles),
            shares=shares,
            features=find(features, border="reflect", pooling="average"),
            device=device,
            precision=precision,
        )

    @property
    def description(self) -> str:
        """Which network looks at the pictures, and what can be expected of it."""
        return self._features.description

    def __call__(
        self,
        content: PictureLike,
        *,
        mask: MaskLike | None = None,
        masks: tuple[MaskLike, ...] = (),
        preset: Preset = "fast",
        size: int | None = None,
        style_scale: float = 1.0,
        strength: float = 1.0,
        transfer: Transfer = "transport",
        colours: Colours = "style",
        content_layer: str = "relu4_2",
        content_weight: float = CONTENT_WEIGHT,
        style_layers: str = "",
        statistic: Statistic = "wasserstein",
        variation: float = VARIATION,
        start: str = "auto",
        steps: int | None = None,
        optimiser: Optimiser = "lbfgs",
        seed: int = 0,
        budget: float | None = None,
        progress: ProgressCallback | None = None,
    ) -> Picture:
        """Paint one photo; see :func:`retouch.stylize`.

        Args:
            content: the photo, of any size.
            mask: where it is painted; everywhere when None.
            masks: where each style goes, one for each; all go everywhere when there are none.
            preset: "draft", "fast" or "best".
            size: longer side of the result in pixels; the photo's own when None.
            style_scale: size of the style's motifs, relative to the result.
            strength: how far the painting goes from the photo to the style, 0 to 1.
            transfer: of a draft: "transport", "wct" or "adain".
            colours: "style", "photo" or "luminance".
            content_layer: layers by which the photo stays recognisable.
            content_weight: what they count against the style.
            style_layers: layers whose statistics make the style; the usual five when empty.
            statistic: what is compared of them.
            variation: what smoothness counts against the style.
            start: "content", "noise", "draft", a file, or "auto".
            steps: of the optimiser, at all sizes together; the preset's when None.
            optimiser: "lbfgs" or "adam".
            seed: of noise.
            budget: megapixels that are computed at once at most; by the free memory when None.
            progress: called after every step.

        Returns:
            The painting, as the same kind of file.

        Raises:
            EmptyMask: a mask selects nothing.
            SizeMismatch: a mask does not have the photo's size.
            InputError: an option is out of range, or there is not enough memory.
            UnknownName: there is no such choice, or no such layer.
        """
        from retouch.tasks.stylize.edit.easel import Easel

        check_many("masks", masks)
        settings = Settings(
            preset=preset,
            start=start,
            steps=steps,
            optimiser=optimiser,
            content_layer=content_layer,
            content_weight=content_weight,
            style_layers=style_layers,
            statistic=statistic,
            variation=variation,
            style_scale=style_scale,
            strength=strength,
            transfer=transfer,
            colours=colours,
            size=size,
            seed=seed,
            budget=budget,
            precision=self._precision,
        )
        easel = Easel(
            Picture.of(content),
            self._styles,
            self._shares,
            settings,
            self._network,
            self._device,
            mask,
            masks,
        )
        if progress:
            progress(Progress("looking at the pictures", 0))
        return easel.painted(self._features, progress)
