"""A small network of every kind that is written, with weights that do something."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from retouch import catalog, weights
from retouch.export.trying import Difference
from retouch.export.writing import Opened, content_of, opened
from retouch.weights import JSON, Card

TOYS: dict[str, tuple[str, dict[str, JSON], dict[str, object]]] = {
    "pix2pix": ("unet", {"depth": 3, "width": 4, "norm": "batch"}, {"multiple": 8}),
    "pix2pix as trained": (
        "unet",
        {"depth": 3, "width": 4, "dropout": 0.5},
        {"multiple": 8, "settings": {"inference": "batch", "dropout": True}},
    ),
    "gray to colours": (
        "unet",
        {"depth": 2, "width": 4, "norm": "instance", "input_channels": 1, "upsampling": "resize"},
        {"multiple": 4},
    ),
    "colourisation": (
        "unet",
        {"depth": 3, "width": 4, "input_channels": 1, "output_channels": 2},
        {"multiple": 8, "settings": {"colour": "lab"}},
    ),
    "colours to gray": ("resnet", {"width": 4, "blocks": 1, "output_channels": 1}, {"multiple": 4}),
    "CycleGAN": ("resnet", {"width": 4, "blocks": 1, "norm": "instance"}, {"multiple": 4}),
    "CUT": (
        "resnet",
        {"width": 4, "blocks": 1, "norm": "instance", "upsampling": "blur", "downsampling": "blur"},
        {"multiple": 4},
    ),
    "FCN": ("fcn", {"depth": 2, "width": 4}, {"multiple": 4}),
    "LaMa Fourier": ("lama", {"width": 4, "blocks": 1}, {"multiple": 8}),
    "LaMa with local Fourier units": (
        "lama",
        {
            "width": 16,
            "blocks": 1,
            "downsampling": 2,
            "ratio": 0.5,
            "lfu": True,
            "edges": "mirror",
            "activation": "tanh",
        },
        {"multiple": 4},
    ),
    "LaMa all spectral": (
        "lama",
        {"width": 8, "blocks": 1, "downsampling": 2, "ratio": 0.5, "local": "all-spectral"},
        {"multiple": 4},
    ),
    "LaMa regular": ("lama-regular", {"width": 4, "blocks": 1}, {"multiple": 8}),
    "LaMa dilated": ("lama-dilated", {"width": 4, "blocks": 1}, {"multiple": 8}),
    "upscaler": ("upscaler", {"width": 4, "blocks": 1, "scale": 2}, {"scale": 2}),
    "denoiser": ("denoiser", {"width": 4, "deep": 6, "blocks": 1}, {"multiple": 8}),
    "gray denoiser": ("denoiser", {"width": 4, "deep": 6, "blocks": 1, "channels": 1}, {"multiple": 8}),
    "restoring U-Net": ("restore-unet", {"scale": 2, "depth": 2, "width": 4}, {"scale": 2, "multiple": 2}),
    "IMDN": ("imdn", {"width": 16, "blocks": 1, "scale": 3}, {"scale": 3}),
    "SRResNet": ("srresnet", {"width": 4, "blocks": 1, "doublings": 1}, {"scale": 2}),
    "MSRResNet": ("msrresnet", {"width": 4, "blocks": 1, "scale": 3}, {"scale": 3}),
    "ESRGAN": ("rrdb", {"width": 4, "blocks": 1, "growth": 2, "doublings": 1}, {"scale": 2}),
    "Real-ESRGAN ×2": (
        "rrdb",
        {"width": 4, "blocks": 1, "growth": 2, "doublings": 2, "unshuffle": 2},
        {"scale": 2, "multiple": 2},
    ),
    "SRVGG": ("srvgg", {"width": 4, "depth": 1, "scale": 4}, {"scale": 4}),
    "gray DnCNN": ("dncnn", {"depth": 3, "width": 4, "channels": 1}, {}),
    "fast style": ("fast-style", {"width": 4, "blocks": 1}, {"multiple": 4}),
    "DCGAN": ("dcgan", {"side": 16, "latent": 8, "width": 4}, {}),
    "StyleGAN2": (
        "stylegan2",
        {"side": 16, "channels": "8,8,4", "latent": 8, "style": 8, "layers": 2, "limit": 2.0},
        {},
    ),
    "StyleGAN2 with labels": (
        "stylegan2",
        {
            "side": 8,
            "channels": "4,4",
            "latent": 8,
            "style": 8,
            "layers": 1,
            "classes": 3,
            "design": "residual",
            "colours": 1,
        },
        {},
    ),
    "encoder": ("stylegan2-encoder", {"side": 16, "channels": "8,8,4", "latent": 8}, {}),
    "VGG": ("vgg", {"convolutions": [1, 2, 1], "widths": [4, 4, 6], "border": "reflect"}, {}),
    "VGG of Gatys": (
        "vgg",
        {"convolutions": [1, 1], "widths": [4, 4], "pooling": "average", "ceil": True},
        {},
    ),
}
"""What it is called here → architecture, sizes, and what else its card says."""

QUICK = (
    "colourisation",
    "LaMa Fourier",
    "upscaler",
    "gray denoiser",
    "gray DnCNN",
    "DCGAN",
    "VGG",
)
"""One of each way of writing, and those quickly traced; the others are for the slow tests."""

UNITS = ("srresnet", "msrresnet", "imdn", "rrdb", "srvgg", "dncnn", "denoiser", "upscaler", "restore-unet")
"""The architectures whose networks take pictures in [0, 1]."""


def network_of(architecture: str, sizes: Mapping[str, JSON], seed: int = 0) -> nn.Module:
    """Build a network with weights of usual size; first weights are so small that all of it is rounding."""
    known = next(item for item in catalog.architectures() if item.name == architecture)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = known.build(**sizes)
        for name, tensor in network.state_dict().items():
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 1.5)
            elif name.endswith("running_mean") or "noise_strength" in name:
                tensor.normal_(0, 0.3)
            elif tensor.is_floating_point() and tensor.dim() > 1 and "noise_const" not in name:
                fan = tensor[0].numel()
                tensor.normal_(0, 1.0 if architecture.startswith("stylegan2") else 1.1 / fan**0.5)
            elif name.endswith("bias"):
                tensor.normal_(0, 0.1)
    return network.eval()


def toy(name: str, folder: Path) -> Path:
    """Write a toy as a weights file."""
    architecture, sizes, more = TOYS[name]
    known = next(item for item in catalog.architectures() if item.name == architecture)
    unit = architecture in UNITS or architecture.startswith(("lama", "vgg", "fast"))
    facts = {"value_range": (0.0, 1.0) if unit else (-1.0, 1.0), "licence": "CC0", **more}
    card = Card(name="toy", task=known.task, architecture=architecture, sizes=sizes, **facts)  # type: ignore[arg-type]
    return weights.save(folder / "toy.safetensors", network_of(architecture, sizes), card)


@functools.cache
def written(name: str) -> tuple[Opened, bytes, tuple[Difference, ...]]:
    """Write a toy as ONNX, once for all tests."""
    with tempfile.TemporaryDirectory() as folder:
        found = opened(toy(name, Path(folder)))
        return found, *content_of(found, 1e-4, None)
