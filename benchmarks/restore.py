"""How long does a decibel take: enlarging four times and denoising, beside published networks?

Two questions, each with its rivals in the same run, in turns:

* a photo of 480 × 320 becomes 1920 × 1280: seconds, and decibels (Y, crop 4, the published inputs of Set5),
  of ``upscale-x4`` in float32 and bfloat16, of IMDN and SRResNet from their published files as plain eager
  float32 networks of their authors' layout (tests/tasks/restore/originals.py), and of Lanczos. What counts is
  seconds per decibel above the bicubic enlargement;
* a noisy photo of 481 × 321 (σ 25): seconds per megapixel, and decibels (RGB, CBSD68), of ``denoise`` in
  float32 and bfloat16, of DnCNN for gray pictures on each channel, and of non-local means in OpenCV and
  scikit-image.

Pictures and published files lie in a folder that is not part of retouch: --shared.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from record import HOUSE, keep
from skimage.restoration import denoise_nl_means
from torch import Tensor, nn

import retouch
from retouch.image import samples
from retouch.image.resample import resize
from retouch.tasks.restore.edit import Restorer
from retouch.tasks.restore.recipe.cases import Pair
from retouch.tasks.restore.recipe.evaluating import evaluate_restoration
from retouch.tasks.restore.recipe.methods import Method
from retouch.weights.read import read

sys.path.insert(0, str(HOUSE))

UPSCALER, DENOISER = "upscale-x4", "denoise"
SMALL, PHOTO, SIGMA = (320, 480), (321, 481), 25.0
TARGETS = {"times_imdn_per_db": 3.0, "bfloat16_db": 0.02}

Restore = Callable[[Tensor], Tensor]
"""(1, 3, h, w) in [0, 1] → (1, 3, H, W)."""


def main() -> None:
    """Measure, print the tables, and keep the figures."""
    parser = argparse.ArgumentParser(description="restore: seconds and decibels beside published networks")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--limit", type=int, default=0, help="pictures of CBSD68; 0: all")
    parser.add_argument("--shared", type=Path, default=HOUSE.parent / "shared" / "data")
    options = parser.parse_args()
    figures: dict[str, object] = {
        "threads": torch.get_num_threads(),
        "models": {name: retouch.weights.load(name).card.commit for name in (UPSCALER, DENOISER)},
        "targets": TARGETS,
        "enlarging": enlarging(options.shared, options.rounds),
        "denoising": denoising(options.shared, options.rounds, options.limit),
    }
    keep("restore", figures, ("torch", "numpy", "opencv-python-headless", "scikit-image"))


def enlarging(shared: Path, rounds: int) -> dict[str, object]:
    """Four times larger."""
    ways: dict[str, Restore] = {
        "retouch": partial(Restorer.load(UPSCALER).planes),
        "retouch bfloat16": partial(Restorer.load(UPSCALER, precision="bfloat16").planes),
        "IMDN": plain("IMDN", shared / "checkpoints" / "IMDN_x4.pth"),
        "SRResNet": plain("SRGAN", shared / "checkpoints" / "srgan_x4.pth"),
        "Lanczos": lanczos,
    }
    found = evaluate_restoration(
        [Method(name, 4, _of_pair(restore)) for name, restore in ways.items()],
        shared / "set5" / "HR",
        inputs=shared / "set5" / "LR_x4",
        baselines="bicubic",
        metrics="psnr",
    )
    print(found.text())
    small = photo(SMALL)
    seconds = in_turns({name: partial(restore, small) for name, restore in ways.items()}, rounds)
    bicubic = found.row("bicubic", "psnr").value
    rows = {
        name: {
            **spread(values),
            "db": found.row(name, "psnr").value,
            "db_above_bicubic": found.row(name, "psnr").value - bicubic,
        }
        for name, values in seconds.items()
    }
    per_db = {name: row["median_s"] / row["db_above_bicubic"] for name, row in rows.items()}
    for name, row in rows.items():
        print(
            f"{name:<18}{row['median_s']:8.3f} s  IQR {row['iqr_s']:.3f}  {row['db']:6.2f} dB  "
            f"{per_db[name]:.3f} s per dB above bicubic"
        )
    made = {
        "rows": rows,
        "bicubic_db": bicubic,
        "self_check": str(found.checks[0]),
        "protocol": found.row("IMDN", "psnr").protocol,
        "seconds_per_db": per_db,
        "times_imdn_per_db": {
            name: statistics.median(
                (theirs / rows["IMDN"]["db_above_bicubic"]) / (ours / rows[name]["db_above_bicubic"])
                for theirs, ours in zip(seconds["IMDN"], seconds[name], strict=True)
            )
            for name in ("retouch", "retouch bfloat16")
        },
        "bfloat16_db": abs(rows["retouch bfloat16"]["db"] - rows["retouch"]["db"]),
    }
    print({name: made[name] for name in ("times_imdn_per_db", "bfloat16_db")})
    return made


def denoising(shared: Path, rounds: int, limit: int) -> dict[str, object]:
    """White noise of one strength."""
    ours, half = Restorer.load(DENOISER), Restorer.load(DENOISER, precision="bfloat16")
    ways: dict[str, Restore] = {
        "retouch": partial(ours.planes),
        "retouch told": partial(ours.planes, noise=SIGMA),
        "retouch bfloat16": partial(half.planes),
        "DnCNN": per_channel(plain("DnCNN", shared / "checkpoints" / "dncnn_25_gray.pth")),
        "NLM OpenCV": means_by_opencv,
        "NLM scikit-image": means_by_skimage,
    }
    found = evaluate_restoration(
        [Method(name, 1, _of_pair(restore)) for name, restore in ways.items()],
        shared / "cbsd68",
        degradations=f"noise({SIGMA:g})",
        metrics="psnr",
        limit=limit,
    )
    print(found.text())
    clean = photo(PHOTO)
    noisy = clean + torch.randn(clean.shape, generator=torch.Generator().manual_seed(0)) * (SIGMA / 255)
    seconds = in_turns({name: partial(restore, noisy) for name, restore in ways.items()}, rounds)
    megapixels = PHOTO[0] * PHOTO[1] / 1e6
    rows = {
        name: {
            **spread(values),
            "db": found.row(name, "psnr").value,
            "s_per_megapixel": statistics.median(values) / megapixels,
        }
        for name, values in seconds.items()
    }
    for name, row in rows.items():
        print(f"{name:<18}{row['s_per_megapixel']:8.2f} s/MP  IQR {row['iqr_s']:.3f} s  {row['db']:6.2f} dB")
    return {
        "rows": rows,
        "self_check": str(found.checks[0]),
        "protocol": found.row("DnCNN", "psnr").protocol,
        "pictures": found.row("DnCNN", "psnr").n,
        "bfloat16_db": abs(rows["retouch bfloat16"]["db"] - rows["retouch"]["db"]),
    }


def plain(layout: str, file: Path) -> Restore:
    """A published file in a network of its authors' layout, eager and in float32."""
    from tests.tasks.restore import originals

    tensors = read(file).tensors
    network: nn.Module = getattr(originals, layout)()
    network.load_state_dict({key.removeprefix("module."): value.float() for key, value in tensors.items()})
    network.eval()

    def restore(picture: Tensor) -> Tensor:
        with torch.inference_mode():
            made: Tensor = network(picture)
        return made

    return restore


def per_channel(restore: Restore) -> Restore:
    """Apply a network for gray pictures to each channel, as a batch of three."""
    return lambda picture: restore(picture.transpose(0, 1)).transpose(0, 1)


def lanczos(picture: Tensor) -> Tensor:
    """Four times larger without a network."""
    _, _, height, width = picture.shape
    return torch.from_numpy(resize(picture[0].numpy(), (4 * height, 4 * width), kernel="lanczos"))[None]


def means_by_opencv(picture: Tensor) -> Tensor:
    """Non-local means of 8-bit colours."""
    made = cv2.fastNlMeansDenoisingColored(_bytes(picture), None, SIGMA, SIGMA, 7, 21)
    return torch.from_numpy(made).permute(2, 0, 1)[None].float() / 255


def means_by_skimage(picture: Tensor) -> Tensor:
    """Non-local means that are told the noise."""
    pixels = np.ascontiguousarray(picture[0].permute(1, 2, 0).numpy(), np.float64)
    sigma = SIGMA / 255
    made = denoise_nl_means(
        pixels, patch_size=5, patch_distance=6, h=0.6 * sigma, sigma=sigma, fast_mode=True, channel_axis=-1
    )
    return torch.from_numpy(np.asarray(made, np.float32)).permute(2, 0, 1)[None]


def photo(size: tuple[int, int]) -> Tensor:
    """(1, 3, height, width) in [0, 1]."""
    pixels = np.asarray(samples.open("coffee").pixels, np.float32).transpose(2, 0, 1)
    return torch.from_numpy(resize(pixels, size).clip(0, 1))[None].contiguous()


def in_turns(ways: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Time each, in turns, the first of a round changing; a first call of each is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    names = list(ways)
    for number in range(rounds + 1):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            started = time.perf_counter()
            ways[name]()
            if number:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def spread(values: list[float]) -> dict[str, float]:
    """Median and interquartile range."""
    low, median, high = statistics.quantiles(values, n=4)
    return {"median_s": median, "iqr_s": high - low, "min_s": min(values)}


def _of_pair(restore: Restore) -> Callable[[Pair], Tensor]:
    return lambda pair: restore(pair.spoiled[None])


def _bytes(picture: Tensor) -> NDArray[np.uint8]:
    levels = torch.round(picture[0].clamp(0, 1) * 255).to(torch.uint8)
    return np.ascontiguousarray(levels.permute(1, 2, 0).numpy())


if __name__ == "__main__":
    main()
