"""``retouch demo``: run every edit on the sample photos that its task brings, and show the results.

A task brings ``retouch/tasks/<task>/samples/cases.toml`` with one table per case, and beside it the
photos that its cases need and :mod:`retouch.image.samples` does not have. The command of a case is
what really runs, so what the page shows cannot differ from what a reader who copies it gets.
``CONTRIBUTING.md`` describes the keys.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from retouch import catalog
from retouch.cli.page import Finished, write_page
from retouch.cli.printing import DEFAULT, OUTPUT_GROUP, Printing, Result
from retouch.errors import InputError, OutputExists, UnwritablePicture

PAGE = "index.html"
MARKER = ".retouch-demo.json"
"""Lists what the demo wrote, so that the next run replaces that and nothing else."""


@dataclass(frozen=True, slots=True)
class Case:
    """One worked example of an edit.

    Args:
        title: a few words.
        caption: what to look at, and why it is hard.
        command: a whole command line on file names of sample photos.
        before: the file that the result is compared with.
        credit: who made the photos, and their licence.
        tiled: show both pictures repeated 2×2, for edits about seams.
    """

    title: str
    caption: str
    command: str
    before: str
    credit: str
    tiled: bool = False

    @property
    def words(self) -> list[str]:
        """The command as a shell splits it, without the program's name."""
        return shlex.split(self.command)[1:]


def demo(
    *,
    out: Annotated[
        Path, Parameter(group=OUTPUT_GROUP, help="Folder for the page and its pictures; made when missing.")
    ] = Path("retouch-demo"),
    overwrite: Annotated[
        bool,
        Parameter(
            group=OUTPUT_GROUP,
            negative="",
            show_default=False,
            help="Write into a folder that holds other files as well.",
        ),
    ] = False,
    printing: Printing = DEFAULT,
) -> Result:
    """Run every edit on sample photos and write a page of before/after pictures."""
    started = time.perf_counter()
    earlier = _earlier_files(out)
    _check_folder(out, earlier, overwrite=overwrite)
    with _workplace(out) as work:
        finished = [
            result
            for task in _tasks()
            for result in _run_cases(task, cases_of(task), work, printing=printing)
        ]
        write_page(work / PAGE, finished, seconds=time.perf_counter() - started)
        _publish(work, out, earlier, overwrite=overwrite)
    page = out.absolute() / PAGE
    facts = {
        "output": str(page),
        "seconds": round(time.perf_counter() - started, 4),
        "cases": [
            {
                "title": item.title,
                "command": item.command,
                "output": str(out.absolute() / item.after),
                **item.facts,
            }
            for item in finished
        ],
    }
    return Result(facts, "\n".join([*(_line(item) for item in finished), str(page)]))


def cases_of(task: str) -> list[Case]:
    """Read the worked examples that a task brings.

    Args:
        task: a folder of ``retouch.tasks``.

    Returns:
        The cases in the order of their file; none when the task brings no samples.

    Raises:
        ValueError: ``cases.toml`` has a key that is unknown or missing.
    """
    listing = _folder(task) / "cases.toml"
    if not listing.is_file():
        return []
    tables = tomllib.loads(listing.read_text(encoding="utf-8"))["case"]
    known = {field.name for field in fields(Case)}
    for table in tables:
        if strange := sorted(set(table) - known):
            raise ValueError(
                f"{listing}: unknown key {', '.join(strange)}; a case has {', '.join(sorted(known))}"
            )
        if lacking := sorted(known - {"tiled"} - set(table)):
            raise ValueError(f"{listing}: {table.get('title', 'a case')!r} lacks {', '.join(lacking)}")
    return [Case(**table) for table in tables]


@contextlib.contextmanager
def _workplace(out: Path) -> Iterator[Path]:
    """Make a folder to work in, on the disk of the result; it goes, and so does an ``out`` left empty."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        scratch = tempfile.TemporaryDirectory(prefix=".retouch-demo-", dir=out)
    except OSError as error:
        raise UnwritablePicture(
            f"{out} cannot be written: {error.strerror}; choose another with --out"
        ) from None
    try:
        with scratch as work:
            yield Path(work)
    finally:
        with contextlib.suppress(OSError):
            out.rmdir()


def _tasks() -> list[str]:
    return list(dict.fromkeys(edit.task for edit in catalog.EDITS))


def _folder(task: str) -> Traversable:
    return resources.files("retouch.tasks") / task / "samples"


def _run_cases(task: str, cases: Sequence[Case], work: Path, *, printing: Printing) -> Iterator[Finished]:
    from retouch.cli.app import run
    from retouch.image import Picture, samples

    if not cases:
        return
    photos: dict[str, Traversable] = {path.name: path for path in map(samples.path, samples.names())}
    photos |= {item.name: item for item in _folder(task).iterdir() if item.name != "cases.toml"}
    for case in cases:
        words = case.words
        used = [word for word in words if word in photos]
        for name in used:
            (work / name).write_bytes(photos[name].read_bytes())
        with contextlib.chdir(work):
            result, _ = run([*words, "--quiet"] if printing.quiet else words)
        if result is None:
            raise ValueError(f"{case.command!r} of {task} shows help and makes no picture")
        facts = dict(result.facts)
        after = Path(str(facts.pop("output"))).name
        height, width = Picture.open(work / after, frame=0).size
        yield Finished(
            title=case.title,
            caption=case.caption,
            command=case.command,
            credit=case.credit,
            before=case.before,
            after=after,
            others=tuple(dict.fromkeys(name for name in used if name != case.before)),
            size=(height, width),
            tiled=case.tiled,
            facts=facts,
        )


def _earlier_files(out: Path) -> set[str]:
    try:
        listed: Any = json.loads((out / MARKER).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    # The marker lies in a folder that anyone may edit: it must not lead out of that folder.
    return {name for name in listed if isinstance(name, str) and Path(name).name == name}


def _check_folder(out: Path, earlier: set[str], *, overwrite: bool) -> None:
    if out.exists() and not out.is_dir():
        raise UnwritablePicture(f"{out} is a file; name a folder for the demo with --out")
    try:
        strangers = sorted(item.name for item in out.iterdir()) if out.is_dir() else []
    except OSError as error:
        raise UnwritablePicture(
            f"{out} cannot be read: {error.strerror}; choose another with --out"
        ) from None
    if strangers and not (earlier or overwrite):
        raise OutputExists(
            f"the folder {out} holds other files, such as {strangers[0]}; choose another with --out, "
            "or add --overwrite to write beside them"
        )


def _publish(work: Path, out: Path, earlier: set[str], *, overwrite: bool) -> None:
    """Move a finished demo to its place, the page last."""
    made = sorted((item.name for item in work.iterdir()), key=lambda name: name == PAGE)
    foreign = [name for name in made if name not in earlier and (out / name).exists()]
    if foreign and not overwrite:
        raise OutputExists(
            f"{out / foreign[0]} is not from a demo; move it, or add --overwrite to replace it"
        )
    if folders := [name for name in made if (out / name).is_dir()]:
        raise InputError(
            f"{out / folders[0]} is a folder where the demo has a file; choose another with --out"
        )
    (work / MARKER).write_text(json.dumps({"files": made}), encoding="utf-8")
    for name in [MARKER, *made]:
        (work / name).replace(out / name)
    for name in earlier - set(made):
        if (out / name).is_file():
            (out / name).unlink()


def _line(item: Finished) -> str:
    return f"{item.title}: {item.facts['seconds']:.2f} s"
