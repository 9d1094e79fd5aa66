"""The published networks, written out from their descriptions, at toy size."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ConvLayer(nn.Module):
    """A convolution over a reflected border, after an enlargement where one is asked for."""

    def __init__(self, inner: int, outer: int, kernel: int, stride: int, upsample: int = 0) -> None:
        super().__init__()
        self.upsample = upsample
        self.reflection_pad = nn.ReflectionPad2d(kernel // 2)
        self.conv2d = nn.Conv2d(inner, outer, kernel, stride)

    def forward(self, x: Tensor) -> Tensor:
        if self.upsample:
            x = F.interpolate(x, mode="nearest", scale_factor=self.upsample)
        out: Tensor = self.conv2d(self.reflection_pad(x))
        return out


class ResidualBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = ConvLayer(channels, channels, 3, 1)
        self.in1 = nn.InstanceNorm2d(channels, affine=True)
        self.conv2 = ConvLayer(channels, channels, 3, 1)
        self.in2 = nn.InstanceNorm2d(channels, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.in2(self.conv2(torch.relu(self.in1(self.conv1(x))))) + x
        return out


class TransformerNet(nn.Module):
    """The network of pytorch/examples; 32 channels there."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.conv1 = ConvLayer(3, width, 9, 1)
        self.in1 = nn.InstanceNorm2d(width, affine=True)
        self.conv2 = ConvLayer(width, 2 * width, 3, 2)
        self.in2 = nn.InstanceNorm2d(2 * width, affine=True)
        self.conv3 = ConvLayer(2 * width, 4 * width, 3, 2)
        self.in3 = nn.InstanceNorm2d(4 * width, affine=True)
        self.res1 = ResidualBlock(4 * width)
        self.res2 = ResidualBlock(4 * width)
        self.res3 = ResidualBlock(4 * width)
        self.res4 = ResidualBlock(4 * width)
        self.res5 = ResidualBlock(4 * width)
        self.deconv1 = ConvLayer(4 * width, 2 * width, 3, 1, upsample=2)
        self.in4 = nn.InstanceNorm2d(2 * width, affine=True)
        self.deconv2 = ConvLayer(2 * width, width, 3, 1, upsample=2)
        self.in5 = nn.InstanceNorm2d(width, affine=True)
        self.deconv3 = ConvLayer(width, 3, 9, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.in1(self.conv1(x)))
        y = torch.relu(self.in2(self.conv2(y)))
        y = torch.relu(self.in3(self.conv3(y)))
        y = self.res5(self.res4(self.res3(self.res2(self.res1(y)))))
        y = torch.relu(self.in4(self.deconv1(y)))
        y = torch.relu(self.in5(self.deconv2(y)))
        out: Tensor = self.deconv3(y)
        return out


def adain_decoder(widths: tuple[int, int, int, int] = (64, 128, 256, 512)) -> nn.Sequential:
    """The decoder of pytorch-AdaIN: paddings, convolutions, ReLUs and enlargements in one list."""
    one, two, three, four = widths
    channels = [(four, three), (three, three), (three, three), (three, three), (three, two)]
    channels += [(two, two), (two, one), (one, one), (one, 3)]
    layers: list[nn.Module] = []
    for number, (inner, outer) in enumerate(channels):
        layers += [nn.ReflectionPad2d(1), nn.Conv2d(inner, outer, 3)]
        if number < len(channels) - 1:
            layers.append(nn.ReLU())
        if number in (0, 4, 6):
            layers.append(nn.Upsample(scale_factor=2, mode="nearest"))
    return nn.Sequential(*layers)


class SmallDecoder(nn.Module):
    """A decoder of Collaborative Distillation for level 3."""

    def __init__(self, widths: tuple[int, int, int] = (16, 32, 64)) -> None:
        super().__init__()
        one, two, three = widths
        self.conv31 = nn.Conv2d(three, two, 3)
        self.conv22 = nn.Conv2d(two, two, 3)
        self.conv21 = nn.Conv2d(two, one, 3)
        self.conv12 = nn.Conv2d(one, one, 3)
        self.conv11 = nn.Conv2d(one, 3, 3)
        self.pad = nn.ReflectionPad2d(1)
        self.unpool = nn.UpsamplingNearest2d(scale_factor=2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.unpool(torch.relu(self.conv31(self.pad(x))))
        y = torch.relu(self.conv22(self.pad(y)))
        y = self.unpool(torch.relu(self.conv21(self.pad(y))))
        y = torch.relu(self.conv12(self.pad(y)))
        return torch.relu(self.conv11(self.pad(y)))
