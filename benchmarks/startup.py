"""How long does retouch take to start?

Each command is a fresh process. The commands take turns, so that a busy moment of the machine
falls on all of them; ``python -c pass`` is what starting Python itself costs.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time

from record import HOUSE, keep

COMMANDS: dict[str, tuple[list[str], float | None]] = {
    "python -c pass": (["-c", "pass"], None),
    "import retouch": (["-c", "import retouch"], 0.15),
    "retouch --help": (["-m", "retouch.cli", "--help"], 0.4),
    "retouch blend --help": (["-m", "retouch.cli", "blend", "--help"], None),
}
"""What is timed: the words after ``python``, and the promised seconds, if any."""


def main() -> None:
    """Measure, print the table, and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=25, help="runs of each command (15 or more)")
    runs = max(parser.parse_args().runs, 15)
    measured = measure(runs)
    rows = {}
    print(f"{'command':<24}{'median':>9}{'IQR':>9}{'target':>9}  verdict")
    for name, seconds in measured.items():
        target = COMMANDS[name][1]
        low, median, high = statistics.quantiles(seconds, n=4)
        verdict = "" if target is None else "met" if median < target else "MISSED"
        print(
            f"{name:<24}{median:>8.3f}s{high - low:>8.3f}s{f'{target:.2f}s' if target else '':>9}  {verdict}"
        )
        rows[name] = {"median_s": median, "iqr_s": high - low, "min_s": min(seconds), "target_s": target}
    keep("startup", {"runs": runs, "results": rows}, ("cyclopts", "rich", "numpy", "torch"))


def measure(runs: int) -> dict[str, list[float]]:
    """Time every command, in turns.

    Args:
        runs: how often each.

    Returns:
        Command → wall seconds of each run, without a first one that warms the disk cache.
    """
    environment = {**os.environ, "PYTHONPATH": str(HOUSE / "src")}
    measured: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for turn in range(runs + 1):
        for name, (words, _) in COMMANDS.items():
            started = time.perf_counter()
            subprocess.run([sys.executable, *words], env=environment, stdout=subprocess.DEVNULL, check=True)
            if turn:
                measured[name].append(time.perf_counter() - started)
    return measured


if __name__ == "__main__":
    main()
