"""Inception v3 as FID and KID use it: pictures to 2048 features.

The tensors are named as in the published file, so it loads without renaming. That network was
trained in TensorFlow; three things differ from the Inception v3 that other libraries ship: average
pools leave the padding out of the mean, the last block has a maximum for an average, and there
are 1008 classes.

Source: Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, "Rethinking the Inception architecture for
computer vision", CVPR 2016, arXiv:1512.00567, table 1. Departs: as above, after the published file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d

from retouch.errors import UnknownName
from retouch.features.published import PublishedFile, load_into, read_published

INCEPTION_FILE = PublishedFile(
    "pt_inception-2015-12-05-6726825d.pth",
    sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    address="https://github.com/mseitzer/pytorch-fid/releases/tag/fid_weights",
    licence="Apache-2.0",
)

Resizing = Literal["clean", "legacy"]

PROTOCOLS: dict[Resizing, str] = {
    "clean": "Inception v3 (2015-12-05) pool, 299 px by anti-aliased bicubic in float, as clean-fid",
    "legacy": "Inception v3 (2015-12-05) pool, 299 px by bilinear without anti-aliasing, as pytorch-fid",
}

_SIDE = 299


class ConvUnit(nn.Module):
    """Convolution without bias, batch norm, ReLU.

    Args:
        inputs: channels that come in.
        outputs: channels that go out.
        kernel: its height and width.
        stride: of the convolution.
        same: pad so that the size stays; otherwise not at all.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: tuple[int, int], stride: int = 1, *, same: bool = True
    ) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2) if same else (0, 0)
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) → (B, outputs, H', W')."""
        activated: Tensor = self.bn(self.conv(x)).relu_()
        return activated


class InceptionA(nn.Module):
    """Figure 5 of the paper: 1×1, 5×5, two 3×3, and a pool beside each other."""

    def __init__(self, inputs: int, pooled: int) -> None:
        super().__init__()
        self.branch1x1 = ConvUnit(inputs, 64, (1, 1))
        self.branch5x5_1 = ConvUnit(inputs, 48, (1, 1))
        self.branch5x5_2 = ConvUnit(48, 64, (5, 5))
        self.branch3x3dbl_1 = ConvUnit(inputs, 64, (1, 1))
        self.branch3x3dbl_2 = ConvUnit(64, 96, (3, 3))
        self.branch3x3dbl_3 = ConvUnit(96, 96, (3, 3))
        self.branch_pool = ConvUnit(inputs, pooled, (1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, 35, 35) → (B, 224 + pooled, 35, 35)."""
        five = self.branch5x5_2(self.branch5x5_1(x))
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat((self.branch1x1(x), five, double, self.branch_pool(_average(x))), dim=1)


class InceptionB(nn.Module):
    """From 35×35 to 17×17."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.branch3x3 = ConvUnit(inputs, 384, (3, 3), 2, same=False)
        self.branch3x3dbl_1 = ConvUnit(inputs, 64, (1, 1))
        self.branch3x3dbl_2 = ConvUnit(64, 96, (3, 3))
        self.branch3x3dbl_3 = ConvUnit(96, 96, (3, 3), 2, same=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, 35, 35) → (B, 480 + inputs, 17, 17)."""
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat((self.branch3x3(x), double, max_pool2d(x, 3, 2)), dim=1)


class InceptionC(nn.Module):
    """Figure 6: 7×7 cut into 1×7 and 7×1."""

    def __init__(self, inputs: int, middle: int) -> None:
        super().__init__()
        self.branch1x1 = ConvUnit(inputs, 192, (1, 1))
        self.branch7x7_1 = ConvUnit(inputs, middle, (1, 1))
        self.branch7x7_2 = ConvUnit(middle, middle, (1, 7))
        self.branch7x7_3 = ConvUnit(middle, 192, (7, 1))
        self.branch7x7dbl_1 = ConvUnit(inputs, middle, (1, 1))
        self.branch7x7dbl_2 = ConvUnit(middle, middle, (7, 1))
        self.branch7x7dbl_3 = ConvUnit(middle, middle, (1, 7))
        self.branch7x7dbl_4 = ConvUnit(middle, middle, (7, 1))
        self.branch7x7dbl_5 = ConvUnit(middle, 192, (1, 7))
        self.branch_pool = ConvUnit(inputs, 192, (1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, 17, 17) → (B, 768, 17, 17)."""
        seven = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        return torch.cat((self.branch1x1(x), seven, double, self.branch_pool(_average(x))), dim=1)


class InceptionD(nn.Module):
    """From 17×17 to 8×8."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.branch3x3_1 = ConvUnit(inputs, 192, (1, 1))
        self.branch3x3_2 = ConvUnit(192, 320, (3, 3), 2, same=False)
        self.branch7x7x3_1 = ConvUnit(inputs, 192, (1, 1))
        self.branch7x7x3_2 = ConvUnit(192, 192, (1, 7))
        self.branch7x7x3_3 = ConvUnit(192, 192, (7, 1))
        self.branch7x7x3_4 = ConvUnit(192, 192, (3, 3), 2, same=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, 17, 17) → (B, 512 + inputs, 8, 8)."""
        three = self.branch3x3_2(self.branch3x3_1(x))
        seven = self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x))))
        return torch.cat((three, seven, max_pool2d(x, 3, 2)), dim=1)


class InceptionE(nn.Module):
    """Figure 7: the 3×3 spread out into 1×3 beside 3×1."""

    def __init__(self, inputs: int, *, maximum: bool) -> None:
        super().__init__()
        self._maximum = maximum
        self.branch1x1 = ConvUnit(inputs, 320, (1, 1))
        self.branch3x3_1 = ConvUnit(inputs, 384, (1, 1))
        self.branch3x3_2a = ConvUnit(384, 384, (1, 3))
        self.branch3x3_2b = ConvUnit(384, 384, (3, 1))
        self.branch3x3dbl_1 = ConvUnit(inputs, 448, (1, 1))
        self.branch3x3dbl_2 = ConvUnit(448, 384, (3, 3))
        self.branch3x3dbl_3a = ConvUnit(384, 384, (1, 3))
        self.branch3x3dbl_3b = ConvUnit(384, 384, (3, 1))
        self.branch_pool = ConvUnit(inputs, 192, (1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, 8, 8) → (B, 2048, 8, 8)."""
        three = self.branch3x3_1(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        parts = (
            self.branch1x1(x),
            self.branch3x3_2a(three),
            self.branch3x3_2b(three),
            self.branch3x3dbl_3a(double),
            self.branch3x3dbl_3b(double),
            self.branch_pool(max_pool2d(x, 3, 1, 1) if self._maximum else _average(x)),
        )
        return torch.cat(parts, dim=1)


class InceptionV3(nn.Module):
    """Pictures of any size to the 2048 features of Inception's last pool.

    Args:
        resizing: ``"clean"`` or ``"legacy"``, see :data:`PROTOCOLS`; the distances of the two do
            not compare.

    Raises:
        UnknownName: There is no such resizing.
    """

    def __init__(self, resizing: Resizing = "clean") -> None:
        super().__init__()
        if resizing not in PROTOCOLS:
            raise UnknownName("resizing", resizing, PROTOCOLS)
        self.resizing: Resizing = resizing
        self.Conv2d_1a_3x3 = ConvUnit(3, 32, (3, 3), 2, same=False)
        self.Conv2d_2a_3x3 = ConvUnit(32, 32, (3, 3), same=False)
        self.Conv2d_2b_3x3 = ConvUnit(32, 64, (3, 3))
        self.Conv2d_3b_1x1 = ConvUnit(64, 80, (1, 1))
        self.Conv2d_4a_3x3 = ConvUnit(80, 192, (3, 3), same=False)
        self.Mixed_5b = InceptionA(192, 32)
        self.Mixed_5c = InceptionA(256, 64)
        self.Mixed_5d = InceptionA(288, 64)
        self.Mixed_6a = InceptionB(288)
        self.Mixed_6b = InceptionC(768, 128)
        self.Mixed_6c = InceptionC(768, 160)
        self.Mixed_6d = InceptionC(768, 160)
        self.Mixed_6e = InceptionC(768, 192)
        self.Mixed_7a = InceptionD(768)
        self.Mixed_7b = InceptionE(1280, maximum=False)
        self.Mixed_7c = InceptionE(2048, maximum=True)
        self.fc = nn.Linear(2048, 1008)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], resizing: Resizing = "clean") -> Self:
        """Build the network around published tensors.

        Args:
            tensors: key → tensor, as in :data:`INCEPTION_FILE`.
            resizing: as for the class.

        Returns:
            The network, frozen and in eval mode.

        Raises:
            UnknownWeights: A key is missing or left over, or a shape differs.
        """
        with torch.device("meta"):
            network = cls(resizing)
        load_into(network, tensors, INCEPTION_FILE.name)
        return network

    @classmethod
    def from_file(cls, path: str | Path, resizing: Resizing = "clean") -> Self:
        """Read the published file.

        Args:
            path: where :data:`INCEPTION_FILE` is, or the folder that holds it.
            resizing: as for the class.

        Returns:
            The network, frozen and in eval mode.

        Raises:
            UnreadableWeights: The file is not there, or is another one; the message says where to
                get it.
            UnknownWeights: A key is missing or left over, or a shape differs.
        """
        return cls.from_tensors(read_published(path, INCEPTION_FILE), resizing)

    @property
    def protocol(self) -> str:
        """What a report says about the features."""
        return PROTOCOLS[self.resizing]

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] → (B, 2048)."""
        x = resized_for_inception(pictures, self.resizing)
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))  # (B, 64, 147, 147)
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(max_pool2d(x, 3, 2)))  # (B, 192, 71, 71)
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(max_pool2d(x, 3, 2))))  # (B, 288, 35, 35)
        x = self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))  # (B, 768, 17, 17)
        x = self.Mixed_7a(self.Mixed_6e(self.Mixed_6d(x)))  # (B, 1280, 8, 8)
        x = self.Mixed_7c(self.Mixed_7b(x))  # (B, 2048, 8, 8)
        features: Tensor = x.mean(dim=(2, 3))
        return features


def resized_for_inception(pictures: Tensor, resizing: Resizing) -> Tensor:
    """Bring pictures to the size and value range of Inception.

    Args:
        pictures: (B, 3, H, W) in [0, 1].
        resizing: ``"clean"``: Pillow's anti-aliased bicubic on unrounded values, then
            (x − 128) / 128 of 0…255. ``"legacy"``: bilinear without anti-aliasing, then 2x − 1.

    Returns:
        (B, 3, 299, 299), about [-1, 1]; bicubic overshoots are kept.

    Source:
        Parmar, Zhang, Zhu, "On aliased resizing and surprising subtleties in GAN evaluation",
        CVPR 2022, arXiv:2104.11222.
    """
    size = (_SIDE, _SIDE)
    if resizing == "legacy":
        return 2 * interpolate(pictures, size=size, mode="bilinear", align_corners=False) - 1
    resized = interpolate(pictures, size=size, mode="bicubic", align_corners=False, antialias=True)
    return resized * (255 / 128) - 1


def _average(x: Tensor) -> Tensor:
    return avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)
