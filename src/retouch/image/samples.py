"""Small photos that travel with the package, for trying things out without any file of one's own.

Their origins and licences (public domain or CC0) are in ``photos/README.md`` beside them.

>>> from retouch.image import samples
>>> samples.open("cat").size
(300, 451)
"""

from __future__ import annotations

from pathlib import Path

from retouch.errors import UnknownName
from retouch.image.picture import Picture

_PHOTOS = Path(__file__).parent / "photos"

_NAMES = ("astronaut", "bricks", "cameraman", "cat", "coffee", "galaxies", "grass", "gravel", "rocket")


def names() -> tuple[str, ...]:
    """List the photos, in alphabetical order."""
    return _NAMES


def path(name: str) -> Path:
    """Find the file of a photo.

    Args:
        name: one of :func:`names`.

    Raises:
        UnknownName: there is no such photo.
    """
    if name not in _NAMES:
        raise UnknownName("sample photo", name, _NAMES)
    return _PHOTOS / f"{name}.jpg"


def open(name: str) -> Picture:  # noqa: A001 - read as samples.open
    """Read a photo.

    Args:
        name: one of :func:`names`.

    Raises:
        UnknownName: there is no such photo.
    """
    return Picture.open(path(name))
