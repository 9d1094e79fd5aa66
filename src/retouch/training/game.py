"""Options of adversarial training that recipes of several tasks share: the judge, and the game it plays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from torch import nn

from retouch.errors import InputError, UnknownName
from retouch.losses import Adversarial
from retouch.losses.diffaugment import KINDS
from retouch.nn.discriminators import PatchGAN, PixelGAN
from retouch.nn.layers import Norm

R1_EVERY = 16
"""Batches between two R1 penalties (Karras et al. 2020, arXiv:1912.04958, appendix B)."""

DiscriminatorKind = Literal["patch", "pixel"]


@dataclass(frozen=True)
class Discriminator:
    """The network that tells real pictures from made ones.

    Args:
        kind: patch judges patches, pixel judges every pixel for itself.
        layers: of kind patch: 3 for 70×70 pixels, 1 for 16×16, 5 for 286×286.
        width: channels of its first layer.
        norm: its normalisation.
        conditional: show it the input beside the picture.
        rate: its learning rate, as a multiple of the generator's.
    """

    kind: DiscriminatorKind = "patch"
    layers: int = 3
    width: int = 64
    norm: Norm = "batch"
    conditional: bool = True
    rate: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        check_least("discriminator", self, layers=1, width=1, rate=0)

    @property
    def smallest(self) -> int:
        """The side, in pixels, below which there is no patch to judge."""
        return 1 if self.kind == "pixel" else 3 * 2**self.layers

    def build(self, channels: int) -> nn.Module:
        """Make it with fresh weights.

        Args:
            channels: of what it is shown.
        """
        if self.kind == "pixel":
            return PixelGAN(channels, width=self.width, norm=self.norm)
        return PatchGAN(channels, layers=self.layers, width=self.width, norm=self.norm)


@dataclass(frozen=True)
class Game:
    """The adversarial part of the loss.

    Args:
        kind: vanilla, least-squares, hinge or wgan-gp.
        weight: of the generator's adversarial loss; 0: no discriminator at all.
        penalty: weight of the gradient penalty; of wgan-gp only, the paper's is 10.
        r1: weight γ of the R1 penalty; 0: none. It is computed for every 16th batch, with 16 times the
            weight. Of a conditional discriminator it is the slope by the input and the picture together.
        augment: DiffAugment: color, translation, cutout, with commas between; empty: none.
        feature_matching: weight of the feature-matching loss; 0: none.
    """

    kind: Adversarial = "vanilla"
    weight: float = 1.0
    penalty: float = 10.0
    r1: float = 0.0
    augment: str = ""
    feature_matching: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what does not exist."""
        if self.kind not in get_args(Adversarial):
            raise UnknownName("adversarial loss", self.kind, get_args(Adversarial))
        strange = {item.strip() for item in self.augment.split(",")} - {"", *KINDS}
        if strange:
            raise InputError(
                f"game.augment names {min(strange)!r}; it can be any of {', '.join(KINDS)}, with commas"
            )
        check_least("game", self, weight=0, penalty=0, r1=0, feature_matching=0)


def check_critic(game: Game, judge: Discriminator) -> None:
    """Refuse a gradient penalty on a critic whose pictures in a batch see one another.

    Raises:
        InputError: The critic has batch normalisation.
    """
    if game.kind == "wgan-gp" and game.weight and judge.norm == "batch":
        raise InputError(
            "wgan-gp needs a critic without batch normalisation, whose slope is not that of one picture; "
            "add --discriminator.norm instance or none"
        )


def bare(judge: nn.Module) -> PatchGAN | PixelGAN:
    """Find the discriminator inside what torch.compile makes of it.

    Its maps are not to be had from outside, and the slope of a slope, which penalties need, not at all.
    """
    inner = getattr(judge, "_orig_mod", judge)
    if not isinstance(inner, PatchGAN | PixelGAN):
        raise TypeError(f"a {type(inner).__name__} is no discriminator of this task")
    return inner


def check_least(group: str, options: object, **least: int) -> None:
    """Refuse numbers that are too small.

    Args:
        group: what the options are called.
        options: whose fields are looked at.
        least: field → the smallest it may be.

    Raises:
        InputError: one is smaller.
    """
    for name, lowest in least.items():
        value = getattr(options, name)
        if value < lowest:
            raise InputError(f"{group}.{name} is {value}; it must be at least {lowest}")
