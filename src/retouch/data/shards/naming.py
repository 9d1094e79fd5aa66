"""Names: of archives, in patterns, and of the pictures in them."""

from __future__ import annotations

import itertools
import os
import re
from pathlib import Path
from typing import Literal, NamedTuple

from retouch.data.listing import Split
from retouch.errors import DataError, InputError

TAR = ".tar"
MOST_ARCHIVES = 100_000

Role = Literal["", "a", "b"]
"""Which side a picture belongs to; empty for a picture by itself."""

ROLES: dict[str, Role] = {
    "a": "a",
    "input": "a",
    "label": "a",
    "b": "b",
    "target": "b",
    "img": "b",
}
"""What stands between the key and the suffix → side; the words are those of folders."""

_RANGE = re.compile(r"(\d{1,12})\.\.(\d{1,12})")
_BRACES = re.compile(r"\{([^{}]*)\}")
_CODES = re.compile(r"%(25|2E|2F)")


class Named(NamedTuple):
    """What the name of a file in an archive says.

    Args:
        name: of the picture, without role and suffix.
        role: which side it is.
    """

    name: str
    role: Role


def archives(source: str | Path) -> list[Path] | None:
    """Find the archives of a source.

    Args:
        source: a .tar file; a pattern with braces, ``train-{000000..000099}.tar``; or a folder of .tar files
            without pictures beside them.

    Returns:
        The archives; None when the source is something else.

    Raises:
        DataError: some of them are not there, or are compressed.
        InputError: the pattern is not one.
    """
    text, path = str(source), Path(source)
    if path.is_dir():
        return _within(path)
    if text.lower().endswith((".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")):
        raise DataError(
            f"{text} is compressed, so that no picture in it can be read alone; decompress it to a .tar"
        )
    if path.suffix.lower() != TAR:
        return None
    if path.exists() or "{" not in text:
        return [path] if path.is_file() else None
    found = [Path(name) for name in expanded(text)]
    if missing := [name for name in found if not os.path.isfile(name)]:  # noqa: PTH113 - any name
        raise DataError(
            f"{len(missing)} of the {len(found)} archives of {text} are not there, first {missing[0]}; "
            "correct the pattern"
        )
    return found


def expanded(pattern: str) -> list[str]:
    """Expand braces as a shell does.

    Args:
        pattern: ``{000..099}`` counts, with as many digits; ``{a,b}`` lists.

    Returns:
        The names.

    Raises:
        InputError: the braces do not match, or stand for more than 100,000 names.

    >>> expanded("{a,b}-{08..10}.tar")
    ['a-08.tar', 'a-09.tar', 'a-10.tar', 'b-08.tar', 'b-09.tar', 'b-10.tar']
    """
    parts: list[list[str]] = []
    count = 1
    for position, part in enumerate(_BRACES.split(pattern)):
        if position % 2 == 0:
            if set(part) & set("{}"):
                raise InputError(f"the braces of {pattern!r} do not match; write {{000000..000099}}")
            parts.append([part])
            continue
        span = _RANGE.fullmatch(part)
        many = abs(int(span[2]) - int(span[1])) + 1 if span else part.count(",") + 1
        count *= many
        if count > MOST_ARCHIVES:
            raise InputError(f"{pattern!r} stands for more than {MOST_ARCHIVES:,} archives; give fewer")
        if span:
            first, last = int(span[1]), int(span[2])
            width = len(span[1])
            step = 1 if last >= first else -1
            parts.append([f"{number:0{width}}" for number in range(first, last + step, step)])
        else:
            parts.append(part.split(","))
    return ["".join(choice) for choice in itertools.product(*parts)]


def split_of(archive: Path) -> Split | None:
    """Say which split an archive holds, by the first word of its name: ``train-000000.tar``."""
    from retouch.data.layouts import SPLIT_NAMES

    return SPLIT_NAMES.get(re.split(r"[-_.]", archive.name.lower(), maxsplit=1)[0])


def named(archive: Path, member: str) -> Named | None:
    """Read the name of a file in an archive.

    Args:
        archive: for the error.
        member: the name.

    Returns:
        The picture that it names; None when it is hidden, or no picture by its suffix.

    Raises:
        DataError: the name leads out of the archive.
    """
    from retouch.data.layouts import SUFFIXES

    plain = member
    while plain.startswith("./"):
        plain = plain[2:]
    _check_inside(archive, member, plain)
    folders = plain.split("/")
    if any(folder.startswith((".", "__MACOSX")) for folder in folders):
        return None
    stem, dot, suffix = folders[-1].rpartition(".")
    if not dot or f".{suffix.lower()}" not in SUFFIXES:
        return None
    key, dot, role = stem.rpartition(".")
    side: Role = ROLES.get(role.lower(), "") if dot and key else ""
    name = "/".join([*folders[:-1], key if side else stem])
    name = _CODES.sub(lambda code: chr(int(code[1], 16)), name)
    _check_inside(archive, member, name)
    return Named(name, side)


def _check_inside(archive: Path, member: str, name: str) -> None:
    if name.startswith("/") or ".." in name.split("/") or "\0" in name:
        raise DataError(
            f"{archive} holds {member[:200]!r}, a name that leads out of it; pack the pictures again with "
            "`retouch data pack`"
        )


def member_name(name: str, role: str, suffix: str) -> str:
    """Name a file in an archive, so that :func:`named` gives the name back.

    webdataset takes the first dot of a file's name for the end of its key, so those of the name are written
    in another way. An absolute name, which a table may have, loses its first slash, and ``a/../b`` is ``b``.

    Args:
        name: of the picture.
        role: ``input``, ``target``, ``a``, ``b``, or empty.
        suffix: of the file, with its dot.

    >>> member_name("old/7.v2", "input", ".png")
    'old/7%2Ev2.input.png'
    >>> member_name("/disk/old/../7", "", ".png")
    'disk/7.png'
    """
    *above, last = name.replace("%", "%25").split("/")
    folders: list[str] = []
    for folder in above:
        if folder == "..":
            del folders[-1:]
        elif folder or folders:
            hidden = folder.startswith((".", "__MACOSX"))
            folders.append(folder.replace(".", "%2E") if hidden else folder)
    whole = "/".join([*folders, last.replace(".", "%2E")])
    return f"{whole}{'.' if role else ''}{role}{suffix}"


def _within(folder: Path) -> list[Path] | None:
    from retouch.data import layouts

    try:
        found = sorted(
            path for path in folder.iterdir() if path.suffix.lower() == TAR and not path.name.startswith(".")
        )
    except OSError:
        return None  # opening the folder as one of pictures says what is wrong
    if not found or (folder / layouts.TABLE).is_file() or layouts.scan(folder).pictures:
        return None
    return found
