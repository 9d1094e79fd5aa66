"""How fast are pictures read from tar archives, beside plain files and beside webdataset?

1,000 JPEGs of 256×256 pixels, packed by ``retouch data pack``. Each way reads all of them, as bytes alone
and decoded by the same decoder; ways take turns, the first of a round changing, on a warm disk cache, in one
thread. Counted is the processor time of this process, which other work on the machine disturbs less than the
clock. webdataset reads in the order of the archive, the other two in a random one. Then the listing: a
folder, archives without an index, and with one.
"""

from __future__ import annotations

import argparse
import importlib
import io
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from record import keep

from retouch.data import layouts
from retouch.data.origin import File, planes_of
from retouch.data.shards import index
from retouch.data.shards.packing import pack
from retouch.image import Picture

webdataset = importlib.import_module("webdataset")

Way = Callable[[], Iterator[bytes]]


def main() -> None:
    """Measure, print the table, and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=1000, help="pictures")
    parser.add_argument("--runs", type=int, default=15, help="runs of each way")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        plain, packed = Path(folder, "plain"), Path(folder, "packed")
        size = draw(plain, options.count)
        pack(plain, packed, layout="singles", shard_bytes=size // 4)
        ways = ways_of(plain, packed)
        listings = listings_of(plain, packed)
        rates = in_turns(ways, options.runs, options.count)
        times = {name: [spent(each) for _ in range(options.runs)] for name, each in listings.items()}
    rows: dict[str, object] = {}
    print(f"{'way':<24}{'images/s':>12}{'IQR':>10}")
    for name, found in rates.items():
        low, median, high = statistics.quantiles(found, n=4)
        print(f"{name:<24}{median:>12,.0f}{high - low:>10,.0f}")
        rows[name] = {"images_per_cpu_second": median, "iqr": high - low}
    for name, found in times.items():
        low, median, high = statistics.quantiles(found, n=4)
        print(f"{name:<24}{1000 * median:>10.1f}ms{1000 * (high - low):>8.1f}ms")
        rows[name] = {"cpu_seconds": median, "iqr": high - low}
    facts = {"count": options.count, "bytes": size, "runs": options.runs, "results": rows}
    keep("shards", facts, ("webdataset", "pillow", "numpy"))


def draw(folder: Path, count: int) -> int:
    """Write JPEGs, and give their bytes."""
    folder.mkdir()
    random = np.random.default_rng(0)
    total = 0
    for number in range(count):
        coarse = random.integers(0, 256, (24, 24, 3), np.uint8)
        file = io.BytesIO()
        Image.fromarray(coarse).resize((256, 256), Image.Resampling.BICUBIC).save(file, "JPEG", quality=92)
        (folder / f"{number:05}.jpg").write_bytes(file.getvalue())
        total += len(file.getvalue())
    return total


def ways_of(plain: Path, packed: Path) -> dict[str, Way]:
    """The ways to get at the bytes of every picture."""

    def ours(source: Path) -> Way:
        found = list(layouts.single(source).splits["train"].a.values())
        order = np.random.default_rng(1).permutation(len(found))

        def read() -> Iterator[bytes]:
            for place in order:
                origin = found[place].origin
                if isinstance(origin, File):
                    yield origin.data()

        return read

    urls = [str(path) for path in sorted(packed.glob("*.tar"))]

    def theirs() -> Iterator[bytes]:
        for sample in webdataset.WebDataset(urls, shardshuffle=False):
            yield sample["jpg"]

    return {"plain files": ours(plain), "archives": ours(packed), "webdataset": theirs}


def in_turns(ways: dict[str, Way], runs: int, count: int) -> dict[str, list[float]]:
    """Images per second of processor time, of every way, as bytes and decoded."""
    uses: dict[str, Callable[[bytes], object]] = {
        "bytes": len,
        "decoded": lambda data: planes_of(Picture.open(data)),
    }
    jobs = [(f"{way}, {use}", ways[way], uses[use]) for use in uses for way in ways]
    rates: dict[str, list[float]] = {name: [] for name, _, _ in jobs}
    for turn in range(runs + 1):
        for place in range(len(jobs)):
            name, way, use = jobs[(turn + place) % len(jobs)]
            began = time.process_time()
            seen = 0
            for data in way():
                use(data)
                seen += 1
            if seen != count:
                raise SystemExit(f"{name} read {seen} pictures instead of {count}")
            if turn:
                rates[name].append(count / (time.process_time() - began))
    return rates


def listings_of(plain: Path, packed: Path) -> dict[str, Callable[[], object]]:
    """The ways to find out what there is."""

    def anew() -> object:
        for path in packed.glob("*.index"):
            path.unlink()
        return again()

    def again() -> object:
        index.index.cache_clear()
        return layouts.single(packed)

    return {
        "list a folder": lambda: layouts.single(plain),
        "index archives": anew,
        "list archives": again,
    }


def spent(work: Callable[[], object]) -> float:
    """Seconds of processor time."""
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    main()
