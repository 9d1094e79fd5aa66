"""Where and with what a benchmark's figures were made, and where they are kept."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

HOUSE = Path(__file__).resolve().parents[1]


def keep(name: str, figures: Mapping[str, object], packages: Sequence[str]) -> None:
    """Write ``benchmarks/results/NAME.json``: the figures, the machine, the commit, the versions.

    Args:
        name: the benchmark.
        figures: what it measured.
        packages: the distributions whose versions matter.
    """
    path = HOUSE / "benchmarks" / "results" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({**figures, **_circumstances(packages)}, indent=2) + "\n")
    print(f"written: {path.relative_to(HOUSE)}")


def _circumstances(packages: Sequence[str]) -> dict[str, object]:
    return {
        "when": time.strftime("%Y-%m-%d"),
        "commit": _git("rev-parse", "HEAD") + ("+" if _git("status", "--porcelain", "src") else ""),
        "machine": {"platform": platform.platform(), "processor": _processor(), "cores": os.cpu_count()},
        "versions": {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in packages},
        },
        "load": os.getloadavg()[0],
    }


def _git(*words: str) -> str:
    return subprocess.run(
        ["git", *words], cwd=HOUSE, capture_output=True, text=True, check=False
    ).stdout.strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
