"""How each project names the layers of its VGG."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor

from retouch.features.upstream.fitting import Family, Found, Options, Plan, Tensors
from retouch.features.upstream.preparing import Preparation, preparation_of
from retouch.features.vgg import VGG19

_VGG = (
    "Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition, ICLR 2015, "
    "arXiv:1409.1556"
)
_ADAIN = "Huang, Belongie: Arbitrary Style Transfer in Real-time, ICCV 2017, arXiv:1703.06868"
_WANG = (
    "Wang, Li, Wang, Hu, Yang: Collaborative Distillation for Ultra-Resolution Universal Style Transfer, "
    "CVPR 2020, arXiv:2003.08436"
)
_WITHOUT_TERMS = (
    "without terms of its own; trained on ImageNet, whose terms allow non-commercial research only"
)

_LAYER = re.compile(r"features\.\d{1,3}\.(weight|bias|running_mean|running_var|num_batches_tracked)")


def _torchvision(tensors: Tensors, options: Options) -> Plan | None:
    """``features.0`` …, counted with ReLUs, pools and batch normalisations."""
    first = _kernel(tensors, "features.0", 3)
    if first is None or any(key.startswith("features.") and not _LAYER.fullmatch(key) for key in tensors):
        return None
    numbers = _numbers(tensors, "features.")
    norms = {number for number in numbers if tensors[f"features.{number}.weight"].dim() == 1}
    convolutions = [number for number in numbers if number not in norms]
    return Plan(
        _staged(convolutions, "features.", 3 if norms else 2),
        prepared=preparation_of(first, tensors, options),
        norms={f"features.{number - 1}": f"features.{number}" for number in norms},
        dropped=r"(classifier|pre_logits|head)\..*",
    )


def _gatys(tensors: Tensors, options: Options) -> Plan | None:
    """``conv1_1`` …, and no layer that prepares the picture."""
    if _kernel(tensors, "conv1_1", 3) is None or "entry.weight" in tensors:
        return None
    counts: dict[int, int] = {}
    for key in tensors:
        if match := re.fullmatch(r"conv([1-9])_([1-9])\.weight", key):
            counts[int(match[1])] = max(counts.get(int(match[1]), 0), int(match[2]))
    stages = [
        [f"conv{stage}_{number}" for number in range(1, counts.get(stage, 1) + 1)]
        for stage in range(1, max(counts) + 1)
    ]
    prepared: Preparation = "imagenet" if options.get("preparation") == "imagenet" else "caffe"
    return Plan(stages, prepared=prepared, dropped=r"fc[678]\..*")


def _adain(tensors: Tensors, options: Options) -> Plan | None:
    """``0`` prepares the picture; then numbers that count paddings and ReLUs, too."""
    del options
    if _kernel(tensors, "0", 1) is None or _kernel(tensors, "2", 3) is None:
        return None
    return Plan(_staged(_numbers(tensors, "")[1:], "", 3), entry="0")


def _distilled(tensors: Tensors, options: Options) -> Plan | None:
    """``conv0`` prepares the picture; then ``conv11`` …, and ``conv11_aux``, which training alone needed."""
    del options
    if _kernel(tensors, "conv0", 1) is None or _kernel(tensors, "conv11", 3) is None:
        return None
    last = max(stage for stage in range(1, 6) if f"conv{stage}1.weight" in tensors)
    # The last stage of a file is but the one convolution whose features it is for.
    counts = [*VGG19[: last - 1], 1]
    stages = [
        [f"conv{stage}{number}" for number in range(1, count + 1)]
        for stage, count in enumerate(counts, start=1)
    ]
    return Plan(stages, entry="conv0", dropped=r"conv\d1_aux\.(weight|bias)")


def _kernel(tensors: Tensors, layer: str, side: int) -> Tensor | None:
    """The weight of a convolution of three channels, or None when there is none of that size."""
    found = tensors.get(f"{layer}.weight")
    fits = found is not None and found.dim() == 4 and found.shape[1:] == (3, side, side) and found.numel() > 0
    return found if fits else None


def _numbers(tensors: Tensors, prefix: str) -> list[int]:
    """The numbers of the layers that have a weight."""
    keys = (re.fullmatch(rf"{re.escape(prefix)}(\d{{1,3}})\.weight", key) for key in tensors)
    return sorted({int(match[1]) for match in keys if match})


def _staged(numbers: Sequence[int], prefix: str, step: int) -> list[list[str]]:
    """Sort numbered convolutions into stages.

    Args:
        numbers: of the convolutions.
        prefix: what stands before a number.
        step: from one convolution to the next; across a pool it is one more.

    Returns:
        Of each stage the names of its convolutions. Where a number cannot follow the one before, the last
        name is of those that could, which no file has.
    """
    stages = [[f"{prefix}{numbers[0]}"]]
    for before, number in pairwise(numbers):
        inside, across = before + step, before + step + 1
        if number not in (inside, across):
            stages[-1].append(f"{prefix}{inside} or {prefix}{across}")
            break
        if number == across:
            stages.append([])
        stages[-1].append(f"{prefix}{number}")
    return stages


DISTILLED = Family(
    "distilled VGG-19 (Collaborative Distillation)", "distilled VGG-19", _WANG, "MIT", _distilled, "reflect"
)

FAMILIES: tuple[Family, ...] = (
    Family("torchvision VGG", "torchvision VGG", _VGG, _WITHOUT_TERMS, _torchvision, "zeros"),
    Family("Gatys' VGG-19 (vgg_conv)", "Caffe VGG", _VGG, _WITHOUT_TERMS, _gatys, "zeros"),
    Family(
        "AdaIN's normalised VGG-19", "normalised VGG-19", _ADAIN, _WITHOUT_TERMS, _adain, "reflect", ceil=True
    ),
    DISTILLED,
)
"""Every way, in the order in which they are tried; no file is of two."""


def find_vgg(tensors: Tensors, options: Options, what: str) -> tuple[Family, Found] | None:
    """Recognise a VGG by its keys and shapes.

    Args:
        tensors: those of a file.
        options: what lies beside them.
        what: what to call the file.

    Returns:
        Its family and the network, or None when it is none.

    Raises:
        UnknownWeights: A tensor is missing, left over, or of another shape.
    """
    for family in FAMILIES:
        found = family.find(tensors, options, what)
        if found is not None:
            return family, found
    return None
