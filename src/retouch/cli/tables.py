"""The folder into which a comparison writes its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from retouch.errors import InputError, OutputExists, UnwritablePicture


def names(text: str) -> list[str]:
    """Read names with commas between them.

    Args:
        text: as it was typed; empty: none.
    """
    return [name.strip() for name in text.split(",") if name.strip()]


def check_folder(folder: Path, tables: Sequence[str], *, overwrite: bool) -> None:
    """Find out before the work whether its result can be written.

    Args:
        folder: where the tables will be.
        tables: the names of their files.
        overwrite: files that are there may be replaced.

    Raises:
        InputError: The folder is a file, or cannot be made.
        OutputExists: A table is there and must not be replaced.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; name a folder for the tables")
    if not folder.parent.is_dir():
        raise InputError(f"{folder} cannot be made: name a folder in one that is there")
    there = [name for name in tables if (folder / name).exists()]
    if there and not overwrite:
        raise OutputExists(f"{folder / there[0]} is there already; choose another folder, or add --overwrite")


def write_tables(folder: Path, texts: Mapping[str, str]) -> list[Path]:
    """Write tables; each appears complete or not at all.

    Args:
        folder: made when it is not there.
        texts: name of the file → what is in it.

    Returns:
        The files.

    Raises:
        UnwritablePicture: The folder cannot be written to.
    """
    try:
        folder.mkdir(exist_ok=True)
        for name, text in texts.items():
            draft = folder / f"{name}.part"
            draft.write_text(text, encoding="utf-8", errors="backslashreplace")  # names of files
            draft.replace(folder / name)
    except OSError as error:
        raise UnwritablePicture(
            f"{folder} cannot be written to ({error.strerror}); choose another folder"
        ) from None
    return [folder / name for name in texts]
