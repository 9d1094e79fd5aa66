"""A generator that is ready to have many photos looked for in it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retouch.image import Picture, PictureLike
from retouch.progress import Progress, ProgressCallback
from retouch.tasks.invert.edit.settings import (
    FIDELITY,
    Crop,
    Noise,
    Optimiser,
    PixelLoss,
    Precision,
    Preset,
    Settings,
    SpaceChoice,
)
from retouch.tasks.invert.method.wish import Perceptual

if TYPE_CHECKING:
    import torch

    from retouch.tasks.invert.edit.latent import Latent
    from retouch.tasks.invert.edit.model import Model


@dataclass(frozen=True)
class Inversion:
    """A photo as a generator makes it.

    Args:
        picture: what the generator makes of the latent; the latent file is its companion.
        latent: what was found.
        report: what was measured, the same as the picture's.
    """

    picture: Picture
    latent: Latent
    report: Mapping[str, float | int | str]


class Inverter:
    """A generator, and what is known of its styles, ready to have many photos looked for in it.

    >>> import numpy as np
    >>> photo = np.zeros((80, 60, 3), np.float32)
    >>> Inverter.load("kaokore")(photo).picture.size  # doctest: +SKIP
    (64, 64)

    Args:
        model: the generator.
        precision: "float32", or "bfloat16" for speed while looking.
    """

    def __init__(self, model: Model, *, precision: Precision = "float32") -> None:
        Settings(precision=precision)
        self._model = model
        self._precision: Precision = precision

    @staticmethod
    def load(
        model: str | os.PathLike[str] = "kaokore",
        *,
        device: str | torch.device = "cpu",
        precision: Precision = "float32",
    ) -> Inverter:
        """Load a generator; those that were used last are kept.

        Args:
            model: the name of bundled or fetched weights, or the path of a weights file.
            device: where to compute.
            precision: "float32", or "bfloat16" for speed.

        Returns:
            The generator, ready to be called.

        Raises:
            InputError: they are no generator that photos can be looked for in, or there is no such device.
            UnknownName: there are no weights, or there is no precision, of that name.
            WeightsError: the weights cannot be read, or are not on this machine.
        """
        from retouch.tasks.invert.edit.model import remembered

        return Inverter(remembered(model, device), precision=precision)

    @property
    def model(self) -> Model:
        """The generator."""
        return self._model

    def __call__(
        self,
        photo: PictureLike,
        *,
        preset: Preset = "fast",
        fidelity: float = FIDELITY,
        space: SpaceChoice = "auto",
        noise: Noise = "const",
        tune: bool = False,
        pixel_loss: PixelLoss = "l2",
        pixel_weight: float = 1.0,
        perceptual: Perceptual = "auto",
        perceptual_weight: float | None = None,
        delta: float = 0.0,
        prior: float | None = None,
        together: float | None = None,
        optimiser: Optimiser = "lbfgs",
        evaluations: int | None = None,
        starts: int | None = None,
        truncation: float = 0.5,
        crop: Crop = "centre",
        align: bool = False,
        label: int | None = None,
        seed: int = 0,
        progress: ProgressCallback | None = None,
    ) -> Inversion:
        """Look for one photo; see :func:`retouch.invert`.

        Args:
            photo: the photo, of any size and kind.
            preset: "fast" or "best".
            fidelity: 0 for what can be edited best, 1 for what is nearest to the photo.
            space: "z", "w", "w+", "p", "p+", or "auto".
            noise: "const", "none" or "fitted".
            tune: adapt the generator to the photo afterwards.
            pixel_loss: "l2" or "l1".
            pixel_weight: what the differences of pixels count.
            perceptual: what else is compared.
            perceptual_weight: what that counts; the usual when None.
            delta: what leaving the start counts.
            prior: what leaving the training's codes counts; by the fidelity when None.
            together: what it counts that rows have different styles; by the fidelity when None.
            optimiser: "lbfgs" or "adam".
            evaluations: of all candidates together; the preset's when None.
            starts: candidates; the preset's when None.
            truncation: how far random starts are from the average.
            crop: "centre" or "pad".
            align: look for the photo's scale, turn and place, too.
            label: the class, for networks with labels.
            seed: of the starts.
            progress: called after every evaluation.

        Returns:
            The picture, its latent and a report.

        Raises:
            InputError: an option is out of range, or is not for this generator.
            UnknownName: there is no such choice.
            UnreadablePicture: the photo cannot be read.
            NotConverged: the losses are no numbers.
        """
        from retouch.tasks.invert.edit.seeking import Seeking

        settings = Settings(
            preset=preset,
            fidelity=fidelity,
            space=space,
            noise=noise,
            tune=tune,
            pixel_loss=pixel_loss,
            pixel_weight=pixel_weight,
            perceptual=perceptual,
            perceptual_weight=perceptual_weight,
            delta=delta,
            prior=prior,
            together=together,
            optimiser=optimiser,
            evaluations=evaluations,
            starts=starts,
            truncation=truncation,
            crop=crop,
            align=align,
            label=label,
            seed=seed,
            precision=self._precision,
        )
        picture = Picture.of(photo)
        if progress:
            progress(Progress("looking at the photo", 0))
        return Seeking(picture, self._model, settings).found(progress)
