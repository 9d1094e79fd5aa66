"""Does it pay to compute edits together, and how many jobs does a server do?

    OMP_NUM_THREADS=1 python benchmarks/serve.py
    OMP_NUM_THREADS=1 python benchmarks/serve.py --only networks --runs 5

Networks: the bundled ones on batches of 1, 2, 4 and 8 pictures, in seconds of the processor for each picture,
and whether the bits are those of a batch of 1. Worker: whole jobs, one after the other and together. Server:
whole jobs over HTTP, with one and two workers, with and without ``--batch``.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from record import HOUSE, keep
from torch import Tensor

sys.path.insert(0, str(HOUSE))

from tests.studio.living import descendants, resident
from tests.studio.made import box, photo
from tests.studio.serving import Server

from retouch import weights
from retouch.studio.child import Child

SIDES = (32, 64, 128, 256)
SIZES = (1, 2, 4, 8)
PICTURES = 8

Network = Callable[[Tensor], Tensor]
Rows = dict[str, Any]


def main() -> None:
    """Measure, print the tables, and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--only", choices=("networks", "worker", "server"))
    told = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, Any] = {}
    if told.only in (None, "networks"):
        found["networks, ms a picture"] = networks(told.runs, told.device)
    if told.only in (None, "worker"):
        found["worker, ms a job"] = worker(told.runs, told.device)
    if told.only in (None, "server"):
        found["server"] = server(told.device)
    if told.only is None:
        device = {"device": told.device, "threads": 1, "runs": told.runs}
        keep("serve", {**device, "results": found}, ("torch", "fastapi", "uvicorn", "prometheus-client"))


def networks(runs: int, device: str) -> Rows:
    """Batches of a network, in turns."""
    found: Rows = {}
    print(f"{'network':<20}{'side':>5}" + "".join(f"{f'batch {size}':>22}" for size in SIZES))
    for name, channels, network in bundled(device):
        for side in SIDES:
            generator = torch.Generator().manual_seed(side)
            pictures = torch.rand(PICTURES, channels, side, side, generator=generator).to(device)
            pictures = pictures.contiguous(memory_format=torch.channels_last)
            row = of_sizes(network, pictures, runs)
            found[f"{name} {side}"] = row
            cells = [
                f"{cell['median']:.1f} ±{cell['iqr']:.1f} {'=' if cell['largest difference'] == 0 else '≠'}"
                for cell in row.values()
            ]
            print(f"{name:<20}{side:>5}" + "".join(f"{cell:>22}" for cell in cells), flush=True)
    return found


def bundled(device: str) -> Iterator[tuple[str, int, Network]]:
    """The bundled networks as the edits call them: name, channels of the input, network."""
    from retouch.tasks.inpaint.network.inference import prepared

    place = torch.device(device)
    for name in ("denoise", "upscale-x4", "lama-small", "sketch-to-kaokore", "starry-night"):
        loaded = weights.load(name, place)
        own = loaded.card.sizes.get("input_channels", 3)
        channels = {"denoise": 4, "lama-small": 4}.get(name, own if isinstance(own, int) else 3)
        network = loaded.network
        if name == "lama-small":
            yield name, channels, prepared(network)
        elif name in ("denoise", "upscale-x4"):
            yield name, channels, network.to(memory_format=torch.channels_last)
        else:
            yield name, channels, network


def of_sizes(network: Network, pictures: Tensor, runs: int) -> Rows:
    """What each size of a batch costs, and how far its results are from those of a batch of one."""
    seconds: dict[int, list[float]] = {size: [] for size in SIZES}
    made: dict[int, Tensor] = {}
    with torch.inference_mode():
        for turn in range(runs + 1):
            for size in SIZES:
                began = clock(pictures.device)
                made[size] = torch.cat([network(part) for part in torch.split(pictures, size)])
                if turn:
                    seconds[size].append((clock(pictures.device) - began) / len(pictures) * 1000)
    return {
        str(size): {**summed(seconds[size]), "largest difference": float((made[size] - made[1]).abs().max())}
        for size in SIZES
    }


def clock(device: torch.device) -> float:
    """Seconds of the processor, or those that pass where another one computes."""
    if device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize(device)
    return time.perf_counter()


def worker(runs: int, device: str) -> Rows:
    """Jobs in one process: one after the other, and eight together."""
    found: Rows = {}
    for verb, options in (("restore", {"noise": 10}), ("upscale", {}), ("inpaint", {})):
        for side in SIDES[:3]:
            with tempfile.TemporaryDirectory() as folder:
                child = Child("retouch.studio.worker", device, folder=Path(folder))
                try:
                    child.get_ready()
                    row = in_turns(child, Path(folder), verb, side, options, runs)
                finally:
                    child.kill()
                    child.close()
            found[f"{verb} {side}"] = row
            alone, together = row["one by one"], row["together"]
            print(
                f"{verb:<10}{side:>4}  one by one {alone['median']:6.1f} ±{alone['iqr']:.1f}   together "
                f"{together['median']:6.1f} ±{together['iqr']:.1f}   "
                f"{row['same files']} of {PICTURES} files are the same",
                flush=True,
            )
    return found


def in_turns(
    child: Child, folder: Path, verb: str, side: int, options: Mapping[str, object], runs: int
) -> Rows:
    """The same jobs in both ways, in turns."""
    for number in range(PICTURES):
        (folder / f"{number}.png").write_bytes(photo(number, (side, side)))
    (folder / "mask.json").write_text(_drawn(side))
    seconds: dict[str, list[float]] = {"one by one": [], "together": []}
    numbers = iter(range(1, 1_000_000))
    for turn in range(runs + 1):
        for way, times in seconds.items():
            tasks = []
            for number in range(PICTURES):
                room = folder / f"{way}-{number}"
                shutil.rmtree(room, ignore_errors=True)
                room.mkdir()
                values: dict[str, object] = {"photo": {"file": str(folder / f"{number}.png")}, **options}
                if verb == "inpaint":
                    values["mask"] = {"file": str(folder / "mask.json")}
                plain = {"edit": verb, "values": values, "format": "png", "pixels": 10**8, "places": {}}
                tasks.append({**plain, "number": next(numbers), "room": str(room)})
            began = processor(child.pid)
            for asked in [{"together": tasks}] if way == "together" else tasks:
                child.ask(asked)
            ended = 0
            while ended < PICTURES:
                said = child.hear(60) or {}
                if "failed" in said:
                    raise SystemExit(f"{verb} failed: {said['failed']}")
                ended += "done" in said
            if turn:
                times.append((processor(child.pid) - began) / PICTURES * 1000)
    same = sum(
        (folder / f"one by one-{number}" / "result.png").read_bytes()
        == (folder / f"together-{number}" / "result.png").read_bytes()
        for number in range(PICTURES)
    )
    return {**{way: summed(times) for way, times in seconds.items()}, "same files": same}


def server(device: str) -> Rows:
    """Jobs over HTTP: how many in a second, what they cost beyond the edit, and how much memory it takes."""
    found: Rows = {}
    for words in ((), ("--workers", "2"), ("--batch", "8"), ("--batch", "8", "--workers", "2")):
        for side in (64, 256):
            with (
                tempfile.TemporaryDirectory() as folder,
                Server(Path(folder) / "work", "--device", device, *words) as running,
            ):
                running.wait_until_ready()
                row = loaded(running, side)
            name = f"{' '.join(words) or 'one worker'}, {side} px"
            found[name] = row
            print(f"{name:<32}" + "  ".join(f"{key} {value:.2f}" for key, value in row.items()), flush=True)
    return found


def loaded(running: Server, side: int, jobs: int = 96, clients: int = 16) -> Rows:
    """Many clients, each with a picture of its own and a few jobs."""
    pictures = [running.upload(photo(number, (side, side)))["id"] for number in range(clients)]

    def visit(number: int) -> int:
        names = [
            running.edit("restore", photo=pictures[number], noise=10)["id"] for _ in range(jobs // clients)
        ]
        for name in names:
            if running.ended(name)["state"] != "done":
                raise SystemExit(f"a job failed: {running.job(name)}")
            running.result(name)
        return len(names)

    visit(0)
    began = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        done = sum(pool.map(visit, range(clients)))
    seconds = time.perf_counter() - began
    family = [running.process.pid, *descendants(running.process.pid)]
    seen = running.metrics()
    ran = seen.total("retouch_job_run_seconds_sum") / seen.total("retouch_job_run_seconds_count")
    return {"jobs/s": done / seconds, "run s": ran, "MB": sum(resident(pid) for pid in family)}


def processor(pid: int) -> float:
    """Seconds of the processor that a process has used; with a precision of 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def summed(values: list[float]) -> dict[str, float]:
    """Median and spread."""
    low, median, high = statistics.quantiles(values, n=4) if len(values) > 1 else (values[0],) * 3
    return {"median": round(median, 2), "iqr": round(high - low, 2)}


def _drawn(side: int) -> str:
    import json

    return json.dumps(box(side * 0.3, side * 0.3, side * 0.5, side * 0.5))


if __name__ == "__main__":
    main()
