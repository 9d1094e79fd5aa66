"""One command per edit of the catalog, made when it is asked for: ``retouch.cli.edits.blend``.

A command's parameters are the verb's options as :mod:`retouch.catalog` reads them, plus the ones
that every edit has here: where to write, and how to report. In the place of the
first picture goes a folder of them, too.
"""

from __future__ import annotations

import inspect
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retouch import catalog
from retouch.cli import filming, folders
from retouch.cli.destination import Destination, check_destination
from retouch.cli.options import parameters, region
from retouch.cli.printing import DEFAULT, Printing, Result, one_line
from retouch.cli.watch import Watch
from retouch.errors import InputError, UnreadablePicture

if TYPE_CHECKING:
    from retouch.image import Picture
    from retouch.progress import ProgressCallback


def __getattr__(name: str) -> Callable[..., Result]:
    for edit in catalog.EDITS:
        if edit.name == name:
            return command(edit)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def command(edit: catalog.Edit) -> Callable[..., Result]:
    """Make the command of an edit.

    Args:
        edit: an entry of the catalog.

    Returns:
        A function whose signature is what the parser reads, and which does the edit.
    """
    options = edit.options()
    count = sum(option.placed for option in options)

    def perform(*placed: Any, destination: Destination, printing: Printing, **values: Any) -> Result:
        pictures = placed[:count]
        if len(placed) > count:
            values["mask"] = placed[count]
        return _perform(edit, options, pictures, values, destination, printing)

    only = inspect.Parameter.KEYWORD_ONLY
    common = [
        inspect.Parameter("destination", only, annotation=Destination),
        inspect.Parameter("printing", only, annotation=Printing, default=DEFAULT),
    ]
    own = [item for option in options for item in parameters(option)]
    _check_names(edit, own)
    signature = inspect.Signature(sorted([*own, *common], key=lambda item: item.kind))
    perform.__signature__ = signature  # type: ignore[attr-defined]
    perform.__annotations__ = {name: item.annotation for name, item in signature.parameters.items()}
    perform.__name__ = edit.name
    perform.__doc__ = edit.summary
    return perform


def _check_names(edit: catalog.Edit, own: list[inspect.Parameter]) -> None:
    """Refuse a verb whose option would share its flag with one that every edit has."""
    taken = {field.name for group in (Destination, Printing) for field in fields(group)}
    names = [item.name for item in own]
    if clashing := sorted(name for name in names if name in taken or names.count(name) > 1):
        raise TypeError(
            f"{edit.name}({clashing[0]}): every edit has --{clashing[0]} already; rename the parameter"
        )


def _perform(
    edit: catalog.Edit,
    options: tuple[catalog.Option, ...],
    paths: tuple[Path, ...],
    values: dict[str, Any],
    destination: Destination,
    printing: Printing,
) -> Result:
    _check_there(paths)
    folder = _folder_in(edit, paths)
    if folder is None:
        check_destination(
            destination.output,
            overwrite=destination.overwrite,
            companions=edit.companions,
            moving=edit.moving,
        )
    else:
        filming.check_no_film(destination, folder)
    film = filming.begun(destination)
    started = time.perf_counter()
    for option in options:
        if option.kind == "mask" and option.name == "mask":
            values["mask"] = region(values, required=option.required)
    kinds = [option.kind for option in options if option.placed]
    if folder is not None:
        verb = edit.load()
        others = [_opened(path, kind) for path, kind in zip(paths[1:], kinds[1:], strict=True)]

        def edit_file(path: Path, progress: ProgressCallback) -> Picture:
            made: Picture = verb(_opened(path, kinds[0]), *others, **values, progress=progress)
            return made

        with Watch(edit.name, bar=not printing.quiet) as watch:
            latents = kinds[0] == "latent"
            return folders.perform(
                folder, destination, edit_file, watch, printing, companions=edit.companions, latents=latents
            )
    placed = [_opened(path, kind) for path, kind in zip(paths, kinds, strict=True)]
    with Watch(edit.name, bar=not printing.quiet) as watch:
        edited = edit.load()(*placed, **values, progress=film.beside(watch))
    companions = destination.save(edited)
    filmed = film.save(edit.name, edited, destination.output)
    return _result(edited, destination, time.perf_counter() - started, filmed, companions)


def _opened(path: Path, kind: str) -> Picture | Path:
    """What the verb is given: a picture, or a file that it opens itself."""
    from retouch.image import Picture

    return Picture.of(path) if kind == "picture" else path


def _check_there(paths: tuple[Path, ...]) -> None:
    """Name a file that is missing before complaining of an output that would suit a folder."""
    for path in paths:
        if not os.path.lexists(path):
            raise UnreadablePicture(f"{path!s:.200} does not exist; check the path")


def _folder_in(edit: catalog.Edit, paths: tuple[Path, ...]) -> Path | None:
    """The folder whose pictures are to be edited, if one is given."""
    given = [path for path in paths if path.is_dir()]
    if not given:
        return None
    if given != [paths[0]]:
        raise InputError(
            f"{given[-1]} is a folder, and {edit.name} takes a folder in the place of its first picture "
            "only; give a file"
        )
    return given[0]


def _result(
    edited: Picture,
    destination: Destination,
    seconds: float,
    filmed: Mapping[str, object],
    companions: Sequence[Path],
) -> Result:
    report, output = dict(edited.report), destination.output
    height, width = _written_size(edited, output)
    facts = {
        "output": str(output.absolute()),
        "width": width,
        "height": height,
        "seconds": round(seconds, 4),
        **report,
        **filmed,
    }
    if companions:
        facts["companions"] = [str(path.absolute()) for path in companions]
    notes = [f"{width}×{height} pixels", f"{seconds:.2f} s"]
    if "noise" in report:
        notes.append(f"noise {report['noise']:.1f}")
    if "prior" in report and "psnr" in report:
        notes.append(f"{report['psnr']:.1f} dB of the photo, prior {report['prior']:.2g}")
    if "residual" in report:
        notes.append(f"residual {report['residual']:.1e}")
    text = "\n".join(
        [f"{one_line(str(output))} ({', '.join(notes)})", *(one_line(str(path)) for path in companions)]
    )
    if filmed:
        text += f"\n{one_line(str(destination.film))} ({filmed['frames']} frames)"
    return Result(facts, f"{text}\nnote: {report['note']}" if "note" in report else text)


def _written_size(edited: Picture, output: Path) -> tuple[int, int]:
    """Height and width of what was written: of a frame, where the picture moves."""
    from retouch.image.write import motion_for

    if edited.animation is not None and motion_for(output):
        return edited.animation.size
    return edited.size
