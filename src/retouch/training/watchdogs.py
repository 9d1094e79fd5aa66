"""Watch a run for the ways in which training goes wrong, and say what to change.

Every message is given once. They are written for a person who has not seen the failure before:
what was seen, what it usually means, what to do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from retouch.errors import Diverged
from retouch.training.logs import VALIDATION

SIDE = 64
"""Pictures are compared at no more than so many pixels a side; none of the checks is about detail."""

LUMA = (0.299, 0.587, 0.114)
HIGHER_IS_BETTER = ("psnr", "ssim", "accuracy", "iou", "score")
"""Parts of the names of metrics that fall when a network overfits; all others rise."""

Series = NDArray[np.float64]


@dataclass(frozen=True)
class Limits:
    """When a watchdog barks.

    Args:
        discriminator: a discriminator's whole loss below this tells real from fake with ease.
        discriminator_lines: log lines in a row for which it must be so.
        waiting: part of the time that may be spent waiting for data, 0 to 1.
        waiting_lines: log lines over which that is averaged.
        flat: standard deviation, of [0, 1], below which a picture is one flat colour.
        variety: least variation across outputs, as a part of the variation across targets.
        alike: least variety that a recipe may measure across samples, as a part of that across real pictures.
        inverted: correlation of the output's and the target's brightness below which it is inverted.
        evaluations: evaluations in a row in which outputs must be suspicious.
        youth: images before which outputs may be anything.
        overfit_window: evaluations that are averaged when looking for overfitting.
        overfit_rise: least worsening of a validation metric from its best average, as a part of it.
    """

    discriminator: float = 0.02
    discriminator_lines: int = 20
    waiting: float = 0.10
    waiting_lines: int = 10
    flat: float = 0.01
    variety: float = 0.10
    alike: float = 0.2
    inverted: float = -0.3
    evaluations: int = 3
    youth: int = 1000
    overfit_window: int = 4
    overfit_rise: float = 0.05


class Watchdogs:
    """Look at a run from time to time.

    Args:
        limits: when to bark.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._series: dict[str, list[tuple[int, float]]] = {}
        self._streaks: dict[str, int] = {}
        self._said: set[str] = set()

    def look(
        self,
        images: int,
        means: Mapping[str, float],
        outputs: Tensor | None = None,
        *,
        targets: Tensor | None = None,
        inputs: Tensor | None = None,
    ) -> list[str]:
        """Look at one line of the log or one evaluation.

        Args:
            images: images seen so far.
            means: name → figure; names that begin with ``validation_`` were measured on the
                validation examples, ``waiting`` is the part of the time spent waiting for data.
            outputs: results of different inputs, ``(N, C, H, W)`` in [0, 1].
            targets: what was wanted, likewise, in the same order; None when that is not known.
            inputs: what they were made from, likewise, when that is a photo too.

        Returns:
            What is newly wrong, one sentence or two each; empty nearly always.

        Raises:
            Diverged: a loss or an output is not a number; the message says what to change.
        """
        _check_finite(images, means, outputs)
        for name, value in means.items():
            if math.isfinite(value):
                self._series.setdefault(name, []).append((images, value))
        found: list[tuple[str, str]] = []
        if any(not name.startswith(VALIDATION) for name in means):
            found += [*self._discriminators(means), *self._waiting(means)]
        if any(name.startswith(VALIDATION) for name in means):
            found += [*self._overfit(means), *self._alike(images, means)]
        if outputs is not None and images >= self._limits.youth:
            found += self._pictures(outputs, targets, inputs)
        new = [(kind, message) for kind, message in found if kind not in self._said]
        self._said |= {kind for kind, _ in new}
        return [message for _, message in new]

    def _discriminators(self, means: Mapping[str, float]) -> list[tuple[str, str]]:
        terms = [name for name in means if _is_discriminator_loss(name)]
        lines = self._limits.discriminator_lines
        recent = [[value for _, value in self._series.get(name, [])[-lines:]] for name in terms]
        recent = [values for values in recent if len(values) == lines]
        if (
            not recent or min(map(min, recent)) < 0
        ):  # below 0 only a critic's score can be, which has no floor
            return []
        total = np.sum(recent, axis=0)
        if float(total.max()) >= self._limits.discriminator:
            return []
        return [
            (
                "discriminator",
                f"the discriminator's loss stayed at {total.mean():.2g} for {lines} lines of the log: it "
                "tells results from real pictures so easily that the generator learns nothing from it; "
                "lower the discriminator's learning rate, or regularise it with R1 or DiffAugment",
            )
        ]

    def _waiting(self, means: Mapping[str, float]) -> list[tuple[str, str]]:
        lines = self._limits.waiting_lines
        # The first line holds the start of the readers.
        recent = [value for _, value in self._series.get("waiting", [])[1:]][-lines:]
        if "waiting" not in means or len(recent) < lines or float(np.median(recent)) <= self._limits.waiting:
            return []
        return [
            (
                "waiting",
                f"{np.median(recent):.0%} of the time goes into waiting for data; raise engine.workers, "
                "enlarge the decode cache, or store the pictures at the size they are trained at",
            )
        ]

    def _overfit(self, means: Mapping[str, float]) -> list[tuple[str, str]]:
        found = []
        for name in means:
            metric = name.removeprefix(VALIDATION)
            if metric == name or metric.startswith("train_"):
                continue
            same = f"{VALIDATION}train_{metric}"
            trained = self._series.get(same) or self._series.get(metric)
            if trained and (gap := self._gap(self._series.get(name, []), trained, metric)):
                found.append(("overfit", gap))
        return found

    def _alike(self, images: int, means: Mapping[str, float]) -> list[tuple[str, str]]:
        """Look at the variety that a recipe measured itself, where results have no inputs or targets."""
        variety = means.get(f"{VALIDATION}variety", math.inf)
        if images < self._limits.youth or variety >= self._limits.alike:
            self._streaks["alike"] = 0
            return []
        self._streaks["alike"] = self._streaks.get("alike", 0) + 1
        if self._streaks["alike"] < self._limits.evaluations:
            return []
        return [
            (
                "collapse",
                f"samples differ from one another by {variety:.2g} of what real pictures do: mode collapse, "
                "the generator makes only a few; go on from earlier weights with more R1, a lower learning "
                "rate, or augmentation (ADA or DiffAugment)",
            )
        ]

    def _gap(
        self, validated: Sequence[tuple[int, float]], trained: Sequence[tuple[int, float]], metric: str
    ) -> str:
        """Say that validation has become worse while training became better; empty when it has not."""
        size = self._limits.overfit_window
        if len(validated) < 3 * size:
            return ""
        sign = -1.0 if any(part in metric.lower() for part in HIGHER_IS_BETTER) else 1.0
        at = np.array([images for images, _ in validated], np.float64)
        values = np.array([value for _, value in validated])
        averages = np.convolve(values, np.full(size, 1 / size), "valid")
        best = int(np.argmin(sign * averages))
        rise = sign * (averages[-1] - averages[best])
        if best + size >= len(averages) or rise <= max(
            self._limits.overfit_rise * abs(averages[best]), 4 * _noise(values)
        ):
            return ""
        then = _between(trained, at[best] - (at[1] - at[0]), at[best + size - 1])
        now = _between(trained, at[-size - 1], at[-1])
        if not len(then) or not len(now):
            return ""
        gain = sign * (then.mean() - now.mean())
        noise = _noise(np.array([value for _, value in trained]))
        if gain <= max(0.02 * abs(then.mean()), 3 * noise / math.sqrt(min(len(then), len(now)))):
            return ""
        return (
            f"overfitting: since {int(at[best + size - 1]):,} images {metric} went from "
            f"{averages[best]:.3g} to {averages[-1]:.3g} on the validation pictures while it improved in "
            "training; stop here and use the best weights, or train on more pictures or with stronger "
            "augmentation"
        )

    def _pictures(
        self, outputs: Tensor, targets: Tensor | None, inputs: Tensor | None
    ) -> list[tuple[str, str]]:
        made = _small(outputs)
        wanted = _small(targets) if targets is not None and targets.shape[0] == outputs.shape[0] else None
        given = _small(inputs) if inputs is not None and inputs.shape[0] == outputs.shape[0] else None
        checks: dict[str, Callable[[], str]] = {
            "flat": lambda: self._flat(made, wanted),
            "collapse": lambda: self._collapse(made, wanted, given),
            "inverted": lambda: (
                self._inverted(made, wanted, "target") or self._inverted(made, given, "input")
            ),
        }
        found = []
        for kind, check in checks.items():
            message = check()
            self._streaks[kind] = self._streaks.get(kind, 0) + 1 if message else 0
            if self._streaks[kind] >= self._limits.evaluations:
                found.append((kind, message))
                break  # a flat picture is also always the same one: the first reason is the root
        return found

    def _flat(self, made: Tensor, wanted: Tensor | None) -> str:
        def spread(pictures: Tensor) -> float:
            return float(pictures.flatten(2).std(dim=2).max())

        if spread(made) >= self._limits.flat or (
            wanted is not None and spread(wanted) < 4 * self._limits.flat
        ):
            return ""
        return (
            "every result is one flat colour: the generator has died; start again with a lower learning rate "
            "or another engine.seed, and check with `retouch data check` that the pictures are not blank"
        )

    def _collapse(self, made: Tensor, wanted: Tensor | None, given: Tensor | None) -> str:
        if made.shape[0] < 4:
            return ""

        def variety(pictures: Tensor) -> float:
            return float(pictures.std(dim=0).mean())

        measure = wanted if wanted is not None else given
        other = variety(measure) if measure is not None else 0.1
        if other < 0.02 or variety(made) >= self._limits.variety * other:
            return ""
        return (
            f"the results of {made.shape[0]} different inputs are nearly the same picture (they vary by "
            f"{variety(made):.2g}, where {other:.2g} would be usual): mode collapse; give the L1 or cycle "
            "loss more weight, lower the learning rates, or add R1 or DiffAugment"
        )

    def _inverted(self, made: Tensor, other: Tensor | None, against: str) -> str:
        if other is None:
            return ""
        correlations = _correlations(_luma(made), _luma(other))
        # An input may be a map of labels, whose colours mean nothing; only a clear mirror counts.
        limit = self._limits.inverted if against == "target" else 2 * self._limits.inverted
        if not len(correlations) or float(np.median(correlations)) >= limit:
            return ""
        return (
            f"bright and dark are exchanged: the brightness of results and {against}s correlates by "
            f"{np.median(correlations):.2f}; start again with another engine.seed, and with the identity "
            "loss where the recipe has one"
        )


def _check_finite(images: int, means: Mapping[str, float], outputs: Tensor | None) -> None:
    broken = [
        f"{name} is {value}"
        for name, value in means.items()
        if not name.startswith(VALIDATION) and not math.isfinite(value)
    ]
    if not broken and outputs is not None and not bool(torch.isfinite(outputs).all()):
        broken = ["the results hold NaN or infinite values"]
    if broken:
        raise Diverged(
            f"after {images:,} images {', '.join(broken[:3])}; resume from the last checkpoint with a lower "
            "learning rate, engine.clip=1 or engine.precision=float32"
        )


def _is_discriminator_loss(name: str) -> bool:
    lower = name.lower()
    aside = ("gradient", "penalty", "r1", "accuracy", "score")
    return (
        not lower.startswith(VALIDATION)
        and any(part in lower for part in ("discriminator", "judging", "critic"))
        and not any(part in lower for part in aside)
    )


def _noise(values: Series) -> float:
    """Estimate the standard deviation around a slow trend, from the steps between neighbours."""
    if len(values) < 3:
        return math.inf
    return float(np.std(np.diff(values)) / math.sqrt(2))


def _between(points: Sequence[tuple[int, float]], low: float, high: float) -> Series:
    return np.array([value for images, value in points if low < images <= high], np.float64)


def _small(pictures: Tensor) -> Tensor:
    """Bring pictures to float32 on the CPU, at most SIDE pixels a side."""
    values = pictures.detach().float().cpu()
    if max(values.shape[-2:]) > SIDE:
        size = (min(SIDE, values.shape[-2]), min(SIDE, values.shape[-1]))
        values = torch.nn.functional.adaptive_avg_pool2d(values, size)
    return values


def _luma(pictures: Tensor) -> Tensor:
    if pictures.shape[1] != 3:
        return pictures.mean(dim=1)
    return torch.einsum("nchw,c->nhw", pictures, torch.tensor(LUMA))


def _correlations(one: Tensor, other: Tensor) -> Series:
    """Correlate pictures pixel by pixel; those without contrast are left out."""
    if one.shape != other.shape:
        return np.zeros(0)
    a, b = (item.flatten(1) - item.flatten(1).mean(dim=1, keepdim=True) for item in (one, other))
    norms = a.norm(dim=1) * b.norm(dim=1)
    kept = (a.std(dim=1) > 0.02) & (b.std(dim=1) > 0.02)
    return np.asarray(((a * b).sum(dim=1) / norms)[kept].numpy(), np.float64)
