"""Options of the recipe, and the networks they describe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import nn

from retouch.errors import InputError
from retouch.tasks.inpaint.network import DiscriminatorNorm, Edges, FFCGenerator, PatchDiscriminator
from retouch.tasks.inpaint.network.fourier import FFCResnetBlock

LocalPath = Literal["conv", "spectral", "all-spectral", "global"]
"""What the local convolution of a block is: a convolution, a spectral transform, a spectral transform between
all channels, or absent, all channels being global."""


@dataclass(frozen=True)
class Generator:
    """The network that fills.

    Args:
        width: channels of its first layer.
        blocks: residual blocks.
        ratio: the global part of their channels.
        downsampling: halvings.
        lfu: local Fourier units.
        edges: what lies beyond the picture for Fourier units: periodic as in LaMa, or mirror.
        still: its blocks change nothing at first, with which it learns sooner to show what it is shown.
    """

    width: int = 64
    blocks: int = 9
    ratio: float = 0.75
    downsampling: int = 3
    lfu: bool = False
    edges: Edges = "periodic"
    still: bool = False

    def sizes(self, local: LocalPath) -> dict[str, int | float | str]:
        """Give the arguments that build it.

        Args:
            local: how its blocks look around.
        """
        sizes: dict[str, int | float | str] = {
            "width": self.width,
            "blocks": self.blocks,
            "ratio": 1.0 if local == "global" else self.ratio,
            "downsampling": self.downsampling,
            "lfu": self.lfu,
            "edges": self.edges,
        }
        return sizes if local in ("conv", "global") else sizes | {"local": local}

    def build(self, local: LocalPath) -> nn.Module:
        """Make it with fresh weights.

        Args:
            local: how its blocks look around.
        """
        network = FFCGenerator(**self.sizes(local))  # type: ignore[arg-type]
        if self.still:
            for block in network.model:
                if isinstance(block, FFCResnetBlock):
                    for norm in (block.conv2.bn_l, block.conv2.bn_g):
                        if norm is not None:
                            nn.init.zeros_(norm.weight)
        return network


@dataclass(frozen=True)
class Discriminator:
    """The network that judges.

    Args:
        width: channels of its first layer.
        layers: halvings.
        norm: batch as LaMa; auto: batch, but none for a Wasserstein critic.
        rate: its learning rate, as a part of the generator's.
        fake: which patches count as fake: nearest as in LaMa's code, maxpool as in its paper.
        sees: the prediction, as in LaMa, or the photo with the hole filled.
        every: for wgan-gp, steps of the critic to one of the generator.
        slope_every: for r1, steps from one penalty to the next, which then weighs as many times as much;
            1 in LaMa, and 16 takes two thirds of the time.
    """

    width: int = 64
    layers: int = 4
    norm: Literal["auto"] | DiscriminatorNorm = "auto"
    rate: float = 0.1
    fake: Literal["nearest", "maxpool"] = "nearest"
    sees: Literal["predicted", "inpainted"] = "predicted"
    every: int = 1
    slope_every: int = 1

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        for name, least in (("rate", 0), ("every", 1), ("slope_every", 1)):
            if (value := getattr(self, name)) < least:
                raise InputError(f"discriminator.{name} is {value}; it must be at least {least}")

    def build(self, *, critic: bool) -> PatchDiscriminator:
        """Make it with fresh weights.

        Args:
            critic: it is for wgan-gp.
        """
        auto: DiscriminatorNorm = "none" if critic else "batch"
        return PatchDiscriminator(self.width, self.layers, auto if self.norm == "auto" else self.norm)


@dataclass(frozen=True)
class Weights:
    """How much each term of the loss weighs.

    Args:
        known: absolute difference outside the hole.
        missing: absolute difference inside it; 0 in LaMa.
        adversarial: of the generator.
        feature_matching: what the discriminator sees.
        perceptual: what a frozen network sees.
        frequency: difference of the spectra; 0 in LaMa.
        slope: of r1, on the discriminator.
        penalty: of wgan-gp, on the critic.
    """

    known: float = 10.0
    missing: float = 0.0
    adversarial: float = 10.0
    feature_matching: float = 100.0
    perceptual: float = 30.0
    frequency: float = 0.0
    slope: float = 0.001
    penalty: float = 10.0

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        for name, value in vars(self).items():
            if not 0 <= value < float("inf"):
                raise InputError(f"weights.{name} is {value}; it must be a number from 0")
        if not any((self.known, self.missing, self.adversarial, self.perceptual, self.frequency)):
            raise InputError("all weights are 0, which leaves nothing to learn; give weights.known=10")


@dataclass(frozen=True)
class Pictures:
    """How pictures come to the network.

    Args:
        size: side of the square that is filled.
        load: the shorter side a picture is brought to before the square is cut out; 0 keeps its pixels.
        flip: mirror half of them.
        rotate: turn them by quarter turns.
        jitter: by how much brightness, contrast and saturation change.
        zoom: cut a square that is up to so many times larger, and shrink it.
    """

    size: int = 256
    load: int = 0
    flip: bool = True
    rotate: bool = False
    jitter: float = 0.0
    zoom: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.size < 16 or self.size % 8:
            raise InputError(f"pictures.size is {self.size}; it must be a multiple of 8, and at least 16")
        if not 1 <= self.zoom <= 8:
            raise InputError(f"pictures.zoom is {self.zoom}; it is a factor from 1 to 8")
        if self.load and self.load < self.drawn:
            raise InputError(
                f"pictures.load is {self.load}, and squares of {self.drawn} pixels are cut; "
                "give a larger one, or 0 for the pictures' own pixels"
            )

    @property
    def drawn(self) -> int:
        """The side of what is cut out before it is zoomed."""
        return round(self.size * self.zoom)
