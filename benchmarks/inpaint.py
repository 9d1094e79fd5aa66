"""How fast are holes filled, beside the same network over the whole photo, and beside its plain layout?

Three questions, each with its rival in the same run, in turns:

* a photo of 12 megapixels with one hole of 3 %: ``retouch.inpaint`` against the same network, prepared
  alike, over the whole photo at once. Memory is the highest resident size of a fresh process less that of
  one that has loaded the photo and the network and filled a hole of a few pixels;
* the network alone at 512 px, rearranged as ``retouch`` runs it, against a plain eager float32 network of
  LaMa's layout (tests/tasks/inpaint/originals.py) with the same weights; and in bfloat16;
* the methods without a network on the 12-megapixel photo, for comparison.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from record import HOUSE, keep

import retouch
from retouch import Mask, Picture, weights
from retouch.image import Box, samples
from retouch.tasks.inpaint.network.inference import prepared

sys.path.insert(0, str(HOUSE))

MODEL = "lama-small"
SIZE = (3000, 4000)
PART = 0.03
TARGETS = {"seconds": 6.0, "gigabytes": 1.5, "times_whole": 10.0, "float32": 1.15, "bfloat16": 2.0}


def main() -> None:
    """Measure, print the tables, and keep the figures."""
    parser = argparse.ArgumentParser(description="inpaint: beside the whole photo, and a plain network")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--child", choices=("little", "hole", "whole"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        _child(options.child)
        return
    figures: dict[str, object] = {
        "threads": torch.get_num_threads(),
        "model": MODEL,
        "targets": TARGETS,
        "photo": photo_figures(max(options.rounds // 2, 3)),
        "network": network_figures(options.rounds),
    }
    keep("inpaint", figures, ("torch", "numpy", "opencv-python-headless", "scikit-image"))


def scene(part: float = PART) -> tuple[Picture, Mask]:
    """A photo of 12 megapixels, and a round hole of so large a part of it."""
    small = samples.open("coffee").pixels
    rows, columns = (np.linspace(0, small.shape[axis] - 1, SIZE[axis]) for axis in (0, 1))
    large = small[rows.round().astype(int)][:, columns.round().astype(int)]
    grain = np.random.default_rng(0).normal(0, 2 / 255, (*SIZE, 1)).astype(np.float32)
    photo = Picture.of((np.clip(large + grain, 0, 1) * 255).round().astype(np.uint8))
    y, x = np.ogrid[: SIZE[0], : SIZE[1]]
    radius = np.sqrt(part * SIZE[0] * SIZE[1] / np.pi)
    inside: NDArray[np.bool_] = (y - 1400) ** 2 + (x - 2100) ** 2 <= radius**2
    return photo, Mask(inside)


def whole(network: Callable[[torch.Tensor], torch.Tensor], photo: Picture, mask: Mask) -> Picture:
    """Fill by the network over all of the photo; decoded and put back as by ``retouch``, without its rim."""
    hole = mask.values
    everything = Box(0, 0, SIZE[1], SIZE[0])
    pixels = photo.decode(everything)
    x = np.concatenate([pixels * (1 - hole[..., None]), hole[..., None]], 2).transpose(2, 0, 1)
    with torch.inference_mode():
        made = network(torch.from_numpy(np.ascontiguousarray(x))[None])[0].permute(1, 2, 0).numpy()
    return photo.edited_box(everything, np.clip(made, 0, 1), mask.inside, report={})


def photo_figures(rounds: int) -> dict[str, object]:
    """Time and memory on the large photo."""
    photo, mask = scene()
    inpainter = retouch.Inpainter.load(MODEL)
    half = retouch.Inpainter.load(MODEL, precision="bfloat16")
    network = prepared(weights.load(MODEL).network)
    ways: dict[str, Callable[[], object]] = {
        "retouch": lambda: inpainter(photo, mask),
        "retouch bfloat16": lambda: half(photo, mask),
        "whole photo": lambda: whole(network, photo, mask),
        "telea": lambda: retouch.inpaint(photo, mask, model="telea"),
        "membrane": lambda: retouch.inpaint(photo, mask, model="membrane"),
    }
    seconds = in_turns(ways, rounds)
    memory = {name: _peak(name) for name in ("little", "hole", "whole")}
    rows = {name: spread(values) for name, values in seconds.items()}
    for name, row in rows.items():
        print(f"{name:<20}{row['median_s']:8.2f} s  IQR {row['iqr_s']:.2f}")
    found = {
        "rows": rows,
        "times_whole": rows["whole photo"]["median_s"] / rows["retouch"]["median_s"],
        "gigabytes_beyond": (memory["hole"] - memory["little"]) / 1e9,
        "gigabytes_beyond_whole": (memory["whole"] - memory["little"]) / 1e9,
        "report": dict(inpainter(photo, mask).report),
    }
    print({key: value for key, value in found.items() if key != "rows"})
    return found


def network_figures(rounds: int) -> dict[str, object]:
    """The network alone, beside the plain layout."""
    from tests.tasks.inpaint import originals

    loaded = weights.load(MODEL)
    sizes = loaded.card.sizes
    plain = originals.fourier(width=int(str(sizes["width"])), blocks=int(str(sizes["blocks"]))).eval()
    plain.load_state_dict({key: value.clone() for key, value in loaded.network.state_dict().items()})
    x = torch.rand(1, 4, 512, 512, generator=torch.Generator().manual_seed(0))
    x[:, 3:] = 0
    x[:, 3:, 150:300, 180:400] = 1
    x[:, :3] *= 1 - x[:, 3:]

    def eager() -> torch.Tensor:
        with torch.inference_mode():
            found: torch.Tensor = plain(x)
        return found

    fast, half = prepared(loaded.network), prepared(loaded.network, "bfloat16")
    ways: dict[str, Callable[[], torch.Tensor]] = {
        "plain": eager,
        "float32": lambda: fast(x),
        "bfloat16": lambda: half(x),
    }
    seconds = in_turns(ways, rounds)
    rows = {name: spread(values) for name, values in seconds.items()}
    wanted = eager()
    found: dict[str, object] = {
        "rows": rows,
        "largest_difference": (fast(x) - wanted).abs().max().item(),
        "bfloat16_db": -10 * (half(x) - wanted).square().mean().log10().item(),
    }
    for name in ("float32", "bfloat16"):
        ratios = [a / b for a, b in zip(seconds["plain"], seconds[name], strict=True)]
        found[f"times_{name}"] = statistics.median(ratios)
        print(f"{name:<20}{statistics.median(ratios):8.2f} × (target {TARGETS[name]})")
    print({key: value for key, value in found.items() if key != "rows"})
    return found


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


def _peak(what: str) -> float:
    words = [sys.executable, __file__, "--child", what]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return float(done.stdout.splitlines()[-1]) * 1024.0


def _child(what: str) -> None:
    photo, mask = scene(1e-4 if what == "little" else PART)
    if what == "whole":
        whole(prepared(weights.load(MODEL).network), photo, mask)
    else:
        retouch.inpaint(photo, mask, model=MODEL)
    # Not getrusage, whose peak a child inherits from the process that started it.
    status = Path("/proc/self/status").read_text().splitlines()
    print(next(line.split()[1] for line in status if line.startswith("VmHWM")))


if __name__ == "__main__":
    main()
