"""What does a batch cost beyond the edits, and does that stay the same over ten thousand pictures?

The peer is a loop of the plain library in one process: open, edit, save. Against it, in turns: the batch in
one process, in several, and on a Ray of this machine.

* cost: CPU time of the driver and all it started for one picture, once every worker is at work, less the
  loop's. Wall time says little here: where the workers fill the cores, it is the CPU time that counts;
* growth: the same over the first and the last pictures of a long run, and the memory on the way;
* sameness: SHA-256 of every output and of the ledger, over all runners;
* scale: what a ledger of a million rows weighs, and how long it takes to read it and to plan as many.

Pictures are generated: 64 × 64 for ``blend`` (with a mask), 24 × 24 for ``upscale`` (to 96 × 96).
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from record import HOUSE, keep

RUNNERS = ("loop", "serial", "processes", "ray")
EDITS = ("blend", "upscale")
WORKERS = 2
WARM = 40  # pictures before anything is counted: every worker has begun by then
TARGETS = {"overhead_ms": 5.0, "growth": 0.10}


def main() -> None:
    """Measure, print the tables, and keep the figures."""
    parser = argparse.ArgumentParser(description="batch: cost beyond the edits, growth, sameness")
    parser.add_argument("--count", type=int, default=10_000, help="pictures of the long runs")
    parser.add_argument("--short", type=int, default=600, help="pictures of the runs that are repeated")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the ledger that is read")
    parser.add_argument("--runners", nargs="+", choices=RUNNERS[1:], default=list(RUNNERS[1:]))
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        runner, edit, pictures, out = options.one
        print(json.dumps(one(runner, edit, Path(pictures), Path(out))))
        return
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        figures: dict[str, object] = {"workers": WORKERS, "targets": TARGETS}
        figures["cost"] = cost(home, options.runners, options.short, options.rounds)
        figures["long"] = long_runs(home, options.runners, options.count)
        figures["scale"] = scale(home, options.rows)
    keep("batch", figures, ("ray", "torch", "numpy", "pillow"))


def cost(home: Path, runners: list[str], count: int, rounds: int) -> dict[str, object]:
    """CPU milliseconds for each picture beyond the plain loop's, runner by runner."""
    found: dict[str, object] = {}
    for edit in EDITS:
        pictures = drawn(home / f"{edit}-{count}", edit, count)
        spent: dict[str, list[float]] = {name: [] for name in ("loop", *runners)}
        for number in range(rounds):
            for name, values in spent.items():
                run = measured(name, edit, pictures, home / f"{edit}-{name}-{number}")
                values.append(run["cpu_ms"])
        beyond = {
            name: [mine - theirs for mine, theirs in zip(values, spent["loop"], strict=True)]
            for name, values in spent.items()
            if name != "loop"
        }
        found[edit] = {
            "loop_ms": summary(spent["loop"]),
            "beyond_ms": {name: summary(values) for name, values in beyond.items()},
        }
        print(f"{edit}: loop {statistics.median(spent['loop']):.2f} ms of CPU a picture")
        for name, values in beyond.items():
            middle = statistics.median(values)
            print(f"  {name:10} {middle:+6.2f} ms ({min(values):+.2f} … {max(values):+.2f}) beyond it")
    return found


def long_runs(home: Path, runners: list[str], count: int) -> dict[str, object]:
    """Growth, memory and sameness over many pictures."""
    found: dict[str, object] = {}
    for edit in EDITS:
        pictures = drawn(home / f"{edit}-{count}", edit, count)
        runs = {name: measured(name, edit, pictures, home / f"{edit}-{name}-long") for name in runners}
        ledgers = {run["ledger"] for run in runs.values()}
        outputs = {run["outputs"] for run in runs.values()}
        same = len(ledgers) == len(outputs) == 1
        for name, run in runs.items():
            rates, memory = run["rates"], run["memory_mib"]
            print(f"{edit} × {count} {name}: start {run['start_s']:.1f} s, rest {run['rest_s']:.1f} s")
            print(f"  pictures/s {rates}\n  CPU ms a picture {run['cpu_ms_by']}\n  MiB {memory}")
            print(f"  again: {run['again_s']:.2f} s, {run['again_rows']} pictures done")
        print(f"  same outputs and ledgers: {same}")
        found[edit] = {"same": same, "runs": runs}
    return found


def scale(home: Path, rows: int) -> dict[str, object]:
    """What a ledger of many rows costs: bytes, seconds to read, memory; and the plan of as many."""
    code = f"import batch; print(batch.json.dumps(batch.read_ledger(batch.Path({str(home)!r}), {rows})))"
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=HOUSE / "benchmarks", check=True, capture_output=True, text=True
    ).stdout
    found: dict[str, object] = json.loads(said.splitlines()[-1])
    print(f"{rows:,} rows: {found}")
    return found


def read_ledger(home: Path, rows: int) -> dict[str, object]:
    """Write a ledger and a manifest of so many pictures, and read both; in a process of its own.

    All times are of the CPU: one thread does this, on files that the system has just seen.
    """
    from retouch.batch import Row, Shard, plan
    from retouch.batch.ledger import Ledger

    folder = home / "ledger"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"")
    names = [f"{number // 1000:06}/{number:09}.png" for number in range(rows)]
    manifest = folder / "all.csv"
    manifest.write_text("\n".join(["photo,name", *(f"a.png,{name}" for name in names)]))
    digest = hashlib.sha256(b"").hexdigest()
    stamp = {str(folder / "a.png"): (12345, "1763800000000000000", digest)}
    with Ledger(folder / "records", Shard()) as ledger:
        began = time.process_time()
        for name in names:
            ledger.add(Row(name, "done", digest, 12345, digest, inputs=stamp))
        wrote = time.process_time() - began
    sizes = {one.name.split("-")[0]: one.stat().st_size / rows for one in (folder / "records").iterdir()}
    memory, began = resident(os.getpid()), time.process_time()
    with Ledger(folder / "records", Shard()) as ledger:
        read = time.process_time() - began
        memory = resident(os.getpid()) - memory
        began = time.process_time()
        looked = sum(ledger.row(name) is not None for name in names[:: max(1, rows // 10_000)])
        look_up = (time.process_time() - began) / looked
    planned = {}
    for shard in (Shard(), Shard(1, 1000)):
        began = time.process_time()
        for _ in plan("upscale", manifest, folder / "out", shard=shard):
            pass
        planned[f"{shard.number}/{shard.of}"] = (time.process_time() - began) / rows * 1e6
    return {
        "rows": rows,
        "bytes_a_row": sizes,
        "write_us_a_row": wrote / rows * 1e6,
        "read_s": read,
        "read_memory_mib": memory,
        "look_up_us": look_up * 1e6,
        "plan_us_a_row": planned,
    }


def measured(runner: str, edit: str, pictures: Path, out: Path) -> dict[str, Any]:
    """Run one way over all pictures in a fresh process."""
    words = [sys.executable, __file__, "--one", runner, edit, str(pictures), str(out)]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@dataclass
class Watched:
    """What is seen of a run while its pictures go by."""

    total: int
    begun: float = field(default_factory=time.perf_counter)
    at: list[float] = field(default_factory=list)
    cpu: dict[int, float] = field(default_factory=dict)
    memory: dict[int, dict[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tenth = max(1, self.total // 10)
        self.marks = {WARM, WARM + 100, tenth, self.total - tenth, self.total - WARM}

    def picture(self) -> None:
        """One more is done."""
        self.at.append(time.perf_counter())
        if len(self.at) in self.marks:
            self.cpu[len(self.at)] = cpu_of_all()
            self.memory[len(self.at)] = memory_of_all()

    def facts(self) -> dict[str, Any]:
        """What was seen, by parts of the run."""
        tenth, first, last = max(1, self.total // 10), WARM, self.total - WARM
        parts = {
            "first 100": (first, first + 100),
            "first tenth": (first, tenth),
            "all": (first, last),
            "last tenth": (self.total - tenth, last),
        }
        parts = {name: (low, high) for name, (low, high) in parts.items() if last >= high > low}
        spent = {name: (self.cpu[high] - self.cpu[low]) / (high - low) for name, (low, high) in parts.items()}
        return {
            "start_s": self.at[0] - self.begun,
            "rest_s": self.at[-1] - self.at[0],
            "cpu_ms": spent["all"] * 1e3,
            "cpu_ms_by": {name: round(value * 1e3, 3) for name, value in spent.items()},
            "rates": {
                name: round((high - low) / (self.at[high - 1] - self.at[low - 1]), 2)
                for name, (low, high) in parts.items()
            },
            "memory_mib": {str(number): memory for number, memory in sorted(self.memory.items())},
        }


def one(runner: str, edit: str, pictures: Path, out: Path) -> dict[str, Any]:
    """Run one way over all pictures, in this process and those that it starts."""
    total = sum(1 for _ in (pictures / "all.csv").open()) - 1
    watched = Watched(total)
    if runner == "loop":
        loop(edit, pictures, out, watched)
        return watched.facts()
    from retouch.batch.item import Item, Row
    from retouch.batch.plan import plan
    from retouch.batch.run import run
    from retouch.batch.work import Work

    def rows(work: Work, items: Iterable[Item]) -> Iterator[Row]:
        for row in started(runner, work, items):
            if row.state == "failed":
                raise SystemExit(f"{row.name}: {row.message}")
            watched.picture()
            yield row

    todo = plan(edit, pictures / "all.csv", out)
    run(todo, rows)
    facts = watched.facts()
    began = time.perf_counter()
    again = run(todo, rows)
    facts |= {"again_s": time.perf_counter() - began, "again_rows": again.done}
    ledger = next(out.glob("ledger*.jsonl"))
    facts["ledger"] = hashlib.sha256(ledger.read_bytes()).hexdigest()
    whole = hashlib.sha256()
    for path in sorted(out.rglob("*.png")):
        whole.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return {**facts, "outputs": whole.hexdigest()}


def started(runner: str, work: Any, items: Iterable[Any]) -> Iterator[Any]:
    """Start a runner by its name."""
    from retouch.batch.cluster import cluster
    from retouch.batch.processes import processes
    from retouch.batch.serial import serial

    if runner == "serial":
        return serial(work, items)
    if runner == "processes":
        return processes(work, items, workers=WORKERS)
    return cluster(work, items, workers=WORKERS)


def loop(edit: str, pictures: Path, out: Path, watched: Watched) -> None:
    """What a person would write who has no batch."""
    import csv

    from retouch import catalog
    from retouch.image import Picture

    verb = catalog.edit_named(edit).load()
    out.mkdir()
    with (pictures / "all.csv").open() as file:
        for row in csv.DictReader(file):
            if edit == "blend":
                files = [Picture.open(pictures / row[name]) for name in ("source", "target")]
                made = verb(*files, pictures / row["mask"])
            else:
                made = verb(Picture.open(pictures / row["photo"]))
            made.save(out / row["name"])
            watched.picture()


def drawn(folder: Path, edit: str, count: int) -> Path:
    """Generate pictures, and the manifest that names them."""
    from PIL import Image

    if folder.is_dir():
        return folder
    folder.mkdir()
    side = 64 if edit == "blend" else 24
    mask = np.zeros((side, side), np.uint8)
    mask[side // 4 : -side // 4, side // 4 : -side // 4] = 255
    Image.fromarray(mask).save(folder / "mask.png")
    rng = np.random.default_rng(0)
    columns = ("source", "target", "mask", "name") if edit == "blend" else ("photo", "name")
    lines = [",".join(columns)]
    across = np.linspace(0, 3, side, dtype=np.float32)
    waves = np.sin(across[:, None] + across[None, :])[..., None]
    for number in range(count):
        colours = rng.random(3, dtype=np.float32)
        noise = rng.random((side, side, 3), dtype=np.float32)
        pixels = 255 * np.clip(0.4 * colours + 0.3 * waves * colours[::-1] + 0.2 * noise, 0, 1)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number:06}.png", compress_level=1)
        mine, other = f"{number:06}.png", f"{number * 7 % count:06}.png"
        lines.append(f"{mine},{other},mask.png,{mine}" if edit == "blend" else f"{mine},{mine}")
    (folder / "all.csv").write_text("\n".join(lines) + "\n")
    return folder


def summary(values: list[float]) -> dict[str, float]:
    """The middle and the ends."""
    return {
        "median": round(statistics.median(values), 3),
        "least": round(min(values), 3),
        "most": round(max(values), 3),
    }


def family() -> list[int]:
    """This process and all that descend from it."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(words[1]), []).append(int(folder.name))
    found = [os.getpid()]
    for number in found:
        found += parents.get(number, [])
    return found


def cpu_of_all() -> float:
    """Seconds of CPU that this process and all its descendants have used, ended ones too."""
    ticks = 0
    for number in family():
        try:
            words = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(map(int, words[11:15]))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    own = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    coarse = sum(map(int, own[11:13])) / os.sysconf("SC_CLK_TCK")
    return ticks / os.sysconf("SC_CLK_TCK") - coarse + usage.ru_utime + usage.ru_stime


def memory_of_all() -> dict[str, float]:
    """MiB of the driver, of the workers, and of Ray's own processes."""
    found = {"driver": resident(os.getpid()), "workers": 0.0, "ray": 0.0}
    for number in itertools.islice(family(), 1, None):
        try:
            words = Path(f"/proc/{number}/cmdline").read_bytes()
        except OSError:
            continue
        mine = b"retouch.batch.worker" in words or words.startswith(b"ray::Worker")
        found["workers" if mine else "ray"] += resident(number)
    return {name: round(value, 1) for name, value in found.items()}


def resident(number: int) -> float:
    """MiB that a process has in memory."""
    try:
        pages = int(Path(f"/proc/{number}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return float(pages * os.sysconf("SC_PAGE_SIZE") / 2**20)


if __name__ == "__main__":
    main()
