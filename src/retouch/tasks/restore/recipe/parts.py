"""Options of the recipes, and the networks and pictures they describe."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from torch import nn

from retouch import data as pictures_of
from retouch.data.degradations import Chain, Degraded
from retouch.errors import InputError
from retouch.nn.layers import Norm, Upsampling
from retouch.tasks.restore.network import Denoiser, Upscaler
from retouch.training import Data

Sizes = dict[str, int]


@dataclass(frozen=True)
class Network:
    """The network that restores: one that enlarges, or one that keeps the size, as the degradations ask.

    Args:
        width: channels.
        blocks: residual blocks of an upscaler.
        deep: channels of a denoiser at a quarter and an eighth of the size.
        level_blocks: residual blocks of a denoiser on each level, both ways.
    """

    width: int = 64
    blocks: int = 8
    deep: int = 96
    level_blocks: int = 2

    def sizes(self, scale: int) -> Sizes:
        """Give the arguments that build it.

        Args:
            scale: by how much it enlarges.
        """
        if scale > 1:
            return {"width": self.width, "blocks": self.blocks, "scale": scale}
        return {"width": self.width, "deep": self.deep, "blocks": self.level_blocks}

    def build(self, scale: int) -> nn.Module:
        """Make it with fresh weights.

        Args:
            scale: by how much it enlarges.
        """
        return Upscaler(**self.sizes(scale)) if scale > 1 else Denoiser(**self.sizes(scale))


@dataclass(frozen=True)
class UNetSizes:
    """The U-Net of pix2pix.

    Args:
        depth: how often the picture is halved: 7 for squares of 128 px, 8 for 256.
        width: channels of its first layer.
        norm: its normalisation.
        dropout: the share of features it drops while training, where the paper drops.
        upsampling: how it doubles maps: transpose as in the paper, blur or resize without checkerboard.
    """

    depth: int = 7
    width: int = 64
    norm: Norm = "batch"
    dropout: float = 0.0
    upsampling: Upsampling = "transpose"

    def sizes(self, scale: int) -> dict[str, Any]:
        """Give the arguments that build it.

        Args:
            scale: by how much it enlarges.
        """
        return {"scale": scale, **asdict(self)}


@dataclass(frozen=True)
class Pictures:
    """How pictures come to the network.

    Args:
        size: side of the square it learns from, before anything happens to it.
        flip: mirror half of them.
        rotate: turn them by quarter turns.
        zoom: a part of them is cut up to so many times larger, and shrunk, which gives sharper detail.
        shrunk: the part.
    """

    size: int = 160
    flip: bool = True
    rotate: bool = True
    zoom: float = 1.5
    shrunk: float = 0.5

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.size < 16 or self.size % 8:
            raise InputError(f"pictures.size is {self.size}; it must be a multiple of 8, and at least 16")
        if not 1 <= self.zoom <= 8:
            raise InputError(f"pictures.zoom is {self.zoom}; it is a factor from 1 to 8")
        if not 0 <= self.shrunk <= 1:
            raise InputError(f"pictures.shrunk is {self.shrunk}; it is a part of the pictures, from 0 to 1")

    def drawn(self, source: str, chain: Chain) -> Data:
        """Open pictures, and spoil them.

        Args:
            source: a folder of pictures, or a table.
            chain: what happens to them.

        Returns:
            Batches with ``input``, ``target`` and ``noise``.

        Raises:
            DataError: there are no pictures.
            InputError: the size is no multiple of the scale.
        """
        if self.size % chain.scale:
            raise InputError(
                f"pictures.size is {self.size}, and the degradations make it {chain.scale} times smaller; "
                f"give a multiple of {chain.scale}"
            )
        whole = round(self.size * self.zoom)
        resize: Literal["within"] = "within"
        train = pictures_of.singles(
            source,
            "train",
            augment=True,
            size=whole,
            load_size=whole,
            resize=resize,
            flip=self.flip,
            rotate=self.rotate,
        )
        held = pictures_of.singles(source, "val", augment=False, size=None, resize=resize)
        return pictures_of.Drawn(
            Degraded(train, chain, size=self.size, zoom=self.zoom, shrunk=self.shrunk),
            Degraded(held, chain, fixed=True),
        )
