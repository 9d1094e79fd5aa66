"""One Ray for all tests of batches, and a witness of what its workers and those of processes do."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from retouch.batch import Item, Plan, Row, Work, plan, processes, serial
from retouch.batch.cluster import cluster
from retouch.image import Box

HOUSE = Path(__file__).resolve().parents[2]
WORKERS = 2
BOX = Box(3, 3, 12, 10)

Runner = Callable[[Work, Iterable[Item]], Iterator[Row]]


def on_ray(work: Work, items: Iterable[Item]) -> Iterator[Row]:
    return cluster(work, items, workers=WORKERS)


def in_processes(work: Work, items: Iterable[Item]) -> Iterator[Row]:
    return processes(work, items, workers=WORKERS)


RUNNERS: dict[str, Runner] = {"serial": serial, "processes": in_processes, "ray": on_ray}


def draw(folder: Path, names: Iterable[str]) -> Path:
    """A folder of small pictures."""
    folder.mkdir(parents=True)
    for number, name in enumerate(names):
        pixels = np.random.default_rng(number).integers(0, 256, (16, 20, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)
    return folder


def fill(photos: Path, out: str) -> Plan:
    """Fill a box of every picture, with the results beside the folder."""
    return plan("fill", photos, photos.parent / out, options={"box": BOX})


def opened(witness: Path, folder: Path) -> list[str]:
    """The pictures of a folder that workers have opened, by name, in that order."""
    lines = (witness / "opened").read_text().splitlines()
    return [Path(line).name for line in lines if Path(line).parent == folder]


def running(pid: int) -> bool:
    """Whether a process is there and not only waits to be buried."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def descendants() -> dict[int, tuple[str, dict[str, str]]]:
    """The processes that this one has started, and those that they have: their words and environments."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (folder / "stat").read_text().rpartition(")")[2].split()
            parents.setdefault(int(words[1]), []).append(int(folder.name))
    found: dict[int, tuple[str, dict[str, str]]] = {}
    waiting = [os.getpid()]
    for pid in waiting:
        for child in parents.get(pid, []):
            waiting.append(child)
            with contextlib.suppress(OSError):
                called, told = (
                    Path(f"/proc/{child}/{name}").read_bytes().decode(errors="replace")
                    for name in ("cmdline", "environ")
                )
                pairs = (line.partition("=") for line in told.split("\0"))
                found[child] = called, {name: value for name, _, value in pairs if name}
    return found
