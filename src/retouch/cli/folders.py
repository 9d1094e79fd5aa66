"""An edit of one picture, done to every picture of a folder."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from retouch.cli.destination import Destination, check_folder
from retouch.cli.printing import Printing, Result, one_line
from retouch.errors import (
    Cancelled,
    InputError,
    RetouchError,
    UnknownName,
    UnreadableWeights,
    UnwritablePicture,
    WeightsError,
)
from retouch.progress import Progress, ProgressCallback

if TYPE_CHECKING:
    from retouch.image import Picture

LATENT = ".latent.safetensors"
"""How the names of latent files end."""

FAILED = 1
"""The exit code when some pictures could not be edited."""

_STEPS = 1000  # of the bar, for every picture
_NAMED = 5  # files of which a note tells the names


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done in a folder.

    Args:
        pictures: the files to be edited, relative to the folder, in the order of their names.
        others: files that are no pictures, likewise.
        there: pictures whose output is there already and must not be replaced, likewise.
        latents: picture → the latent file that is edited in its place, likewise; the picture itself need not
            be there.
    """

    pictures: tuple[Path, ...]
    others: tuple[Path, ...]
    there: tuple[Path, ...]
    latents: Mapping[Path, Path] = field(default_factory=dict)


def plan(
    source: Path,
    output: Path,
    *,
    overwrite: bool,
    companions: Sequence[str] = (),
    latents: bool = False,
) -> Plan:
    """Find out what is to be done, before any of it.

    Args:
        source: the folder of photos; folders in it are looked into, but not those that links lead to, nor
            what is hidden.
        output: the folder of results; it need not be there.
        overwrite: results that are there may be replaced.
        companions: how the names end of files that are written beside each result.
        latents: take latent files, too. One beside the picture that it was made of is taken in its place.

    Returns:
        The files.

    Raises:
        UnwritablePicture: the output is a file or takes no files, or its own folder is missing.
        InputError: there is no picture in the folder, the output is the folder itself, or two pictures would
            share a file beside them.
    """
    from retouch.image.beside import companion_paths
    from retouch.image.write import SUFFIXES

    here = _output_folder(source, output)
    if here == source.resolve() and not overwrite:
        raise InputError(
            f"{output} holds the photos themselves; choose another folder, or replace them by --overwrite"
        )
    pictures: list[Path] = []
    others: list[Path] = []
    for place, folders, files in os.walk(source):
        inside = Path(place)
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and (inside / name).resolve() != here
        )
        for name in sorted(name for name in files if not name.startswith(".")):
            chosen = pictures if Path(name).suffix.lower() in SUFFIXES else others
            chosen.append((inside / name).relative_to(source))
    if companions or latents:
        _check_stems(pictures, companions[0] if companions else LATENT)
    found = _latents(pictures, others) if latents else {}
    pictures += [name for name in found if name not in pictures]
    others = [name for name in others if name not in found.values()]
    if not pictures:
        kinds = ", ".join([*SUFFIXES, *([LATENT] if latents else [])])
        raise InputError(f"{source} holds no picture ({len(others)} other files); pictures end in {kinds}")
    there = {
        name
        for name in pictures
        if not overwrite
        and any(map(os.path.lexists, (output / name, *companion_paths(output / name, companions))))
    }
    return Plan(
        tuple(name for name in pictures if name not in there),
        tuple(others),
        tuple(name for name in pictures if name in there),
        found,
    )


def perform(
    source: Path,
    destination: Destination,
    edit: Callable[[Path, ProgressCallback], Picture],
    watch: ProgressCallback,
    printing: Printing,
    *,
    companions: Sequence[str] = (),
    latents: bool = False,
) -> Result:
    """Edit every picture of a folder; a result appears complete or not at all.

    Args:
        source: the folder of photos.
        destination: the folder of results, and how they are written.
        edit: makes a result of a file.
        watch: told how far all of it is.
        printing: how failures are reported.
        companions: how the names end of files that are written beside each result.
        latents: edit latent files, too; the result is a picture.

    Returns:
        What was done. Its exit code is 1 when pictures could not be read, edited or written; each of them is
        named on standard error.

    Raises:
        UnwritablePicture: the output cannot be a folder of results.
        InputError: there is nothing to edit.
        UnknownName: the edit has an option that no picture can have.
        WeightsError: its network cannot be loaded.
        Cancelled: it was stopped; what is written is complete.
    """
    output = destination.output
    todo = plan(source, output, overwrite=destination.overwrite, companions=companions, latents=latents)
    started = time.perf_counter()
    failed: list[dict[str, str]] = []
    done = 0
    for number, name in enumerate(todo.pictures):
        try:
            part = _part(watch, number, len(todo.pictures), str(name))
            made = edit(source / todo.latents.get(name, name), part)
            _make_folder((output / name).parent)
            replace(destination, output=output / name).save(made)
            done += 1
        except Cancelled as stopped:
            raise Cancelled(
                f"{stopped}; {done} of {len(todo.pictures)} pictures are written to {output}"
            ) from None
        except (RetouchError, MemoryError) as error:
            # What is wrong with the weights is wrong for all; a latent file that is damaged is so alone.
            alone = name in todo.latents and isinstance(error, UnreadableWeights)
            if isinstance(error, UnknownName | WeightsError) and not alone:
                raise
            failed.append({"file": str(name), "error": type(error).__name__, "message": _said(error)})
            if not printing.json:
                print(
                    f"retouch: error: {one_line(str(name))}: {one_line(_said(error))}",
                    file=sys.stderr,
                    flush=True,
                )
    return _result(output, todo, done, failed, time.perf_counter() - started)


def _check_stems(pictures: Sequence[Path], ending: str) -> None:
    """Refuse pictures that differ in their suffixes alone, as one file beside them cannot be of both."""
    seen: dict[Path, Path] = {}
    for name in pictures:
        other = seen.setdefault(name.with_suffix(""), name)
        if other != name:
            raise InputError(f"{other} and {name.name} would share {other.stem}{ending}; rename one of them")


def _latents(pictures: Sequence[Path], others: Sequence[Path]) -> dict[Path, Path]:
    """Find latent files, and the picture that each was made of or, without one, a name for what it shows."""
    stems = {name.with_suffix(""): name for name in pictures}
    files = [name for name in others if name.name.lower().endswith(LATENT)]
    made_of = ((name.with_name(name.name[: -len(LATENT)]), name) for name in files)
    return {stems.get(stem, stem.with_name(f"{stem.name}.png")): name for stem, name in made_of}


def _output_folder(source: Path, output: Path) -> Path:
    """Where the results would lie, without links."""
    try:
        there, above, here = output.is_dir(), output.absolute().parent, output.resolve()
        if not there and os.path.lexists(output):
            raise UnwritablePicture(
                f"{output} is a file and {source} a folder; give a folder for the results"
            )
        if not there and not above.is_dir():
            raise UnwritablePicture(
                f"the folder {output.parent} does not exist; make it first or choose another output"
            )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnwritablePicture(f"{output!s:.200} cannot be made ({reason}); choose another output") from None
    check_folder(output if there else above)
    return here


def _part(watch: ProgressCallback, number: int, total: int, name: str) -> ProgressCallback:
    """Tell of one picture's progress as a part of the whole."""

    def told(event: Progress) -> None:
        part = int(_STEPS * (event.fraction or 0))
        stage = f"{name}: {event.stage}"
        watch(Progress(stage, number * _STEPS + part, total * _STEPS, event.preview, event.facts))

    told(Progress("reading", 0))
    return told


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnwritablePicture(
            f"the folder {folder} cannot be made ({error.strerror}); choose another output"
        ) from None


def _said(error: BaseException) -> str:
    return str(error) or "there is not enough memory; try a smaller picture"


def _result(output: Path, todo: Plan, done: int, failed: list[dict[str, str]], seconds: float) -> Result:
    facts = {
        "output": str(output.absolute()),
        "pictures": done,
        "failed": failed,
        "there_already": [str(name) for name in todo.there],
        "no_pictures": [str(name) for name in todo.others],
        "seconds": round(seconds, 4),
    }
    lines = [f"{one_line(str(output))} ({_counted(done, 'picture')}, {seconds:.2f} s)"]
    if failed:
        lines.append(f"note: {len(failed)} of {len(todo.pictures)} could not be edited; the errors say why")
    if todo.there:
        lines.append(
            f"note: left out, as their results are there already (--overwrite replaces them): "
            f"{_listed(todo.there)}"
        )
    if todo.others:
        lines.append(f"note: left out, as they are no pictures: {_listed(todo.others)}")
    return Result(facts, "\n".join(lines), FAILED if failed else 0)


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _listed(names: tuple[Path, ...]) -> str:
    shown = ", ".join(one_line(str(name)) for name in names[:_NAMED])
    return shown + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
