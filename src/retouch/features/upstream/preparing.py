"""How the picture is prepared for a VGG, and how to tell from a file which way it wants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, cast, get_args

import torch
from torch import Tensor

Preparation = Literal["imagenet", "caffe"]
"""RGB in [0, 1] less ImageNet's mean and divided by its deviation; or BGR in 0 … 255 less Caffe's mean."""

_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)
_CAFFE_MEAN = (103.939, 116.779, 123.68)

_FIRST_NUMBERS: tuple[tuple[tuple[float, float, float], Preparation], ...] = (
    ((-0.05347, 0.01702, -0.04489), "imagenet"),  # vgg19-dcbb9e9d
    ((-0.5537, 0.1755, 0.3130), "imagenet"),  # vgg16-397923af
    ((0.34120, 0.46418, 0.39417), "caffe"),  # VGG_ILSVRC_19_layers
    ((0.42947, 0.55038, 0.48002), "caffe"),  # VGG_ILSVRC_16_layers
)
"""The upper left corner of the first filter of conv1_1, by channel, of files that have the same keys.

The range of the weights does not tell them apart: both were trained from weights of the same size.
"""

_CLOSE = 1e-4

_CAFFE_NAMES = ("d01eb7cb", "00b39a1b", "caffe")
"""What the names of Caffe's files hold: the beginning of their checksum, as their author named them."""


def preparation_of(first: Tensor, tensors: Mapping[str, Tensor], options: Mapping[str, str]) -> Preparation:
    """Tell torchvision's files from those of Caffe, which name their tensors alike.

    Args:
        first: (C, 3, 3, 3), the weight of conv1_1.
        tensors: those of the file.
        options: what lies beside them; ``"preparation"`` overrules everything else.

    Returns:
        How the picture is to be prepared; ``"imagenet"`` when nothing speaks for Caffe.
    """
    asked = options.get("preparation", "")
    if asked in get_args(Preparation):
        return cast("Preparation", asked)
    # torchvision counts the layers of its classifier otherwise: 0, 3, 6.
    if "classifier.1.weight" in tensors:
        return "caffe"
    corner = first[0, :, 0, 0].float()
    for known, preparation in _FIRST_NUMBERS:
        if torch.allclose(corner, torch.tensor(known), rtol=0, atol=_CLOSE):
            return preparation
    name = options.get("file_name", "").lower()
    return "caffe" if any(part in name for part in _CAFFE_NAMES) else "imagenet"


def entry_of(preparation: Preparation) -> dict[str, Tensor]:
    """Write a preparation as the first layer of a :class:`~retouch.features.vgg.Vgg`.

    Args:
        preparation: how.

    Returns:
        ``entry.weight``, (3, 3, 1, 1), and ``entry.bias``, (3,), for RGB in [0, 1].
    """
    if preparation == "caffe":
        matrix, shift = 255 * torch.eye(3).flip(0), -torch.tensor(_CAFFE_MEAN)
    else:
        deviation = torch.tensor(_DEVIATION)
        matrix, shift = torch.diag(1 / deviation), -torch.tensor(_MEAN) / deviation
    return {"entry.weight": matrix.view(3, 3, 1, 1), "entry.bias": shift}
