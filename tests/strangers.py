"""Folders as other projects leave them: small checkpoints of random weights in their layouts, and data."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from retouch.data import make
from retouch.tasks.invert.network import StyleGAN2, StyleGAN2Judge
from tests.features.originals import torchvision_vgg
from tests.tasks.inpaint import originals as lama
from tests.tasks.invert import nvfiles
from tests.tasks.restore import originals as restorers
from tests.tasks.stylize.originals import TransformerNet
from tests.tasks.translate import originals as translators


def everything(folder: Path) -> None:
    """Lay out what the pages of docs/coming-from begin with; made once, then copied."""
    shutil.copytree(_made(), folder, dirs_exist_ok=True)


@functools.cache
def _made() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="strangers-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with torch.random.fork_rng(devices=[]):
        for lay in (translation, inpainting, generation, style, restoration):
            lay(folder)
    return folder


def translation(folder: Path) -> None:
    """A checkout of pytorch-CycleGAN-and-pix2pix after some training."""
    facades = folder / "checkpoints" / "facades_label2photo"
    keep(facades / "latest_net_G.pth", translators.unet(width=4, depth=8))
    keep(facades / "latest_net_D.pth", translators.patchgan(inner=6))
    (facades / "train_opt.txt").write_text(
        options({"model": "pix2pix", "netG": "unet_256", "direction": "BtoA", "no_dropout": "False"})
    )
    (facades / "loss_log.txt").write_text("================ Training Loss ================\n")
    zebras = folder / "checkpoints" / "horse2zebra"
    for number, name in enumerate(("latest_net_G_A", "latest_net_G_B", "5_net_G_A")):
        keep(zebras / f"{name}.pth", translators.resnet(width=4, blocks=9), seed=number)
    pairs, sets = folder / "datasets" / "facades", folder / "datasets" / "horse2zebra"
    make.make("synthetic:facades?count=10&size=64", pairs)
    make.make("synthetic:seasons?count=10&size=64", sets)
    for picture in sorted(pairs.glob("*/*")):
        with Image.open(picture) as both:
            for side, name in enumerate("AB"):
                place = folder / "datasets" / "apart" / name / picture.parent.name / picture.name
                place.parent.mkdir(parents=True, exist_ok=True)
                half = both.width // 2
                both.crop((side * half, 0, (side + 1) * half, both.height)).save(place)


def inpainting(folder: Path) -> None:
    """LaMa's two weights files and its folder of photos and masks."""
    network = lama.fourier(width=8, blocks=9)
    lama.randomised(network)
    whole = lama.Training(network, lama.Discriminator(8))
    models = folder / "big-lama" / "models"
    models.mkdir(parents=True, exist_ok=True)
    torch.save(lama.lightning(whole), models / "best.ckpt")
    (folder / "big-lama" / "config.yaml").write_text(
        "run_title: b18_ffc075\ntraining_model:\n  kind: default\n"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        jit: Any = torch.jit  # noqa: TID251 - big-lama.pt is such a file
        shown = (torch.rand(1, 3, 64, 64), torch.ones(1, 1, 64, 64))
        jit.trace(lama.Traced(lama.Training(network)), shown).save(str(folder / "big-lama.pt"))
    numbers = np.random.default_rng(0)
    photos = folder / "LaMa_test_images"
    photos.mkdir()
    for name in ("1", "2"):
        Image.fromarray(numbers.integers(0, 256, (48, 64, 3), np.uint8)).save(photos / f"image{name}.png")
        hole = np.zeros((48, 64), np.uint8)
        hole[20:30, 20:40] = 255
        Image.fromarray(hole).save(photos / f"image{name}_mask001.png")
        for kind, picture in (("photos", f"image{name}.png"), ("masks", f"image{name}_mask001.png")):
            (folder / kind).mkdir(exist_ok=True)
            shutil.copy(photos / picture, folder / kind / f"{name}.png")


def generation(folder: Path) -> None:
    """A StyleGAN2 as NVlabs' training, PTI and rosinality's program write it."""
    torch.manual_seed(7)
    network = StyleGAN2(side=16, channels="12,10,8", latent=16, style=16, layers=2)
    judge = StyleGAN2Judge(side=16, channels="12,10,8", colours=3)
    kwargs = {
        "z_dim": 16, "c_dim": 0, "w_dim": 16, "img_resolution": 16, "img_channels": 3,
        "mapping_kwargs": nvfiles.EasyDict(num_layers=2),
        "synthesis_kwargs": nvfiles.EasyDict(channel_base=128, channel_max=12, num_fp16_res=4),
    }  # fmt: skip
    generator = nvfiles.module(nvfiles.filtered(network.state_dict()), "Generator", kwargs)
    kept = {
        "training_set_kwargs": {"class_name": "training.dataset.ImageFolderDataset", "path": "cats.zip"},
        "G": generator,
        "D": nvfiles.module(nvfiles.filtered_judge(judge.state_dict()), "Discriminator", {}),
        "G_ema": generator,
        "augment_pipe": None,
    }
    run = folder / "training-runs" / "00000-cats-auto1"
    run.mkdir(parents=True)
    (run / "network-snapshot-000200.pkl").write_bytes(nvfiles.pickled(kept))
    nvfiles.zipped(generator, folder / "model_ABCDEF_multi_id.pt")
    w = network.mapping(torch.randn(1, 16)).detach().numpy()
    np.savez(folder / "projected_w.npz", w=np.repeat(w[:, None], 6, axis=1) if w.ndim == 2 else w)


def style(folder: Path) -> None:
    """Feature networks and a painter of fast-neural-style."""
    models = folder / "models"
    models.mkdir()
    torch.save(torchvision_vgg(classifier=1).state_dict(), models / "vgg19-d01eb7cb.pth")
    torch.save(torchvision_vgg().state_dict(), models / "vgg19-dcbb9e9d.pth")
    (folder / "saved_models").mkdir()
    torch.manual_seed(1)
    torch.save(TransformerNet().state_dict(), folder / "saved_models" / "mosaic.pth")


def restoration(folder: Path) -> None:
    """Upscalers of Real-ESRGAN and a denoiser of KAIR."""
    (folder / "weights").mkdir()
    network = restorers.RRDBNet(8, 2, 4)
    restorers.randomised(network)
    torch.save(restorers.under("params_ema", network), folder / "weights" / "RealESRGAN_x4plus.pth")


def keep(path: Path, network: nn.Module, seed: int = 0) -> None:
    """Write a state dict as ``torch.save`` does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    translators.randomised(network, seed)
    torch.save(network.state_dict(), path)


def options(values: Mapping[str, str]) -> str:
    """The text of a ``train_opt.txt``."""
    lines = [f"{name:>25}: {value:<30}" for name, value in sorted(values.items())]
    return "\n".join(
        ["----------------- Options ---------------", *lines, "----------------- End -------------------", ""]
    )
