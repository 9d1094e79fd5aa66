"""The segmentation network of the FCN-score: reads a street, or a facade, from a picture.

An FCN-8s made small for pictures of 128–256 pixels: a VGG-like encoder with batch norm, a
classifier at 1/32 of the size, and two fusions with finer classifiers at 1/16 and 1/8.

Source: Long, Shelhamer, Darrell, "Fully convolutional networks for semantic segmentation", CVPR
2015, arXiv:1411.4038, section 4.2 (FCN-8s); Simonyan, Zisserman, arXiv:1409.1556 (the encoder).
Departs: thinner, with fewer convolutions a stage and batch norm, so that it trains from scratch in minutes;
one 3×3 convolution for the two fully connected layers; interpolation for the learnt up-sampling.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn
from torch.nn.functional import interpolate

from retouch.errors import InputError
from retouch.weights.architecture import Architecture


class Stage(nn.Sequential):
    """3×3 convolutions with batch norm and ReLU, then a 2×2 maximum.

    Args:
        inputs: channels that come in.
        outputs: channels that go out.
        depth: how many convolutions.
    """

    def __init__(self, inputs: int, outputs: int, depth: int) -> None:
        layers: list[nn.Module] = []
        for index in range(depth):
            layers += [
                nn.Conv2d(outputs if index else inputs, outputs, 3, padding=1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(inplace=True),
            ]
        super().__init__(*layers, nn.MaxPool2d(2, ceil_mode=True))


class Segmenter(nn.Module):
    """Pictures to a score for each class at each pixel.

    Args:
        classes: number of classes K, not counting void.
        width: channels of the first stage; the later ones have 2, 4, 8 and 8 times as many.
        dropout: share of the coarsest features that is dropped while training.

    Raises:
        InputError: a number is out of range.
    """

    def __init__(self, classes: int, width: int = 32, dropout: float = 0.5) -> None:
        super().__init__()
        if classes < 2 or width < 1 or not 0 <= dropout < 1:
            raise InputError(
                f"a segmenter of classes={classes}, width={width}, dropout={dropout}; "
                "use classes ≥ 2, width ≥ 1 and 0 ≤ dropout < 1"
            )
        self.classes = classes
        self.stage1 = Stage(3, width, 1)
        self.stage2 = Stage(width, 2 * width, 2)
        self.stage3 = Stage(2 * width, 4 * width, 2)
        self.stage4 = Stage(4 * width, 8 * width, 2)
        self.stage5 = Stage(8 * width, 8 * width, 2)
        self.context = nn.Sequential(
            nn.Conv2d(8 * width, 8 * width, 3, padding=1, bias=False),
            nn.BatchNorm2d(8 * width),
            nn.ReLU(inplace=True),
            nn.Dropout2d(dropout),
        )
        self.score8 = nn.Conv2d(4 * width, classes, 1)
        self.score16 = nn.Conv2d(8 * width, classes, 1)
        self.score32 = nn.Conv2d(8 * width, classes, 1)
        self._initialise()

    def forward(self, pictures: Tensor) -> Tensor:
        """Score every class at every pixel.

        Args:
            pictures: (B, 3, H, W) in [0, 1], any size.

        Returns:
            (B, K, H, W), unnormalised: give them to a cross entropy, or take the largest.
        """
        eighth = self.stage3(self.stage2(self.stage1(2 * pictures - 1)))  # (B, 4w, H/8, W/8)
        sixteenth = self.stage4(eighth)  # (B, 8w, H/16, W/16)
        coarsest = self.context(self.stage5(sixteenth))  # (B, 8w, H/32, W/32)
        scores = _resized_like(self.score32(coarsest), sixteenth) + self.score16(sixteenth)
        scores = _resized_like(scores, eighth) + self.score8(eighth)
        return _resized_like(scores, pictures)

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        for head in (self.score8, self.score16, self.score32):
            # A new head says nothing, so that the finer ones do not start by adding noise.
            nn.init.zeros_(head.weight)
            nn.init.zeros_(cast("Tensor", head.bias))


SEGMENTER = Architecture("segmenter", "evaluate", Segmenter)
"""Its card: ``sizes`` are those of :class:`Segmenter`, ``value_range`` is (0, 1)."""


def _resized_like(scores: Tensor, wanted: Tensor) -> Tensor:
    return interpolate(scores, size=wanted.shape[2:], mode="bilinear", align_corners=False)
