"""How long is it from a clone to the first edited picture, and to green tests, and what is downloaded?

Everything is done in a new folder, with empty caches of pip and of compiled kernels, by the commands of the
README: a clone of this checkout's last commit, `pip install` and one edit; in another clone `make demo` and,
with --tests, `make test`. What pip takes from a disk instead of an index counts all the same.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from record import HOUSE, keep

UNITS = {"bytes": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}


def main() -> None:
    """Measure both ways, print them, and keep the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tests", action="store_true", help="go on to green tests, which takes a while")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder without")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        ways = {
            "pip install": by_pip(Path(folder) / "pip"),
            "make": by_make(Path(folder) / "make", given.tests),
        }
    for name, way in ways.items():
        print(f"\n{name}")
        for step, figure in way.items():
            print(f"  {step:<42}{figure:>12,.1f}")
    keep("newcomer", {"ways": ways}, ("pip", "torch"))


def by_pip(folder: Path) -> dict[str, float]:
    """Clone, install without extras, and take the noise out of a photo, then put one into another.

    Args:
        folder: a new one.

    Returns:
        What was measured, in seconds and megabytes.
    """
    found = clone(folder)
    environment = empty_caches(folder)
    subprocess.run([sys.executable, "-m", "venv", str(folder / "env")], check=True)
    pip = [str(folder / "env" / "bin" / "pip"), "install", "--report", str(folder / "report.json")]
    with timed(found, "install, s"):
        done = run([*pip, "-c", "constraints.txt", "."], folder / "clone", environment)
    found["downloaded, MB"] = downloaded(folder / "report.json", done)
    found["on the disk, MB"] = size_of(folder / "env") / 1e6
    retouch = str(folder / "env" / "bin" / "retouch")
    samples = folder / "clone" / "src" / "retouch"
    photo, sky, shuttle = (
        samples / "tasks" / "restore" / "samples" / "grainy.png",
        samples / "image" / "photos" / "rocket.jpg",
        samples / "image" / "photos" / "astronaut.jpg",
    )
    with timed(found, "first edit (restore), s"):
        run([retouch, "restore", str(photo), "-o", "clean.png"], folder, environment)
    placed = ["--at", "-245,20", "--box", "310,2,410,236"]
    for step in ("first blend, which compiles the solver, s", "second blend, s"):
        with timed(found, step):
            words = [retouch, "blend", str(shuttle), str(sky), *placed, "-o", "shuttle.png", "--overwrite"]
            run(words, folder, environment)
    found["clone to first picture, s"] = sum(
        found[step] for step in ("clone, s", "install, s", "first edit (restore), s")
    )
    return found


def by_make(folder: Path, tests: bool) -> dict[str, float]:
    """Clone, `make demo`, and if asked for `make test`.

    Args:
        folder: a new one.
        tests: go on to the tests.

    Returns:
        What was measured, in seconds and megabytes.
    """
    found = clone(folder)
    environment = empty_caches(folder)
    house = folder / "clone"
    began = time.perf_counter()
    demo = ["make", "demo", f"PYTHON={sys.executable}"]
    with subprocess.Popen(demo, cwd=house, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "first picture" not in " ".join(found) and re.search(r"\.(png|jpg|webp)\b", line):
                found["make demo to its first picture, s"] = time.perf_counter() - began
    if process.returncode:
        raise SystemExit(f"make demo ended with {process.returncode}")
    found["make demo, s"] = time.perf_counter() - began
    found["on the disk, MB"] = size_of(house / ".venv") / 1e6
    found["clone to first picture, s"] = found["clone, s"] + found["make demo to its first picture, s"]
    if tests:
        with timed(found, "make test, s"):
            run(["make", "test"], house, environment)
        found["clone to green tests, s"] = found["clone, s"] + found["make demo, s"] + found["make test, s"]
    report = folder / "report.json"
    pip = [
        str(house / ".venv" / "bin" / "pip"),
        "install",
        "--dry-run",
        "--ignore-installed",
        "--report",
        str(report),
    ]
    done = run([*pip, "-c", "constraints.txt", "-e", ".[dev]"], house, environment)
    found["downloaded, MB"] = downloaded(report, done)
    return found


def clone(folder: Path) -> dict[str, float]:
    """Clone this checkout as from another machine: through git's protocol, not by links."""
    folder.mkdir()
    found: dict[str, float] = {}
    with timed(found, "clone, s"):
        words = ["git", "clone", "--quiet", HOUSE.as_uri(), str(folder / "clone")]
        subprocess.run(words, check=True)
    found["clone, MB"] = size_of(folder / "clone" / ".git") / 1e6
    return found


def empty_caches(folder: Path) -> dict[str, str]:
    """The environment of somebody who has never had Python packages."""
    home = folder / "home"
    home.mkdir()
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))
    }
    return {**kept, "HOME": str(home), "PIP_NO_CACHE_DIR": "1", "XDG_CACHE_HOME": str(home / ".cache")}


def run(words: list[str], where: Path, environment: dict[str, str]) -> str:
    """Run a command that must work; gives what it printed."""
    done = subprocess.run(words, cwd=where, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(
            f"{' '.join(words)} ended with {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
    return done.stdout


def downloaded(report: Path, said: str) -> float:
    """Megabytes of the files that pip took.

    Args:
        report: pip's own.
        said: what pip printed, which has the sizes of what came from an index.
    """
    sizes = {
        name: float(number) * UNITS[unit]
        for name, number, unit in re.findall(
            r"Downloading (?:\S*/)?(\S+) \(([\d.]+) (bytes|kB|MB|GB)\)", said
        )
    }
    total = 0.0
    for item in json.loads(report.read_text())["install"]:
        address = urlsplit(item["download_info"]["url"])
        path = Path(unquote(address.path))
        if address.scheme == "file" and path.is_file():
            total += path.stat().st_size
        elif address.scheme != "file":
            total += sizes[path.name]
    return total / 1e6


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


@contextmanager
def timed(found: dict[str, float], step: str) -> Iterator[None]:
    """Note how long something took."""
    began = time.perf_counter()
    yield
    found[step] = time.perf_counter() - began


if __name__ == "__main__":
    if shutil.which("git") is None:
        sys.exit("git is not installed")
    main()
