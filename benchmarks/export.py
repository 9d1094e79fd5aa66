"""How fast are exported files, beside the networks they are made of?

Every bundled model is written as ONNX and computed by onnxruntime and by torch (eager, float32, channels
last, the reference that export compares with), in turns, one thread each. Those that 8 bits suit are computed
by OpenVINO in 8 bits as well, calibrated with the sample photos. Figures are CPU time of the
process, so that other work on the machine matters less; a ratio is of two runs next to each other.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import torch
from record import keep
from torch import Tensor

from retouch.export.eight_bits import quantise, silenced
from retouch.export.graph import Graph
from retouch.export.trying import drawn, session_of
from retouch.export.writing import content_of, opened
from retouch.image import Picture, samples
from retouch.tasks.inpaint.network.inference import prepared

MODELS = (
    "sketch-to-kaokore",
    "lama-small",
    "denoise",
    "upscale-x4",
    "starry-night",
    "features",
    "kaokore",
    "kaokore-dcgan",
)
SIDE = 256
PARTS = 3  # by so many along each side a sample photo is cut, to have pictures to calibrate with

Run = Callable[[], object]


def main() -> None:
    """Measure, print the table, and keep the figures."""
    parser = argparse.ArgumentParser(description="exported files beside their networks")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--models", nargs="*", default=MODELS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    figures = {name: measured(name, options.rounds) for name in options.models}
    for name, found in figures.items():
        print(f"{name:<20}", *(f"{key} {value}" for key, value in found.items()), sep="  ")
    if tuple(options.models) == MODELS:
        packages = ("torch", "onnx", "onnxscript", "onnxruntime", "openvino", "nncf")
        keep("export", {"rounds": options.rounds, "side": SIDE, "models": figures}, packages)


def measured(name: str, rounds: int) -> dict[str, object]:
    """Write a model and time it."""
    found = opened(name)
    start = time.process_time()
    content, differences = content_of(found, 1e-4, None)
    figures: dict[str, object] = {
        "seconds_to_export": round(time.process_time() - start, 1),
        "bytes": len(content),
        "largest_difference": max(item.largest for item in differences),
    }
    graph = found.graph
    feeds = drawn(graph.inputs, {"batch": 1, "height": SIDE, "width": SIDE})
    session = session_of(content)
    given = {port.name: feed.numpy() for port, feed in zip(graph.inputs, feeds, strict=True)}
    runs: dict[str, Run] = {"torch": _torch(graph, feeds), "onnxruntime": partial(session.run, None, given)}
    if name == "lama-small":
        fast = prepared(found.loaded.network)
        runs["torch as inpaint rearranges it"] = partial(fast, feeds[0].clamp(0, 1))
    figures |= _timed(runs, rounds)
    if not graph.exact:
        figures |= _in_eight_bits(name, feeds[0], runs["torch"], rounds)
    return figures


def _torch(graph: Graph, feeds: list[Tensor]) -> Run:
    reference = (graph.reference or graph.module).to(memory_format=torch.channels_last)
    ready = [
        feed.contiguous(memory_format=torch.channels_last) if feed.dim() == 4 else feed for feed in feeds
    ]

    def run() -> object:
        with torch.inference_mode():
            return reference(*ready)

    return run


def _in_eight_bits(name: str, feed: Tensor, in_torch: Run, rounds: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder) / "photos"
        photos.mkdir()
        _cut_samples(photos)
        done = quantise(name, Path(folder) / "net.xml", photos)
        with silenced() as (openvino, _):
            settings = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
            network = openvino.Core().compile_model(done.paths[0], "CPU", settings)
            given = {"picture": feed.numpy()}
            runs: dict[str, Run] = {"torch": in_torch, "int8": lambda: network(given)}
            timed = _timed(runs, rounds)
    return {
        "int8_ms": timed["int8_ms"],
        "int8_of_torch": timed["int8_of_torch"],
        "int8_bytes": sum(done.sizes),
        "int8_psnr": round(done.quality.psnr, 2),
        "int8_worst": round(done.quality.worst, 2),
        "int8_pictures": done.quality.pictures,
    }


def _cut_samples(folder: Path) -> None:
    for name in samples.names():
        pixels = Picture.of(samples.path(name)).pixels
        height, width = pixels.shape[0] // PARTS, pixels.shape[1] // PARTS
        for number in range(PARTS**2):
            top, left = number // PARTS * height, number % PARTS * width
            part = pixels[top : top + height, left : left + width]
            Picture.of(part.copy()).save(folder / f"{name}-{number}.png")


def _timed(runs: Mapping[str, Run], rounds: int) -> dict[str, object]:
    """Milliseconds of CPU time of each, and its share of torch's, with quartiles."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 2):
        for name, run in runs.items():
            start = time.process_time()
            run()
            if number >= 2:
                times[name].append(1e3 * (time.process_time() - start))
    found: dict[str, object] = {}
    for name, taken in times.items():
        found[f"{name}_ms"] = round(statistics.median(taken), 1)
        if name != "torch":
            shares = [one / other for one, other in zip(taken, times["torch"], strict=True)]
            low, middle, high = statistics.quantiles(shares, n=4)
            found[f"{name}_of_torch"] = [round(middle, 2), round(low, 2), round(high, 2)]
    return found


if __name__ == "__main__":
    main()
