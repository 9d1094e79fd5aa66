"""Files that belong beside a picture, and appear with it or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from retouch.errors import InputError

Companions = Mapping[str, bytes]
"""Files that belong beside a picture: how a name ends, such as ``.latent.safetensors``, and the bytes."""


def companion_path(path: Path, ending: str) -> Path:
    """Say where a file that belongs to a picture lies.

    >>> companion_path(Path("made/out.png"), ".latent.safetensors").as_posix()
    'made/out.latent.safetensors'

    Args:
        path: of the picture.
        ending: of the file's name.
    """
    return path.with_name(path.stem + ending)


def companion_paths(path: Path, endings: Iterable[str]) -> tuple[Path, ...]:
    """Say where all files that belong to a picture lie.

    Args:
        path: of the picture.
        endings: of the files' names.

    Raises:
        InputError: one would lie where the picture does.
    """
    found = tuple(companion_path(path, ending) for ending in endings)
    if path in found:
        raise InputError(f"{path} would be a picture and what belongs beside it; choose another ending")
    return found


def check_companions(companions: Companions) -> None:
    """Refuse files that cannot lie beside a picture.

    Args:
        companions: how their names end, and their bytes.

    Raises:
        InputError: an ending is no file's, or the content is not bytes.
    """
    for ending, data in companions.items():
        if not isinstance(ending, str) or not re.fullmatch(r"(\.[A-Za-z0-9_-]{1,40}){1,4}", ending):
            raise InputError(
                f"{ending!r:.80} is no ending of a file's name; give one like '.latent.safetensors'"
            )
        if not isinstance(data, bytes):
            raise InputError(f"what belongs into {ending} is a {type(data).__name__}; give its bytes")
