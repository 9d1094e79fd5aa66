"""Small networks with weights of a seed."""

from __future__ import annotations

import functools

import torch

from retouch.tasks.invert.method.spaces import Name, Space, space
from retouch.tasks.invert.method.whitening import Whitening, whitening
from retouch.tasks.invert.network import DCGAN, StyleGAN2


@functools.cache
def gan(side: int = 16, classes: int = 0) -> StyleGAN2:
    """Give a StyleGAN2 whose noise and biases are not 0."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        channels = ",".join(["12"] * (side.bit_length() - 2))
        network = StyleGAN2(side=side, channels=channels, latent=8, style=8, layers=2, classes=classes)
        for convolution in network.synthesis.convolutions():
            torch.nn.init.constant_(convolution.noise_strength, 0.1)
            torch.nn.init.normal_(convolution.bias, std=0.1)
    return network.requires_grad_(False).eval()


@functools.cache
def dcgan() -> DCGAN:
    """Give a DCGAN."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        network = DCGAN(side=16, latent=8, width=8, norm="instance")
    return network.requires_grad_(False).eval()


@functools.cache
def white() -> Whitening:
    """Give the whitening of the StyleGAN2."""
    return whitening(gan(), samples=2000)


def of(name: Name) -> Space:
    """Give a space of the StyleGAN2."""
    return space(gan(), name, white())


def own(count: int, seed: int = 0) -> torch.Tensor:
    """Give pictures of the StyleGAN2's own."""
    z = torch.randn(count, 8, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        pictures: torch.Tensor = gan()(z)
    return pictures
