"""What is wanted of a picture, in words and weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from retouch.errors import InputError, UnknownName
from retouch.tasks.stylize.method.statistics import STATISTICS, Statistic

STYLE_LAYERS: Mapping[str, float] = MappingProxyType(
    dict.fromkeys(("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"), 1.0)
)
"""Layers whose statistics make the style, with their weights.

Departs: crowsonkb weighs them by 256, 64, 16, 4 and 1, which falls about as the squares of a VGG's features
    grow with depth. Here each layer's distance is divided by that square, so the weights are equal.
"""

CONTENT_LAYERS: tuple[str, ...] = ("relu4_2",)


@dataclass(frozen=True)
class Wish:
    """What is wanted: a sum of terms, each divided by what it is of, so that weights fit any network.

    Attributes:
        content_layers: whose features the picture is to share with the content.
        content_weight: of |f − c|² / |c|², the mean over the content layers.
        style_layers: layer → weight; divided by their sum.
        style_weight: of the sum over the layers of weight × distance / energy, where the distance is
            that of ``statistics.distance`` and the energy the mean square of the style's features there.
        statistic: what of the style's features is compared.
        rgb_weight: of the same term for the colours of the pixels, always by the Wasserstein distance.
        variation: weight of how much neighbours differ, ``variation.variation``.
        box: weight of how much samples leave [0, 1], ``variation.excess``.
    """

    content_layers: tuple[str, ...] = CONTENT_LAYERS
    content_weight: float = 0.35
    style_layers: Mapping[str, float] = field(default_factory=lambda: STYLE_LAYERS)
    style_weight: float = 1.0
    statistic: Statistic = "wasserstein"
    rgb_weight: float = 1.0
    variation: float = 0.05
    box: float = 50.0

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.statistic not in STATISTICS:
            raise UnknownName("statistic", self.statistic, STATISTICS)
        numbers = (
            self.content_weight,
            self.style_weight,
            self.rgb_weight,
            self.variation,
            self.box,
            *self.style_layers.values(),
        )
        if not all(0 <= number < float("inf") for number in numbers):
            raise InputError(f"the weights are {numbers}; give numbers of at least 0")
        if self.style_layers and not sum(self.style_layers.values()) > 0:
            raise InputError(
                f"every style layer has weight 0: {dict(self.style_layers)}; give one of them more, "
                "or name no style layer"
            )

    def shares(self) -> dict[str, float]:
        """Give the weights of the style layers, with a sum of 1."""
        total = sum(self.style_layers.values())
        return {layer: weight / total for layer, weight in self.style_layers.items() if weight > 0}
