"""Read the files of published networks that restore and enlarge, and write those formats.

Source: key names, shapes and indices of https://github.com/Zheng222/IMDN at 53f1dac,
    https://github.com/leftthomas/SRGAN, https://github.com/XPixelGroup/BasicSR at 323cc14,
    https://github.com/xinntao/Real-ESRGAN at 696e1a6, https://github.com/cszn/KAIR at 644386f,
    https://github.com/SaoYan/DnCNN-PyTorch at 84ef287 and https://github.com/cszn/DnCNN at 5222842.
Departs:
    Batch normalisation is folded when a file is read, so SRGAN's files are not written back, and KAIR's
        DnCNN is written folded, as KAIR's own files are.
    A network that triples the size by one step in the layout of ESRGAN's first files looks like one that
        doubles it, and is taken for that.
    IMDN's variants for any size (IMDN_AS) and for video (RTC, RTE) are not read.
    What none of this fits is shown to spandrel, when that library is there.
"""

from __future__ import annotations

from retouch.tasks.restore.network import Denoiser, Upscaler
from retouch.tasks.restore.network.unet import UNetRestorer
from retouch.tasks.restore.upstream import denoising, enlarging
from retouch.tasks.restore.upstream.fitting import TASK
from retouch.tasks.restore.upstream.spandrel import LAYOUT
from retouch.weights.architecture import Architecture, Layout

__all__ = ["ARCHITECTURES", "LAYOUTS", "TASK"]

ARCHITECTURES: tuple[Architecture, ...] = (
    Architecture("upscaler", TASK, Upscaler),
    Architecture("denoiser", TASK, Denoiser),
    Architecture("restore-unet", TASK, UNetRestorer),
    *enlarging.ARCHITECTURES,
    *denoising.ARCHITECTURES,
)
"""The networks of this task, under the names that cards use."""

LAYOUTS: tuple[Layout, ...] = (
    *(family.layout() for family in (*enlarging.FAMILIES, *denoising.FAMILIES)),
    LAYOUT,
)
"""Every family, in the order in which they are tried; no file is of two."""
