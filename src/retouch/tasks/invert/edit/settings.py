"""What a person can ask of an inversion, in values that were checked."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Literal, get_args

from retouch.errors import InputError, UnknownName
from retouch.tasks.invert.method.wish import Perceptual

Preset = Literal["fast", "best"]
SpaceChoice = Literal["auto", "z", "w", "w+", "p", "p+"]
Noise = Literal["const", "none", "fitted"]
PixelLoss = Literal["l2", "l1"]
Optimiser = Literal["lbfgs", "adam"]
Crop = Literal["centre", "pad"]
Precision = Literal["float32", "bfloat16"]

FIDELITY = 0.6
"""What is meant when nothing is said; the method's own."""

MOST_EVALUATIONS = 100_000
MOST_STARTS = 1024
MOST_SEED = 2**63 - 1


@dataclass(frozen=True)
class Work:
    """How much is done.

    Args:
        evaluations: of the generator and its slope, of all candidates together.
        starts: candidates, of which the best go on.
        tuning: evaluations of the tuning of the generator, when it is asked for.
    """

    evaluations: int
    starts: int
    tuning: int


WORK: dict[Preset, Work] = {"fast": Work(150, 4, 60), "best": Work(600, 16, 200)}
"""Preset → how much is done."""


@dataclass(frozen=True)
class Settings:
    """How a photo is looked for.

    Args:
        preset: how much work goes into it.
        fidelity: 0 for a picture that can be edited best, 1 for one that is nearest to the photo.
        space: where it is looked for; by the fidelity when "auto".
        noise: which maps of noise: the weights file's, none, or fitted to the photo.
        tune: adapt the generator to the photo afterwards.
        pixel_loss: the power of the differences of pixels.
        pixel_weight: what they count.
        perceptual: what else is compared.
        perceptual_weight: what that counts; the usual when None.
        delta: what the distance to where the search began counts.
        prior: what the distance to the training's codes counts; by the fidelity when None.
        together: what the differences of the rows' styles count; by the fidelity when None.
        optimiser: which.
        evaluations: of all candidates together; the preset's when None.
        starts: candidates; the preset's when None.
        truncation: how far random starts are from the average.
        crop: how a photo becomes square.
        align: look for the scale, turn and place in which the generator knows the photo.
        label: the class, for networks with labels.
        seed: of the starts.
        precision: of the network's arithmetic while looking.

    Raises:
        UnknownName: there is no such choice.
        InputError: a number is out of range, or choices contradict one another.
    """

    preset: Preset = "fast"
    fidelity: float = FIDELITY
    space: SpaceChoice = "auto"
    noise: Noise = "const"
    tune: bool = False
    pixel_loss: PixelLoss = "l2"
    pixel_weight: float = 1.0
    perceptual: Perceptual = "auto"
    perceptual_weight: float | None = None
    delta: float = 0.0
    prior: float | None = None
    together: float | None = None
    optimiser: Optimiser = "lbfgs"
    evaluations: int | None = None
    starts: int | None = None
    truncation: float = 0.5
    crop: Crop = "centre"
    align: bool = False
    label: int | None = None
    seed: int = 0
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        choices: dict[str, object] = {
            "preset": Preset,
            "space": SpaceChoice,
            "noise": Noise,
            "pixel_loss": PixelLoss,
            "perceptual": Perceptual,
            "optimiser": Optimiser,
            "crop": Crop,
            "precision": Precision,
        }
        for name, known in choices.items():
            value = getattr(self, name)
            if value not in get_args(known):
                raise UnknownName(name, value, get_args(known))
        for name in ("tune", "align"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"{name}={getattr(self, name)!r:.60}; pass True or False")
        check_number("fidelity", self.fidelity, 0, 1)
        check_number("truncation", self.truncation, 0, 2)
        for name in ("pixel_weight", "perceptual_weight", "delta", "prior", "together"):
            if getattr(self, name) is not None:
                check_number(name, getattr(self, name), 0, 1e6)
        if self.evaluations is not None:
            check_number("evaluations", self.evaluations, 1, MOST_EVALUATIONS, whole=True)
        if self.starts is not None:
            check_number("starts", self.starts, 1, MOST_STARTS, whole=True)
        check_number("seed", self.seed, 0, MOST_SEED, whole=True)
        if not self.pixel_weight and (self.perceptual == "none" or self.perceptual_weight == 0):
            raise InputError(
                "pixel_weight is 0 and nothing else is compared; give pixel_weight or perceptual_weight "
                "a number above 0"
            )

    @property
    def work(self) -> Work:
        """How much is done."""
        usual = WORK[self.preset]
        return Work(
            usual.evaluations if self.evaluations is None else self.evaluations,
            usual.starts if self.starts is None else self.starts,
            usual.tuning,
        )

    def facts(self) -> dict[str, bool | int | float | str | None]:
        """Give all options, for a latent file."""
        return asdict(self)


def check_number(name: str, value: object, least: float, most: float, *, whole: bool = False) -> None:
    """Refuse a number out of range.

    Args:
        name: of the option.
        value: that was given.
        least: the smallest that is taken.
        most: the largest.
        whole: take whole numbers alone.

    Raises:
        InputError: it is no number, or out of range.
    """
    kind = int if whole else int | float
    fits = not isinstance(value, bool) and isinstance(value, kind) and least <= value <= most
    if not fits or (isinstance(value, float) and not math.isfinite(value)):
        figure = "a whole number" if whole else "a number"
        raise InputError(f"{name}={value!r:.60}; pass {figure} from {least:g} to {most:g}")
