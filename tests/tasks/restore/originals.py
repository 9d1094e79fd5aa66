"""Networks laid out as the published projects' own, after their key tables, in plain eager torch."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def randomised(network: nn.Module, seed: int = 0) -> nn.Module:
    """Give every tensor values that show; variances stay positive."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in network.state_dict().items():
        if not tensor.is_floating_point():
            continue
        values = torch.randn(tensor.shape, generator=generator)
        if name.endswith("running_var"):
            tensor.copy_(values.abs() + 0.2)
        elif tensor.dim() == 4:
            tensor.copy_(values * (1.3 / tensor[0].numel()) ** 0.5)
        else:
            tensor.copy_(0.2 * values + (0.5 if name.endswith("weight") else 0.0))
    return network.eval()


def conv(inputs: int, outputs: int, side: int = 3, *, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, side, padding=side // 2, bias=bias)


class Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv_du = nn.Sequential(
            conv(width, width // 16, 1), nn.ReLU(), conv(width // 16, width, 1), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        pixels = x.shape[2] * x.shape[3]
        mean = x.sum((2, 3), keepdim=True) / pixels
        deviation = (((x - mean) ** 2).sum((2, 3), keepdim=True) / pixels).sqrt()
        return self.conv_du(mean + deviation) * x  # type: ignore[no-any-return]


class Distillation(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.kept = width // 4
        rest = width - self.kept
        self.c1, self.c2, self.c3 = conv(width, width), conv(rest, width), conv(rest, width)
        self.c4, self.c5 = conv(rest, self.kept), conv(width, width, 1)
        self.cca = Attention(width)

    def forward(self, x: Tensor) -> Tensor:
        one = F.leaky_relu(self.c1(x), 0.05)
        two = F.leaky_relu(self.c2(one[:, self.kept :]), 0.05)
        three = F.leaky_relu(self.c3(two[:, self.kept :]), 0.05)
        four = self.c4(three[:, self.kept :])
        kept = [part[:, : self.kept] for part in (one, two, three)]
        return self.c5(self.cca(torch.cat([*kept, four], 1))) + x  # type: ignore[no-any-return]


class IMDN(nn.Module):
    def __init__(self, width: int = 64, scale: int = 4, channels: int = 3) -> None:
        super().__init__()
        self.fea_conv = conv(channels, width)
        self.IMDB1, self.IMDB2, self.IMDB3 = (Distillation(width) for _ in range(3))
        self.IMDB4, self.IMDB5, self.IMDB6 = (Distillation(width) for _ in range(3))
        self.c = nn.Sequential(conv(6 * width, width, 1), nn.LeakyReLU(0.05))
        self.LR_conv = conv(width, width)
        self.upsampler = nn.Sequential(conv(width, channels * scale * scale), nn.PixelShuffle(scale))

    def forward(self, x: Tensor) -> Tensor:
        first = found = self.fea_conv(x)
        every = []
        for block in (self.IMDB1, self.IMDB2, self.IMDB3, self.IMDB4, self.IMDB5, self.IMDB6):
            found = block(found)
            every.append(found)
        return self.upsampler(self.LR_conv(self.c(torch.cat(every, 1))) + first)  # type: ignore[no-any-return]


class GanBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.bn1, self.prelu = conv(width, width), nn.BatchNorm2d(width), nn.PReLU()
        self.conv2, self.bn2 = conv(width, width), nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bn2(self.conv2(self.prelu(self.bn1(self.conv1(x)))))  # type: ignore[no-any-return]


class GanDoubling(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv, self.shuffle, self.prelu = conv(width, 4 * width), nn.PixelShuffle(2), nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.prelu(self.shuffle(self.conv(x)))  # type: ignore[no-any-return]


class SRGAN(nn.Module):
    def __init__(self, width: int = 64, doublings: int = 2, *, early: bool = True) -> None:
        super().__init__()
        self.block1 = nn.Sequential(conv(3, width, 9), nn.PReLU())
        self.block2, self.block3, self.block4 = (GanBlock(width) for _ in range(3))
        self.block5, self.block6 = (GanBlock(width) for _ in range(2))
        self.block7 = nn.Sequential(conv(width, width), nn.PReLU() if early else nn.BatchNorm2d(width))
        self.block8 = nn.Sequential(*(GanDoubling(width) for _ in range(doublings)), conv(width, 3, 9))

    def forward(self, x: Tensor) -> Tensor:
        first = found = self.block1(x)
        for block in (self.block2, self.block3, self.block4, self.block5, self.block6, self.block7):
            found = block(found)
        return torch.tanh(self.block8(first + found)) / 2 + 0.5


class PlainBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = conv(width, width), conv(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.relu(self.conv1(x)))  # type: ignore[no-any-return]


class MSRResNet(nn.Module):
    def __init__(self, width: int = 64, blocks: int = 16, scale: int = 4, *, older: bool = False) -> None:
        super().__init__()
        self.scale, self.step = scale, 2 if scale == 4 else scale
        self.names = ("recon_trunk", "HRconv") if older else ("body", "conv_hr")
        self.conv_first = conv(3, width)
        self.add_module(self.names[0], nn.Sequential(*(PlainBlock(width) for _ in range(blocks))))
        self.upconv1 = conv(width, width * self.step**2)
        self.upconv2 = conv(width, width * 4) if scale == 4 else nn.Identity()
        self.add_module(self.names[1], conv(width, width))
        self.conv_last = conv(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        trunk, high = (self.get_submodule(name) for name in self.names)
        found = trunk(F.leaky_relu(self.conv_first(x), 0.1))
        found = F.leaky_relu(F.pixel_shuffle(self.upconv1(found), self.step), 0.1)
        if self.scale == 4:
            found = F.leaky_relu(F.pixel_shuffle(self.upconv2(found), 2), 0.1)
        smooth = F.interpolate(x, scale_factor=self.scale, mode="bilinear", align_corners=False)
        return self.conv_last(F.leaky_relu(high(found), 0.1)) + smooth  # type: ignore[no-any-return]


class Dense(nn.Module):
    def __init__(self, width: int, growth: int, *, first_files: bool) -> None:
        super().__init__()
        self.layers = []
        for number in range(5):
            layer: nn.Module = conv(width + number * growth, width if number == 4 else growth)
            # In the files of 2018 each convolution is a sequence, with its rectifier.
            setattr(self, f"conv{number + 1}", nn.Sequential(layer) if first_files else layer)
            self.layers.append(layer)

    def forward(self, x: Tensor) -> Tensor:
        seen = [x]
        for number, layer in enumerate(self.layers):
            made = layer(torch.cat(seen, 1))
            seen.append(F.leaky_relu(made, 0.2) if number < 4 else made)
        return x + 0.2 * seen[-1]


class RRDB(nn.Module):
    def __init__(self, width: int, growth: int, name: str, *, first_files: bool = False) -> None:
        super().__init__()
        self.parts = [Dense(width, growth, first_files=first_files) for _ in range(3)]
        for number, part in enumerate(self.parts):
            setattr(self, f"{name}{number + 1}", part)

    def forward(self, x: Tensor) -> Tensor:
        found = x
        for part in self.parts:
            found = part(found)
        return x + 0.2 * found


class RRDBNet(nn.Module):
    """BasicSR's names, or KAIR's, which are those of ESRGAN's second version."""

    def __init__(
        self,
        width: int = 64,
        blocks: int = 23,
        growth: int = 32,
        scale: int = 4,
        *,
        kair: bool = False,
    ) -> None:
        super().__init__()
        self.square = 1 if kair else 4 // scale
        self.doublings = {4: 2, 2: 1}[scale] if kair else 2
        self.names = (
            ("RRDB_trunk", "trunk_conv", "upconv", "HRconv")
            if kair
            else ("body", "conv_body", "conv_up", "conv_hr")
        )
        self.conv_first = conv(3 * self.square**2, width)
        trunk, after, up, high = self.names
        name = "RDB" if kair else "rdb"
        self.add_module(trunk, nn.Sequential(*(RRDB(width, growth, name) for _ in range(blocks))))
        self.add_module(after, conv(width, width))
        for number in range(self.doublings):
            self.add_module(f"{up}{number + 1}", conv(width, width))
        self.add_module(high, conv(width, width))
        self.conv_last = conv(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        trunk, after, up, high = self.names
        count, channels, height, across = x.shape
        side = self.square
        # (B, C, H, W) → (B, C · side², H / side, W / side), the places within a square fastest.
        x = x.reshape(count, channels, height // side, side, across // side, side).permute(0, 1, 3, 5, 2, 4)
        first = self.conv_first(x.reshape(count, -1, height // side, across // side))
        found = first + self.get_submodule(after)(self.get_submodule(trunk)(first))
        for number in range(self.doublings):
            larger = found.repeat_interleave(2, 2).repeat_interleave(2, 3)
            found = F.leaky_relu(self.get_submodule(f"{up}{number + 1}")(larger), 0.2)
        return self.conv_last(F.leaky_relu(self.get_submodule(high)(found), 0.2))  # type: ignore[no-any-return]


class Shortcut(nn.Module):
    def __init__(self, inside: nn.Module) -> None:
        super().__init__()
        self.sub = inside

    def forward(self, x: Tensor) -> Tensor:
        return x + self.sub(x)  # type: ignore[no-any-return]


class Wrapped(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)  # type: ignore[no-any-return]


def first_esrgan(width: int = 64, blocks: int = 23, growth: int = 32, doublings: int = 2) -> nn.Module:
    """The one sequence of ESRGAN's first files."""
    trunk = [RRDB(width, growth, "RDB", first_files=True) for _ in range(blocks)]
    up: list[nn.Module] = []
    for _ in range(doublings):
        up += [nn.Upsample(scale_factor=2), conv(width, width), nn.LeakyReLU(0.2)]
    end = [conv(width, width), nn.LeakyReLU(0.2), conv(width, 3)]
    inside = Shortcut(nn.Sequential(*trunk, conv(width, width)))
    return Wrapped(nn.Sequential(conv(3, width), inside, *up, *end))


class SRVGG(nn.Module):
    def __init__(self, width: int = 64, depth: int = 16, scale: int = 4, channels: int = 3) -> None:
        super().__init__()
        self.scale = scale
        self.body = nn.ModuleList([conv(channels, width), nn.PReLU(width)])
        for _ in range(depth):
            self.body.extend([conv(width, width), nn.PReLU(width)])
        self.body.append(conv(width, channels * scale**2))

    def forward(self, x: Tensor) -> Tensor:
        found = x
        for layer in self.body:
            found = layer(found)
        repeated = x.repeat_interleave(self.scale, 2).repeat_interleave(self.scale, 3)
        return F.pixel_shuffle(found, self.scale) + repeated


class DnCNN(nn.Module):
    """KAIR's, with normalisation or without."""

    def __init__(self, depth: int = 17, width: int = 64, channels: int = 1, *, norm: bool = False) -> None:
        super().__init__()
        layers: list[nn.Module] = [conv(channels, width), nn.ReLU()]
        for _ in range(depth - 2):
            layers += [conv(width, width), *([nn.BatchNorm2d(width, eps=1e-4)] if norm else []), nn.ReLU()]
        self.model = nn.Sequential(*layers, conv(width, channels))

    def forward(self, x: Tensor) -> Tensor:
        return x - self.model(x)  # type: ignore[no-any-return]


class OlderDnCNN(nn.Module):
    """That of the projects before KAIR; SaoYan's has no bias at all, and gives the noise."""

    def __init__(self, depth: int = 17, width: int = 64, channels: int = 1, *, saoyan: bool = False) -> None:
        super().__init__()
        eps = 1e-5 if saoyan else 1e-4
        layers: list[nn.Module] = [conv(channels, width, bias=not saoyan), nn.ReLU()]
        for _ in range(depth - 2):
            layers += [conv(width, width, bias=False), nn.BatchNorm2d(width, eps=eps), nn.ReLU()]
        self.dncnn = nn.Sequential(*layers, conv(width, channels, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        return x - self.dncnn(x)  # type: ignore[no-any-return]


def under(name: str, network: nn.Module) -> dict[str, OrderedDict[str, Tensor]]:
    """A checkpoint that keeps the network under a name, as BasicSR's do."""
    return {name: OrderedDict(network.state_dict())}
