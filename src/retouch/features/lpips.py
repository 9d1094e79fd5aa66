"""LPIPS v0.1: how different two pictures look, by the features of a classifying network.

The features of AlexNet or VGG-16 are scaled to unit length at every position; their squared
differences are weighted by channel with numbers fitted to people's judgements, and averaged.

Source: Zhang, Isola, Efros, Shechtman, Wang, "The unreasonable effectiveness of deep features as
a perceptual metric", CVPR 2018, arXiv:1801.03924, equation 1. Departs: none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import torch
from torch import Tensor, nn

from retouch.errors import InputError, UnknownName, UnreadableWeights
from retouch.features.published import PublishedFile, load_into, read_published
from retouch.nn.stacks import check_pair

Backbone = Literal["alex", "vgg"]

_TORCHVISION = "BSD-3-Clause code; the weights without terms of their own, trained on ImageNet"
_LPIPS = "https://github.com/richzhang/PerceptualSimilarity/tree/master/lpips/weights/v0.1"
_LPIPS_TERMS = "BSD-2-Clause"

BACKBONE_FILES: dict[Backbone, PublishedFile] = {
    "alex": PublishedFile(
        "alexnet-owt-7be5be79.pth",
        sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        address="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
        licence=_TORCHVISION,
    ),
    "vgg": PublishedFile(
        "vgg16-397923af.pth",
        sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        address="https://download.pytorch.org/models/vgg16-397923af.pth",
        licence=_TORCHVISION,
    ),
}
"""The networks whose features are compared: ``features.{i}.weight``, ``features.{i}.bias``."""

HEAD_FILES: dict[Backbone, PublishedFile] = {
    "alex": PublishedFile(
        "alex.pth",
        sha256="df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
        address=f"{_LPIPS}/alex.pth",
        licence=_LPIPS_TERMS,
    ),
    "vgg": PublishedFile(
        "vgg.pth",
        sha256="a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
        address=f"{_LPIPS}/vgg.pth",
        licence=_LPIPS_TERMS,
    ),
}
"""The weights of the channels: ``lin{i}.model.1.weight`` of shape (1, C, 1, 1)."""

SMALLEST = 32
_EPSILON = 1e-10

# ImageNet's mean and deviation, for pictures in [-1, 1].
_MEAN = (-0.030, -0.088, -0.188)
_DEVIATION = (0.458, 0.448, 0.450)


@dataclass(frozen=True, slots=True)
class _Plan:
    """A stack of convolutions, each with its ReLU, and maximum pools between them.

    Args:
        convolutions: (outputs, kernel, stride, padding), or None for a pool.
        pool: kernel of the pools; the stride is 2.
        taps: positions in ``features`` after which the features are compared.
        channels: of the features there.
    """

    convolutions: tuple[tuple[int, int, int, int] | None, ...]
    pool: int
    taps: tuple[int, ...]
    channels: tuple[int, ...]


_PLANS: dict[Backbone, _Plan] = {
    "alex": _Plan(
        ((64, 11, 4, 2), None, (192, 5, 1, 2), None, (384, 3, 1, 1), (256, 3, 1, 1), (256, 3, 1, 1)),
        pool=3,
        taps=(1, 4, 7, 9, 11),
        channels=(64, 192, 384, 256, 256),
    ),
    "vgg": _Plan(
        (
            *2 * ((64, 3, 1, 1),),
            None,
            *2 * ((128, 3, 1, 1),),
            None,
            *3 * ((256, 3, 1, 1),),
            None,
            *3 * ((512, 3, 1, 1),),
            None,
            *3 * ((512, 3, 1, 1),),
        ),
        pool=2,
        taps=(3, 8, 15, 22, 29),
        channels=(64, 128, 256, 512, 512),
    ),
}


class FeatureStack(nn.Module):
    """The convolutions of AlexNet or VGG-16, up to the last that LPIPS looks at.

    Args:
        backbone: which of the two.

    Raises:
        UnknownName: It is neither.
    """

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        if backbone not in _PLANS:
            raise UnknownName("LPIPS backbone", backbone, _PLANS)
        plan = _PLANS[backbone]
        self._taps = plan.taps
        layers: list[nn.Module] = []
        inputs = 3
        for step in plan.convolutions:
            if step is None:
                layers.append(nn.MaxPool2d(plan.pool, 2))
            else:
                outputs, kernel, stride, padding = step
                layers += [nn.Conv2d(inputs, outputs, kernel, stride, padding), nn.ReLU()]
                inputs = outputs
        self.features = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 3, H, W), normalised as ImageNet → the five features (B, C, h, w), finest first."""
        found = []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in self._taps:
                found.append(x)
        return found


class Lpips(nn.Module):
    """How different two pictures look: 0 for identical ones, around 1 for unrelated ones.

    Args:
        backbone: ``"alex"``, which the authors report with, or ``"vgg"``.

    Raises:
        UnknownName: It is neither.
    """

    def __init__(self, backbone: Backbone = "alex") -> None:
        super().__init__()
        self.backbone: Backbone = backbone
        self.stack = FeatureStack(backbone)
        self.heads = nn.ParameterList(torch.zeros(1, count, 1, 1) for count in _PLANS[backbone].channels)

    @classmethod
    def from_tensors(
        cls, features: Mapping[str, Tensor], heads: Mapping[str, Tensor], backbone: Backbone = "alex"
    ) -> Self:
        """Build the metric around published tensors.

        Args:
            features: the classifying network's, ``features.{i}.weight`` and ``.bias``; its
                ``classifier.`` is left out.
            heads: ``lin{i}.model.1.weight``.
            backbone: which network they are of.

        Returns:
            The metric, frozen and in eval mode.

        Raises:
            UnknownName: There is no such backbone.
            UnknownWeights: A key is missing or left over, or a shape differs.
        """
        with torch.device("meta"):
            network = cls(backbone)
        load_into(network.stack, features, BACKBONE_FILES[backbone].name, unused=("classifier.",))
        holder = nn.Module()
        holder.register_module("heads", network.heads)
        renamed = {_head_name(key): value for key, value in heads.items()}
        load_into(holder, renamed, HEAD_FILES[backbone].name)
        return network.requires_grad_(False).eval()

    @classmethod
    def from_file(cls, features: str | Path, heads: str | Path, backbone: Backbone = "alex") -> Self:
        """Read the published files.

        Args:
            features: where the file of :data:`BACKBONE_FILES` is, or its folder.
            heads: where the file of :data:`HEAD_FILES` is, or its folder.
            backbone: which network they are of.

        Returns:
            The metric, frozen and in eval mode.

        Raises:
            UnknownName: There is no such backbone.
            UnreadableWeights: A file is not there, or is another one; the message says where to
                get it.
            UnknownWeights: A key is missing or left over, or a shape differs.
        """
        if backbone not in _PLANS:
            raise UnknownName("LPIPS backbone", backbone, _PLANS)
        return cls.from_tensors(
            read_published(features, BACKBONE_FILES[backbone]),
            read_published(heads, HEAD_FILES[backbone]),
            backbone,
        )

    @classmethod
    def in_folder(cls, folder: Path, backbones: Sequence[Backbone], *, needed: bool) -> Self | None:
        """Read the published files of the first backbone that has both of them in a folder.

        Args:
            folder: where published networks are.
            backbones: in the order in which they are wanted.
            needed: not to have any is an error.

        Returns:
            The metric; None when there is none.

        Raises:
            UnreadableWeights: There is none and one is needed, or a file is another one.
        """
        for backbone in backbones:
            files = folder / BACKBONE_FILES[backbone].name, folder / HEAD_FILES[backbone].name
            if all(file.is_file() for file in files):
                return cls.from_file(*files, backbone)
        if not needed:
            return None
        sets = " or ".join(f"{BACKBONE_FILES[one].name} and {HEAD_FILES[one].name}" for one in backbones)
        first = backbones[0]
        raise UnreadableWeights(
            f"LPIPS needs {sets} at {folder}, and there is neither; download the first ones from "
            f"{BACKBONE_FILES[first].address} and {HEAD_FILES[first].address} and put them there"
        )

    @property
    def protocol(self) -> str:
        """What a report says about the number."""
        return f"LPIPS v0.1, {self.backbone}, at the pictures' own size"

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Compare pictures pair by pair.

        Args:
            a: (B, 3, H, W) in [0, 1], at least 32×32.
            b: like ``a``.

        Returns:
            (B,), 0 where a pair is identical.

        Raises:
            SizeMismatch: The stacks have different shapes.
            InputError: They are not (B, 3, H, W), or smaller than 32×32.
        """
        check_pair(a, b)
        if a.shape[1] != 3 or min(a.shape[2:]) < SMALLEST:
            raise InputError(
                f"LPIPS got {tuple(a.shape)}; "
                f"it compares (B, 3, H, W) of at least {SMALLEST}×{SMALLEST} pixels"
            )
        total = a.new_zeros(len(a))
        of_a, of_b = self.stack(_as_imagenet(a)), self.stack(_as_imagenet(b))
        for one, other, weights in zip(of_a, of_b, self.heads, strict=True):
            apart = (_unit(one) - _unit(other)).square()  # (B, C, h, w)
            total = total + (apart * weights).sum(dim=1).mean(dim=(1, 2))
        return total


def _head_name(key: str) -> str:
    """``lin0.model.1.weight`` → ``heads.0``; anything else stays, and is reported as foreign."""
    name, _, rest = key.partition(".")
    known = rest == "model.1.weight" and name.startswith("lin") and name[3:].isdecimal()
    return f"heads.{int(name[3:])}" if known else key


def _as_imagenet(pictures: Tensor) -> Tensor:
    mean = pictures.new_tensor(_MEAN).view(1, 3, 1, 1)
    deviation = pictures.new_tensor(_DEVIATION).view(1, 3, 1, 1)
    return (2 * pictures - 1 - mean) / deviation


def _unit(features: Tensor) -> Tensor:
    return features / (features.square().sum(dim=1, keepdim=True).sqrt() + _EPSILON)
