"""The names of outputs, and the names of files that belong to a picture by a pattern."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from retouch.errors import InputError, RetouchError, UnknownName

LATENT = ".latent.safetensors"
"""How the names of latent files end."""

PLACES = ("stem", "name", "folder", "suffix")
"""What a pattern can hold: a picture ``day/cat.jpg`` has stem cat, name cat.jpg, folder day, suffix .jpg."""

_LONGEST = 255  # bytes of a name on every usual file system
_DEEPEST = 1000  # characters of a name with its folders
_PLACE = re.compile(r"\{([^{}]*)\}(/?)")


def output_name(place: str, suffix: str) -> str:
    """Say what the result of a picture is called.

    >>> output_name("day/cat.jpg", ""), output_name("day/cat.jpg", ".png"), output_name("cat.gif", "")
    ('day/cat.jpg', 'day/cat.png', 'cat.png')

    Args:
        place: of the picture, relative to its source.
        suffix: of all results; empty keeps that of the picture, or takes .png where none can be written.
    """
    from retouch.image.write import SUFFIXES

    path = PurePosixPath(place)
    if not path.name:
        return place
    if path.name.lower().endswith(LATENT):
        path = path.with_name(path.name[: -len(LATENT)] + ".latent")
    if not suffix and path.suffix.lower() in SUFFIXES:
        return place
    return str(path.with_suffix(suffix or ".png"))


def check_name(name: str, *, moving: bool = False) -> None:
    """Refuse an output that is not a picture inside the folder of results.

    Args:
        name: relative to the folder, with slashes.
        moving: the picture has an animation, which more formats hold.

    Raises:
        InputError: it leads out of the folder, is hidden, or is no name on some file systems.
        UnwritablePicture: its ending names no format.
    """
    from retouch.image.write import format_for

    parts = name.split("/")
    if not name or "" in parts or ".." in parts or re.match(r"[A-Za-z]:", name) or "\\" in name:
        raise InputError(
            f"{name!r:.120} is no name of an output; give one inside the folder of results: day/cat.png"
        )
    if any(part.startswith(".") for part in parts):
        raise InputError(f"{name!r:.120} would be hidden; give the output a name without a leading dot")
    if not name.isprintable():
        raise InputError(f"{name!r:.120} has characters that no name should have; rename it")
    if len(name) > _DEEPEST or any(len(part.encode()) > _LONGEST for part in parts):
        raise InputError(f"{name!r:.60}… is too long for a file's name; shorten it")
    format_for(Path(name), moving=moving)


def shown_name(name: str) -> str:
    """Put a name that cannot be an output into a form that can be recorded."""
    return name if name.isprintable() and len(name) <= _DEEPEST else ascii(name[:_DEEPEST])[1:-1]


def check_pattern(pattern: str) -> None:
    """Refuse a pattern that asks for what no picture has.

    Args:
        pattern: such as ``masks/{stem}.png``.

    Raises:
        UnknownName: it does.
    """
    for found in _PLACE.finditer(pattern):
        if found[1] not in PLACES:
            raise UnknownName("placeholder", found[1], PLACES)


def is_pattern(text: str) -> bool:
    """Whether a text stands for another file for each picture."""
    return _PLACE.search(text) is not None


def filled(pattern: str, place: str) -> str:
    """Say which file belongs to a picture.

    >>> filled("masks/{folder}/{stem}.png", "day/cat.jpg"), filled("masks/{folder}/{stem}.png", "cat.jpg")
    ('masks/day/cat.png', 'masks/cat.png')

    Args:
        pattern: that was checked.
        place: of the picture, relative to its source.
    """
    path = PurePosixPath(place)
    folder = "" if str(path.parent) == "." else str(path.parent)
    values = {"stem": path.stem, "name": path.name, "folder": folder, "suffix": path.suffix}

    def told(found: re.Match[str]) -> str:
        value = values[found[1]]
        return value + found[2] if value else ""

    return _PLACE.sub(told, pattern)


def place_of(address: str) -> str:
    """Say where a picture of a manifest lies: as is written, or its name alone if that leads elsewhere."""
    path = PurePosixPath(address.replace("\\", "/"))
    if "://" in address or path.is_absolute() or ".." in path.parts:
        return path.name
    return str(path) if path.name else ""


def refusal(name: str, *, moving: bool) -> str:
    """Say why a name cannot be an output; empty when it can."""
    try:
        check_name(name, moving=moving)
    except RetouchError as error:
        return str(error)
    return ""
