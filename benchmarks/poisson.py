"""How fast and how exact is seamless cloning, beside OpenCV's seamlessClone and fpie?

Every figure is the wall time of a whole call, from 8-bit arrays to an 8-bit array. The programs
take turns, so that a busy moment of the machine falls on all of them; the first call of each,
which compiles or allocates, is not counted. Errors are in 8-bit levels inside the mask, against
the float64 solution of the paper's equation (relative residual 1e-9).

OpenCV solves another problem (the sine transform of the mask's box), so its error is not a fault
of its arithmetic, but it is what its users see. fpie runs Jacobi steps; it is given ten times
retouch's time, and what it has reached by then is reported. It is not a dependency: the build
that was measured is version 0.3.4 with its OpenMP core compiled by hand, since its wheel has none:

    pip install --no-deps fpie==0.3.4 pybind11; pip download --no-deps --no-binary :all: fpie==0.3.4
    g++ -O3 -march=native -fopenmp -std=c++17 -shared -fPIC $(python -m pybind11 --includes) \
        -Ifpie/core fpie/core/openmp/*.cc -o SITE_PACKAGES/fpie/core_openmpSUFFIX
"""

from __future__ import annotations

import argparse
import functools
import itertools
import statistics
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from record import keep

import retouch
from retouch import Mask, Picture
from retouch.image import samples

Bytes = NDArray[np.uint8]
Flags = NDArray[np.bool_]
Mode = Literal["source", "mixed"]

UNKNOWNS = (10_000, 100_000, 1_000_000, 4_000_000)
MODES: tuple[Mode, ...] = ("source", "mixed")


@dataclass(frozen=True)
class Scene:
    """One thing to clone: two photos of one size and a mask clear of the border."""

    name: str
    source: Bytes
    target: Bytes
    mask: Flags

    @property
    def box(self) -> tuple[slice, slice]:
        """The mask's bounds."""
        rows, columns = np.flatnonzero(self.mask.any(axis=1)), np.flatnonzero(self.mask.any(axis=0))
        return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)

    @property
    def box_pixels(self) -> int:
        """How many pixels the mask's box has."""
        return self.mask[self.box].size


def main() -> None:
    """Measure, print the tables, and keep the figures."""
    parser = argparse.ArgumentParser(description="seamless cloning: retouch, OpenCV, fpie")
    parser.add_argument("--runs", type=int, default=9, help="runs of each program")
    parser.add_argument("--largest", type=int, default=UNKNOWNS[-1], help="skip scenes with more unknowns")
    options = parser.parse_args()
    rows = []
    print(
        "unknowns  scene       mode    retouch ms (IQR)  OpenCV ms (IQR)  ratio  error max: retouch  OpenCV"
    )
    for unknowns, shape in itertools.product(UNKNOWNS, ("blob", "holes", "pieces")):
        if unknowns <= options.largest:
            scene = make_scene(shape, unknowns)
            for mode in MODES:
                rows.append(compare(scene, mode, options.runs))
                print(_line(rows[-1]))
    against_fpie = _fpie_rows(options.largest)
    figures = {"runs": options.runs, "against_opencv": rows, "against_fpie": against_fpie}
    packages = ["numpy", "numba", "opencv-python-headless", *(["fpie"] if against_fpie else [])]
    keep("poisson", figures, packages)


def make_scene(shape: str, unknowns: int) -> Scene:
    """A wavy blob, the same with holes, or many discs, of about the wanted number of unknowns."""
    side = round((unknowns * {"blob": 1.75, "holes": 1.95, "pieces": 2.2}[shape]) ** 0.5)
    y, x = np.mgrid[:side, :side] / (side - 1) * 2 - 1
    angle, radius = np.arctan2(y, x), np.hypot(y, x)
    mask = radius < 0.82 + 0.08 * np.cos(3 * angle + 1) + 0.05 * np.cos(7 * angle)
    random = np.random.default_rng(1)
    if shape == "holes":
        for cy, cx in random.integers(0, side, (60, 2)):
            mask[cy : cy + side // 40 + 1, cx : cx + side // 40 + 1] = False
    elif shape == "pieces":
        mask[:] = False
        for cy, cx, reach in random.uniform(-0.9, 0.9, (60, 3)):
            mask |= (y - cy) ** 2 + (x - cx) ** 2 < (0.02 + 0.2 * abs(reach)) ** 2
        mask[:2] = mask[-2:] = mask[:, :2] = mask[:, -2:] = False
    photos = (samples.open(name).numpy("uint8") for name in ("coffee", "astronaut"))
    source, target = (cv2.resize(photo, (side, side)) for photo in photos)
    return Scene(shape, source.astype(np.uint8), target.astype(np.uint8), mask)


def compare(scene: Scene, mode: Mode, runs: int) -> dict[str, object]:
    """Time retouch and OpenCV in turns on one scene, and measure their errors and our memory."""
    rows, columns = scene.box
    center = ((columns.start + columns.stop) // 2, (rows.start + rows.stop) // 2)
    flag = cv2.NORMAL_CLONE if mode == "source" else cv2.MIXED_CLONE
    programs: dict[str, Callable[[], Bytes]] = {
        "retouch": lambda: ours(scene, mode),
        "opencv": lambda: theirs(scene, center, flag),
    }
    results = {name: program() for name, program in programs.items()}
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(runs):
        for name, program in programs.items():
            started = time.perf_counter()
            program()
            seconds[name].append(time.perf_counter() - started)
    wanted = reference(scene, mode)
    row: dict[str, object] = {
        "scene": scene.name,
        "mode": mode,
        "unknowns": int(scene.mask.sum()),
        "box_pixels": scene.box_pixels,
        "peak_bytes_per_box_pixel": round(peak_bytes(scene, mode), 1),
    }
    for name, result in results.items():
        low, median, high = statistics.quantiles(seconds[name], n=4)
        error = np.abs(result.astype(np.float32) - wanted)[scene.mask]
        row[name] = {
            "median_ms": round(median * 1e3, 2),
            "iqr_ms": round((high - low) * 1e3, 2),
            "error_max": round(float(error.max()), 2),
            "error_mean": round(float(error.mean()), 3),
            "changed_outside_mask": int((result != scene.target).any(axis=2)[~scene.mask].sum()),
        }
    return row


def ours(scene: Scene, mode: Mode) -> Bytes:
    """The whole call: 8-bit arrays in, 8-bit array out."""
    result: Bytes = retouch.blend(scene.source, scene.target, scene.mask, gradients=mode).numpy("uint8")
    return result


def theirs(scene: Scene, center: tuple[int, int], flag: int) -> Bytes:
    """OpenCV's call, which wants the mask as bytes."""
    marked = scene.mask.view(np.uint8) * np.uint8(255)
    return cv2.seamlessClone(scene.source, scene.target, marked, center, flag).astype(np.uint8, copy=False)


def reference(scene: Scene, mode: Mode) -> NDArray[np.float32]:
    """The float64 solution in levels, cut to 0…255 as every 8-bit result is."""
    exact = retouch.blend(scene.source, scene.target, scene.mask, gradients=mode, tolerance=1e-9)
    levels: NDArray[np.float32] = np.clip(exact.pixels * 255, 0, 255)
    return levels


def peak_bytes(scene: Scene, mode: Mode) -> float:
    """Largest memory that a blend of pictures in hand takes beyond them, result included, per box pixel."""
    source, target, mask = Picture.of(scene.source), Picture.of(scene.target), Mask.of(scene.mask)
    tracemalloc.start()
    result = retouch.blend(source, target, mask, gradients=mode)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del result
    return peak / scene.box_pixels


def _fpie_rows(largest: int) -> list[dict[str, object]]:
    try:
        from fpie.process import ALL_BACKEND, EquProcessor
    except ImportError:
        print("fpie is not installed; its comparison is left out (see the head of this file)")
        return []
    backend = "openmp" if "openmp" in ALL_BACKEND else "numba"
    rows: list[dict[str, object]] = []
    print(
        f"\nfpie ({backend}) in ten times retouch's time\nunknowns  retouch ms  error  fpie ms  steps  error"
    )
    for unknowns in UNKNOWNS[:3]:
        if unknowns > largest:
            continue
        scene = make_scene("blob", unknowns)
        wanted = reference(scene, "source")
        ours(scene, "source")
        mine = min(_timed(functools.partial(ours, scene, "source")) for _ in range(5))
        error = float(np.abs(ours(scene, "source").astype(np.float32) - wanted)[scene.mask].max())
        processor = EquProcessor("src", backend, n_cpu=2)
        started, steps, theirs = time.perf_counter(), 0, scene.target
        marked = scene.mask.astype(np.uint8) * 255
        processor.reset(scene.source, marked, scene.target, (0, 0), (0, 0))
        processor.sync()
        while time.perf_counter() - started < 10 * mine:
            theirs, _ = processor.step(20)
            steps += 20
        spent = time.perf_counter() - started
        reached = float(np.abs(theirs.astype(np.float32) - wanted)[scene.mask].max())
        row = {
            "unknowns": int(scene.mask.sum()),
            "retouch_ms": round(mine * 1e3, 2),
            "retouch_error_max": round(error, 2),
            "fpie_backend": backend,
            "fpie_ms": round(spent * 1e3, 1),
            "fpie_steps": steps,
            "fpie_error_max": round(reached, 1),
        }
        rows.append(row)
        print("  ".join(str(value) for value in row.values()))
    return rows


def _timed(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _line(row: dict[str, object]) -> str:
    mine, theirs = row["retouch"], row["opencv"]
    assert isinstance(mine, dict)
    assert isinstance(theirs, dict)
    ratio = theirs["median_ms"] / mine["median_ms"]
    return (
        f"{row['unknowns']:>8}  {row['scene']:<10}  {row['mode']:<6}"
        f"{mine['median_ms']:>11.1f} ({mine['iqr_ms']:.1f})"
        f"{theirs['median_ms']:>11.1f} ({theirs['iqr_ms']:.1f})"
        f"{ratio:>8.2f}{mine['error_max']:>10.2f}{theirs['error_max']:>12.1f}"
        f"   {row['peak_bytes_per_box_pixel']} B/pixel"
    )


if __name__ == "__main__":
    main()
