"""The networks of image translation: generators (FCN, U-Net, ResNet) and discriminators (PatchGAN, pixel).

Every network takes and returns float32 ``(B, C, H, W)`` in its own range: generators map [-1, 1] to
(-1, 1); discriminators give one logit per patch.
"""

from __future__ import annotations

from retouch.nn.discriminators import PatchGAN, PixelGAN
from retouch.nn.layers import Downsampling, Norm, Upsampling, initialise
from retouch.nn.unet import UNet
from retouch.tasks.translate.network.fcn import FCN
from retouch.tasks.translate.network.resnet import ResNet

__all__ = [
    "FCN",
    "Downsampling",
    "Norm",
    "PatchGAN",
    "PixelGAN",
    "ResNet",
    "UNet",
    "Upsampling",
    "initialise",
]
