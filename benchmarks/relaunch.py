"""How long does it take until a run goes on whose process was killed, and does it end the same?

``retouch train pix2pix --processes 2`` on the CPU, narrow networks; a process is killed with SIGKILL at a
random moment after the first checkpoint, once per run, and the run must end with the weights of one that
nobody disturbed, bit for bit. Counted are the seconds from the kill to the next checkpoint.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from record import HOUSE, keep
from safetensors.torch import load_file

WORDS = (
    *("pix2pix", "--preset", "fast", "--data", "synthetic:facades?count=12&size=128&seed=3"),
    *("--generator.width", "4", "--discriminator.width", "4", "--engine.images", "240"),
    *("--engine.save_every", "16", "--engine.validate_every", "120", "--engine.average", "20"),
    *("--engine.tensorboard", "false", "--processes", "2", "--quiet"),
)


def main() -> None:
    """Kill, measure, print, and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=6)
    kills = parser.parse_args().kills
    with tempfile.TemporaryDirectory() as folder:
        calm = Path(folder, "calm")
        finish(launch(calm), calm)
        found = []
        for number in range(kills):
            run = Path(folder, f"run-{number}")
            seconds, rank = disturbed(run)
            same = all(alike(calm / name, run / name) for name in ("best.safetensors", "last.safetensors"))
            print(
                f"kill {number + 1}: process {rank}, {seconds:.1f} s to the next checkpoint, same: {same}",
                flush=True,
            )
            found.append({"rank": rank, "seconds": seconds, "same": same})
    times = [each["seconds"] for each in found]
    print(f"median {statistics.median(times):.1f} s, {min(times):.1f} … {max(times):.1f}")
    keep("relaunch", {"kills": found, "median_s": statistics.median(times)}, ("torch",))
    if not all(each["same"] for each in found):
        raise SystemExit("a disturbed run ended with other weights")


def launch(run: Path) -> subprocess.Popen[bytes]:
    """Start a run."""
    environment = {**os.environ, "PYTHONPATH": str(HOUSE / "src"), "OMP_NUM_THREADS": "1", "MARK": str(run)}
    return subprocess.Popen(
        [sys.executable, "-m", "retouch.cli", "train", *WORDS, "--out", str(run)], env=environment
    )


def finish(process: subprocess.Popen[bytes], run: Path) -> None:
    """Wait for the end of a run."""
    if process.wait(300):
        raise SystemExit(f"the run in {run} ended with exit code {process.returncode}")


def disturbed(run: Path) -> tuple[float, int]:
    """Kill a process of a run at a random moment; seconds to the next checkpoint, and whom it met."""
    process = launch(run)
    checkpoint = run / "checkpoint.pt"
    while not checkpoint.is_file():
        time.sleep(0.01)
    # The rest of the run takes about so long, saving included.
    time.sleep(random.uniform(0, 0.5))
    rank, victim = random.choice(sorted(ranks(run).items()))
    os.kill(victim, signal.SIGKILL)
    before, began = checkpoint.stat().st_ino, time.monotonic()
    while checkpoint.stat().st_ino == before:
        if process.poll() is not None or time.monotonic() - began > 120:
            raise SystemExit(f"the run in {run} did not go on")
        time.sleep(0.01)
    seconds = time.monotonic() - began
    finish(process, run)
    return seconds, rank


def ranks(run: Path) -> dict[int, int]:
    """Rank → process id of a run, from what the processes' environments say."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            items = (place / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        said = dict(item.split(b"=", 1) for item in items if b"=" in item)
        if said.get(b"MARK", b"").decode() == str(run) and b"LOCAL_RANK" in said:
            found[int(said[b"RANK"])] = int(place.name)
    return found


def alike(one: Path, other: Path) -> bool:
    """Whether two files hold the same weights, bit for bit."""
    ours, theirs = load_file(one), load_file(other)
    return ours.keys() == theirs.keys() and all(bool((ours[name] == theirs[name]).all()) for name in ours)


if __name__ == "__main__":
    main()
