"""What a person can ask of a painting, in values that were checked."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from retouch.errors import InputError, UnknownName

Preset = Literal["fast", "draft", "best"]
Statistic = Literal["wasserstein", "gram", "mean-std", "patches"]
Colours = Literal["style", "photo", "luminance"]
Transfer = Literal["transport", "wct", "adain"]
Optimiser = Literal["lbfgs", "adam"]
Precision = Literal["float32", "bfloat16"]

STARTS = ("content", "noise", "draft")
"""What a painting can begin as, besides a file."""

LARGEST = 16384
"""Pixels of the longer side of the largest result."""

MOST_STEPS = 100_000

LEAST_BUDGET = 0.004

CONTENT_WEIGHT = 0.1
"""What the photo counts against the style: seen to keep what is shown, and to leave the style its strokes."""

VARIATION = 0.05
"""What smoothness counts against the style: it takes out what no layer sees, and no stroke."""


def layers_of(text: str, known: Sequence[str], default: Mapping[str, float]) -> dict[str, float]:
    """Read layers and what each counts.

    Args:
        text: such as ``relu1_1=256,relu2_1=64``; a layer without a number counts 1.
        known: the layers that there are.
        default: for an empty text; those of them that the network has.

    Returns:
        Layer → its share, with a sum of 1.

    Raises:
        UnknownName: there is no such layer.
        InputError: a number is none, or not above 0; a layer is named twice; nothing is left.
    """
    found: dict[str, float] = {}
    if not text.strip():
        found = {name: weight for name, weight in default.items() if name in known}
    for part in text.split(",") if text.strip() else ():
        name, given, number = (word.strip() for word in part.partition("="))
        if name not in known:
            raise UnknownName("layer", name, known)
        if name in found:
            raise InputError(f"layer {name} is named twice in {text!r}; name it once")
        found[name] = _positive(f"the weight of layer {name}", number) if given else 1.0
    if not found and not default:
        raise InputError(f"no layer is named in {text!r}; name some of {', '.join(known)}")
    if not found:
        raise InputError(f"the network has none of {', '.join(default)}; name some of {', '.join(known)}")
    total = sum(found.values())
    return {name: weight / total for name, weight in found.items()}


def shares_of(text: str, count: int) -> tuple[float, ...]:
    """Read how much each of some styles counts.

    Args:
        text: numbers, such as ``2,1``; all alike when empty.
        count: how many styles there are.

    Returns:
        As many shares, with a sum of 1.

    Raises:
        InputError: they are not as many numbers above 0.
    """
    check_text("shares", text)
    if not text.strip():
        return (1 / count,) * count
    words = [word for word in re.split(r"[,\s]+", text.strip()) if word]
    if len(words) != count:
        raise InputError(
            f"shares={text!r} has {len(words)} numbers and there are {count} styles; give one for each style"
        )
    found = [_positive("a share", word) for word in words]
    return tuple(each / sum(found) for each in found)


@dataclass(frozen=True)
class Settings:
    """What a painting shall be like.

    Args:
        preset: how much work goes into it.
        start: one of ``STARTS``, "auto", or the path of a picture.
        steps: of the optimiser, at all sizes together; the preset's when None.
        optimiser: which.
        content_layer: layers, comma-separated, by which the photo stays recognisable.
        content_weight: what they count against the style.
        style_layers: as :func:`layers_of` reads it.
        statistic: what is compared of the style's features.
        variation: what smoothness counts against the style.
        style_scale: size of the style's motifs, relative to the result.
        strength: how far the painting goes from the photo, 0 to 1.
        transfer: how a draft's features get the style's statistics.
        colours: whose colours it has.
        size: longer side of the result in pixels; the photo's own when None.
        seed: of noise.
        budget: megapixels that are computed at once at most; by the free memory when None.
        precision: of the network's arithmetic.

    Raises:
        UnknownName: there is no such choice.
        InputError: a number is out of range.
    """

    preset: Preset = "fast"
    start: str = "auto"
    steps: int | None = None
    optimiser: Optimiser = "lbfgs"
    content_layer: str = "relu4_2"
    content_weight: float = CONTENT_WEIGHT
    style_layers: str = ""
    statistic: Statistic = "wasserstein"
    variation: float = VARIATION
    style_scale: float = 1.0
    strength: float = 1.0
    transfer: Transfer = "transport"
    colours: Colours = "style"
    size: int | None = None
    seed: int = 0
    budget: float | None = None
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        choices: dict[str, tuple[str, object]] = {
            "preset": (self.preset, Preset),
            "optimiser": (self.optimiser, Optimiser),
            "statistic": (self.statistic, Statistic),
            "transfer": (self.transfer, Transfer),
            "colours": (self.colours, Colours),
            "precision": (self.precision, Precision),
        }
        for name, (value, known) in choices.items():
            check_choice(name, value, known)
        for name in ("start", "content_layer", "style_layers"):
            check_text(name, getattr(self, name))
        if self.steps is not None:
            check_number("steps", self.steps, 0, MOST_STEPS, whole=True)
        check_number("content_weight", self.content_weight, 0, 1e9)
        check_number("variation", self.variation, 0, 1e9)
        if self.budget is not None:
            check_number("budget", self.budget, LEAST_BUDGET, 1e6)
        check_number("style_scale", self.style_scale, 0.05, 20)
        check_number("strength", self.strength, 0, 1)
        check_number("seed", self.seed, 0, 2**63 - 1, whole=True)
        if self.size is not None:
            check_number("size", self.size, 1, LARGEST, whole=True)


def check_choice(name: str, value: object, known: object) -> None:
    """Refuse an unknown name.

    Args:
        name: of the option.
        value: that was given.
        known: a ``Literal`` of the names that there are.

    Raises:
        UnknownName: there is no such choice.
    """
    if value not in get_args(known):
        raise UnknownName(name, value, get_args(known))


def check_text(name: str, value: object) -> None:
    """Refuse what is no text.

    Args:
        name: of the option.
        value: that was given.

    Raises:
        InputError: it is something else.
    """
    if not isinstance(value, str):
        raise InputError(f"{name}={value!r:.60}; pass text, such as '2,1' or 'relu4_2'")


def check_many(name: str, value: object) -> None:
    """Refuse one thing where any number of them is asked for.

    Args:
        name: of the option.
        value: that was given.

    Raises:
        InputError: it is no tuple and no list.
    """
    if not isinstance(value, tuple | list):
        raise InputError(f"{name} is one {type(value).__name__}; pass a tuple, as {name}=(one, another)")


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
    if isinstance(value, bool) or not isinstance(value, kind) or not least <= value <= most:
        figure = "a whole number" if whole else "a number"
        raise InputError(f"{name}={value!r}; pass {figure} from {least:g} to {most:g}")


def _positive(what: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise InputError(f"{what} is {text!r}; give a number above 0")
    return value
