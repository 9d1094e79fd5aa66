"""What an edit is told, as plain data: to be sent to another process, and recognised later."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from retouch.errors import InputError, UnreadablePicture
from retouch.image.shapes import Box, Polygon, Region

Plain = None | bool | int | float | str | list[Any] | dict[str, Any]
"""What JSON can hold."""


def encoded(value: object) -> Plain:
    """Turn a value of an edit's option into plain data.

    Args:
        value: a number, a word, a switch, None, a file's path, a drawn shape, a region, or a tuple of these.

    Returns:
        Plain data; :func:`decoded` gives the value back, with absolute paths.

    Raises:
        InputError: It is something else, such as pixels in memory.
    """
    match value:
        case None | bool() | str():
            return value
        case Integral():
            return int(value)
        case Real():
            if not math.isfinite(value):
                raise InputError(f"{value!r} is not a number that an option can have; give a finite one")
            return float(value)
        case Path():
            return {"file": str(value.absolute())}
        case Box(x0, y0, x1, y1):
            return {"box": [x0, y0, x1, y1]}
        case Polygon():
            rings = [[list(corner) for corner in ring] for ring in value.rings]
            return {"polygon": rings, "antialias": value.antialias}
        case Region(shape, soft, invert, grow, feather):
            changes = {"soft": soft, "invert": invert, "grow": grow, "feather": feather}
            return {"region": encoded(_file(shape)), **changes}
        case tuple() | list():
            return {"several": [encoded(item) for item in value]}
    raise InputError(
        f"a {type(value).__name__} cannot be handed to another process; save it and give the file's path"
    )


def decoded(plain: Plain) -> object:
    """Turn plain data back into the value that :func:`encoded` was given.

    Args:
        plain: as :func:`encoded` made it.
    """
    if not isinstance(plain, dict):
        return plain
    if "file" in plain:
        return Path(plain["file"])
    if "box" in plain:
        return Box(*plain["box"])
    if "polygon" in plain:
        outline, *holes = plain["polygon"]
        return Polygon(outline, holes, plain["antialias"])
    if "region" in plain:
        changes = {name: plain[name] for name in ("soft", "invert", "grow", "feather")}
        return Region(decoded(plain["region"]), **changes)  # type: ignore[arg-type]
    return tuple(decoded(item) for item in plain["several"])


def fingerprint(plain: Plain, contents: Callable[[Path], str]) -> Plain:
    """Put what files hold in the place of where they lie.

    Args:
        plain: as :func:`encoded` made it.
        contents: gives the hash of a file.

    Returns:
        Plain data that is the same for the same value, wherever its files are. A word that names a file, such
        as weights, counts as one.
    """
    if isinstance(plain, str):
        return {"word": plain, "sha256": contents(Path(plain))} if _is_file(plain) else plain
    if isinstance(plain, list):
        return [fingerprint(item, contents) for item in plain]
    if not isinstance(plain, dict):
        return plain
    if "file" in plain:
        return {"sha256": contents(Path(plain["file"]))}
    return {name: fingerprint(item, contents) for name, item in plain.items()}


def sha256_of(path: Path) -> str:
    """Hash a file.

    Args:
        path: of a picture or of weights.

    Raises:
        UnreadablePicture: It is not there or cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise UnreadablePicture(f"{path!s:.200} does not exist; check the path") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadablePicture(f"{path!s:.200} cannot be read ({reason}); check the path") from None


def finite(value: object) -> Plain:
    """Turn what an edit reports into what strict JSON holds; a number that is not finite becomes None.

    Args:
        value: of a report.
    """
    if isinstance(value, Mapping):
        return {str(name): finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value) if math.isfinite(value) else None
    return str(value)


def _file(shape: object) -> object:
    """A shape's file as a path, even if it was given as a word."""
    return Path(shape) if isinstance(shape, str) else shape


def _is_file(word: str) -> bool:
    try:
        return bool(word) and Path(word).is_file()
    except (OSError, ValueError):
        return False
