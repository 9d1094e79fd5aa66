"""Frozen evaluation sets as files: JSON lines, the first of which says how the set was made."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any

from retouch.data.holes.frozen import Item, Manifest
from retouch.errors import DataError, OutputExists, UnwritablePicture

FORMAT, VERSION = "retouch holes", 1
"""What the first line of a manifest says."""

MAX_SIDE = 1 << 15
"""The largest height or width of a hole that is read."""

MAX_BYTES = 256 << 20
"""The largest manifest that is read."""

_FIELDS: Mapping[str, type] = {
    "picture": str,
    "sha256": str,
    "kind": str,
    "spec": str,
    "seed": int,
    "variant": int,
    "area": float,
    "hole_sha256": str,
}


def write_manifest(manifest: Manifest, path: str | Path, *, overwrite: bool = False) -> None:
    """Write a frozen set as JSON lines: first what it is, then one hole on each.

    Args:
        manifest: the set.
        path: the file; the place of the pictures is written as seen from its folder.
        overwrite: replace a file that is there.

    Raises:
        OutputExists: the file is there.
        UnwritablePicture: it cannot be written.
    """
    path = Path(path)
    check_target(path, overwrite=overwrite)
    folder = _relative(manifest.folder, path.parent)
    head = {"format": FORMAT, "version": VERSION, "folder": folder, **manifest.facts}
    draft = path.with_name(f"{path.name}.part")
    try:
        # Names that are not UTF-8 are written with JSON's own escapes, which look like Python's.
        with draft.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            for line in (head, *map(_line, manifest)):
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise UnwritablePicture(
            f"{path} cannot be written ({error.strerror}); choose another output"
        ) from None


def read_manifest(path: str | Path, *, folder: str | Path | None = None) -> Manifest:
    """Read a frozen set.

    Args:
        path: a file that :func:`write_manifest` wrote.
        folder: where the pictures are now; None is where the file says, seen from the file.

    Returns:
        Its items. Pictures are not opened; see :meth:`Manifest.verify`.

    Raises:
        DataError: the file cannot be read, is no such file, or is damaged; the message has the line.
    """
    path = Path(path)
    lines = _lines(path)
    head = lines[0] if lines else {}
    if head.get("format") != FORMAT:
        raise DataError(
            f"{path} is no set of frozen holes; make one with `retouch data holes DIR --out FILE`"
        )
    if head.get("version") != VERSION:
        raise DataError(
            f"{path} has version {head.get('version')!r:.20} of the format and this retouch reads {VERSION}; "
            "update retouch"
        )
    place = Path(folder) if folder is not None else path.parent / str(head.get("folder", "."))
    items = [_item(f"{path}, line {number}", place, line) for number, line in enumerate(lines[1:], start=2)]
    if not items:
        raise DataError(f"{path} lists no holes; make it again")
    facts = {name: value for name, value in head.items() if name not in ("format", "version", "folder")}
    return Manifest(place, items, facts)


def check_target(path: Path, *, overwrite: bool) -> None:
    """Refuse a place where a manifest could not be written.

    Args:
        path: the file to be written.
        overwrite: a file that is there may be replaced.

    Raises:
        OutputExists: the file is there.
        UnwritablePicture: its folder is missing, or it is a folder.
    """
    if path.is_dir() or not path.parent.is_dir():
        raise UnwritablePicture(f"{path} cannot be written: name a file in a folder that is there")
    if path.exists() and not overwrite:
        raise OutputExists(f"{path} is there already; choose another output, or overwrite it")


def _line(item: Item) -> dict[str, object]:
    return {name: getattr(item, name) for name in _FIELDS} | {"size": list(item.size)}


def _item(where: str, folder: Path, line: dict[str, Any]) -> Item:
    """Check a line of a manifest, which may come from anyone."""
    for name, kind in _FIELDS.items():
        if type(line.get(name)) is not kind:
            raise DataError(
                f"{where}: {name} is {line.get(name)!r:.60} but must be {kind.__name__}; make it again"
            )
    size = line.get("size")
    if not (
        isinstance(size, list)
        and len(size) == 2
        and all(type(side) is int and 0 < side <= MAX_SIDE for side in size)
    ):
        raise DataError(f"{where}: size is {size!r:.60} but must be [height, width] in pixels; make it again")
    inside = PurePosixPath(line["picture"])
    if _leads_out(line["picture"]):
        raise DataError(
            f"{where}: {line['picture']!r:.100} leads out of the folder of the pictures; make it again"
        )
    return Item(folder / inside, size=(size[0], size[1]), **{name: line[name] for name in _FIELDS})


def _leads_out(name: str) -> bool:
    """Whether a name may be that of something outside a folder, on any system."""
    both = PurePosixPath(name), PureWindowsPath(name)
    return (
        "\0" in name
        or any(place.is_absolute() or ".." in place.parts for place in both)
        or bool(PurePath(name).drive)
    )


def _lines(path: Path) -> list[dict[str, Any]]:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); check the path") from error
    if len(data) > MAX_BYTES:
        raise DataError(f"{path} has more than {MAX_BYTES:,} bytes; cut it into several sets")
    lines = []
    for number, raw in enumerate(data.splitlines(), start=1):
        try:
            line = json.loads(raw)
        except (ValueError, RecursionError):
            line = None
        if not isinstance(line, dict):
            raise DataError(f"{path}, line {number} is no JSON object; make the file again")
        lines.append(line)
    return lines


def _relative(folder: Path, start: Path) -> str:
    """Where a folder is, seen from another one."""
    try:
        return Path(os.path.relpath(folder.resolve(), start.resolve())).as_posix()
    except ValueError:
        # On Windows nothing leads from one drive to another.
        return folder.resolve().as_posix()
