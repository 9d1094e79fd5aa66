"""Small networks laid out as the pix2pix, CycleGAN and CUT projects number theirs, after the key tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Kind = Literal["batch", "instance", "instance-affine", "none"]

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


class Original(nn.Module):
    """A numbered sequence under the name ``model`` or ``net``."""

    def __init__(self, layers: list[nn.Module], name: str = "model") -> None:
        super().__init__()
        self.name = name
        self.add_module(name, nn.Sequential(*layers))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.get_submodule(self.name)(x)
        return out


class Block(nn.Module):
    def __init__(self, layers: list[nn.Module]) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.conv_block(x)
        return out


class Level(nn.Module):
    """One level of a U-Net; it joins what it was given to what it makes of it."""

    def __init__(self, layers: list[nn.Module], *, outermost: bool, old_order: bool) -> None:
        super().__init__()
        self.model = nn.Sequential(*layers)
        self.outermost = outermost
        self.old_order = old_order

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.model(x)
        if self.outermost:
            return made
        return torch.cat([made, x] if self.old_order else [x, made], 1)


class Smaller(nn.Module):
    """CUT's low-pass filter of 3 taps, which keeps every second sample."""

    filt: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        taps = torch.tensor([1.0, 2.0, 1.0]) / 4
        self.register_buffer("filt", torch.outer(taps, taps).repeat(channels, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), self.filt, stride=2, groups=x.shape[1])


class Larger(nn.Module):
    """CUT's filter of 4 taps: [1 3 3 1]/4 at twice the rate is what linear interpolation does."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 4
        self.register_buffer("filt", torch.outer(taps, taps).repeat(channels, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def normalisation(kind: Kind, channels: int) -> nn.Module:
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    return nn.Identity() if kind == "none" else nn.InstanceNorm2d(channels, affine=kind == "instance-affine")


def has_bias(kind: Kind, early: bool) -> bool:
    return kind.startswith("instance") or early


def resnet(
    *,
    inner: int = 3,
    outer: int = 3,
    width: int = 4,
    blocks: int = 2,
    norm: Kind = "instance",
    dropout: bool = False,
    blur_down: bool = False,
    blur_up: bool = False,
    zeros: bool = False,
    early: bool = False,
) -> Original:
    bias = has_bias(norm, early)

    def border(side: int) -> list[nn.Module]:
        return [] if zeros else [nn.ReflectionPad2d(side)]

    def after(channels: int) -> list[nn.Module]:
        return [normalisation(norm, channels), nn.ReLU(True)]

    layers = [*border(3), nn.Conv2d(inner, width, 7, padding=3 if zeros else 0, bias=bias), *after(width)]
    for level in (1, 2):
        conv = nn.Conv2d(width * level, 2 * width * level, 3, 1 if blur_down else 2, padding=1, bias=bias)
        layers += [conv, *after(2 * width * level), *([Smaller(2 * width * level)] if blur_down else [])]
    for _ in range(blocks):
        first, second = (nn.Conv2d(4 * width, 4 * width, 3, padding=int(zeros), bias=bias) for _ in range(2))
        inside = [*border(1), first, *after(4 * width), *([nn.Dropout(0.5)] if dropout else []), *border(1)]
        layers.append(Block([*inside, second, normalisation(norm, 4 * width)]))
    for level in (4, 2):
        if blur_up:
            layers += [
                Larger(width * level),
                nn.Conv2d(width * level, width * level // 2, 3, padding=1, bias=bias),
            ]
        else:
            layers.append(nn.ConvTranspose2d(width * level, width * level // 2, 3, 2, 1, 1, bias=bias))
        layers += after(width * level // 2)
    return Original([*layers, *border(3), nn.Conv2d(width, outer, 7, padding=3 if zeros else 0), nn.Tanh()])


def unet(
    *,
    inner: int = 3,
    outer: int = 3,
    width: int = 3,
    depth: int = 5,
    norm: Kind = "batch",
    dropout: bool = True,
    early: bool = False,
    old_order: bool = False,
) -> nn.Module:
    bias = has_bias(norm, early)
    widths = [width * min(2**level, 8) for level in range(depth)]
    inside: nn.Module | None = None
    for level in reversed(range(depth)):
        here = widths[level]
        above = widths[level - 1] if level else outer
        down: list[nn.Module] = [
            nn.LeakyReLU(0.2, True),
            nn.Conv2d(above if level else inner, here, 4, 2, 1, bias=bias),
            normalisation(norm, here),
        ]
        deepest = inside is None
        up = [
            nn.ReLU(True),
            nn.ConvTranspose2d(here * (1 if deepest else 2), above, 4, 2, 1, bias=bias or not level),
            normalisation(norm, above),
        ]
        if inside is None:
            layers = [*down[:2], *up]
        elif not level:
            layers = [down[1], inside, *up[:2], nn.Tanh()]
        else:
            layers = [*down, inside, *up, *([nn.Dropout(0.5)] if dropout and level >= 4 else [])]
        inside = Level(layers, outermost=not level, old_order=old_order)
    assert inside is not None
    whole = nn.Module()
    whole.model = inside
    whole.forward = inside.forward
    return whole


def patchgan(
    *,
    inner: int = 6,
    width: int = 4,
    layers: int = 3,
    norm: Kind = "batch",
    blur: bool = False,
    early: bool = False,
) -> Original:
    bias = has_bias(norm, early)
    stride = 1 if blur else 2
    sequence: list[nn.Module] = [nn.Conv2d(inner, width, 4, stride, 1), nn.LeakyReLU(0.2, True)]
    sequence += [Smaller(width)] if blur else []
    for level in range(1, layers + 1):
        before, here = (width * min(2**step, 8) for step in (level - 1, level))
        last = level == layers
        sequence += [
            nn.Conv2d(before, here, 4, 1 if last else stride, 1, bias=bias),
            normalisation(norm, here),
            nn.LeakyReLU(0.2, True),
        ]
        sequence += [Smaller(here)] if blur and not last else []
    return Original([*sequence, nn.Conv2d(width * min(2**layers, 8), 1, 4, 1, 1)])


def pixelgan(*, inner: int = 6, width: int = 4, norm: Kind = "batch", early: bool = False) -> Original:
    bias = has_bias(norm, early)
    return Original(
        [
            nn.Conv2d(inner, width, 1),
            nn.LeakyReLU(0.2, True),
            nn.Conv2d(width, 2 * width, 1, bias=bias),
            normalisation(norm, 2 * width),
            nn.LeakyReLU(0.2, True),
            nn.Conv2d(2 * width, 1, 1, bias=bias),
        ],
        "net",
    )


def randomised(network: nn.Module, seed: int = 0) -> nn.Module:
    """Fill a network with weights of a size that keeps its maps near 1, and put it in eval mode."""
    numbers = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            fan = module.weight[0].numel() if isinstance(module, nn.Conv2d) else 4 * module.weight.shape[0]
            module.weight.data.normal_(0, fan**-0.5, generator=numbers)
        if isinstance(module, nn.BatchNorm2d | nn.InstanceNorm2d) and module.weight is not None:
            module.weight.data.normal_(1, 0.3, generator=numbers)
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            assert module.num_batches_tracked is not None
            module.running_mean.normal_(0, 0.3, generator=numbers)
            module.running_var.uniform_(0.5, 2, generator=numbers)
            module.num_batches_tracked.fill_(1234)
        if isinstance(bias := getattr(module, "bias", None), Tensor):
            bias.data.normal_(0, 0.3, generator=numbers)
    return network.eval()


def with_unused_statistics(network: nn.Module, *, counted: bool) -> dict[str, Tensor]:
    """Give the state that PyTorch 0.4 (counted) or 0.2 stored for a network with instance normalisation."""
    found: dict[str, Tensor] = {}
    state = network.state_dict()
    names = {name for name, module in network.named_modules() if isinstance(module, nn.InstanceNorm2d)}
    convolutions = list(network.named_modules())
    for name, module in convolutions:
        own = {key: tensor for key, tensor in state.items() if key.rpartition(".")[0] == name}
        found |= own
        if name in names:
            channels = module.num_features
            found[f"{name}.running_mean"] = torch.randn(channels, generator=torch.Generator().manual_seed(1))
            found[f"{name}.running_var"] = (
                torch.rand(channels, generator=torch.Generator().manual_seed(2)) + 0.1
            )
            if counted:
                found[f"{name}.num_batches_tracked"] = torch.tensor(7)
    return found


def uncounted(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Drop what batch normalisation has counted since PyTorch 0.4.1."""
    return {key: tensor for key, tensor in state.items() if not key.endswith("num_batches_tracked")}
