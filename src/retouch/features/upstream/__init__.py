"""Read the files of published feature networks.

Source: key names, indices and the preparation of the picture of
    https://github.com/pytorch/vision (``vgg*-*.pth``: RGB less ImageNet's mean, divided by its deviation),
    https://github.com/ProGamerGov/neural-style-pt at 04eab2a (Justin Johnson's ``vgg19-d01eb7cb.pth`` and
    ``vgg16-00b39a1b.pth``, from Caffe: the same keys, and BGR in 0 … 255 less Caffe's mean),
    https://github.com/leongatys/PytorchNeuralStyleTransfer at f15cab5 (``vgg_conv.pth``, as Caffe),
    https://github.com/naoto0804/pytorch-AdaIN (``vgg_normalised.pth``, whose first layer prepares the
    picture) and https://github.com/MingSun-Tse/Collaborative-Distillation at 4a269dc (``1SE.pth`` …
    ``5SE.pth``, likewise).
Departs:
    Batch normalisation is folded into the convolution before it, so ``conv1_1`` is what comes after it.
    Classifiers, and the 1×1 maps to the teacher's widths of distilled files, are dropped.
"""

from __future__ import annotations

from retouch.features.upstream.families import FAMILIES
from retouch.features.upstream.fitting import TASK
from retouch.features.vgg import Vgg
from retouch.weights.architecture import Architecture, Layout

__all__ = ["ARCHITECTURES", "LAYOUTS", "TASK"]

ARCHITECTURES: tuple[Architecture, ...] = (Architecture("vgg", TASK, Vgg),)
"""The networks of this room, under the names that cards use."""

LAYOUTS: tuple[Layout, ...] = tuple(family.layout() for family in FAMILIES)
"""Every family; no file is of two."""
