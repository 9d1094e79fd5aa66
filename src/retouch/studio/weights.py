"""Which files a visitor may name as weights: catalogued ones, and those in folders that the owner allowed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from retouch.studio.problems import Problem


def checked(option: str, text: str, allowed: Sequence[Path]) -> str:
    """Let a name of weights pass, and a path only if it lies in an allowed folder.

    The worker runs in an empty folder, so that a plain name means catalogued weights, or a word of the edit's
    own, and never a file that happens to be called so.

    Args:
        option: that the text is for.
        text: a name, or the path of a file.
        allowed: the folders; links in them lead where they lead, and that must be inside, too.

    Returns:
        The name, or the absolute path without links.

    Raises:
        Problem: The path may not be opened. The answer does not tell whether there is such a file.
    """
    roots = [folder.resolve() for folder in allowed]
    if _is_plain(text):
        for root in roots:
            place = _file_inside(root / text, roots)
            if place is not None:
                return str(place)
        return text
    # An absolute path stays what it is when it is joined to a folder.
    for found in (_file_inside(root / text, roots) for root in roots):
        if found is not None:
            return str(found)
    raise Problem(
        403,
        f"{option}={text[:200]!r} is no file that this studio may open; name weights of the catalogue "
        "(`retouch weights list`), or a file in a folder that the owner allowed with --allow-weights",
        name="WeightsNotAllowed",
        field=option,
    )


def _is_plain(text: str) -> bool:
    """Whether a text is one name, that leads to no other folder on any system."""
    return Path(text).name == text and text != ".." and not set(text) & set("/\\\0") and text[:1] != "~"


def _file_inside(path: Path, roots: Sequence[Path]) -> Path | None:
    try:
        place = path.resolve()
        inside = any(place.is_relative_to(root) for root in roots)
        return place if inside and place.is_file() else None
    except (OSError, ValueError, RuntimeError):
        return None  # as of a name that is too long for any file
