"""Options that the recipes of this task share, and the networks they describe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import nn

from retouch.errors import InputError
from retouch.tasks.translate.network import FCN, Norm, ResNet, UNet, Upsampling
from retouch.training.game import Discriminator, check_least

GeneratorKind = Literal[
    "unet-256", "unet-128", "unet", "resnet-9", "resnet-6", "fcn-large", "fcn-small", "fcn"
]


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
        check_least("generator", self, depth=1, width=1, dropout=0)
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
