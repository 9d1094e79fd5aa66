"""Options that the recipes of this task share, and the networks they describe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from torch import nn

from retouch.errors import InputError, UnknownName
from retouch.losses import Adversarial
from retouch.losses.diffaugment import KINDS
from retouch.tasks.translate.network import FCN, Norm, PatchGAN, PixelGAN, ResNet, UNet, Upsampling

GeneratorKind = Literal[
    "unet-256", "unet-128", "unet", "resnet-9", "resnet-6", "fcn-large", "fcn-small", "fcn"
]
DiscriminatorKind = Literal["patch", "pixel"]


@dataclass(frozen=True)
class Generator:
    """The network that makes the picture.

    Args:
        kind: its architecture; unet and fcn with the depth below, the others with their own (fcn-large 8,
            fcn-small 4).
        depth: halvings, of kinds unet and fcn.
        width: channels of its first layer.
        norm: its normalisation.
        dropout: the share of features it drops while training, where the paper drops.
        upsampling: how it doubles maps: transpose as in the papers, blur or resize without checkerboard.
    """

    kind: GeneratorKind = "unet-256"
    depth: int = 8
    width: int = 64
    norm: Norm = "batch"
    dropout: float = 0.5
    upsampling: Upsampling = "transpose"

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        _check_least("generator", self, depth=1, width=1, dropout=0)
        if self.dropout >= 1:
            raise InputError(f"generator.dropout is {self.dropout}; it is a share, from 0 to below 1")

    @property
    def architecture(self) -> str:
        """The name of the architecture in a card."""
        return self.kind.split("-")[0]

    def sizes(self, channels: tuple[int, int]) -> dict[str, int | float | str]:
        """Give the arguments that build it.

        Args:
            channels: of the input and of the output.
        """
        sizes: dict[str, int | float | str] = {
            "input_channels": channels[0],
            "output_channels": channels[1],
            "width": self.width,
            "norm": self.norm,
            "dropout": self.dropout,
            "upsampling": self.upsampling,
        }
        if self.architecture == "resnet":
            return sizes | {"blocks": int(self.kind.split("-")[1])}
        depths = {"unet-256": 8, "unet-128": 7, "fcn-large": 8, "fcn-small": 4}
        return sizes | {"depth": depths.get(self.kind, self.depth)}

    def build(self, channels: tuple[int, int]) -> nn.Module:
        """Make it with fresh weights.

        Args:
            channels: of the input and of the output.
        """
        kinds: dict[str, Callable[..., nn.Module]] = {"unet": UNet, "fcn": FCN, "resnet": ResNet}
        return kinds[self.architecture](**self.sizes(channels))

    def multiple(self) -> int:
        """Say of what the input's height and width must be multiples."""
        return 4 if self.architecture == "resnet" else 2 ** int(self.sizes((3, 3))["depth"])


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
        _check_least("discriminator", self, layers=1, width=1, rate=0)

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
        _check_least("game", self, weight=0, penalty=0, r1=0, feature_matching=0)


@dataclass(frozen=True)
class Pictures:
    """How pictures come to the networks.

    Args:
        size: side of the square that is learned from, in pixels.
        load_size: side that pictures are brought to before the square is cut; 0: size × 286/256.
        flip: mirror half of them.
        jitter: the most by which brightness, contrast and saturation change, 0 to 1.
        direction: AtoB, or BtoA to swap input and target.
    """

    size: int = 256
    load_size: int = 0
    flip: bool = True
    jitter: float = 0.0
    direction: Literal["AtoB", "BtoA"] = "AtoB"

    @property
    def loaded(self) -> int | Literal["paper"]:
        """The side before the square is cut, as :mod:`retouch.data` names it."""
        return self.load_size or "paper"


def check_size(generator: Generator, judge: Discriminator | None, pictures: Pictures) -> None:
    """Refuse pictures that do not fit the networks, before a run is begun that cannot take a step.

    Args:
        generator: what makes pictures.
        judge: what judges them; None when nothing does.
        pictures: how they come to both.

    Raises:
        InputError: The size is no multiple of what the generator halves, or is too small to be judged.
    """
    multiple = generator.multiple()
    if pictures.size % multiple:
        other = "" if generator.architecture == "resnet" else ", or a generator of less depth"
        raise InputError(
            f"pictures.size is {pictures.size}, but generator.kind {generator.kind} takes multiples of "
            f"{multiple}; give --pictures.size {max(1, round(pictures.size / multiple)) * multiple}{other}"
        )
    if judge is not None and pictures.size < judge.smallest:
        raise InputError(
            f"pictures.size is {pictures.size}, but a discriminator of {judge.layers} layers needs "
            f"{judge.smallest}; give a larger --pictures.size or fewer --discriminator.layers"
        )


def _check_least(group: str, options: object, **least: int) -> None:
    for name, lowest in least.items():
        value = getattr(options, name)
        if value < lowest:
            raise InputError(f"{group}.{name} is {value}; it must be at least {lowest}")


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
