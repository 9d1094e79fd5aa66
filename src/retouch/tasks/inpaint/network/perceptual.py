"""Which network a perceptual loss looks through: what a file holds, and what is on this machine.

Source: key names of the ADE20k encoder (CSAIL semantic segmentation, ``encoder_epoch_20.pth``) and of
    torchvision's ResNet-50; those of the VGG-19 are in :mod:`retouch.features.upstream`.
Departs: a LaMa checkpoint that kept ``loss_resnet_pl.impl.`` is read for it, too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, cast, get_args

from torch import Tensor

from retouch.errors import UnknownName, UnknownWeights, WeightsError
from retouch.features.filling import filled
from retouch.features.upstream.families import DISTILLED, find_vgg
from retouch.features.vgg import VGG19
from retouch.tasks.inpaint.network.features import Bottleneck, DilatedResNet, Kernel, Kind, Perceptual, Vgg19
from retouch.weights.fetch import home
from retouch.weights.read import read

Choice = Literal["auto", "ade20k", "imagenet", "vgg", "none"]
"""A perceptual network by name; ``auto`` is the best that is present, in the order of this list."""

FILES: Mapping[Kind, tuple[str, ...]] = {
    "ade20k": (
        "perceptual-ade20k.pth",
        "encoder_epoch_20.pth",
        "**/ade20k-resnet50dilated-ppm_deepsup/encoder_epoch_20.pth",
    ),
    "imagenet": ("perceptual-imagenet.pth", "resnet50-*.pth"),
    "vgg": ("perceptual-vgg.pth", "vgg19.pth", "vgg19-*.pth", "5SE.pth", "distilled_vgg19/5SE.pth"),
}
"""Under which names, or patterns of names, the networks are looked for; the first is the best."""

_LAMA = "loss_resnet_pl.impl."

_NORM = ("weight", "bias", "running_mean", "running_var")


def find_perceptual(choice: Choice, place: str | os.PathLike[str] | None = None) -> Perceptual | None:
    """Give the perceptual network that was asked for, or the best that is present.

    Args:
        choice: its name; ``auto`` takes ADE20k before ImageNet before VGG before none.
        place: a file, or a folder in which the files of :data:`FILES` are looked for; the folder of
            fetched weights when None.

    Returns:
        The network, or None for ``none``, and for ``auto`` when nothing is there.

    Raises:
        UnknownName: There is no such choice.
        WeightsError: The one that was named is not there; the message says where to put it.
        UnknownWeights: The file holds another network.
    """
    file = perceptual_file(choice, place)
    if file is None:
        return None
    found = read_perceptual(file)
    if choice not in ("auto", found.kind):
        raise UnknownWeights(
            f"{file!s:.200} holds the perceptual network {found.description}, which is {found.kind!r}, "
            f"and {choice!r} was asked for; ask for {found.kind!r}, or give another file"
        )
    return found


def perceptual_file(choice: Choice, place: str | os.PathLike[str] | None = None) -> Path | None:
    """Say which file :func:`find_perceptual` would read.

    Args:
        choice: as there.
        place: as there.

    Returns:
        The file, which need not be there when ``place`` names it; None for no network.

    Raises:
        UnknownName: There is no such choice.
        WeightsError: The one that was named is not there; the message says where to put it.
    """
    if choice not in get_args(Choice):
        raise UnknownName("perceptual network", choice, get_args(Choice))
    if choice == "none":
        return None
    folder = home() if place is None else Path(place)
    if place is not None and not folder.is_dir():
        return folder
    wanted: Iterable[Kind] = FILES if choice == "auto" else (choice,)
    for kind in wanted:
        for pattern in FILES[kind]:
            for file in sorted(folder.glob(pattern)):
                return file
    if choice == "auto":
        return None
    raise WeightsError(
        f"the perceptual network {choice!r} is not in {folder!s:.200}; run `retouch weights fetch "
        f"perceptual-{choice}`, put its file there as {' or '.join(FILES[choice])}, or choose another: "
        f"{', '.join(get_args(Choice))}"
    )


def read_perceptual(path: str | os.PathLike[str]) -> Perceptual:
    """Read a perceptual network, whichever it is.

    Args:
        path: the file.

    Returns:
        The network, frozen and in eval mode.

    Raises:
        UnreadableWeights: The file is missing, damaged or hostile.
        UnknownWeights: It holds none of the known networks, or a part of one.
    """
    return perceptual_from(read(path).tensors, Path(path).name)


def perceptual_from(tensors: Mapping[str, Tensor], what: str) -> Perceptual:
    """Recognise a perceptual network by its keys and shapes, and build it.

    Args:
        tensors: those of a file.
        what: what to call the file.

    Returns:
        The network, frozen and in eval mode.

    Raises:
        UnknownWeights: They are of none of the known networks, or incomplete.
    """
    inner = {key.removeprefix(_LAMA): tensor for key, tensor in tensors.items() if key.startswith(_LAMA)}
    if (vgg := _vgg(inner or tensors, what)) is not None:
        return vgg
    file = _File(inner or tensors, what)
    if file.has("conv1") and file.has("layer1.0.conv1"):
        return _resnet(file)
    raise UnknownWeights(
        f"{what:.200} holds {', '.join(list(tensors)[:3])}, …, which is no perceptual network; give the "
        "ADE20k encoder encoder_epoch_20.pth, torchvision's resnet50 or vgg19, or a distilled VGG-19"
    )


class _File:
    """Tensors of which layers are taken one by one, each checked."""

    def __init__(self, tensors: Mapping[str, Tensor], what: str) -> None:
        self._tensors = tensors
        self.what = f"{what:.200}"
        self.family = ""

    def has(self, layer: str) -> bool:
        return f"{layer}.weight" in self._tensors

    def stages(self, pattern: str) -> list[int]:
        """The numbers in the keys that fit a pattern, each once, in order."""
        return sorted({int(match[1]) for key in self._tensors if (match := re.fullmatch(pattern, key))})

    def folded(self, layer: str, norm: str, inputs: int, side: int) -> Kernel:
        """A convolution and the batch normalisation behind it."""
        weight = self._weight(layer, inputs, side)
        count = len(weight)
        scale, shift, mean, variance = (
            self._vector(f"{norm}.{name}", count)
            for name in ("weight", "bias", "running_mean", "running_var")
        )
        return Kernel.folded(weight, (scale, shift, mean, variance))

    def _weight(self, layer: str, inputs: int, side: int) -> Tensor:
        found = self._found(f"{layer}.weight")
        if found.dim() != 4 or not found.numel() or tuple(found.shape[1:]) != (inputs, side, side):
            raise self._wrong(f"{layer}.weight", found, f"(outputs, {inputs}, {side}, {side})")
        return found.float()

    def _vector(self, key: str, count: int) -> Tensor:
        found = self._found(key)
        if tuple(found.shape) != (count,):
            raise self._wrong(key, found, f"({count},)")
        return found.float()

    def _found(self, key: str) -> Tensor:
        if key not in self._tensors:
            raise UnknownWeights(
                f"{self.what} looks like a {self.family}, but lacks {key}; download it again"
            )
        return self._tensors[key]

    def _wrong(self, key: str, found: Tensor, wanted: str) -> UnknownWeights:
        return UnknownWeights(
            f"{self.what} looks like a {self.family}, but {key} is {tuple(found.shape)} where {wanted} "
            f"belongs; give the file of a {self.family}"
        )


def _vgg(tensors: Mapping[str, Tensor], what: str) -> Vgg19 | None:
    """A VGG-19 of any of the published layouts, or None."""
    recognised = find_vgg(tensors, {"file_name": what}, f"{what:.200}")
    if recognised is None:
        return None
    family, found = recognised
    counts = cast("list[int]", found.sizes["convolutions"])
    if counts[:-1] != list(VGG19[: len(counts) - 1]):
        raise UnknownWeights(
            f"{what:.200} looks like a {family.kind}, but its stages have {counts} convolutions, and "
            f"those of a VGG-19 {list(VGG19)}; give the file of a VGG-19"
        )
    # What lies behind the last map would cost time for nothing.
    behind = re.compile(rf"conv{len(counts)}_[2-9]\..*")
    tensors = {key: tensor for key, tensor in found.tensors.items() if not behind.fullmatch(key)}
    network = filled(found.sizes | {"convolutions": [*counts[:-1], 1]}, tensors)
    narrow = family is DISTILLED
    kind = "distilled narrow VGG-19" if narrow else "VGG-19 of ImageNet"
    return Vgg19(network, f"{kind} ({what:.200})")


def _resnet(file: _File) -> DilatedResNet:
    deep = file.has("conv3")
    file.family = "deep-stemmed ResNet-50" if deep else "ResNet-50"
    stem: list[Kernel] = []
    inputs = 3
    for number in (1, 2, 3) if deep else (1,):
        stem.append(file.folded(f"conv{number}", f"bn{number}", inputs, 3 if deep else 7))
        inputs = len(stem[-1].bias)
    stages: list[list[Bottleneck]] = []
    for stage in (1, 2, 3, 4):
        blocks = file.stages(rf"layer{stage}\.(\d+)\.conv1\.weight")
        stages.append([])
        for block in range(max(blocks, default=0) + 1):
            stages[-1].append(_bottleneck(file, f"layer{stage}.{block}", inputs))
            inputs = len(stages[-1][-1].convolutions[-1].bias)
    depth = 3 * sum(map(len, stages)) + 2
    learnt = "segmenting ADE20k" if deep else "of ImageNet"
    return DilatedResNet(
        stem, stages, "ade20k" if deep else "imagenet", f"dilated ResNet-{depth} {learnt} ({file.what})"
    )


def _bottleneck(file: _File, path: str, inputs: int) -> Bottleneck:
    first = file.folded(f"{path}.conv1", f"{path}.bn1", inputs, 1)
    second = file.folded(f"{path}.conv2", f"{path}.bn2", len(first.bias), 3)
    third = file.folded(f"{path}.conv3", f"{path}.bn3", len(second.bias), 1)
    shortcut = None
    if file.has(f"{path}.downsample.0") or len(third.bias) != inputs:
        shortcut = file.folded(f"{path}.downsample.0", f"{path}.downsample.1", inputs, 1)
    return Bottleneck((first, second, third), shortcut)
