"""``retouch doctor``: what works on this machine, found out by doing it."""

from __future__ import annotations

import platform
import re
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from retouch import __version__, catalog
from retouch.cli.printing import DEFAULT, Printing, Result, one_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from retouch.image import Picture

LOSSY = 0.08
"""The largest mean error, of the full range, that a lossy format may make of a smooth picture."""

BRIEF = {"steps": 2, "evaluations": 4, "starts": 1}
"""What keeps an edit short that looks for its result: whether it works is asked, not how well."""

Samples = Literal["uint8", "uint16"]

FORMATS: dict[str, tuple[str, Samples, bool]] = {
    "PNG 8 bit": ("check.png", "uint8", True),
    "PNG 16 bit": ("check.png", "uint16", True),
    "TIFF 8 bit": ("check.tif", "uint8", True),
    "TIFF 16 bit": ("check.tif", "uint16", True),
    "BMP": ("check.bmp", "uint8", True),
    "JPEG": ("check.jpg", "uint8", False),
    "WebP": ("check.webp", "uint8", False),
    "AVIF": ("check.avif", "uint8", False),
}
"""What is written and read back: file name, sample type, and whether every sample must survive."""


@dataclass(frozen=True, slots=True)
class Check:
    """What came of trying one thing.

    Args:
        works: it did what it should.
        note: a figure when it works, the reason when it does not.
    """

    works: bool
    note: str


def doctor(*, printing: Printing = DEFAULT) -> Result:
    """Check what works on this machine and say what to install for the rest."""
    del printing
    dependencies, extras = requirements()
    pictures = {name: attempt(partial(_round_trip, *trial)) for name, trial in FORMATS.items()}
    edits = {edit.name: attempt(partial(_small_edit, edit)) for edit in catalog.EDITS}
    files = weights_files()
    weights = {name: attempt(partial(_open_weights, path)) for name, path in files.items()}
    cache = numba_cache()
    devices = attempt(_devices)
    works = all(check.works for check in [*pictures.values(), *edits.values(), *weights.values(), devices])
    works = works and None not in dependencies.values()
    facts = {
        "ok": works,
        "retouch": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "dependencies": dependencies,
        "devices": devices.note,
        "pictures": _as_facts(pictures),
        "edits": _as_facts(edits),
        "numba_cache": cache,
        "weights": _as_facts(weights),
        "missing_extras": extras,
    }
    lines = [
        f"retouch {__version__}, Python {platform.python_version()}, {platform.platform()}",
        _row("dependencies", [f"{name} {version or 'MISSING'}" for name, version in dependencies.items()]),
        _row("devices", [devices.note]),
        *_rows("pictures", pictures),
        *_rows("edits", edits),
        _row("numba cache", [cache]),
        *(_rows("weights", weights) if weights else [_row("weights", ["none on this machine"])]),
        *(_row("extra", [f"{name}: {install}"]) for name, install in extras.items()),
        "everything works" if works else "something does not work, see above",
    ]
    return Result(facts, "\n".join(lines), code=0 if works else 1)


def attempt(trial: Callable[[], str]) -> Check:
    """Try something.

    Args:
        trial: does it and returns a note, or raises.

    Returns:
        The note, or the error on one line.
    """
    try:
        return Check(True, trial())
    except Exception as error:  # the point of a check is to survive whatever goes wrong in it
        return Check(False, one_line(f"{type(error).__name__}: {error}"))


def requirements() -> tuple[dict[str, str | None], dict[str, str]]:
    """Compare what retouch asks for with what is installed.

    Returns:
        Required package → its version, None when missing; and extra → the command that installs
        it, for each extra of which something is missing. Both are empty when retouch itself runs
        from its source tree and was not installed.
    """
    try:
        asked = metadata.requires("retouch") or []
    except metadata.PackageNotFoundError:
        return {}, {}
    dependencies: dict[str, str | None] = {}
    lacking: dict[str, list[str]] = {}
    for requirement in asked:
        name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
        extra = re.search(r"extra\s*==\s*['\"]([\w-]+)['\"]", requirement)
        version = _version(name)
        if extra is None:
            dependencies[name] = version
        elif version is None:
            lacking.setdefault(extra.group(1), []).append(name)
    return dependencies, {
        extra: f'{", ".join(names)} missing; pip install "retouch[{extra}]"'
        for extra, names in lacking.items()
    }


def numba_cache() -> str:
    """Say where numba keeps the solver's compiled code.

    Returns:
        The folder, which was writable when the solver was loaded, or what its absence means.
    """
    from retouch.poisson.kernels.edges import hysteresis

    kept: str | None = hysteresis.stats.cache_path  # type: ignore[attr-defined]
    return kept or "none can be written: every run compiles the solver anew, for about 15 s"


def weights_files() -> dict[str, Path]:
    """List the weights on this machine.

    Returns:
        Name → file: those that came with retouch, then those that were fetched.
    """
    from retouch.weights.bundled import bundled
    from retouch.weights.fetch import fetched

    return {**bundled(), **fetched()}


def _open_weights(path: Path) -> str:
    from retouch.weights.read import read

    return f"{len(read(path).tensors)} tensors, {path.stat().st_size / 1e6:.1f} MB"


def _devices() -> str:
    import os

    import torch
    from llvmlite.binding import get_host_cpu_features  # type: ignore[import-untyped]

    features = get_host_cpu_features()
    worth_knowing = ("avx2", "fma", "avx512f", "avx512bf16", "amx-bf16", "neon", "sve", "bf16")
    found = [name for name in worth_knowing if features.get(name)]
    notes = [f"CPU with {os.cpu_count()} cores ({', '.join(found) or 'no vector extensions'})"]
    if torch.cuda.is_available():
        notes += [
            f"cuda:{index} {torch.cuda.get_device_name(index)}" for index in range(torch.cuda.device_count())
        ]
    else:
        notes.append("no CUDA")
    notes.append("MPS" if torch.backends.mps.is_available() else "no MPS")
    return ", ".join(notes)


def _round_trip(file: str, kind: Samples, exact: bool) -> str:
    import numpy as np

    from retouch.image import Picture

    drawn = _gradient(kind)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / file
        Picture.of(drawn).save(path)
        read = Picture.of(path).numpy(kind)
    if read.shape != drawn.shape or read.dtype != drawn.dtype:
        raise ValueError(f"wrote {drawn.dtype} {drawn.shape}, read {read.dtype} {read.shape}")
    difference = np.abs(read.astype(np.float64) - drawn.astype(np.float64))
    error = float(difference.mean()) / {"uint8": 255, "uint16": 65535}[kind]
    if error > (0 if exact else LOSSY):
        raise ValueError(f"the picture comes back with a mean error of {error:.1%}")
    return "exact" if exact else f"mean error {error:.1%}"


def _small_edit(edit: catalog.Edit) -> str:
    from retouch.image import Box, Picture

    sample: dict[str, Callable[[catalog.Option], object]] = {
        "picture": lambda _: Picture.of(_gradient("uint8")),
        "mask": lambda _: Box(6, 6, 18, 16),
        "latent": lambda _: _latent(),
        "choice": lambda option: option.choices[0],
        "number": lambda _: 0.5,
        "integer": lambda _: 1,
        "point": lambda _: (0, 0),
        "flag": lambda _: False,
        "text": lambda _: "",
    }
    options = edit.options()
    given = {one.name: sample[one.kind](one) for one in options if one.required or one.name == "mask"}
    given |= {one.name: BRIEF[one.name] for one in options if one.name in BRIEF}
    started = time.perf_counter()
    edited = edit.load()(**given)
    edited.to_pil()
    return f"{time.perf_counter() - started:.2f} s"


def _latent() -> bytes:
    """Draw a latent with the generator that comes with retouch, as looking for a photo takes its time."""
    made: Picture = catalog.edit_named("sample").load()(count=1)
    return next(iter(made.companions.values()))


def _gradient(kind: Samples) -> NDArray[np.generic]:
    """Draw a smooth 24×32 picture that uses every channel differently."""
    import numpy as np

    down, across = np.mgrid[0:1:24j, 0:1:32j]
    values = np.stack([down, across, (down + 1 - across) / 2], axis=-1)
    largest = {"uint8": 255, "uint16": 65535}[kind]
    samples: NDArray[np.generic] = np.rint(values * largest).astype(kind)
    return samples


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _as_facts(checks: Mapping[str, Check]) -> dict[str, object]:
    return {name: {"ok": check.works, "note": check.note} for name, check in checks.items()}


def _rows(title: str, checks: Mapping[str, Check]) -> list[str]:
    good = [f"{name} ({check.note})" for name, check in checks.items() if check.works]
    bad = [_row("", [f"FAILED {name}: {check.note}"]) for name, check in checks.items() if not check.works]
    return [_row(title, good or ["none works"]), *bad]


def _row(title: str, notes: list[str]) -> str:
    return f"{title:<14}{', '.join(notes)}"
