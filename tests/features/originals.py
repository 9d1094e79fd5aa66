"""Feature networks laid out as their authors' own, narrow, in plain torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTHS = (4, 6, 8, 10, 12)
VGG19 = (2, 2, 4, 4, 4)

Layers = dict[str, Tensor]


def randomised(module: nn.Module, seed: int = 1) -> nn.Module:
    """Numbers that keep every layer alive, and that no two tensors share."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in module.state_dict().items():
        if tensor.dtype.is_floating_point:
            number = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
            fan = tensor[0].numel() if tensor.dim() > 1 else 1
            number = 0.3 * number if tensor.dim() == 1 else number * (2 / fan) ** 0.5
            tensor.copy_(1 + number.abs() if name.endswith(("running_var", "norm.weight")) else number)
    return module.eval()


def torchvision_vgg(
    stages: Sequence[int] = VGG19, *, norm: bool = False, last_pool: bool = True, classifier: int = 0
) -> nn.Module:
    """``features.N`` as torchvision counts them, and a classifier whose first layer is ``classifier``."""
    layers: list[nn.Module] = []
    inputs = 3
    for stage, (count, width) in enumerate(zip(stages, WIDTHS, strict=False), start=1):
        for _ in range(count):
            layers.append(nn.Conv2d(inputs, width, 3, padding=1))
            layers += [nn.BatchNorm2d(width)] if norm else []
            layers.append(nn.ReLU())
            inputs = width
        if stage < len(stages) or last_pool:
            layers.append(nn.MaxPool2d(2))
    whole = nn.Module()
    whole.features = nn.Sequential(*layers)
    dense = [nn.Linear(3, 2), nn.ReLU(), nn.Dropout(), nn.Linear(2, 2)]
    if classifier == 1:
        dense = [nn.Flatten(), nn.Linear(3, 2), nn.ReLU(), nn.Dropout(), nn.Linear(2, 2)]
    whole.classifier = nn.Sequential(*dense)
    return randomised(whole)


def walked(layers: Sequence[nn.Module], x: Tensor) -> Layers:
    """What each layer of a VGG gives, under the names of the paper."""
    found: Layers = {}
    stage, number = 1, 0
    for layer in layers:
        x = layer(x)
        if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3):
            number += 1
            found[f"conv{stage}_{number}"] = x
        elif isinstance(layer, nn.BatchNorm2d):
            found[f"conv{stage}_{number}"] = x
        elif isinstance(layer, nn.ReLU):
            found[f"relu{stage}_{number}"] = x
        elif isinstance(layer, nn.MaxPool2d):
            found[f"pool{stage}"] = x
            stage, number = stage + 1, 0
    return found


class GatysVgg(nn.Module):
    """``conv1_1`` … ``conv5_4``, saved as doubles."""

    def __init__(self) -> None:
        super().__init__()
        inputs = 3
        for stage, (count, width) in enumerate(zip(VGG19, WIDTHS, strict=True), start=1):
            for number in range(1, count + 1):
                self.add_module(f"conv{stage}_{number}", nn.Conv2d(inputs, width, 3, padding=1))
                inputs = width
        randomised(self.double())

    def walked(self, x: Tensor) -> Layers:
        x = x.double()
        found: Layers = {}
        for stage, count in enumerate(VGG19, start=1):
            for number in range(1, count + 1):
                found[f"conv{stage}_{number}"] = x = self.get_submodule(f"conv{stage}_{number}")(x)
                found[f"relu{stage}_{number}"] = x = F.relu(x)
            found[f"pool{stage}"] = x = F.max_pool2d(x, 2, 2)
        return found


def adain_vgg(children: int | None = None) -> nn.Sequential:
    """A 1×1 convolution, then three layers for each convolution; cut after so many layers."""
    layers: list[nn.Module] = [nn.Conv2d(3, 3, 1)]
    inputs = 3
    for stage, (count, width) in enumerate(zip(VGG19, WIDTHS, strict=True), start=1):
        for _ in range(count):
            layers += [nn.ReflectionPad2d(1), nn.Conv2d(inputs, width, 3), nn.ReLU()]
            inputs = width
        if stage < len(VGG19):
            layers.append(nn.MaxPool2d(2, 2, 0, ceil_mode=True))
    whole = nn.Sequential(*layers[:children])
    randomised(whole)
    return whole


class DistilledVgg(nn.Module):
    """``conv0``, ``conv11`` … up to the first of stage ``last``, each with an ``_aux`` beside it."""

    def __init__(self, last: int) -> None:
        super().__init__()
        self.counts = [*VGG19[: last - 1], 1]
        self.conv0 = nn.Conv2d(3, 3, 1)
        inputs = 3
        for stage, (count, width) in enumerate(zip(self.counts, WIDTHS, strict=False), start=1):
            for number in range(1, count + 1):
                self.add_module(f"conv{stage}{number}", nn.Conv2d(inputs, width, 3))
                inputs = width
            self.add_module(f"conv{stage}1_aux", nn.Conv2d(width, 64, 1))
        randomised(self)

    def walked(self, x: Tensor) -> Layers:
        x = self.conv0(x)
        found: Layers = {}
        for stage, count in enumerate(self.counts, start=1):
            if stage > 1:
                found[f"pool{stage - 1}"] = x = F.max_pool2d(x, 2, 2)
            for number in range(1, count + 1):
                x = self.get_submodule(f"conv{stage}{number}")(F.pad(x, (1, 1, 1, 1), mode="reflect"))
                found[f"conv{stage}_{number}"] = x
                found[f"relu{stage}_{number}"] = x = F.relu(x)
        return found


def photos(height: int = 43, width: int = 37) -> Tensor:
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(5))


def as_imagenet(x: Tensor) -> Tensor:
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    return (x - mean) / torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


def as_caffe(x: Tensor) -> Tensor:
    blue_first = 255 * x[:, [2, 1, 0]]
    return blue_first - torch.tensor([103.939, 116.779, 123.68]).view(3, 1, 1)


def _torchvision(whole: nn.Module) -> tuple[object, Layers]:
    return whole.state_dict(), walked(list(whole.get_submodule("features").children()), as_imagenet(photos()))


def _caffe() -> tuple[object, Layers]:
    whole = torchvision_vgg(classifier=1)
    return whole.state_dict(), walked(list(whole.get_submodule("features").children()), as_caffe(photos()))


def _adain(children: int | None) -> tuple[object, Layers]:
    whole = adain_vgg(children)
    return whole.state_dict(), walked(list(whole.children()), photos())


def _distilled(last: int) -> tuple[object, Layers]:
    whole = DistilledVgg(last)
    return {"epoch": 20, "model": whole.state_dict()}, whole.walked(photos())


ORIGINALS: dict[str, Callable[[], tuple[object, Layers]]] = {
    "torchvision": lambda: _torchvision(torchvision_vgg()),
    "torchvision-16": lambda: _torchvision(torchvision_vgg((2, 2, 3, 3, 3))),
    "torchvision-13": lambda: _torchvision(torchvision_vgg((2, 2, 2, 2, 2))),
    "torchvision-11": lambda: _torchvision(torchvision_vgg((1, 1, 2, 2, 2))),
    "torchvision-cut": lambda: _torchvision(torchvision_vgg((2, 2, 4, 1), last_pool=False)),
    "torchvision-norm": lambda: _torchvision(torchvision_vgg(norm=True)),
    "torchvision-16-norm": lambda: _torchvision(torchvision_vgg((2, 2, 3, 3, 3), norm=True)),
    "caffe": _caffe,
    "gatys": lambda: (GatysVgg().state_dict(), GatysVgg().walked(as_caffe(photos()))),
    "adain": lambda: _adain(None),
    "adain-cut": lambda: _adain(31),
    "distilled-1": lambda: _distilled(1),
    "distilled-3": lambda: _distilled(3),
    "distilled-5": lambda: _distilled(5),
}
"""What a file of each family holds, and what its network computes of :func:`photos`."""
