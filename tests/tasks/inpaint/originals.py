"""Networks laid out as LaMa's own, after the key table, in plain eager torch."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

Pair = tuple[Tensor, Tensor | int]


class FourierUnit(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv_layer = nn.Conv2d(2 * inputs, 2 * outputs, 1, bias=False)
        self.bn = nn.BatchNorm2d(2 * outputs)

    def forward(self, x: Tensor) -> Tensor:
        count, _, height, width = x.shape
        half = width // 2 + 1
        wave = torch.fft.rfftn(x, dim=(-2, -1), norm="ortho")
        parts = torch.stack((wave.real, wave.imag), dim=2)  # channel, then real or imaginary
        parts = torch.relu(self.bn(self.conv_layer(parts.flatten(1, 2))))
        parts = parts.view(count, -1, 2, height, half)
        made = torch.complex(parts[:, :, 0], parts[:, :, 1])
        found: Tensor = torch.fft.irfftn(made, s=(height, width), dim=(-2, -1), norm="ortho")
        return found


class SpectralTransform(nn.Module):
    def __init__(self, inputs: int, outputs: int, *, lfu: bool) -> None:
        super().__init__()
        half = outputs // 2
        self.conv1 = nn.Sequential(nn.Conv2d(inputs, half, 1, bias=False), nn.BatchNorm2d(half), nn.ReLU())
        self.fu = FourierUnit(half, half)
        if lfu:
            self.lfu = FourierUnit(half, half)
        self.conv2 = nn.Conv2d(half, outputs, 1, bias=False)
        self.wants_quarters = lfu

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        seen = x + self.fu(x)
        if self.wants_quarters:
            height, width = (side // 2 for side in x.shape[2:])
            some = x[:, : x.shape[1] // 4]
            rows = torch.cat([some[:, :, :height], some[:, :, height:]], dim=1)
            quarters = torch.cat([rows[..., :width], rows[..., width:]], dim=1)
            seen = seen + self.lfu(quarters).repeat(1, 1, 2, 2)
        return self.conv2(seen)  # type: ignore[no-any-return]


class FFC(nn.Module):
    def __init__(
        self,
        inputs: int,
        outputs: int,
        side: int,
        stride: int,
        padding: int,
        into: float,
        out: float,
        lfu: bool,
    ) -> None:
        super().__init__()
        in_far, out_far = int(inputs * into), int(outputs * out)
        in_near, out_near = inputs - in_far, outputs - out_far

        def conv(come: int, go: int) -> nn.Module:
            if not come or not go:
                return nn.Identity()
            if not padding:
                return nn.Conv2d(come, go, side, stride, bias=False)
            return nn.Conv2d(come, go, side, stride, padding, bias=False, padding_mode="reflect")

        self.out_far = out_far
        self.convl2l = conv(in_near, out_near)
        self.convl2g = conv(in_near, out_far)
        self.convg2l = conv(in_far, out_near)
        self.convg2g = SpectralTransform(in_far, out_far, lfu=lfu) if in_far and out_far else nn.Identity()

    def forward(self, pair: Pair) -> Pair:
        near, far = pair
        if not isinstance(far, Tensor):
            return self.convl2l(near), self.convl2g(near) if self.out_far else 0
        return self.convl2l(near) + self.convg2l(far), self.convl2g(near) + self.convg2g(far)


class FFCNormReLU(nn.Module):
    def __init__(
        self,
        inputs: int,
        outputs: int,
        side: int,
        *,
        stride: int = 1,
        padding: int = 0,
        into: float = 0.0,
        out: float = 0.0,
        lfu: bool = False,
    ) -> None:
        super().__init__()
        self.ffc = FFC(inputs, outputs, side, stride, padding, into, out, lfu)
        far = int(outputs * out)
        self.bn_l = nn.BatchNorm2d(outputs - far)
        self.bn_g = nn.BatchNorm2d(far) if far else nn.Identity()

    def forward(self, pair: Pair | Tensor) -> Pair:
        near, far = self.ffc(pair if isinstance(pair, tuple) else (pair, 0))
        return torch.relu(self.bn_l(near)), torch.relu(self.bn_g(far)) if isinstance(far, Tensor) else far


class FFCBlock(nn.Module):
    def __init__(self, channels: int, ratio: float, lfu: bool) -> None:
        super().__init__()
        self.conv1, self.conv2 = (
            FFCNormReLU(channels, channels, 3, padding=1, into=ratio, out=ratio, lfu=lfu) for _ in range(2)
        )

    def forward(self, pair: Pair) -> Pair:
        near, far = self.conv2(self.conv1(pair))
        return near + pair[0], far + pair[1]


class Joined(nn.Module):
    def forward(self, pair: Pair) -> Tensor:
        near, far = pair
        return torch.cat([near, far], 1) if isinstance(far, Tensor) else near


class RegularBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(2):
            conv = nn.Conv2d(channels, channels, 3)
            layers += [nn.ReflectionPad2d(1), conv, nn.BatchNorm2d(channels), nn.ReLU()]
        self.conv_block = nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_block(x)  # type: ignore[no-any-return]


class DilatedConv(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv2d(channels // 4, channels, 3, padding=by, dilation=by, padding_mode="reflect")
            for by in (1, 2, 4, 8)
        )

    def forward(self, x: Tensor) -> Tensor:
        a, b, c, d = (conv(part) for conv, part in zip(self.convs, x.chunk(4, 1), strict=True))
        found: Tensor = a + b + c + d
        return found


class DilatedBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            DilatedConv(channels),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            DilatedConv(channels),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_block(x)  # type: ignore[no-any-return]


class Generator(nn.Module):
    def __init__(self, layers: Iterable[nn.Module]) -> None:
        super().__init__()
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)  # type: ignore[no-any-return]


class Discriminator(nn.Module):
    def __init__(self, width: int = 64) -> None:
        super().__init__()
        widths = [min(512, width * 2**stage) for stage in (0, 1, 2, 3, 4)]
        self.model0 = nn.Sequential(nn.Conv2d(3, width, 4, 2, 2), nn.LeakyReLU(0.2))
        for number in (1, 2, 3, 4):
            conv = nn.Conv2d(widths[number - 1], widths[number], 4, 1 if number == 4 else 2, 2)
            after = nn.Sequential(conv, nn.BatchNorm2d(widths[number]), nn.LeakyReLU(0.2))
            self.add_module(f"model{number}", after)
        self.model5 = nn.Sequential(nn.Conv2d(widths[-1], 1, 4, 1, 2))

    def forward(self, x: Tensor) -> Tensor:
        for number in range(6):
            x = self.get_submodule(f"model{number}")(x)
        return x


class Training(nn.Module):
    """What a Lightning checkpoint holds, and what TorchScript files were traced from."""

    def __init__(self, generator: nn.Module, discriminator: nn.Module | None = None) -> None:
        super().__init__()
        self.generator = generator
        if discriminator is not None:
            self.discriminator = discriminator


class Traced(nn.Module):
    """The wrapper that big-lama.pt was traced from."""

    def __init__(self, model: Training) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        found = self.model.generator(torch.cat([image * (1 - mask), mask], 1))
        return mask * found + (1 - mask) * image  # type: ignore[no-any-return]


def fourier(*, width: int = 64, blocks: int = 9, ratio: float = 0.75, lfu: bool = False) -> Generator:
    layers: list[nn.Module] = [nn.ReflectionPad2d(3), FFCNormReLU(4, width, 7)]
    for stage in range(3):
        out = ratio if stage == 2 else 0.0
        layers.append(FFCNormReLU(width << stage, width << stage + 1, 3, stride=2, padding=1, out=out))
    layers += [FFCBlock(8 * width, ratio, lfu) for _ in range(blocks)]
    return Generator([*layers, Joined(), *_rear(width)])


def regular(*, width: int = 64, blocks: int = 9) -> Generator:
    return Generator([*_front(width), *(RegularBlock(8 * width) for _ in range(blocks)), *_rear(width)])


def dilated(*, width: int = 64, blocks: int = 9) -> Generator:
    return Generator([*_front(width), *(DilatedBlock(8 * width) for _ in range(blocks)), *_rear(width)])


def _front(width: int) -> list[nn.Module]:
    layers: list[nn.Module] = [
        nn.ReflectionPad2d(3),
        nn.Conv2d(4, width, 7),
        nn.BatchNorm2d(width),
        nn.ReLU(),
    ]
    for stage in range(3):
        conv = nn.Conv2d(width << stage, width << stage + 1, 3, 2, 1)
        layers += [conv, nn.BatchNorm2d(width << stage + 1), nn.ReLU()]
    return layers


def _rear(width: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for stage in (2, 1, 0):
        conv = nn.ConvTranspose2d(width << stage + 1, width << stage, 3, 2, 1, 1)
        layers += [conv, nn.BatchNorm2d(width << stage), nn.ReLU()]
    return [*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Sigmoid()]


def lightning(networks: nn.Module, **beside: object) -> dict[str, object]:
    """What a Lightning checkpoint holds."""
    state = networks.state_dict()
    return {"epoch": 39, "global_step": 1_000_000, "callbacks": {}, "state_dict": state, **beside}


def randomised(network: nn.Module, seed: int = 0) -> nn.Module:
    """Fill a network with weights of a size that keeps its maps near 1, and put it in eval mode."""
    numbers = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            fan = module.weight[0].numel() if isinstance(module, nn.Conv2d) else 4 * module.weight.shape[0]
            module.weight.data.normal_(0, fan**-0.5, generator=numbers)
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            assert module.num_batches_tracked is not None
            module.weight.data.normal_(1, 0.3, generator=numbers)
            module.running_mean.normal_(0, 0.3, generator=numbers)
            module.running_var.uniform_(0.5, 2, generator=numbers)
            module.num_batches_tracked.fill_(1234)
        if isinstance(bias := getattr(module, "bias", None), Tensor):
            bias.data.normal_(0, 0.3, generator=numbers)
    return network.eval()
